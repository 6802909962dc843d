//! Every bound of an ALT file, with the reason for its size.

/// Bytes of a whole file. One million tasks of about 500 bytes each must fit.
pub const FILE_BYTES: usize = 512 * 1024 * 1024;

/// Bytes of a YAML text. It is read as a tree, which takes several times the room of the text, and
/// its producers write a few kilobytes.
pub const YAML_BYTES: usize = 16 * 1024 * 1024;

/// Values in a YAML text, keys not counted: an empty one takes two bytes of text and 100 as a tree.
pub const YAML_VALUES: usize = 1_000_000;

/// Tasks in a file. Above this a plan no longer fits beside others in a small coordinator.
pub const TASKS: usize = 1_000_000;

/// Dependencies in a whole file. Four per task of the largest file; both directions take 32 MiB.
pub const EDGES: usize = 4_000_000;

/// Dependencies of one task. Wider joins read better as a tree, and one message must hold them.
pub const DEPENDENCIES: usize = 10_000;

/// Tags of a file, and of each task: they are copied into every LAST.
pub const TAGS: usize = 1_000;

/// Bytes of a file id, task id or job name: an id must fit a log line and, encoded, an object key.
pub const ID_BYTES: usize = 256;

/// Characters of a queue name: it becomes a subject token.
pub const QUEUE_CHARS: usize = 64;

/// Queues that the tasks of one file may name: workers poll each of them.
pub const QUEUES: usize = 1_000;

/// Nesting of brackets. Readers in other languages recurse; 64 is safe in all of them.
pub const DEPTH: usize = 64;

/// Bytes of one string as written. Larger texts are files: fetch them in a task.
pub const STRING_BYTES: usize = 1024 * 1024;

/// Bytes of one task's `parameters` as written. An offer must fit one message of the log.
pub const PARAMETERS_BYTES: usize = 256 * 1024;

/// Bytes of the file's `metadata` as written. It is copied into the LAST.
pub const METADATA_BYTES: usize = 1024 * 1024;

/// Bytes of one task as written: room for all of the above at their largest.
pub const TASK_BYTES: usize = 8 * 1024 * 1024;

/// Seconds one attempt may take: a week. A lease is renewed that long at most.
pub const TIMEOUT_SECONDS: u32 = 604_800;

/// Above this many seconds a timeout is accepted with a warning: two hours.
pub const TIMEOUT_SECONDS_USUAL: u32 = 7_200;

/// Extra attempts of one task.
pub const RETRIES: u8 = 255;

/// Above this many extra attempts a file is accepted with a warning.
pub const RETRIES_USUAL: u8 = 20;

/// Bytes of the inside of one `${{ }}`: what a person can still read.
pub const EXPRESSION_BYTES: usize = 4_096;

/// Expressions in one task's parameters.
pub const EXPRESSIONS: usize = 1_000;

/// Fuel of one expression: about one unit for each instruction of the template engine.
pub const EXPRESSION_FUEL: u64 = 100_000;

/// Bytes of a text that a filter of an expression makes: fuel counts steps, and one step could
/// multiply one text by another.
pub const EXPRESSION_TEXT_BYTES: usize = 16 * 1024 * 1024;

/// Graph steps spent on proving that references name ancestors. Direct dependencies cost nothing.
pub const REFERENCE_STEPS: u64 = 50_000_000;

/// Errors shown of one file, and warnings shown of one file. The rest is counted.
pub const DIAGNOSTICS: usize = 100;

/// Characters of the author's text repeated in one message.
pub const QUOTE_CHARS: usize = 100;
