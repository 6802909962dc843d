//! Real servers as child processes: found, started on free loopback ports, stopped by their pid.

mod cluster;
mod nats;
pub(crate) mod process;
mod server;
mod weed;

pub use cluster::NatsCluster;
pub use nats::{Nats, NatsServer};
pub use server::Server;
pub use weed::{SeaweedFs, Weed};

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, TcpStream};

    use super::process::{ask, eventually};
    use super::{NatsCluster, NatsServer, Weed};

    fn nats_answers(server: &NatsServer) -> bool {
        ask(server.port(), "").is_some_and(|said| said.contains("\"jetstream\":true"))
    }

    #[test]
    fn a_nats_server_keeps_its_port_over_ends_of_every_kind() {
        let mut server = NatsServer::start();
        let (url, first) = (server.url(), server.pid());
        for end in [NatsServer::kill, NatsServer::terminate, |_: &mut NatsServer| ()] {
            end(&mut server);
            server.restart();
            assert!(nats_answers(&server), "{}", server.log());
            assert_eq!(server.url(), url);
        }
        assert_ne!(server.pid(), first);
        server.terminate();
        assert!(server.log().contains("Server Exiting"), "{}", server.log());
    }

    #[test]
    fn a_paused_nats_server_says_nothing_until_it_is_resumed() {
        let server = NatsServer::start();
        server.pause();
        assert_eq!(ask(server.port(), ""), None);
        server.resume();
        assert!(eventually(|| nats_answers(&server)));
    }

    #[test]
    fn nats_servers_run_side_by_side_and_end_with_their_holder() {
        let servers = [(); 4].map(|()| NatsServer::start_with("max_payload: 2048"));
        let ports = servers.each_ref().map(NatsServer::port);
        for port in ports {
            assert!(ask(port, "").is_some_and(|said| said.contains("\"max_payload\":2048")));
        }
        drop(servers);
        for port in ports {
            assert!(TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err());
        }
    }

    #[test]
    fn a_cluster_is_whole_again_after_one_of_it_was_killed() {
        let mut cluster = NatsCluster::start();
        assert_eq!(cluster.url().matches("nats://127.0.0.1:").count(), 3);
        assert_eq!(cluster.index_of("server-2"), 2);
        let url = cluster.url();
        cluster.server(1).kill();
        cluster.server(1).restart();
        cluster.until_whole();
        assert_eq!(cluster.url(), url);
    }

    #[test]
    #[should_panic(expected = "no_such_setting")]
    fn a_configuration_that_the_server_refuses_is_told_with_its_log() {
        let _ = NatsServer::start_with("no_such_setting: 1");
    }

    #[test]
    fn a_weed_has_credentials_of_its_own_and_keeps_them() {
        let (mut weed, other) = (Weed::start(), Weed::start());
        assert_ne!(weed.secret_key(), other.secret_key());
        assert_ne!(weed.endpoint(), other.endpoint());
        let before = (weed.endpoint(), weed.access_key().to_owned());
        weed.kill();
        weed.restart();
        assert_eq!((weed.endpoint(), weed.access_key().to_owned()), before);
        weed.terminate();
        let (_, port) = before.0.rsplit_once(':').unwrap();
        assert!(TcpStream::connect(("127.0.0.1", port.parse().unwrap())).is_err());
    }
}
