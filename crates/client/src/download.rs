//! A file from an address into a file here.

use std::path::Path;

use futures::TryStreamExt;
use store::{Access, Store};
use tokio::fs::File;
use tokio::io::AsyncWriteExt;
use tokio::time::{Duration, timeout};

/// How long a server may be silent.
const SILENCE: Duration = Duration::from_secs(30);

/// Why a file cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum DownloadError {
    /// The store's.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// The server's.
    #[error("{0}")]
    Http(String),
    /// The server said nothing for 30 s.
    #[error("the server fell silent")]
    Silent,
    /// The file here cannot be written.
    #[error("it cannot be written here: {0}")]
    Write(#[from] std::io::Error),
}

/// Brings what is at `url` (`https://`, `http://`, or a file of a store: `s3://`, `file://`) into
/// `file`, without holding it in memory.
///
/// # Errors
/// [`DownloadError`]; a part of the file may be there then.
pub async fn download(url: &str, access: &Access, file: &Path) -> Result<(), DownloadError> {
    if !url.starts_with("http://") && !url.starts_with("https://") {
        let (folder, name) = url.rsplit_once('/').unwrap_or((url, ""));
        Store::open(folder, access)?.get_to_file(name, file).await?;
        return Ok(());
    }
    store::install_tls();
    let http = |error: reqwest::Error| {
        // The address may hold a secret, and the caller knows it.
        let error = error.without_url();
        let cause = std::error::Error::source(&error).map(ToString::to_string);
        DownloadError::Http(cause.unwrap_or_else(|| error.to_string()))
    };
    let asking = async { reqwest::Client::builder().build()?.get(url).send().await };
    let answer =
        timeout(SILENCE, asking).await.map_err(|_| DownloadError::Silent)?.map_err(http)?;
    if !answer.status().is_success() {
        return Err(DownloadError::Http(format!("the server says {}", answer.status())));
    }
    let mut pieces = answer.bytes_stream();
    let mut out = File::create(file).await?;
    loop {
        let piece = timeout(SILENCE, pieces.try_next()).await;
        match piece.map_err(|_| DownloadError::Silent)?.map_err(http)? {
            Some(piece) => out.write_all(&piece).await?,
            None => break,
        }
    }
    Ok(out.flush().await?)
}
