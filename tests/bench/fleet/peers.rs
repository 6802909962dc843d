//! The peers: scripts under `bench/peers` that run the shapes they are asked for, a line each way.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use serde_json::Value;
use tokio::time::Instant;

use crate::figures::{System, Times};
use crate::shape::Shape;

/// Their names, as `just bench` knows them.
pub(crate) const NAMES: [&str; 6] = ["bullmq", "celery", "dask", "hyperqueue", "ray", "restate"];

/// What a peer has to end its own servers.
const LAST_WORDS: Duration = Duration::from_secs(30);

/// A peer that was started, with what is known of it.
pub(crate) struct Peer {
    child: Child,
    asked: Option<ChildStdin>,
    said: Receiver<String>,
    /// How long it may still take.
    left: Duration,
    system: System,
}

impl Peer {
    /// Starts a peer that has so long for all of its shapes: what it said until then counts. `None`
    /// where `just peers` did not install it.
    pub(crate) fn start(name: &str, left: Duration) -> Option<Self> {
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        let installed = here.parent().unwrap().join(".tools/peers").join(name);
        let script = |ending: &str| here.join("bench/peers").join(name).join(ending);
        let python = installed.join("bin/python");
        let (program, script) = if script("bench.py").exists() {
            (python, script("bench.py"))
        } else {
            (PathBuf::from("node"), script("bench.mjs"))
        };
        if !installed.exists() {
            eprintln!("  {name} is not installed: `just peers` does it");
            return None;
        }
        let mut child = Command::new(program)
            .arg(script)
            // The packages of a peer in JavaScript are found from where it runs.
            .current_dir(&installed)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let (asked, lines) = (child.stdin.take(), BufReader::new(child.stdout.take().unwrap()));
        let (say, said) = channel();
        thread::spawn(move || lines.lines().map_while(Result::ok).try_for_each(|it| say.send(it)));
        let system = System { name: name.to_owned(), ..System::default() };
        Some(Self { child, asked, said, left, system })
    }

    /// Has it run a shape once, unless it cannot, has gone, or needed too long before.
    pub(crate) fn measure(&mut self, shape: Shape) {
        let Some(asked) = &mut self.asked else { return };
        // One that has gone says no more either.
        let _ = writeln!(asked, "{shape}");
        let begun = Instant::now();
        let is_answered = self.listen(begun + self.left, |said| said["shape"] == shape.to_string());
        self.left = self.left.saturating_sub(begun.elapsed());
        if !is_answered {
            self.interrupt();
        }
    }

    /// What is known of it.
    pub(crate) const fn system(&self) -> &System {
        &self.system
    }

    /// Ends it.
    pub(crate) fn end(mut self) -> System {
        if self.asked.take().is_some() {
            self.listen(Instant::now() + LAST_WORDS, |_| false);
        }
        let _ = self.child.kill();
        self.child.wait().unwrap();
        self.system
    }

    /// Hears what it says until that `is_all`, and whether it came to that.
    fn listen(&mut self, until: Instant, is_all: impl Fn(&Value) -> bool) -> bool {
        loop {
            let left = until.saturating_duration_since(Instant::now());
            let Ok(line) = self.said.recv_timeout(left) else { return false };
            let Ok(said) = serde_json::from_str::<Value>(&line) else { continue };
            hear(&mut self.system, &said);
            if is_all(&said) {
                return true;
            }
        }
    }

    /// Asks it to stop; it has servers of its own to end.
    fn interrupt(&mut self) {
        self.asked = None;
        self.system.note("did not come to its end");
        let _ = Command::new("kill").args(["-INT", &self.child.id().to_string()]).status();
        self.listen(Instant::now() + LAST_WORDS, |_| false);
    }
}

/// One line of `peer.py`'s.
fn hear(system: &mut System, said: &Value) {
    let text = |key: &str| said[key].as_str().unwrap_or_default().to_owned();
    let times = |key: &str, unit: f64| {
        let times = said[key].as_array()?.iter().filter_map(Value::as_f64);
        Some(times.map(|time| Duration::from_secs_f64(time * unit)).collect())
    };
    if said["system"].is_string() {
        (system.name, system.durability) = (text("system"), text("durability"));
    } else if said["memory"].is_string() {
        system.weigh(text("memory"), said["mib"].as_u64().unwrap_or_default());
    } else if let Ok(shape) = text("shape").parse() {
        let whole = times("seconds", 1.0).map(Times::Whole);
        if let Some(times) = whole.or_else(|| times("each_ms", 0.001).map(Times::Each)) {
            system.time(shape, times);
        }
    }
}
