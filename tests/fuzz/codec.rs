//! The codec: bytes are a message or an error, and a message is the same the next time.

use std::fmt::Debug;

use protocol::codec::{decode, encode};
use protocol::{
    Answer, Cancellation, Catalogue, End, Heartbeat, Insights, Offer, Question, RunRecord, Started,
    Submission, Verdict,
};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Reads `bytes` as each of the messages.
pub fn hold(bytes: &[u8]) {
    again::<Answer>(bytes);
    again::<Cancellation>(bytes);
    again::<Catalogue>(bytes);
    again::<End>(bytes);
    again::<Heartbeat>(bytes);
    again::<Insights>(bytes);
    again::<Offer>(bytes);
    again::<Question>(bytes);
    again::<RunRecord>(bytes);
    again::<Started>(bytes);
    again::<Submission>(bytes);
    again::<Verdict>(bytes);
}

fn again<T: Serialize + DeserializeOwned + PartialEq + Debug>(bytes: &[u8]) {
    if let Ok(message) = decode::<T>(bytes) {
        let written = encode(&message).expect("what was read can be written");
        let read: T = decode(&written).expect("what was written can be read");
        assert_eq!(read, message);
    }
}
