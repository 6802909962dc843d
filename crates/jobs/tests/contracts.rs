//! The jobs that call contracts, by a script that stands for the operator's command.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use job::Error;
use job::testing::Bench;
use serde_json::{Value, json};
use tokio::time::{Duration, sleep};

const MNEMONIC: &str = "twelve words nobody may see";
const VOTE: &str = "src/aibtc-cohort-0/agent-account/public/vote-on-action-proposal.ts";

/// A bench whose command notes its arguments and its environment, then does what `answer` says.
fn bench(answer: &str) -> Bench {
    jobs::link();
    let bench = Bench::new().unwrap();
    let script = bench.scratch().join("command.sh");
    let text = "for a in \"$@\"; do printf '[%s]' \"$a\" >> calls; done; echo >> calls\n\
                env > env\n. ./answer\n";
    std::fs::write(&script, text).unwrap();
    let command = format!("/bin/sh {}", script.display());
    let bench = bench
        .with_variable("CONTRACT_COMMAND", &command)
        .with_variable("WALLET_MNEMONIC", MNEMONIC)
        .with_variable("HIRO_API_KEY", "of no use here");
    answers(&bench, answer);
    bench
}

fn answers(bench: &Bench, script: &str) {
    std::fs::write(bench.scratch().join("answer"), script).unwrap();
}

fn calls(bench: &Bench) -> Vec<String> {
    let text = std::fs::read_to_string(bench.scratch().join("calls")).unwrap_or_default();
    text.lines().map(str::to_owned).collect()
}

async fn run(bench: &Bench, job: &str, parameters: &Value) -> Result<Value, Error> {
    let output = bench.run(job, &parameters.to_string()).await?;
    Ok(output.read().unwrap())
}

fn votes(agents: &[&str]) -> Value {
    let vote = |agent: &&str| json!({"agent_account_contract": agent, "vote": true});
    json!({"proposal_id": 7, "voting_contract": "ST1.voting",
        "votes": agents.iter().map(vote).collect::<Vec<_>>()})
}

fn conclusion() -> Value {
    json!({"proposal_id": 7, "voting_contract": "ST1.voting", "action_contract": "ST1.action",
        "token_contract": "ST1.token"})
}

#[tokio::test]
async fn each_vote_is_cast_once_by_arguments_of_their_own() {
    let sent = r#"echo '{"success": true, "message": "ok", "data": {"txid": "0x1"}}'"#;
    let bench = bench(sent);
    let output = run(&bench, "dao_proposal_vote", &votes(&["ST1.a", "ST1.b"])).await.unwrap();
    assert_eq!(output["votes"][1]["sent"]["tx_id"], "0x1");
    assert_eq!(output["cast_before"], 0);
    let expected =
        ["ST1.a", "ST1.b"].map(|agent| format!("[{VOTE}][{agent}][ST1.voting][7][true]"));
    assert_eq!(calls(&bench), expected);
    let output = run(&bench, "dao_proposal_vote", &votes(&["ST1.a", "ST1.b"])).await.unwrap();
    assert_eq!(output["cast_before"], 2);
    assert_eq!(output["votes"][0]["sent"]["tx_id"], "0x1");
    run(&bench, "dao_proposal_vote", &votes(&["ST1.b", "ST1.c"])).await.unwrap();
    assert_eq!(calls(&bench).len(), 3);
    let nothing = run(&bench, "dao_proposal_vote", &votes(&[])).await.unwrap_err();
    assert!(matches!(nothing, Error::Skipped(_)), "{nothing}");
}

#[tokio::test]
async fn the_words_of_the_wallet_are_in_the_environment_and_nowhere_else() {
    let bench = bench("echo '{\"success\": true}'").with_variable("NETWORK", "mainnet");
    let output = run(&bench, "dao_proposal_conclude", &conclusion()).await.unwrap();
    let environment = std::fs::read_to_string(bench.scratch().join("env")).unwrap();
    let mut names: Vec<_> = environment.lines().filter_map(|line| line.split_once('=')).collect();
    names.sort_unstable();
    for pair in [("MNEMONIC", MNEMONIC), ("NETWORK", "mainnet"), ("ACCOUNT_INDEX", "0")] {
        assert!(names.contains(&pair), "{environment}");
    }
    assert!(!environment.contains("HIRO") && !environment.contains("WALLET"), "{environment}");
    let script = "src/aibtc-cohort-0/dao-tools/extensions/action-proposal-voting/public/\
                  conclude-action-proposal.ts";
    let expected = format!("[{script}][ST1.voting][ST1.action][ST1.token][7]");
    assert_eq!(calls(&bench), [expected]);
    assert!(!output.to_string().contains("twelve"), "{output}");
    answers(&bench, "env; env >&2; exit 1");
    let error = run(&bench, "dao_proposal_vote", &votes(&["ST1.a"])).await.unwrap_err();
    let text = error.to_string();
    assert!(text.contains("NETWORK=mainnet") && !text.contains("twelve"), "{text}");
}

