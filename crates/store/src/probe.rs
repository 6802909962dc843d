//! What a store can do, found out by doing it.

use futures::TryStreamExt;
use futures::future::join_all;
use object_store::ObjectStoreExt;
use serde::Serialize;

use crate::place::Place;
use crate::{Created, Error, Store, limits, path};

/// Writers that race for one key.
const RACERS: usize = 8;

/// The folder of what is written here, and forgotten.
const FOLDER: &str = ".probe";

/// What a store was seen to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Probe {
    /// Where the store is.
    pub store: String,
    /// What was tried, in order. The first failure to write is the last check: the rest would only
    /// repeat it.
    pub checks: Vec<Check>,
    /// Whether a condition on a write is kept.
    pub conditional_writes: ConditionalWrites,
}

/// One thing that was tried.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Check {
    /// What was tried.
    pub name: &'static str,
    /// Whether it went as it should.
    pub ok: bool,
    /// Whether Runner works only if it does.
    pub needed: bool,
    /// What happened.
    pub what: String,
}

/// Whether a store keeps the condition "only if there is none" on a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ConditionalWrites {
    /// Each key was written once.
    Honoured,
    /// A second write replaced the first.
    Ignored,
    /// It could not be found out.
    Unknown,
}

impl Probe {
    /// Whether everything works that Runner needs.
    #[must_use]
    pub fn is_usable(&self) -> bool {
        self.checks.iter().all(|check| check.ok || !check.needed)
    }

    /// For example `conditional writes: honoured`.
    #[must_use]
    pub fn verdict(&self) -> &'static str {
        match self.conditional_writes {
            ConditionalWrites::Honoured => "conditional writes: honoured",
            ConditionalWrites::Ignored => "conditional writes: ignored",
            ConditionalWrites::Unknown => "conditional writes: not known",
        }
    }
}

impl Store {
    /// Tries out what Runner asks of a store, in a folder of its own (`.probe/…`), and forgets it.
    /// About 25 requests; a store that does not answer takes up to 30 s.
    pub async fn probe(&self) -> Probe {
        let folder = format!("{FOLDER}/{}", uuid::Uuid::now_v7().simple());
        let mut probe = Probe {
            store: self.place.to_string(),
            checks: Vec::new(),
            conditional_writes: ConditionalWrites::Unknown,
        };
        let key = format!("{folder}/object.txt");
        let written = self.put(&key, "first").await;
        let works = written.is_ok();
        probe.add("write", true, written.map(|()| "5 bytes".to_owned()).map_err(say));
        if works {
            self.try_conditions(&folder, &mut probe).await;
            self.try_plain(&folder, &key, &mut probe).await;
            probe.add("delete", true, self.try_delete(&folder, &key).await);
        }
        if let Place::Folder(root) = &*self.place {
            // Fails while another probe is there, which is right.
            let _ = tokio::fs::remove_dir(root.join(FOLDER)).await;
        }
        probe
    }

    async fn try_conditions(&self, folder: &str, probe: &mut Probe) {
        let twice = self.create_twice(&format!("{folder}/twice.txt")).await;
        let race = self.race(&format!("{folder}/race.txt")).await;
        probe.conditional_writes = match (&twice, &race) {
            (Ok(true), Ok(1)) => ConditionalWrites::Honoured,
            (Err(_), _) | (_, Err(_)) => ConditionalWrites::Unknown,
            (Ok(_), Ok(_)) => ConditionalWrites::Ignored,
        };
        let twice = twice.map_err(say).and_then(|kept| match kept {
            true => Ok("the second write was refused".to_owned()),
            false => Err("the second write replaced the first".to_owned()),
        });
        probe.add("create twice", false, twice);
        let race = race.map_err(say).and_then(|winners| match winners {
            1 => Ok(format!("1 of {RACERS} won")),
            others => Err(format!("{others} of {RACERS} won")),
        });
        probe.add("create race", false, race);
    }

    /// Whether the first of two objects stayed.
    async fn create_twice(&self, key: &str) -> Result<bool, Error> {
        self.put_new(key, "first").await?;
        let second = self.put_new(key, "second").await?;
        Ok(second == Created::Exists && self.get(key).await? == "first")
    }

    /// How many of the racers stored their object.
    async fn race(&self, key: &str) -> Result<usize, Error> {
        let racers = (0..RACERS).map(|racer| self.put_new(key, format!("racer {racer}")));
        let mut winners = 0;
        for created in join_all(racers).await {
            winners += usize::from(created? == Created::Stored);
        }
        Ok(winners)
    }

    async fn try_plain(&self, folder: &str, key: &str, probe: &mut Probe) {
        probe.add("range read", true, self.try_range(key).await);
        probe.add("list", true, self.try_list(folder, key).await);
        let copy = format!("{folder}/copy.txt");
        let copied = match self.copy(key, &copy).await {
            Ok(()) => self.reads(&copy, "first").await,
            Err(error) => Err(say(error)),
        };
        probe.add("copy", true, copied);
        let overwritten = match self.put(key, "second").await {
            Ok(()) => self.reads(key, "second").await,
            Err(error) => Err(say(error)),
        };
        probe.add("overwrite", true, overwritten);
    }

    async fn try_range(&self, key: &str) -> Result<String, String> {
        let target = path(key).map_err(say)?;
        let read = self.objects.get_range(&target, 1..4);
        match self.call(key, limits::ANSWER, read).await.map_err(say)? {
            read if read == "irs" => Ok("bytes 1 to 3".to_owned()),
            other => {
                Err(format!("3 bytes were asked for, {} came, not the right ones", other.len()))
            }
        }
    }

    async fn try_list(&self, folder: &str, key: &str) -> Result<String, String> {
        let found: Vec<_> = self.list(folder).map_err(say)?.try_collect().await.map_err(say)?;
        match found.iter().any(|entry| entry.key == key && entry.size == 5) {
            true => Ok(format!("{} objects", found.len())),
            false => Err(format!("what was just written is not among {} objects", found.len())),
        }
    }

    async fn reads(&self, key: &str, expected: &str) -> Result<String, String> {
        match self.get(key).await.map_err(say)? {
            read if read == expected => Ok("read back".to_owned()),
            _ => Err("something else was read back".to_owned()),
        }
    }

    async fn try_delete(&self, folder: &str, key: &str) -> Result<String, String> {
        self.forget(folder).await.map_err(say)?;
        match self.head(key).await.map_err(say)? {
            None => Ok("nothing is left".to_owned()),
            Some(_) => Err("it is still there".to_owned()),
        }
    }
}

impl Probe {
    fn add(&mut self, name: &'static str, needed: bool, went: Result<String, String>) {
        let (ok, what) = match went {
            Ok(what) => (true, what),
            Err(what) => (false, what),
        };
        self.checks.push(Check { name, ok, needed, what });
    }
}

fn say(error: Error) -> String {
    error.to_string()
}
