//! What lies beside a result, by file, variable and flag; archives, papers, and what two runs differ in.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use crate::door::{Done, Door};
use crate::rig::Rig;

/// A text of one task and a file of another.
fn tasks() -> Value {
    json!([
        {"id": "say", "description": "x", "job": "echo", "parameters": {"text": "said"}},
        {"id": "sum", "description": "x", "job": "transform", "dependencies": ["say"],
         "parameters": {"expression": "1"}},
    ])
}

fn file(last: Value) -> Value {
    let mut file = json!({"id": "b", "title": "B", "tasks": tasks()});
    if !last.is_null() {
        file["last"] = last;
    }
    file
}

/// What a run that printed `line` left in its folder, by name.
fn left(door: &Door, done: &Done) -> Vec<String> {
    let folder = done.line();
    let folder = folder.rsplit_once('/').unwrap().0;
    door.files(folder)
}

/// Runs a file that says `last` of its result.
fn run(door: &Door, last: Value, flags: &[&str]) -> Done {
    door.alt("b.alt.json", &file(last));
    door.call(&[&["run", "b.alt.json"], flags].concat()).code(0)
}

fn has(names: &[String], name: &str) -> bool {
    names.iter().any(|found| found == name || found.starts_with(&format!("{name}/")))
}

#[test]
fn the_file_says_what_lies_beside_a_result_the_variable_goes_before_it_and_the_flag_before_both() {
    for (field, variable, flag, name) in [
        ("html", "RUNNER_ENABLE_HTML", "--html", "report.html"),
        ("graph", "RUNNER_ENABLE_GRAPH", "--graph", "graph.svg"),
        ("artifacts", "RUNNER_ENABLE_ARTIFACTS", "--artifacts", "artifacts"),
        ("archive", "RUNNER_ARCHIVE", "--archive", "last.zip"),
        ("compression", "RUNNER_ENABLE_COMPRESSION", "--compression", "last.json.gz"),
    ] {
        let default = field != "compression";
        let (on, off) = if field == "archive" { ("zip", "off") } else { ("true", "false") };
        let word = |wanted: bool| if wanted { on } else { off };
        let flag_of = |wanted: bool| format!("{flag}={}", word(wanted));
        let mut door = Door::new();
        let there = |door: &Door, last: Value, flags: &[&str]| {
            let done = run(door, last, flags);
            let names = left(door, &done);
            door.call(&["verify", &done.line()]).code(0);
            has(&names, name)
        };
        assert_eq!(there(&door, Value::Null, &[]), default, "{field} unsaid");
        assert_eq!(there(&door, json!({field: !default}), &[]), !default, "{field} by file");
        door.set(variable, word(default));
        assert_eq!(there(&door, json!({field: !default}), &[]), default, "{field} by {variable}");
        let flag = flag_of(!default);
        assert_eq!(there(&door, json!({field: default}), &[&flag]), !default, "{field} by {flag}");
        door.set(variable, "perhaps");
        let refused = door.call(&["run", "b.alt.json"]).code(2);
        assert!(refused.stderr.contains(variable), "{refused:?}");
    }
}

#[test]
fn a_wish_that_cannot_be_read_is_a_fault_of_the_file() {
    let door = Door::new();
    for (last, code) in [
        (json!({"archive": "rar"}), "/last/archive"),
        (json!({"html": "yes"}), "/last/html"),
        (json!([]), "/last"),
    ] {
        door.alt("b.alt.json", &file(last));
        let told = door.call(&["validate", "b.alt.json", "--json"]).code(3).json();
        assert_eq!(told[0]["diagnostics"][0]["pointer"], code, "{told:#}");
    }
    door.alt("b.alt.json", &file(json!({"graf": true})));
    let told = door.call(&["validate", "b.alt.json"]).code(0);
    assert!(told.stderr.contains("graf") && told.stderr.contains("graph"), "{told:?}");
}

