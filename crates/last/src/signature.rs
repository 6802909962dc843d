//! Who vouches for a bundle: an Ed25519 signature over its manifest, which covers every file.

use ed25519_dalek::Signer;
use ed25519_dalek::pkcs8::{DecodePrivateKey, DecodePublicKey};
use serde::{Deserialize, Serialize};

use crate::sheet::hex;

/// The name of the signature in a bundle.
pub const SIGNATURE_FILE: &str = "manifest.sig";

/// The only kind there is.
const ALGORITHM: &str = "ed25519";

/// A private key. Its debug text shows the public one.
#[derive(Clone)]
pub struct SigningKey(ed25519_dalek::SigningKey);

/// A public key: 64 lower-case hex digits in text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PublicKey(ed25519_dalek::VerifyingKey);

/// Why a key or a signature cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SignatureError {
    /// A key cannot be read.
    #[error("is not an Ed25519 key: {0}")]
    Key(String),
    /// A signature cannot be read.
    #[error("is not a signature: {0}")]
    Shape(String),
    /// It was made over other bytes, or with another key than it names.
    #[error("does not fit the manifest: one of them was changed")]
    Wrong,
}

/// A signature as it is stored.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    algorithm: String,
    public_key: String,
    signature: String,
}

impl SigningKey {
    /// Reads a key in PKCS#8 PEM, as `openssl genpkey -algorithm ed25519` writes it.
    ///
    /// # Errors
    /// [`SignatureError::Key`].
    pub fn from_pem(text: &str) -> Result<Self, SignatureError> {
        let key = ed25519_dalek::SigningKey::from_pkcs8_pem(text);
        key.map(Self).map_err(|error| SignatureError::Key(error.to_string()))
    }

    /// The key that others check with.
    #[must_use]
    pub fn public(&self) -> PublicKey {
        PublicKey(self.0.verifying_key())
    }

    /// The text of the signature of `manifest`. The same key and bytes make the same signature.
    #[must_use]
    pub fn sign(&self, manifest: &[u8]) -> Vec<u8> {
        let stored = Stored {
            algorithm: ALGORITHM.to_owned(),
            public_key: self.public().to_string(),
            signature: hex(&self.0.sign(manifest).to_bytes()),
        };
        let mut text = serde_json::to_vec_pretty(&stored).unwrap_or_default();
        text.push(b'\n');
        text
    }
}

impl std::fmt::Debug for SigningKey {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "SigningKey({})", self.public())
    }
}

impl PublicKey {
    /// Reads a key: PEM, as `openssl pkey -pubout` writes it, or 64 hex digits.
    ///
    /// # Errors
    /// [`SignatureError::Key`].
    pub fn read(text: &str) -> Result<Self, SignatureError> {
        let text = text.trim();
        let bad = |error: &dyn std::fmt::Display| SignatureError::Key(error.to_string());
        if text.starts_with("-----") {
            let key = ed25519_dalek::VerifyingKey::from_public_key_pem(text);
            return key.map(Self).map_err(|error| bad(&error));
        }
        let bytes = unhex::<32>(text).ok_or_else(|| bad(&"neither PEM nor 64 hex digits"))?;
        let key = ed25519_dalek::VerifyingKey::from_bytes(&bytes);
        key.map(Self).map_err(|error| bad(&error))
    }

    /// Checks the text of a signature against `manifest`; returns the key that made it.
    ///
    /// # Errors
    /// [`SignatureError::Shape`], [`SignatureError::Wrong`].
    pub fn of_signature(text: &[u8], manifest: &[u8]) -> Result<Self, SignatureError> {
        let shape = |why: &str| SignatureError::Shape(why.to_owned());
        let stored: Stored =
            serde_json::from_slice(text).map_err(|error| shape(&error.to_string()))?;
        if stored.algorithm != ALGORITHM {
            return Err(shape(&format!("`{}` is not known, only `{ALGORITHM}`", stored.algorithm)));
        }
        let key = Self::read(&stored.public_key)
            .map_err(|error| shape(&format!("its `public_key` {error}")))?;
        let signature = unhex::<64>(&stored.signature)
            .ok_or_else(|| shape("its `signature` has not 128 hex digits"))?;
        let signature = ed25519_dalek::Signature::from_bytes(&signature);
        key.0.verify_strict(manifest, &signature).map_err(|_| SignatureError::Wrong)?;
        Ok(key)
    }
}

impl std::fmt::Display for PublicKey {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str(&hex(self.0.as_bytes()))
    }
}

/// The bytes that so many pairs of hex digits name.
fn unhex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let mut bytes = [0; N];
    if text.len() != 2 * N || !text.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return None;
    }
    for (place, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&text[2 * place..2 * place + 2], 16).ok()?;
    }
    Some(bytes)
}
