//! What the bucket holds, read past S3 and past the product: from the server that keeps its files.

use std::io::{Read, Write};

use serde_json::Value;
use tests::crew::connect;

use crate::checker::Last;

/// Every LAST in the bucket; `None` when the server does not answer now.
pub(crate) fn lasts(port: u16) -> Option<Vec<Last>> {
    let mut folders = vec!["/buckets/last/chaos".to_owned()];
    let mut found = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in list(port, &folder)? {
            let path = entry["FullPath"].as_str()?.to_owned();
            // The bit that the language of the server sets for folders.
            if entry["Mode"].as_u64()? & (1 << 31) != 0 {
                folders.push(path);
            } else if path.ends_with("/last.json") {
                let bytes = ask(port, &escaped(&path))?;
                let body = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
                let key = path.trim_start_matches("/buckets/last/").to_owned();
                found.push(Last { key, digest: digest(&bytes), body });
            }
        }
    }
    Some(found)
}

fn list(port: u16, folder: &str) -> Option<Vec<Value>> {
    let mut entries = Vec::new();
    let mut after = String::new();
    loop {
        let path = format!("{}/?limit=1000&lastFileName={}", escaped(folder), escaped(&after));
        // A folder that is not there yet is answered with no JSON.
        let bytes = ask(port, &path)?;
        let Ok(page) = serde_json::from_slice::<Value>(&bytes) else {
            return Some(entries);
        };
        let listed = page["Entries"].as_array().cloned().unwrap_or_default();
        entries.extend(listed);
        if page["ShouldDisplayLoadMore"] != true {
            return Some(entries);
        }
        page["LastFileName"].as_str()?.clone_into(&mut after);
    }
}

fn escaped(path: &str) -> String {
    path.replace('%', "%25").replace(' ', "%20")
}

/// The body of an answer.
fn ask(port: u16, path: &str) -> Option<Vec<u8>> {
    let mut stream = connect(port)?;
    let question =
        format!("GET {path} HTTP/1.0\r\nHost: localhost\r\nAccept: application/json\r\n\r\n");
    stream.write_all(question.as_bytes()).ok()?;
    let mut said = Vec::new();
    stream.read_to_end(&mut said).ok()?;
    let body = said.windows(4).position(|part| part == b"\r\n\r\n")? + 4;
    said.starts_with(b"HTTP/1.").then(|| said[body..].to_vec())
}

/// Tells two contents apart (64 bits of FNV-1a).
pub(crate) fn digest(bytes: &[u8]) -> String {
    let mixed = bytes.iter().fold(0xcbf2_9ce4_8422_2325_u64, |mixed, &byte| {
        (mixed ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    format!("{mixed:016x}-{}", bytes.len())
}
