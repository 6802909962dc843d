//! Which rare states a message to the server, and its answer, show.

use protocol::codec;
use serde::Deserialize;
use serde_json::Value;

use crate::jetstream::{JetStream, Message, Sent, Stored};
use crate::{oracle, rare};

/// Before the server takes a message.
pub(crate) fn before(now: u64, server: &JetStream, message: &Message) {
    let words: Vec<&str> = message.subject.split('.').collect();
    if let ["held", _, number] = *words.as_slice()
        && number != "aged"
    {
        return hold(server, message);
    }
    let ["$JS", "ACK", stream, consumer, delivered, sequence, ..] = *words.as_slice() else {
        return;
    };
    let (Ok(delivered), Ok(sequence)) = (delivered.parse::<u64>(), sequence.parse::<u64>()) else {
        return;
    };
    if stream == "TASKS" {
        oracle::hear_of(now, sequence, &*message.payload == b"+WPI");
    }
    let leased = server.leased(stream, consumer);
    let handed = leased.iter().find(|(held, _)| *held == sequence).map(|(_, count)| *count);
    if handed.is_none_or(|handed| handed <= delivered) {
        return;
    }
    match &*message.payload {
        b"+WPI" => rare::reach("a lease was renewed by one who had lost it"),
        // The server gives it to a third one then. It does not ask who says so, and a word that was
        // on its way for longer than a lease cannot be called back. Seen in no seed of two thousand.
        b"-NAK" => oracle::free(),
        _ => {}
    }
}

/// What is said of a seat since a start of the server.
#[derive(Deserialize)]
struct Hold {
    server: String,
    #[serde(default)]
    holder: Option<String>,
}

/// Somebody says who sits in a seat.
fn hold(server: &JetStream, message: &Message) {
    let read = |payload: &[u8]| codec::decode::<Hold>(payload).unwrap();
    let is_last = |stored: &&Stored| stored.subject == message.subject;
    let before = server.messages("HELD").map(|(_, stored)| stored).find(is_last);
    let before = before.map(|stored| read(&stored.payload));
    let before = before.filter(|hold| server.server_id().ends_with(&hold.server));
    rare::reach(match (read(&message.payload).holder, before) {
        (Some(_), _) => "a seat was claimed anew by its holder",
        (None, Some(Hold { holder: Some(_), .. })) => {
            "a seat was handed out that another had claimed"
        }
        (None, _) => "a seat was taken after a start, and nobody had claimed it",
    });
}

/// What the server hands out.
pub(crate) fn handed(now: u64, sent: &[Sent]) {
    for one in sent {
        let reply = one.message.reply.as_deref().unwrap_or_default();
        let words: Vec<&str> = reply.split('.').collect();
        let ["$JS", "ACK", stream, _, count, sequence, ..] = *words.as_slice() else { continue };
        let (Ok(count), Ok(sequence)) = (count.parse(), sequence.parse()) else { continue };
        match stream {
            "TASKS" => oracle::hand_out(now, sequence, count),
            "SEATS" if count > 1 => rare::reach("a seat was handed out again"),
            _ => {}
        }
    }
}

/// After it did.
pub(crate) fn after(message: &Message, sent: &[Sent]) {
    let inbox = message.reply.as_deref();
    let Some(answer) = sent.iter().find(|one| Some(one.to.as_str()) == inbox) else { return };
    let answer: Value = serde_json::from_slice(&answer.message.payload).unwrap_or_default();
    let refused = answer.get("error").is_some();
    let code = answer["error"]["err_code"].as_u64().unwrap_or(0);
    if message.headers.get("Nats-Batch-Commit").is_some() {
        rare::reach(if refused { "a batch was refused as a whole" } else { "a batch was stored" });
    }
    if !refused {
        return;
    }
    let words: Vec<&str> = message.subject.split('.').collect();
    match *words.as_slice() {
        // Who takes a run expects what he saw last, and reads again if he is refused.
        ["task", "-", ..] => {}
        ["task", ..] if code == 10071 => rare::reach("an offer was refused by its fence"),
        ["task", ..] => rare::reach("an offer was there already"),
        ["run", _, "res", ..] => {
            rare::reach("a verdict was refused, another was first");
            oracle::refused(&message.payload);
        }
        ["run", _, "end"] => rare::reach("an end was stored by a second coordinator"),
        _ => {}
    }
}
