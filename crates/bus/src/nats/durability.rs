//! What would be left of a run if machines died, in words.

use serde::Deserialize;
use serde_json::json;

use super::NatsBus;
use crate::Error;

#[derive(Debug, Deserialize)]
struct Info {
    config: Config,
}

#[derive(Debug, Deserialize)]
struct Config {
    storage: Storage,
    num_replicas: u32,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Storage {
    File,
    Memory,
}

impl NatsBus {
    /// What the stream of verdicts survives as it is set up now. How often the server forces its disk
    /// is not told to clients, so that is said to be the server's.
    ///
    /// # Errors
    /// The road's, and [`Error::Refused`] for who may not look at streams.
    pub async fn durability(&self) -> Result<String, Error> {
        let at = "STREAM.INFO.RUN";
        match self.connection.api::<Info>(at, &json!({})).await? {
            Ok(info) => Ok(in_words(&info.config)),
            Err(fault) => Err(fault.into_error(at)),
        }
    }
}

fn in_words(config: &Config) -> String {
    let copies = config.num_replicas.max(1);
    // A majority must be left (Raft).
    let spare = (copies - 1) / 2;
    let servers = match copies {
        1 => "of one NATS server".to_owned(),
        _ => format!("of {copies} NATS servers"),
    };
    let beside = match spare {
        0 => String::new(),
        1 => " and of one of the servers".to_owned(),
        _ => format!(" and of {spare} of the servers"),
    };
    match config.storage {
        Storage::File => format!(
            "on the disk {servers}: survives the end of any process{beside}, and a power cut as far \
             as sync_interval of the server says"
        ),
        Storage::Memory => {
            format!("in the memory {servers}: survives the end of any other process{beside}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_is_promised_than_there_is() {
        let said = |storage: &str, num_replicas: u32| {
            let config = json!({ "storage": storage, "num_replicas": num_replicas, "other": 1 });
            in_words(&serde_json::from_value(config).unwrap())
        };
        assert_eq!(
            said("file", 1),
            "on the disk of one NATS server: survives the end of any process, and a power cut as \
             far as sync_interval of the server says"
        );
        assert!(said("file", 2).contains("the end of any process, and a power"));
        assert!(
            said("file", 3)
                .contains("of 3 NATS servers: survives the end of any process and of one of")
        );
        assert!(said("file", 5).contains("and of 2 of the servers"));
        assert!(said("memory", 1).ends_with("the end of any other process"));
    }
}
