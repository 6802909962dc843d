//! The files of the repository, and what cargo says of its crates.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// A text file: its path from the root, with `/`, and what is in it.
pub(crate) struct Source {
    pub(crate) path: String,
    pub(crate) text: String,
}

impl Source {
    /// The name without folders.
    pub(crate) fn name(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or(&self.path)
    }

    pub(crate) fn is_rust(&self) -> bool {
        self.path.ends_with(".rs")
    }
}

/// The folder that holds the workspace.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

/// Every path that is in git or would be added to it, from the root.
pub(crate) fn paths() -> Vec<String> {
    let listed = Command::new("git")
        .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
        .current_dir(root())
        .output();
    let mut paths = match listed {
        Ok(Output { status, stdout, .. }) if status.success() => {
            let listed = String::from_utf8(stdout).unwrap();
            listed.split_terminator('\0').map(str::to_owned).collect()
        }
        _ => walked(),
    };
    // A deleted file is listed until its deletion is committed.
    paths.retain(|path| root().join(path).is_file());
    paths.sort();
    paths.dedup();
    assert!(paths.iter().any(|path| path == "Cargo.toml"), "no files were found");
    paths
}

/// The same without git, as in an unpacked archive: all but what `.gitignore` names by folder.
fn walked() -> Vec<String> {
    let mut paths = Vec::new();
    let mut folders = vec![PathBuf::new()];
    while let Some(folder) = folders.pop() {
        for entry in root().join(&folder).read_dir().unwrap() {
            let entry = entry.unwrap();
            let path = folder.join(entry.file_name());
            let built =
                [".git", ".tools", "out", "target"].iter().any(|name| path == Path::new(name));
            if built {
                continue;
            }
            if entry.file_type().unwrap().is_dir() {
                folders.push(path);
            } else {
                paths.push(path.to_str().unwrap().replace('\\', "/"));
            }
        }
    }
    paths
}

/// Every file that is text.
pub(crate) fn sources() -> Vec<Source> {
    let read = |path: String| {
        let bytes = std::fs::read(root().join(&path)).ok()?;
        Some(Source { path, text: String::from_utf8(bytes).ok()? })
    };
    paths().into_iter().filter_map(read).collect()
}

/// What cargo tells a test of its own package. A build script that asks for one of them would run
/// again, and its package be compiled again, at each change between a shell's cargo and a test's.
const OWN: &[&str] = &[
    "CARGO_MANIFEST_DIR",
    "CARGO_PKG_NAME",
    "CARGO_PKG_VERSION_MAJOR",
    "CARGO_PKG_VERSION_MINOR",
    "CARGO_PKG_VERSION_PATCH",
    "CARGO_PKG_VERSION_PRE",
];

/// What `cargo` prints; nothing if it fails.
pub(crate) fn cargo(arguments: &[&str]) -> Result<String, String> {
    let mut command = Command::new(env!("CARGO"));
    for name in OWN {
        command.env_remove(name);
    }
    let output = command
        .args(arguments)
        .arg("--offline")
        .current_dir(root())
        .output()
        .map_err(|error| error.to_string())?;
    if output.status.success() {
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    } else {
        Err(String::from_utf8_lossy(&output.stderr).into_owned())
    }
}

/// Fails with one fault a line.
#[track_caller]
pub(crate) fn refuse(faults: &[String]) {
    assert!(faults.is_empty(), "\n{}\n", faults.join("\n"));
}
