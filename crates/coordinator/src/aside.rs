//! Work that takes long, off the loop that feeds other runs.

use crate::Error;

/// Does `work` on a thread of its own: reading or writing a million tasks takes seconds.
///
/// A simulated fleet has one thread, and its time stands still meanwhile.
pub(crate) async fn aside<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Error> {
    if cfg!(feature = "sim") {
        return Ok(work());
    }
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|fault| Error::Last(fault.to_string()))
}
