//! A worker lives and its runtime stands still: others begin what it held, and it ends itself.

use std::path::Path;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tests::clock::{now, until};
use tests::crew::Program;
use tests::servers::NatsServer;

use super::Apart;
use super::crash::lasts;
use crate::checker::{Evidence, Helpless, check};
use crate::faults::{Seen, workers};
use crate::ledger::{self, Try};
use crate::load::{Marker, Mode, lasting};
use crate::world::{Client, Ground, LONG, is_stopped};

pub(super) const APART: Apart = Apart { name: "worker-blocked", rows: &["F36"], play };

/// Longer than two leases, so that the one who ends himself has to end it too.
const LASTS: u64 = 9000;

/// How often it is done.
const TIMES: u64 = 3;

fn play(ground: &Ground, seen: &mut Seen) {
    std::fs::create_dir_all(&ground.folder).unwrap();
    let nats = NatsServer::start();
    let store = ground.folder.join("store");
    let shown = store.display().to_string();
    let variables = [
        ("RUNNER_NATS_URL", nats.url()),
        ("RUNNER_STORE_URL", format!("file://{shown}")),
        ("RUNNER_LEASE_SECONDS", "2".to_owned()),
        ("STORE", shown),
    ];
    let variables = variables.each_ref().map(|(name, value)| (*name, value.as_str()));
    let runner = Program::new(&ground.runner, &ground.folder).with(&variables);
    let double = Program::new(&ground.runner.with_file_name("double"), &ground.folder);
    let double = double.with(&variables);
    let _ = runner.call(&["doctor", "--fix"]).code(0);
    let marker = Marker { program: ground.own.clone(), ledger: ground.folder.join("ledger") };
    let client = Client::new(runner, marker);
    let _coordinator = double.begin("coordinator", &["coordinator"]);
    let helpless: Vec<Helpless> =
        (0..TIMES).filter_map(|time| stand_still(time, &client, &double, seen)).collect();
    let submitted = client.submissions();
    let runs: Vec<&str> = submitted.iter().map(|it| it.run.as_str()).collect();
    let ledger = ledger::read(&client.marker.ledger);
    let lasts = lasts(&store, &runs);
    let (_, found) = check(&Evidence { submitted, ledger, lasts, helpless, ..Evidence::default() });
    found.into_iter().for_each(|it| seen.problem(format!("{:?}: {}", it.kind, it.what)));
}

/// The first try of a run, or the one after it.
fn nth(ledger: &Path, key: &str, nth: usize) -> Option<Try> {
    ledger::tries(&ledger::read(ledger)).into_iter().filter(|it| it.run == key).nth(nth)
}

fn stand_still(time: u64, client: &Client, double: &Program, seen: &mut Seen) -> Option<Helpless> {
    let key = format!("blocked-{time}");
    let mut victim = double.begin(&format!("victim-{time}"), &["worker"]);
    let run = client.submit(&key, vec![lasting("a", LASTS, Mode::Ok)])?;
    let mut first = None;
    let began = until(LONG, || {
        first = nth(&client.marker.ledger, &key, 0);
        first.is_some() || is_stopped()
    });
    let Some(first) = began.and(first) else {
        seen.problem(format!("{key}: its task never began"));
        return None;
    };
    let _next = double.begin(&format!("next-{time}"), &["worker"]);
    let helpless = Helpless { worker: victim.pid(), from: now() };
    kill_process(Pid::from_raw(i32::try_from(victim.pid()).ok()?)?, Signal::USR1).unwrap();
    let ended = until(LONG, || victim.has_ended() || is_stopped());
    seen.must(ended.is_some(), format!("{key}: who stands still lives on"));
    seen.must(victim.exit_code().is_none(), format!("{key}: it left as if all were well"));
    let said = victim.log().contains("nothing has moved here for two leases");
    seen.must(said, format!("{key}: it ended without a word"));
    seen.times("blocked to its own end", ended.map(|_| now() - helpless.from));
    let gone = until(Duration::from_secs(5), || !workers::is_alive(first.pid));
    seen.must(gone.is_some(), format!("{key}: the program of who ended goes on"));
    let mut again = None;
    let begun = until(LONG, || {
        again = nth(&client.marker.ledger, &key, 1);
        again.is_some() || is_stopped()
    });
    seen.must(begun.is_some(), format!("{key}: nobody began its task again"));
    if let Some(again) = again {
        seen.times("re-start delay", [again.began.saturating_sub(helpless.from)]);
        seen.effect("a task of a worker that stood still began elsewhere, and that worker ended");
    }
    let over = until(2 * LONG, || {
        client.program.call_within(LONG, &["verify", &run]).is_some_and(|it| it.code == Some(0))
            || is_stopped()
    });
    seen.must(over.is_some(), format!("{key}: its run has no end that can be verified"));
    Some(helpless)
}
