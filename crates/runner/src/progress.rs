//! What people see while a run goes on, in the form they asked for.

mod board;
mod frame;
mod json;
mod plain;
mod tty;

use std::sync::Arc;
use std::time::Duration;

use alt::Alt;
use bus::Heard;
use protocol::{Counts, End, RunId, RunRecord, Snapshot};

use self::board::Board;
use self::json::JsonLines;
use self::plain::Plain;
use self::tty::Tty;
use crate::arguments::ProgressMode;
use crate::output;

pub(crate) use self::frame::{fit, seconds};

/// A view of one run.
#[derive(Debug)]
pub(crate) struct View {
    board: Board,
    form: Form,
    /// The counts that were told last.
    told: Option<Counts>,
}

#[derive(Debug)]
enum Form {
    Tty(Tty),
    Plain(Plain),
    Json(JsonLines),
    Quiet,
}

impl View {
    /// A view of a run whose file is at hand: every attempt is shown.
    pub(crate) fn of_file(mode: ProgressMode, unicode: bool, run: RunId, alt: Arc<Alt>) -> Self {
        Self::new(mode, unicode, run, Board::of_file(alt))
    }

    /// A view of a run that somebody submitted: what its conductor tells is shown.
    pub(crate) fn of_record(mode: ProgressMode, unicode: bool, record: &RunRecord) -> Self {
        Self::new(mode, unicode, record.run, Board::of_record(record))
    }

    fn new(mode: ProgressMode, unicode: bool, run: RunId, board: Board) -> Self {
        let form = match mode {
            ProgressMode::Auto if output::is_watched() => Form::Tty(Tty::new(unicode)),
            ProgressMode::Tty => Form::Tty(Tty::new(unicode)),
            ProgressMode::Auto | ProgressMode::Plain => Form::Plain(Plain::default()),
            ProgressMode::Json => Form::Json(JsonLines::new(run)),
            ProgressMode::Quiet => Form::Quiet,
        };
        Self { board, form, told: None }
    }

    /// Whether the news of every attempt are shown; a quiet view needs none.
    pub(crate) const fn wants_news(&self) -> bool {
        !matches!(self.form, Form::Quiet) && self.board.knows_the_file()
    }

    /// Whether nothing is shown.
    pub(crate) const fn is_quiet(&self) -> bool {
        matches!(self.form, Form::Quiet)
    }

    /// Takes note of news.
    pub(crate) fn hear(&mut self, news: &[Heard]) {
        for heard in news {
            if let (Heard::Started(stored), Form::Json(json)) = (heard, &mut self.form) {
                json.started(&self.board.id(stored.body.key.task), stored);
            }
            let Some(line) = self.board.hear(heard) else {
                continue;
            };
            match &mut self.form {
                Form::Tty(tty) => tty.finished(&self.board, &line),
                Form::Plain(plain) => plain.finished(&self.board, &line),
                Form::Json(json) => json.finished(&line),
                Form::Quiet => {}
            }
        }
    }

    /// Takes note of how the tasks stand.
    pub(crate) fn see(&mut self, snapshot: &Snapshot) {
        let counts = snapshot.record.counts;
        self.board.counts = counts;
        if let Form::Json(json) = &mut self.form
            && self.told != Some(counts)
        {
            json.counts(counts);
        }
        self.told = Some(counts);
        if self.board.knows_the_file() {
            return;
        }
        for changed in self.board.see(snapshot) {
            match &mut self.form {
                Form::Tty(tty) => tty.changed(&changed),
                Form::Plain(_) => Plain::changed(&self.board, &changed),
                Form::Json(json) => json.changed(&changed, snapshot.record.updated),
                Form::Quiet => {}
            }
        }
    }

    /// Shows how things are, if this view does that by time.
    pub(crate) fn draw(&mut self, elapsed: Duration) {
        match &mut self.form {
            Form::Tty(tty) => tty.draw(&self.board, elapsed),
            Form::Plain(plain) => plain.draw(&self.board, elapsed),
            Form::Json(_) | Form::Quiet => {}
        }
    }

    /// Says something to the person who watches.
    pub(crate) fn note(&mut self, text: &str) {
        match &mut self.form {
            Form::Tty(tty) => tty.note(text),
            Form::Plain(_) => output::say(&format!("{text}\n")),
            Form::Json(json) => json.note(text),
            Form::Quiet => {}
        }
    }

    /// Ends the view of a run that is left, with a last word.
    pub(crate) fn leave(&mut self, text: &str) {
        match &mut self.form {
            Form::Tty(tty) => {
                tty.note(text);
                tty.clear();
            }
            Form::Plain(_) => output::say(&format!("{text}\n")),
            Form::Json(json) => json.note(text),
            Form::Quiet => {}
        }
    }

    /// Ends the view with the outcome.
    pub(crate) fn end(&mut self, end: &End, counts: Counts, elapsed: Duration) {
        self.board.counts = counts;
        match &mut self.form {
            Form::Tty(tty) => {
                tty.clear();
                output::say(&outcome(end, counts, elapsed));
            }
            Form::Plain(_) => output::say(&outcome(end, counts, elapsed)),
            Form::Json(json) => json.end(end, counts),
            Form::Quiet => {}
        }
    }
}

/// The last line of a run for people.
fn outcome(end: &End, counts: Counts, elapsed: Duration) -> String {
    let Counts { completed, failed, timeout, cancelled, .. } = counts;
    let mut text =
        format!("{}: {completed} of {} tasks completed", end.status.name(), counts.total());
    for (count, word) in [(failed, "failed"), (timeout, "timed out"), (cancelled, "cancelled")] {
        if count > 0 {
            text.push_str(&format!(", {count} {word}"));
        }
    }
    text.push_str(&format!(", in {}\n", seconds(elapsed)));
    text
}
