//! Fuzzes the codec: bytes are a message or an error, and a message is the same the next time.
#![no_main]

use std::fmt::Debug;

use libfuzzer_sys::fuzz_target;
use protocol::codec::{decode, encode};
use protocol::{
    Cancellation, Catalogue, End, Heartbeat, Offer, RunRecord, Started, Submission, Verdict,
};
use serde::Serialize;
use serde::de::DeserializeOwned;

fn again<T: Serialize + DeserializeOwned + PartialEq + Debug>(bytes: &[u8]) {
    if let Ok(message) = decode::<T>(bytes) {
        let written = encode(&message).expect("what was read can be written");
        let read: T = decode(&written).expect("what was written can be read");
        assert_eq!(read, message);
    }
}

fuzz_target!(|bytes: &[u8]| {
    again::<Cancellation>(bytes);
    again::<Catalogue>(bytes);
    again::<End>(bytes);
    again::<Heartbeat>(bytes);
    again::<Offer>(bytes);
    again::<RunRecord>(bytes);
    again::<Started>(bytes);
    again::<Submission>(bytes);
    again::<Verdict>(bytes);
});