#[test]
fn both_archives_verify_and_open_elsewhere() {
    let door = Door::new();
    let done = run(&door, Value::Null, &["--archive=both"]);
    let line = done.line();
    let folder = line.rsplit_once('/').unwrap().0;
    for name in ["last.zip", "last.tar.zst"] {
        let path = format!("{folder}/{name}");
        let told = door.call(&["verify", &path, "--json"]).code(0).json();
        assert_eq!(told["tasks"], 2, "{told:#}");
        let beside = left(&door, &done).len();
        // All but the manifest and the two archives.
        assert_eq!(told["manifest"], json!(beside - 3), "{told:#}");
        let shown = door.call(&["show", &path, "--json"]).code(0);
        assert_eq!(shown.stdout, std::fs::read_to_string(door.path(&line)).unwrap());
    }
    let zip = door.path(&format!("{folder}/last.zip"));
    if let Ok(tested) = Command::new("unzip").arg("-t").arg(&zip).output() {
        assert!(tested.status.success() && tested.stderr.is_empty(), "{tested:?}");
    }
    // One byte of a stored file, and the archive holds no more.
    let mut bytes = std::fs::read(&zip).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&zip, bytes).unwrap();
    let told = door.call(&["verify", zip.to_str().unwrap()]).code(1);
    assert!(told.stdout.contains("last.zip"), "{told:?}");
}

#[test]
fn a_compressed_result_is_shown_and_compared_as_any_other() {
    let door = Door::new();
    let plain = run(&door, Value::Null, &[]).line();
    let packed = run(&door, Value::Null, &["--compression"]).line();
    assert!(packed.ends_with("/last.json.gz"), "{packed}");
    let folder = packed.rsplit_once('/').unwrap().0;
    for path in [packed.as_str(), folder] {
        let told = door.call(&["show", path, "--json"]).code(0).json();
        assert_eq!(told["status"], "success");
        door.call(&["verify", path]).code(0);
        let same = door.call(&["diff", &plain, path]).code(0);
        assert!(same.stdout.contains("the same but for times"), "{same:?}");
    }
}

/// A private key, and the file of its public one.
fn keys(door: &Door) {
    door.write(
        "key.pem",
        "-----BEGIN PRIVATE KEY-----\n\
         MC4CAQAwBQYDK2VwBCIEIBlpYsGl09mf+tiEYmbG/oLEsfI4nj6gJY7R+zb13Pot\n\
         -----END PRIVATE KEY-----\n",
    );
    door.write(
        "pub.pem",
        "-----BEGIN PUBLIC KEY-----\n\
         MCowBQYDK2VwAyEAjYKlAezymH8EjKL5Nj6hc41VDWDg1NPL29PdkVdiLYE=\n\
         -----END PUBLIC KEY-----\n",
    );
}

#[test]
fn a_signature_is_demanded_by_a_key_and_fits_no_other() {
    let mut door = Door::new();
    keys(&door);
    let signed = run(&door, Value::Null, &["--sign", "key.pem"]).line();
    let folder = signed.rsplit_once('/').unwrap().0.to_owned();
    for what in [folder.clone(), format!("{folder}/last.zip")] {
        let told = door.call(&["verify", &what, "--key", "pub.pem", "--json"]).code(0).json();
        let key = told["signed_by"].as_str().unwrap();
        assert_eq!(key, "8d82a501ecf2987f048ca2f9363ea1738d550d60e0d4d3cbdbd3dd9157622d81");
        door.call(&["verify", &what, "--key", key]).code(0);
        let other = door.call(&["verify", &what, "--key", &"01".repeat(32)]);
        assert_ne!(other.status.code(), Some(0), "{other:?}");
    }
    let unsigned = run(&door, Value::Null, &[]).line();
    let told = door.call(&["verify", &unsigned, "--key", "pub.pem"]).code(1);
    assert!(told.stdout.contains("nobody signed"), "{told:?}");
    door.set("RUNNER_SIGN_KEY", "b.alt.json");
    let told = door.call(&["run", "b.alt.json"]).code(2);
    assert!(told.stderr.contains("b.alt.json") && told.stderr.contains("openssl"), "{told:?}");
    // What is signed is the manifest: another program can say so as well.
    let at = |name: &str| door.path(&format!("{folder}/{name}"));
    let text: Value = serde_json::from_slice(&std::fs::read(at("manifest.sig")).unwrap()).unwrap();
    let digits = text["signature"].as_str().unwrap();
    let bytes: Vec<u8> = (0..64)
        .map(|place| u8::from_str_radix(&digits[2 * place..2 * place + 2], 16).unwrap())
        .collect();
    door.write("raw.sig", bytes);
    let arguments = ["pkeyutl", "-verify", "-rawin", "-pubin", "-inkey", "pub.pem", "-sigfile"];
    let mut openssl = Command::new("openssl");
    openssl.args(arguments).arg("raw.sig").arg("-in").arg(at("manifest.json"));
    if let Ok(checked) = openssl.current_dir(door.path("")).output() {
        assert!(checked.status.success(), "{checked:?}");
    }
}

