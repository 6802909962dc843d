//! Messages as bytes: one version byte, then MessagePack with named fields, so fields can be added.

use serde::Serialize;
use serde::de::DeserializeOwned;

/// The first byte of every message this build writes.
pub const VERSION: u8 = 1;

/// Bytes that are not a message, or a value that cannot be one.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Nothing to read.
    #[error("empty message")]
    Empty,
    /// Written by another version, or not by Runner.
    #[error("message version {0} is not {VERSION}")]
    Version(u8),
    /// Not the message it should be.
    #[error("message does not decode")]
    Decode(#[from] rmp_serde::decode::Error),
    /// A message, and this many bytes that are not part of it.
    #[error("{0} bytes after the message")]
    Trailing(usize),
    /// A message that lies where another belongs.
    #[error("the message does not belong at `{0}`")]
    Elsewhere(String),
    /// The value has no wire form.
    #[error("message does not encode")]
    Encode(#[from] rmp_serde::encode::Error),
}

/// Writes `message`.
///
/// # Errors
/// [`Error::Encode`] for a value MessagePack cannot hold.
pub fn encode<T: Serialize>(message: &T) -> Result<Vec<u8>, Error> {
    let mut bytes = vec![VERSION];
    let mut serializer = rmp_serde::Serializer::new(&mut bytes).with_struct_map();
    message.serialize(&mut serializer)?;
    Ok(bytes)
}

/// Reads a message; unknown fields are skipped.
///
/// # Errors
/// [`Error::Empty`], [`Error::Version`], [`Error::Decode`] or [`Error::Trailing`]; never a panic,
/// whatever the bytes.
pub fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Error> {
    match bytes.split_first() {
        None => Err(Error::Empty),
        Some((&VERSION, body)) => {
            let mut deserializer = rmp_serde::Deserializer::new(body);
            let message = T::deserialize(&mut deserializer)?;
            match deserializer.get_ref().len() {
                0 => Ok(message),
                left => Err(Error::Trailing(left)),
            }
        }
        Some((&version, _)) => Err(Error::Version(version)),
    }
}
