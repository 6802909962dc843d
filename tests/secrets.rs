//! What a worker keeps secret is nowhere: jobs say it in every way and form that there is, and then
//! everything that anybody wrote or kept is searched for it.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;

use aho_corasick::AhoCorasick;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use tests::clock::until;
use tests::crew::{Done, Program, Role};
use tests::servers::NatsServer;

use crate::door::{LONG, own};

/// What everybody may see, said in the same ways: where it is found, a secret would have been.
const OPEN: &str = "nothing-to-hide-4711";

/// The password of the server, which every role has in an address.
const PASSWORD: &str = "nats-pa55w0rd";

/// What a worker is given, and of each what must be seen nowhere.
fn planted() -> Vec<(&'static str, String, Vec<String>)> {
    let whole = |name, value: &str| (name, value.to_owned(), vec![value.to_owned()]);
    let part = |name, value: &str, part: &str| (name, value.to_owned(), vec![part.to_owned()]);
    let pem = ["MC4CAQAwBQYDK2VwBCIEIJ+DYvh6SEqVTm50DFtMDoQ", "ikTmiCqirVv9mWG9qfSnF"];
    let key = format!("-----BEGIN KEY-----\n{}\n{}\n-----END KEY-----\n", pem[0], pem[1]);
    vec![
        whole("PLAIN_TOKEN", "tok-7f3a91c2e5"),
        whole("GITHUB_TOKEN", "ghp_16C7e42F292c6912E7710c838347Ae178B4a"),
        part("SERVICE_AUTHORIZATION", "Bearer eyJhbGciOiJub25lIn0.e30.x_", "eyJhbGciOiJub25lIn0"),
        part("DATABASE_URL", "postgres://app:Sw0rdf1sh@db.local:5432/x", "Sw0rdf1sh"),
        part("CACHE_ADDRESS", "redis://:p%40ss%2Fw0rd@cache/0", "p@ss/w0rd"),
        part("PROXY", "http://u:proxy+pass@10.0.0.1:3128", "proxy+pass"),
        whole("DISCORD_WEBHOOK_URL", "https://discord.test/api/webhooks/1/aB_c-D?x=1&y=2"),
        whole("QUOTES_SECRET", r#"she said "open" twice"#),
        whole("BACKSLASH_PASSWORD", r"C:\keys\n0t-a-newline\"),
        ("SIGNING_KEY", key, pem.map(str::to_owned).into()),
        part("TRAILING_TOKEN", "with-newline-9c1\n", "with-newline-9c1"),
        whole("TABBED_SECRET", "left\tright\tcenter"),
        whole("UMLAUT_PASSWORD", "Öl-für-Türen-42"),
        whole("EMOJI_PASSWORD", "key🔑and🚪door"),
        whole("SLASHES_API_KEY", "abc/def+ghi/jkl=="),
        whole("PERCENT_SECRET", "100%25-and-%zz-more"),
        whole("WALLET_MNEMONIC", "legal winner thank year wave sausage worth useful"),
        whole("NUMBER_SECRET", "948372615048"),
        whole("JSON_SECRET", r#"{"user":"a","pin":["9 9"]}"#),
        whole("HTML_SECRET", "<b>&amp;'bold'</b>"),
        whole("DB_PASS", "plain-pass-word"),
    ]
}

/// The forms that are looked for; each encoder here is another one than the product's where there is.
fn forms(secret: &str) -> Vec<String> {
    let json = |text: &str| serde_json::to_string(text).unwrap().trim_matches('"').to_owned();
    let percent: String = secret.bytes().map(percent).collect();
    let hex: String = secret.bytes().map(|byte| format!("{byte:02x}")).collect();
    let mut forms = vec![secret.to_owned(), json(secret), json(&json(secret)), percent, hex];
    forms.extend([STANDARD.encode(secret), URL_SAFE_NO_PAD.encode(secret)]);
    // Behind three bytes the digits are the same as at the beginning.
    forms.extend(["a", "ab"].map(|before| {
        let digits = STANDARD.encode(format!("{before}{secret}"));
        digits[4..digits.len() - 4].to_owned()
    }));
    forms.retain(|form| form.len() >= 8);
    forms
}

/// As Python's `urllib.parse.quote` with nothing safe writes it.
fn percent(byte: u8) -> String {
    if byte.is_ascii_alphanumeric() || b"_.-~".contains(&byte) {
        char::from(byte).to_string()
    } else {
        format!("%{byte:02X}")
    }
}

/// What a program says that looks into its parent, in the form that Python makes of it.
fn spied(id: &str, names: &[&str], more: &str) -> Value {
    let script = format!(
        "import os,sys,json,base64,urllib.parse as u\n\
         raw=open('/proc/%d/environ'%os.getppid(),'rb').read().split(b'\\0')\n\
         env=dict(pair.decode().split('=',1) for pair in raw if b'=' in pair)\n\
         said=[env[name] for name in {names:?}]\n{more}"
    );
    json!({"id": id, "description": "x", "job": "exec", "retry_count": 0,
           "parameters": {"command": "python3", "args": ["-c", script]}})
}

const SPIED: [(&str, &str); 9] = [
    ("stdout", "print('\\n'.join(said))"),
    ("stderr", "sys.exit('\\n'.join(said))"),
    ("ascii-json", "print(json.dumps(said))"),
    ("json", "print(json.dumps(json.dumps(said, ensure_ascii=False)))"),
    ("quoted", "print(' '.join(u.quote(x, safe='') for x in said))"),
    ("form", "print(u.urlencode([('q', x) for x in said]))"),
    ("base64", "print(' '.join(base64.b64encode(x.encode()).decode() for x in said))"),
    (
        "basic",
        "print(' '.join(base64.b64encode(('me:'+x).encode()).decode() for x in said), file=sys.stderr)",
    ),
    ("hex", "print(' '.join(x.encode().hex() for x in said))"),
];

const WAYS: [&str; 10] = [
    "output",
    "text",
    "files",
    "error",
    "parameter",
    "unavailable",
    "panic",
    "clean_up",
    "skip",
    "stay",
];

/// A server that answers with all of it: fails, or gives JSON, or bytes.
fn telling(said: &[String]) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let json = serde_json::to_string(said).unwrap().replace('/', "\\/");
    let bytes = [&[0xff], said.join("\n").as_bytes()].concat();
    let answers = [
        ("/fail", "500 Broken", "text/plain", said.join(" ").into_bytes()),
        ("/json", "200 OK", "application/json", json.into_bytes()),
        ("/bytes", "200 OK", "application/octet-stream", bytes),
    ];
    // It ends with the test's process.
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut head = vec![0; 4096];
            let length = stream.read(&mut head).unwrap_or(0);
            let head = String::from_utf8_lossy(&head[..length]).into_owned();
            let asked = |path: &&str| head.starts_with(&format!("GET {path} "));
            let found = answers.iter().find(|(path, ..)| asked(path));
            let Some((_, status, kind, body)) = found else { continue };
            let _ = write!(
                stream,
                "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nX-Said: {OPEN}\r\n\
                 Content-Length: {}\r\nConnection: close\r\n\r\n",
                body.len()
            );
            let _ = stream.write_all(body);
        }
    });
    port
}