#[test]
fn diff_tells_what_changed_and_its_exit_code_whether_anything_did() {
    let door = Door::new();
    let first = run(&door, Value::Null, &[]).line();
    let mut other = file(Value::Null);
    other["tasks"][1]["parameters"]["expression"] = json!("2");
    door.alt("c.alt.json", &other);
    let second = door.call(&["run", "c.alt.json"]).code(0).line();
    let told = door.call(&["diff", &first, &second]).code(1).stdout;
    for needle in ["sum: parameters: ", "sum: output: 1 → 2", "sha256: "] {
        assert!(told.contains(needle), "{needle}: {told}");
    }
    let told = door.call(&["diff", &first, &second, "--json"]).code(1).json();
    assert_eq!(told["tasks"][0]["what"], "sum: output", "{told:#}");
    door.call(&["diff", &first, "nowhere"]).code(2);
    door.call(&["diff", &first, "c.alt.json"]).code(2);
}

/// Answers one request with these bytes, and says where.
fn serve(status: &'static str, body: Vec<u8>) -> String {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut request = [0; 4096];
        let _ = stream.read(&mut request);
        let head = format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\n\r\n", body.len());
        stream.write_all(head.as_bytes()).unwrap();
        stream.write_all(&body).unwrap();
    });
    format!("http://{address}")
}

#[test]
fn verify_fetches_an_archive_from_an_address() {
    let door = Door::new();
    let line = run(&door, Value::Null, &[]).line();
    let zip = door.path(&line.replace("last.json", "last.zip"));
    let bytes = std::fs::read(&zip).unwrap();
    let url = serve("200 OK", bytes.clone());
    let told = door.call(&["verify", &format!("{url}/b/last.zip?token=secret")]).code(0);
    assert!(told.stdout.starts_with("holds: 2 tasks"), "{told:?}");
    door.call(&["verify", &format!("file://{}", zip.display())]).code(0);
    let url = serve("200 OK", bytes[..bytes.len() / 2].to_vec());
    let told = door.call(&["verify", &format!("{url}/b/last.zip")]).code(1);
    assert!(told.stdout.starts_with("last.zip: "), "{told:?}");
    let url = serve("404 Not Found", Vec::new());
    let told = door.call(&["verify", &format!("{url}/b/last.zip?token=secret")]).code(2);
    assert!(told.stderr.contains("404") && !told.stderr.contains("secret"), "{told:?}");
}

#[test]
fn on_a_fleet_the_submission_goes_before_the_coordinator() {
    let rig = Rig::with(&[("RUNNER_ARCHIVE", "tar.zst"), ("RUNNER_ENABLE_COMPRESSION", "1")]);
    let rig = rig.and_work(2);
    let folder = |run: &str| rig.door.path(&format!("store/b/{run}"));
    let names = |folder: &Path| {
        let names = folder.read_dir().unwrap().map(|it| it.unwrap().file_name());
        let mut names: Vec<_> = names.map(|name| name.into_string().unwrap()).collect();
        names.retain(|name| name.starts_with("last."));
        names.sort();
        names
    };
    let first = rig.submit("b", &tasks());
    rig.until(&first, "success");
    assert_eq!(names(&folder(&first)), ["last.json.gz", "last.tar.zst"]);
    let flags = ["submit", "b.alt.json", "--archive=zip", "--compression=false"];
    let second = rig.call(&flags).code(0).line();
    rig.until(&second, "success");
    assert_eq!(names(&folder(&second)), ["last.json", "last.zip"]);
    for run in [&first, &second] {
        rig.call(&["verify", run]).code(0);
        rig.call(&["show", run]).code(0);
        rig.call(&["get", run]).code(0);
    }
    rig.call(&["diff", &first, &second]).code(0);
    let again = rig.call(&["rerun", &first, "--from", "sum", "--wait"]).code(0);
    assert!(!again.stdout.is_empty(), "a compressed result can be built upon: {again:?}");
}
