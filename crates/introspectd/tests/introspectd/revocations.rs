//! Confirmed revocations over a restart, before providers that go on showing what they revoked.

use http::Request;
use http_body_util::Full;
use introspectd_simulators::passport;
use introspectd_simulators::rfc7662::ACTIVE;
use serde_json::json;
use tokio::net::TcpStream;

use crate::client::{Reply, ask_as_edge, basic, exchange};
use crate::program::Folder;
use crate::server::{BASE, Server};
use crate::vendors::{bank, bank_config, sso, sso_config};

const TRUSTED: &str = r#"
[callers.trusted]
secret = { literal = "trusted-secret" }
permissions = ["bind", "revoke"]
"#;

async fn send(server: &Server, method: &str, path: &str, media_type: &str, body: String) -> Reply {
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header("host", "introspectd")
        .header("authorization", basic("trusted", "trusted-secret"))
        .header("content-type", media_type)
        .body(Full::from(body))
        .unwrap();
    exchange(TcpStream::connect(server.api()).await.unwrap(), request).await
}

async fn revoke(server: &Server, token: &str) {
    let form = "application/x-www-form-urlencoded";
    let reply = send(server, "POST", "/revoke", form, format!("token={token}")).await;
    assert_eq!(reply.status, 200, "{reply:#?}");
}

async fn is_active(server: &Server, token: &str) -> bool {
    ask_as_edge(&server.api(), token).await.is_active()
}

#[tokio::test]
async fn a_confirmed_revocation_holds_after_a_kill() {
    let (bank, sso) = (bank().await, sso().await);
    bank.vendor().show_revoked();
    sso.vendor().show_revoked();
    let config = format!(
        "{BASE}{TRUSTED}[bindings]\npath = \"bindings.redb\"\n{}match = {{ regex = \
            \"^[0-9a-f]{{64}}$\" }}\n{}",
        bank_config(&bank),
        sso_config(&sso)
    );
    let mut server = Server::start_in(Folder::with_config(&config), &[]).await;
    let bound = [passport::ACTIVE_ACCESS_TOKEN.to_owned(), "0".repeat(64)];
    for token in &bound {
        let pair = json!({"token": token, "token_id": passport::ACTIVE}).to_string();
        let bindings = "/v1/providers/bank/bindings";
        assert_eq!(
            send(&server, "PUT", bindings, "application/json", pair)
                .await
                .status,
            204
        );
        assert!(is_active(&server, token).await);
    }
    assert!(is_active(&server, ACTIVE).await);
    revoke(&server, &bound[0]).await;
    revoke(&server, ACTIVE).await;
    // The second time it has no answer from before to go by.
    for _ in 0..2 {
        for token in bound.iter().map(String::as_str).chain([ACTIVE]) {
            assert!(!is_active(&server, token).await, "{token}");
        }
        server.signal(rustix::process::Signal::KILL);
        server.ended().await;
        server = Server::start_in(server.folder, &[]).await;
    }
    let file = std::fs::read(server.folder.path("bindings.redb")).unwrap();
    for secret in bound.iter().map(String::as_str).chain([ACTIVE]) {
        assert!(
            !file
                .windows(secret.len())
                .any(|part| part == secret.as_bytes())
        );
    }
}
