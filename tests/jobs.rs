//! The built-in jobs do what the README's table says, and only what they are allowed to.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use crate::door::Door;
use crate::source::root;

fn one(job: &str, retries: u8, parameters: &Value) -> Value {
    json!({"id": "j", "title": "J", "tasks": [
        {"id": "a", "description": "x", "job": job, "retry_count": retries,
         "parameters": parameters}]})
}

#[test]
fn a_job_is_a_file_and_every_file_a_job() {
    let door = Door::new();
    let files: BTreeSet<String> = root()
        .join("crates/jobs/src/jobs")
        .read_dir()
        .unwrap()
        .filter_map(|entry| {
            let name = entry.unwrap().file_name().into_string().unwrap();
            Some(name.strip_suffix(".rs")?.to_owned())
        })
        .collect();
    let listed = door.call(&["jobs", "ls", "--json"]).code(0).json();
    let names: BTreeSet<String> = listed
        .as_array()
        .unwrap()
        .iter()
        .map(|job| job["name"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(names, files);
}

#[test]
fn exec_starts_nothing_unless_it_is_allowed() {
    let mut door = Door::new();
    let witness = door.path("witness");
    door.alt("x.alt.json", &one("exec", 3, &json!({"command": "touch", "args": [witness]})));
    let refused = |door: &Door| {
        let done = door.call(&["run", "x.alt.json"]).code(1);
        let result = &done.last(door)["task_results"]["a"];
        let error = result["error"].as_str().unwrap();
        assert!(error.contains("--allow-exec") && error.contains("RUNNER_ALLOW_EXEC"), "{error}");
        assert_eq!(result["attempts"].as_array().unwrap().len(), 1, "{result:#}");
        assert!(!witness.exists());
    };
    refused(&door);
    door.set("RUNNER_ALLOW_EXEC", "0");
    refused(&door);
    let allowed = |door: &Door, more: &[&str]| {
        door.call(&[&["run", "x.alt.json"], more].concat()).code(0);
        std::fs::remove_file(&witness).unwrap();
    };
    allowed(&door, &["--allow-exec"]);
    door.set("RUNNER_ALLOW_EXEC", "1");
    allowed(&door, &[]);
}

#[test]
fn exec_has_no_shell_no_environment_and_no_way_to_smuggle_one_in() {
    let mut door = Door::new();
    door.set("RUNNER_ALLOW_EXEC", "1");
    door.set("SECRET", "of the operator");
    door.alt("x.alt.json", &one("exec", 0, &json!({"argv": ["env"]})));
    let done = door.call(&["run", "x.alt.json"]).code(0);
    let stdout = done.last(&door)["task_results"]["a"]["output"]["stdout"].clone();
    let names: BTreeSet<_> = stdout
        .as_str()
        .unwrap()
        .lines()
        .filter_map(|line| Some(line.split_once('=')?.0.to_owned()))
        .collect();
    let expected = ["HOME", "LANG", "PATH", "TMPDIR"].map(str::to_owned);
    assert_eq!(names, BTreeSet::from(expected));
    let text = "$HOME `id` $(id) * ; id";
    door.alt("x.alt.json", &one("exec", 0, &json!({"command": "echo", "args": [text]})));
    let done = door.call(&["run", "x.alt.json"]).code(0);
    let output = &done.last(&door)["task_results"]["a"]["output"];
    assert_eq!(output["stdout"], format!("{text}\n"));
    for parameters in [
        json!({"command": "../../bin/sh"}),
        json!({"command": "bin/sh"}),
        json!({"command": "sh", "args": ["a\0b"]}),
        json!({"command": "true", "env": {"LD_PRELOAD": "/x.so"}}),
        json!({"command": "true", "env": {"PATH": "/x"}}),
        json!({"command": "true", "outputs": ["../x"]}),
        json!({"command": "true", "outputs": ["/etc/passwd"]}),
        json!({"command": "no-such-program-anywhere"}),
        json!({"command": "true", "shell": true}),
    ] {
        door.alt("x.alt.json", &one("exec", 2, &parameters));
        let done = door.call(&["run", "x.alt.json"]).code(1);
        let result = &done.last(&door)["task_results"]["a"];
        assert!(result["error"].is_string(), "{result:#}");
        assert_eq!(result["attempts"].as_array().unwrap().len(), 1, "{result:#}");
    }
}

#[test]
fn files_of_a_program_become_artifacts_and_links_out_do_not() {
    let door = Door::new();
    let script = "mkdir out; printf 'a,b\\n' > out/table.csv; ln -s /etc/passwd leak; \
                  mkfifo pipe; printf x > a; printf y > A";
    let outputs = json!(["out/table.csv", "leak", "pipe", "absent", "a", "A"]);
    door.alt(
        "x.alt.json",
        &one("exec", 0, &json!({"command": "sh", "args": ["-c", script], "outputs": outputs})),
    );
    let done = door.call(&["run", "x.alt.json", "--allow-exec"]).code(0);
    let last = done.last(&door);
    let kept: BTreeSet<_> = last["artifacts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|artifact| artifact["name"].as_str().unwrap())
        .collect();
    assert_eq!(kept, BTreeSet::from(["out/table.csv", "a"]), "{last:#}");
    let missing = last["task_results"]["a"]["missing_files"].as_array().unwrap();
    let missing: Vec<_> = missing.iter().map(|file| &file["path"]).collect();
    // On some disks `A` would be the same file as `a`.
    assert_eq!(missing, ["leak", "pipe", "absent", "A"], "{last:#}");
    door.call(&["verify", done.last_path()]).code(0);
    let table = last["artifacts"]
        .as_array()
        .unwrap()
        .iter()
        .find(|artifact| artifact["name"] == "out/table.csv")
        .unwrap();
    let path = done.last_path().replace("last.json", table["path"].as_str().unwrap());
    assert_eq!(std::fs::read_to_string(door.path(&path)).unwrap(), "a,b\n");
}

#[test]
fn what_a_program_says_is_cut_or_kept_whole_and_never_bent() {
    let door = Door::new();
    for (script, bytes, stdout, truncated) in [
        ("yes | head -c 5000000", 1000, "y\n".repeat(500), true),
        ("printf 'a\\377\\000b'", 1000, "a\u{fffd}\0b".to_owned(), false),
    ] {
        let parameters = json!({"command": "sh", "args": ["-c", script],
                                "max_output_bytes": bytes});
        door.alt("x.alt.json", &one("exec", 0, &parameters));
        let done = door.call(&["run", "x.alt.json", "--allow-exec"]).code(0);
        let output = &done.last(&door)["task_results"]["a"]["output"];
        assert_eq!(output["stdout"], stdout, "{script}");
        assert_eq!(output["stdout_truncated"] == true, truncated, "{script}");
        let base64 = if truncated { Value::Null } else { json!("Yf8AYg==") };
        assert_eq!(output["stdout_base64"], base64, "{script}");
    }
}

/// A server that keeps what it was asked, and fails the first request.
struct Server {
    port: u16,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Server {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let keep = Arc::clone(&asked);
        // It ends with the test's process.
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (request, mut stream) = request(stream.unwrap());
                let mut asked = keep.lock().unwrap();
                let answer = if asked.is_empty() { "503 Busy" } else { "200 OK" };
                asked.push(request);
                let head =
                    "Content-Type: application/json\r\nContent-Length: 11\r\nConnection: close";
                let _ = write!(stream, "HTTP/1.1 {answer}\r\n{head}\r\n\r\n{{\"ok\":true}}");
            }
        });
        Self { port, asked }
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

/// The head, in lower case, and the body of a request.
fn request(stream: TcpStream) -> (String, TcpStream) {
    let mut reader = BufReader::new(stream);
    let mut text = String::new();
    while !text.ends_with("\r\n\r\n") && reader.read_line(&mut text).unwrap_or(0) > 0 {}
    let mut text = text.to_lowercase();
    let length = text.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    let _ = reader.read_exact(&mut body);
    text.push_str(&String::from_utf8_lossy(&body));
    (text, reader.into_inner())
}

#[test]
fn http_reaches_this_machine_only_when_it_is_allowed() {
    let mut door = Door::new();
    let server = Server::start();
    let port = server.port;
    for url in [
        format!("http://127.0.0.1:{port}/"),
        format!("http://localhost:{port}/"),
        format!("http://127.1:{port}/"),
        format!("http://0x7f.1:{port}/"),
        format!("http://0.0.0.0:{port}/"),
        format!("http://[::ffff:127.0.0.1]:{port}/"),
        "http://[::ffff:10.0.0.1]/".to_owned(),
        "http://169.254.169.254/latest/meta-data".to_owned(),
        format!("http://user:pw@127.0.0.1:{port}/"),
        "file:///etc/passwd".to_owned(),
        "gopher://127.0.0.1/".to_owned(),
    ] {
        door.alt("x.alt.json", &one("http", 2, &json!({"url": url})));
        let done = door.call(&["run", "x.alt.json"]).code(1);
        let result = &done.last(&door)["task_results"]["a"];
        assert!(result["error"].is_string(), "{url}: {result:#}");
        assert_eq!(result["attempts"].as_array().unwrap().len(), 1, "{url}: {result:#}");
    }
    assert_eq!(server.asked(), Vec::<String>::new());
    let post = json!({"url": format!("http://127.0.0.1:{port}/in"), "json": {"n": 1}});
    door.alt("x.alt.json", &one("http", 2, &post));
    let done = door.call(&["run", "x.alt.json", "--allow-private-addresses"]).code(0);
    let result = &done.last(&door)["task_results"]["a"];
    assert_eq!(result["output"]["body"], json!({"ok": true}));
    assert_eq!(result["attempts"].as_array().unwrap().len(), 2);
    let asked = server.asked();
    let keys: Vec<_> = asked
        .iter()
        .map(|request| {
            assert!(request.starts_with("post /in http/1.1\r\n"), "{request}");
            let (_, body) = request.split_once("\r\n\r\n").unwrap();
            assert_eq!(serde_json::from_str::<Value>(body).unwrap(), json!({"n": 1}));
            let key = |line: &str| line.strip_prefix("idempotency-key: ").map(str::to_owned);
            request.lines().find_map(key).unwrap()
        })
        .collect();
    assert_eq!(keys.len(), 2);
    assert_eq!(keys[0], keys[1], "one task, one key");
    door.set("RUNNER_ALLOW_PRIVATE_ADDRESSES", "1");
    door.call(&["run", "x.alt.json"]).code(0);
    assert_eq!(server.asked().len(), 3);
}

#[test]
fn http_smuggles_no_headers() {
    let door = Door::new();
    let server = Server::start();
    let long = "x".repeat(200_000);
    for (name, value) in [
        ("X", "a\r\nInjected: 1"),
        ("X\r\nInjected", "1"),
        ("Host", "elsewhere"),
        ("Transfer-Encoding", "chunked"),
        ("Content-Length", "0"),
        ("X", &long),
    ] {
        let parameters = json!({"url": format!("http://127.0.0.1:{}/", server.port),
                                "headers": {name: value}});
        door.alt("x.alt.json", &one("http", 2, &parameters));
        let done = door.call(&["run", "x.alt.json", "--allow-private-addresses"]).code(1);
        let result = &done.last(&door)["task_results"]["a"];
        assert!(result["error"].is_string(), "{result:#}");
    }
    assert_eq!(server.asked(), Vec::<String>::new());
}
