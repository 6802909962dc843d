//! Work that takes long, off the loop that feeds other runs.

use crate::Error;

/// Bytes of a file up to which its run is small: to read it and to tell of it takes a millisecond at
/// most, and to wake another thread a tenth of one.
const SMALL: usize = 16 * 1024;

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

/// The same for a run with a file of so many bytes, without another thread where it is small.
pub(crate) async fn aside_if_large<T: Send + 'static>(
    file: usize,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Error> {
    if is_small(file) { Ok(work()) } else { aside(work).await }
}

/// Whether a run with a file of so many bytes is small.
pub(crate) const fn is_small(file: usize) -> bool {
    cfg!(feature = "sim") || file <= SMALL
}
