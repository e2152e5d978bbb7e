use std::path::Path;
use std::process::Command;

use crate::client::Request;
use crate::edge::{Answer, Edge, Refusal};
use crate::harness::{Harness, SECRET};
use crate::page::Files;
use crate::scenarios::instantiate;
use crate::tokens::GOOD;

struct Caddy;

impl Edge for Caddy {
    const PAGE: &'static str = "caddy.md";
    const PLACES: &'static [&'static str] = &["/run/introspectd/"];

    fn command(folder: &Path) -> Command {
        let mut caddy = Command::new("caddy");
        caddy
            .args(["run", "--config"])
            .arg(folder.join("Caddyfile"));
        // Where it keeps certificates, and a copy of its configuration.
        caddy
            .env("XDG_DATA_HOME", folder)
            .env("XDG_CONFIG_HOME", folder);
        caddy
    }

    fn over_tls(files: &mut Files) {
        let pem = "/run/introspectd/server.pem";
        let client_auth = "client_auth {\n\t\t\tmode request\n\t\t}\n";
        let tls = format!("\ttls {pem} {pem} {{\n\t\t{client_auth}\t}}\n");
        let site = format!("https://api.example:8000 {{\n{tls}");
        files.replace("Caddyfile", "http://:8000 {\n", &site);
        let quiet = "admin off\n\tauto_https disable_redirects\n";
        files.replace("Caddyfile", "admin off\n", quiet);
    }

    fn hurry(files: &mut Files) {
        files.replace(
            "Caddyfile",
            "response_header_timeout 5s",
            "response_header_timeout 200ms",
        );
    }

    fn answer(refusal: Refusal) -> Answer {
        if matches!(refusal, Refusal::IntrospectdDown) {
            return Answer::bare(502);
        }
        if matches!(refusal, Refusal::IntrospectdSilent) {
            return Answer::bare(504);
        }
        refusal.by_introspectd()
    }
}

instantiate!(Caddy);

#[tokio::test]
async fn bound_token_needs_a_proof_of_the_very_request() {
    crate::bound::bound_token_needs_a_proof_of_the_very_request::<Caddy>().await;
}

#[tokio::test]
async fn certificate_in_a_header_of_the_client_is_none() {
    crate::bound::certificate_in_a_header_of_the_client_is_none::<Caddy>().await;
}

#[tokio::test]
async fn certificate_of_the_connection_is_the_proof() {
    crate::bound::certificate_of_the_connection_is_the_proof::<Caddy>().await;
}
instantiate!(Caddy: no_other_header_of_that_name_reaches_the_application);

#[tokio::test]
async fn configuration_mistake_lets_nothing_pass() {
    for (written, mistaken, status) in [
        (SECRET, "another-secret", 401),
        ("/forward-auth/orders", "/forward-auth/default", 403),
        ("/forward-auth/orders", "/forward-auth/ordres", 404),
    ] {
        let harness =
            Harness::<Caddy>::open_with(|files| files.replace("Caddyfile", written, mistaken))
                .await;
        let reply = harness.send(Request::get("/orders").bearer(GOOD)).await;
        assert_eq!(
            (reply.status, harness.application.requests()),
            (status, 0),
            "{mistaken}"
        );
    }
}
