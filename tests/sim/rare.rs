//! States that are rare, and that the seeds of one session must all reach: else a fault that nobody
//! meets would count as one that nobody minds.

use std::cell::RefCell;
use std::collections::BTreeMap;

thread_local! {
    static REACHED: RefCell<BTreeMap<&'static str, u64>> = const { RefCell::new(BTreeMap::new()) };
}

/// Notes that a state was reached; `name` is one of [`ALL`].
pub(crate) fn reach(name: &'static str) {
    debug_assert!(ALL.contains(&name), "`{name}` is not in the list");
    REACHED.with_borrow_mut(|reached| *reached.entry(name).or_default() += 1);
}

/// What this thread reached since it was last asked, and how often.
pub(crate) fn take() -> BTreeMap<&'static str, u64> {
    REACHED.take()
}

/// All of them.
pub(crate) const ALL: &[&str] = &[
    "a word was lost with its connection",
    "a connection came back",
    "an object was there already",
    "the bucket did what it said it could not",
    "an offer was refused by its fence",
    "an offer was there already",
    "a verdict was refused, another was first",
    "a verdict was refused that says something else",
    "a window was full",
    "a batch was stored",
    "a batch was refused as a whole",
    "a run changed its owner",
    "an attempt was handed out again",
    "an attempt was carried out twice",
    "an attempt was begun a third time",
    "a worker was killed while it ran an attempt",
    "an attempt that kills workers was given up",
    "a worker was frozen past its lease and came back",
    "a coordinator was frozen past its lease and came back",
    "a verdict came after the end of its run",
    "a lease was renewed by one who had lost it",
    "an attempt ran out of time",
    "a coordinator sealed an attempt",
    "a run was cancelled while it ran",
    "a run was cancelled before it was taken",
    "a cancellation came when all was decided",
    "a submission was repeated",
    "a submission was refused, its key was used for another",
    "an end was stored by a second coordinator",
    "a LAST was stored twice with the same bytes",
    "a file beside a LAST was stored twice",
    "a limit was reached",
    "a seat was handed out again",
    "a worker handed back what it ran",
    "a worker went on with what its offer carried",
    "what a worker went on with was begun again by another",
    "a task was cancelled for another's failure",
    "a task failed, its retries used up",
    "a job panicked",
    "a run was submitted while the server was down",
    "a server forgot what it had handed out",
    "a server lost verdicts that it had not confirmed",
    "a verdict that was lost is stored again",
    "a seat was claimed anew by its holder",
    "a seat was handed out that another had claimed",
    "a seat was taken after a start, and nobody had claimed it",
];
