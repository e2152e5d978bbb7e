//! Endpoints that are found by the server's metadata.

use std::time::Duration;

use introspectd_core::{Failure, Health, Outage, Provider as _, TokenValue};
use introspectd_simulators::{Fault, Simulator};
use introspectd_test_log::{Level, Log};
use serde_json::{Value, json};

use crate::harness::{Provider, Server, read, targets};

const OAUTH: &str = "/.well-known/oauth-authorization-server/t";
const OPENID: &str = "/t/.well-known/openid-configuration";

fn toml(issuer: &str) -> String {
    format!(
        "issuer = \"{issuer}\"\ndiscover = true\ncredentials = {{ type = \"none\" }}\n\
         retry = \"off\"\n"
    )
}

fn metadata(issuer: &str, base_url: &str) -> Value {
    json!({"issuer": issuer, "introspection_endpoint": format!("{base_url}/found/?a=B")})
}

/// Server with the issuer `…/t`, and a provider that discovers it.
async fn issuer() -> (Simulator<Server>, String) {
    let server = Server::start().await;
    let issuer = format!("{}/t", server.base_url());
    (server, issuer)
}

#[tokio::test]
async fn endpoint_of_either_document_is_asked_byte_for_byte() {
    for place in [OAUTH, OPENID] {
        let (server, issuer) = issuer().await;
        let document = metadata(&issuer, &server.base_url());
        server.vendor().publish(place, document);
        let provider = Provider::new(&toml(&issuer));
        assert!(provider.is_active().await, "{place}");
        assert_eq!(targets(&server, "POST"), ["/found/?a=B"]);
        assert_eq!(provider.rfc7662.health(), Health::Good);
    }
}

#[tokio::test]
async fn openid_metadata_has_what_the_other_leaves_out() {
    let (server, issuer) = issuer().await;
    server.vendor().publish(OAUTH, json!({"issuer": issuer}));
    server
        .vendor()
        .publish(OPENID, metadata(&issuer, &server.base_url()));
    assert!(Provider::new(&toml(&issuer)).is_active().await);
}

#[tokio::test]
async fn metadata_of_another_issuer_is_not_used() {
    let log = Log::start(Level::WARN);
    let (server, issuer) = issuer().await;
    let other = format!("{issuer}/");
    for place in [OAUTH, OPENID] {
        server
            .vendor()
            .publish(place, metadata(&other, &server.base_url()));
    }
    let provider = Provider::new(&toml(&issuer));
    assert!(provider.has_no_metadata().await);
    assert_eq!(provider.rfc7662.health(), Health::Failing);
    assert_eq!(targets(&server, "POST"), [""; 0]);
    assert!(log.text().contains("the metadata is of another issuer"));
}

#[tokio::test]
async fn reason_is_that_of_the_document_that_says_most() {
    const OTHER: &str = "the metadata is of another issuer";
    for (document, reason) in [
        (Some(json!({"issuer": "https://other.example"})), OTHER),
        (Some(json!({})), "the introspection_endpoint is missing"),
        (None, "404"),
    ] {
        let log = Log::start(Level::WARN);
        let (server, issuer) = issuer().await;
        if let Some(mut document) = document {
            if document.get("issuer").is_none() {
                document["issuer"] = json!(issuer);
            }
            server.vendor().publish(OAUTH, document);
        }
        assert!(Provider::new(&toml(&issuer)).has_no_metadata().await);
        let text = log.text();
        let line = text.lines().find(|line| line.contains("cannot fetch"));
        let line = line.unwrap();
        assert!(line.contains(reason) && line.contains(&issuer), "{line}");
        assert_eq!(line.contains(OTHER), reason == OTHER, "{line}");
    }
}

#[tokio::test]
async fn endpoint_that_would_show_tokens_to_the_network_is_not_asked() {
    let (server, issuer) = issuer().await;
    let document = json!({"issuer": issuer, "introspection_endpoint": "http://as.example/i"});
    server.vendor().publish(OAUTH, document);
    assert!(Provider::new(&toml(&issuer)).has_no_metadata().await);
}

#[tokio::test]
async fn missing_metadata_is_fetched_at_most_once_in_ten_seconds() {
    let (server, issuer) = issuer().await;
    let provider = Provider::new(&toml(&issuer));
    for _ in 0..5 {
        assert!(provider.has_no_metadata().await);
    }
    assert_eq!(targets(&server, "GET"), [OAUTH, OPENID]);
    provider.clock.advance(9);
    let Err(Failure::Unavailable {
        outage: Outage::NoMetadata,
        retry_after,
    }) = provider.ask().await
    else {
        panic!("it is not known")
    };
    assert_eq!(retry_after, Some(Duration::from_secs(1)));
    server
        .vendor()
        .publish(OPENID, metadata(&issuer, &server.base_url()));
    provider.clock.advance(1);
    assert!(provider.is_active().await);
    assert_eq!(targets(&server, "GET"), [OAUTH, OPENID, OAUTH, OPENID]);
}

