//! The variables, read one setting at a time, and a note of where each setting came from.

use std::collections::BTreeMap;
use std::ffi::OsString;

use store::Access;

use super::Origin;
use crate::exit::Failure;

/// Reads variables and remembers which of them counted.
#[derive(Debug)]
pub(super) struct Reader<'a> {
    variables: &'a BTreeMap<String, OsString>,
    pub(super) origins: Vec<Origin>,
}

/// The value of a variable as a setting.
type Parse<T> = fn(&str, &str) -> Result<T, Failure>;

impl<'a> Reader<'a> {
    pub(super) const fn new(variables: &'a BTreeMap<String, OsString>) -> Self {
        Self { variables, origins: Vec::new() }
    }

    /// The first of these variables that says anything.
    pub(super) fn found(
        &self,
        names: &[&'static str],
    ) -> Result<Option<(&'static str, String)>, Failure> {
        for &name in names {
            match self.variables.get(name).map(|value| value.to_str()) {
                None => {}
                Some(Some(text)) if text.trim().is_empty() => {}
                Some(Some(text)) => return Ok(Some((name, text.to_owned()))),
                Some(None) => {
                    return Err(Failure::usage(format!("{name} is not UTF-8"), "unset it"));
                }
            }
        }
        Ok(None)
    }

    pub(super) fn note(&mut self, setting: &'static str, value: &str, from: &str) {
        self.origins.push(Origin { setting, value: value.to_owned(), from: from.to_owned() });
    }

    /// A setting with a default, shown as it was given.
    pub(super) fn parsed<T: Shown>(
        &mut self,
        setting: &'static str,
        names: &[&'static str],
        default: T,
        parse: Parse<T>,
    ) -> Result<T, Failure> {
        self.shown(setting, names, default, parse, Shown::shown)
    }

    /// A setting with a default, shown by `show`.
    pub(super) fn shown<T>(
        &mut self,
        setting: &'static str,
        names: &[&'static str],
        default: T,
        parse: Parse<T>,
        show: impl Fn(&T) -> String,
    ) -> Result<T, Failure> {
        let (value, from) = match self.found(names)? {
            Some((name, text)) => (parse(name, &text)?, name),
            None => (default, "default"),
        };
        let shown = show(&value);
        self.note(setting, &shown, from);
        Ok(value)
    }

    /// A setting without a default.
    pub(super) fn checked(
        &mut self,
        setting: &'static str,
        names: &[&'static str],
        parse: Parse<String>,
    ) -> Result<Option<String>, Failure> {
        self.shown_if(setting, names, parse, bus::nats::without_password)
    }

    /// A setting without a default, shown by `show`.
    pub(super) fn shown_if(
        &mut self,
        setting: &'static str,
        names: &[&'static str],
        parse: Parse<String>,
        show: impl Fn(&str) -> String,
    ) -> Result<Option<String>, Failure> {
        let Some((name, text)) = self.found(names)? else {
            return Ok(None);
        };
        let value = parse(name, &text)?;
        let shown = show(&value);
        self.note(setting, &shown, name);
        Ok(Some(value))
    }

    /// A setting that others decide where nothing is said.
    pub(super) fn chosen<T>(
        &mut self,
        setting: &'static str,
        name: &'static str,
        parse: Parse<T>,
    ) -> Result<Option<T>, Failure> {
        let Some((name, text)) = self.found(&[name])? else {
            return Ok(None);
        };
        let value = parse(name, &text)?;
        self.note(setting, text.trim(), name);
        Ok(Some(value))
    }

    /// A setting that may be any text.
    pub(super) fn text(
        &mut self,
        setting: &'static str,
        names: &[&'static str],
    ) -> Result<Option<String>, Failure> {
        self.checked(setting, names, |_, text| Ok(text.to_owned()))
    }

    /// A setting that nobody may read.
    pub(super) fn secret(
        &mut self,
        setting: &'static str,
        names: &[&'static str],
        parse: Parse<String>,
    ) -> Result<Option<String>, Failure> {
        let Some((name, text)) = self.found(names)? else {
            return Ok(None);
        };
        let value = parse(name, &text)?;
        self.note(setting, "given, not shown", name);
        Ok(Some(value))
    }

    /// The options of a bucket; which ones are given is noted, and what they say only where it is
    /// no secret.
    pub(super) fn access(&mut self) -> Access {
        const OPEN: &[&str] =
            &["REGION", "ENDPOINT", "ALLOW_HTTP", "CONDITIONAL_PUT", "BULK_DELETE", "VIRTUAL"];
        let options = self.variables.iter().filter(|(name, _)| name.starts_with("AWS_"));
        let options = options.filter_map(|(name, value)| Some((name, value.to_str()?)));
        let options: Vec<_> = options.filter(|(_, value)| !value.is_empty()).collect();
        for (name, value) in &options {
            let shown = if OPEN.iter().any(|part| name.contains(part)) {
                bus::nats::without_password(value)
            } else {
                "given, not shown".to_owned()
            };
            self.note("option of the bucket", &shown, name);
        }
        options.into_iter().map(|(name, value)| (name.as_str(), value)).collect()
    }
}

/// How a setting is written.
pub(super) trait Shown {
    fn shown(&self) -> String;
}

impl Shown for u16 {
    fn shown(&self) -> String {
        self.to_string()
    }
}

impl Shown for u64 {
    fn shown(&self) -> String {
        self.to_string()
    }
}

impl Shown for String {
    fn shown(&self) -> String {
        self.clone()
    }
}

impl Shown for bool {
    fn shown(&self) -> String {
        if *self { "yes" } else { "no" }.to_owned()
    }
}

impl Shown for super::LogFormat {
    fn shown(&self) -> String {
        match self {
            Self::Text => "text",
            Self::Json => "json",
        }
        .to_owned()
    }
}

impl Shown for super::Health {
    fn shown(&self) -> String {
        match self {
            Self::Off => "off".to_owned(),
            Self::At(address) if address.port() == 0 => format!("{}, any port", address.ip()),
            Self::At(address) => address.to_string(),
        }
    }
}
