//! TLS and keys on NATS: who proves what to whom, with certificates and nkeys made here.

mod nkey;

use std::path::{Path, PathBuf};
use std::time::Duration;

use async_nats::{ConnectErrorKind, ConnectOptions, jetstream};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use serde_json::{Value, json};
use tempfile::TempDir;
use tests::servers::NatsServer;

use nkey::{Kind, Nkey};

/// An authority and what it signed, as files for the server and for clients.
#[derive(Debug)]
struct Certificates {
    folder: TempDir,
}

impl Certificates {
    /// The certificate of a server that is reached by `names`.
    fn of(names: &[&str]) -> Self {
        let mut params = CertificateParams::new([]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let key = KeyPair::generate().unwrap();
        let names = names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>();
        let signed = CertificateParams::new(names).unwrap().signed_by(&key, &authority).unwrap();
        let this = Self { folder: tempfile::tempdir().unwrap() };
        std::fs::write(this.file("ca.pem"), authority.pem()).unwrap();
        std::fs::write(this.file("server.pem"), signed.pem()).unwrap();
        std::fs::write(this.file("server.key"), key.serialize_pem()).unwrap();
        this
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The server's half of its configuration.
    fn conf(&self) -> String {
        format!(
            "tls: {{ cert_file: {:?}, key_file: {:?} }}\n",
            self.file("server.pem"),
            self.file("server.key")
        )
    }
}

/// What the program does before it connects: two providers may be linked in, one is chosen.
fn options() -> ConnectOptions {
    let _ = rustls::crypto::ring::default_provider().install_default();
    ConnectOptions::new()
        .request_timeout(Some(Duration::from_secs(20)))
        .connection_timeout(Duration::from_secs(20))
}

fn tls_url(server: &NatsServer) -> String {
    format!("tls://127.0.0.1:{}", server.port())
}

/// Stores one message in a stream of its own, which takes a connection that may do so.
async fn publishes(client: async_nats::Client) {
    let context = jetstream::new(client);
    let config = jetstream::stream::Config {
        name: "PROOF".into(),
        subjects: vec!["proof".into()],
        ..jetstream::stream::Config::default()
    };
    context.create_stream(config).await.unwrap();
    let stored = context.publish("proof", "said".into()).await.unwrap().await.unwrap();
    assert_eq!(stored.sequence, 1);
}

#[tokio::test]
async fn a_server_that_our_authority_vouches_for_is_trusted() {
    let certificates = Certificates::of(&["127.0.0.1", "localhost"]);
    let server = NatsServer::start_with(&certificates.conf());
    for url in [tls_url(&server), server.url(), format!("tls://localhost:{}", server.port())] {
        let ours = options().add_root_certificates(certificates.file("ca.pem"));
        let client = ours.connect(&url).await.unwrap_or_else(|error| panic!("{url}: {error}"));
        assert!(client.server_info().tls_required);
    }
    publishes(
        options()
            .add_root_certificates(certificates.file("ca.pem"))
            .connect(tls_url(&server))
            .await
            .unwrap(),
    )
    .await;
}

#[tokio::test]
async fn a_server_that_nobody_vouches_for_is_refused_with_the_reason() {
    let certificates = Certificates::of(&["127.0.0.1"]);
    let server = NatsServer::start_with(&certificates.conf());
    let stranger = Certificates::of(&["127.0.0.1"]);
    for (options, reason) in [
        (options(), "UnknownIssuer"),
        // Both authorities have the same name, so it is the signature that differs.
        (options().add_root_certificates(stranger.file("ca.pem")), "BadSignature"),
    ] {
        let error = options.connect(tls_url(&server)).await.unwrap_err();
        let text = error.to_string();
        assert!(text.contains("certificate") && text.contains(reason), "{text}");
    }
}

#[tokio::test]
async fn a_certificate_for_another_name_is_refused_with_both_names() {
    let certificates = Certificates::of(&["nats.example"]);
    let server = NatsServer::start_with(&certificates.conf());
    let ours = options().add_root_certificates(certificates.file("ca.pem"));
    let error = ours.connect(tls_url(&server)).await.unwrap_err();
    let text = error.to_string();
    assert!(text.contains("127.0.0.1") && text.contains("nats.example"), "{text}");
}

#[tokio::test]
async fn a_server_without_tls_is_refused_where_tls_is_asked_for() {
    let server = NatsServer::start();
    let error = options().connect(tls_url(&server)).await.unwrap_err();
    assert!(error.to_string().contains("corrupt message"), "{error}");
}

#[tokio::test]
async fn an_nkey_logs_in_over_tls_and_no_other_does() {
    let certificates = Certificates::of(&["127.0.0.1"]);
    let (known, stranger) = (Nkey::new(Kind::User), Nkey::new(Kind::User));
    let users = "authorization: { users: [ { nkey: $RUNNER_TEST_NKEY } ] }\n";
    let variables = [("RUNNER_TEST_NKEY", known.public())];
    let variables = variables.each_ref().map(|(name, value)| (*name, value.as_str()));
    let server =
        NatsServer::start_with_environment(&format!("{}{users}", certificates.conf()), &variables);
    let connect = |seed: String| {
        let options = options().add_root_certificates(certificates.file("ca.pem"));
        options.nkey(seed).connect(tls_url(&server))
    };
    publishes(connect(known.seed()).await.unwrap()).await;
    let error = connect(stranger.seed()).await.unwrap_err();
    assert_eq!(error.kind(), ConnectErrorKind::AuthorizationViolation, "{error}");
    let error = connect("SUNOSEED".into()).await.unwrap_err();
    assert_eq!(error.kind(), ConnectErrorKind::Authentication, "{error}");
}

/// A server that trusts one operator, whose only account has JetStream.
fn operated(operator: &Nkey, account: &Nkey) -> NatsServer {
    let unlimited = json!({"subs": -1, "data": -1, "payload": -1, "imports": -1, "exports": -1,
        "wildcards": true, "conn": -1, "leaf": -1, "mem_storage": -1, "disk_storage": -1,
        "streams": -1, "consumer": -1});
    let system = Nkey::new(Kind::Account);
    let system_jwt =
        operator.jwt("SYS", &system.public(), json!({"type": "account", "version": 2}));
    let account_jwt = operator.jwt(
        "FLEET",
        &account.public(),
        json!({"type": "account", "version": 2, "limits": unlimited}),
    );
    let operator_jwt = operator.jwt(
        "runner",
        &operator.public(),
        json!({"type": "operator", "version": 2, "system_account": system.public()}),
    );
    NatsServer::start_with(&format!(
        "operator: {operator_jwt}\nsystem_account: {}\nresolver: MEMORY\n\
         resolver_preload: {{ {}: {system_jwt}, {}: {account_jwt} }}\n",
        system.public(),
        system.public(),
        account.public(),
    ))
}

/// A file as `nsc` writes it: the JWT of a user and the seed that proves it is theirs.
fn credentials(folder: &Path, account: &Nkey, claims: Value) -> PathBuf {
    let user = Nkey::new(Kind::User);
    let jwt = account.jwt("worker", &user.public(), claims);
    let seed = user.seed();
    let file = folder.join("worker.creds");
    let text = format!(
        "-----BEGIN NATS USER JWT-----\n{jwt}\n------END NATS USER JWT------\n\n\
         -----BEGIN USER NKEY SEED-----\n{seed}\n------END USER NKEY SEED------\n"
    );
    std::fs::write(&file, text).unwrap();
    file
}

#[tokio::test]
async fn a_credentials_file_of_the_operators_account_logs_in() {
    let (operator, account) = (Nkey::new(Kind::Operator), Nkey::new(Kind::Account));
    let server = operated(&operator, &account);
    let folder = tempfile::tempdir().unwrap();
    let claims = json!({"type": "user", "version": 2, "subs": -1, "data": -1, "payload": -1});

    let file = credentials(folder.path(), &account, claims.clone());
    let known = options().credentials_file(&file).await.unwrap();
    publishes(known.connect(server.url()).await.unwrap()).await;

    let file = credentials(folder.path(), &Nkey::new(Kind::Account), claims);
    let stranger = options().credentials_file(&file).await.unwrap();
    let error = stranger.connect(server.url()).await.unwrap_err();
    assert_eq!(error.kind(), ConnectErrorKind::AuthorizationViolation, "{error}");
    let error = options().connect(server.url()).await.unwrap_err();
    assert_eq!(error.kind(), ConnectErrorKind::AuthorizationViolation, "{error}");
}
