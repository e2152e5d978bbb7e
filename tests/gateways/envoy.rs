use std::path::Path;
use std::process::Command;

use crate::client::Request;
use crate::edge::{Answer, Edge, Refusal};
use crate::harness::{Harness, INTROSPECTD, SECRET};
use crate::page::Files;
use crate::scenarios::instantiate;
use crate::tokens::{GOOD, LACKS_SCOPE};

/// Envoy with gRPC checks.
struct Envoy;

/// Asks over HTTP, with the other file of the same page.
struct EnvoyOverHttp;

impl Edge for Envoy {
    const PAGE: &'static str = "envoy.md";
    const PLACES: &'static [&'static str] = &["/run/introspectd/"];
    const ANSWERS_PREFLIGHTS: bool = true;

    fn command(folder: &Path) -> Command {
        envoy(&folder.join("envoy.yaml"))
    }

    fn over_tls(files: &mut Files) {
        over_tls(files, "envoy.yaml");
    }

    fn hurry(files: &mut Files) {
        files.replace("envoy.yaml", "timeout: 5s", "timeout: 0.2s");
    }

    fn answer(refusal: Refusal) -> Answer {
        if matches!(
            refusal,
            Refusal::IntrospectdDown | Refusal::IntrospectdSilent
        ) {
            return Answer::bare(503);
        }
        refusal.by_introspectd()
    }
}

impl Edge for EnvoyOverHttp {
    const PAGE: &'static str = Envoy::PAGE;
    const PLACES: &'static [&'static str] = Envoy::PLACES;
    const ANSWERS_PREFLIGHTS: bool = true;

    fn command(folder: &Path) -> Command {
        envoy(&folder.join("envoy-http.yaml"))
    }

    fn over_tls(files: &mut Files) {
        over_tls(files, "envoy-http.yaml");
    }

    fn hurry(files: &mut Files) {
        files.replace("envoy-http.yaml", "timeout: 5s", "timeout: 0.2s");
    }

    /// Drops the details of a 5xx, which Envoy does not forward.
    fn answer(refusal: Refusal) -> Answer {
        let over_grpc = Envoy::answer(refusal);
        if over_grpc.status >= 500 {
            Answer::bare(503)
        } else {
            over_grpc
        }
    }
}

fn over_tls(files: &mut Files, file: &str) {
    let chain = "      filter_chains:\n        - filters:\n";
    let tls = r#"      filter_chains:
        - transport_socket:
            name: envoy.transport_sockets.tls
            typed_config:
              "@type": type.googleapis.com/KIND
              common_tls_context:
                tls_certificates:
                  - certificate_chain: { filename: /run/introspectd/server.pem }
                    private_key: { filename: /run/introspectd/server.pem }
                validation_context:
                  trusted_ca: { filename: /run/introspectd/clients.pem }
                  trust_chain_verification: ACCEPT_UNTRUSTED
          filters:
"#;
    let kind = "envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext";
    files.replace(file, chain, &tls.replace("KIND", kind));
}

fn envoy(file: &Path) -> Command {
    let mut envoy = Command::new("envoy");
    // By itself it takes a place in shared memory that there is once on a machine.
    envoy
        .args([
            "--disable-hot-restart",
            "--concurrency",
            "1",
            "--log-level",
            "warning",
            "-c",
        ])
        .arg(file);
    envoy
}

mod over_grpc {
    super::instantiate!(super::Envoy);

    #[tokio::test]
    async fn bound_token_needs_a_proof_of_the_very_request() {
        crate::bound::bound_token_needs_a_proof_of_the_very_request::<super::Envoy>().await;
    }

    #[tokio::test]
    async fn certificate_in_a_header_of_the_client_is_none() {
        crate::bound::certificate_in_a_header_of_the_client_is_none::<super::Envoy>().await;
    }

    #[tokio::test]
    async fn certificate_of_the_connection_is_the_proof() {
        crate::bound::certificate_of_the_connection_is_the_proof::<super::Envoy>().await;
    }

    super::instantiate!(super::Envoy: no_other_header_of_that_name_reaches_the_application);
}

mod over_http {
    super::instantiate!(super::EnvoyOverHttp);
    super::instantiate!(super::EnvoyOverHttp: no_other_header_of_that_name_reaches_the_application);
}

#[tokio::test]
async fn configuration_mistake_lets_nothing_pass() {
    for (written, mistaken, status) in [
        (SECRET, "another-secret", 401),
        ("{ context_extensions: { policy: orders } }", "{}", 403),
        ("policy: orders", "policy: ordres", 404),
        ("port_value: 8081", "port_value: 8080", 503),
    ] {
        let harness =
            Harness::<Envoy>::open_with(|files| files.replace("envoy.yaml", written, mistaken))
                .await;
        let reply = harness.send(Request::get("/orders").bearer(GOOD)).await;
        assert_eq!(
            (reply.status, harness.application.requests()),
            (status, 0),
            "{mistaken}"
        );
    }
}

/// `failure_mode_allow` is about errors of introspectd's, which a message that it cannot read is
/// none of.
#[tokio::test]
async fn unreadable_message_allows_nothing_even_with_failure_mode_allow() {
    let harness = Harness::<Envoy>::open_with(|files| {
        files.replace(
            "envoy.yaml",
            "failure_mode_allow: false",
            "failure_mode_allow: true",
        );
        let wide = "stat_prefix: api\n                max_request_headers_kb: 96";
        files.replace("envoy.yaml", "stat_prefix: api", wide);
    });
    let harness = harness.await;
    let request = Request::get("/orders")
        .bearer(GOOD)
        .header("x-auth-padding", "a".repeat(80 * 1024));
    let reply = harness.send(request).await;
    assert_eq!((reply.status, harness.application.requests()), (413, 0));
    harness.pass(Request::get("/orders").bearer(GOOD)).await;
}

#[tokio::test]
async fn envoy_metadata_contains_the_claims() {
    let harness = Harness::<Envoy>::open_with(|files| {
        let hosts = "                      domains: [\"*\"]\n";
        let header =
            "{ key: x-roles, value: \"%DYNAMIC_METADATA(envoy.filters.http.ext_authz:roles)%\" }";
        let shown = format!(
            "{hosts}                      request_headers_to_add: [ {{ header: {header} }} ]\n"
        );
        files.replace("envoy.yaml", hosts, &shown);
    });
    let received = harness
        .await
        .pass(Request::get("/orders").bearer(GOOD))
        .await;
    assert_eq!(received.all("x-roles"), [r#"["clerk","buyer"]"#]);
}

/// The mistake that the page warns of: the client's own path names the policy.
#[tokio::test]
async fn confined_caller_gets_its_own_policy_only() {
    let harness = Harness::<EnvoyOverHttp>::open_with(|files| {
        files.replace(
            "envoy-http.yaml",
            "path_prefix: /forward-auth/orders",
            "path_prefix: /forward-auth",
        );
        files.append(INTROSPECTD, "\n[policies.lax]\n");
    });
    let harness = harness.await;
    let reply = harness.send(Request::get("/lax").bearer(LACKS_SCOPE)).await;
    assert_eq!((reply.status, harness.application.requests()), (403, 0));
    harness.pass(Request::get("/orders").bearer(GOOD)).await;
}
