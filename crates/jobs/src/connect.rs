//! The HTTP clients of the jobs: which addresses they connect to, and what is told of a fault.

use std::error::Error as StdError;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use job::Error;
use reqwest::Client;
use reqwest::redirect::Policy;

use crate::address::{self, CheckingResolver};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// The client for workers that allow private addresses, or for those that do not.
///
/// It keeps no connection open: every request connects to an address that was just checked.
///
/// # Errors
/// [`Error::Unavailable`] when there can be none.
pub(crate) fn client(allow_private: bool) -> Result<Client, Error> {
    static CLIENTS: [OnceLock<Client>; 2] = [OnceLock::new(), OnceLock::new()];
    let place = &CLIENTS[usize::from(allow_private)];
    if let Some(client) = place.get() {
        return Ok(client.clone());
    }
    // Refused when the program has installed a provider already, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = Client::builder()
        .dns_resolver(Arc::new(CheckingResolver { allow_private }))
        .no_proxy()
        .redirect(Policy::none())
        .connect_timeout(CONNECT_TIMEOUT)
        .pool_max_idle_per_host(0)
        .user_agent(concat!("runner/", env!("CARGO_PKG_VERSION")))
        .build()
        .map_err(|fault| Error::Unavailable(format!("no HTTP client: {fault}")))?;
    Ok(place.get_or_init(|| client).clone())
}

/// A fault of the road: another attempt may have better luck, unless the address is refused.
pub(crate) fn broken(fault: &reqwest::Error) -> Error {
    if let Some(forbidden) = address::forbidden(fault) {
        return Error::Refused(forbidden.to_string());
    }
    let causes = std::iter::successors(Some(fault as &dyn StdError), |fault| (*fault).source());
    let text = causes.map(ToString::to_string).collect::<Vec<_>>().join(": ");
    Error::failed(text)
}
