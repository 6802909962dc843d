//! The options with which a bucket is reached, under the names that AWS gives them.

use std::collections::BTreeMap;

/// Options such as `AWS_ACCESS_KEY_ID`, `AWS_REGION` or `AWS_ENDPOINT_URL`, by name.
///
/// Collect the whole environment into it: what does not begin with `AWS_` and what is empty is left
/// out, and options that mean nothing here are ignored. Its debug text shows names only.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Access(BTreeMap<String, String>);

impl Access {
    /// What the option says; `name` in capitals.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    pub(crate) fn has(&self, names: &[&str]) -> bool {
        names.iter().all(|name| self.0.contains_key(*name))
    }

    pub(crate) fn is_true(&self, name: &str) -> bool {
        self.get(name).is_some_and(|value| {
            ["1", "true", "on", "yes", "y"].contains(&value.to_ascii_lowercase().as_str())
        })
    }
}

impl<N: Into<String>, V: Into<String>> FromIterator<(N, V)> for Access {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(options: I) -> Self {
        let options = options.into_iter().map(|(name, value)| {
            let name: String = name.into();
            (name.to_ascii_uppercase(), value.into())
        });
        Self(
            options.filter(|(name, value)| name.starts_with("AWS_") && !value.is_empty()).collect(),
        )
    }
}

impl std::fmt::Debug for Access {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_tuple("Access").field(&self.0.keys().collect::<Vec<_>>()).finish()
    }
}
