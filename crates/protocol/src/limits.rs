//! Every bound of messages and attempts and why it has that value; those of a file are `alt::limits`.

/// Offers a run keeps outstanding: a huge run neither floods the queues nor starves a small one.
pub const WINDOW: u32 = 1024;
/// Offers in one atomic batch: the server's limit (nats-server 2.15, ADR-50).
pub const BATCH: usize = 1000;
/// Tasks that one worker may go on with from one offer: what an offer costs is then shared by so many
/// that it hardly shows, and what is left when one takes long is soon offered again.
pub const THEN: usize = 16;
/// Bytes of their parameters together: an offer stays a small message.
pub const THEN_BYTES: usize = 16 * 1024;
/// Dependents that are looked at for them, so that the cost of an offer is bounded.
pub const THEN_LOOKS: usize = 64;
/// Milliseconds from its claim after which a worker goes on with nothing more: what takes longer is
/// better done by several, and people see no more of it. From here on it also says that it runs.
pub const GOES_ON_MS: u64 = 20;
/// An ALT file kept inside its submission, bytes; a larger one goes to the store first. Below the
/// server's default `max_payload` of 1 MiB with room for headers.
pub const INLINE_ALT_BYTES: usize = 768 * 1024;
/// Runs that one coordinator conducts at once; the others wait on the stream, or go to another.
pub const RUNS: usize = 256;
/// Bytes kept of what is put into quarantine: enough to see what it was.
pub const QUARANTINE_BYTES: usize = 768 * 1024;
/// Reasons kept with it.
pub const QUARANTINE_REASONS: usize = 100;
/// Bytes of one reason; longer ones are cut.
pub const REASON_BYTES: usize = 500;
/// What a model is told of a run, and what is kept of its answer, bytes each: a page or two.
pub const INSIGHTS_BYTES: usize = 16 * 1024;
/// Bytes of the name of a model.
pub const MODEL_BYTES: usize = 200;
/// Tasks shown in a snapshot of a run: what is under way and what went wrong first.
pub const SNAPSHOT_TASKS: usize = 200;
/// Reasons, holders and dependencies named in one answer to `why`.
pub const WHY_REASONS: usize = 20;
/// An output kept inside its verdict, bytes; larger ones go to the store first.
pub const INLINE_OUTPUT_BYTES: usize = 64 * 1024;
/// An output as a whole, bytes: a job that returns more fails rather than fill a worker's memory.
pub const OUTPUT_BYTES: usize = 256 * 1024 * 1024;
/// An error text, bytes; longer ones are cut, with a note.
pub const ERROR_BYTES: usize = 4 * 1024;
/// Log lines kept with a verdict.
pub const LOG_LINES: usize = 100;
/// Bytes of one log line; longer ones are cut.
pub const LOG_LINE_BYTES: usize = 1024;
/// Files kept from one attempt.
pub const ARTIFACTS: usize = 1000;
/// Bytes of an artifact's name: a path component on every common file system.
pub const ARTIFACT_NAME_BYTES: usize = 255;
/// Files of one attempt that are stored at once, unless told otherwise: a bucket is far, and one
/// upload alone rarely fills the way to it.
pub const UPLOADS: u16 = 4;
/// The most of them: each holds a few parts of 8 MiB in memory.
pub const UPLOADS_MAX: u16 = 64;
/// Worker deaths an attempt may cost before its task fails with `worker_lost`.
pub const LOST_WORKERS: u32 = 3;
/// Worker deaths after which an attempt runs alone on its worker, so that its neighbours there are
/// not blamed for the next one.
pub const LOST_ALONE: u32 = 2;
/// Seconds an attempt may take when neither its task nor its job says.
pub const TIMEOUT_SECONDS: u32 = 300;
/// Milliseconds before the first retry; doubles with each, up to [`BACKOFF_MS_MAX`].
pub const BACKOFF_MS: u64 = 500;
/// The longest wait before a retry, milliseconds.
pub const BACKOFF_MS_MAX: u64 = 60_000;
/// The longest wait before a retry where a job says how long the first one is, seconds.
pub const RETRY_DELAY_SECONDS_MAX: u32 = 3600;
/// Seconds that a tick may be late and is run all the same.
pub const MISFIRE_GRACE_SECONDS: u32 = 60;
/// Missed ticks that a job catches up on at most.
pub const TICKS_CAUGHT_UP: u32 = 1000;
/// Days of a cron expression that are looked at for missed ticks: the server makes none by one that names
/// no moment in five years.
pub const CRON_DAYS: u64 = 5 * 366;
/// Bytes of a value that a job remembers: it is read as one message.
pub const MEMORY_BYTES: usize = 64 * 1024;
/// Bytes of the key of such a value: it becomes a part of a subject.
pub const MEMORY_KEY_BYTES: usize = 100;
/// Messages that a run takes from a queue where the job says nothing.
pub const QUEUE_BATCH: u32 = 10;
/// Messages that a run takes at most: it is one file, and the next tick has another.
pub const QUEUE_BATCH_MAX: u32 = 1000;
/// Bytes of a message of a queue: it becomes the parameters of a task.
pub const QUEUE_MESSAGE_BYTES: usize = 128 * 1024;
/// Bytes of the messages of one run together, unless one alone has more: they become one submission.
pub const QUEUE_BATCH_BYTES: usize = 640 * 1024;
/// Bytes of the task of a message besides its id and what it says: the name of its job, a date, braces.
pub const QUEUE_TASK_BYTES: usize = 256;
/// Bytes of a message's id, and of its key: one becomes a part of a subject.
pub const QUEUE_ID_BYTES: usize = 100;
/// Milliseconds that a job has to give back what an attempt took.
pub const CLEANUP_MS: u64 = 3_000;
/// Milliseconds a stopped job has to end by itself before it is killed.
pub const STOP_GRACE_MS: u64 = 10_000;
/// Milliseconds past its timeout after which a coordinator seals an attempt its worker did not.
pub const SEAL_GRACE_MS: u64 = 15_000;
/// Attempts a worker of a fleet runs at once, unless told otherwise: the pool of the older system.
pub const SLOTS: u16 = 5;
/// Attempts a run without a fleet has at once, unless told otherwise: as the older runner had.
pub const LOCAL_SLOTS: u16 = 4;
/// The most attempts a worker may be told to run at once: each may hold an output in memory.
pub const SLOTS_MAX: u16 = 1024;

const _: () = assert!(WINDOW as usize >= BATCH, "a full batch must fit the window");
const _: () = assert!(
    SEAL_GRACE_MS > STOP_GRACE_MS + CLEANUP_MS,
    "a worker must get its grace and clean up before the seal"
);
const _: () = assert!(INLINE_OUTPUT_BYTES < 1024 * 1024, "a verdict must fit the server's 1 MiB");
// What would be a template grows by a third at most when it is written to mean itself.
const _: () =
    assert!(QUEUE_BATCH_BYTES / 3 * 4 < 960 * 1024, "a batch must fit the server's 1 MiB");
