//! The file as its author meant it: every field read, typed and bounded; links not yet followed.

mod job;
mod last;
mod reader;
mod task;

use std::collections::BTreeSet;

use serde_json::value::RawValue;

pub use self::reader::nearest;
use self::reader::{Owner, Reader, shorten};
use crate::diagnostic::{Diagnostic, Findings, quote};
use crate::model::{AltFile, Mode, Priority, Task};
use crate::value::{Field, Kind, fields, items};
use crate::{Check, Code, Json, LastOptions, limits};

const FILE_FIELDS: &[&str] = &[
    "$schema",
    "id",
    "version",
    "created_at",
    "title",
    "description",
    "mode",
    "persona",
    "chaos_level",
    "priority",
    "tags",
    "expected_completion_time",
    "metadata",
    "last",
    "tasks",
];

const MODES: &[(&str, Mode)] = &[
    ("normal", Mode::Normal),
    ("dream", Mode::Dream),
    ("explore", Mode::Explore),
    ("chaos", Mode::Chaos),
];

const PRIORITIES: &[(&str, Priority)] = &[
    ("low", Priority::Low),
    ("medium", Priority::Medium),
    ("normal", Priority::Medium),
    ("high", Priority::High),
    ("critical", Priority::Critical),
];

/// What a later phase needs of a task beside its model.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Origin<'a> {
    /// The id as written, with quotes.
    pub(crate) id: &'a str,
    /// The list of dependencies, if it is one.
    pub(crate) dependencies: Option<&'a RawValue>,
    /// The parameters, if they are an object.
    pub(crate) parameters: Option<&'a RawValue>,
}

/// A file whose fields are read and whose links are not.
#[derive(Debug)]
pub(crate) struct Shape<'a> {
    pub(crate) file: AltFile,
    /// By task.
    pub(crate) origins: Vec<Origin<'a>>,
}

/// Reads the fields. `None` when there is nothing for a later phase to look at.
pub(crate) fn read<'a>(
    text: &'a str,
    root: &'a RawValue,
    check: &Check<'_>,
    findings: &mut Findings,
) -> Option<Shape<'a>> {
    findings.phase();
    let Some(fields) = fields(root) else {
        let found = Kind::of(root).name();
        findings.error(|| {
            Diagnostic::error(Code::WrongType, 0..text.len().min(1), "")
                .message(format!("an ALT file is an object, not {found}"))
                .label("expected `{`")
        });
        return None;
    };
    let mut reader = Reader { text, findings };
    let head = read_head(&mut reader, &fields, check);
    for required in ["id", "title"] {
        if !fields.iter().any(|field| field.key == required) {
            missing(&mut reader, root.get(), "", required, "a string");
        }
    }
    let Some(field) = fields.iter().rev().find(|field| field.key == "tasks") else {
        missing(&mut reader, root.get(), "", "tasks", "a list of tasks");
        return None;
    };
    let (tasks, origins) = read_tasks(&mut reader, field, check, head.priority)?;
    Some(Shape { file: AltFile { tasks, ..head }, origins })
}

/// Everything but the tasks.
fn read_head<'a>(reader: &mut Reader<'a, '_>, fields: &[Field<'a>], check: &Check<'_>) -> AltFile {
    let mut file = AltFile {
        id: String::new(),
        version: "1.0".to_owned(),
        created_at: None,
        title: String::new(),
        description: None,
        mode: Mode::Normal,
        persona: None,
        chaos_level: None,
        priority: Priority::Medium,
        tags: Vec::new(),
        expected_completion_time: None,
        metadata: None,
        last: LastOptions::default(),
        tasks: Vec::new(),
    };
    for field in fields {
        let required = matches!(&*field.key, "id" | "title");
        // null is an absent value, except where one is required.
        if Kind::of(field.value) != Kind::Null || required {
            read_field(reader, field, &mut file, check);
        }
    }
    if let Some(mode) = check.mode {
        file.mode = mode;
    }
    if let Some(persona) = check.persona {
        file.persona = Some(persona.to_owned());
    }
    let level = fields.iter().find(|field| field.key == "chaos_level");
    if let Some(level) = level.filter(|_| file.chaos_level.is_some() && file.mode != Mode::Chaos) {
        let span = reader.span(level.key_text);
        reader.findings.warning(|| {
            Diagnostic::warning(Code::IgnoredField, span, "/chaos_level")
                .message("`chaos_level` has no effect unless `mode` is `chaos`")
                .label("ignored")
        });
    }
    file
}

fn read_field<'a>(
    reader: &mut Reader<'a, '_>,
    field: &Field<'a>,
    file: &mut AltFile,
    check: &Check<'_>,
) {
    let owner = Owner::File;
    let owned = |text: std::borrow::Cow<'_, str>| text.into_owned();
    match &*field.key {
        "id" => file.id = reader.name(owner, field).map(owned).unwrap_or_default(),
        "title" => file.title = reader.text(owner, field).map(owned).unwrap_or_default(),
        "version" => read_version(reader, field, file),
        "created_at" => file.created_at = read_time(reader, field),
        "description" => file.description = reader.string(owner, field).map(owned),
        "persona" => file.persona = reader.string(owner, field).map(owned),
        "mode" => file.mode = reader.word(owner, field, MODES).unwrap_or_default(),
        "priority" => file.priority = reader.word(owner, field, PRIORITIES).unwrap_or_default(),
        "chaos_level" => {
            let level = reader.number(owner, field, 1..=10);
            file.chaos_level = level.and_then(|level| u8::try_from(level).ok());
        }
        "expected_completion_time" => {
            file.expected_completion_time = reader.number(owner, field, 0..=u32::MAX);
        }
        "tags" => file.tags = reader.strings(owner, field, limits::TAGS),
        "metadata" => {
            let metadata = reader.object(owner, field, limits::METADATA_BYTES);
            file.metadata = metadata.map(|raw| Json::from_raw(raw.to_owned()));
        }
        "last" => file.last = last::read(reader, field, check),
        "tasks" | "$schema" => {}
        _ => unknown(reader, owner, field, FILE_FIELDS, check),
    }
}

