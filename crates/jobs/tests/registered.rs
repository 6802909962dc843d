//! The built-in jobs as a program finds them.

use job::Registry;

#[test]
fn every_built_in_job_is_linked_in() {
    jobs::link();
    let registry = Registry::discover().unwrap();
    let names: Vec<_> = registry.names().collect();
    assert_eq!(
        names,
        [
            "agent_account_deployer",
            "chain_state_monitor",
            "dao_deployment",
            "dao_deployment_tweet",
            "dao_proposal_conclude",
            "dao_proposal_embedder",
            "dao_proposal_vote",
            "discord",
            "echo",
            "exec",
            "http",
            "sleep",
            "transform",
            "tweet"
        ]
    );
}
