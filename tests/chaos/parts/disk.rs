//! The disk of the NATS server is full: nothing more is promised, and nothing promised is lost.

use std::fs::File;
use std::io::Write;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use tests::clock::rest;
use tests::servers::Weed;

use super::Apart;
use crate::faults::Seen;
use crate::load::{Mode, lasting};
use crate::play::judge;
use crate::world::{Ground, Size, World, start_nats_as};

pub(super) const APART: Apart = Apart { name: "disk-full", rows: &["F22"], play };

/// Room for the streams of a small fleet and little more.
const ROOM: &str = "size=24m";

/// A disk of its own in memory; it goes when nobody holds it.
struct Disk(PathBuf);

impl Disk {
    fn mount(path: PathBuf) -> Option<Self> {
        std::fs::create_dir_all(&path).unwrap();
        let mount =
            Command::new("mount").args(["-t", "tmpfs", "-o", ROOM, "chaos"]).arg(&path).status();
        mount.is_ok_and(|status| status.success()).then_some(Self(path))
    }

    /// Writes until nothing fits any more.
    fn fill(&self) {
        let mut file = File::create(self.0.join("fill")).unwrap();
        for size in [1 << 20, 4096, 1] {
            while file.write_all(&vec![7; size]).is_ok() {}
        }
    }

    fn free(&self) {
        std::fs::remove_file(self.0.join("fill")).unwrap();
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

fn play(ground: &Ground, seen: &mut Seen) {
    let Some(disk) = Disk::mount(ground.folder.join("disk")) else {
        // No effect, so the row is void.
        return;
    };
    // Told how much there is, the server reserves what the streams may hold without a look.
    let room = "max_memory_store: 64MB\n  max_file_store: 4GB";
    let nats = start_nats_as(&disk.0.join("store").display().to_string(), |conf| {
        conf.replace("max_memory_store: 64MB", room)
    });
    let size = Size { coordinators: 2, workers: 3, slots: 4 };
    let mut world = World::new(ground.clone(), size, nats, Weed::start());
    for number in 0..6 {
        let tasks = (0..4).map(|task| lasting(format!("t{task}"), 400, Mode::Ok)).collect();
        world.client.submit(&format!("before-{number}"), tasks);
    }
    disk.fill();
    let files = (0..6).map(|it| (format!("full-{it}"), vec![lasting("a", 200, Mode::Ok)]));
    let refused = world.client.try_all(files.collect());
    seen.times("time to refuse", refused.iter().map(|(took, _)| *took));
    let refused = refused.len() as u64;
    let accepted = 6 - refused;
    let told = world.nats.log().lines().filter(|line| line.contains("no space left")).count();
    rest(Duration::from_secs(3));
    disk.free();
    world.nats.restart();
    let (_, problems) = judge(&mut world);
    world.keep_logs();
    seen.effects_of(refused, "submissions were refused on a full disk");
    seen.effects_of(told as u64, "words of the server about it");
    seen.count("refused when full", refused);
    seen.count("accepted when full, and done", accepted);
    seen.count(
        "acked and lost",
        problems.iter().filter(|it| it.starts_with("Lost")).count() as u64,
    );
    problems.into_iter().for_each(|problem| seen.problem(problem));
    drop(world);
    drop(disk);
}
