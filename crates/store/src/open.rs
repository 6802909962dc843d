//! From the address of a store to the store: what the address and the options say, checked.

use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey};
use object_store::path::Path;
use object_store::prefix::PrefixStore;
use object_store::{BackoffConfig, ClientOptions, RetryConfig};
use reqwest::Url;

use crate::place::{Bucket, Place};
use crate::{Access, Error, Store};

/// No further try begins after this; the caller knows whether a longer outage is worth waiting for.
const TRIES: Duration = Duration::from_secs(10);
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);
const MOST_TRIES: usize = 10;

const CONNECT: Duration = Duration::from_secs(5);

/// Where AWS tells a machine its credentials.
const METADATA: &str = "http://169.254.169.254";

const KNOWN: &str = "s3://bucket/prefix, file:///absolute/path or memory:///";

impl Store {
    /// The store at `url`: `s3://bucket/prefix`, `file:///absolute/path` (made if absent) or
    /// `memory:///` (a new, empty one).
    ///
    /// `access` matters for `s3://` only. A server other than AWS is named by `AWS_ENDPOINT_URL`;
    /// `http://` is accepted for this machine, for others with `AWS_ALLOW_HTTP=true`. A server that
    /// refuses conditional writes wants `AWS_CONDITIONAL_PUT=disabled`, one without bulk deletes
    /// `AWS_DISABLE_BULK_DELETE=true`. Profiles and the files of `~/.aws` are not read. No server is
    /// asked here: see [`Store::probe`].
    ///
    /// # Errors
    /// [`Error::Url`], [`Error::Setting`], [`Error::Credentials`]; [`Error::File`] when the folder
    /// cannot be made or is no folder.
    pub fn open(url: &str, access: &Access) -> Result<Self, Error> {
        let Some((scheme, rest)) = url.split_once("://") else {
            return Err(refused(url, format!("it has no scheme; write {KNOWN}")));
        };
        match scheme.to_ascii_lowercase().as_str() {
            "s3" => bucket(url, rest, access),
            "file" => folder(url),
            "memory" if rest.trim_matches('/').is_empty() => Ok(Self::memory()),
            "memory" => Err(refused(url, "a store in memory has no name: write memory:///".into())),
            _ => Err(refused(url, format!("its scheme is not known; write {KNOWN}"))),
        }
    }
}

fn refused(url: &str, fault: String) -> Error {
    // Whoever writes credentials into an address should not read them in a log.
    let url = match url.rsplit_once('@') {
        Some((before, after)) => {
            let scheme = before.split_once("://").map_or("", |(scheme, _)| scheme);
            format!("{scheme}://…@{after}")
        }
        None => url.to_owned(),
    };
    Error::Url { url, fault }
}

fn setting(name: &str, fault: impl Into<String>) -> Error {
    Error::Setting { name: name.to_owned(), fault: fault.into() }
}

fn folder(url: &str) -> Result<Store, Error> {
    let path = Url::parse(url).ok().and_then(|url| url.to_file_path().ok());
    let Some(path) = path else {
        return Err(refused(
            url,
            "write an absolute path after three slashes: file:///path".into(),
        ));
    };
    Store::folder(&path)
}

fn bucket(url: &str, rest: &str, access: &Access) -> Result<Store, Error> {
    let (name, prefix) = rest.split_once('/').unwrap_or((rest, ""));
    let prefix = prefix.trim_matches('/');
    if rest.contains(['@', '?', '#']) {
        let fault =
            "it has more than a bucket and a prefix; credentials are given as AWS_… options";
        return Err(refused(url, fault.to_owned()));
    }
    if name.is_empty() {
        return Err(refused(url, "it names no bucket: write s3://bucket/prefix".to_owned()));
    }
    let sound = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    if !name.chars().all(sound) || !(3..=255).contains(&name.len()) {
        let fault = format!(
            "`{name}` cannot be a bucket: its name has 3 or more of a-z, 0-9, `.`, `-` and no port"
        );
        return Err(refused(url, fault));
    }
    let Ok(prefix) = Path::parse(prefix) else {
        return Err(refused(url, format!("`{prefix}` cannot be a prefix of keys")));
    };
    let mut bucket = Bucket {
        name: name.to_owned(),
        prefix: prefix.to_string(),
        endpoint: None,
        metadata: None,
        unconditional: AtomicBool::new(false),
    };
    let endpoint = endpoint(access)?;
    bucket.endpoint = endpoint.as_ref().map(|endpoint| endpoint.address.clone());
    bucket.metadata = metadata(&bucket, endpoint.as_ref(), access)?;
    let client = client(&bucket, endpoint.as_ref(), access)?;
    let objects = Arc::new(PrefixStore::new(client, prefix));
    Ok(Store { objects, place: Arc::new(Place::Bucket(bucket)) })
}