#[tokio::test]
async fn metadata_is_kept_while_a_fetch_fails_and_replaced_by_the_next() {
    let (server, issuer) = issuer().await;
    server
        .vendor()
        .publish(OAUTH, metadata(&issuer, &server.base_url()));
    let provider = Provider::new(&toml(&issuer));
    assert!(provider.is_active().await);
    let pass = async |server: &Simulator<Server>| {
        let before = targets(server, "GET").len();
        provider.clock.advance(3600);
        tokio::time::pause();
        tokio::time::sleep(Duration::from_secs(3600)).await;
        tokio::time::resume();
        while targets(server, "GET").len() < before + 1 {
            tokio::task::yield_now().await;
        }
    };
    server
        .vendor()
        .publish(OAUTH, json!({"issuer": "https://evil.example"}));
    pass(&server).await;
    assert!(provider.is_active().await);
    let mut moved = metadata(&issuer, &server.base_url());
    moved["introspection_endpoint"] = json!(format!("{}/moved", server.base_url()));
    server.vendor().publish(OAUTH, moved);
    pass(&server).await;
    while !targets(&server, "POST").contains(&"/moved".to_owned()) {
        assert!(provider.is_active().await);
    }
}

#[tokio::test]
async fn hanging_metadata_holds_up_no_start_and_is_an_outage() {
    let (server, issuer) = issuer().await;
    server.always(Fault::Hang);
    let provider = Provider::new(&format!("{}timeout = \"50ms\"\n", toml(&issuer)));
    assert!(provider.has_no_metadata().await);
}

#[tokio::test]
async fn revocation_is_offered_once_the_metadata_names_it() {
    let (server, issuer) = issuer().await;
    let mut document = metadata(&issuer, &server.base_url());
    document["revocation_endpoint"] = json!(format!("{}/r", server.base_url()));
    server.vendor().publish(OAUTH, document);
    let provider = Provider::new(&toml(&issuer));
    assert!(provider.is_active().await);
    let token = TokenValue::parse("t".to_owned()).unwrap();
    let revocation = provider.rfc7662.revocation().unwrap();
    revocation.revoke(&token).await.unwrap();
    assert_eq!(targets(&server, "POST"), ["/found/?a=B", "/r"]);
}

#[tokio::test]
async fn configured_revocation_comes_first_unless_it_would_introspect() {
    for (configured, can_revoke) in [("/own", true), ("/found?a=B", false)] {
        let (server, issuer) = issuer().await;
        let base_url = server.base_url();
        server.vendor().publish(OAUTH, metadata(&issuer, &base_url));
        let revocation = format!("revocation_endpoint = \"{base_url}{configured}\"\n");
        let provider = Provider::new(&format!("{}{revocation}", toml(&issuer)));
        assert!(provider.is_active().await);
        let token = TokenValue::parse("t".to_owned()).unwrap();
        let Some(revocation) = provider.rfc7662.revocation() else {
            assert!(!can_revoke, "{configured}");
            continue;
        };
        revocation.revoke(&token).await.unwrap();
        assert_eq!(targets(&server, "POST"), ["/found/?a=B", configured]);
    }
}

#[tokio::test]
async fn way_to_authenticate_that_is_not_listed_is_a_warning() {
    let log = Log::start(Level::WARN);
    let (server, issuer) = issuer().await;
    let mut document = metadata(&issuer, &server.base_url());
    document["introspection_endpoint_auth_methods_supported"] = json!(["private_key_jwt", "x\ny"]);
    server.vendor().publish(OAUTH, document);
    let provider = Provider::new(&toml(&issuer));
    assert!(provider.is_active().await);
    let text = log.text();
    assert!(
        text.contains("does not list our way to authenticate")
            && text.contains("supported=\"private_key_jwt\""),
        "{text}"
    );
}

#[test]
fn discovery_needs_an_issuer_and_no_endpoint() {
    let problem = |toml: &str| {
        let problems = read(toml).map(|_| ()).unwrap_err();
        assert!(problems.iter().all(|problem| !problem.remedy.is_empty()));
        (problems[0].key.clone(), problems[0].what.clone())
    };
    let told = |key: &str, what: &str| (key.to_owned(), what.to_owned());
    let undiscoverable = "is no https URL, below which its metadata could be found";
    let open = toml("http://as.example");
    assert_eq!(problem(&open), told("issuer", undiscoverable));
    assert_eq!(problem(&toml("urn:x")), told("issuer", undiscoverable));
    let without = toml("x").replace("issuer = \"x\"\n", "");
    assert_eq!(problem(&without), told("issuer", "is missing"));
    let both = format!("{}introspection_endpoint = \"https://as.example/i\"\n", {
        toml("http://127.0.0.1:1")
    });
    let beside = told("introspection_endpoint", "is there beside discover = true");
    assert_eq!(problem(&both), beside);
}
