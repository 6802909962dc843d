//! The points at which a process can be told to die: before and after everything that it writes.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

/// Every write of the road, by the trait and the method that makes it.
pub(crate) const ROAD: &[&str] = &[
    "Bus.declare",
    "Bus.mend",
    "Bus.submit",
    "Bus.own",
    "Bus.dispatch",
    "Bus.stop",
    "Bus.record",
    "Bus.started",
    "Bus.cancel",
    "Bus.report",
    "Bus.beat",
    "Bus.remember",
    "Bus.quarantine",
    "Bus.advise",
    "Bus.end",
    // Taking what lies there is a write too: it begins a lease.
    "Bus.next_run",
    "Bus.claim",
    "RunClaim.extend",
    "RunClaim.ack",
    "RunClaim.release",
    "Claim.begin_again",
    "Claim.extend",
    "Claim.ack",
    "Claim.release",
    "Questions.answer",
];

/// What only asks. `tests` holds both lists against the contract, so that a new method is on one.
#[cfg(test)]
pub(crate) const ASKING: &[&str] = &[
    "Bus.now",
    "Bus.is_submitted",
    "Bus.outstanding",
    "Bus.verdicts",
    "Bus.follow",
    "Bus.stops",
    "Bus.records",
    "Bus.ask",
    "Bus.questions",
    "Bus.beats",
    "Bus.recall",
    "Bus.record_of",
    "Bus.insights_of",
    "Bus.end_of",
    "Bus.ended",
    "RunClaim.submission",
    "RunClaim.past",
    "RunClaim.lease",
    "Claim.offer",
    "Claim.deliveries",
    "Claim.seat_wait",
    "Claim.lease",
    "Claim.is_decided",
    "Claim.lost",
    "Follow.next",
    "Follow.confirm",
    "Stops.next",
    "Questions.next",
    "Beats.next",
];

/// Every write of the store.
pub(crate) const STORE: &[&str] = &[
    "Store.put",
    "Store.put_large",
    "Store.put_part",
    "Store.complete",
    "Store.delete",
    "Store.copy",
];

/// The names of all points.
pub(crate) fn names() -> impl Iterator<Item = String> {
    let writes = ROAD.iter().chain(STORE);
    writes.flat_map(|write| ["before", "after"].map(|side| format!("{write}.{side}")))
}

/// Where this process is to die.
#[derive(Debug, PartialEq, Eq)]
struct Plan {
    name: String,
    /// At which time of coming there, from 1.
    nth: u64,
}

static PLAN: OnceLock<Plan> = OnceLock::new();
static COME: AtomicU64 = AtomicU64::new(0);

/// Reads `NAME` or `NAME:n`.
///
/// # Errors
/// What is wrong, for people.
pub(crate) fn plan(text: &str) -> Result<(), String> {
    let _ = PLAN.set(read(text)?);
    Ok(())
}

fn read(text: &str) -> Result<Plan, String> {
    let (name, nth) = text.split_once(':').unwrap_or((text, "1"));
    if !names().any(|known| known == name) {
        return Err(format!("there is no point {name}"));
    }
    let nth = nth.parse().map_err(|error| format!("{text}: {error}"))?;
    Ok(Plan { name: name.to_owned(), nth })
}

fn come(write: &str, side: &str) {
    let Some(plan) = PLAN.get() else { return };
    let here = plan.name.strip_prefix(write).and_then(|rest| rest.strip_prefix('.')) == Some(side);
    if here && COME.fetch_add(1, Ordering::Relaxed) + 1 == plan.nth {
        tracing::error!(point = plan.name, "dies here");
        std::process::abort();
    }
}

/// Does what writes, between its two points.
pub(crate) async fn at<T>(write: &'static str, writing: impl Future<Output = T>) -> T {
    debug_assert!(ROAD.contains(&write) || STORE.contains(&write), "{write}");
    come(write, "before");
    let written = writing.await;
    come(write, "after");
    written
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONTRACT: &str = include_str!("../../crates/bus/src/contract.rs");
    const ROAD_SOURCE: &str = include_str!("road.rs");

    /// The methods of the traits of the contract, as `Trait.method`.
    fn contract() -> Vec<String> {
        let mut inside = None;
        let mut found = Vec::new();
        for line in CONTRACT.lines() {
            if let Some(rest) = line.strip_prefix("pub trait ") {
                inside = rest.split([':', ' ']).next();
            } else if line == "}" {
                inside = None;
            }
            let method = line.strip_prefix("    fn ").and_then(|rest| rest.split('(').next());
            if let (Some(name), Some(method)) = (inside, method) {
                found.push(format!("{name}.{method}"));
            }
        }
        found
    }

    #[test]
    fn each_method_of_the_contract_is_a_write_with_points_or_only_asks() {
        let contract = contract();
        assert!(contract.len() > 40, "{contract:?}");
        for method in &contract {
            let listed = ROAD.iter().chain(ASKING).filter(|name| *name == method).count();
            assert_eq!(listed, 1, "{method}: put it into ROAD or ASKING");
        }
        for name in ROAD.iter().chain(ASKING) {
            assert!(contract.iter().any(|method| method == name), "{name} is in no trait");
        }
        for write in ROAD {
            assert!(ROAD_SOURCE.contains(&format!("at(\"{write}\"")), "{write} has no points");
        }
    }

    #[test]
    fn a_plan_names_a_point_and_a_time() {
        let plan = |name: &str, nth| Ok(Plan { name: name.to_owned(), nth });
        assert_eq!(read("Bus.own.after"), plan("Bus.own.after", 1));
        assert_eq!(read("Store.put.before:3"), plan("Store.put.before", 3));
        assert!(read("Bus.own").is_err() && read("Bus.own.after:x").is_err());
    }
}