fn tasks(names: &[&str], port: u16) -> Value {
    let telltale = |way: &str| {
        json!({"id": way, "description": "x", "job": "telltale", "retry_count": 0,
               "timeout_seconds": 2, "parameters": {"way": way, "names": names}})
    };
    let spy = |(id, more): (&str, &str)| spied(id, names, more);
    let http = |path: &str| {
        json!({"id": format!("http-{path}"), "description": "x", "job": "http", "retry_count": 0,
               "parameters": {"url": format!("http://127.0.0.1:{port}/{path}")}})
    };
    let told = WAYS.into_iter().map(telltale);
    told.chain(SPIED.map(spy)).chain(["fail", "json", "bytes"].map(http)).collect()
}

/// Two coordinators' worth of nothing but: a server, a coordinator, and a worker with secrets.
struct Fleet {
    program: Program,
    coordinator: Role,
    worker: Role,
    armed: Program,
    folder: PathBuf,
    /// After its clients.
    _server: NatsServer,
}

impl Fleet {
    fn start(folder: &Path, planted: &[(&'static str, String, Vec<String>)]) -> Self {
        let store = folder.join("nats");
        let server = NatsServer::start_with(&format!(
            "jetstream {{ store_dir: {store:?} }}\n\
             authorization {{ user: fleet, password: {PASSWORD:?} }}\n"
        ));
        let url = server.url().replace("://", &format!("://fleet:{PASSWORD}@"));
        let results = format!("file://{}", folder.join("results").display());
        let program = Program::new(own(), folder).with(&[
            ("RUNNER_NATS_URL", &url),
            ("RUNNER_STORE_URL", &results),
            ("RUNNER_LOG_LEVEL", "debug"),
            ("RUNNER_LEASE_SECONDS", "2"),
            ("RUNNER_ARCHIVE", "both"),
        ]);
        let _ = program.call(&["doctor", "--fix"]).code(0);
        let variables: Vec<_> =
            planted.iter().map(|(name, value, _)| (*name, value.as_str())).collect();
        let armed = program.with(&variables).with(&[("OPEN", OPEN)]);
        let coordinator = program.role("coordinator", &["coordinator"]);
        let worker = armed.role("worker", &WORKER);
        let folder = folder.to_owned();
        Self { program, coordinator, worker, armed, folder, _server: server }
    }

    fn submit(&self, id: &str, tasks: &Value) -> String {
        let file = json!({"id": id, "title": id, "tasks": tasks});
        let path = self.folder.join(format!("{id}.alt.json"));
        std::fs::write(&path, file.to_string()).unwrap();
        let done = self.program.call(&["submit", path.to_str().unwrap()]).code(0);
        done.stdout.trim().to_owned()
    }

    fn ask(&self, words: &[&str]) -> Done {
        self.program.call(words)
    }
}

const WORKER: [&str; 6] =
    ["worker", "--allow-exec", "--allow-private-addresses", "--slots", "4", "--grace=0"];

/// An attempt that says it and is then handed back, begun again, and cancelled.
fn die_telling(fleet: &mut Fleet, names: &[&str]) -> String {
    let task = json!([{"id": "dying", "description": "x", "job": "telltale",
                       "parameters": {"way": "stay", "names": names}}]);
    let run = fleet.submit("dying", &task);
    let runs = || {
        let why = fleet.ask(&["why", &run, "dying", "--json"]).stdout;
        why.contains("Running") || why.contains("running")
    };
    assert!(until(LONG, runs).is_some(), "it does not run");
    fleet.worker.tell_to_end();
    assert!(until(LONG, || fleet.worker.has_ended()).is_some(), "the worker does not go");
    fleet.worker = fleet.armed.role("worker", &WORKER);
    let _ = fleet.ask(&["cancel", &run]);
    let ended = until(LONG, || {
        fleet.ask(&["watch", &run, "--progress", "json"]).stdout.contains("last.json")
    });
    assert!(ended.is_some(), "it does not end");
    run
}

/// All files below a folder, and what is inside archives among them.
fn contents(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let (mut contents, mut folders) = (Vec::new(), vec![folder.to_owned()]);
    while let Some(folder) = folders.pop() {
        for entry in folder.read_dir().unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                contents.push((path.clone(), std::fs::read(&path).unwrap()));
            }
        }
    }
    contents
}

