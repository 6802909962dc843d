//! The network of a simulated fleet: one server, and a connection to it for each client.
//!
//! What a client says travels in order and takes time. A connection breaks, hangs in one direction
//! or both, and comes back; what was under way when it broke may have arrived or not. Nothing else
//! is assumed of it, as nothing else may be assumed of TCP.

mod link;
mod traffic;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_nats::ServerInfo;
use bus::nats::simulated::{self, Link};
use bus::task::Process;
use protocol::Timestamp;
use tokio::sync::{Notify, mpsc, oneshot};
use tokio::time::{Instant, sleep_until};

use self::link::Connected;
use crate::jetstream::{JetStream, Message};
use crate::lot::Lot;
use crate::oracle;

/// When every simulation begins, nanoseconds since 1970.
pub(crate) const BEGIN: u64 = 1_750_000_000_000_000_000;

/// Longer than any simulation.
const FOR_EVER: Duration = Duration::from_secs(1_000_000);

pub(crate) const MS: u64 = 1_000_000;

/// How long a server that is to be killed is left until it stores a verdict.
const DOOM: u64 = 200 * MS;

/// How long things take.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pace {
    /// One way, microseconds, at least.
    pub(crate) least_us: u64,
    /// One way, microseconds, ordinarily at most.
    pub(crate) most_us: u64,
    /// How many messages in a thousand take far longer.
    pub(crate) spikes: u64,
    /// How many in a thousand break their connection on the way, until all is healed.
    pub(crate) breaks: u64,
}

/// Which way a connection hangs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    Up,
    Down,
    Both,
}

/// The network with its server. Every clone is the same one.
#[derive(Debug, Clone)]
pub(crate) struct Network(Arc<Shared>);

struct Shared {
    state: Mutex<State>,
    /// Something is due sooner than was thought.
    sooner: Notify,
    begun: Instant,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a simulated network")
    }
}

struct State {
    server: JetStream,
    /// How often the server was started.
    starts: u64,
    /// Whether the server runs.
    is_up: bool,
    /// How long it will be away when it is killed, which is to be soon: best while it confirms a verdict.
    doom: Option<Duration>,
    /// Nothing gets through the server until then.
    frozen_until: u64,
    clients: Vec<Client>,
    /// What is under way, by when it arrives and then in the order it was sent.
    queue: BTreeMap<(u64, u64), Event>,
    sent: u64,
    lot: Lot,
    pace: Pace,
}

/// What a client says to the server.
enum Say {
    Publish(Message),
    Subscribe(u64, String),
    Ping(oneshot::Sender<()>),
}

enum Event {
    Up {
        client: usize,
        connection: u64,
        say: Say,
    },
    Down {
        client: usize,
        connection: u64,
        subscription: u64,
        message: Message,
    },
    Pong {
        client: usize,
        connection: u64,
        heard: oneshot::Sender<()>,
    },
    Reconnect {
        client: usize,
        connection: u64,
    },
    /// The server is killed, if that is still to be done.
    Doom,
    ServerUp {
        forgets: bool,
    },
}

/// One end of a connection, and what the server knows of it.
struct Client {
    process: Process,
    connected: Box<dyn Fn() + Send + Sync>,
    /// Counts its connections; what belongs to an earlier one is lost.
    connection: u64,
    is_connected: bool,
    connects: u64,
    /// What it was told of the server when it connected.
    server: ServerInfo,
    subscriptions: BTreeMap<u64, (String, mpsc::UnboundedSender<async_nats::Message>)>,
    /// Subscriptions that the server has heard of on this connection.
    known: BTreeMap<u64, String>,
    /// What it said while there was no connection.
    unsaid: Vec<Say>,
    /// When the last of what is under way arrives: nothing overtakes.
    up_free: u64,
    down_free: u64,
    up_hangs: u64,
    down_hangs: u64,
    numbers: u64,
    /// How far its clock is ahead, milliseconds.
    skew_ms: i64,
}

