//! A result under gzip, and back, within a bound.

use std::io::{self, Read, Write};

use flate2::read::MultiGzDecoder;
use flate2::{Compression, GzBuilder};

/// The ending of what is compressed.
pub const GZIP_ENDING: &str = ".gz";

/// The longest result that is unpacked, bytes: a LAST of a million tasks has about half of it, and a
/// few kilobytes may claim to hold more than any memory.
pub const RESULT_BYTES: u64 = 2 << 30;

/// What every gzip begins with.
const MAGIC: [u8; 2] = [0x1F, 0x8B];

/// Reads `source` to its end and writes it compressed. The same bytes make the same bytes: no name,
/// no date, no system.
///
/// # Errors
/// When either fails.
pub fn gzip(source: &mut impl Read, out: impl Write) -> io::Result<()> {
    let mut encoder = GzBuilder::new().operating_system(255).write(out, Compression::default());
    io::copy(source, &mut encoder)?;
    encoder.finish().and_then(|mut out| out.flush())
}

/// `bytes` as they were before [`gzip`], or as they are when they are no gzip.
///
/// # Errors
/// When they are cut short or damaged, or hold more than [`RESULT_BYTES`].
pub fn gunzip(bytes: Vec<u8>) -> io::Result<Vec<u8>> {
    if !bytes.starts_with(&MAGIC) {
        return Ok(bytes);
    }
    bounded(MultiGzDecoder::new(bytes.as_slice()), RESULT_BYTES)
}

/// All of `source`, unless it is longer than `most` bytes.
pub(crate) fn bounded(source: impl Read, most: u64) -> io::Result<Vec<u8>> {
    let mut whole = Vec::new();
    source.take(most + 1).read_to_end(&mut whole)?;
    if whole.len() as u64 > most {
        return Err(io::Error::other(format!("it holds more than {most} bytes")));
    }
    Ok(whole)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pack(text: &[u8]) -> Vec<u8> {
        let mut packed = Vec::new();
        gzip(&mut &*text, &mut packed).unwrap_or_else(|error| panic!("{error}"));
        packed
    }

    #[test]
    fn what_is_packed_comes_back_and_what_is_not_stays() {
        let text = br#"{"a": 1}"#.repeat(1000);
        let packed = pack(&text);
        assert!(packed.len() * 10 < text.len(), "{} bytes", packed.len());
        assert_eq!(packed, pack(&text), "the same twice");
        assert_eq!(&packed[4..8], [0; 4], "no date");
        assert_eq!(gunzip(packed).ok(), Some(text.clone()));
        assert_eq!(gunzip(text.clone()).ok(), Some(text));
        assert_eq!(gunzip(Vec::new()).ok(), Some(Vec::new()));
    }

    #[test]
    fn what_is_cut_or_damaged_is_refused() {
        let packed = pack(b"a result");
        for end in 2..packed.len() {
            assert!(gunzip(packed[..end].to_vec()).is_err(), "cut at {end}");
        }
        let mut damaged = packed.clone();
        let last = damaged.len() - 5;
        damaged[last] ^= 1;
        assert!(gunzip(damaged).is_err());
    }

    #[test]
    fn no_more_is_unpacked_than_the_bound() {
        let packed = pack(&vec![b' '; 1_000_000]);
        let unpacked = bounded(MultiGzDecoder::new(packed.as_slice()), 999_999);
        assert!(unpacked.is_err_and(|error| error.to_string().contains("999999 bytes")));
    }
}
