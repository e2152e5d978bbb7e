//! Values that must never be written: tokens, credentials, and other secrets of vendors.
//!
//! A test binary of its own, since it listens to everything that this process traces: the gateways,
//! their HTTP libraries, and the simulators and clients as well.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking, its own functions included"
)]

mod clients;
mod lists;
mod operators;
mod vendors;
mod watch;

use std::collections::HashMap;
use std::sync::LazyLock;

use introspectd_simulators::{apigee, passport, rfc7662, tibco_asg};
use introspectd_tests::{Apigee, Fixture, Passport, Rfc7662, TibcoAsg, basic};

use clients::secrets_of_clients_stay_hidden;
use lists::secrets_of_lists_stay_hidden;
use operators::{secrets_of_bindings_stay_hidden, secrets_of_operators_stay_hidden};
use vendors::{secrets_of_token_endpoints_stay_hidden, secrets_of_vendors_stay_hidden};
use watch::{LOGS, MARK, Watch};

#[tokio::test]
async fn secrets_are_never_logged_or_answered() {
    LazyLock::force(&LOGS);
    let mut watch = Watch::new();
    watch.secret(MARK);
    for secret in [
        passport::ACTIVE_ACCESS_TOKEN,
        tibco_asg::REFRESH_TOKEN,
        "619307e5-8e20-4997-9045-c083c123e04f",
        "Nn5Pt2eO",
        apigee::CONSUMER_SECRET,
    ] {
        watch.secret(secret);
    }
    secrets_of_vendors_stay_hidden::<Passport>(&mut watch).await;
    secrets_of_vendors_stay_hidden::<TibcoAsg>(&mut watch).await;
    secrets_of_vendors_stay_hidden::<Apigee>(&mut watch).await;
    secrets_of_vendors_stay_hidden::<Rfc7662>(&mut watch).await;
    secrets_of_clients_stay_hidden(&mut watch).await;
    secrets_of_token_endpoints_stay_hidden(&mut watch).await;
    secrets_of_lists_stay_hidden::<Passport>(&mut watch).await;
    secrets_of_lists_stay_hidden::<TibcoAsg>(&mut watch).await;
    secrets_of_lists_stay_hidden::<Apigee>(&mut watch).await;
    secrets_of_operators_stay_hidden::<Passport>(&mut watch).await;
    secrets_of_operators_stay_hidden::<TibcoAsg>(&mut watch).await;
    secrets_of_operators_stay_hidden::<Apigee>(&mut watch).await;
    secrets_of_operators_stay_hidden::<Rfc7662>(&mut watch).await;
    secrets_of_bindings_stay_hidden(&mut watch).await;
    watch.assert_nothing_is_out();

    // All this was logged, though, and for an operator to understand.
    for log in [LOGS.json.text(), LOGS.human.text()] {
        for line in [
            "provider answered",
            "provider request failed",
            "the provider refused our credentials with status 401",
            "refused a request",
            "renewed our credential",
            "could not renew our credential",
            "operator request completed",
        ] {
            assert!(log.contains(line), "{line}");
        }
    }
    let audited = watch.audited();
    for event in [
        "refused",
        "looked_up",
        "listed",
        "revoked",
        "purged",
        "bound",
        "issued",
        "explained",
    ] {
        assert!(audited.iter().any(|line| line["event"] == event), "{event}");
    }
}

/// Libraries below us write what they send and receive. That none of it is logged is the filter's
/// doing, and not their reticence.
#[tokio::test]
async fn traces_of_libraries_are_filtered_out() {
    const LEAK: &str = "what-a-library-received-27182818";
    LazyLock::force(&LOGS);
    tracing::trace!(target: "hyper::proto::h1", body = LEAK, "received");
    tracing::debug!(target: "h2::codec", "sent {LEAK}");
    tracing::info!(target: "rustls::client", "{LEAK}");
    tracing::info_span!(target: "hyper_util::client", "request", uri = LEAK)
        .in_scope(|| tracing::warn!(target: "introspectd_resolver", "within a library's span"));
    assert_eq!(LOGS.everything.text().matches(LEAK).count(), 4);
    for log in [LOGS.json.text(), LOGS.human.text()] {
        assert!(log.contains("within a library's span"));
        assert!(!log.contains(LEAK));
    }
}

/// A configuration is printed by `introspectd check`, and where something goes wrong.
#[test]
fn configuration_is_printed_without_secrets() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("introspectd.toml");
    let text = [
        format!("[callers.edge]\nsecret = {{ literal = \"{MARK}\" }}"),
        format!(
            "[providers.bank]\n{}",
            Passport::section("http://127.0.0.1:1")
        ),
        format!(
            "[providers.legacy]\n{}",
            TibcoAsg::section("http://127.0.0.1:1")
        ),
        format!(
            "[providers.apis]\n{}",
            Apigee::section("http://127.0.0.1:1")
        ),
        format!(
            "[providers.sso]\n{}",
            Rfc7662::section("http://127.0.0.1:1")
        ),
        "[providers.post]\nkind = \"rfc7662\"\nintrospection_endpoint = \"http://127.0.0.1:1\"\n\
             credentials = { type = \"client_secret_post\", client_id = \"c\", client_secret = { \
             env = \"MARK\" } }"
            .to_owned(),
        "[providers.grant]\nkind = \"passport\"\nbase_url = \"http://127.0.0.1:1\"\n\
             credentials = { type = \"client_credentials\", client_id = \"c\", client_secret = { \
             env = \"MARK\" } }"
            .to_owned(),
    ]
    .join("\n");
    let environment = HashMap::from([("MARK".to_owned(), MARK.to_owned())]);
    std::fs::write(&file, &text).unwrap();
    let (config, settings) = introspectd::Config::load(&file, &environment).unwrap();
    std::fs::write(&file, format!("{text}\nunheard_of = \"{MARK}\"\n")).unwrap();
    let problems = introspectd::Config::load(&file, &environment).unwrap_err();
    for printed in [
        format!("{config:#?}"),
        format!("{settings:?}"),
        problems.to_string(),
    ] {
        for secret in [
            MARK,
            passport::BEARER,
            tibco_asg::CLIENT_SECRET,
            apigee::PASSWORD,
            rfc7662::CLIENT_SECRET,
            basic(rfc7662::CLIENT_ID, rfc7662::CLIENT_SECRET).trim_start_matches("Basic "),
        ] {
            assert!(!printed.contains(secret), "{secret} in {printed}");
        }
    }
}