#[test]
fn what_a_worker_keeps_secret_is_nowhere() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().canonicalize().unwrap();
    let planted = planted();
    let mut fleet = Fleet::start(&folder, &planted);
    let mut names: Vec<_> = planted.iter().map(|(name, ..)| *name).collect();
    names.push("OPEN");
    let mut said: Vec<_> = planted.iter().map(|(_, value, _)| value.clone()).collect();
    said.push(OPEN.to_owned());
    let run = fleet.submit("telling", &tasks(&names, telling(&said)));
    let watched = fleet.ask(&["watch", &run, "--progress", "json"]);
    assert_eq!(watched.code, Some(4), "{watched:#?}");
    let dying = die_telling(&mut fleet, &names);
    for run in [&run, &dying] {
        let out = folder.join(format!("got-{run}"));
        for words in [
            &["get", run, "-o", out.to_str().unwrap()][..],
            &["show", run],
            &["show", run, "--json"],
            &["why", run, "panic"],
            &["why", run, "dying"],
            &["ls"],
            &["workers", "ls", "--json"],
            &["doctor"],
            &["watch", run, "--progress", "plain"],
        ] {
            let _ = fleet.ask(words);
        }
    }
    for role in [&fleet.coordinator, &fleet.worker] {
        std::fs::write(folder.join(format!("{}.metrics", role.name)), role.metrics().unwrap())
            .unwrap();
    }
    search(&folder, &planted);
}

/// Looks for every form of every secret in everything, and for what may be seen.
fn search(folder: &Path, planted: &[(&str, String, Vec<String>)]) {
    let archives = contents(folder).into_iter().map(|(path, _)| path);
    for (number, path) in archives.filter(|path| path.ends_with("last.zip")).enumerate() {
        let into = folder.join(format!("unpacked-{number}"));
        let done =
            Command::new("python3").args(["-m", "zipfile", "-e"]).arg(&path).arg(&into).status();
        assert!(done.unwrap().success(), "{}", path.display());
    }
    let contents = contents(folder);
    let secrets = planted
        .iter()
        .flat_map(|(name, _, secrets)| secrets.iter().map(move |secret| (*name, secret.as_str())));
    let secrets = secrets.chain([("the password of the server", PASSWORD)]);
    let looked_for: Vec<(&str, String)> = secrets
        .flat_map(|(name, secret)| forms(secret).into_iter().map(move |form| (name, form)))
        .collect();
    let finder = AhoCorasick::new(looked_for.iter().map(|(_, form)| form)).unwrap();
    let mut leaks = Vec::new();
    for (path, bytes) in &contents {
        for found in finder.find_overlapping_iter(bytes) {
            let (name, _) = looked_for[found.pattern().as_usize()];
            let (from, to) = (found.start().saturating_sub(60), found.end() + 20);
            let around = String::from_utf8_lossy(&bytes[from..to.min(bytes.len())]);
            leaks.push(format!("{name} in {}: {around:?}", path.display()));
        }
    }
    assert!(leaks.is_empty(), "{} leaks\n{}", leaks.len(), leaks.join("\n"));
    let open = AhoCorasick::new([OPEN]).unwrap();
    // Not what is watched: a run may be over before its watcher is there.
    for place in ["last.json", "report.html", "nats/", "unpacked-", "-show.out"] {
        let mut here = contents.iter().filter(|(path, _)| path.to_str().unwrap().contains(place));
        let seen = here.any(|(_, bytes)| open.is_match(bytes));
        assert!(seen, "a secret in {place} would not have been found");
    }
}
