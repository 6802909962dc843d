//! Contract calls by the operator's command: its words, a script, the arguments; never a shell.
//!
//! The variable `CONTRACT_COMMAND` is the permission to start this one program, so the worker need
//! not allow `exec`. Its words are split at spaces, and the script and its arguments follow, each an
//! argument of its own: `bun run --cwd /opt/agent-tools` gets `src/…/deploy-dao.ts` and so on. The
//! program has `MNEMONIC` (from `WALLET_MNEMONIC`), `NETWORK` and `ACCOUNT_INDEX` in its environment,
//! and prints one JSON object `{success, message, data}`.

use std::collections::BTreeMap;

use job::{Context, Error};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::child::{Child, Ended};
use crate::program::Invocation;

const COMMAND: &str = "CONTRACT_COMMAND";
const MNEMONIC: &str = "WALLET_MNEMONIC";
const OUTPUT_BYTES: usize = 1024 * 1024;
/// How much of what a script said an error tells.
const SAID_CHARS: usize = 1000;
const PRINCIPAL_BYTES: usize = 128;

/// What scripts say of a contract that is there already, in lower case.
const EXISTS: [&str; 3] = ["contractalreadyexists", "already exists", "already deployed"];

/// One call of a contract.
#[derive(Debug)]
pub(crate) struct Call {
    /// What it is remembered by: the same effect, the same key.
    pub(crate) key: String,
    pub(crate) script: &'static str,
    pub(crate) args: Vec<String>,
    pub(crate) doubt: Doubt,
}

/// What to do when an earlier attempt began the call, and what came of it is not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Doubt {
    /// Leave it to people.
    Ask,
    /// Send it, since somebody has looked.
    Send,
    /// Send it, since a contract that is there already is what was wanted.
    Exists,
}

/// What came of a call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Sent {
    /// Absent when the script told none.
    pub(crate) tx_id: Option<String>,
    pub(crate) message: Option<String>,
    /// Whether the contract was there before.
    pub(crate) existed: bool,
}

/// What is remembered of a call.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Kept {
    /// It may have been sent.
    Begun,
    /// It was not.
    NotSent,
    Sent(Sent),
}

/// What a script prints.
#[derive(Deserialize)]
struct Said {
    success: bool,
    message: Option<String>,
    #[serde(default)]
    data: Value,
}

/// Whether the worker's variables let it call contracts.
///
/// # Errors
/// [`Error::Refused`] that says what is missing or wrong.
pub(crate) fn check(context: &Context) -> Result<(), Error> {
    network(context)?;
    invocation("script", &[], context).map(drop)
}

/// `mainnet` or `testnet`, which it is unless the operator says otherwise.
///
/// # Errors
/// [`Error::Refused`] for any other.
pub(crate) fn network(context: &Context) -> Result<&str, Error> {
    match context.variable("NETWORK") {
        None => Ok("testnet"),
        Some(network @ ("mainnet" | "testnet")) => Ok(network),
        Some(_) => Err(Error::Refused(
            "the worker's variable NETWORK is not `mainnet` or `testnet`".to_owned(),
        )),
    }
}

/// Checks that the parameter `name` is an address or a contract, so that it cannot be an option.
///
/// # Errors
/// [`Error::Parameter`] when it is not.
pub(crate) fn check_principal(name: &str, text: &str) -> Result<(), Error> {
    let known = |byte: u8| byte.is_ascii_alphanumeric() || b".-_".contains(&byte);
    if text.starts_with('S') && text.len() <= PRINCIPAL_BYTES && text.bytes().all(known) {
        return Ok(());
    }
    let problem = "is no address or contract, such as `ST1…` or `ST1….a-contract`";
    Err(Error::parameter(name, problem))
}

