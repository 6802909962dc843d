//! The verbs of message queues.

use clap::{ArgGroup, Args, Subcommand};

#[derive(Debug, Subcommand)]
pub(crate) enum QueueVerb {
    /// Put messages on a queue; the job that drains it gets each as the parameters of a task
    Push(PushArguments),
    /// List the queues, or the messages of one, the oldest first
    Ls {
        /// The queue; all of them if it is left out
        queue: Option<String>,
        /// Messages shown at most
        #[arg(long, default_value_t = 100, value_name = "N")]
        limit: usize,
        /// Print the list as JSON
        #[arg(long)]
        json: bool,
    },
    /// List the messages of a queue that failed for good, and why
    Dead {
        /// The queue
        queue: String,
        /// Print the list as JSON, with what was sent
        #[arg(long)]
        json: bool,
    },
    /// Put dead letters on their queue again
    Replay(LetterArguments),
    /// Forget dead letters
    Drop(LetterArguments),
}

#[derive(Debug, Args)]
pub(crate) struct PushArguments {
    /// The queue
    pub(crate) queue: String,
    /// The message, a JSON object; `-` reads it from the standard input
    #[arg(required_unless_present = "lines", conflicts_with = "lines")]
    pub(crate) message: Option<String>,
    /// Read messages from the standard input, one a line
    #[arg(long, conflicts_with = "id")]
    pub(crate) lines: bool,
    /// What the message is called, and its task; drawn if it is left out. One that waits is not put again
    #[arg(long)]
    pub(crate) id: Option<String>,
    /// What it belongs to: jobs with `preserve_order` take messages of one key one after the other
    #[arg(long, default_value = "", hide_default_value = true)]
    pub(crate) key: String,
}

#[derive(Debug, Args)]
#[command(group = ArgGroup::new("which").required(true).args(["places", "all"]))]
pub(crate) struct LetterArguments {
    /// The queue
    pub(crate) queue: String,
    /// The letters, by their places as `queue dead` shows them
    #[arg(value_name = "PLACE")]
    pub(crate) places: Vec<u64>,
    /// All of them
    #[arg(long)]
    pub(crate) all: bool,
}
