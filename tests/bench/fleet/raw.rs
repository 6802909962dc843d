//! The most that server and stock client can do: the same four messages a task, with nothing decided.
//!
//! Without a graph, a list of what is done, an ALT to read and a LAST to write.

use std::time::Duration;

use async_nats::HeaderMap;
use async_nats::jetstream::consumer::{AckPolicy, PullConsumer, pull};
use async_nats::jetstream::stream::{Config, Republish, RetentionPolicy};
use async_nats::jetstream::{self, Context};
use futures::StreamExt;
use futures::stream::FuturesUnordered;
use tests::servers::NatsServer;
use tokio::time::Instant;

use crate::figures::{System, Times};
use crate::shape::Shape;

/// Publishes that may wait for their answer at once.
const UNDER_WAY: usize = 1_000;

/// Bytes of an offer and of a verdict, about.
const BODY: usize = 250;

async fn connect(server: &NatsServer) -> Context {
    jetstream::new(async_nats::connect(server.url()).await.unwrap())
}

async fn streams(server: &NatsServer) -> PullConsumer {
    let context = connect(server).await;
    let tasks = Config {
        name: "TASKS".to_owned(),
        subjects: vec!["task.>".to_owned()],
        retention: RetentionPolicy::WorkQueue,
        ..Config::default()
    };
    let tasks = context.create_stream(tasks).await.unwrap();
    let results = Config {
        name: "RUN".to_owned(),
        subjects: vec!["run.>".to_owned()],
        republish: Some(Republish {
            source: "run.>".to_owned(),
            destination: "live.>".to_owned(),
            headers_only: false,
        }),
        ..Config::default()
    };
    context.create_stream(results).await.unwrap();
    let consumer = pull::Config {
        durable_name: Some("w".to_owned()),
        ack_policy: AckPolicy::Explicit,
        max_ack_pending: -1,
        ..pull::Config::default()
    };
    tasks.create_consumer(consumer).await.unwrap()
}

/// Publishes at most [`UNDER_WAY`] at once and waits for every answer.
async fn publish_all(context: &Context, subjects: impl Iterator<Item = String>) {
    let mut answers = FuturesUnordered::new();
    for subject in subjects {
        let body = vec![b'x'; BODY].into();
        let answer = context.publish(subject, body).await.unwrap().into_future();
        answers.push(answer);
        if answers.len() >= UNDER_WAY {
            answers.next().await.unwrap().unwrap();
        }
    }
    while let Some(answer) = answers.next().await {
        answer.unwrap();
    }
}

/// What so many tasks take: published, pulled by two, acked, each with a result that is stored once.
async fn throughput(conf: &str, tasks: usize) -> Duration {
    let server = NatsServer::start_with(conf);
    streams(&server).await;
    let publisher = connect(&server).await;
    let begun = Instant::now();
    let publishing = tokio::spawn(async move {
        publish_all(&publisher, (0..tasks).map(|n| format!("task.d.2.r.{n}.1"))).await;
    });
    let mut workers = Vec::new();
    for share in [tasks / 2, tasks - tasks / 2] {
        let context = connect(&server).await;
        workers.push(tokio::spawn(work(context, share)));
    }
    publishing.await.unwrap();
    for worker in workers {
        worker.await.unwrap();
    }
    begun.elapsed()
}

async fn work(context: Context, share: usize) {
    let consumer: PullConsumer = context.get_consumer_from_stream("w", "TASKS").await.unwrap();
    let mut answers = FuturesUnordered::new();
    let mut done = 0;
    while done < share {
        let most = 256.min(share - done);
        let mut batch = consumer.fetch().max_messages(most).messages().await.unwrap();
        while let Some(message) = batch.next().await {
            let message = message.unwrap();
            let mut headers = HeaderMap::new();
            headers.insert("Nats-Expected-Last-Subject-Sequence", "0");
            let subject = message.subject.replace("task.", "run.");
            let body = vec![b'x'; BODY].into();
            let stored = context.publish_with_headers(subject, headers, body).await.unwrap();
            answers.push(stored.into_future());
            message.ack().await.unwrap();
            done += 1;
            if answers.len() >= UNDER_WAY {
                answers.next().await.unwrap().unwrap();
            }
        }
    }
    while let Some(answer) = answers.next().await {
        answer.unwrap();
    }
}

/// From a task published to its result heard, one after the other: each.
async fn round_trips(conf: &str, tasks: usize) -> Vec<Duration> {
    let server = NatsServer::start_with(conf);
    let consumer = streams(&server).await;
    let worker = connect(&server).await;
    let working = tokio::spawn(async move {
        let mut messages = consumer.stream().max_messages_per_batch(1).messages().await.unwrap();
        for _ in 0..tasks {
            let message = messages.next().await.unwrap().unwrap();
            let subject = message.subject.replace("task.", "run.");
            worker.publish(subject, vec![b'x'; BODY].into()).await.unwrap().await.unwrap();
            message.ack().await.unwrap();
        }
    });
    let publisher = connect(&server).await;
    let client = async_nats::connect(server.url()).await.unwrap();
    let mut results = client.subscribe("live.>").await.unwrap();
    client.flush().await.unwrap();
    let mut trips = Vec::new();
    for n in 0..tasks {
        let begun = Instant::now();
        publisher
            .publish(format!("task.d.2.r.{n}.1"), vec![b'x'; BODY].into())
            .await
            .unwrap()
            .await
            .unwrap();
        results.next().await.unwrap();
        trips.push(begun.elapsed());
    }
    working.await.unwrap();
    trips
}

/// It, before anything is measured.
pub(crate) fn system() -> System {
    let durability = "file storage, forced every second".to_owned();
    System { name: "NATS alone".to_owned(), durability, ..System::default() }
}

/// A shape once, if it is one that needs no graph.
pub(crate) async fn measure(conf: &str, shape: Shape) -> Option<Times> {
    Some(match shape {
        Shape::Fan(tasks) => Times::Whole(vec![throughput(conf, tasks).await]),
        Shape::Chain(tasks) => Times::Whole(vec![round_trips(conf, tasks).await.iter().sum()]),
        Shape::One => Times::Each(round_trips(conf, 200).await),
        Shape::Layered | Shape::Burst(_) | Shape::Small => return None,
    })
}
