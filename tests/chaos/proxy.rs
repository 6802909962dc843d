//! A link that can be slow, stalled, cut or gone: a TCP proxy of one listener, told in process.
//!
//! What is held back is not lost: it arrives when the link heals, as TCP would send it again.

pub(crate) mod http;

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Handle;
use tokio::sync::{mpsc, watch};
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::{Instant, sleep, sleep_until};

use crate::chance::Chance;

/// How a link is now.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Condition {
    /// Each piece arrives so many milliseconds later, give or take the second.
    pub(crate) delay_ms: u64,
    pub(crate) jitter_ms: u64,
    /// So many of a hundred pieces are held for as long as a lost packet is missed.
    pub(crate) stalls: u64,
    /// Nothing arrives from who connected.
    pub(crate) up_held: bool,
    /// Nothing arrives at who connected.
    pub(crate) down_held: bool,
    /// Bytes a second, each way; 0 for no limit.
    pub(crate) bandwidth: u64,
    /// A connection is cut after so many bytes to who connected; 0 for never.
    pub(crate) cut_after: u64,
    /// The far end of every connection goes, and the near end is not told.
    pub(crate) half_open: bool,
}

impl Condition {
    /// Nothing gets through.
    pub(crate) const CUT: Self = Self { up_held: true, down_held: true, ..Self::GOOD };
    /// A link without fault.
    pub(crate) const GOOD: Self = Self {
        delay_ms: 0,
        jitter_ms: 0,
        stalls: 0,
        up_held: false,
        down_held: false,
        bandwidth: 0,
        cut_after: 0,
        half_open: false,
    };
}

/// How long a lost piece is missed: what TCP waits before it sends again.
const MISSED: Duration = Duration::from_millis(200);

/// Bytes of one piece.
const PIECE: usize = 16 * 1024;

/// Pieces under way in one direction.
const PIECES: usize = 256;

/// A link. It is gone when it is dropped, with every connection.
#[derive(Debug)]
pub(crate) struct Link {
    port: u16,
    shared: Arc<Shared>,
    listening: AbortHandle,
}

#[derive(Debug)]
struct Shared {
    condition: watch::Sender<Condition>,
    /// Counts the resets: a connection of an earlier one is cut.
    resets: watch::Sender<u64>,
    /// Bytes that got through.
    passed: AtomicU64,
    /// Connections that were cut, one way or another.
    cut: AtomicU64,
}

impl Drop for Link {
    fn drop(&mut self) {
        self.listening.abort();
    }
}

impl Link {
    /// A link to a port of this machine, without fault yet.
    pub(crate) fn open(runtime: &Handle, target: u16) -> Self {
        let shared = Arc::new(Shared {
            condition: watch::Sender::new(Condition::GOOD),
            resets: watch::Sender::new(0),
            passed: AtomicU64::new(0),
            cut: AtomicU64::new(0),
        });
        let listener = runtime.block_on(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))).unwrap();
        let port = listener.local_addr().unwrap().port();
        let listening = runtime.spawn(listen(listener, target, Arc::clone(&shared)));
        Self { port, shared, listening: listening.abort_handle() }
    }

    /// Where to connect.
    pub(crate) const fn port(&self) -> u16 {
        self.port
    }

    /// Makes the link so, for the connections that are there as well.
    pub(crate) fn set(&self, condition: Condition) {
        self.shared.condition.send_replace(condition);
    }

    /// Cuts every connection that is there.
    pub(crate) fn reset(&self) {
        self.shared.resets.send_modify(|resets| *resets += 1);
    }

    /// Bytes that got through, both ways.
    pub(crate) fn passed(&self) -> u64 {
        self.shared.passed.load(Ordering::Relaxed)
    }

    /// Connections that were cut.
    pub(crate) fn cut(&self) -> u64 {
        self.shared.cut.load(Ordering::Relaxed)
    }
}

async fn listen(listener: TcpListener, target: u16, shared: Arc<Shared>) {
    // Its connections go with it.
    let mut connections = JoinSet::new();
    for number in 0.. {
        let Ok((near, _)) = listener.accept().await else { return };
        while connections.try_join_next().is_some() {}
        connections.spawn(connect(near, target, Arc::clone(&shared), number));
    }
}

