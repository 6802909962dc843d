//! Nkeys and the JWTs they sign: Ed25519 keys in the spelling of NATS.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rcgen::{KeyPair, PKCS_ED25519, PublicKeyData, SigningKey};
use serde_json::{Value, json};

/// Where the secret stands in a PKCS #8 key of Ed25519: behind a header of fixed length.
const SECRET: std::ops::Range<usize> = 16..48;

/// Marks a seed, in the upper five bits; the kind of key follows in the next five.
const SEED: u8 = 18 << 3;

/// What a key stands for: the first letter of its public half.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Kind {
    Operator,
    Account,
    User,
}

impl Kind {
    /// The byte that becomes the letter O, A or U.
    fn prefix(self) -> u8 {
        let letter = match self {
            Self::Operator => 14,
            Self::Account => 0,
            Self::User => 20,
        };
        letter << 3
    }
}

/// A fresh key.
#[derive(Debug)]
pub(crate) struct Nkey {
    kind: Kind,
    pair: KeyPair,
}

impl Nkey {
    pub(crate) fn new(kind: Kind) -> Self {
        Self { kind, pair: KeyPair::generate_for(&PKCS_ED25519).unwrap() }
    }

    /// The public half, `U…` for a user.
    pub(crate) fn public(&self) -> String {
        spelled(&[&[self.kind.prefix()], self.pair.der_bytes()].concat())
    }

    /// The secret half, `SU…` for a user.
    pub(crate) fn seed(&self) -> String {
        let prefix = self.kind.prefix();
        let head = [SEED | (prefix >> 5), (prefix & 31) << 3];
        spelled(&[&head, &self.pair.serialized_der()[SECRET]].concat())
    }

    /// A JWT in which this key says `nats` of `subject`, a public key.
    pub(crate) fn jwt(&self, name: &str, subject: &str, nats: Value) -> String {
        let header = json!({"typ": "JWT", "alg": "ed25519-nkey"});
        let claims = json!({"jti": subject, "iat": 1_700_000_000, "iss": self.public(),
            "name": name, "sub": subject, "nats": nats});
        let [header, claims] =
            [header, claims].map(|part| URL_SAFE_NO_PAD.encode(part.to_string()));
        let said = format!("{header}.{claims}");
        let signature = self.pair.sign(said.as_bytes()).unwrap();
        format!("{said}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}

/// Base32 of the bytes and their CRC-16 (XMODEM, low byte first), without padding.
fn spelled(bytes: &[u8]) -> String {
    let mut crc = 0_u16;
    for &byte in bytes {
        crc ^= u16::from(byte) << 8;
        for _ in 0..8 {
            let carry = crc & 0x8000 != 0;
            crc = (crc << 1) ^ if carry { 0x1021 } else { 0 };
        }
    }
    let bytes = [bytes, &crc.to_le_bytes()].concat();
    let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let mut text = String::new();
    for chunk in bytes.chunks(5) {
        let mut bits = [0_u8; 8];
        bits[3..3 + chunk.len()].copy_from_slice(chunk);
        let bits = u64::from_be_bytes(bits);
        for letter in 0..(chunk.len() * 8).div_ceil(5) {
            let index = usize::try_from(bits >> (35 - 5 * letter) & 31).unwrap();
            text.push(char::from(alphabet[index]));
        }
    }
    text
}
