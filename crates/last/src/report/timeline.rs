//! When what ran.

use serde::Serialize;

use super::tasks::Teller;

/// The drawings.
#[derive(Debug, Serialize)]
pub(super) struct Chart {
    tasks: String,
    workers: String,
}

/// The drawings of a run in which something ran.
pub(super) fn chart(teller: &Teller<'_>) -> Option<Chart> {
    (!teller.outline.bars.is_empty())
        .then(|| Chart { tasks: String::new(), workers: String::new() })
}