impl Network {
    /// A network whose server runs and is empty; must be called inside the runtime.
    pub(crate) fn new(lot: Lot, pace: Pace) -> Self {
        let state = State {
            server: JetStream::new(server_id(1)),
            starts: 1,
            is_up: true,
            doom: None,
            frozen_until: 0,
            clients: Vec::new(),
            queue: BTreeMap::new(),
            sent: 0,
            lot,
            pace,
        };
        let shared =
            Shared { state: Mutex::new(state), sooner: Notify::new(), begun: Instant::now() };
        Self(Arc::new(shared))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Nanoseconds since 1970 by the server's clock.
    pub(crate) fn now(&self) -> u64 {
        BEGIN + u64::try_from(self.0.begun.elapsed().as_nanos()).unwrap()
    }

    /// Carries messages for as long as it is polled.
    pub(crate) async fn carry(self) {
        loop {
            let next = self.step();
            let wait = next.map_or(FOR_EVER, |at| Duration::from_nanos(at.saturating_sub(BEGIN)));
            tokio::select! {
                biased;
                () = self.0.sooner.notified() => {}
                () = sleep_until(self.0.begun + wait) => {}
            }
        }
    }

    /// Does all that is due, and says when something is due next.
    fn step(&self) -> Option<u64> {
        let mut state = self.state();
        let now = self.now();
        if now < state.frozen_until {
            return Some(state.frozen_until);
        }
        loop {
            let due = state.queue.first_key_value().map(|((at, _), _)| *at);
            let alarm = state.server.next_due().filter(|_| state.is_up);
            match (due, alarm) {
                (Some(due), alarm) if due <= now && alarm.is_none_or(|alarm| due <= alarm) => {
                    let (_, event) = state.queue.pop_first().unwrap();
                    state.happen(now, event);
                }
                (_, Some(alarm)) if alarm <= now => {
                    state.tick(now);
                }
                (due, alarm) => return due.into_iter().chain(alarm).min(),
            }
        }
    }

    /// Ends the server (SIGKILL) and starts it again after `away`. One that is to forget is ended while
    /// it confirms a verdict, if it stores one soon.
    pub(crate) fn kill_server(&self, away: Duration, forgets: bool) {
        let now = self.now();
        let mut state = self.state();
        if !state.is_up {
            return;
        }
        if forgets {
            state.doom = Some(away);
            state.push(now + DOOM, Event::Doom);
        } else {
            state.kill(now, away, false);
        }
        drop(state);
        self.0.sooner.notify_one();
    }

    /// Something is wrong for `pause` from now on: until when.
    pub(crate) fn befall(&self, pause: Duration) -> u64 {
        let now = self.now();
        let until = now + u64::try_from(pause.as_nanos()).unwrap();
        oracle::befall(now, until);
        until
    }

    /// Stops the server where it stands for `pause` (SIGSTOP, SIGCONT).
    pub(crate) fn freeze_server(&self, pause: Duration) {
        let until = self.befall(pause);
        let mut state = self.state();
        state.frozen_until = state.frozen_until.max(until);
    }

    /// Breaks the connections of all processes called `name`; they come back after `away`.
    pub(crate) fn cut(&self, name: &str, away: Duration) {
        let now = self.now();
        let mut state = self.state();
        for client in state.called(name) {
            state.hang_up(now, client);
            let connection = state.clients[client].connection;
            let back = now + u64::try_from(away.as_nanos()).unwrap();
            state.push(back, Event::Reconnect { client, connection });
        }
        drop(state);
        self.0.sooner.notify_one();
    }

    /// Lets nothing through to or from a process for `pause`; nothing is lost.
    pub(crate) fn hang(&self, name: &str, way: Way, pause: Duration) {
        let until = self.befall(pause);
        let mut state = self.state();
        for client in state.called(name) {
            let client = &mut state.clients[client];
            if way != Way::Down {
                client.up_hangs = client.up_hangs.max(until);
            }
            if way != Way::Up {
                client.down_hangs = client.down_hangs.max(until);
            }
        }
    }

    /// Sets the clock of a process so many milliseconds ahead.
    pub(crate) fn skew(&self, name: &str, skew_ms: i64) {
        let mut state = self.state();
        for client in state.called(name) {
            state.clients[client].skew_ms = skew_ms;
        }
    }

    /// Ends a process (SIGKILL); what it said last may be heard or not.
    pub(crate) fn kill(&self, process: &Process) {
        process.kill();
        let now = self.now();
        let mut state = self.state();
        for client in state.called(process.name()) {
            state.hang_up(now, client);
            state.clients[client].subscriptions.clear();
        }
    }

    /// Nothing hangs any more.
    pub(crate) fn heal(&self) {
        let mut state = self.state();
        state.frozen_until = 0;
        state.pace.breaks = 0;
        for client in &mut state.clients {
            (client.up_hangs, client.down_hangs) = (0, 0);
        }
        drop(state);
        self.0.sooner.notify_one();
    }

    /// Whether the server runs.
    pub(crate) fn is_up(&self) -> bool {
        self.state().is_up
    }

    /// Looks at the server.
    pub(crate) fn look<T>(&self, at: impl FnOnce(&JetStream) -> T) -> T {
        at(&self.state().server)
    }
}

impl simulated::Network for Network {
    fn connect(&self, _name: &str, connected: Box<dyn Fn() + Send + Sync>) -> Arc<dyn Link> {
        let process = Process::current().unwrap_or_else(|| Process::new("nobody"));
        let now = self.now();
        let mut state = self.state();
        let server = state.describe();
        let number = state.clients.len();
        state.clients.push(Client {
            process,
            connected,
            connection: 1,
            is_connected: true,
            connects: 1,
            server,
            subscriptions: BTreeMap::new(),
            known: BTreeMap::new(),
            unsaid: Vec::new(),
            up_free: now,
            down_free: now,
            up_hangs: 0,
            down_hangs: 0,
            numbers: 0,
            skew_ms: 0,
        });
        let is_up = state.is_up;
        if !is_up {
            state.hang_up(now, number);
        }
        (state.clients[number].connected)();
        Arc::new(Connected { network: self.clone(), number })
    }
}

impl State {
    /// The clients of processes called `name` that live.
    fn called(&self, name: &str) -> Vec<usize> {
        let clients = self.clients.iter().enumerate();
        clients.filter(|(_, it)| it.process.name() == name).map(|(number, _)| number).collect()
    }

    fn describe(&self) -> ServerInfo {
        ServerInfo {
            server_id: server_id(self.starts),
            server_name: "simulated".to_owned(),
            version: "2.15.1".to_owned(),
            max_payload: 1024 * 1024,
            headers: true,
            jetstream: true,
            ..ServerInfo::default()
        }
    }

    fn push(&mut self, at: u64, event: Event) {
        self.sent += 1;
        self.queue.insert((at, self.sent), event);
    }
}

/// As long as real ones, whose end tells one from another.
fn server_id(starts: u64) -> String {
    format!("N{starts:055}")
}

fn clock(now: u64, skew_ms: i64) -> Timestamp {
    Timestamp((now / MS).saturating_add_signed(skew_ms))
}
