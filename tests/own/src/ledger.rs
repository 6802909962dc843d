//! What jobs write down of themselves while they run, for somebody else to count them by.

use std::fs::File;
use std::io::{self, Write};
use std::path::PathBuf;
use std::time::Duration;

use job::{Context, Error};
use schemars::JsonSchema;
use serde::Deserialize;
use tokio::time::sleep;

/// How often a job looks whether it may go.
const OFTEN: Duration = Duration::from_millis(5);

/// How long a job stays.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Stay {
    /// Milliseconds.
    ms: u64,
    /// And then until there is this file.
    until: Option<PathBuf>,
}

/// Stays, and has it in the file that LEDGER names: `start` when it begins, `end` when it is over,
/// however it ends but by the death of its process.
pub(crate) async fn stay(stay: Stay, job: &'static str, context: &Context) -> Result<(), Error> {
    let place = context.variable("LEDGER");
    let place = place.ok_or_else(|| Error::fatal("LEDGER names no file"))?.into();
    let key = context.key();
    let words = format!("{job} {} {} {}", key.run, key.task.0, std::process::id());
    let written = Written { place, words };
    written.line("start").map_err(|fault| Error::failed(format!("no ledger: {fault}")))?;
    let staying = async {
        sleep(Duration::from_millis(stay.ms)).await;
        while stay.until.as_ref().is_some_and(|file| !file.exists()) {
            sleep(OFTEN).await;
        }
    };
    tokio::select! {
        () = staying => Ok(()),
        () = context.cancelled().cancelled() => Err(Error::Cancelled),
    }
}

/// One who is in the ledger. That it is dropped is its end: a job may be, at any await.
struct Written {
    place: PathBuf,
    words: String,
}

impl Written {
    /// One write of one line, so that the order of the lines is that in which all happened.
    fn line(&self, word: &str) -> io::Result<()> {
        let mut file = File::options().create(true).append(true).open(&self.place)?;
        file.write_all(format!("{word} {}\n", self.words).as_bytes())?;
        file.sync_data()
    }
}

impl Drop for Written {
    fn drop(&mut self) {
        // Who counts takes one that has no end for one that still runs.
        let _ = self.line("end");
    }
}
