//! `chain_state_monitor` against a chain on this machine.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use job::Error;
use job::testing::Bench;
use protocol::RunId;
use serde_json::{Value, json};
use wiremock::matchers::{header, path, query_param};
use wiremock::{Mock, MockServer, ResponseTemplate};

/// A chain whose blocks are each two burn blocks apart, so that odd burn heights have no block.
struct Chain {
    server: MockServer,
    bench: Option<Bench>,
    run: u128,
}

impl Chain {
    async fn start() -> Self {
        jobs::link();
        let server = MockServer::start().await;
        let bench = Bench::new().unwrap().with_variable("HIRO_API_KEY", "k");
        let bench = bench.with_variable("HIRO_API_URL", &server.uri());
        Self { server, bench: Some(bench), run: 0 }
    }

    /// A run of its own.
    async fn next(&mut self, parameters: Value) -> Result<Value, Error> {
        self.run += 1;
        let bench = self.bench.take().unwrap();
        self.bench = Some(bench.with_run(RunId::from_bits(self.run)));
        self.again(parameters).await
    }

    /// Another attempt of the same run.
    async fn again(&self, parameters: Value) -> Result<Value, Error> {
        let bench = self.bench.as_ref().unwrap();
        let output = bench.run("chain_state_monitor", &parameters.to_string()).await?;
        Ok(output.read().unwrap())
    }

    /// The chain has these blocks; what was mounted before is forgotten.
    async fn has(&self, first: u64, tip: u64) {
        self.server.reset().await;
        self.at("/extended", json!({"status": "ready", "chain_tip": {"block_height": tip}})).await;
        for height in first..=tip {
            self.block(height).await;
        }
    }

    async fn block(&self, height: u64) {
        let hash = format!("0x{height}");
        let block = json!({"canonical": true, "height": height, "hash": hash,
            "burn_block_height": height * 2, "tx_count": 1});
        self.at(&format!("/extended/v2/blocks/{height}"), block).await;
        let page = json!({"limit": 50, "offset": 0, "total": 1,
            "results": [{"tx_id": format!("0xt{height}")}]});
        self.at(&format!("/extended/v2/blocks/{hash}/transactions"), page).await;
    }

    async fn at(&self, place: &str, answer: Value) {
        let mock = Mock::given(path(place)).and(header("x-api-key", "k"));
        let template = ResponseTemplate::new(200).set_body_json(answer);
        mock.respond_with(template).mount(&self.server).await;
    }

    async fn fails(&self, place: &str, status: u16) {
        let mock = Mock::given(path(place)).respond_with(ResponseTemplate::new(status));
        mock.with_priority(1).up_to_n_times(1).mount(&self.server).await;
    }
}

fn heights(output: &Value) -> Vec<u64> {
    let blocks = output["blocks"].as_array().unwrap();
    blocks.iter().map(|block| block["height"].as_u64().unwrap()).collect()
}

#[tokio::test]
async fn each_block_is_given_back_once_and_in_order() {
    let mut chain = Chain::start().await;
    chain.has(100, 100).await;
    let first = chain.next(json!({})).await.unwrap();
    assert_eq!(heights(&first), [100]);
    assert_eq!((first["behind"].as_u64(), first["stale"].as_bool()), (Some(1), Some(false)));
    let block = &first["blocks"][0];
    assert_eq!(block["block"]["hash"], "0x100");
    assert_eq!(block["transactions"], json!([{"tx_id": "0xt100"}]));
    chain.has(101, 105).await;
    let second = chain.next(json!({})).await.unwrap();
    assert_eq!(heights(&second), [101, 102, 103, 104, 105]);
    assert_eq!(second["height"], 105);
    assert_eq!(second["burn_height"], 210);
    assert_eq!((second["behind"].as_u64(), second["stale"].as_bool()), (Some(5), Some(true)));
    let nothing = chain.next(json!({})).await.unwrap_err();
    assert_eq!(nothing, Error::Skipped("there is no block after 105".to_owned()));
}

