//! Missed ticks of a cron expression are counted as the server makes them: held against what a real one
//! says of many expressions.

use std::collections::BTreeMap;
use std::time::Duration;

use async_nats::{Client, HeaderMap, Message};
use engine::timetable::{Circumstances, take_tick};
use futures::StreamExt;
use protocol::{JobPolicy, JobRecord, Misfire, Schedule, Timestamp};
use serde_json::json;
use tests::servers::NatsServer;

/// Expressions by which ticks come within seconds.
const REPEATED: [&str; 9] = [
    "* * * * * *",
    "? ? ? ? ? ?",
    "*/2 * * * * *",
    "1/3 * * * * *",
    "0-19/2,20-39,40/5 * * * * *",
    "*-3,7 0-29,30-59 */1 * jan-dec SUN-sat",
    "0,,10,20,30,40,50,5-55/10, * * * * *",
    "*/1 * * 1-31 * */6",
    "*/03 */1 00-23 ?/1 * 0-6",
];

/// What the server refuses.
const REFUSED: [&str; 9] = [
    "60 * * * * *",
    "* * * 0 * *",
    "* * * * * 7",
    "* * * * * fri-mon",
    "*/0 * * * * *",
    "1-2-3 * * * * *",
    "* * * L * *",
    "0 0 0 31 2 *",
    "0 0 0 , * *",
];

/// A year and a day, in milliseconds.
const LONG: u64 = 366 * 86_400_000;

/// Expressions that name this moment, and then one that is minutes to a year away.
fn named(moment: Timestamp) -> Vec<String> {
    let text = moment.to_string();
    let [month, day, hour, minute, second] = [5, 8, 11, 14, 17].map(|at| &text[at..at + 2]);
    // 1970 began on a Thursday.
    let weekday = moment.0 / 86_400_000 + 4;
    let names = ["sun", "MON", "tue", "wed", "thu", "fri", "sat"];
    let [today, tomorrow] = [weekday, weekday + 1].map(|day| (day % 7) as usize);
    let time = format!("{second} {minute} {hour}");
    vec![
        format!("{second} * * * * *"),
        format!("{second} {minute}/7 * * * *"),
        format!("{second} {minute} {hour}/5 * * *"),
        format!("{time} * * *"),
        format!("{time} * * {today}"),
        format!("{time} ? * {}", names[today]),
        format!("{time} {day} * *"),
        format!("{time} {day} * ?"),
        format!("{time} {day},31 * *"),
        format!("{time} {day} {month} *"),
        format!("{time} {day} {month},feb */1"),
        // Of two restricted days either is enough.
        format!("{time} {day} * {}", names[tomorrow]),
        format!("{time} {day} {month} {tomorrow}"),
        format!("{time} 1-30/29 * {today}"),
        format!("{time} {day} * */3"),
        format!("{time} */9 * {today}"),
        // With a star both are needed.
        format!("{time} */1 * {today}"),
        format!("{time} *,13 * {}", names[today]),
        format!("{time} {day} * 1,*"),
        format!("{time} , * {today}"),
    ]
}

/// How many ticks the engine counts as missed at `at`, when the one before came at `last`; milliseconds.
fn missed(fields: &str, last: u64, at: u64) -> u32 {
    let schedule = Some(Schedule::Cron { fields: fields.to_owned() });
    let policy = JobPolicy { schedule, misfire: Misfire::CatchUp, ..JobPolicy::default() };
    let others = BTreeMap::new();
    let (now, at) = (Timestamp(at), Timestamp(at));
    let around =
        Circumstances { now, policy: &policy, others: &others, is_served: true, messages: &[] };
    let mut record = JobRecord { last_tick: Some(Timestamp(last)), ..JobRecord::default() };
    take_tick(&mut record, at, &around);
    record.waiting.unwrap().more
}

/// Between a moment that `fields` name and the next one that the server knows there is none.
#[track_caller]
fn agrees(fields: &str, moment: u64, next: u64) {
    let counted = [next - 1, next].map(|at| missed(fields, moment - 1, at));
    assert_eq!(counted, [0, 1], "`{fields}` after {} at {}", Timestamp(moment), Timestamp(next));
}

/// Asks for ticks; what the server says to that.
async fn schedule(client: &Client, number: usize, fields: &str) -> String {
    let mut headers = HeaderMap::new();
    let schedule = Schedule::Cron { fields: fields.to_owned() };
    headers.insert("Nats-Schedule", schedule.to_string());
    headers.insert("Nats-Schedule-Target", format!("tick.{number}"));
    let sent = client.request_with_headers(format!("def.{number}"), headers, "".into()).await;
    String::from_utf8(sent.unwrap().payload.to_vec()).unwrap()
}

/// The moment of a header of a tick.
fn header(tick: &Message, name: &str) -> u64 {
    let text = tick.headers.as_ref().unwrap().get(name).unwrap();
    Timestamp::from_rfc3339(text.as_str()).unwrap().0
}

#[tokio::test]
async fn missed_ticks_are_counted_as_the_server_makes_them() {
    let server = NatsServer::start();
    let client = async_nats::connect(server.url()).await.unwrap();
    // A stream of its own, which repeats every tick with the next moment that the server knows.
    let stream = json!({"name": "TICKS", "subjects": ["def.*", "tick.*"], "storage": "memory",
        "allow_msg_schedules": true, "republish": {"src": "tick.>", "dest": "heard.>"}});
    let made = client.request("$JS.API.STREAM.CREATE.TICKS", stream.to_string().into());
    let made = made.await.unwrap();
    assert!(!made.payload.starts_with(b"{\"error\""), "{made:?}");
    let mut heard = client.subscribe("heard.*").await.unwrap();
    for fields in REFUSED {
        let said = schedule(&client, 0, fields).await;
        assert!(said.contains("\"error\""), "{fields}: {said}");
        let now = Timestamp::now().0;
        assert_eq!(missed(fields, now - LONG, now), 0, "{fields}");
    }
    let moment = Timestamp((Timestamp::now().0 / 1000 + 4) * 1000);
    let once = named(moment);
    let all: Vec<&str> = once.iter().map(String::as_str).chain(REPEATED).collect();
    for (number, fields) in all.iter().enumerate() {
        let said = schedule(&client, number, fields).await;
        assert!(!said.contains("\"error\""), "{fields}: {said}");
    }
    assert!(Timestamp::now() < moment, "the server was told too late");
    let (mut due, mut ticks, mut agreed) = (BTreeMap::new(), 0, 0);
    while agreed < once.len() || ticks < 6 {
        let tick = tokio::time::timeout(Duration::from_secs(60), heard.next()).await;
        let tick = tick.unwrap().unwrap();
        let number: usize = tick.subject.strip_prefix("heard.").unwrap().parse().unwrap();
        let next = header(&tick, "Nats-Schedule-Next");
        if number < once.len() {
            agrees(all[number], moment.0, next);
            agreed += 1;
        // When a tick is late by more than a second, the server leaves out what is over by then.
        } else if let Some(moment) = due.insert(number, next)
            && header(&tick, "Nats-Time-Stamp") < moment + 900
        {
            agrees(all[number], moment, next);
            ticks += usize::from(all[number] == REPEATED[0]);
        }
    }
}
