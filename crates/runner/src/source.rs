//! An ALT file from disk or standard input: JSON, or the YAML of older producers.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use alt::{Check, Report};

use crate::exit::Failure;
use crate::output;

/// A file that was read.
#[derive(Debug)]
pub(crate) struct Source {
    /// What people call it.
    pub(crate) name: String,
    /// As JSON; what diagnostics point into.
    pub(crate) text: String,
    pub(crate) report: Report,
}

/// Reads and checks a file.
pub(crate) fn read(path: &Path, check: &Check<'_>) -> Result<Source, Failure> {
    let name = called(path);
    let bytes = bytes(path, &name)?;
    if !is_yaml(path) {
        let report = alt::read(&bytes, check);
        let text = String::from_utf8(bytes)
            .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned());
        return Ok(Source { name, text, report });
    }
    match alt::yaml_to_json(&bytes) {
        Ok(json) => {
            let report = alt::read(json.as_bytes(), check);
            Ok(Source { name: format!("{name} (as JSON)"), text: json, report })
        }
        Err(diagnostics) => {
            let text = String::from_utf8_lossy(&bytes).into_owned();
            let report = alt::refused(&text, diagnostics);
            Ok(Source { name, text, report })
        }
    }
}

/// Reads a file that somebody else will check: as it is, or as JSON where that can be made of YAML.
pub(crate) fn unchecked(path: &Path) -> Result<Vec<u8>, Failure> {
    let bytes = bytes(path, &called(path))?;
    Ok(match is_yaml(path).then(|| alt::yaml_to_json(&bytes)) {
        Some(Ok(json)) => json.into_bytes(),
        _ => bytes,
    })
}

fn called(path: &Path) -> String {
    if path == Path::new("-") { "standard input".to_owned() } else { shown(path) }
}

fn is_yaml(path: &Path) -> bool {
    path.extension().is_some_and(|ending| ending == "yaml" || ending == "yml")
}

fn bytes(path: &Path, name: &str) -> Result<Vec<u8>, Failure> {
    let unreadable = |error: io::Error| {
        let help = match error.kind() {
            io::ErrorKind::NotFound => "check the path; `-` reads standard input",
            io::ErrorKind::IsADirectory => "name the file inside the folder",
            _ => "check that the file may be read",
        };
        Failure::usage(format!("`{name}` cannot be read: {error}"), help)
    };
    // One byte more than allowed tells a file that is too large, and nothing beyond is read.
    let most = alt::limits::FILE_BYTES as u64 + 1;
    let mut bytes = Vec::new();
    if path == Path::new("-") {
        io::stdin().lock().take(most).read_to_end(&mut bytes).map_err(unreadable)?;
    } else {
        let file = File::open(path).map_err(unreadable)?;
        file.take(most).read_to_end(&mut bytes).map_err(unreadable)?;
    }
    Ok(bytes)
}

/// A path without anything that steers a terminal.
pub(crate) fn shown(path: &Path) -> String {
    alt::visible(&path.display().to_string())
}

impl Source {
    /// Shows all diagnostics on stderr.
    pub(crate) fn tell(&self) {
        let color = output::colors();
        let mut told = String::new();
        for found in &self.report.diagnostics {
            told.push_str(&found.render(&self.name, &self.text, color));
            told.push('\n');
        }
        let Report { more_errors, more_warnings, .. } = self.report;
        if more_errors + more_warnings > 0 {
            told.push_str(&format!(
                "and {more_errors} more errors, {more_warnings} more warnings\n"
            ));
        }
        output::say(&told);
    }
}
