//! What a job may require of its worker: sets of variables, each a credential for one service.

use std::collections::BTreeMap;
use std::fmt;

/// Ends of words in the name of a variable whose value is a secret: `API_KEY`, `NKEY`, `WEBHOOK_URL`,
/// and not `MAX_TOKENS` or `KEYBOARD`, whose values stand in many an output.
const SECRETIVE: [&str; 12] = [
    "KEY",
    "SECRET",
    "TOKEN",
    "PASSWORD",
    "PASSWD",
    "PASSPHRASE",
    "CREDENTIAL",
    "AUTHORIZATION",
    "COOKIE",
    "MNEMONIC",
    "SEED",
    "WEBHOOK",
];

/// Words that say the same when they stand by themselves, behind others.
const SHORT: [&str; 2] = ["_PASS", "_PWD"];

/// Schemes behind which the secret of an `Authorization` stands.
const SCHEMES: [&str; 3] = ["Bearer ", "Basic ", "Token "];

/// A name in an address that has no password behind it is one itself from so many bytes on.
const NAME_BYTES: usize = 16;

/// Last words of variables that only say where a secret is.
const PLACES: [&str; 2] = ["FILE", "PATH"];

/// What may stand before a name.
const PREFIX: &str = "RUNNER_";

/// Shorter values are not looked for in texts: they would be found everywhere.
const SECRET_BYTES: usize = 6;

/// A set of variables that a job cannot work without.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Credential {
    /// The seed phrase of a wallet.
    Wallet,
    /// The keys of an app and of its account.
    Twitter,
    /// The address of a webhook.
    Discord,
    /// Where contracts are called, and by which command.
    Blockchain,
    /// A model service.
    Ai,
}

impl Credential {
    /// The word in `requires_…`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Wallet => "wallet",
            Self::Twitter => "twitter",
            Self::Discord => "discord",
            Self::Blockchain => "blockchain",
            Self::Ai => "ai",
        }
    }

    /// The variables that must have a value.
    #[must_use]
    pub const fn variables(self) -> &'static [&'static str] {
        match self {
            Self::Wallet => &["WALLET_MNEMONIC"],
            Self::Twitter => &[
                "TWITTER_CONSUMER_KEY",
                "TWITTER_CONSUMER_SECRET",
                "TWITTER_ACCESS_TOKEN",
                "TWITTER_ACCESS_TOKEN_SECRET",
            ],
            Self::Discord => &["DISCORD_WEBHOOK_URL"],
            Self::Blockchain => &["HIRO_API_KEY", "CONTRACT_COMMAND"],
            Self::Ai => &["AI_API_KEY"],
        }
    }
}

/// What a worker's environment says to its jobs. Shows no values.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Environment(BTreeMap<String, String>);

impl Environment {
    /// These variables. Empty values count as absent.
    pub fn new(variables: impl IntoIterator<Item = (String, String)>) -> Self {
        Self(variables.into_iter().filter(|(_, value)| !value.is_empty()).collect())
    }

    /// These and one more.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.0.insert(name.to_owned(), value.to_owned());
        self
    }

    /// The names of all variables that have a value, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// The value of the variable of exactly this name.
    #[must_use]
    pub fn own(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// The value of a variable, or of the one with `RUNNER_` before its name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        let own = self.0.get(&format!("{PREFIX}{name}"));
        own.or_else(|| self.0.get(name)).map(String::as_str)
    }

    /// The first variable that these credentials need and that has no value.
    #[must_use]
    pub fn missing(&self, credentials: &[Credential]) -> Option<&'static str> {
        let mut needed = credentials.iter().flat_map(|credential| credential.variables());
        needed.find(|name| self.get(name).is_none()).copied()
    }

    /// Every text that must be seen nowhere, the longest first, so that none shows a part of another:
    /// the values whose names say so, each line of those, what stands behind `Bearer ` in them; and
    /// the passwords in the addresses that any value holds.
    #[must_use]
    pub fn secrets(&self) -> Vec<String> {
        let named = self.0.iter().filter(|(name, _)| is_secretive(name));
        let named = named.flat_map(|(_, value)| parts(value)).map(str::to_owned);
        let passwords = self.0.values().flat_map(|value| passwords(value));
        let all = named.chain(passwords);
        let mut secrets: Vec<String> = all.filter(|secret| secret.len() >= SECRET_BYTES).collect();
        secrets.sort_unstable_by(|one, other| (other.len(), one).cmp(&(one.len(), other)));
        secrets.dedup();
        secrets
    }
}

