//! Messages as an outsider writes them: a version byte and MessagePack, by hand.

/// A value of MessagePack.
#[derive(Debug, Clone)]
pub(super) enum Pack {
    Nil,
    Uint(u64),
    Text(String),
    Bytes(Vec<u8>),
    Map(Vec<(&'static str, Self)>),
}

impl Pack {
    pub(super) fn text(text: &str) -> Self {
        Self::Text(text.to_owned())
    }

    /// A run: its sixteen bytes.
    pub(super) fn run(run: &str) -> Self {
        let bits = u128::from_str_radix(run, 16).unwrap();
        Self::Bytes(bits.to_be_bytes().to_vec())
    }

    /// A message of the version that is spoken.
    pub(super) fn message(&self) -> Vec<u8> {
        let mut bytes = vec![1];
        self.write(&mut bytes);
        bytes
    }

    fn write(&self, to: &mut Vec<u8>) {
        match self {
            Self::Nil => to.push(0xc0),
            Self::Uint(value) => {
                to.push(0xcf);
                to.extend(value.to_be_bytes());
            }
            Self::Text(text) => {
                to.push(0xdb);
                to.extend(length(text.len()));
                to.extend(text.as_bytes());
            }
            Self::Bytes(bytes) => {
                to.push(0xc6);
                to.extend(length(bytes.len()));
                to.extend(bytes);
            }
            Self::Map(fields) => {
                to.push(0xdf);
                to.extend(length(fields.len()));
                for (name, value) in fields {
                    Self::text(name).write(to);
                    value.write(to);
                }
            }
        }
    }
}

fn length(length: usize) -> [u8; 4] {
    u32::try_from(length).unwrap().to_be_bytes()
}

/// A submission of these bytes.
pub(super) fn submission(run: &str, alt: &[u8]) -> Vec<u8> {
    let alt = Pack::Map(vec![("inline", Pack::Bytes(alt.to_vec()))]);
    sourced(run, alt, None)
}

/// A submission of whatever source, taking over whatever run.
pub(super) fn sourced(run: &str, alt: Pack, reuse: Option<Pack>) -> Vec<u8> {
    let mut fields =
        vec![("run", Pack::run(run)), ("alt", alt), ("priority", Pack::text("medium"))];
    fields.extend(reuse.map(|reuse| ("reuse", reuse)));
    Pack::Map(fields).message()
}

/// A verdict that the attempt completed with this output.
pub(super) fn verdict(run: &str, task: u64, attempt: u64, output: &str) -> Vec<u8> {
    Pack::Map(vec![
        ("run", Pack::run(run)),
        ("task", Pack::Uint(task)),
        ("attempt", Pack::Uint(attempt)),
        ("outcome", Pack::text("ok")),
        ("output", Pack::Map(vec![("inline", Pack::text(output))])),
        ("failure", Pack::Nil),
        ("run_ms", Pack::Uint(1)),
    ])
    .message()
}

/// A word of a worker that it began an attempt.
pub(super) fn started(run: &str, task: u64, attempt: u64) -> Vec<u8> {
    let key = Pack::Map(vec![
        ("run", Pack::run(run)),
        ("task", Pack::Uint(task)),
        ("attempt", Pack::Uint(attempt)),
    ]);
    Pack::Map(vec![
        ("key", key),
        ("worker", Pack::text("nobody")),
        ("timeout_ms", Pack::Uint(u64::MAX)),
    ])
    .message()
}