#[tokio::test]
async fn a_long_gap_takes_several_runs() {
    let mut chain = Chain::start().await;
    chain.has(1, 45).await;
    let mut all = Vec::new();
    for _ in 0..3 {
        let output = chain.next(json!({"from_height": 1})).await.unwrap();
        assert_eq!(output["behind"], 45 - all.len());
        all.extend(heights(&output));
    }
    assert_eq!(all, (1..=45).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_block_that_cannot_be_had_is_not_left_out() {
    let mut chain = Chain::start().await;
    chain.has(1, 5).await;
    chain.fails("/extended/v2/blocks/3", 404).await;
    let output = chain.next(json!({"from_height": 1})).await.unwrap();
    assert_eq!(heights(&output), [1, 2]);
    chain.fails("/extended/v2/blocks/0x3/transactions", 500).await;
    let error = chain.next(json!({})).await.unwrap_err();
    assert!(error.retryable() && error.to_string().contains("500"), "{error}");
    let output = chain.again(json!({})).await.unwrap();
    assert_eq!(heights(&output), [3, 4, 5]);
}

#[tokio::test]
async fn a_repeated_attempt_gives_back_the_same_and_the_next_run_goes_on() {
    let mut chain = Chain::start().await;
    chain.has(7, 7).await;
    assert_eq!(heights(&chain.next(json!({})).await.unwrap()), [7]);
    chain.has(7, 9).await;
    assert_eq!(heights(&chain.again(json!({})).await.unwrap()), [7, 8, 9]);
    assert_eq!(heights(&chain.again(json!({})).await.unwrap()), [7, 8, 9]);
    chain.has(10, 10).await;
    assert_eq!(heights(&chain.next(json!({})).await.unwrap()), [10]);
}

#[tokio::test]
async fn heights_without_a_block_begin_what_they_should() {
    let mut chain = Chain::start().await;
    chain.has(10, 10).await;
    let proposals = json!({"proposals": [
        {"id": "a", "vote_start": 20, "vote_end": 23, "exec_start": 31},
        {"id": "b", "vote_start": 21, "vote_end": 40},
        {"id": "past", "vote_start": 19},
    ]});
    let output = chain.next(proposals).await.unwrap();
    let trigger = |height: u64, event: &str, id: &str| json!({"burn_height": height, "event": event, "proposal": id});
    assert_eq!(output["triggers"], json!([trigger(20, "vote_start", "a")]));
    chain.has(11, 12).await;
    let output = chain.next(json!({})).await.unwrap();
    let expected = [trigger(21, "vote_start", "b"), trigger(23, "vote_end", "a")];
    assert_eq!(output["triggers"], json!(expected));
    assert_eq!(chain.again(json!({})).await.unwrap()["triggers"], json!(expected));
    let moved = json!({"proposals": [{"id": "b", "vote_end": 25}]});
    assert_eq!(chain.next(moved).await.unwrap()["triggers"], json!([]));
    chain.has(13, 20).await;
    let output = chain.next(json!({})).await.unwrap();
    let expected = [trigger(25, "vote_end", "b"), trigger(31, "exec_start", "a")];
    assert_eq!(output["triggers"], json!(expected));
}

#[tokio::test]
async fn a_block_with_many_transactions_is_given_back_whole() {
    let mut chain = Chain::start().await;
    chain.at("/extended", json!({"chain_tip": {"block_height": 3}})).await;
    let block = json!({"canonical": true, "height": 3, "hash": "0x3", "burn_block_height": 6});
    chain.at("/extended/v2/blocks/3", block).await;
    let ids: Vec<_> = (0..120).map(|number| json!({"tx_id": number})).collect();
    for (offset, page) in [("0", &ids[..50]), ("50", &ids[50..100]), ("100", &ids[100..])] {
        let mock = Mock::given(path("/extended/v2/blocks/0x3/transactions"));
        let mock = mock.and(query_param("offset", offset)).and(query_param("limit", "50"));
        let page = json!({"total": 120, "results": page});
        let template = ResponseTemplate::new(200).set_body_json(page);
        mock.respond_with(template).mount(&chain.server).await;
    }
    let output = chain.next(json!({})).await.unwrap();
    assert_eq!(output["blocks"][0]["transactions"], json!(ids));
}

#[tokio::test]
async fn an_api_that_does_not_answer_or_wants_a_rest_is_left_alone() {
    let mut chain = Chain::start().await;
    chain.has(1, 1).await;
    chain.fails("/extended", 503).await;
    let error = chain.next(json!({})).await.unwrap_err();
    assert!(matches!(&error, Error::Skipped(why) if why.contains("503")), "{error}");
    chain.fails("/extended/v2/blocks/1", 429).await;
    let error = chain.next(json!({})).await.unwrap_err();
    assert!(error.retryable() && error.to_string().contains("429"), "{error}");
    let asked = chain.server.received_requests().await.unwrap().len();
    let error = chain.again(json!({})).await.unwrap_err();
    assert!(matches!(&error, Error::Skipped(why) if why.contains("cools down")), "{error}");
    assert_eq!(chain.server.received_requests().await.unwrap().len(), asked);
}

#[tokio::test]
async fn it_needs_its_key_and_proposals_with_ids() {
    let mut chain = Chain::start().await;
    chain.has(1, 1).await;
    let error = chain.next(json!({"proposals": [{"id": ""}]})).await.unwrap_err();
    assert!(error.to_string().contains("`proposals.0.id`"), "{error}");
    let many: Vec<_> = (0..201).map(|id| json!({"id": id.to_string(), "vote_end": 9})).collect();
    let error = chain.next(json!({"proposals": many})).await.unwrap_err();
    assert!(error.to_string().contains("at most 200"), "{error}");
    let error = Bench::new().unwrap().run("chain_state_monitor", "{}").await.unwrap_err();
    assert!(matches!(&error, Error::Skipped(why) if why.contains("HIRO_API_KEY")), "{error}");
}
