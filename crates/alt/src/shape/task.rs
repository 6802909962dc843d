//! The fields of one task.

use serde_json::value::RawValue;

use super::job::Jobs;
use super::reader::{Owner, Reader, shorten};
use super::{Origin, PRIORITIES, missing, unknown};
use crate::diagnostic::{Diagnostic, quote};
use crate::model::{Priority, Task};
use crate::value::{Field, Kind, fields};
use crate::{Check, Code, Json, limits};

const TASK_FIELDS: &[&str] = &[
    "id",
    "description",
    "dependencies",
    "parameters",
    "timeout_seconds",
    "retry_count",
    "priority",
    "tags",
    "job",
    "queue",
    "status",
];

/// Reads a task; what cannot be read is left empty, with a diagnostic.
pub(super) fn read<'a>(
    reader: &mut Reader<'a, '_>,
    index: usize,
    raw: &'a RawValue,
    jobs: &Jobs<'_>,
    check: &Check<'_>,
    priority: Priority,
) -> (Task, Origin<'a>) {
    let mut task = Task {
        id: String::new(),
        description: String::new(),
        dependencies: Vec::new(),
        references: Vec::new(),
        parameters: None,
        job: String::new(),
        queue: None,
        timeout_seconds: None,
        retry_count: None,
        priority,
        tags: Vec::new(),
    };
    let mut origin = Origin::default();
    let Some(fields) = checked_fields(reader, index, raw) else {
        return (task, origin);
    };
    for field in &fields {
        if Kind::of(field.value) != Kind::Null || field.key == "id" {
            read_field(reader, index, field, (&mut task, &mut origin), check);
        }
    }
    if !fields.iter().any(|field| field.key == "id") {
        missing(
            reader,
            raw.get(),
            &format!("/tasks/{index}"),
            "id",
            "a string, unique in the file",
        );
    }
    let described =
        |field: &&Field<'_>| field.key == "description" && Kind::of(field.value) != Kind::Null;
    if !fields.iter().any(|field| described(&field)) {
        describe(reader, index, raw, &mut task);
    }
    let named =
        fields.iter().find(|field| field.key == "job" && Kind::of(field.value) != Kind::Null);
    task.job = jobs.resolve(reader, Owner::Task(index), named, &origin);
    (task, origin)
}

fn checked_fields<'a>(
    reader: &mut Reader<'a, '_>,
    index: usize,
    raw: &'a RawValue,
) -> Option<Vec<Field<'a>>> {
    let span = reader.span(raw.get());
    let pointer = || format!("/tasks/{index}");
    if raw.get().len() > limits::TASK_BYTES {
        reader.findings.error(|| {
            Diagnostic::error(Code::ObjectSize, shorten(span), pointer())
                .message(format!("a task of more than {} bytes", limits::TASK_BYTES))
                .label("this task")
        });
        return None;
    }
    let fields = fields(raw);
    if fields.is_none() {
        let found = Kind::of(raw).name();
        reader.findings.error(|| {
            Diagnostic::error(Code::WrongType, shorten(span), pointer())
                .message(format!("a task must be an object, not {found}"))
                .label(found)
        });
    }
    fields
}

fn read_field<'a>(
    reader: &mut Reader<'a, '_>,
    index: usize,
    field: &Field<'a>,
    (task, origin): (&mut Task, &mut Origin<'a>),
    check: &Check<'_>,
) {
    let owner = Owner::Task(index);
    match &*field.key {
        "id" => {
            if let Some(id) = reader.name(owner, field) {
                task.id = id.into_owned();
                origin.id = field.value.get();
            }
        }
        "description" => {
            if let Some(text) = reader.text(owner, field) {
                task.description = text.into_owned();
            }
        }
        "dependencies" => {
            let items = reader.items(owner, field, limits::DEPENDENCIES);
            origin.dependencies = (!items.is_empty()).then_some(field.value);
        }
        "parameters" => {
            origin.parameters = reader.object(owner, field, limits::PARAMETERS_BYTES);
            task.parameters = origin.parameters.map(|raw| Json::from_raw(raw.to_owned()));
        }
        "timeout_seconds" => {
            task.timeout_seconds = reader.number(owner, field, 1..=limits::TIMEOUT_SECONDS);
            remark(reader, owner, field, task.timeout_seconds, limits::TIMEOUT_SECONDS_USUAL);
        }
        "retry_count" => {
            let retries = reader.number(owner, field, 0..=u32::from(limits::RETRIES));
            task.retry_count = retries.and_then(|retries| u8::try_from(retries).ok());
            remark(reader, owner, field, retries, u32::from(limits::RETRIES_USUAL));
        }
        "priority" => {
            task.priority = reader.word(owner, field, PRIORITIES).unwrap_or(task.priority);
        }
        "tags" => task.tags = reader.strings(owner, field, limits::TAGS),
        "queue" => task.queue = read_queue(reader, owner, field),
        "job" => {}
        "status" => {
            let span = reader.span(field.key_text);
            reader.findings.warning(|| {
                Diagnostic::warning(Code::IgnoredField, span, owner.pointer("status"))
                    .message("`status` of a task is ignored")
                    .label("every run starts from the beginning")
            });
        }
        _ => unknown(reader, owner, field, TASK_FIELDS, check),
    }
}

fn remark(
    reader: &mut Reader<'_, '_>,
    owner: Owner,
    field: &Field<'_>,
    number: Option<u32>,
    usual: u32,
) {
    let Some(number) = number.filter(|&number| number > usual) else {
        return;
    };
    let span = reader.span(field.value.get());
    reader.findings.warning(|| {
        Diagnostic::warning(Code::UnusualValue, span, owner.pointer(&field.key))
            .message(format!("`{}` is {number}: more than {usual} is rarely meant", field.key))
            .label("is this meant?")
    });
}

fn read_queue<'a>(reader: &mut Reader<'a, '_>, owner: Owner, field: &Field<'a>) -> Option<String> {
    let queue = reader.string(owner, field)?;
    let fits = (1..=limits::QUEUE_CHARS).contains(&queue.len())
        && queue.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-');
    if !fits {
        reader.refuse(owner, field, Code::BadQueue, |fault| {
            fault
                .message(format!("{} cannot be the name of a queue", quote(&queue)))
                .label("this name")
                .help("use 1 to 64 letters, digits, `_` and `-`")
        });
        return None;
    }
    Some(queue.into_owned())
}

/// A task without a description is called by its id.
fn describe(reader: &mut Reader<'_, '_>, index: usize, raw: &RawValue, task: &mut Task) {
    task.description.clone_from(&task.id);
    let start = reader.span(raw.get()).start;
    reader.findings.warning(|| {
        Diagnostic::warning(Code::MissingField, start..start + 1, format!("/tasks/{index}"))
            .message("`description` is missing; the id stands in for it")
            .label("say what this task does")
    });
}