fn read_version<'a>(reader: &mut Reader<'a, '_>, field: &Field<'a>, file: &mut AltFile) {
    let Some(version) = reader.string(Owner::File, field) else {
        return;
    };
    let minor = version.strip_prefix("1.");
    if minor.is_some_and(|minor| !minor.is_empty() && minor.bytes().all(|b| b.is_ascii_digit())) {
        file.version = version.into_owned();
        return;
    }
    let span = reader.span(field.value.get());
    reader.refuse(Owner::File, field, Code::BadVersion, |fault| {
        fault
            .message(format!("version {} is not supported", quote(&version)))
            .label("this version")
            .help("this Runner reads version 1.0 and later 1.x")
            .fix(span, "\"1.0\"")
    });
}

fn read_time<'a>(reader: &mut Reader<'a, '_>, field: &Field<'a>) -> Option<String> {
    let text = reader.string(Owner::File, field)?;
    if text.parse::<jiff::Timestamp>().is_ok() {
        return Some(text.into_owned());
    }
    reader.refuse(Owner::File, field, Code::BadTime, |fault| {
        fault
            .message(format!("{} is not a time", quote(&text)))
            .label("this time")
            .help("write RFC 3339 with a zone, such as \"2026-01-31T12:00:00Z\"")
    });
    None
}

fn read_tasks<'a>(
    reader: &mut Reader<'a, '_>,
    field: &Field<'a>,
    check: &Check<'_>,
    priority: Priority,
) -> Option<(Vec<Task>, Vec<Origin<'a>>)> {
    let Some(list) = items(field.value) else {
        let found = Kind::of(field.value).name();
        reader.refuse(Owner::File, field, Code::WrongType, |fault| {
            fault.message(format!("`tasks` must be a list, not {found}")).label(found)
        });
        return None;
    };
    if list.len() > limits::TASKS {
        reader.refuse(Owner::File, field, Code::TaskCount, |fault| {
            fault
                .message(format!("{} tasks; at most {} are allowed", list.len(), limits::TASKS))
                .label("this list")
                .help("split the work into several files")
        });
        return None;
    }
    if list.is_empty() {
        let span = reader.span(field.value.get());
        reader.findings.warning(|| {
            Diagnostic::warning(Code::EmptyTasks, shorten(span), "/tasks")
                .message("the file has no tasks")
                .label("nothing to do")
                .help("a run of it succeeds at once")
        });
    }
    let mut tasks = Vec::with_capacity(list.len());
    let mut origins = Vec::with_capacity(list.len());
    let jobs = job::Jobs::new(check);
    for (index, raw) in list.into_iter().enumerate() {
        let (task, origin) = task::read(reader, index, raw, &jobs, check, priority);
        tasks.push(task);
        origins.push(origin);
    }
    check_queues(reader, field, &tasks);
    Some((tasks, origins))
}

fn check_queues(reader: &mut Reader<'_, '_>, field: &Field<'_>, tasks: &[Task]) {
    let queues: BTreeSet<&str> = tasks.iter().filter_map(|task| task.queue.as_deref()).collect();
    if queues.len() > limits::QUEUES {
        let (count, most) = (queues.len(), limits::QUEUES);
        reader.refuse(Owner::File, field, Code::ItemCount, |fault| {
            fault
                .message(format!("the tasks name {count} queues; at most {most} are allowed"))
                .label("in this list")
                .help("a queue is for a kind of worker, not for a task")
        });
    }
}

fn missing(reader: &mut Reader<'_, '_>, object: &str, pointer: &str, key: &str, wanted: &str) {
    let start = reader.span(object).start;
    reader.findings.error(|| {
        Diagnostic::error(Code::MissingField, start..start + 1, pointer)
            .message(format!("`{key}` is missing"))
            .label(format!("this object needs `{key}`: {wanted}"))
    });
}

fn unknown(
    reader: &mut Reader<'_, '_>,
    owner: Owner,
    field: &Field<'_>,
    known: &'static [&'static str],
    check: &Check<'_>,
) {
    let span = shorten(reader.span(field.key_text));
    let make = || {
        let fault =
            Diagnostic::warning(Code::UnknownField, span.clone(), owner.pointer(&field.key))
                .message(format!("the field {} is not part of the format", quote(&field.key)))
                .label("has no effect");
        match nearest(&field.key, known.iter().copied()) {
            Some(near) => fault
                .help(format!("did you mean `{near}`?"))
                .fix(span.clone(), format!("\"{near}\"")),
            None => fault.help("data of your own belongs in `metadata` or `parameters`"),
        }
    };
    if check.strict {
        reader.findings.error(|| Diagnostic { severity: crate::Severity::Error, ..make() });
    } else {
        reader.findings.warning(make);
    }
}
