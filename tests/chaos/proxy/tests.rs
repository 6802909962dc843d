//! Each fault of a link, seen from both of its ends.

use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::time::Duration;

use ::tests::clock::now;
use tokio::runtime::Runtime;

use super::http::{Action, HttpLink, Rule};
use super::*;

/// Short enough that a test may wait for nothing to come.
const SHORT: Duration = Duration::from_millis(300);

/// Longer than any answer takes.
const LONG: Duration = Duration::from_secs(20);

struct Site {
    link: Link,
    _runtime: Runtime,
}

/// A link to a server that says back what it hears.
fn echo() -> Site {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    // It ends with the test's process.
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            std::thread::spawn(move || {
                let mut buffer = [0; 1024];
                while let Ok(length @ 1..) = stream.read(&mut buffer) {
                    if stream.write_all(&buffer[..length]).is_err() {
                        return;
                    }
                }
            });
        }
    });
    let runtime = Runtime::new().unwrap();
    Site { link: Link::open(runtime.handle(), port), _runtime: runtime }
}

impl Site {
    fn connect(&self) -> TcpStream {
        TcpStream::connect((Ipv4Addr::LOCALHOST, self.link.port())).unwrap()
    }
}

/// What comes back within a time: bytes, `None` when nothing does.
fn hear(stream: &mut TcpStream, limit: Duration) -> Option<std::io::Result<Vec<u8>>> {
    stream.set_read_timeout(Some(limit)).unwrap();
    let mut buffer = [0; 1024];
    match stream.read(&mut buffer) {
        Ok(length) => Some(Ok(buffer[..length].to_vec())),
        Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => None,
        Err(error) => Some(Err(error)),
    }
}

#[track_caller]
fn says_back(stream: &mut TcpStream) {
    stream.write_all(b"hello").unwrap();
    assert_eq!(hear(stream, LONG).unwrap().unwrap(), b"hello");
}

#[test]
fn what_is_said_arrives_and_is_counted() {
    let site = echo();
    says_back(&mut site.connect());
    assert_eq!(site.link.passed(), 10);
}

#[test]
fn what_is_held_one_way_arrives_when_the_link_heals() {
    for held in [
        Condition { up_held: true, ..Condition::GOOD },
        Condition { down_held: true, ..Condition::GOOD },
        Condition::CUT,
    ] {
        let site = echo();
        let mut stream = site.connect();
        says_back(&mut stream);
        site.link.set(held);
        stream.write_all(b"hello").unwrap();
        assert!(hear(&mut stream, SHORT).is_none(), "{held:?}");
        // What was said reached the far end only when that way was open.
        let reached = site.link.passed() - 10;
        assert_eq!(reached, if held.up_held { 0 } else { 5 }, "{held:?}");
        site.link.set(Condition::GOOD);
        assert_eq!(hear(&mut stream, LONG).unwrap().unwrap(), b"hello");
    }
}

#[test]
fn a_slow_link_delays_and_a_narrow_one_spreads() {
    let site = echo();
    let mut stream = site.connect();
    site.link.set(Condition { delay_ms: 200, jitter_ms: 20, ..Condition::GOOD });
    let begun = now();
    says_back(&mut stream);
    assert!(now() - begun >= 360, "{}", now() - begun);
    site.link.set(Condition { bandwidth: 1000, ..Condition::GOOD });
    let begun = now();
    stream.write_all(&[7; 200]).unwrap();
    let mut back = 0;
    while back < 200 {
        back += hear(&mut stream, LONG).unwrap().unwrap().len();
    }
    assert!(now() - begun >= 390, "{}", now() - begun);
}

#[test]
fn a_stalled_piece_is_missed_for_a_while() {
    let site = echo();
    site.link.set(Condition { stalls: 100, ..Condition::GOOD });
    let begun = now();
    says_back(&mut site.connect());
    assert!(now() - begun >= 2 * 190, "{}", now() - begun);
}

#[test]
fn a_reset_is_felt_and_a_new_connection_works() {
    let site = echo();
    let mut stream = site.connect();
    says_back(&mut stream);
    site.link.reset();
    let felt = hear(&mut stream, LONG).unwrap();
    assert_eq!(felt.unwrap_err().kind(), ErrorKind::ConnectionReset);
    assert_eq!(site.link.cut(), 1);
    says_back(&mut site.connect());
}

