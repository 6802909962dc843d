//! The report in a real browser: nothing that a text says runs, loads or breaks the page.

#![expect(
    clippy::disallowed_methods,
    clippy::print_stderr,
    reason = "a test looks for a browser, and says where none was found"
)]

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use alt::{Json, TaskIndex};
use last::{AltFileRef, Beside, Chaos, LastFile, Outline, OutputRef, TaskEnd, report};
use protocol::{ArtifactRecord, Body, Counts, MissingFile};
use serde::Deserialize;

use crate::reporting::{folder, left};
use crate::sample::{PAGE, alt, attempt, facts, run, sha256};
use crate::shapes::{all, map_reduce};

/// What one visit of a page found.
#[derive(Debug, Deserialize)]
struct Visit {
    kind: String,
    file: String,
    opened_ms: u64,
    /// Characters of text that a person reads.
    shown: usize,
    /// What the console said.
    said: Vec<String>,
    /// What was asked for that is not beside the page.
    asked: Vec<String>,
    dialogs: Vec<String>,
    #[serde(default)]
    ran: bool,
    #[serde(default)]
    scripts: usize,
    #[serde(default)]
    elements: Vec<String>,
    #[serde(default)]
    handlers: Vec<String>,
    #[serde(default)]
    links: Vec<String>,
    #[serde(default)]
    dead: Vec<String>,
    /// Pixels that the page is wider than the screen.
    #[serde(default)]
    wide: i64,
    /// Tasks left by a filter that fits none.
    #[serde(default)]
    left: usize,
    /// Where each picture is, and its width and height once it was fetched; 0 if it cannot be shown.
    #[serde(default)]
    pictures: Vec<(String, u32, u32)>,
}

/// The folder of playwright-core and the program of the browser, or what is missing.
fn tools() -> Result<(PathBuf, PathBuf), &'static str> {
    let modules = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../.tools/browser/node_modules");
    if !modules.join("playwright-core").is_dir() {
        return Err("playwright-core is missing: `just browser-tools` fetches it");
    }
    let folders = env::var_os("PATH").unwrap_or_default();
    let programs = env::split_paths(&folders).flat_map(|folder| {
        ["chromium", "chromium-browser", "google-chrome"].map(|it| folder.join(it))
    });
    let program = programs.into_iter().find(|program| program.is_file());
    let program = program.ok_or("chromium is missing: `apt-get install chromium`")?;
    Ok((modules, program))
}

/// Opens `pages`; `None` where there is no browser, which is said.
fn visit(kinds: &str, pages: &[PathBuf]) -> Option<Vec<Visit>> {
    let (modules, program) = match tools() {
        Ok(found) => found,
        Err(missing) => {
            eprintln!("not opened: {missing}");
            return None;
        }
    };
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/browser/page.cjs");
    let out =
        Command::new("node").arg(script).arg(modules).arg(program).arg(kinds).args(pages).output();
    let out = out.unwrap();
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    let lines = String::from_utf8(out.stdout).unwrap();
    Some(lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect())
}

fn hold(visits: &[Visit]) {
    for it in visits {
        let scripted = it.kind != "no script";
        assert!(!it.ran && it.dialogs.is_empty(), "a text was run: {it:?}");
        assert!(it.asked.is_empty(), "something was asked for: {it:?}");
        // A picture that is not there is told as an error, and there is none beside these pages.
        let odd = it.said.iter().find(|said| !said.contains("ERR_FILE_NOT_FOUND"));
        assert!(odd.is_none(), "the browser complains: {it:?}");
        assert!(it.elements.is_empty() && it.handlers.is_empty(), "a text became markup: {it:?}");
        assert!(it.links.is_empty(), "a link leads elsewhere: {it:?}");
        assert!(it.dead.is_empty(), "a link leads nowhere: {it:?}");
        assert_eq!(it.scripts, usize::from(scripted), "{it:?}");
        assert!(it.shown > 200, "there is nothing to read: {it:?}");
        assert_eq!(it.left, 0, "{it:?}");
        assert!(it.wide <= 0, "it is wider than its screen: {it:?}");
    }
}