/// A server that was named instead of AWS.
struct Endpoint {
    /// Without a slash at its end.
    address: String,
    host: String,
    plain: bool,
}

impl Endpoint {
    fn is_loopback(&self) -> bool {
        let host = self.host.trim_matches(['[', ']']);
        host == "localhost"
            || host.ends_with(".localhost")
            || host.parse().is_ok_and(|ip: std::net::IpAddr| ip.is_loopback())
    }

    fn is_aws(&self) -> bool {
        [".amazonaws.com", ".amazonaws.com.cn"].iter().any(|end| self.host.ends_with(end))
    }
}

fn endpoint(access: &Access) -> Result<Option<Endpoint>, Error> {
    // The particular one wins over the general one, as everywhere.
    let names = ["AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT"];
    let Some((name, address)) = names.iter().find_map(|name| Some((*name, access.get(name)?)))
    else {
        return Ok(None);
    };
    let Ok(url) = Url::parse(address) else {
        return Err(setting(name, "this is no address; write http://host:port or https://host"));
    };
    let Some(host) = url.host_str().filter(|_| ["http", "https"].contains(&url.scheme())) else {
        return Err(setting(name, format!("`{}` is neither http:// nor https://", url.scheme())));
    };
    if !url.username().is_empty() || url.password().is_some() {
        let fault = "credentials do not belong in it: set AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY";
        return Err(setting(name, fault));
    }
    let endpoint = Endpoint {
        address: address.trim_end_matches('/').to_owned(),
        host: host.to_owned(),
        plain: url.scheme() == "http",
    };
    if endpoint.plain && !endpoint.is_loopback() && !access.is_true("AWS_ALLOW_HTTP") {
        let fault = format!(
            "{address} is not encrypted and not on this machine: use https://, or set \
             AWS_ALLOW_HTTP=true to send everything in the clear"
        );
        return Err(setting(name, fault));
    }
    Ok(Some(endpoint))
}

/// The metadata service, when it is the last that may have credentials.
fn metadata(
    bucket: &Bucket,
    endpoint: Option<&Endpoint>,
    access: &Access,
) -> Result<Option<String>, Error> {
    let missing = |fault: &str| Error::Credentials { at: bucket.at(), fault: fault.to_owned() };
    let id = access.has(&["AWS_ACCESS_KEY_ID"]);
    let secret = access.has(&["AWS_SECRET_ACCESS_KEY"]);
    let otherwise = access.is_true("AWS_SKIP_SIGNATURE")
        || access.has(&["AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_ROLE_ARN"])
        || access.has(&["AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"])
        || access
            .has(&["AWS_CONTAINER_CREDENTIALS_FULL_URI", "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"]);
    match (id, secret) {
        (true, false) => Err(missing("AWS_SECRET_ACCESS_KEY is not set")),
        (false, true) => Err(missing("AWS_ACCESS_KEY_ID is not set")),
        (true, true) => Ok(None),
        (false, false) if otherwise => Ok(None),
        (false, false) if endpoint.is_some_and(|endpoint| !endpoint.is_aws()) => {
            Err(missing("none are given"))
        }
        (false, false) => {
            Ok(Some(access.get("AWS_METADATA_ENDPOINT").unwrap_or(METADATA).to_owned()))
        }
    }
}

/// Chooses the one TLS provider of this process, unless that was done.
pub fn install_tls() {
    // An error means that the process has one already.
    let _ = rustls::crypto::ring::default_provider().install_default();
}

fn client(
    bucket: &Bucket,
    endpoint: Option<&Endpoint>,
    access: &Access,
) -> Result<object_store::aws::AmazonS3, Error> {
    install_tls();
    let backoff =
        BackoffConfig { init_backoff: FIRST_PAUSE, max_backoff: LONGEST_PAUSE, base: 2.0 };
    let retry = RetryConfig { backoff, max_retries: MOST_TRIES, retry_timeout: TRIES };
    // How long an answer may take depends on its size, so each call has its own limit.
    let options = ClientOptions::new().with_connect_timeout(CONNECT).with_timeout_disabled();
    let mut builder = AmazonS3Builder::new().with_client_options(options).with_retry(retry);
    for (name, value) in access.iter() {
        // The environment has options that are meant for other programs.
        if let Ok(key) = AmazonS3ConfigKey::from_str(&name.to_ascii_lowercase()) {
            builder = builder.with_config(key, value);
        }
    }
    if endpoint.is_some_and(|endpoint| endpoint.plain && endpoint.is_loopback()) {
        builder = builder.with_allow_http(true);
    }
    let built = builder.with_bucket_name(&bucket.name).build();
    built.map_err(|error| setting("one of the AWS_… options", error.to_string()))
}

#[cfg(test)]
mod tests;