async fn connect(near: TcpStream, target: u16, shared: Arc<Shared>, number: u64) {
    let mut condition = shared.condition.subscribe();
    let mut resets = shared.resets.subscribe();
    // Nobody answers here until the link is whole again.
    let open = async {
        let _ = condition.wait_for(|it| !it.half_open).await;
        TcpStream::connect((Ipv4Addr::LOCALHOST, target)).await
    };
    let far = tokio::select! {
        far = open => far,
        _ = resets.changed() => return cut(&shared, &near),
    };
    let Ok(far) = far else { return cut(&shared, &near) };
    let _ = (near.set_nodelay(true), far.set_nodelay(true));
    let ended = {
        let up = carry(&near, &far, &shared, Way::Up, number);
        let down = carry(&far, &near, &shared, Way::Down, number);
        tokio::select! {
            end = up => end,
            end = down => end,
            _ = resets.changed() => End::Cut,
            _ = condition.wait_for(|it| it.half_open) => End::Half,
        }
    };
    match ended {
        End::Closed => {}
        End::Cut => {
            let _ = far.set_zero_linger();
            cut(&shared, &near);
        }
        End::Half => {
            drop(far);
            shared.cut.fetch_add(1, Ordering::Relaxed);
            let _ = resets.changed().await;
            let _ = near.set_zero_linger();
        }
    }
}

fn cut(shared: &Shared, near: &TcpStream) {
    let _ = near.set_zero_linger();
    shared.cut.fetch_add(1, Ordering::Relaxed);
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Up,
    Down,
}

/// How a connection ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// By one who was connected.
    Closed,
    /// Here.
    Cut,
    /// Here, and only one of the two was told.
    Half,
}

/// Carries one direction to its end.
async fn carry(from: &TcpStream, to: &TcpStream, shared: &Shared, way: Way, number: u64) -> End {
    let (pieces, arriving) = mpsc::channel(PIECES);
    let reading = read(from, pieces, shared.condition.subscribe(), number);
    let writing = write(to, arriving, shared, way);
    let ((), end) = tokio::join!(reading, writing);
    end
}

type Piece = (Instant, Vec<u8>);

/// Takes what comes and says when it is to arrive, in order.
async fn read(
    from: &TcpStream,
    pieces: mpsc::Sender<Piece>,
    condition: watch::Receiver<Condition>,
    number: u64,
) {
    let mut chance = Chance::new(number);
    let mut latest = Instant::now();
    let mut buffer = vec![0; PIECE];
    loop {
        let read = tokio::select! {
            read = receive(from, &mut buffer) => read,
            () = pieces.closed() => return,
        };
        let Some(length) = read else { return };
        let now = *condition.borrow();
        let mut wait = now.delay_ms;
        if now.jitter_ms > 0 {
            wait = (wait + chance.below(2 * now.jitter_ms)).saturating_sub(now.jitter_ms);
        }
        let mut wait = Duration::from_millis(wait);
        if chance.percent(now.stalls) {
            wait += MISSED;
        }
        latest = latest.max(Instant::now() + wait);
        if pieces.send((latest, buffer[..length].to_vec())).await.is_err() {
            return;
        }
    }
}

/// Lets pieces arrive, when the link lets them.
async fn write(
    to: &TcpStream,
    mut arriving: mpsc::Receiver<Piece>,
    shared: &Shared,
    way: Way,
) -> End {
    let mut condition = shared.condition.subscribe();
    let mut arrived = 0_u64;
    while let Some((when, mut piece)) = arriving.recv().await {
        sleep_until(when).await;
        let open = condition.wait_for(|it| match way {
            Way::Up => !it.up_held,
            Way::Down => !it.down_held,
        });
        let Ok(now) = open.await.map(|now| *now) else { return End::Closed };
        let left = match (way, now.cut_after) {
            (Way::Down, most @ 1..) => most.saturating_sub(arrived),
            _ => u64::MAX,
        };
        piece.truncate(usize::try_from(left).unwrap_or(usize::MAX));
        let length = u64::try_from(piece.len()).unwrap_or(u64::MAX);
        if now.bandwidth > 0 {
            sleep(Duration::from_secs_f64(length as f64 / now.bandwidth as f64)).await;
        }
        if send(to, &piece).await.is_none() {
            return End::Closed;
        }
        arrived += length;
        shared.passed.fetch_add(length, Ordering::Relaxed);
        if length == left {
            return End::Cut;
        }
    }
    End::Closed
}

/// What has come; `None` when nothing will.
pub(crate) async fn receive(from: &TcpStream, buffer: &mut [u8]) -> Option<usize> {
    loop {
        from.readable().await.ok()?;
        match from.try_read(buffer) {
            Ok(0) => return None,
            Ok(length) => return Some(length),
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
            Err(_) => return None,
        }
    }
}

/// Sends all of it; `None` when nobody takes it.
pub(crate) async fn send(to: &TcpStream, mut bytes: &[u8]) -> Option<()> {
    while !bytes.is_empty() {
        to.writable().await.ok()?;
        match to.try_write(bytes) {
            Ok(length) => bytes = &bytes[length..],
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
            Err(_) => return None,
        }
    }
    Some(())
}

#[cfg(test)]
mod tests;
