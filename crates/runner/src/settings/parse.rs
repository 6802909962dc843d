//! The text of one setting, read; what cannot be used is refused with the name of its place.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;

use alt::ArchiveChoice;
use protocol::limits;

use super::{AI_SECONDS, Health, LEASE_SECONDS, LogFormat};
use crate::exit::Failure;

fn refused(name: &str, text: &str, help: impl Into<String>) -> Failure {
    Failure::usage(format!("{name} cannot be `{text}`"), help)
}

pub(super) fn count(name: &str, text: &str) -> Result<u16, Failure> {
    let number = text.trim().parse().ok().filter(|number| (1..=limits::SLOTS_MAX).contains(number));
    number.ok_or_else(|| {
        refused(name, text, format!("use a whole number from 1 to {}", limits::SLOTS_MAX))
    })
}

pub(super) fn uploads(name: &str, text: &str) -> Result<u16, Failure> {
    let number = text.trim().parse().ok();
    number.filter(|number| (1..=limits::UPLOADS_MAX).contains(number)).ok_or_else(|| {
        refused(name, text, format!("use a whole number from 1 to {}", limits::UPLOADS_MAX))
    })
}

pub(super) fn lease(name: &str, text: &str) -> Result<u64, Failure> {
    let number = text.trim().parse().ok().filter(|number| LEASE_SECONDS.contains(number));
    number.ok_or_else(|| {
        let (least, most) = (LEASE_SECONDS.start(), LEASE_SECONDS.end());
        refused(name, text, format!("use a whole number of seconds from {least} to {most}"))
    })
}

pub(super) fn ai_seconds(name: &str, text: &str) -> Result<u64, Failure> {
    let number = text.trim().parse().ok().filter(|number| AI_SECONDS.contains(number));
    number.ok_or_else(|| {
        let (least, most) = (AI_SECONDS.start(), AI_SECONDS.end());
        refused(name, text, format!("use a whole number of seconds from {least} to {most}"))
    })
}

/// The address of a model service; what may be secret in it is not repeated.
pub(super) fn service(name: &str, text: &str) -> Result<String, Failure> {
    let text = text.trim();
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    let host = rest.and_then(|rest| rest.split(['/', '?', '#']).next()).unwrap_or_default();
    let fits = !host.is_empty() && !host.contains('@') && port_fits(host);
    if fits && !text.contains(char::is_whitespace) {
        return Ok(text.to_owned());
    }
    let help = "use an address such as https://api.openai.com or http://127.0.0.1:8000/v1";
    Err(refused(name, &shown_service(text), help))
}

/// Without what may be secret in it.
pub(super) fn shown_service(text: &str) -> String {
    bus::nats::without_password(text.split(['?', '#']).next().unwrap_or_default())
}

/// The key of a model service. The text is not repeated: it may be a real one with a slip.
pub(super) fn api_key(name: &str, text: &str) -> Result<String, Failure> {
    let text = text.trim();
    if text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Ok(text.to_owned());
    }
    let message = format!("{name} is not a key");
    Err(Failure::usage(message, "use one word of plain characters"))
}

/// A level, or directives such as `warn,worker=debug`. A word that is no level would be taken for
/// the name of a module, and nothing would be logged.
pub(super) fn filter(name: &str, text: &str) -> Result<String, Failure> {
    const LEVELS: &[&str] = &["off", "error", "warn", "info", "debug", "trace"];
    let text = text.trim().to_ascii_lowercase();
    let fits = |part: &str| {
        LEVELS.contains(&part.rsplit_once('=').map_or(part, |(_, level)| level).trim())
    };
    if text.split(',').all(fits) {
        return Ok(text);
    }
    let help = "use error, warn, info, debug or trace, or directives such as `warn,worker=debug`";
    Err(refused(name, &text, help))
}

pub(super) fn log_format(name: &str, text: &str) -> Result<LogFormat, Failure> {
    match text.trim().to_ascii_lowercase().as_str() {
        "text" => Ok(LogFormat::Text),
        "json" => Ok(LogFormat::Json),
        _ => Err(refused(name, text, "use text or json")),
    }
}

