//! Lists the files of `src/jobs`, so that dropping one in is all it takes to add a job.

use std::path::{Path, PathBuf};
use std::{env, fs, io};

fn main() -> io::Result<()> {
    #[expect(clippy::disallowed_methods, reason = "cargo talks to build scripts by variables")]
    let variable = |name: &str| env::var_os(name).ok_or_else(|| io::Error::other(name.to_owned()));
    let folder = Path::new(&variable("CARGO_MANIFEST_DIR")?).join("src/jobs");
    let target = Path::new(&variable("OUT_DIR")?).join("jobs.rs");
    let mut files: Vec<PathBuf> = Vec::new();
    for entry in fs::read_dir(&folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files.sort();
    let modules: Option<String> = files
        .iter()
        .map(|path| Some(format!("#[path = {path:?}]\nmod {};\n", path.file_stem()?.to_str()?)))
        .collect();
    let modules = modules.ok_or_else(|| io::Error::other("a job's file name is not UTF-8"))?;
    println!("cargo::rerun-if-changed={}", folder.display());
    fs::write(target, modules)
}
