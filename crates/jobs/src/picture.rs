//! A picture from an address that a task names: fetched within bounds, and known by its bytes.

use job::{Context, Error};

use crate::connect::client;
use crate::request::check_url;
use crate::service::exchange_within;

/// What Twitter takes.
const PICTURE_BYTES: usize = 5 * 1024 * 1024;

/// The bytes of a picture and what they are.
#[derive(Debug)]
pub(crate) struct Picture {
    pub(crate) bytes: Vec<u8>,
    pub(crate) media_type: &'static str,
}

/// Fetches the picture at `address`, which the parameter `name` holds. Redirects are not followed.
///
/// # Errors
/// [`Error::Parameter`] when there is no picture or it is too large; those of a request otherwise.
pub(crate) async fn fetch(name: &str, address: &str, context: &Context) -> Result<Picture, Error> {
    let allow_private = context.permissions().allow_private_addresses;
    let url = check_url(name, address, allow_private)?;
    let request = client(allow_private)?.get(url);
    let answer = exchange_within("the server of the picture", request, PICTURE_BYTES, context);
    let bytes = answer.await?.success()?.body;
    match media_type(&bytes) {
        Some(media_type) => Ok(Picture { bytes, media_type }),
        None => Err(Error::parameter(name, format!("`{address}` is no JPEG, PNG, GIF or WebP"))),
    }
}

/// By the first bytes: what a server says of a file may be anything.
fn media_type(bytes: &[u8]) -> Option<&'static str> {
    match bytes {
        [0xff, 0xd8, 0xff, ..] => Some("image/jpeg"),
        [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1a, b'\n', ..] => Some("image/png"),
        [b'G', b'I', b'F', b'8', b'7' | b'9', b'a', ..] => Some("image/gif"),
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => Some("image/webp"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_is_known_by_its_bytes() {
        let table: [(&[u8], Option<&str>); 6] = [
            (b"\xff\xd8\xff\xe0", Some("image/jpeg")),
            (b"\x89PNG\r\n\x1a\n....", Some("image/png")),
            (b"GIF89a..", Some("image/gif")),
            (b"RIFF\x01\x02\x03\x04WEBPVP8 ", Some("image/webp")),
            (b"<html>", None),
            (b"", None),
        ];
        for (bytes, expected) in table {
            assert_eq!(media_type(bytes), expected);
        }
    }
}
