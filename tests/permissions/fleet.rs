//! A server with the accounts that we ship, its streams, and somebody of each role to speak.

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_nats::client::Request;
use async_nats::jetstream::consumer::PullConsumer;
use async_nats::jetstream::{self, Message as Delivery};
use async_nats::{Client, ConnectOptions, Event, HeaderMap, Message, Subscriber};
use futures::StreamExt;
use serde_json::{Value, json};
use tests::servers::NatsServer;

/// Longer than any answer takes, also on a busy machine.
const LONG: Duration = Duration::from_secs(20);

const ROLES: [&str; 4] = ["client", "worker", "coordinator", "operator"];

/// Headers of a message in the order they are sent.
pub(crate) type Headers = Vec<(&'static str, String)>;

/// The message is stored only if its subject holds none.
pub(crate) fn create_only() -> Headers {
    vec![("Nats-Expected-Last-Subject-Sequence", "0".into())]
}

/// One create-only message of an atomic batch; the last of its headers is the condition.
pub(crate) fn batch_part(batch: &str, position: usize, last: bool) -> Headers {
    let mut headers =
        vec![("Nats-Batch-Id", batch.into()), ("Nats-Batch-Sequence", position.to_string())];
    if last {
        headers.push(("Nats-Batch-Commit", "1".into()));
    }
    headers.extend(create_only());
    headers
}

/// The configuration in `nats/`, as one text.
pub(crate) fn shipped() -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../nats");
    let read = |name: &str| std::fs::read_to_string(folder.join(name)).unwrap();
    let server = read("server.conf");
    let include = "include \"accounts.conf\"";
    assert!(server.contains(include));
    server.replace(include, &read("accounts.conf"))
}

pub(crate) fn password(role: &str) -> String {
    format!("password-of-the-{role}")
}

/// The variables that the configuration names.
pub(crate) fn environment() -> [(&'static str, String); 5] {
    [
        ("RUNNER_NATS_STORE", "store".into()),
        ("RUNNER_CLIENT_PASSWORD", password("client")),
        ("RUNNER_WORKER_PASSWORD", password("worker")),
        ("RUNNER_COORDINATOR_PASSWORD", password("coordinator")),
        ("RUNNER_OPERATOR_PASSWORD", password("operator")),
    ]
}

/// A server with empty streams and the consumers of the queue `default`.
#[derive(Debug)]
pub(crate) struct Fleet {
    server: NatsServer,
    operator: Speaker,
}

impl Fleet {
    pub(crate) async fn start() -> Self {
        Self::start_on(&shipped()).await
    }

    /// The same with other accounts.
    pub(crate) async fn start_on(conf: &str) -> Self {
        let variables = environment();
        let variables = variables.each_ref().map(|(name, value)| (*name, value.as_str()));
        let server = NatsServer::start_with_environment(conf, &variables);
        let operator = Speaker::connect(&server.url(), "operator").await;
        for stream in streams() {
            let name = stream["name"].as_str().unwrap();
            let subject = format!("$JS.API.STREAM.CREATE.{name}");
            let told = operator.store(&subject, &[], &stream.to_string()).await;
            assert!(told["error"].is_null(), "{told}");
        }
        for priority in 0..4 {
            for (stream, name, filter) in [
                ("ALT", format!("coordinator-p{priority}"), format!("alt.submit.{priority}.*")),
                ("TASKS", format!("default-p{priority}"), format!("task.default.{priority}.>")),
            ] {
                let told = operator.create_consumer(stream, &name, &filter).await;
                assert!(told["error"].is_null(), "{told}");
            }
        }
        operator.create_consumer("SEATS", "seat-limited", "seat.limited.*").await;
        Self { server, operator }
    }

    pub(crate) fn url(&self) -> String {
        self.server.url()
    }

    pub(crate) async fn connect(&self, role: &'static str) -> Speaker {
        Speaker::connect(&self.server.url(), role).await
    }

    /// One of each role, in the order client, worker, coordinator, operator.
    pub(crate) async fn everybody(&self) -> Vec<Speaker> {
        let mut all = Vec::new();
        for role in ROLES {
            all.push(self.connect(role).await);
        }
        all
    }

    /// How many messages a stream holds.
    pub(crate) async fn messages(&self, stream: &str) -> u64 {
        self.info(stream).await["state"]["messages"].as_u64().unwrap()
    }

    /// How every stream is set up and what it holds, to compare with a later look.
    pub(crate) async fn state(&self) -> Vec<Value> {
        let names = self.operator.store("$JS.API.STREAM.NAMES", &[], "").await;
        let mut state = vec![names["streams"].clone()];
        for name in names["streams"].as_array().unwrap() {
            let info = self.info(name.as_str().unwrap()).await;
            state.push(json!([info["config"], info["state"]]));
        }
        state
    }

    /// The last sequence of each stream: how many messages it ever stored.
    pub(crate) async fn stored(&self) -> Vec<(String, u64)> {
        let mut stored = Vec::new();
        for stream in streams() {
            let name = stream["name"].as_str().unwrap();
            let last = self.info(name).await["state"]["last_seq"].as_u64().unwrap();
            stored.push((name.to_owned(), last));
        }
        stored
    }

    async fn info(&self, stream: &str) -> Value {
        self.operator.store(&format!("$JS.API.STREAM.INFO.{stream}"), &[], "").await
    }
}

/// The streams that we ship, by name.
fn streams() -> Vec<Value> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../nats/streams");
    let files = folder.read_dir().unwrap().map(|file| file.unwrap().path());
    let mut files = files.collect::<Vec<_>>();
    files.sort();
    assert!(files.len() >= 6, "{files:?}");
    let read = |file| serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
    files.into_iter().map(read).collect()
}