/// A run all of whose texts are `text`.
fn hostile(text: &str) -> (LastFile, std::sync::Arc<alt::Alt>, Beside) {
    let quoted = |text: &str| serde_json::to_string(text).unwrap();
    let id = |task: usize| quoted(&format!("{text}{task}"));
    let all = quoted(text);
    // What a reference would be is no reference here: the file must be valid.
    let parameter = quoted(&text.replace("${{", "$${{"));
    let task = |task: usize, before: &str| {
        format!(
            "{{\"id\":{},\"description\":{all},\"parameters\":{{{parameter}:{parameter}}},\
             \"tags\":[{all}],\"dependencies\":[{before}]}}",
            id(task)
        )
    };
    let source = format!(
        "{{\"id\":{all},\"title\":{all},\"description\":{all},\"persona\":{all},\"tags\":[{all}],\
         \"metadata\":{{{all}:{all}}},\"tasks\":[{},{},{}]}}",
        task(0, ""),
        task(1, &id(0)),
        task(2, &id(1))
    );
    let alt = alt(&source);
    let output = format!("{{\"model\":{all},\"usage\":{{\"input_tokens\":1}},\"answer\":{all}}}");
    let tell = |index: TaskIndex| {
        Ok::<_, std::convert::Infallible>(match index.0 {
            0 => {
                let body = Ok(Body::Inline(Json::from_text(output.clone()).unwrap()));
                let mut first = attempt(index, 1, (10, 500, 400), body);
                first.verdict.body.log = vec![text.to_owned(); 2];
                first.verdict.body.missing =
                    vec![MissingFile { path: text.to_owned(), reason: text.to_owned() }];
                first.verdict.body.artifacts = ["", ".png", ".svg"]
                    .map(|end| ArtifactRecord {
                        name: format!("{text}{end}"),
                        key: "k".to_owned(),
                        size: PAGE.len() as u64,
                        sha256: sha256(PAGE),
                    })
                    .into();
                facts(TaskEnd::Completed, 500, vec![first])
            }
            1 => {
                let tries = [(500, 700, 100), (800, 900, 50)];
                let tries = tries.into_iter().zip(1..);
                let tries = tries.map(|(times, n)| attempt(index, n, times, Err(text)));
                facts(TaskEnd::Failed, 900, tries.collect())
            }
            _ => facts(TaskEnd::Cancelled { cause: Some(TaskIndex(1)) }, 900, vec![]),
        })
    };
    let counts = Counts { completed: 1, failed: 1, cancelled: 1, ..Counts::default() };
    let mut out = Vec::new();
    last::assemble(&mut out, &run(&alt, counts), &mut { tell }).unwrap();
    let mut last = last::read(&out).unwrap();
    spoil(&mut last, text);
    let texts = last.artifacts.iter().map(|it| (it.path.clone(), text.to_owned())).collect();
    (last, alt, Beside { alt: Some(source), texts })
}

/// What no run can bring about, but whoever writes a file can.
fn spoil(last: &mut LastFile, text: &str) {
    for field in [&mut last.id, &mut last.version, &mut last.execution_id, &mut last.durability] {
        field.clone_from(&text.to_owned());
    }
    last.chaos = Some(Chaos { seed: text.to_owned(), level: 3 });
    last.cancelled = Some(text.to_owned());
    let (name, sha256) = (text.to_owned(), text.to_owned());
    last.alt_file = Some(AltFileRef { name, size: 1, sha256 });
    for artifact in last.artifacts.iter_mut().skip(1) {
        artifact.path = text.to_owned();
        artifact.mime_type = text.to_owned();
        artifact.sha256 = text.to_owned();
    }
    let (path, sha256) = (text.to_owned(), text.to_owned());
    last.task_results[0].output_ref =
        Some(OutputRef { path, size_bytes: 7, sha256, missing: false });
}

#[test]
fn no_text_of_a_run_runs_in_its_report() {
    let payloads = include_str!("../browser/payloads.txt");
    let place = folder().join("hostile");
    fs::create_dir_all(&place).unwrap();
    let mut pages = Vec::new();
    for (number, text) in payloads.lines().enumerate() {
        let (last, alt, beside) = hostile(text);
        assert_eq!(Outline::of(&last).report(None, &beside).unwrap().matches("<script").count(), 1);
        let page = place.join(format!("{number:02}.html"));
        fs::write(&page, report(&last, Some(&alt), &beside).unwrap()).unwrap();
        pages.push(page);
    }
    assert!(pages.len() >= 60, "{}", pages.len());
    // What does not run without the page's policy does not run with it; that the policy suits the page
    // is seen on some.
    if let Some(visits) = visit("unguarded", &pages) {
        assert_eq!(visits.len(), pages.len());
        hold(&visits);
    }
    if let Some(visits) = visit("plain", &pages[..8]) {
        hold(&visits);
    }
}

