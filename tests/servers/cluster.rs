//! Three nats-servers that are one: each stream may lie on all of them.

use super::NatsServer;
use super::process::{eventually, free_ports};

/// How many there are.
const SERVERS: usize = 3;

/// How often ports are chosen anew: another process may have taken one in the meantime.
const TRIES: usize = 5;

/// A cluster on 127.0.0.1, without users. Its servers are killed when it is dropped.
#[derive(Debug)]
pub struct NatsCluster {
    servers: [NatsServer; SERVERS],
}

impl NatsCluster {
    /// Starts three servers and waits until streams can be made on all of them.
    ///
    /// # Panics
    ///
    /// When they do not become one, with the log of the first.
    #[must_use]
    #[track_caller]
    pub fn start() -> Self {
        let mut why = String::new();
        for _ in 0..TRIES {
            match Self::try_start() {
                Ok(cluster) => {
                    cluster.until_whole();
                    return cluster;
                }
                Err(log) => why = log,
            }
        }
        panic!("{why}");
    }

    fn try_start() -> Result<Self, String> {
        let ports = free_ports::<SERVERS>();
        let routes = ports.map(|port| format!("nats://127.0.0.1:{port}")).join(", ");
        let start = |index: usize| {
            let (name, port) = (Self::name(index), ports[index]);
            let conf = format!(
                "server_name: {name}\n\
                 cluster {{ name: three, listen: \"127.0.0.1:{port}\", routes: [{routes}] }}\n"
            );
            NatsServer::try_start(&conf, &[])
        };
        Ok(Self { servers: [start(0)?, start(1)?, start(2)?] })
    }

    /// The name of a server in the answers of JetStream.
    fn name(index: usize) -> String {
        format!("server-{index}")
    }

    /// Where clients connect: all servers, separated by commas.
    #[must_use]
    pub fn url(&self) -> String {
        self.servers.each_ref().map(NatsServer::url).join(",")
    }

    /// One of the servers, 0 to 2.
    #[must_use]
    pub fn server(&mut self, index: usize) -> &mut NatsServer {
        &mut self.servers[index]
    }

    /// Which server has this name.
    ///
    /// # Panics
    ///
    /// When none has.
    #[must_use]
    #[track_caller]
    pub fn index_of(&self, name: &str) -> usize {
        let named = (0..SERVERS).find(|&index| Self::name(index) == name);
        named.unwrap_or_else(|| panic!("no server is called {name}"))
    }

    /// Waits until all servers follow one leader and have all that it has.
    ///
    /// # Panics
    ///
    /// When they do not within a minute, with the log of the first.
    #[track_caller]
    pub fn until_whole(&self) {
        // In good health each for itself, its streams included; and the leader has both others.
        let is_healthy =
            |it: &NatsServer| it.monitor("/healthz").is_some_and(|said| said.contains("\"ok\""));
        let followers = |it: &NatsServer| {
            let said = it.monitor("/jsz").unwrap_or_default();
            said.matches("\"current\": true").count()
        };
        let whole = eventually(|| {
            self.servers.iter().all(is_healthy)
                && self.servers.iter().any(|it| followers(it) == SERVERS - 1)
        });
        assert!(whole, "three servers do not become one:\n{}", self.servers[0].log());
    }
}
