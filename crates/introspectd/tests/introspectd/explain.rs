use http::Request;
use http_body_util::Full;
use introspectd_simulators::passport;
use introspectd_simulators::rfc7662::{ACTIVE, EXPIRED, UNKNOWN};
use introspectd_simulators::{Answer, Fault};
use serde_json::{Value, json};
use tokio::net::TcpStream;

use crate::asking::{ADMIN_CONFIG, ADMIN_SECRET, Asking, page, url};
use crate::client::{basic, exchange};
use crate::program::Ended;
use crate::server::Server;
use crate::vendors::{bank, bank_config, sso, sso_config};

const TOKEN: &str = "sso_a-token";

fn at(url: &str) -> Asking<'_> {
    Asking::new("explain").at(url).admin()
}

#[tokio::test]
async fn decision_is_printed_and_is_the_exit_code() {
    for (explained, code) in [
        (
            json!({"decision": {"active": true, "reason": "x"}, "providers": []}),
            0,
        ),
        (json!({"decision": {"active": false, "reason": "x"}}), 1),
        (json!({"decision": {"error": "temporarily_unavailable"}}), 3),
        (json!({"decision": {"error": "unsupported"}}), 1),
        (
            json!({"decision": {"active": true}, "policy": {"status": 200}}),
            0,
        ),
        (
            json!({"decision": {"active": true}, "policy": {"status": 403}}),
            1,
        ),
        (
            json!({"decision": {"active": true}, "policy": {"status": 503}}),
            3,
        ),
        // What the policy says in place of 503.
        (
            json!({"decision": {"error": "temporarily_unavailable"}, "policy": {"status": 403}}),
            3,
        ),
    ] {
        let server = page().await;
        server.next(Fault::Answer(Answer::json(200, explained.clone())));
        let ended = at(&server.base_url())
            .of(format!("{TOKEN}\n"))
            .await
            .with(code);
        assert_eq!(ended.stdout, format!("{explained}\n"));
        assert_eq!(ended.stderr, "");
        let asked = server.requests().pop().unwrap();
        assert_eq!(
            (asked.method.as_str(), asked.target.as_str()),
            ("POST", "/v1/explain")
        );
        assert_eq!(asked.form(), [("token".to_owned(), TOKEN.to_owned())]);
    }
}

#[tokio::test]
async fn filters_are_sent_to_the_server() {
    let server = page().await;
    for (words, expected) in [
        (
            &["--provider", "bank", "--token-id"][..],
            [("provider", "bank"), ("token_type_hint", "token_id")],
        ),
        (
            &["--provider", "bank", "--policy", "a b"],
            [("provider", "bank"), ("policy", "a b")],
        ),
    ] {
        at(&server.base_url()).with(words).of("an-id").await.with(3);
        let form = server.requests().pop().unwrap().form();
        let form: Vec<_> = form
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        assert_eq!(form, [&[("token", "an-id")], &expected[..]].concat());
    }
}

#[tokio::test]
async fn at_a_terminal_it_is_indented_and_harmless() {
    let server = page().await;
    let explained =
        r#"{"upstream":{"client":"\u001b]0;x"},"decision":{"active":true,"reason":"›2J"}}"#;
    let explained = explained.replace('›', "\u{9b}");
    server.next(Fault::Answer(Answer::text(
        200,
        "application/json",
        explained,
    )));
    let shown = at(&server.base_url())
        .at_a_terminal(TOKEN, "")
        .await
        .with(0)
        .stdout;
    assert!(
        shown.contains("{\r\n  \"upstream\": {\r\n    \"client\": \"\\u001b]0;x\"\r\n  },\r\n"),
        "{shown}"
    );
    assert!(shown.contains(r"\u009b2J"), "{shown:?}");
}

#[tokio::test]
async fn failed_explanation_has_the_usual_exit_codes() {
    let server = page().await;
    for (answer, code) in [
        (Answer::json(403, json!({"error": "access_denied"})), 1),
        (Answer::json(501, json!({"error": "unsupported"})), 1),
        (Answer::html(502), 3),
        (Answer::html(200), 3),
        // Nothing decided is not inactive.
        (Answer::json(200, json!({"decision": {}})), 3),
    ] {
        server.next(Fault::Answer(answer));
        let ended = at(&server.base_url()).of(TOKEN).await.with(code);
        assert_eq!(ended.stdout, "");
        assert!(
            !ended.output().contains(TOKEN) && !ended.output().contains(ADMIN_SECRET),
            "{ended:#?}"
        );
    }
}

#[tokio::test]
async fn wrong_usage_is_2_and_repeats_no_token() {
    let server = page().await;
    for (arguments, stdin) in [
        (&["--token-id"][..], TOKEN),
        (&[TOKEN], ""),
        (&["--token", TOKEN], ""),
        (&["--policy", ""], TOKEN),
        (
            &["--policy", "orders", "--token-id", "--provider", "bank"],
            TOKEN,
        ),
        (&[], ""),
    ] {
        let ended = at(&server.base_url())
            .with(arguments)
            .of(stdin)
            .await
            .with(2);
        assert!(!ended.output().contains(TOKEN), "{ended:#?}");
    }
    assert_eq!(server.count(), 0);
}