#[test]
fn reports_of_every_size_open_and_have_no_dead_links() {
    let mut pages = Vec::new();
    for (name, tasks) in all() {
        left(name, &tasks);
        pages.push(folder().join(format!("{name}.html")));
    }
    let large = left("large-100000", &map_reduce(99_500, 496));
    assert!(large.len() < 5_000_000, "{}", large.len());
    pages.push(folder().join("large-100000.html"));
    let Some(visits) = visit("plain,phone,no script", &pages) else { return };
    hold(&visits);
    let slowest = visits.iter().max_by_key(|it| it.opened_ms).unwrap();
    let (file, ms) = (&slowest.file, slowest.opened_ms);
    // A bound for a busy machine; on a quiet one it is a tenth of that.
    assert!(ms < 20_000, "{file} took {ms} ms to open");
    let times: Vec<_> = visits.iter().map(|it| (&it.file, &it.kind, it.opened_ms)).collect();
    eprintln!("{times:?}");
}

/// A picture of these many pixels, as any program writes it.
fn png(width: u32, height: u32) -> Vec<u8> {
    let chunk = |name: &[u8; 4], data: &[u8]| {
        let mut crc = flate2::Crc::new();
        crc.update(name);
        crc.update(data);
        let length = u32::try_from(data.len()).unwrap().to_be_bytes();
        [&length[..], name, data, &crc.sum().to_be_bytes()].concat()
    };
    let shade = |at: u32, of: u32| u8::try_from(at * 255 / of).unwrap();
    let mut lines = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::default());
    for y in 0..height {
        let pixels = (0..width).flat_map(|x| [shade(x, width), shade(y, height), 160]);
        lines.write_all(&[0]).unwrap();
        lines.write_all(&pixels.collect::<Vec<u8>>()).unwrap();
    }
    // 8 bits each of red, green and blue.
    let head = [&width.to_be_bytes()[..], &height.to_be_bytes(), &[8, 2, 0, 0, 0]].concat();
    let lines = lines.finish().unwrap();
    let parts = [chunk(b"IHDR", &head), chunk(b"IDAT", &lines), chunk(b"IEND", &[])];
    [b"\x89PNG\r\n\x1a\n".to_vec(), parts.concat()].concat()
}

#[test]
fn a_picture_that_a_task_left_is_seen_and_one_that_is_none_does_no_harm() {
    let alt = alt(r#"{"id":"p","title":"Pictures","tasks":[{"id":"draw","description":"d"}]}"#);
    let names = ["a chart #1.png", "broken.png"];
    let contents = [png(320, 200), b"<svg onload='xss=1'>".to_vec()];
    let tell = |index: TaskIndex| {
        let body = Ok(Body::Inline(Json::from_text("{}").unwrap()));
        let mut drawn = attempt(index, 1, (10, 500, 400), body);
        let each = names.iter().zip(&contents);
        let records = each.map(|(name, content)| ArtifactRecord {
            name: (*name).to_owned(),
            key: "k".to_owned(),
            size: content.len() as u64,
            sha256: sha256(content),
        });
        drawn.verdict.body.artifacts = records.collect();
        Ok::<_, std::convert::Infallible>(facts(TaskEnd::Completed, 500, vec![drawn]))
    };
    let run = run(&alt, Counts { completed: 1, ..Counts::default() });
    let made = last::assemble(&mut std::io::sink(), &run, &mut { tell }).unwrap();
    let place = folder().join("picture");
    for (promotion, content) in made.promotions.iter().zip(&contents) {
        let path = place.join(&promotion.to);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }
    let page = place.join("report.html");
    fs::write(&page, made.outline.report(Some(&alt), &Beside::default()).unwrap()).unwrap();
    let Some(visits) = visit("seen", &[page]) else { return };
    hold(&visits);
    let [chart, broken] = visits[0].pictures.as_slice() else { panic!("{visits:?}") };
    assert_eq!((chart.1, chart.2), (320, 200), "{chart:?}");
    assert!(chart.0.ends_with("/a%20chart%20%231.png"), "{chart:?}");
    assert_eq!((broken.1, broken.2), (0, 0), "{broken:?}");
}