fn is_secretive(name: &str) -> bool {
    let name = name.to_ascii_uppercase();
    let mut words = name.split('_');
    !PLACES.iter().any(|place| name.ends_with(place))
        && (words.any(|word| SECRETIVE.iter().any(|end| word.ends_with(end)))
            || SHORT.iter().any(|end| name.ends_with(end)))
}

/// A value and what it is made of: a log keeps each line by itself, and a job may leave out the space
/// around it, or say of `Bearer x` only `x`.
fn parts(value: &str) -> impl Iterator<Item = &str> {
    let lines = value.lines().map(str::trim).filter(|line| !line.starts_with("-----"));
    let bare = SCHEMES.into_iter().filter_map(|scheme| value.trim().strip_prefix(scheme));
    [value, value.trim()].into_iter().chain(lines).chain(bare)
}

/// The passwords of the addresses in a value, as they are written and as they are meant.
fn passwords(value: &str) -> Vec<String> {
    let mut found = Vec::new();
    for address in value.split([',', ' ', '\n']) {
        let Some((_, rest)) = address.split_once("://") else { continue };
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let Some((user, _)) = rest[..end].rsplit_once('@') else { continue };
        let password = match user.split_once(':') {
            Some((_, password)) => password,
            // A token may stand where a name does.
            None if user.len() >= NAME_BYTES => user,
            None => continue,
        };
        found.push(password.to_owned());
        found.extend(percent_decoded(password).filter(|meant| meant != password));
    }
    found
}

fn percent_decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let [first, more @ ..] = rest {
        let digits = more.get(..2).filter(|_| *first == b'%');
        let digits = digits.and_then(|digits| std::str::from_utf8(digits).ok());
        match digits.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = &more[2..];
            }
            None => {
                bytes.push(*first);
                rest = more;
            }
        }
    }
    String::from_utf8(bytes).ok()
}

impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(pairs: &[(&str, &str)]) -> Environment {
        Environment::new(pairs.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())))
    }

    #[test]
    fn the_first_variable_that_is_missing_is_named() {
        let some = environment(&[("HIRO_API_KEY", "abcdefg"), ("CONTRACT_COMMAND", "")]);
        assert_eq!(some.missing(&[]), None);
        assert_eq!(some.missing(&[Credential::Blockchain]), Some("CONTRACT_COMMAND"));
        assert_eq!(some.missing(&[Credential::Ai, Credential::Blockchain]), Some("AI_API_KEY"));
    }

    #[test]
    fn values_are_never_shown_and_secrets_are_told_apart() {
        let some = environment(&[
            ("MY_TOKEN", "tok-1234"),
            ("OTHER_TOKEN", "tok-1234-longer"),
            ("SHORT_KEY", "abc"),
            ("LANG", "de_DE.UTF-8"),
            ("MAX_TOKENS", "100000"),
            ("KEYBOARD", "german"),
            ("NATS_NKEY_FILE", "secrets/worker"),
            ("HOOK_WEBHOOK_URL", "https://host/x"),
        ]);
        assert_eq!(some.secrets(), ["tok-1234-longer", "https://host/x", "tok-1234"]);
        assert!(!format!("{some:?}").contains("tok"), "{some:?}");
    }

    #[test]
    fn a_secret_is_what_a_value_is_made_of_and_the_password_of_any_address() {
        let some = environment(&[
            ("PEM_KEY", "-----BEGIN KEY-----\nfirst-line\nsecond-line\n-----END KEY-----\n"),
            ("SERVICE_AUTHORIZATION", "Bearer bear-123"),
            ("DB_PASS", " pass-word "),
            ("PWD", "/some/folder"),
            ("DATABASE_URL", "postgres://app:p%40ssw0rd@db:5432/x?y=a@b"),
            ("SERVERS", "nats://one:number-1@a,nats://a-token-for-a-name@b,ssh://git@c"),
            ("PAGE", "https://host/a:b@c"),
        ]);
        let secrets = some.secrets();
        let has = |text: &str| secrets.iter().any(|secret| secret == text);
        for text in ["first-line", "second-line", "bear-123", "Bearer bear-123", "pass-word"] {
            assert!(has(text), "{text}: {secrets:?}");
        }
        for text in ["p%40ssw0rd", "p@ssw0rd", "number-1", "a-token-for-a-name"] {
            assert!(has(text), "{text}: {secrets:?}");
        }
        assert_eq!(secrets.len(), 12, "{secrets:?}");
    }
}
