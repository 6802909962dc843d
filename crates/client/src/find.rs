//! A run by what a person types of its id.

use bus::Bus;
use protocol::{RunId, RunRecord};

use crate::Client;

/// The fewest digits that name a run.
const FEWEST: usize = 4;

/// Digits of a run's id that lists show: the last ones, for the first ones are a time and alike.
const SHORT: usize = 8;

/// Runs named when several are meant.
const NAMED: usize = 10;

/// Why no run was found.
#[derive(Debug, thiserror::Error)]
pub enum FindError {
    /// The text cannot be a part of an id.
    #[error("`{0}` names no run: use its id, or 4 or more hex digits it begins or ends with")]
    NotAnId(String),
    /// No run has such an id.
    #[error("no run `{text}` is known")]
    Unknown {
        /// The text, as given.
        text: String,
        /// The run whose id is nearest, if any is near.
        nearest: Option<RunId>,
    },
    /// Several runs have.
    #[error("`{text}` may be any of {}", list(runs))]
    Ambiguous {
        /// The text, as given.
        text: String,
        /// The first ten of them, the latest first.
        runs: Vec<RunRecord>,
    },
    /// The road's.
    #[error(transparent)]
    Bus(#[from] bus::Error),
}

fn list(runs: &[RunRecord]) -> String {
    let ids: Vec<String> = runs.iter().map(|record| record.run.to_string()).collect();
    ids.join(", ")
}

/// The part of a run's id that lists show: its last 8 digits.
#[must_use]
pub fn short(run: RunId) -> String {
    run.to_string().split_off(32 - SHORT)
}

impl<B: Bus> Client<B> {
    /// The record of the run whose id is `text`, or begins or ends with it. A run that no
    /// coordinator has taken yet is found by its whole id; its record is blank.
    ///
    /// # Errors
    /// [`FindError`].
    pub async fn find(&self, text: &str) -> Result<RunRecord, FindError> {
        let wanted = text.to_ascii_lowercase();
        let is_part = (FEWEST..=32).contains(&wanted.len())
            && wanted.bytes().all(|digit| digit.is_ascii_hexdigit());
        if !is_part {
            return Err(FindError::NotAnId(text.to_owned()));
        }
        // A whole id needs no list, which may be long.
        if let Ok(run) = wanted.parse() {
            if let Some(record) = self.bus.record_of(run).await? {
                return Ok(record);
            }
            if self.bus.is_submitted(run).await? {
                return Ok(RunRecord::blank(run, self.bus.now()));
            }
        }
        among(self.bus.records().await?, text, &wanted)
    }
}

fn among(records: Vec<RunRecord>, text: &str, wanted: &str) -> Result<RunRecord, FindError> {
    let mut fits = Vec::new();
    let mut nearest: Option<(usize, RunId)> = None;
    for record in records {
        let id = record.run.to_string();
        if id.starts_with(wanted) || id.ends_with(wanted) {
            fits.push(record);
        } else if fits.is_empty() {
            let distance = distance(&id, wanted);
            if nearest.is_none_or(|(best, _)| distance < best) {
                nearest = Some((distance, record.run));
            }
        }
    }
    let text = text.to_owned();
    match fits.len() {
        0 => {
            // A third of the digits wrong is another id, not a slip.
            let nearest = nearest.filter(|(distance, _)| distance * 3 <= wanted.len());
            Err(FindError::Unknown { text, nearest: nearest.map(|(_, run)| run) })
        }
        1 => Ok(fits.swap_remove(0)),
        _ => {
            fits.truncate(NAMED);
            Err(FindError::Ambiguous { text, runs: fits })
        }
    }
}

/// How many digits of `wanted` are wrong at the better end of `id`.
fn distance(id: &str, wanted: &str) -> usize {
    let (start, end) = (&id[..wanted.len()], &id[id.len() - wanted.len()..]);
    strsim::levenshtein(start, wanted).min(strsim::levenshtein(end, wanted))
}

#[cfg(test)]
mod tests {
    use protocol::{Counts, Timestamp};

    use super::*;

    fn records() -> Vec<RunRecord> {
        let ids = [
            "0190aaaaaaaa70008000000000001234",
            "0190aaaaaaaa70008000000000005678",
            "0190bbbbbbbb70008000000000009abc",
        ];
        let record = |id: &&str| RunRecord {
            run: id.parse().unwrap_or_else(|error| panic!("{error}")),
            alt_id: "a".to_owned(),
            title: "A".to_owned(),
            started: Timestamp(1),
            updated: Timestamp(1),
            counts: Counts::default(),
            end: None,
        };
        ids.iter().map(record).collect()
    }

    #[test]
    fn a_part_of_an_id_names_the_one_run_that_has_it() {
        for (text, expected) in [
            ("1234", "ok 00001234"),
            ("0190b", "ok 00009abc"),
            ("0190aaaaaaaa70008000000000005678", "ok 00005678"),
            ("0190", "3"),
            ("00005679", "near 00005678"),
            ("ffffffff", "unknown"),
        ] {
            let told = match among(records(), text, text) {
                Ok(record) => format!("ok {}", short(record.run)),
                Err(FindError::Ambiguous { runs, .. }) => runs.len().to_string(),
                Err(FindError::Unknown { nearest: Some(run), .. }) => {
                    format!("near {}", short(run))
                }
                Err(FindError::Unknown { .. }) => "unknown".to_owned(),
                Err(error) => error.to_string(),
            };
            assert_eq!(told, expected, "{text}");
        }
    }
}