#[test]
fn a_connection_is_cut_at_the_byte() {
    let site = echo();
    site.link.set(Condition { cut_after: 7, ..Condition::GOOD });
    let mut stream = site.connect();
    says_back(&mut stream);
    let _ = stream.write_all(b"again");
    let mut heard = Vec::new();
    loop {
        match hear(&mut stream, LONG).unwrap() {
            Ok(more) if !more.is_empty() => heard.extend(more),
            _ => break,
        }
    }
    // A reset may overtake the last bytes, and never lets one more through.
    assert!(b"ag".starts_with(&heard), "{heard:?}");
    assert_eq!(site.link.passed(), 5 + 5 + 5 + 2);
}

#[test]
fn a_half_open_connection_ends_for_one_and_is_silent_for_the_other() {
    let site = echo();
    let mut stream = site.connect();
    says_back(&mut stream);
    site.link.set(Condition { half_open: true, ..Condition::GOOD });
    stream.write_all(b"hello").unwrap();
    assert!(hear(&mut stream, SHORT).is_none());
    assert_eq!(site.link.cut(), 1);
    let mut later = site.connect();
    later.write_all(b"hello").unwrap();
    assert!(hear(&mut later, SHORT).is_none());
    site.link.set(Condition::GOOD);
    assert_eq!(hear(&mut later, LONG).unwrap().unwrap(), b"hello");
}

/// A server that counts whole requests and answers each with its body; and a link to it.
fn http() -> (HttpLink, Arc<AtomicU64>, Runtime) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let whole = Arc::new(AtomicU64::new(0));
    let count = Arc::clone(&whole);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let (mut stream, mut heard, mut buffer) = (stream.unwrap(), Vec::new(), [0; 1024]);
            while !heard.ends_with(b"body") {
                match stream.read(&mut buffer) {
                    Ok(length @ 1..) => heard.extend_from_slice(&buffer[..length]),
                    _ => break,
                }
            }
            if heard.ends_with(b"body") {
                count.fetch_add(1, Ordering::Relaxed);
                let text = String::from_utf8_lossy(&heard);
                assert_eq!(text.matches("onnection:").count(), 1, "{text}");
                let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ngood");
            }
        }
    });
    let runtime = Runtime::new().unwrap();
    (HttpLink::open(runtime.handle(), port, 1), whole, runtime)
}

fn put(link: &HttpLink, key: &str) -> String {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, link.port())).unwrap();
    let head = format!("PUT {key} HTTP/1.1\r\nconnection: keep-alive\r\ncontent-length: 4");
    stream.write_all(format!("{head}\r\n\r\nbody").as_bytes()).unwrap();
    let mut said = String::new();
    let _ = stream.read_to_string(&mut said);
    said
}

#[test]
fn requests_are_refused_delayed_or_lose_their_answer_by_rule() {
    let (link, whole, _runtime) = http();
    let rule = |action| Some(Rule { method: "PUT", key: "/a/", percent: 100, action });
    assert!(put(&link, "/a/last.json").ends_with("good"));
    for (action, said, reached) in [
        (Action::Refuse(503), "HTTP/1.1 503", 0),
        (Action::Delay(SHORT), "HTTP/1.1 200", 1),
        (Action::LoseAnswer, "", 1),
        (Action::LoseBody, "", 0),
    ] {
        link.set(rule(action));
        let (before, begun) = (whole.load(Ordering::Relaxed), now());
        let answer = put(&link, "/a/x");
        assert!(answer.starts_with(said) && answer.is_empty() == said.is_empty(), "{answer}");
        assert_eq!(whole.load(Ordering::Relaxed) - before, reached, "{action:?}");
        assert!(action != Action::Delay(SHORT) || now() - begun >= 290);
        assert!(put(&link, "/b/x").ends_with("good"), "another key has no fault");
    }
    assert_eq!((link.requests(), link.hit()), (9, 4));
    let kept: Vec<String> = link.sent().into_iter().map(|(key, _)| key).collect();
    assert_eq!(kept, ["/a/last.json"]);
}