#[tokio::test]
async fn a_vote_that_was_surely_not_sent_is_tried_again_alone() {
    let script = "case \"$2\" in ST1.b) echo '{\"success\": false, \"message\": \"no nonce\"}';; \
                  *) echo noise; echo '{\"success\": true, \"data\": {\"tx_id\": \"0x1\"}}';; esac";
    let bench = bench(script);
    let three = votes(&["ST1.a", "ST1.b", "ST1.c"]);
    let error = run(&bench, "dao_proposal_vote", &three).await.unwrap_err();
    assert!(error.retryable() && error.to_string().contains("no nonce"), "{error}");
    assert_eq!(calls(&bench).len(), 3);
    answers(&bench, "echo '{\"success\": true}'");
    let output = run(&bench, "dao_proposal_vote", &three).await.unwrap();
    assert_eq!(output["cast_before"], 2);
    assert_eq!(calls(&bench).len(), 4);
}

#[tokio::test]
async fn a_call_whose_end_was_not_seen_is_left_to_people() {
    let bench = bench("echo broken >&2; exit 3");
    let error = run(&bench, "dao_proposal_conclude", &conclusion()).await.unwrap_err();
    assert!(!error.retryable() && error.to_string().contains("not known: broken"), "{error}");
    answers(&bench, "echo '{\"success\": true, \"data\": {\"txid\": \"0x2\"}}'");
    let error = run(&bench, "dao_proposal_conclude", &conclusion()).await.unwrap_err();
    assert!(!error.retryable() && error.to_string().contains("`again`"), "{error}");
    assert_eq!(calls(&bench).len(), 1);
    let mut again = conclusion();
    again["again"] = json!(true);
    let output = run(&bench, "dao_proposal_conclude", &again).await.unwrap();
    assert_eq!(output["sent"]["tx_id"], "0x2");
    let output = run(&bench, "dao_proposal_conclude", &conclusion()).await.unwrap();
    assert_eq!(output["before"], true);
    assert_eq!(calls(&bench).len(), 2);
}

#[tokio::test]
async fn a_call_that_was_stopped_is_in_doubt() {
    let bench = bench("touch begun; sleep 60");
    let stop = async {
        while !bench.scratch().join("begun").exists() {
            sleep(Duration::from_millis(5)).await;
        }
        bench.cancelled().cancel();
    };
    let conclusion = conclusion();
    let (ended, ()) = tokio::join!(run(&bench, "dao_proposal_conclude", &conclusion), stop);
    assert_eq!(ended, Err(Error::Cancelled));
    let error = run(&bench, "dao_proposal_conclude", &conclusion).await.unwrap_err();
    assert!(!error.retryable() && error.to_string().contains("not known"), "{error}");
}

#[tokio::test]
async fn a_program_that_is_not_there_sends_nothing() {
    let bench = bench("").with_variable("CONTRACT_COMMAND", "no-such-program-anywhere");
    for _ in 0..2 {
        let error = run(&bench, "dao_proposal_conclude", &conclusion()).await.unwrap_err();
        assert!(error.to_string().contains("no program"), "{error}");
    }
}

#[tokio::test]
async fn an_account_that_is_there_already_is_a_success() {
    let agent = json!({"owner_address": "ST1", "agent_mainnet_address": "SP2",
        "agent_testnet_address": "ST2"});
    let exists = "echo '{\"success\": false, \"message\": \"broadcast: ContractAlreadyExists\"}'";
    for (answer, existed) in [(exists, true), ("echo '{\"success\": true}'", false)] {
        let bench = bench("exit 1");
        let error = run(&bench, "agent_account_deployer", &agent).await.unwrap_err();
        assert!(error.retryable(), "{error}");
        answers(&bench, answer);
        let output = run(&bench, "agent_account_deployer", &agent).await.unwrap();
        assert_eq!(output["sent"]["existed"], existed);
        assert_eq!(output["agent_address"], "ST2");
        let script = "src/aibtc-cohort-0/contract-tools/deploy-agent-account.ts";
        assert_eq!(calls(&bench)[1], format!("[{script}][ST1][ST2][testnet]"));
    }
    let bench = bench(exists);
    let error = run(&bench, "dao_proposal_conclude", &conclusion()).await.unwrap_err();
    assert!(error.to_string().contains("ContractAlreadyExists"), "{error}");
    let bench = bench.with_variable("NETWORK", "mainnet");
    let other = json!({"owner_address": "SP1", "agent_testnet_address": "ST2"});
    let error = run(&bench, "agent_account_deployer", &other).await.unwrap_err();
    assert!(error.to_string().contains("`agent_mainnet_address`"), "{error}");
}

