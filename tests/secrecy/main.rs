//! What must never be written anywhere: tokens, credentials, and what vendors keep beside them.
//!
//! A test binary of its own, since it listens to everything that this process traces: the gateways, their
//! HTTP libraries, and the simulators and clients as well.

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

use clients::whatever_a_client_does;
use lists::whatever_a_list_holds;
use operators::{whatever_a_binding_is, whatever_an_operator_asks};
use vendors::{whatever_a_token_endpoint_does, whatever_a_vendor_does};
use watch::{LOGS, MARK, Watch};

#[tokio::test]
async fn nothing_secret_is_logged_or_answered() {
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
    whatever_a_vendor_does::<Passport>(&mut watch).await;
    whatever_a_vendor_does::<TibcoAsg>(&mut watch).await;
    whatever_a_vendor_does::<Apigee>(&mut watch).await;
    whatever_a_vendor_does::<Rfc7662>(&mut watch).await;
    whatever_a_client_does(&mut watch).await;
    whatever_a_token_endpoint_does(&mut watch).await;
    whatever_a_list_holds::<Passport>(&mut watch).await;
    whatever_a_list_holds::<TibcoAsg>(&mut watch).await;
    whatever_a_list_holds::<Apigee>(&mut watch).await;
    whatever_an_operator_asks::<Passport>(&mut watch).await;
    whatever_an_operator_asks::<TibcoAsg>(&mut watch).await;
    whatever_an_operator_asks::<Apigee>(&mut watch).await;
    whatever_an_operator_asks::<Rfc7662>(&mut watch).await;
    whatever_a_binding_is(&mut watch).await;
    watch.assert_nothing_is_out();

    // All this was logged, though, and for an operator to understand.
    for log in [LOGS.json.text(), LOGS.human.text()] {
        for line in [
            "the provider answered",
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
    for event in ["refused", "looked_up", "listed", "revoked", "purged", "bound", "issued", "explained"] {
        assert!(audited.iter().any(|line| line["event"] == event), "{event}");
    }
}

/// Libraries below us write what they send and receive. That none of it is logged is the filter's doing,
/// and not their reticence.
#[tokio::test]
async fn what_libraries_trace_is_kept_out_by_the_filter() {
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
fn a_configuration_prints_without_its_secrets() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("introspectd.toml");
    let text = [
        format!("[callers.edge]\nsecret = {{ literal = \"{MARK}\" }}"),
        format!("[providers.bank]\n{}", Passport::section("http://127.0.0.1:1")),
        format!("[providers.legacy]\n{}", TibcoAsg::section("http://127.0.0.1:1")),
        format!("[providers.apis]\n{}", Apigee::section("http://127.0.0.1:1")),
        format!("[providers.sso]\n{}", Rfc7662::section("http://127.0.0.1:1")),
        "[providers.post]\nkind = \"rfc7662\"\nintrospection_endpoint = \"http://127.0.0.1:1\"\n\
             credentials = { type = \"client_secret_post\", client_id = \"c\", client_secret = { env = \"MARK\" } }"
            .to_owned(),
        "[providers.grant]\nkind = \"passport\"\nbase_url = \"http://127.0.0.1:1\"\n\
             credentials = { type = \"client_credentials\", client_id = \"c\", client_secret = { env = \"MARK\" } }"
            .to_owned(),
    ]
    .join("\n");
    let environment = HashMap::from([("MARK".to_owned(), MARK.to_owned())]);
    std::fs::write(&file, &text).unwrap();
    let (config, settings) = introspectd::Config::load(&file, &environment).unwrap();
    std::fs::write(&file, format!("{text}\nunheard_of = \"{MARK}\"\n")).unwrap();
    let problems = introspectd::Config::load(&file, &environment).unwrap_err();
    for printed in [format!("{config:#?}"), format!("{settings:?}"), problems.to_string()] {
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
