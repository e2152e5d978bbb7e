use std::net::TcpListener;

use introspectd_simulators::passport;
use introspectd_simulators::rfc7662::{ACTIVE, Rfc7662, UNKNOWN};
use introspectd_simulators::{Answer, Fault, Simulator};
use serde_json::Value;

use crate::asking::{Asking, page, url};
use crate::program::Folder;
use crate::server::Server;
use crate::vendors::{bank, bank_config, sso, sso_config};

/// A server with one provider, and that provider.
async fn server_and_sso() -> (Server, Simulator<Rfc7662>) {
    let sso = sso().await;
    (Server::start_with(&sso_config(&sso)).await, sso)
}

fn bare<'a>() -> Asking<'a> {
    Asking::new("lookup")
}

fn at(url: &str) -> Asking<'_> {
    bare().at(url)
}

#[tokio::test]
async fn an_active_token_is_0_and_printed() {
    let (server, _sso) = server_and_sso().await;
    let ended = at(&url(&server))
        .edge()
        .of(format!("{ACTIVE}\n"))
        .await
        .with(0);
    let printed: Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!(printed["active"], true);
    assert_eq!(printed["provider"], "sso");
    assert_eq!(ended.stderr, "");
    assert!(!ended.output().contains(ACTIVE));
}

#[tokio::test]
async fn an_inactive_token_is_1_and_printed() {
    let (server, _sso) = server_and_sso().await;
    for token in [UNKNOWN, "of-no-provider"] {
        let ended = at(&url(&server)).edge().of(token).await.with(1);
        assert_eq!(ended.stdout, "{\"active\":false}\n");
    }
}

#[tokio::test]
async fn refusal_is_1_with_the_servers_message() {
    let (server, sso) = server_and_sso().await;
    let url = url(&server);
    let wrong = at(&url)
        .env("INTROSPECTD_CALLER", "edge")
        .env("INTROSPECTD_SECRET", "wrong-secret");
    for lookup in [
        wrong,
        at(&url),
        at(&url).env("INTROSPECTD_SECRET", "wrong-secret"),
    ] {
        let ended = lookup.of(ACTIVE).await.with(1);
        assert!(
            ended.stderr.contains("401") && ended.stderr.contains("invalid_client"),
            "{}",
            ended.stderr
        );
        assert!(!ended.output().contains("wrong-secret"));
        assert_eq!(ended.stdout, "");
    }
    let ended = at(&url)
        .edge()
        .with(&["--provider", "nobody"])
        .of(ACTIVE)
        .await
        .with(1);
    assert!(ended.stderr.contains("invalid_request"), "{}", ended.stderr);
    assert_eq!(sso.count(), 0);
}

#[tokio::test]
async fn the_secret_alone_names_its_caller() {
    let (server, _sso) = server_and_sso().await;
    at(&url(&server))
        .env("INTROSPECTD_SECRET", "edge-secret")
        .of(ACTIVE)
        .await
        .with(0);
}

#[tokio::test]
async fn arguments_win_over_the_environment() {
    let (server, _sso) = server_and_sso().await;
    let url = url(&server);
    let lookup = at("http://127.0.0.1:1")
        .env("INTROSPECTD_CALLER", "nobody")
        .env("INTROSPECTD_SECRET", "wrong")
        .with(&[
            "--server",
            &url,
            "--caller",
            "edge",
            "--secret-file",
            "secret",
        ]);
    lookup.folder.write("secret", "edge-secret\n");
    lookup.of(ACTIVE).await.with(0);
}

#[tokio::test]
async fn a_secret_of_any_letters_arrives() {
    let sso = sso().await;
    let config = format!(
        "[listen]\napi = \"127.0.0.1:0\"\nadmin = \"127.0.0.1:0\"\n\
         [callers.\"the edge+1\"]\nsecret = {{ literal = \"p%41:+ \u{e9}&=/\" }}\n{}",
        sso_config(&sso)
    );
    let server = Server::start(&config).await;
    let url = url(&server);
    let lookup = at(&url).env("INTROSPECTD_CALLER", "the edge+1");
    lookup
        .env("INTROSPECTD_SECRET", "p%41:+ \u{e9}&=/")
        .of(ACTIVE)
        .await
        .with(0);
}

#[tokio::test]
async fn a_server_that_is_down_is_3() {
    let port = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let ended = at(&format!("http://{port}"))
        .edge()
        .of(ACTIVE)
        .await
        .with(3);
    assert!(ended.stderr.contains(&port.to_string()), "{}", ended.stderr);
    at("unix:/no/such.sock").edge().of(ACTIVE).await.with(3);
}

#[tokio::test]
async fn a_provider_that_is_down_is_3_and_not_inactive() {
    let (server, sso) = server_and_sso().await;
    let url = url(&server);
    sso.next(Fault::Answer(Answer::garbage()));
    let ended = at(&url).edge().of(ACTIVE).await.with(3);
    assert!(
        ended.stderr.contains("502") && ended.stderr.contains("upstream_error"),
        "{}",
        ended.stderr
    );
    sso.stop();
    let ended = at(&url).edge().of(ACTIVE).await.with(3);
    assert!(ended.stderr.contains("503"), "{}", ended.stderr);
    assert_eq!(ended.stdout, "");
}

