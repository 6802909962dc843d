//! Keeps the secrets of a worker out of all that it says: a job that repeats one in an error, a log
//! line or its output has it replaced.

use aho_corasick::{AhoCorasick, MatchKind};
use alt::Json;
use job::Environment;
use protocol::Failure;

use crate::report::Report;

/// What stands where a secret stood.
const INSTEAD: &str = "[secret]";

/// Finds the secrets of an environment.
#[derive(Debug, Default)]
pub(crate) struct Redactor(Option<AhoCorasick>);

impl Redactor {
    /// Of all that `environment` keeps secret, as it is written and as JSON writes it.
    pub(crate) fn new(environment: &Environment) -> Self {
        let secrets = environment.secrets();
        let escaped = secrets.iter().map(|secret| {
            let quoted = serde_json::Value::from(*secret).to_string();
            quoted.trim_matches('"').to_owned()
        });
        let mut words: Vec<String> = escaped.collect();
        words.extend(secrets.iter().map(|&secret| secret.to_owned()));
        if words.is_empty() {
            return Self(None);
        }
        let finder = AhoCorasick::builder().match_kind(MatchKind::LeftmostLongest).build(&words);
        Self(finder.ok())
    }

    fn is_clean(&self, text: &str) -> bool {
        self.0.as_ref().is_none_or(|finder| !finder.is_match(text))
    }

    pub(crate) fn text(&self, text: String) -> String {
        match &self.0 {
            Some(finder) if finder.is_match(&text) => {
                finder.replace_all(&text, &vec![INSTEAD; finder.patterns_len()])
            }
            _ => text,
        }
    }

    pub(crate) fn lines(&self, lines: Vec<String>) -> Vec<String> {
        lines.into_iter().map(|line| self.text(line)).collect()
    }

    /// # Errors
    /// A report when a secret stands where no text can: in a number.
    pub(crate) fn output(&self, output: Json) -> Result<Json, Report> {
        if self.is_clean(output.text()) {
            return Ok(output);
        }
        Json::from_text(self.text(output.text().to_owned())).map_err(|_| {
            Report::failed("the output holds a secret of its worker as a number", false)
        })
    }

    pub(crate) fn report(&self, report: Report) -> Report {
        match report {
            Report::Failed(failure) => {
                Report::Failed(Failure { message: self.text(failure.message), ..failure })
            }
            Report::Skipped(reason) => Report::Skipped(self.text(reason)),
            other => other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn redactor() -> Redactor {
        let variables =
            [("API_KEY", "k-\"quoted\"-1"), ("PIN_SECRET", "123456"), ("LANG", "de_DE")];
        let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
        Redactor::new(&Environment::new(variables))
    }

    #[test]
    fn a_secret_is_replaced_wherever_it_stands() {
        let redactor = redactor();
        assert_eq!(redactor.text("with k-\"quoted\"-1 in de_DE".into()), "with [secret] in de_DE");
        let output = Json::from_text(r#"{"said":"k-\"quoted\"-1","of":"1234567"}"#).unwrap();
        let output = redactor.output(output).unwrap();
        assert_eq!(output.text(), r#"{"said":"[secret]","of":"[secret]7"}"#);
    }

    #[test]
    fn what_is_clean_stays_as_it_is_to_the_byte() {
        let output = Json::from_text(r#"{"a" : 1e400}"#).unwrap();
        assert_eq!(redactor().output(output).unwrap().text(), r#"{"a" : 1e400}"#);
    }

    #[test]
    fn a_secret_that_is_a_number_fails_the_attempt_rather_than_be_shown() {
        let output = Json::from_text("[123456]").unwrap();
        assert!(matches!(redactor().output(output), Err(Report::Failed(_))));
    }
}
