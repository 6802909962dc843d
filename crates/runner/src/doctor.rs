//! The verb `doctor`: looks at all that a fleet needs, makes what is missing, says what is wrong.

mod report;

use bus::nats::{Found, NatsBus, Part};
use bus::{Bus, Error};

use self::report::{Finding, Report};
use crate::arguments::DoctorArguments;
use crate::exit::{Exit, Failure};
use crate::output;
use crate::settings::Settings;
use crate::{catalogue, connection};

/// Milliseconds that clocks may differ before it shows in the times that people read.
const CLOCK_MS: u64 = 500;

pub(crate) fn doctor(arguments: &DoctorArguments, settings: &Settings) -> Result<Exit, Failure> {
    let queues = catalogue::registry(settings)?.catalogue().open_queues();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Failure::fault(format!("no threads: {error}")))?;
    let messages = async {
        let mut found = Vec::new();
        let parts = messages(settings, arguments, &queues, &mut found).await;
        (parts, found)
    };
    let ((parts, messages), (probe, store)) =
        runtime.block_on(async { tokio::join!(messages, store(settings)) });
    let report = Report::new(settings, arguments.fix, parts, messages, probe, store);
    if arguments.json {
        output::json(&report)?;
    } else {
        output::result(&report.text())?;
    }
    Ok(if report.is_ready() { Exit::Success } else { Exit::Failure })
}

/// Looks at the server and its streams; those that are missing are made with `fix`.
async fn messages(
    settings: &Settings,
    arguments: &DoctorArguments,
    queues: &std::collections::BTreeMap<String, Option<u32>>,
    found: &mut Vec<Finding>,
) -> Vec<Part> {
    let bus = match open(settings).await {
        Ok(bus) => bus,
        Err(failure) => {
            found.push(Finding::wrong(failure.message, failure.help));
            return Vec::new();
        }
    };
    found.push(Finding::good(format!("nats-server {} answers", bus.server_version())));
    let fix = arguments.fix;
    let parts = match bus.provision(fix, arguments.replicas).await {
        Ok(parts) => parts,
        Err(error) => {
            found.push(unprovisioned(&error));
            return Vec::new();
        }
    };
    found.push(Finding::good("JetStream answers"));
    found.push(clock(bus.clock_offset_ms()));
    found.extend(report::parts(&parts));
    let names: Vec<_> = queues.keys().map(String::as_str).collect();
    let names = names.join(", ");
    let whole = parts.iter().all(|part| matches!(part.found, Found::Same | Found::Made));
    if fix && whole {
        found.push(match bus.declare(queues).await {
            Ok(()) => {
                Finding::good(format!("the queues of this program's jobs are there: {names}"))
            }
            Err(error) => Finding::wrong(format!("queues are not declared: {error}"), None),
        });
    } else {
        let text = format!("the queues of this program's jobs, made when a role starts: {names}");
        found.push(Finding::note(text));
    }
    if let Ok(promise) = bus.durability().await {
        found.push(Finding::note(format!("a run is kept {promise}")));
    }
    parts
}

async fn open(settings: &Settings) -> Result<NatsBus, Failure> {
    let how = connection::how(settings, false)?;
    NatsBus::open(&how).await.map_err(|error| connection::lost(&error))
}

fn unprovisioned(error: &Error) -> Finding {
    let help = match error {
        Error::Unknown(_) => "is JetStream on? start nats-server with --jetstream, or `runner up`",
        _ => "a user who may make streams is needed: nats/accounts.conf shows one",
    };
    Finding::wrong(format!("the streams cannot be looked at: {error}"), Some(help.to_owned()))
}

fn clock(ahead_ms: i64) -> Finding {
    let off = ahead_ms.unsigned_abs();
    let how = if ahead_ms < 0 { "behind" } else { "ahead of" };
    let text = format!("the server's clock is {off} ms {how} this machine's");
    if off > CLOCK_MS {
        let help = "let both follow a time server; results keep the server's time";
        return Finding::odd(text, Some(help.to_owned()));
    }
    Finding::good(text)
}

/// Tries the store out.
async fn store(settings: &Settings) -> (Option<store::Probe>, Vec<Finding>) {
    match connection::store(settings) {
        Ok(store) => {
            let probe = store.probe().await;
            let found = report::checks(&probe);
            (Some(probe), found)
        }
        Err(failure) => (None, vec![Finding::wrong(failure.message, failure.help)]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clocks_that_differ_by_more_than_half_a_second_are_odd() {
        for (ahead, odd) in [(0, false), (500, false), (-500, false), (501, true), (-60_000, true)]
        {
            assert_eq!(clock(ahead).is_odd(), odd, "{ahead}");
        }
    }
}
