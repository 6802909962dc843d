//! The LAST of a run that has ended, read back and held to its digest.

use last::LastFile;
use store::Store;

use crate::Error;
use crate::conduct::get;

/// Reads what lies at `last_key`, whose lower-case hex SHA-256 must be `last_sha256`.
///
/// # Errors
/// [`Error::Unusable`] when it is gone, is something else or cannot be read; the store's.
pub(crate) async fn read_result(
    store: &Store,
    last_key: &str,
    last_sha256: &str,
) -> Result<LastFile, Error> {
    let bytes = get(store, last_key).await?;
    if store::sha256(&bytes) != last_sha256 {
        return Err(Error::Unusable(format!("`{last_key}` is not what its run left")));
    }
    let unusable = |error: &dyn std::fmt::Display| {
        Error::Unusable(format!("`{last_key}` cannot be read: {error}"))
    };
    let bytes = last::gunzip(bytes.into()).map_err(|error| unusable(&error))?;
    last::read(&bytes).map_err(|error| unusable(&error))
}
