//! Keys from files: the one that signs, and the one that a signature is held against.

use std::path::Path;

use last::{PublicKey, SigningKey};

use crate::arguments::SignFlag;
use crate::exit::Failure;
use crate::settings::Settings;
use crate::source::shown;

/// The key that signs bundles, if one is named.
///
/// # Errors
/// Exit 2 when it cannot be read.
pub(crate) fn key(flag: &SignFlag, settings: &Settings) -> Result<Option<SigningKey>, Failure> {
    let Some(path) = flag.sign.as_ref().or(settings.sign.as_ref()) else {
        return Ok(None);
    };
    let help = "make one with `openssl genpkey -algorithm ed25519 -out key.pem`";
    let text = read(path, help)?;
    // What is in the file is not repeated: it may be a secret.
    let key = SigningKey::from_pem(&text)
        .map_err(|error| Failure::usage(format!("`{}` {error}", shown(path)), help))?;
    Ok(Some(key))
}

/// The key that is to have signed: in a file, or as hex digits.
///
/// # Errors
/// Exit 2 when it cannot be read.
pub(crate) fn public(text: &str) -> Result<PublicKey, Failure> {
    let help = "name a file of `openssl pkey -in key.pem -pubout`, or 64 hex digits";
    if let Ok(key) = PublicKey::read(text) {
        return Ok(key);
    }
    let path = Path::new(text);
    let text = read(path, help)?;
    PublicKey::read(&text)
        .map_err(|error| Failure::usage(format!("`{}` {error}", shown(path)), help))
}

fn read(path: &Path, help: &str) -> Result<String, Failure> {
    std::fs::read_to_string(path)
        .map_err(|error| Failure::usage(format!("`{}` cannot be read: {error}", shown(path)), help))
}
