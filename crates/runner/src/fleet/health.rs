//! The verb `health`: how the jobs of the fleet do, in a word and an exit code.

use std::time::Duration;

use protocol::{Alert, Health, HealthStatus, Issue, OfJob};

use super::{Fleet, lost};
use crate::catalogue;
use crate::exit::{Exit, Failure};
use crate::output::{self, counted};
use crate::progress::seconds;
use crate::settings::Settings;

pub(super) async fn health(
    fleet: &Fleet,
    json: bool,
    settings: &Settings,
) -> Result<Exit, Failure> {
    let registry = catalogue::registry(settings)?;
    let health = fleet.client.fleet_health(&registry).await.map_err(|error| lost(&error))?;
    if json {
        output::json(&health)?;
    } else {
        output::result(&told(&health))?;
    }
    Ok(match health.status {
        HealthStatus::Healthy => Exit::Success,
        HealthStatus::Degraded => Exit::Partial,
        HealthStatus::Unhealthy => Exit::Failure,
    })
}

fn told(Health { status, issues, alerts }: &Health) -> String {
    let mut text = format!(
        "{}: {}, {}\n",
        status.name(),
        counted(issues.len(), "issue", "issues"),
        counted(alerts.len(), "alert", "alerts")
    );
    for OfJob { job, what } in issues {
        text.push_str(&format!("  issue: `{}`: {}\n", alt::visible(job), issue(what)));
    }
    for OfJob { job, what } in alerts {
        text.push_str(&format!("  alert: `{}`: {}\n", alt::visible(job), alert(what)));
    }
    text
}

fn time(of: u64) -> String {
    seconds(Duration::from_secs(of))
}

fn issue(issue: &Issue) -> String {
    match *issue {
        Issue::Failing { failures, executions } => {
            format!("{failures} of {executions} executions of the last hour went wrong")
        }
        Issue::Overdue { seconds, most } => format!(
            "it is run by itself and has not been for {}; {} is too long",
            time(seconds),
            time(most)
        ),
    }
}

fn alert(alert: &Alert) -> String {
    match *alert {
        Alert::Failures { failures, executions } => {
            format!("{failures} of {executions} executions of the last hour went wrong")
        }
        Alert::Slow { average_ms } => {
            let average = seconds(Duration::from_millis(average_ms));
            format!("in the last hour its executions took {average} on average")
        }
        Alert::DeadLetters { dead_letters, executions } => format!(
            "in the last hour {dead_letters} of its tasks were given up, to {executions} executions"
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_issue_and_alert_names_its_job_and_its_figures() {
        fn of<T>(what: T) -> OfJob<T> {
            OfJob { job: "a\u{1b}".to_owned(), what }
        }
        let health = Health {
            status: HealthStatus::Degraded,
            issues: vec![
                of(Issue::Failing { failures: 12, executions: 15 }),
                of(Issue::Overdue { seconds: 7201, most: 7200 }),
            ],
            alerts: vec![
                of(Alert::Failures { failures: 2, executions: 5 }),
                of(Alert::Slow { average_ms: 301_000 }),
                of(Alert::DeadLetters { dead_letters: 3, executions: 7 }),
            ],
        };
        let text = told(&health);
        assert!(!text.contains('\u{1b}'), "{text}");
        let mut lines = text.lines();
        assert_eq!(lines.next(), Some("degraded: 2 issues, 3 alerts"));
        for figures in ["12 of 15", "not been for", "2 of 5", "on average", "3 of its tasks"] {
            let line = lines.next().unwrap();
            assert!(line.contains(figures), "{line}");
        }
    }
}
