//! How a job is declared: the #[job] attribute.
//!
//! `#[job("name", description = "…")]` on
//! `async fn f(parameters: P, context: Context) -> Result<R, Error>`, or on an `impl Job for T` with
//! hooks, links it into the program as a job. `P` is read from the task's parameters, `R` is written
//! as its output.
//!
//! | option | means | if absent |
//! |---|---|---|
//! | the name, first and without `=` | what tasks call the job: letters, digits, `_`, `-`, `.` | the function's name |
//! | `name` | what people call it | the name in words |
//! | `aliases` | older names that tasks may still say | none |
//! | `description` | one line for people | the first line of its documentation |
//! | `interval_seconds` | seconds between two runs by itself, from 1 | none |
//! | `cron` | when it is run by itself: six fields, seconds first, UTC | none |
//! | `jitter_seconds` | seconds a tick is put off at most | 0 |
//! | `misfire` | what a tick becomes that is over a minute late: `"skip"`, `"run_once"`, `"catch_up"` | `"skip"` |
//! | `enabled` | whether it is run by itself at all | `true` |
//! | `priority` | of runs by itself: `"low"`, `"normal"`, `"high"`, `"critical"` | `"normal"` |
//! | `max_retries` | extra attempts after a failure, 0-255 | 0 |
//! | `retry_delay_seconds` | seconds to the second attempt, then doubled up to an hour, from 1 | half a second, up to a minute |
//! | `timeout_seconds` | seconds an attempt may take, from 1 | the system's default |
//! | `max_concurrent` | attempts that run at once in the fleet, from 1 | no limit |
//! | `queue` | the message queue that it drains: at each tick a run of what waits there, one message a task, its parameters; needs a schedule | none |
//! | `batch_size` | messages that one run takes, 1-1000 | 10 |
//! | `preserve_order` | messages with one key strictly one after the other | `false` |
//! | `dead_letter` | whether a message that failed for good is kept, to be looked at and replayed | `true` |
//! | `requires_wallet`, `requires_twitter`, `requires_discord`, `requires_blockchain`, `requires_ai` | what a worker must have to run it | `false` |
//! | `dependencies` | jobs whose last run must have succeeded since its own last run | none |
//! | `idempotent` | whether it may be repeated when its worker was lost | `true` |

mod arguments;
mod expand;

use proc_macro::TokenStream;

/// Declares an async function or an implementation of `Job` as a job; the table in the crate's
/// description lists the options.
///
/// What it stands on stays as it is and can be called by tests.
#[proc_macro_attribute]
pub fn job(arguments: TokenStream, item: TokenStream) -> TokenStream {
    let item = syn::parse_macro_input!(item as syn::Item);
    let expanded = syn::parse(arguments).and_then(|arguments| expand::expand(&arguments, &item));
    // With a fault the item stays, so that it is not reported as missing on top.
    let declaration = expanded.unwrap_or_else(|fault| fault.to_compile_error());
    quote::quote!(#item #declaration).into()
}
