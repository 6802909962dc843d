//! Who sits where after a server was started anew, so that nobody sits where another sits.
//!
//! A server that stands alone writes what it handed out up to a tenth of a second late, and knows a
//! lease without a heartbeat by when its message was stored (seen in 2.15.1). Killed and started
//! again, it hands out seats that are held. What a stream has stored it does not forget, so each
//! seat has a record there, which two cannot write at once:
//!
//! - Whoever holds a seat and sees another start of the server claims it there before the next
//!   heartbeat, and so before its lease is over.
//! - Whoever is handed a seat that the record says nothing of, since that start, waits until every
//!   lease of earlier ones is over, and then says that the server knows who sits there.
//! - Whoever finds that another has claimed it says the same, and lets go without a word: the server
//!   counts a lease for it from then on, which the heartbeats of who sits there renew.
//!
//! So a seat is in doubt once after a start, and a record counts for as long as that server lives.
//! That a start is a lease old has a record as well, for those who come later: they need not wait.

use async_nats::HeaderMap;
use protocol::{Sequence, codec, subject};
use serde::{Deserialize, Serialize};
use tokio::time::{Instant, sleep};

use super::seats::Seat;
use crate::Error;
use crate::nats::connect::{Connection, Start};

/// What is said of a seat since a start of the server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Record {
    /// The short name of that start.
    server: String,
    /// Who sat there before, if the server may have forgotten; none when it knows who sits there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    holder: Option<String>,
}

/// What is said since `server` was started, and the place of the record, 0 for none.
async fn read(
    connection: &Connection,
    subject: &str,
    server: &str,
) -> Result<(Sequence, Option<Record>), Error> {
    let Some(found) = connection.last("HELD", subject).await? else {
        return Ok((Sequence(0), None));
    };
    // One that cannot be read says as little as one of an earlier start.
    let record = codec::decode(&found.body).ok();
    Ok((found.sequence, record.filter(|record: &Record| record.server == server)))
}

/// Replaces the record at `position`; `false` when another was faster.
async fn write(
    connection: &Connection,
    subject: &str,
    position: Sequence,
    record: &Record,
) -> Result<bool, Error> {
    let body = codec::encode(record)?.into();
    connection.replace(subject, position, HeaderMap::new(), body).await
}

/// Claims a seat that `holder` has from before `server` was started; `false` when another has it.
pub(super) async fn claim(
    connection: &Connection,
    seat: &str,
    server: &str,
    holder: &str,
) -> Result<bool, Error> {
    let subject = subject::held(seat);
    let (position, said) = read(connection, &subject, server).await?;
    match said {
        // The answer to an earlier try may have been lost.
        Some(record) => Ok(record.holder.as_deref() == Some(holder)),
        None => {
            let holder = Some(holder.to_owned());
            let record = Record { server: server.to_owned(), holder };
            if write(connection, &subject, position, &record).await? {
                Ok(true)
            } else {
                Err(Error::Unknown(format!("{subject}: another spoke of it in the same moment")))
            }
        }
    }
}

/// Whether a seat that was handed out by this start of the server may be used; waits for as long as
/// another may sit there unseen.
pub(super) async fn try_out(
    connection: &Connection,
    seat: &mut Seat,
    start: &Start,
) -> Result<bool, Error> {
    let subject = subject::held(&seat.subject());
    let known = Record { server: start.server.clone(), holder: None };
    for is_first in [true, false] {
        let (position, said) = read(connection, &subject, &start.server).await?;
        match said {
            // What is said only now was said by one who was handed it as well.
            Some(record) if record == known => return Ok(is_first),
            Some(_) => {
                write(connection, &subject, position, &known).await?;
                return Ok(false);
            }
            None => outlast(connection, seat, start, &known).await?,
        }
        if write(connection, &subject, position, &known).await? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Waits, with heartbeats and without using the seat, until every lease is over that was given before
/// that start; then says so, as `record`.
async fn outlast(
    connection: &Connection,
    seat: &mut Seat,
    start: &Start,
    record: &Record,
) -> Result<(), Error> {
    let (subject, length) = (subject::aged(&seat.subject()), seat.lease().length);
    let until = start.seen + length;
    loop {
        let (position, said) = read(connection, &subject, &start.server).await?;
        if said.is_some() {
            return Ok(());
        }
        let now = Instant::now();
        if now >= until {
            // Another may have said the same.
            write(connection, &subject, position, record).await?;
            return Ok(());
        }
        sleep((until - now).min(length / 3)).await;
        seat.confirm(connection).await?;
    }
}
