//! The page of GitHub, from nothing to a decision of nginx: `docs/providers/github.md`.

use std::collections::HashMap;
use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, UNIX_EPOCH};

use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http_body_util::Full;
use introspectd_core::{Clock, SystemClock};
use introspectd_simulators::github::{
    ACTIVE, CLIENT_SECRET, ENDLESS, GitHub, OF_ANOTHER, REVOKED, STALE, UNKNOWN,
};
use introspectd_simulators::{Answer, Fault, Simulator};
use introspectd_tests::{Gateway, Process, Reply, basic, form_body, free_address};
use tempfile::TempDir;

use crate::application::{Application, Received};
use crate::client::{Request, exchange};
use crate::harness::{INTROSPECTD, SECRET, readdressed};
use crate::nginx;
use crate::page::Page;

const PAGE: &str = "../providers/github.md";
const OPS_SECRET: &str = "ops-secret-of-the-page";

/// nginx, introspectd and GitHub as the page describes them.
struct Walk {
    github: Simulator<GitHub>,
    introspectd: Gateway,
    application: Application,
    address: SocketAddr,
    _nginx: Process,
    _folder: TempDir,
}

impl Walk {
    async fn open() -> Self {
        let mut files = Page::read(PAGE).files();
        let folder = tempfile::tempdir().unwrap();
        let now = SystemClock::default().now().seconds();
        let start = UNIX_EPOCH + Duration::from_secs(now.unsigned_abs());
        let github = Simulator::start(GitHub::new(start)).await.unwrap();
        let application = Application::start();

        let toml = files.take(INTROSPECTD);
        let toml = toml.replace("https://api.github.com", &github.base_url());
        let toml = ["127.0.0.1:8080", "127.0.0.1:9090"]
            .iter()
            .fold(toml, |toml, address| toml.replace(address, "127.0.0.1:0"));
        let toml = toml.replace(
            "[providers.github]\n",
            "[providers.github]\ntimeout = \"60s\"\nretry = \"off\"\n",
        );
        let environment: HashMap<_, _> = [
            ("EDGE_SECRET", SECRET),
            ("OPS_SECRET", OPS_SECRET),
            ("GITHUB_SECRET", CLIENT_SECRET),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into();
        let introspectd = Gateway::start_in(&environment, &toml).await;
        introspectd.clock().set(now);

        let address = free_address();
        let text = files.take("nginx.conf");
        let text = [
            (8000, address),
            (8080, introspectd.api()),
            (3000, application.address()),
        ]
        .iter()
        .fold(text, |text, (shown, real)| {
            readdressed(&text, *shown, real.port())
        });
        let text = nginx::at_home(text, folder.path());
        fs::write(folder.path().join("nginx.conf"), text).unwrap();
        let nginx = Process::start(nginx_in(folder.path()), folder.path(), address).await;
        Self {
            github,
            introspectd,
            application,
            address,
            _nginx: nginx,
            _folder: folder,
        }
    }

    async fn send(&self, request: Request) -> Reply {
        exchange(self.address, &request).await.expect("an answer")
    }

    async fn show(&self, token: &str) -> Reply {
        self.send(Request::get("/").bearer(token)).await
    }

    async fn revoke(&self, token: &str) -> Reply {
        let url = format!("http://{}/revoke", self.introspectd.api());
        let request = http::Request::post(url)
            .header(AUTHORIZATION, basic("ops", OPS_SECRET))
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded");
        let form = form_body(&[("token", token)]);
        let request = request.body(Full::from(form)).unwrap();
        self.introspectd.send(request).await
    }
}

fn nginx_in(folder: &Path) -> Command {
    let mut nginx = Command::new("nginx");
    nginx
        .args(["-g", "daemon off;", "-c"])
        .arg(folder.join("nginx.conf"));
    nginx
}

#[track_caller]
fn assert_refused(reply: &Reply, status: u16, error: &str) {
    assert_eq!(reply.status, status, "{reply:?}");
    assert_eq!(reply.json()["error"], error, "{reply:?}");
}

#[tokio::test]
async fn github_token_passes_nginx_by_the_page_alone() {
    let walk = Walk::open().await;
    for token in [ACTIVE, ENDLESS] {
        let received = Received::told_by(&walk.show(token).await);
        assert_eq!(received.all("x-auth-subject"), ["1"]);
        assert_eq!(received.all("x-auth-username"), ["octocat"]);
        assert_eq!(received.all("x-auth-scope"), ["public_repo user"]);
        assert_eq!(received.all("x-auth-provider"), ["github"]);
    }
    let before = walk.application.requests();
    for token in [UNKNOWN, REVOKED, STALE, OF_ANOTHER, "not-of-github"] {
        assert_refused(&walk.show(token).await, 401, "invalid_token");
    }
    assert_refused(&walk.send(Request::get("/")).await, 401, "missing_token");
    assert_eq!(walk.application.requests(), before);
}

#[tokio::test]
async fn github_token_without_the_scope_is_refused_by_the_page() {
    let walk = Walk::open().await;
    let mut record = walk.github.vendor().record(ACTIVE).unwrap();
    record["scopes"] = serde_json::json!([]);
    walk.github.next(Fault::Answer(Answer::json(200, record)));
    assert_refused(&walk.show(ACTIVE).await, 403, "insufficient_scope");
}

#[tokio::test]
async fn github_that_refuses_our_secret_or_is_down_lets_nobody_in() {
    let walk = Walk::open().await;
    let refusal = Answer::json(401, serde_json::json!({"message": "Bad credentials"}));
    walk.github.next(Fault::Answer(refusal));
    assert_refused(&walk.show(ACTIVE).await, 503, "upstream_error");
    walk.github.stop();
    assert_refused(&walk.show(ACTIVE).await, 503, "temporarily_unavailable");
    assert_eq!(walk.application.requests(), 0);
}

#[tokio::test]
async fn github_token_is_refused_by_nginx_once_it_was_revoked() {
    let walk = Walk::open().await;
    assert_eq!(walk.show(ACTIVE).await.status, 200);
    assert_eq!(walk.revoke(ACTIVE).await.status, 200);
    assert_refused(&walk.show(ACTIVE).await, 401, "invalid_token");
    assert_eq!(walk.github.requests().last().unwrap().method, "DELETE");
}

/// Both pages show the same file, but for the policy.
#[test]
fn configuration_of_nginx_is_that_of_its_own_page() {
    let file = |page| Page::read(page).files().take("nginx.conf");
    let shown = file("nginx.md").replace("/forward-auth/orders", "/forward-auth/github");
    assert_eq!(file(PAGE), shown);
}
