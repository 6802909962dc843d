//! Where the program of a server is, and a server of one's own to start it with.

use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};

use crate::exit::Failure;
use crate::settings::{NATS_PORT, Settings};
use crate::source::shown;

const NATS_SERVER: &str = "nats-server";

/// How to get what was not found.
const HELP: &str = "python3 -m pip install --target .tools --no-deps -r deploy/tools.txt puts it \
    into .tools/bin; or name one with --nats-server or RUNNER_NATS_SERVER, or a running server \
    with --nats-url";

/// The program: named by a flag or a variable, else the one in .tools/bin, else on the PATH.
pub(super) fn nats_server(flag: Option<&Path>, settings: &Settings) -> Result<PathBuf, Failure> {
    let variable = settings.nats_server.as_deref();
    let named = flag.map(|path| ("--nats-server", path));
    if let Some((by, path)) = named.or(variable.map(|path| ("RUNNER_NATS_SERVER", path))) {
        if path.is_file() {
            return Ok(path.to_owned());
        }
        let message = format!("{by} names `{}`, which is no file", shown(path));
        return Err(Failure::usage(message, "name the nats-server program itself"));
    }
    let ours = PathBuf::from(".tools/bin").join(NATS_SERVER);
    let candidates = settings.search.iter().map(|folder| folder.join(NATS_SERVER));
    let found = std::iter::once(ours).chain(candidates).find(|path| path.is_file());
    found.ok_or_else(|| Failure::usage(format!("no {NATS_SERVER} is found"), HELP))
}

/// A port of this machine that was free a moment ago: where everybody looks for a server, or any.
pub(super) fn free_port() -> std::io::Result<u16> {
    let listen = |port| TcpListener::bind((Ipv4Addr::LOCALHOST, port));
    Ok(listen(NATS_PORT).or_else(|_| listen(0))?.local_addr()?.port())
}

/// The configuration of a server for this machine alone, which keeps what it acknowledged through
/// a loss of power.
pub(super) fn configuration(port: u16, store: &Path) -> String {
    let store = quoted(&store.display().to_string());
    format!(
        "# Written by `runner up` at each start.\n\
         server_name: runner-up\n\
         listen: \"127.0.0.1:{port}\"\n\
         jetstream: {{\n  store_dir: {store}\n  sync_interval: always\n}}\n\
         max_payload: 1MB\n\
         ping_interval: \"10s\"\n\
         ping_max: 2\n"
    )
}

/// A text as the configuration language has it.
fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_with_quotes_stays_one_text() {
        assert_eq!(quoted(r#"/a "b"\c"#), r#""/a \"b\"\\c""#);
        let text = configuration(4222, Path::new("/tmp/x"));
        assert!(text.contains("store_dir: \"/tmp/x\"\n  sync_interval: always"), "{text}");
    }
}
