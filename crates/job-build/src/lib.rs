//! How the files of a folder become the jobs of a crate, when it is built.
//!
//! The crate's `build.rs` names the folder:
//!
//! ```no_run
//! fn main() -> std::io::Result<()> {
//!     job_build::find("src/jobs")
//! }
//! ```
//!
//! and its `main.rs` or `lib.rs` takes in what was found, so that a new file is all a new job takes:
//!
//! ```ignore
//! include!(concat!(env!("OUT_DIR"), "/jobs.rs"));
//! ```

use std::path::{Path, PathBuf};
use std::{env, fs, io};

/// Makes every Rust file right in `folder`, which is named from the manifest of the crate that is being
/// built, a module of that crate; and has cargo look again when a file comes or goes.
///
/// # Errors
/// The file system's, with the path; and a file whose name no module can have.
pub fn find(folder: &str) -> io::Result<()> {
    let folder = Path::new(&variable("CARGO_MANIFEST_DIR")?).join(folder);
    let target = Path::new(&variable("OUT_DIR")?).join("jobs.rs");
    #[expect(clippy::print_stdout, reason = "this is how a build script speaks to cargo")]
    {
        println!("cargo::rerun-if-changed={}", folder.display());
    }
    fs::write(target, modules(&folder)?)
}

fn variable(name: &str) -> io::Result<std::ffi::OsString> {
    #[expect(clippy::disallowed_methods, reason = "cargo talks to build scripts by variables")]
    let value = env::var_os(name);
    value.ok_or_else(|| io::Error::other(format!("{name} is not set: call this from a build.rs")))
}

/// The declarations of the modules, sorted by name.
fn modules(folder: &Path) -> io::Result<String> {
    let named =
        |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", folder.display()));
    let mut files: Vec<PathBuf> = Vec::new();
    for entry in fs::read_dir(folder).map_err(named)? {
        let path = entry.map_err(named)?.path();
        if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files.sort();
    files.iter().map(|path| declaration(path)).collect()
}

fn declaration(path: &Path) -> io::Result<String> {
    let stem = path.file_stem().and_then(|stem| stem.to_str());
    let is_module = |stem: &str| {
        let word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        stem.bytes().all(word) && stem.starts_with(|first: char| first.is_ascii_alphabetic())
    };
    match stem.filter(|stem| is_module(stem)) {
        Some(stem) => Ok(format!("#[path = {path:?}]\nmod {stem};\n")),
        None => Err(io::Error::other(format!(
            "{}: the name of this file is that of a module: letters, digits and `_`, a letter first",
            path.display()
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rust_file_is_a_module_and_nothing_else_is() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["tweet.rs", "discord.rs", "notes.md", "tweet.rs~"] {
            fs::write(folder.path().join(name), "").unwrap();
        }
        let text = modules(folder.path()).unwrap();
        let found: Vec<_> = text.lines().filter(|line| line.starts_with("mod ")).collect();
        assert_eq!(found, ["mod discord;", "mod tweet;"]);
        assert!(
            text.contains(&format!("#[path = {:?}]", folder.path().join("tweet.rs"))),
            "{text}"
        );
    }

    #[test]
    fn what_can_be_no_module_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let gone = modules(&folder.path().join("gone")).unwrap_err().to_string();
        assert!(gone.contains("gone: "), "{gone}");
        fs::write(folder.path().join("state-monitor.rs"), "").unwrap();
        let refused = modules(folder.path()).unwrap_err().to_string();
        assert!(refused.contains("state-monitor.rs: the name of this file"), "{refused}");
    }
}
