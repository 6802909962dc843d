//! The file of a new job, as its author finds it.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use job::Registry;

use crate::arguments::InitArguments;
use crate::exit::{Exit, Failure};
use crate::output;
use crate::source::shown;

/// The file, with `NAME` where the name of the job goes.
const JOB: &str = include_str!("init/job.rs.txt");

/// Where jobs are: of a checkout of Runner, of any other crate.
const FOLDERS: [&str; 2] = ["crates/jobs/src/jobs", "src/jobs"];

/// Words that no module can be called by.
const WORDS: [&str; 51] = [
    "abstract", "as", "async", "await", "become", "box", "break", "const", "continue", "crate",
    "do", "dyn", "else", "enum", "extern", "false", "final", "fn", "for", "gen", "if", "impl",
    "in", "let", "loop", "macro", "match", "mod", "move", "mut", "override", "priv", "pub", "ref",
    "return", "self", "static", "struct", "super", "trait", "true", "try", "type", "typeof",
    "unsafe", "unsized", "use", "virtual", "where", "while", "yield",
];

const NAMES: &str = "1 to 64 letters, digits, `_`, `-` and `.`, a letter first";

pub(crate) fn init(arguments: &InitArguments) -> Result<Exit, Failure> {
    let name = arguments.job.as_str();
    let module = module(name)?;
    let registry = Registry::discover().map_err(|error| Failure::fault(error.to_string()))?;
    if let Some(known) = registry.get(name) {
        let message = format!("there is a job `{name}`: {}:{}", known.file, known.line);
        return Err(Failure::usage(message, "choose another name"));
    }
    let folder = folder(arguments.into.as_deref())?;
    let path = free(&folder, &module)?;
    write(&path, name)?;
    output::result(&format!("{}\n", path.display()))?;
    output::say(&format!(
        "Fill in the work and its test; nothing else has to be edited. `cargo test {module}` tries it, \
         `cargo run -- jobs ls` lists it.\n\
         It uses the crates job, schemars and serde, and its test tokio with macros and rt.\n"
    ));
    Ok(Exit::Success)
}

/// What the file and its module are called.
fn module(name: &str) -> Result<String, Failure> {
    if !job::is_name(name) || !name.starts_with(|first: char| first.is_ascii_alphabetic()) {
        return Err(Failure::usage(format!("`{name}` cannot be the name of a job"), NAMES));
    }
    let module = name.replace(['-', '.'], "_").to_ascii_lowercase();
    if WORDS.contains(&module.as_str()) {
        let message = format!("`{name}` is a word of Rust, and a file of that name no module");
        return Err(Failure::usage(message, format!("choose another name, such as `{module}_it`")));
    }
    Ok(module)
}

fn folder(into: Option<&Path>) -> Result<PathBuf, Failure> {
    if let Some(folder) = into {
        if folder.is_dir() {
            return Ok(folder.to_owned());
        }
        let message = format!("`{}` is no folder", shown(folder));
        return Err(Failure::usage(message, "make it first, or name one that is there"));
    }
    let found = FOLDERS.iter().map(PathBuf::from).find(|folder| folder.is_dir());
    found.ok_or_else(|| {
        let [ours, theirs] = FOLDERS;
        let message = format!("there is no folder of jobs here: neither {ours} nor {theirs}");
        let help = "go to a crate that has one, as the README's \"jobs of your own\" shows it, or \
                    name any folder with --into";
        Failure::usage(message, help)
    })
}

/// The file that is to be written; none may be there, nor one that gives the same module.
fn free(folder: &Path, module: &str) -> Result<PathBuf, Failure> {
    let path = folder.join(module).with_extension("rs");
    let beside = folder.join("..").join(module);
    let taken = [path.clone(), beside.with_extension("rs"), beside.join("mod.rs")];
    match taken.iter().find(|path| path.symlink_metadata().is_ok()) {
        Some(taken) => Err(exists(taken)),
        None => Ok(path),
    }
}

fn exists(path: &Path) -> Failure {
    let message = format!("`{}` is there already, and is left as it is", shown(path));
    Failure::usage(message, "choose another name, or another folder with --into")
}

fn write(path: &Path, name: &str) -> Result<(), Failure> {
    // Somebody else may have made it since it was looked for.
    let written = File::create_new(path)
        .and_then(|mut file| file.write_all(JOB.replace("NAME", name).as_bytes()));
    written.map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => exists(path),
        _ => {
            let message = format!("`{}` cannot be written: {error}", shown(path));
            Failure::usage(message, "check that the folder may be written to")
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_becomes_that_of_a_module_or_is_refused_with_what_would_do() {
        for (name, expected) in [
            ("tweet", "tweet"),
            ("Chain.State-monitor_2", "chain_state_monitor_2"),
            ("a", "a"),
            ("types", "types"),
        ] {
            assert_eq!(module(name).unwrap(), expected);
        }
        let long = "a".repeat(65);
        for name in ["", " ", "a b", "3d", "_", "-a", ".", "a/b", "../a", "ä", &long] {
            let refused = module(name).unwrap_err();
            assert_eq!(refused.help.as_deref(), Some(NAMES), "{name:?}");
        }
        for name in ["match", "Self", "yield", "crate"] {
            let refused = module(name).unwrap_err();
            assert!(refused.message.contains("is a word of Rust"), "{refused}");
        }
    }
}
