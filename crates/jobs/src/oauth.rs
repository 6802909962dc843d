//! OAuth 1.0a for an account of the operator's: a request is signed by HMAC-SHA1 (RFC 5849).

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use job::{Context, Error};
use protocol::Timestamp;
use reqwest::Url;
use ring::hmac;
use ring::rand::{SecureRandom as _, SystemRandom};

/// The keys of an app and of its account.
#[derive(Clone, Copy)]
pub(crate) struct Keys<'a> {
    consumer_key: &'a str,
    consumer_secret: &'a str,
    token: &'a str,
    token_secret: &'a str,
}

impl<'a> Keys<'a> {
    /// Those in the variables of the worker.
    ///
    /// # Errors
    /// [`Error::Refused`] that names the first variable that is missing.
    pub(crate) fn of(context: &'a Context) -> Result<Self, Error> {
        let variable = |name: &str| {
            let missing = || Error::Refused(format!("the worker has no variable {name}"));
            context.variable(name).ok_or_else(missing)
        };
        Ok(Self {
            consumer_key: variable("TWITTER_CONSUMER_KEY")?,
            consumer_secret: variable("TWITTER_CONSUMER_SECRET")?,
            token: variable("TWITTER_ACCESS_TOKEN")?,
            token_secret: variable("TWITTER_ACCESS_TOKEN_SECRET")?,
        })
    }

    /// The header `Authorization` of one request. Its body must not be a form, whose fields would
    /// have to be signed as well.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when the system has no random bytes.
    pub(crate) fn authorization(&self, method: &str, url: &Url) -> Result<String, Error> {
        let mut random = [0; 16];
        SystemRandom::new()
            .fill(&mut random)
            .map_err(|_| Error::Unavailable("no random bytes".to_owned()))?;
        let nonce = random.iter().fold(String::new(), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        });
        Ok(self.header(method, url, &nonce, Timestamp::now().0 / 1000))
    }

    fn header(&self, method: &str, url: &Url, nonce: &str, seconds: u64) -> String {
        let seconds = seconds.to_string();
        let protocol = [
            ("oauth_consumer_key", self.consumer_key),
            ("oauth_nonce", nonce),
            ("oauth_signature_method", "HMAC-SHA1"),
            ("oauth_timestamp", &seconds),
            ("oauth_token", self.token),
            ("oauth_version", "1.0"),
        ];
        let signature = self.signature(method, url, &protocol);
        let fields = protocol.iter().copied().chain([("oauth_signature", signature.as_str())]);
        let fields: Vec<_> =
            fields.map(|(name, value)| format!("{name}=\"{}\"", encoded(value))).collect();
        format!("OAuth {}", fields.join(", "))
    }

    fn signature(&self, method: &str, url: &Url, parameters: &[(&str, &str)]) -> String {
        let key = format!("{}&{}", encoded(self.consumer_secret), encoded(self.token_secret));
        let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, key.as_bytes());
        BASE64.encode(hmac::sign(&key, base_string(method, url, parameters).as_bytes()))
    }
}

/// What is signed: the method, the address without its query, and all parameters in their order.
fn base_string(method: &str, url: &Url, parameters: &[(&str, &str)]) -> String {
    let given = parameters.iter().map(|(name, value)| (encoded(name), encoded(value)));
    let query = url.query_pairs().map(|(name, value)| (encoded(&name), encoded(&value)));
    let mut all: Vec<_> = given.chain(query).collect();
    all.sort();
    let all: Vec<_> = all.into_iter().map(|(name, value)| format!("{name}={value}")).collect();
    let mut place = url.clone();
    place.set_query(None);
    place.set_fragment(None);
    format!("{method}&{}&{}", encoded(place.as_str()), encoded(&all.join("&")))
}

/// All bytes but unreserved ones as `%` and two digits.
fn encoded(text: &str) -> String {
    text.bytes().fold(String::new(), |mut encoded, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            let _ = write!(encoded, "%{byte:02X}");
        }
        encoded
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The request that Twitter's documentation signs step by step.
    const DOCUMENTED: Keys<'_> = Keys {
        consumer_key: "xvz1evFS4wEEPTGEFPHBog",
        consumer_secret: "kAcSOqF21Fu85e7zjz7ZN2U4ZRhfV3WpwPAoE3Z7kBw",
        token: "370773112-GmHxMAgYyLbNEtIKZeRNFsMKPR9EyMZeS9weJAEb",
        token_secret: "LswwdoUaIvS8ltyTt5jkRh4J50vUPVVHtR2YPi5kE",
    };
    const NONCE: &str = "kYjzVBB8Y0ZFabxSWbWovY3uYSQ2pTgmZeNu2VS4cg";

    #[test]
    fn the_documented_request_has_the_documented_signature() {
        let url = "https://api.twitter.com/1/statuses/update.json?include_entities=true";
        let url = url.parse().unwrap();
        let parameters = [
            ("status", "Hello Ladies + Gentlemen, a signed OAuth request!"),
            ("oauth_consumer_key", DOCUMENTED.consumer_key),
            ("oauth_nonce", NONCE),
            ("oauth_signature_method", "HMAC-SHA1"),
            ("oauth_timestamp", "1318622958"),
            ("oauth_token", DOCUMENTED.token),
            ("oauth_version", "1.0"),
        ];
        let signature = DOCUMENTED.signature("POST", &url, &parameters);
        assert_eq!(signature, "tnnArxj06cWHq44gCs1OSKk/jLY=");
    }

    /// RFC 5849, section 3.4.1.1: names and values that repeat, are empty or have odd bytes in them.
    #[test]
    fn the_base_string_is_that_of_the_rfc() {
        let url = "http://EXAMPLE.COM:80/request?b5=%3D%253D&a3=a&c%40=&a2=r%20b";
        let url = url.parse().unwrap();
        let parameters = [
            ("oauth_consumer_key", "9djdj82h48djs9d2"),
            ("oauth_token", "kkk9d7dh3k39sjv7"),
            ("oauth_signature_method", "HMAC-SHA1"),
            ("oauth_timestamp", "137131201"),
            ("oauth_nonce", "7d8f3e4a"),
            ("c2", ""),
            ("a3", "2 q"),
        ];
        let expected = "POST&http%3A%2F%2Fexample.com%2Frequest&a2%3Dr%2520b%26a3%3D2%2520q%26a3%3Da\
                        %26b5%3D%253D%25253D%26c%2540%3D%26c2%3D%26oauth_consumer_key%3D9djdj82h48dj\
                        s9d2%26oauth_nonce%3D7d8f3e4a%26oauth_signature_method%3DHMAC-SHA1%26oauth_t\
                        imestamp%3D137131201%26oauth_token%3Dkkk9d7dh3k39sjv7";
        assert_eq!(base_string("POST", &url, &parameters), expected);
    }

    #[test]
    fn the_header_names_everything_but_the_secrets() {
        let url = "https://api.x.com/2/tweets".parse().unwrap();
        let header = DOCUMENTED.header("POST", &url, NONCE, 1_318_622_958);
        for (name, value) in [
            ("oauth_consumer_key", DOCUMENTED.consumer_key),
            ("oauth_nonce", NONCE),
            ("oauth_timestamp", "1318622958"),
            ("oauth_token", DOCUMENTED.token),
        ] {
            assert!(header.contains(&format!("{name}=\"{value}\"")), "{header}");
        }
        assert!(header.contains("oauth_signature=\""), "{header}");
        assert!(!header.contains(DOCUMENTED.consumer_secret), "{header}");
        assert!(!header.contains(DOCUMENTED.token_secret), "{header}");
    }
}