#[tokio::test]
async fn a_dao_needs_all_seven_settings() {
    let bench = bench("echo '{\"success\": true, \"data\": {\"txid\": \"0x3\"}}'");
    let mut settings = json!({"token_symbol": "FACES", "token_name": "Faces; id",
        "token_description": "$HOME `id`", "token_max_supply": 1_000_000, "token_decimals": "8",
        "origin_address": "ST1", "mission": "To be \"seen\""});
    let whole = json!({"parameters": settings});
    let output = run(&bench, "dao_deployment", &whole).await.unwrap();
    assert_eq!(output["sent"]["tx_id"], "0x3");
    let expected = "[src/stacks-contracts/deploy-dao.ts][FACES][Faces; id][$HOME `id`][1000000][8]\
                    [ST1][To be \"seen\"]";
    assert_eq!(calls(&bench), [expected]);
    assert_eq!(run(&bench, "dao_deployment", &whole).await.unwrap()["before"], true);
    assert_eq!(calls(&bench).len(), 1);

    let table = [
        ("token_max_supply", json!(1.5), "has no token_max_supply"),
        ("token_max_supply", json!("many"), "`parameters.token_max_supply`: is not a whole number"),
        ("origin_address", json!("--help"), "begins with `-`"),
        ("origin_address", json!("nobody"), "`parameters.origin_address`: is no address"),
        ("colour", json!("red"), "`parameters.colour`: is unknown"),
    ];
    for (name, value, expected) in table {
        let mut wrong = settings.clone();
        wrong[name] = value;
        let error = run(&bench, "dao_deployment", &json!({"parameters": wrong})).await.unwrap_err();
        assert!(error.to_string().contains(expected), "{error}");
    }
    settings["mission"] = json!(" ");
    settings.as_object_mut().unwrap().remove("token_name");
    let less = json!({"parameters": settings});
    let error = run(&bench, "dao_deployment", &less).await.unwrap_err();
    assert!(error.to_string().contains("has no token_name, mission;"), "{error}");
    let error = run(&bench, "dao_deployment", &json!({})).await.unwrap_err();
    assert!(error.to_string().contains("token_symbol, token_name, token_description"), "{error}");
    assert_eq!(calls(&bench).len(), 1);
}

#[tokio::test]
async fn nothing_that_could_be_an_option_or_a_word_of_a_shell_is_a_contract() {
    let bench = bench("echo '{\"success\": true}'");
    for wrong in ["--eval=1", "", "ST1;id", "ST1.a b", "$(id)", &"S".repeat(200)] {
        let mut conclusion = conclusion();
        conclusion["action_contract"] = json!(wrong);
        let error = run(&bench, "dao_proposal_conclude", &conclusion).await.unwrap_err();
        assert!(matches!(error, Error::Parameter { .. }), "{wrong}: {error}");
    }
    assert_eq!(calls(&bench), [] as [String; 0]);
}

#[tokio::test]
async fn without_the_operators_variables_nothing_begins() {
    let bench = bench("").with_variable("NETWORK", "moon");
    let error = run(&bench, "dao_proposal_conclude", &conclusion()).await.unwrap_err();
    assert!(matches!(&error, Error::Skipped(why) if why.contains("NETWORK")), "{error}");
    let bench = Bench::new().unwrap().with_variable("WALLET_MNEMONIC", MNEMONIC);
    let error = run(&bench, "dao_deployment", &json!({})).await.unwrap_err();
    assert!(matches!(&error, Error::Skipped(why) if why.contains("CONTRACT_COMMAND")), "{error}");
    let bench = bench.with_variable("CONTRACT_COMMAND", "../sh x");
    let error = run(&bench, "dao_deployment", &json!({})).await.unwrap_err();
    assert!(matches!(&error, Error::Skipped(why) if why.contains("CONTRACT_COMMAND")), "{error}");
}
