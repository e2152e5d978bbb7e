//! The page for newcomers, with the server that it starts.

use std::collections::HashMap;
use std::fs;
use std::process::Command;

use http::Request;
use http::header::AUTHORIZATION;
use http_body_util::Full;
use introspectd_core::{Clock, SystemClock};
use introspectd_tests::{Gateway, Process, Reply, basic, form_body, free_address};
use serde_json::json;
use tempfile::TempDir;

use crate::page;
use crate::peer::Peer;
use crate::program::{self, run};

const PAGE: &str = "../first-steps.md";
const EDGE: &str = "edge-secret-to-change";

async fn get(gateway: &Gateway, url: &str, token: Option<&str>) -> Reply {
    let mut request = Request::get(url);
    if let Some(token) = token {
        request = request.header(AUTHORIZATION, format!("Bearer {token}"));
    }
    gateway.send(request.body(Full::default()).unwrap()).await
}

async fn post(gateway: &Gateway, url: &str, authorization: &str, form: &[(&str, &str)]) -> Reply {
    let request = Request::post(url)
        .header(AUTHORIZATION, authorization)
        .header("content-type", "application/x-www-form-urlencoded");
    gateway
        .send(request.body(Full::from(form_body(form))).unwrap())
        .await
}

/// Runs the page's own command in a folder, and returns what it prints.
async fn try_out(folder: &TempDir, server: &str, token: &str) -> String {
    fs::write(folder.path().join("token.txt"), format!("{token}\n")).unwrap();
    let line = page::block(PAGE, "sh try").replace("http://127.0.0.1:3000", server);
    let mut shell = Command::new("/bin/sh");
    shell
        .args(["-c", &line])
        .current_dir(folder.path())
        .env_clear()
        .env("PATH", program::folder());
    let tried = run(&mut shell, folder, "").await;
    let report = String::from_utf8(tried.stderr).unwrap();
    assert!(
        tried.status.success() && report.contains("\nactive for another "),
        "{report}"
    );
    String::from_utf8(tried.stdout).unwrap()
}

#[tokio::test]
async fn first_steps_lead_to_a_cached_answer_through_nginx() {
    let peer = Peer::node("oidc-provider", "server.mjs", json!({})).await;
    let server = format!("http://127.0.0.1:{}", peer.port);

    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("op.secret"), "s3cr:t/+ %&").unwrap();
    let grant = [
        ("grant_type", "client_credentials"),
        ("scope", "orders.read"),
    ];
    let toml = page::section(PAGE)
        .replace("127.0.0.1:8080", "127.0.0.1:0")
        .replace("127.0.0.1:9090", "127.0.0.1:0")
        .replace("http://127.0.0.1:3000", &server)
        .replacen("kind ", "timeout = \"60s\"\nkind ", 1);
    let secret = folder.path().join("op.secret");
    let toml = toml.replace("\"op.secret\"", &format!("{secret:?}"));
    let environment: HashMap<_, _> = [("EDGE_SECRET".to_owned(), EDGE.to_owned())].into();
    let gateway = Gateway::start_in(&environment, &toml).await;
    gateway.clock().set(SystemClock::default().now().seconds());

    let minted = post(
        &gateway,
        &format!("{server}/token"),
        &basic("app", "app-secret"),
        &grant,
    )
    .await
    .json();
    let token = minted["access_token"].as_str().unwrap();
    let printed = try_out(&folder, &server, token).await;
    // What the page shows is what its command prints.
    let shown = toml
        .split_once("[providers.op]")
        .unwrap()
        .1
        .replace("timeout = \"60s\"\n", "");
    let printed = printed.replace(
        "# Read off one token: widen it if others look different.\n",
        "",
    );
    assert_eq!(printed.trim(), format!("[providers.op]{shown}").trim());

    let front = free_address();
    let application = free_address();
    let conf = page::block(PAGE, "nginx nginx.conf")
        .replace("127.0.0.1:8000", &front.to_string())
        .replace("127.0.0.1:3001", &application.to_string())
        .replace("127.0.0.1:8080", &gateway.api().to_string())
        .replace("error_log stderr;", "error_log error.log;");
    // Where root runs the test, nginx's workers are another user, who may not enter its folder.
    let conf = format!("user root;\n{conf}");
    fs::write(folder.path().join("nginx.conf"), conf).unwrap();
    let mut nginx = Command::new("nginx");
    nginx
        .arg("-p")
        .arg(folder.path())
        .args(["-c", "nginx.conf", "-e", "error.log"]);
    let _nginx = Process::start(nginx, folder.path(), front).await;

    let url = format!("http://{front}/");
    for _ in 0..2 {
        let passed = get(&gateway, &url, Some(token)).await;
        assert_eq!(
            (passed.status, &*passed.body),
            (200, &b"hello, app\n"[..]),
            "{passed:?}"
        );
    }
    let introspect = format!("http://{}/introspect", gateway.api());
    let cached = post(
        &gateway,
        &introspect,
        &basic("edge", EDGE),
        &[("token", token)],
    )
    .await;
    assert_eq!(
        cached.cache(),
        Some("hit"),
        "what nginx asked is cached: {cached:?}"
    );

    assert_eq!(get(&gateway, &url, None).await.status, 401);
    let made_up: String = token.chars().rev().collect();
    assert_eq!(get(&gateway, &url, Some(&made_up)).await.status, 401);
    let grant = [
        ("grant_type", "client_credentials"),
        ("scope", "orders.write"),
    ];
    let other = post(
        &gateway,
        &format!("{server}/token"),
        &basic("app", "app-secret"),
        &grant,
    )
    .await
    .json();
    let lacking = other["access_token"].as_str();
    assert_eq!(get(&gateway, &url, lacking).await.status, 403);
}