pub(super) fn switch(name: &str, text: &str) -> Result<bool, Failure> {
    match text.trim().to_ascii_lowercase().as_str() {
        "1" | "true" | "yes" | "on" => Ok(true),
        "0" | "false" | "no" | "off" => Ok(false),
        _ => Err(refused(name, text, "use 1 or 0")),
    }
}

/// The name of an archive, or whether there is one.
pub(super) fn archive(name: &str, text: &str) -> Result<ArchiveChoice, Failure> {
    let words = ArchiveChoice::WORDS.iter();
    let found = words.clone().find(|(word, _)| word.eq_ignore_ascii_case(text.trim()));
    if let Some((_, choice)) = found {
        return Ok(*choice);
    }
    match switch(name, text) {
        Ok(true) => Ok(ArchiveChoice::Zip),
        Ok(false) => Ok(ArchiveChoice::Off),
        Err(_) => {
            let words: Vec<_> = words.map(|(word, _)| *word).collect();
            Err(refused(name, text, format!("use one of {}", words.join(", "))))
        }
    }
}

/// `off`, `ADDRESS:PORT` or a port on this machine.
pub(crate) fn health(name: &str, text: &str) -> Result<Health, Failure> {
    let text = text.trim();
    if text.eq_ignore_ascii_case("off") {
        return Ok(Health::Off);
    }
    let port = || Some(SocketAddr::from((Ipv4Addr::LOCALHOST, text.parse().ok()?)));
    let named = || {
        let (host, port) = text.rsplit_once(':')?;
        let loopback = IpAddr::V4(Ipv4Addr::LOCALHOST);
        (host == "localhost").then_some(SocketAddr::new(loopback, port.parse().ok()?))
    };
    let found = text.parse().ok().or_else(port).or_else(named);
    found.map(Health::At).ok_or_else(|| {
        refused(name, text, "use ADDRESS:PORT such as 127.0.0.1:9464 (port 0: any), or `off`")
    })
}

/// One or several addresses of servers, each with a scheme that the client knows or none.
pub(super) fn servers(name: &str, text: &str) -> Result<String, Failure> {
    let fits = |server: &str| {
        let (scheme, rest) = server.split_once("://").unwrap_or(("nats", server));
        let host = rest.rsplit('@').next().unwrap_or_default();
        ["nats", "tls", "ws", "wss"].contains(&scheme)
            && !host.is_empty()
            && !server.contains(char::is_whitespace)
            && port_fits(host)
    };
    if text.split(',').map(str::trim).all(fits) {
        return Ok(text.trim().to_owned());
    }
    let help = "use an address such as nats://127.0.0.1:4222 or tls://host:4222";
    Err(refused(name, &shown_servers(text), help))
}

fn port_fits(host: &str) -> bool {
    let after_address = host.rsplit_once(']').map_or(host, |(_, rest)| rest);
    let port = after_address.split('/').next().unwrap_or_default().rsplit_once(':');
    port.is_none_or(|(_, port)| port.parse::<u16>().is_ok())
}

/// Addresses without passwords.
pub(super) fn shown_servers(text: &str) -> String {
    let shown: Vec<_> =
        text.split(',').map(|url| bus::nats::without_password(url.trim())).collect();
    shown.join(",")
}

/// The seed of a user's nkey. The text is not repeated: it may be a real one with a slip.
pub(super) fn seed(name: &str, text: &str) -> Result<String, Failure> {
    let text = text.trim();
    let fits = text.starts_with("SU") && text.len() == 58;
    if fits && text.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit()) {
        return Ok(text.to_owned());
    }
    let message = format!("{name} is not the seed of a user's nkey");
    Err(Failure::usage(message, "use the line that begins with SU, of 58 letters and digits"))
}

/// A prefix of subjects.
pub(super) fn inbox(name: &str, text: &str) -> Result<String, Failure> {
    let fits = |token: &str| {
        !token.is_empty() && token.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-$".contains(&b))
    };
    if text.trim().split('.').all(fits) {
        return Ok(text.trim().to_owned());
    }
    Err(refused(name, text, "use words of letters, digits, `_` and `-`, joined by dots"))
}

/// A folder as the address of a store.
pub(super) fn folder_url(path: &Path) -> String {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    format!("file://{}", path.display())
}
