//! What a program writes: kept up to a limit, read to the end so that the program never blocks.

use std::io;
use std::mem;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt};
use tokio_util::task::AbortOnDropHandle;

/// How long to wait for a pipe that a process outside the group may hold open.
const GRACE: Duration = Duration::from_secs(2);
const CHUNK_BYTES: usize = 64 * 1024;

/// The bytes of one pipe, as far as the limit lets.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Captured {
    pub(crate) bytes: Vec<u8>,
    /// Whether there was more.
    pub(crate) truncated: bool,
}

/// A pipe being read in the background; dropping it stops the reading.
#[derive(Debug)]
pub(crate) struct Capture {
    kept: Arc<Mutex<Captured>>,
    reader: AbortOnDropHandle<io::Result<()>>,
}

impl Capture {
    /// Starts to read `pipe`, keeping the first `limit` bytes.
    pub(crate) fn start(pipe: impl AsyncRead + Unpin + Send + 'static, limit: usize) -> Self {
        let kept = Arc::default();
        let reader = tokio::spawn(read(pipe, limit, Arc::clone(&kept)));
        let reader = AbortOnDropHandle::new(reader);
        Self { kept, reader }
    }

    /// What was written until the pipe was closed.
    pub(crate) async fn finish(mut self) -> Captured {
        if tokio::time::timeout(GRACE, &mut self.reader).await.is_err() {
            self.reader.abort();
            self.kept.lock().unwrap_or_else(PoisonError::into_inner).truncated = true;
        }
        mem::take(&mut *self.kept.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

async fn read(
    mut pipe: impl AsyncRead + Unpin,
    limit: usize,
    kept: Arc<Mutex<Captured>>,
) -> io::Result<()> {
    let mut chunk = vec![0; CHUNK_BYTES];
    loop {
        let read = match pipe.read(&mut chunk).await? {
            0 => return Ok(()),
            read => &chunk[..read],
        };
        let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
        let room = limit.saturating_sub(kept.bytes.len()).min(read.len());
        kept.bytes.extend_from_slice(&read[..room]);
        kept.truncated |= room < read.len();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn bytes_beyond_the_limit_are_read_and_not_kept() {
        for (limit, kept, truncated) in [(6, "abcdef", false), (4, "abcd", true), (0, "", true)] {
            let captured = Capture::start(&b"abcdef"[..], limit).finish().await;
            assert_eq!(captured, Captured { bytes: kept.into(), truncated });
        }
    }
}
