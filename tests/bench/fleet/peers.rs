//! The peers: scripts under `bench/peers` that run the same shapes, and tell it a line at a time.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::Value;

use crate::figures::{System, Times};
use crate::shape::Shape;

/// Their names, as `just bench` knows them.
pub(crate) const NAMES: [&str; 6] = ["bullmq", "celery", "dask", "hyperqueue", "ray", "restate"];

/// The longest that one peer may take, seconds; what it said until then counts.
const PATIENCE: &str = "90";

/// Runs a peer, and adds to what is known of it; `None` where `just peers` did not install it.
pub(crate) fn measure(name: &str, shapes: &[Shape], known: Option<System>) -> Option<System> {
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
    let mut child = Command::new("timeout")
        .args(["--signal=INT", "--kill-after=10", PATIENCE])
        .arg(program)
        .arg(script)
        .args(longest_last(shapes).iter().map(Shape::to_string))
        // The packages of a peer in JavaScript are found from where it runs.
        .current_dir(&installed)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let named = || System { name: name.to_owned(), ..System::default() };
    let mut system = known.unwrap_or_else(named);
    for line in BufReader::new(child.stdout.take().unwrap()).lines() {
        if let Ok(said) = serde_json::from_str(&line.unwrap()) {
            hear(&mut system, &said);
        }
    }
    if !child.wait().unwrap().success() {
        system.note("did not come to its end");
    }
    Some(system)
}

/// A peer that needs more than its time has told the others by then.
fn longest_last(shapes: &[Shape]) -> Vec<Shape> {
    let mut shapes = shapes.to_vec();
    shapes.sort_by_key(|shape| matches!(shape, Shape::Fan(100_000)));
    shapes
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
