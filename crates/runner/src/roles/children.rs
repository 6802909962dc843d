//! Child processes that are kept running, and stopped by their id when asked.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tokio::process::{Child, Command};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;

use crate::exit::Failure;
use crate::output;
use crate::source::shown;

/// How long a child that died rests before it is started again; doubles up to the other.
const REST: Duration = Duration::from_millis(500);
const REST_MOST: Duration = Duration::from_secs(30);

/// A child that ran for so long was well.
const WELL: Duration = Duration::from_secs(30);

/// A program to run, and where its log goes.
#[derive(Debug)]
pub(super) struct Program {
    /// What people call it.
    pub(super) name: String,
    command: Command,
    log: PathBuf,
    /// How long it may take to end when it is told to.
    grace: Duration,
}

impl Program {
    /// A program whose output goes to `<name>.log` in `logs`.
    pub(super) fn new(
        name: String,
        program: &Path,
        logs: &Path,
        grace: Duration,
    ) -> Result<Self, Failure> {
        let log = logs.join(format!("{name}.log"));
        let opened = File::options().create(true).append(true).open(&log);
        let opened = opened.and_then(|file| Ok((file.try_clone()?, file)));
        let (out, err) = opened.map_err(|error| {
            Failure::fault(format!("`{}` cannot be written: {error}", shown(&log)))
        })?;
        let mut command = Command::new(program);
        // A group of its own: Ctrl-C reaches only us, and we stop the others in order.
        command.process_group(0).kill_on_drop(true);
        command.stdin(Stdio::null()).stdout(out).stderr(err);
        Ok(Self { name, command, log, grace })
    }

    /// More arguments and variables.
    pub(super) fn with(mut self, change: impl FnOnce(&mut Command)) -> Self {
        change(&mut self.command);
        self
    }

    /// Starts it.
    pub(super) fn start(mut self) -> Result<Running, Failure> {
        let child = self.spawn()?;
        Ok(Running { program: self, child })
    }

    fn spawn(&mut self) -> Result<Child, Failure> {
        self.command.spawn().map_err(|error| {
            let program = Path::new(self.command.as_std().get_program());
            Failure::fault(format!("{}: `{}` cannot start: {error}", self.name, shown(program)))
        })
    }
}

/// A program that runs. It is killed when it is dropped.
#[derive(Debug)]
pub(super) struct Running {
    pub(super) program: Program,
    child: Child,
}

impl Running {
    /// The process id, for people; 0 once it has ended.
    pub(super) fn pid(&self) -> u32 {
        self.child.id().unwrap_or(0)
    }

    /// Waits for its end, which is a failure told with where its log is.
    pub(super) async fn ended(&mut self) -> Failure {
        let how = self.child.wait().await;
        let how = how.map_or_else(|error| error.to_string(), |status| status.to_string());
        let log = shown(&self.program.log);
        Failure::fault(format!("{} ended ({how}); its log is `{log}`", self.program.name))
    }

    /// Starts it again whenever it ends, until `stop` fires; then ends it.
    async fn keep(mut self, stop: CancellationToken) {
        let mut rest = REST;
        loop {
            let since = Instant::now();
            let ended = tokio::select! {
                biased;
                () = stop.cancelled() => return self.stop().await,
                ended = self.ended() => ended,
            };
            rest = if since.elapsed() >= WELL { REST } else { REST_MOST.min(rest * 2) };
            output::say(&format!("{}; starting it again in {} s\n", ended.message, rest.as_secs()));
            self.child = loop {
                tokio::select! {
                    () = stop.cancelled() => return,
                    () = sleep(rest) => {}
                }
                match self.program.spawn() {
                    Ok(child) => break child,
                    Err(failure) => output::complain(&failure),
                }
            };
            output::say(&format!("{} runs again, process {}\n", self.program.name, self.pid()));
        }
    }

    /// Asks it to end, and kills it when it does not.
    async fn stop(mut self) {
        if let Some(pid) = self.child.id().and_then(|id| Pid::from_raw(id.cast_signed())) {
            // One that has just ended is as good.
            let _ = kill_process(pid, Signal::TERM);
        }
        if timeout(self.program.grace, self.child.wait()).await.is_err() {
            output::say(&format!("{} did not end in time: killing it\n", self.program.name));
            let _ = self.child.kill().await;
        }
    }
}

/// Programs that are kept running together.
#[derive(Debug, Default)]
pub(super) struct Group {
    stop: CancellationToken,
    kept: JoinSet<()>,
}

impl Group {
    /// Keeps a program running from now on.
    pub(super) fn keep(&mut self, running: Running) {
        self.kept.spawn(running.keep(self.stop.clone()));
    }

    /// Ends all, and returns when they have.
    pub(super) async fn end(self) {
        self.stop.cancel();
        self.kept.join_all().await;
    }
}