/// Sends `call`, unless it is remembered as sent; then what came of it, and whether it was.
///
/// # Errors
/// A failure that may be tried again when the call was surely not sent. When that cannot be told, it
/// is final, unless the call may be repeated.
pub(crate) async fn send(call: &Call, context: &Context) -> Result<(Sent, bool), Error> {
    match context.recall::<Kept>(&call.key).await? {
        Some(Kept::Sent(sent)) => return Ok((sent, true)),
        Some(Kept::Begun) if call.doubt == Doubt::Ask => return Err(unknown(call, "")),
        Some(Kept::Begun | Kept::NotSent) | None => {}
    }
    let invocation = invocation(call.script, &call.args, context)?;
    context.remember(&call.key, &Kept::Begun).await?;
    let child = match Child::start(&invocation, None, OUTPUT_BYTES, context) {
        Ok(child) => child,
        Err(error) => {
            context.remember(&call.key, &Kept::NotSent).await?;
            return Err(error);
        }
    };
    let ended = child.finish(context).await?;
    match outcome(call, &ended, context.variable(MNEMONIC).unwrap_or_default()) {
        Outcome::Sent(sent) => {
            context.remember(&call.key, &Kept::Sent(sent.clone())).await?;
            Ok((sent, false))
        }
        Outcome::NotSent(message) => {
            context.remember(&call.key, &Kept::NotSent).await?;
            Err(Error::failed(format!("`{}` failed: {message}", call.script)))
        }
        Outcome::Unknown(said) if call.doubt == Doubt::Exists => {
            Err(Error::failed(format!("`{}` ended without an answer{said}", call.script)))
        }
        Outcome::Unknown(said) => Err(unknown(call, &said)),
    }
}

enum Outcome {
    Sent(Sent),
    NotSent(String),
    Unknown(String),
}

fn outcome(call: &Call, ended: &Ended, secret: &str) -> Outcome {
    // A script that fails may print its environment.
    let told = |bytes: &[u8]| {
        let text = String::from_utf8_lossy(bytes).into_owned();
        if secret.is_empty() { text } else { text.replace(secret, "[the mnemonic]") }
    };
    let (stdout, stderr) = (told(&ended.stdout.bytes), told(&ended.stderr.bytes));
    // Some scripts say more before it; what they print last is the answer.
    let last = || stdout.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or_default();
    let said = serde_json::from_str::<Said>(stdout.trim());
    let said = said.or_else(|_| serde_json::from_str::<Said>(last().trim())).ok();
    let existed = call.doubt == Doubt::Exists
        && [&stdout, &stderr].iter().any(|text| {
            let text = text.to_lowercase();
            EXISTS.iter().any(|words| text.contains(words))
        });
    match said {
        Some(Said { success: true, message, data }) => {
            Outcome::Sent(Sent { tx_id: tx_id(&data), message, existed: false })
        }
        Some(Said { message, data, .. }) if existed => {
            Outcome::Sent(Sent { tx_id: tx_id(&data), message, existed })
        }
        None if existed => Outcome::Sent(Sent { tx_id: None, message: None, existed }),
        Some(Said { message, .. }) => {
            Outcome::NotSent(cut(message.as_deref().unwrap_or("it does not say why")))
        }
        None => {
            let said = cut(if stderr.trim().is_empty() { &stdout } else { &stderr });
            Outcome::Unknown(if said.is_empty() { said } else { format!(": {said}") })
        }
    }
}

fn cut(text: &str) -> String {
    text.trim().chars().take(SAID_CHARS).collect()
}

fn tx_id(data: &Value) -> Option<String> {
    let names = ["txid", "tx_id", "txId"];
    names.iter().find_map(|name| data.get(name)?.as_str()).map(str::to_owned)
}

fn unknown(call: &Call, said: &str) -> Error {
    Error::fatal(format!(
        "`{}` was begun, and whether it was sent is not known{said}; look at the chain, and give \
         `again` if it was not",
        call.script
    ))
}

fn invocation(script: &str, args: &[String], context: &Context) -> Result<Invocation, Error> {
    let variable = |name: &str| {
        let missing = || Error::Refused(format!("the worker has no variable {name}"));
        context.variable(name).ok_or_else(missing)
    };
    let words = variable(COMMAND)?.split_whitespace().map(str::to_owned);
    let argv = words.chain([format!("src/{script}")]).chain(args.iter().cloned()).collect();
    let env = BTreeMap::from([
        ("MNEMONIC".to_owned(), variable(MNEMONIC)?.to_owned()),
        ("NETWORK".to_owned(), network(context)?.to_owned()),
        ("ACCOUNT_INDEX".to_owned(), "0".to_owned()),
    ]);
    Invocation::new(None, Some(argv), Vec::new(), env).map_err(|error| match error {
        Error::Parameter { problem, .. } => Error::Refused(format!("{COMMAND}: {problem}")),
        other => other,
    })
}
