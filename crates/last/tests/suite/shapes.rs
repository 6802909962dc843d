//! Graphs of real shapes, and runs of them as a small fleet would play them.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::convert::Infallible;
use std::fmt::Write as _;
use std::sync::Arc;

use alt::{Alt, Json, TaskIndex};
use last::{Assembled, AttemptFacts, TaskEnd, TaskFacts};
use protocol::{Body, Counts};

use crate::sample::{START, alt, attempt, run};

/// A task as a shape names it: its id, its job, and the earlier tasks it depends on.
pub(crate) struct Named(pub(crate) String, pub(crate) &'static str, pub(crate) Vec<usize>);

/// The file of a shape.
pub(crate) fn file(title: &str, tasks: &[Named]) -> (String, Arc<Alt>) {
    let mut text = format!("{{\"id\":\"shape\",\"title\":\"{title}\",\"tasks\":[\n");
    for (place, Named(id, job, before)) in tasks.iter().enumerate() {
        let before: Vec<String> =
            before.iter().map(|task| format!("\"{}\"", tasks[*task].0)).collect();
        let comma = if place == 0 { "" } else { ",\n" };
        let _ = write!(
            text,
            "{comma}{{\"id\":\"{id}\",\"description\":\"What {id} is to do\",\"job\":\"{job}\",\
             \"parameters\":{{\"number\":{place},\"prompt\":\"Say what {id} is about\"}},\
             \"dependencies\":[{}]}}",
            before.join(",")
        );
    }
    text.push_str("\n]}");
    let alt = alt(&text);
    (text, alt)
}

/// A number that looks like chance and is always the same.
pub(crate) fn dice(seed: usize) -> u64 {
    let mut x = (seed as u64).wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb) >> 33
}

/// The same, from 0 to below `sides`.
fn roll(seed: usize, sides: usize) -> usize {
    usize::try_from(dice(seed)).unwrap() % sides
}

/// All that ten graphs of daily work look like.
pub(crate) fn all() -> Vec<(&'static str, Vec<Named>)> {
    let numbered =
        |count: usize, name: &str, job: &'static str, before: &dyn Fn(usize) -> Vec<usize>| {
            let id = |place| format!("{name}-{place}");
            (0..count).map(|place| Named(id(place), job, before(place))).collect::<Vec<_>>()
        };
    let chain = |count| {
        numbered(count, "step", "echo", &|place| place.checked_sub(1).into_iter().collect())
    };
    let fan = |count: usize| {
        numbered(count + 2, "part", "http", &|place| match place {
            0 => vec![],
            last if last == count + 1 => (1..=count).collect(),
            _ => vec![0],
        })
    };
    let layered = |wide: usize, deep: usize| {
        numbered(wide * deep, "cell", "exec", &|place| match place / wide {
            0 => vec![],
            row => (0..2 + roll(place, 2))
                .map(|one| (row - 1) * wide + (place % wide + one) % wide)
                .collect(),
        })
    };
    let random = numbered(200, "task", "exec", &|place| {
        let count = if place == 0 { 0 } else { roll(place * 7, 3) };
        let mut before: Vec<usize> =
            (0..count).map(|one| place - 1 - roll(place * 3 + one, place.min(40))).collect();
        before.sort_unstable();
        before.dedup();
        before
    });
    let tree = numbered(127, "node", "echo", &|place| {
        place.checked_sub(1).map(|it| it / 2).into_iter().collect()
    });
    let lanes =
        numbered(2000, "lane", "exec", &|place| if place < 5 { vec![] } else { vec![place - 5] });
    vec![
        ("chain", chain(8)),
        (
            "diamond",
            numbered(4, "corner", "echo", &|place| match place {
                0 => vec![],
                3 => vec![1, 2],
                _ => vec![0],
            }),
        ),
        ("fan-out", fan(24)),
        ("fan-1000", fan(1000)),
        ("layered", layered(6, 7)),
        ("map-reduce", map_reduce(30, 6)),
        ("map-reduce-large", map_reduce(2000, 50)),
        ("random-200", random),
        ("tree", tree),
        ("lanes", lanes),
    ]
}