#[tokio::test]
async fn other_servers_are_3() {
    let page = page().await;
    let ended = at(&page.base_url()).edge().of(ACTIVE).await.with(3);
    assert!(
        ended.stderr.contains("is this an introspectd server?"),
        "{}",
        ended.stderr
    );
}

#[tokio::test]
async fn a_token_id_needs_its_provider() {
    let ended = bare()
        .with(&["--token-id"])
        .of(passport::ACTIVE)
        .await
        .with(2);
    assert!(ended.stderr.contains("--provider"), "{}", ended.stderr);
}

#[tokio::test]
async fn a_token_id_is_looked_up() {
    let bank = bank().await;
    let server = Server::start_with(&bank_config(&bank)).await;
    let url = url(&server);
    let by_id = || at(&url).edge().with(&["--token-id", "--provider", "bank"]);
    let ended = by_id().of(format!("{}\n", passport::ACTIVE)).await.with(0);
    assert!(
        ended.stdout.contains(passport::ACTIVE),
        "an id may be shown: {}",
        ended.stdout
    );
    by_id().of(passport::UNKNOWN).await.with(1);
}

#[tokio::test]
async fn unsupported_operation_is_1() {
    let (server, _sso) = server_and_sso().await;
    let by_id = at(&url(&server))
        .edge()
        .with(&["--token-id", "--provider", "sso"])
        .of("x")
        .await
        .with(1);
    assert!(
        by_id.stderr.contains("501") && by_id.stderr.contains("unsupported"),
        "{}",
        by_id.stderr
    );
}

#[tokio::test]
async fn a_unix_socket_that_names_its_caller_needs_no_secret() {
    let sso = sso().await;
    let folder = Folder::new();
    let socket = format!("unix:{}", folder.path("api.sock").display());
    folder.write(
        "introspectd.toml",
        format!(
            "[listen]\napi = {{ address = {socket:?}, caller = \"sidecar\" }}\nadmin = \
                \"127.0.0.1:0\"\n\
             [callers.sidecar]\n{}",
            sso_config(&sso)
        ),
    );
    let _server = Server::start_in(folder, &[]).await;
    at(&socket).of(ACTIVE).await.with(0);
    bare()
        .with(&["--server", &socket])
        .of(UNKNOWN)
        .await
        .with(1);
}

#[tokio::test]
async fn nothing_on_standard_input_is_wrong_usage() {
    for nothing in ["", "\n", "\r\n"] {
        let ended = at("http://127.0.0.1:1").edge().of(nothing).await.with(2);
        assert!(ended.stderr.contains("standard input"), "{}", ended.stderr);
    }
}

#[tokio::test]
async fn a_token_is_not_taken_from_the_arguments() {
    let (server, sso) = server_and_sso().await;
    for arguments in [&[ACTIVE][..], &["--token", ACTIVE]] {
        let ended = at(&url(&server))
            .edge()
            .with(arguments)
            .of("")
            .await
            .with(2);
        assert!(!ended.output().contains(ACTIVE), "{ended:#?}");
    }
    assert_eq!(sso.count(), 0);
}

#[tokio::test]
async fn other_wrong_usage_is_2() {
    let nowhere = || at("http://127.0.0.1:1");
    let no_secret = nowhere()
        .env("INTROSPECTD_CALLER", "edge")
        .of(ACTIVE)
        .await
        .with(2);
    assert!(
        no_secret.stderr.contains("INTROSPECTD_SECRET"),
        "{}",
        no_secret.stderr
    );
    let no_file = nowhere()
        .with(&["--secret-file", "nothing"])
        .of(ACTIVE)
        .await
        .with(2);
    assert!(no_file.stderr.contains("nothing"), "{}", no_file.stderr);
    let no_server = at("https://127.0.0.1:1").of(ACTIVE).await.with(2);
    assert!(
        no_server.stderr.contains("http://HOST:PORT"),
        "{}",
        no_server.stderr
    );
    let no_header = nowhere()
        .env("INTROSPECTD_SECRET", "two\nlines")
        .of(ACTIVE)
        .await
        .with(2);
    assert!(!no_header.stderr.contains("two"), "{}", no_header.stderr);
}

#[tokio::test]
async fn at_a_terminal_an_answer_is_indented_and_does_not_steer_it() {
    let page = page().await;
    let answer = "{\"active\":true,\"username\":\"\\u001b]0;x\u{9b}2J\"}";
    page.next(Fault::Answer(Answer::text(200, "application/json", answer)));
    let shown = at(&page.base_url())
        .at_a_terminal(ACTIVE, "")
        .await
        .with(0)
        .stdout;
    assert_eq!(
        shown,
        "{\r\n  \"active\": true,\r\n  \"username\": \"\\u001b]0;x\\u009b2J\"\r\n}\r\n"
    );
    page.next(Fault::Answer(Answer::text(
        400,
        "text/plain",
        "\u{1b}[2J\u{202e}",
    )));
    let shown = at(&page.base_url())
        .at_a_terminal(ACTIVE, "")
        .await
        .with(1)
        .stdout;
    assert!(shown.contains(r"\u001b[2J\u202e"), "{shown:?}");
}
