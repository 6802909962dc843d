//! What a limit costs that is never reached: the same fan with one and without, in turns.

use std::time::Duration;

use crate::figures::{System, Times};
use crate::ours::{self, Fleet};
use crate::shape::Shape;

const SHAPE: Shape = Shape::Fan(10_000);
const REPETITIONS: usize = 3;

/// Attempts that each of the two workers runs at once, and the limit: no fewer than both together.
const SLOTS: &str = "32";
const LIMIT: &str = "64";

/// Two fleets beside each other, of which only one works at a time; the row is that of the limited.
pub(crate) async fn measure(conf: &str) -> System {
    let free = Fleet::with(conf, SLOTS, &[]).await;
    let limited = Fleet::with(conf, SLOTS, &[("ECHO_MAX_CONCURRENT", LIMIT)]).await;
    let file = SHAPE.alt();
    let (mut without, mut with) = (Vec::new(), Vec::new());
    // The first of each is to warm up.
    for repetition in 0..=REPETITIONS {
        for (fleet, times) in [(&free, &mut without), (&limited, &mut with)] {
            let took = fleet.run(file.clone().into()).await;
            if repetition > 0 {
                times.push(took);
            }
        }
    }
    let mut system = of(with);
    let (ours, theirs) = (system.figure(SHAPE).unwrap(), of(without).figure(SHAPE).unwrap());
    let ratio = ours / theirs;
    system.name = format!("{}, a limit of {LIMIT} on {LIMIT} slots", ours::version());
    system.notes.push(format!(
        "{}: {ours:.0} tasks/s under the limit, {theirs:.0} without, {ratio:.2} ×",
        SHAPE.heading()
    ));
    eprintln!("  {}", system.notes[0]);
    system
}

fn of(times: Vec<Duration>) -> System {
    System { times: [(SHAPE, Times::Whole(times))].into(), ..System::default() }
}
