use std::path::Path;
use std::process::Command;

use crate::client::Request;
use crate::edge::{Edge, Refusal};
use crate::harness::Harness;
use crate::page::Files;
use crate::scenarios::instantiate;
use crate::tokens::GOOD;

struct Haproxy;

const SCRIPT: &str = "introspectd.lua";

impl Edge for Haproxy {
    const PAGE: &'static str = "haproxy.md";
    const PLACES: &'static [&'static str] = &["/run/introspectd/", "/etc/haproxy/"];

    fn command(folder: &Path) -> Command {
        let mut haproxy = Command::new("haproxy");
        haproxy.args(["-db", "-f"]).arg(folder.join("haproxy.cfg"));
        haproxy
    }

    /// Keeps the user that runs the test, who can open its folder and socket.
    fn adapted(_: &str, text: String, _: &Path) -> String {
        let text = text.replace("    user  haproxy\n    group haproxy\n", "");
        text.replace("log  /dev/log local0", "log stderr format raw local0")
    }

    fn over_tls(files: &mut Files) {
        let bind = "    bind 127.0.0.1:8000\n";
        let tls = "    bind 127.0.0.1:8000 ssl crt /run/introspectd/server.pem \
            ca-file /run/introspectd/clients.pem verify optional \
            crt-ignore-err all ca-ignore-err all\n";
        files.replace("haproxy.cfg", bind, tls);
    }

    fn hurry(files: &mut Files) {
        files.replace(SCRIPT, "TIMEOUT = 3000", "TIMEOUT = 200");
    }
}

instantiate!(Haproxy);

#[tokio::test]
async fn bound_token_needs_a_proof_of_the_very_request() {
    crate::bound::bound_token_needs_a_proof_of_the_very_request::<Haproxy>().await;
}

#[tokio::test]
async fn certificate_in_a_header_of_the_client_is_none() {
    crate::bound::certificate_in_a_header_of_the_client_is_none::<Haproxy>().await;
}

#[tokio::test]
async fn certificate_of_the_connection_is_the_proof() {
    crate::bound::certificate_of_the_connection_is_the_proof::<Haproxy>().await;
}
instantiate!(Haproxy: no_other_header_of_that_name_reaches_the_application);

/// HAProxy goes on to the next rule when a script fails.
#[tokio::test]
async fn script_mistake_lets_nothing_pass() {
    for (before, mistake) in [
        ("    local headers = {", "error('x')\n"),
        ("    if answer.status == 200", "error('x')\n"),
        ("    if answer.status == 200", "answer = nil\n"),
        ("        txn:set_var(", "error('x')\n"),
        ("core.register_action(", "introspect = function() end\n"),
    ] {
        let harness = Harness::<Haproxy>::open_with(|files| {
            files.replace(SCRIPT, before, &format!("{mistake}{before}"));
        });
        harness
            .await
            .refuse(
                Request::get("/orders").bearer(GOOD),
                Refusal::IntrospectdDown,
            )
            .await;
    }
}
