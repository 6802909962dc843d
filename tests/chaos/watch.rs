//! What the effect of a fault was, as the ledger and the logs of the roles tell it.

use std::collections::BTreeMap;

use ::tests::clock;

use crate::ledger::Try;
use crate::world::World;

/// A try that had not ended when it was last heard of, a moment ago.
pub(crate) fn running(world: &World, worker: u32) -> Vec<Try> {
    let now = clock::now();
    let tries = world.tries().into_iter();
    let open = tries.filter(|it| it.worker == worker && it.end.is_none() && it.orphaned.is_none());
    open.filter(|it| it.heard + 1000 > now).collect()
}

/// How long after `at` each of these tasks began once more elsewhere, milliseconds; without those
/// that did not.
pub(crate) fn begun_again(world: &World, tasks: &[Try], at: u64) -> Vec<u64> {
    let tries = world.tries();
    let again = tasks.iter().filter_map(|task| {
        let later = tries.iter().filter(|it| it.run == task.run && it.task == task.task);
        later.filter(|it| it.first > task.first && it.pid != task.pid).map(|it| it.began).min()
    });
    again.map(|began| began.saturating_sub(at)).collect()
}

/// A word of a coordinator about a run.
#[derive(Debug, Clone)]
pub(crate) struct Word {
    pub(crate) coordinator: String,
    pub(crate) run: String,
    pub(crate) at: u64,
    pub(crate) taken: bool,
}

/// Which coordinator took which run, and which of them ended or were left, in order.
pub(crate) fn words(world: &World) -> Vec<Word> {
    let mut words: Vec<Word> = Vec::new();
    for member in &world.coordinators {
        let log = member.role.log();
        words.extend(log.lines().filter_map(|line| word(&member.role.name, line)));
    }
    words.sort_by_key(|word| word.at);
    words
}

fn word(coordinator: &str, line: &str) -> Option<Word> {
    let taken = line.contains("run taken");
    let left = ["run ended", "run has another owner", "run left to another", "run handed to"];
    if !taken && !left.iter().any(|said| line.contains(said)) {
        return None;
    }
    let (date, _) = line.split_once(' ')?;
    let (_, rest) = line.split_once("run.id=")?;
    let run: String = rest.chars().take_while(char::is_ascii_hexdigit).collect();
    Some(Word { coordinator: coordinator.to_owned(), run, at: clock::read(date)?, taken })
}

/// The runs that a coordinator held at a moment: the last word about each is that it took it. One
/// that died leaves no word that it has no more.
pub(crate) fn held(words: &[Word], coordinator: &str, at: u64) -> Vec<String> {
    let mut held: BTreeMap<&str, &Word> = BTreeMap::new();
    for word in words.iter().filter(|word| word.at <= at) {
        held.insert(&word.run, word);
    }
    let held = held.into_values().filter(|word| word.taken && word.coordinator == coordinator);
    held.map(|word| word.run.clone()).collect()
}

/// How long after `at` each of these runs was taken by somebody, milliseconds.
pub(crate) fn taken_over(words: &[Word], runs: &[String], at: u64) -> Vec<u64> {
    let first = runs.iter().filter_map(|run| {
        let later = words.iter().filter(|word| word.taken && word.at > at && word.run == *run);
        later.map(|word| word.at - at).min()
    });
    first.collect()
}

/// Those of these runs that nobody took after `at`, and that did not come to their end either.
pub(crate) fn unseen<'a>(words: &[Word], runs: &'a [String], at: u64) -> Vec<&'a str> {
    let later = |run: &str| words.iter().any(|word| word.at > at && word.run == run);
    runs.iter().map(String::as_str).filter(|run| !later(run)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_of_a_coordinator_are_read_from_its_log() {
        let log =
            "2026-11-21T12:00:01.500Z  INFO coordinator::conduct: run taken run.id=ab12 epoch=7
2026-11-21T12:00:02.000Z  INFO coordinator::conduct: run taken run.id=cd34 epoch=9
2026-11-21T12:00:03.000Z  INFO coordinator: run ended run.id=ab12
nonsense";
        let words: Vec<Word> = log.lines().filter_map(|line| word("c", line)).collect();
        let at = clock::read("2026-11-21T12:00:03.500Z").unwrap();
        assert_eq!(held(&words, "c", at), ["cd34"]);
        assert_eq!(held(&words, "d", at), Vec::<String>::new());
        let runs = ["ab12".to_owned(), "cd34".to_owned()];
        assert_eq!(taken_over(&words, &runs[1..], at - 2000), [500]);
        assert_eq!(unseen(&words, &runs, at - 2000), Vec::<&str>::new());
        assert_eq!(unseen(&words, &runs, at - 1000), ["cd34"]);
    }
}