/// Fetch, split, map, shuffle, reduce, and a report that looks back at the start.
pub(crate) fn map_reduce(maps: usize, shuffles: usize) -> Vec<Named> {
    let mut tasks = vec![
        Named("fetch corpus".to_owned(), "http", vec![]),
        Named("split".to_owned(), "transform", vec![0]),
    ];
    tasks.extend((0..maps).map(|map| Named(format!("map {map}"), "exec", vec![1])));
    let first = tasks.len();
    tasks.extend((0..shuffles).map(|shuffle| {
        let from = (0..maps).filter(|map| map % shuffles == shuffle);
        Named(format!("shuffle {shuffle}"), "transform", from.map(|map| map + 2).collect())
    }));
    let reduce = tasks.len();
    tasks.push(Named("reduce".to_owned(), "transform", (first..reduce).collect()));
    tasks.push(Named("write report".to_owned(), "ai", vec![0, reduce]));
    tasks
}

/// A run of `alt` on eight workers of four slots each: some attempts fail, some tasks do.
pub(crate) fn played(alt: &Alt) -> (String, Assembled) {
    let count = alt.file().tasks.len();
    let mut slots: BinaryHeap<Reverse<(u64, u32)>> =
        (0..32).map(|slot| Reverse((0, slot))).collect();
    let mut told: Vec<Option<TaskFacts>> = vec![None; count];
    let mut ends = vec![(0_u64, None::<TaskIndex>); count];
    let mut counts = Counts::default();
    for task in alt.graph().order() {
        let dependencies = alt.graph().dependencies(*task);
        let blame = dependencies.iter().find_map(|source| ends[source.get()].1);
        let ready = dependencies.iter().map(|source| ends[source.get()].0).max().unwrap_or(5);
        let (facts, end, blame) = match blame {
            Some(cause) => {
                counts.cancelled += 1;
                (none(cause, ready), ready, Some(cause))
            }
            None => tried(*task, ready, &mut slots, &mut counts),
        };
        ends[task.get()] = (end, blame);
        told[task.get()] = Some(facts);
    }
    let finished = ends.iter().map(|(end, _)| *end).max().unwrap_or(0);
    let facts =
        last::RunFacts { finished: protocol::Timestamp(START + finished), ..run(alt, counts) };
    let mut out = Vec::new();
    let mut tell = |task: TaskIndex| Ok::<_, Infallible>(told[task.get()].take().unwrap());
    let assembled = last::assemble(&mut out, &facts, &mut tell).unwrap();
    (String::from_utf8(out).unwrap(), assembled)
}

fn none(cause: TaskIndex, at: u64) -> TaskFacts {
    crate::sample::facts(TaskEnd::Cancelled { cause: Some(cause) }, at, vec![])
}

/// One or two attempts on the slot that is free first; when they end, and who is to blame.
fn tried(
    task: TaskIndex,
    ready: u64,
    slots: &mut BinaryHeap<Reverse<(u64, u32)>>,
    counts: &mut Counts,
) -> (TaskFacts, u64, Option<TaskIndex>) {
    let Reverse((free, slot)) = slots.pop().unwrap();
    let start = ready.max(free) + 3;
    let chance = dice(task.get() * 11);
    let ran = 20 + chance % 400 * (1 + 6 * u64::from(chance.is_multiple_of(29)));
    let end = start + ran;
    let by = |mut facts: AttemptFacts| {
        facts.verdict.body.worker = Some(format!("worker-{}", slot % 8).parse().unwrap());
        facts.verdict.body.seat_wait_ms =
            if slot.is_multiple_of(3) { (start - ready) / 2 } else { 0 };
        facts
    };
    let output = || {
        let text = format!(
            "{{\"answer\":\"{}\",\"model\":\"small-{}\",\"usage\":{{\"input_tokens\":{},\"output_tokens\":40}}}}",
            "what came of it, in some words. ".repeat(4),
            task.0 % 3,
            100 + task.0 % 50
        );
        Ok(Body::Inline(Json::from_text(text).unwrap()))
    };
    let wrong = Err("exit status 1: the disk was full");
    // The first tasks hold up all others: they go well.
    let bad = task.0 > 4 && chance.is_multiple_of(41);
    let again = bad || chance.is_multiple_of(17);
    let first = if again { wrong } else { output() };
    let mut attempts = vec![by(attempt(task, 1, (ready, end, ran), first))];
    let mut end = end;
    if again {
        let pause = 120;
        let body = if bad { Err("exit status 1: the disk was full again") } else { output() };
        let (from, to) = (end + pause, end + pause + 4 + ran / 2);
        attempts.push(by(attempt(task, 2, (from, to, ran / 2), body)));
        end = to;
    }
    slots.push(Reverse((end, slot)));
    let how = if bad { TaskEnd::Failed } else { TaskEnd::Completed };
    *if bad { &mut counts.failed } else { &mut counts.completed } += 1;
    (crate::sample::facts(how, end, attempts), end, bad.then_some(task))
}
