//! What a job may require of its worker: sets of variables, each a credential for one service.

use std::collections::BTreeMap;
use std::fmt;

/// Words in the name of a variable whose value is a secret.
const SECRETIVE: [&str; 7] = ["KEY", "SECRET", "TOKEN", "PASSWORD", "MNEMONIC", "SEED", "WEBHOOK"];

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
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::Wallet, Self::Twitter, Self::Discord, Self::Blockchain, Self::Ai];

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

    /// Every value that must be seen nowhere, the longest first, so that none shows a part of another.
    #[must_use]
    pub fn secrets(&self) -> Vec<&str> {
        let secretive = |name: &str| {
            let name = name.to_ascii_uppercase();
            SECRETIVE.iter().any(|word| name.contains(word))
        };
        let named = self.0.iter().filter(|(name, _)| secretive(name));
        let mut secrets: Vec<&str> = named
            .map(|(_, value)| value.as_str())
            .filter(|value| value.len() >= SECRET_BYTES)
            .collect();
        secrets.sort_unstable_by_key(|secret| std::cmp::Reverse(secret.len()));
        secrets
    }
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
        ]);
        assert_eq!(some.secrets(), ["tok-1234-longer", "tok-1234"]);
        assert!(!format!("{some:?}").contains("tok"), "{some:?}");
    }
}