const POLICIES: &str =
    "[policies.orders]\nscope = [\"read\"]\n[policies.refunds]\nscope = [\"refund\"]\n";

#[track_caller]
fn explained(ended: &Ended) -> Value {
    assert_eq!(ended.stderr, "");
    serde_json::from_str(&ended.stdout).unwrap()
}

#[tokio::test]
async fn a_real_decision_is_explained() {
    let sso = sso().await;
    let server = Server::start_with(&format!("{ADMIN_CONFIG}{POLICIES}{}", sso_config(&sso))).await;
    let url = url(&server);
    for (token, arguments, code, reason) in [
        (ACTIVE, &[][..], 0, "active"),
        (ACTIVE, &["--provider", "sso"], 0, "active"),
        (ACTIVE, &["--policy", "orders"], 0, "active"),
        (ACTIVE, &["--policy", "refunds"], 1, "active"),
        (UNKNOWN, &[], 1, "inactive"),
        (EXPIRED, &["--policy", "orders"], 1, "inactive"),
        ("of-no-provider", &[], 1, "no_provider"),
    ] {
        let ended = at(&url)
            .with(arguments)
            .of(format!("{token}\n"))
            .await
            .with(code);
        let explained = explained(&ended);
        assert_eq!(explained["decision"]["reason"], reason, "{explained:#}");
        assert_eq!(
            explained["policy"].is_object(),
            arguments.contains(&"--policy")
        );
        assert!(!ended.output().contains(token), "{explained:#}");
    }
    let lacking = explained(
        &at(&url)
            .with(&["--policy", "refunds"])
            .of(ACTIVE)
            .await
            .with(1),
    );
    assert_eq!(lacking["policy"]["lacks"]["scope"], json!(["refund"]));
    for (arguments, told) in [
        (&["--policy", "none"][..], "policy"),
        (&["--provider", "none"], "provider"),
    ] {
        let ended = at(&url).with(arguments).of(ACTIVE).await.with(1);
        assert!(
            ended.stderr.contains("400") && ended.stderr.contains(told),
            "{ended:#?}"
        );
    }
    let ended = Asking::new("explain")
        .at(&url)
        .edge()
        .of(ACTIVE)
        .await
        .with(1);
    assert!(
        ended.stderr.contains("403") && ended.stderr.contains("access_denied"),
        "{ended:#?}"
    );
    at(&url).of(ACTIVE).await.with(0);
    sso.stop();
    let ended = at(&url)
        .with(&["--policy", "orders"])
        .of(EXPIRED.to_lowercase())
        .await
        .with(3);
    assert_eq!(
        explained(&ended)["decision"]["error"],
        "temporarily_unavailable"
    );
}

#[tokio::test]
async fn a_real_record_is_explained_by_its_id() {
    let bank = bank().await;
    let server = Server::start_with(&format!("{ADMIN_CONFIG}{}", bank_config(&bank))).await;
    let url = url(&server);
    let by_id = || at(&url).with(&["--token-id", "--provider", "bank"]);
    for (id, code) in [
        (passport::ACTIVE, 0),
        (passport::EXPIRED, 1),
        (passport::UNKNOWN, 1),
    ] {
        let explained = explained(&by_id().of(id).await.with(code));
        assert_eq!(
            explained["providers"][0]["provider"], "bank",
            "{explained:#}"
        );
    }
    bank.stop();
    by_id().of(passport::READER).await.with(3);
}

#[tokio::test]
async fn reason_of_an_unreachable_provider_is_explained_logged_and_shown_with_its_health() {
    let sso = sso().await;
    let server = Server::start_with(&format!("{ADMIN_CONFIG}{}", sso_config(&sso))).await;
    sso.stop();
    let reason = "the provider cannot be reached: connection refused";
    let explained = explained(&at(&url(&server)).of(TOKEN).await.with(3));
    assert_eq!(
        explained["providers"][0]["upstream"]["failure"]["reason"], reason,
        "{explained:#}"
    );
    server.logged(&format!("\"failure\":\"{reason}\"")).await;
    let request = Request::get("/v1/providers")
        .header("host", "introspectd")
        .header("authorization", basic("admin", ADMIN_SECRET));
    let stream = TcpStream::connect(server.api()).await.unwrap();
    let shown = exchange(stream, request.body(Full::default()).unwrap())
        .await
        .body;
    let shown: Value = serde_json::from_str(&shown).unwrap();
    assert_eq!(
        shown["providers"][0]["last_error"]["reason"], reason,
        "{shown:#}"
    );
}
