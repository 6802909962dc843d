//! A process group that never outlives the attempt that started it.

use rustix::io::Errno;
use rustix::process::{Pid, Signal, kill_process_group};

/// The group led by one child; dropping it kills every process in it.
#[derive(Debug)]
pub(crate) struct Group(Pid);

impl Group {
    /// The group of a child that was started as the leader of its own; `None` for a bad id.
    pub(crate) fn led_by(child: u32) -> Option<Self> {
        i32::try_from(child).ok().and_then(Pid::from_raw).map(Self)
    }

    /// Asks every process of the group to end.
    pub(crate) fn terminate(&self) {
        self.signal(Signal::TERM);
    }

    /// Ends every process of the group.
    pub(crate) fn kill(&self) {
        self.signal(Signal::KILL);
    }

    fn signal(&self, signal: Signal) {
        match kill_process_group(self.0, signal) {
            // Nobody is left, which is what was wanted; or only processes of other users are, which
            // an attempt cannot have started.
            Ok(()) | Err(Errno::SRCH | Errno::PERM) => {}
            Err(_) => debug_assert!(false, "the signal is valid"),
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.kill();
    }
}
