//! A task that kills whoever runs it costs three workers and no other task.

use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};

use super::site::Site;
use crate::door::{program, until};
use crate::rig::sleep;

/// A process of the program, killed when nobody holds it any more.
struct Held(Child);

impl Held {
    fn start(site: &Site, arguments: &[&str]) -> Self {
        let mut command = Command::new(program());
        site.door.dress(command.args(arguments));
        let silent = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        Self(silent.spawn().unwrap())
    }

    fn worker(site: &Site, number: usize) -> Self {
        let id = format!("w-{number}");
        let flags = ["worker", "--health", "off", "--allow-exec", "--slots", "8", "--id", &id];
        Self::start(site, &flags)
    }

    fn has_ended(&mut self) -> bool {
        self.0.try_wait().unwrap().is_some()
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Longer than three leases and a few short tasks take.
const LONG: std::time::Duration = std::time::Duration::from_secs(120);

/// A task that ends its own worker at once.
fn killer() -> Value {
    let argv = ["sh", "-c", "kill -9 $PPID"];
    json!({"id": "poison", "description": "x", "job": "exec", "retry_count": 5,
           "parameters": {"argv": argv}})
}

#[test]
fn a_task_that_kills_its_workers_fails_after_three_and_its_neighbours_complete() {
    let mut site = Site::bare();
    site.coordinator();
    let mut tasks = vec![killer()];
    tasks.extend((0..6).map(|at| sleep(&format!("s{at}"), 6)));
    let run = site.submit("poison", &json!(tasks));
    // Whoever dies is replaced, as a supervisor would.
    let mut workers: Vec<_> = (0..2).map(|number| Held::worker(&site, number)).collect();
    let mut watch = Held::start(&site, &["watch", &run, "--progress", "quiet"]);
    let mut died = 0;
    until(LONG, "the run ends", || {
        for worker in &mut workers {
            if worker.has_ended() {
                died += 1;
                *worker = Held::worker(&site, 1 + died);
            }
        }
        watch.has_ended()
    });
    let last = site.last(&run);
    assert!((1..=3).contains(&died), "{died} workers died");
    assert_eq!(last["status"], "partial_success");
    for at in 0..6 {
        assert_eq!(last["task_results"][format!("s{at}")]["status"], "completed", "{last:#}");
    }
    let poison = &last["task_results"]["poison"];
    assert_eq!(poison["status"], "failed", "{poison:#}");
    assert!(poison.to_string().contains("worker_lost"), "{poison:#}");
    site.honest_run("after");
    site.is_quiet();
    drop(workers);
    site.end();
}
