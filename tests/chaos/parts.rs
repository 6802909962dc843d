//! Faults that would be the end of a fleet at work, or that need one of their own.

mod blocked;
mod crash;
mod disk;
mod failover;
mod limits;
mod wipe;

use crate::faults::Seen;
use crate::world::Ground;

/// A fault with a fleet of its own.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Apart {
    pub(crate) name: &'static str,
    pub(crate) rows: &'static [&'static str],
    pub(crate) play: fn(&Ground, &mut Seen),
}

/// Every one of them.
pub(crate) fn all() -> Vec<Apart> {
    vec![crash::APART, blocked::APART, wipe::APART, disk::APART, limits::APART, failover::APART]
}