/// A connection of one role, which notes what the server refuses it.
#[derive(Debug)]
pub(crate) struct Speaker {
    pub(crate) role: &'static str,
    client: Client,
    refusals: Arc<Mutex<Vec<String>>>,
}

impl Speaker {
    async fn connect(url: &str, role: &'static str) -> Self {
        let refusals = Arc::new(Mutex::new(Vec::new()));
        let noted = Arc::clone(&refusals);
        let client = ConnectOptions::with_user_and_password(role.into(), password(role))
            .request_timeout(Some(LONG))
            .event_callback(move |event| {
                if let Event::ServerError(error) = event {
                    noted.lock().unwrap().push(error.to_string());
                }
                std::future::ready(())
            })
            .connect(url)
            .await
            .unwrap();
        Self { role, client, refusals }
    }

    /// Sends a request and gives the JSON of its answer; null when that is empty.
    #[track_caller]
    pub(crate) fn store(
        &self,
        subject: &str,
        headers: &[(&'static str, String)],
        body: &str,
    ) -> impl Future<Output = Value> {
        let map = header_map(headers);
        let request = Request::new().payload(body.to_owned().into());
        // Without headers the server sees what `nats pub` sends.
        let request = if map.is_empty() { request } else { request.headers(map) };
        let (client, subject) = (self.client.clone(), subject.to_owned());
        async move {
            let answer = client.send_request(subject.clone(), request).await;
            let answer = answer.unwrap_or_else(|error| panic!("{subject}: {error}"));
            if answer.payload.is_empty() {
                return Value::Null;
            }
            serde_json::from_slice(&answer.payload).unwrap()
        }
    }

    /// The one answer to an empty request: its body, or its status when it has one.
    pub(crate) async fn answer(&self, subject: &str) -> String {
        self.ask(subject, "", |_| true).await.remove(0)
    }

    /// All answers until one has a status, which is the last.
    pub(crate) async fn answers(&self, subject: &str, body: &str) -> Vec<String> {
        self.ask(subject, body, |answer| answer.status.is_some()).await
    }

    async fn ask(&self, subject: &str, body: &str, ends: fn(&Message) -> bool) -> Vec<String> {
        let inbox = self.client.new_inbox();
        let mut answers = self.listen(&inbox).await;
        let (subject, body) = (subject.to_owned(), body.to_owned());
        self.client.publish_with_reply(subject, inbox, body.into()).await.unwrap();
        let mut texts = Vec::new();
        loop {
            let answer = answers.next().await;
            texts.push(match answer.status {
                Some(status) => status.as_u16().to_string(),
                None => String::from_utf8(answer.payload.to_vec()).unwrap(),
            });
            if ends(&answer) {
                return texts;
            }
        }
    }

    /// Says something that nobody answers, and waits until the server has read it.
    pub(crate) async fn tell(&self, subject: &str, body: &str) {
        self.client.publish(subject.to_owned(), body.to_owned().into()).await.unwrap();
        self.settled().await;
    }

    /// The same with a subject for the answer that is not one's own.
    pub(crate) async fn aim(&self, subject: &str, answer_to: &str, body: &str) {
        self.aim_with(subject, answer_to, &[], body).await;
    }

    pub(crate) async fn aim_with(
        &self,
        subject: &str,
        answer_to: &str,
        headers: &[(&'static str, String)],
        body: &str,
    ) {
        let (subject, answer_to, body) =
            (subject.to_owned(), answer_to.to_owned(), body.to_owned());
        let sent = if headers.is_empty() {
            self.client.publish_with_reply(subject, answer_to, body.into()).await
        } else {
            let map = header_map(headers);
            let body = body.into();
            self.client.publish_with_reply_and_headers(subject, answer_to, map, body).await
        };
        sent.unwrap();
        self.settled().await;
    }

    /// The server has handled all that was sent until now, and its refusals have arrived.
    ///
    /// It answers in order, so the refusal of a subject that nobody may use comes last.
    pub(crate) async fn settled(&self) {
        let marker = self.client.new_inbox().replace("_INBOX", "settled");
        self.client.publish(marker.clone(), "".into()).await.unwrap();
        let refused = async {
            loop {
                {
                    let mut refusals = self.refusals.lock().unwrap();
                    let before = refusals.len();
                    refusals.retain(|refusal| !refusal.contains(&marker));
                    if refusals.len() < before {
                        return;
                    }
                }
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        tokio::time::timeout(LONG, refused).await.unwrap();
    }

    /// What somebody says from now on.
    pub(crate) async fn listen(&self, filter: &str) -> Heard {
        let heard = Heard(self.client.subscribe(filter.to_owned()).await.unwrap());
        self.settled().await;
        heard
    }

    pub(crate) async fn consumer(&self, stream: &str, name: &str) -> PullConsumer {
        let context = jetstream::new(self.client.clone());
        context.get_consumer_from_stream(name, stream).await.unwrap()
    }

    pub(crate) async fn create_consumer(&self, stream: &str, name: &str, filter: &str) -> Value {
        let subject = format!("$JS.API.CONSUMER.CREATE.{stream}.{name}.{filter}");
        let config = json!({"durable_name": name, "name": name, "filter_subject": filter,
                            "ack_policy": "explicit", "deliver_policy": "all"});
        let request = json!({"stream_name": stream, "config": config, "action": "create"});
        self.store(&subject, &[], &request.to_string()).await
    }

    /// Up to `count` messages: those there are, or those that come within `wait`.
    pub(crate) async fn pull(
        &self,
        consumer: &PullConsumer,
        count: usize,
        wait: Option<Duration>,
    ) -> Vec<Delivery> {
        let batch = match wait {
            None => consumer.fetch().max_messages(count).messages().await.unwrap().boxed(),
            Some(wait) => {
                consumer.batch().max_messages(count).expires(wait).messages().await.unwrap().boxed()
            }
        };
        batch.map(|message| message.unwrap()).collect().await
    }

    /// The confirmation of an acknowledgement of any kind.
    pub(crate) async fn settle(&self, delivery: &Delivery, kind: &'static str) -> String {
        let to = delivery.reply.clone().unwrap();
        let answer = self.client.request(to, kind.into()).await.unwrap();
        String::from_utf8(answer.payload.to_vec()).unwrap()
    }

    /// What the server refused since the last call.
    pub(crate) fn refusals(&self) -> Vec<String> {
        std::mem::take(&mut self.refusals.lock().unwrap())
    }

    #[track_caller]
    pub(crate) fn was_never_refused(&self) {
        assert_eq!(self.refusals(), [] as [String; 0], "{}", self.role);
    }
}

fn header_map(headers: &[(&'static str, String)]) -> HeaderMap {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        map.insert(*name, value.as_str());
    }
    map
}

/// Messages that arrive on a subscription.
#[derive(Debug)]
pub(crate) struct Heard(Subscriber);

impl Heard {
    pub(crate) async fn next(&mut self) -> Message {
        tokio::time::timeout(LONG, self.0.next()).await.unwrap().unwrap()
    }

    /// The next message, if it comes at once.
    pub(crate) async fn soon(&mut self) -> Option<Message> {
        tokio::time::timeout(Duration::from_millis(300), self.0.next()).await.ok().flatten()
    }
}
