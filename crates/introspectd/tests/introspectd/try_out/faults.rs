//! Responses that are no answer: each is named, with its remedy.

use introspectd_simulators::{Answer, Fault};
use serde_json::json;

use super::{SECRET, TOKEN, Trial, active, agreeable, introspect};

struct Row {
    fault: Fault,
    code: i32,
    what: &'static str,
    remedy: &'static str,
}

fn row(answer: Answer, what: &'static str, remedy: &'static str) -> Row {
    Row {
        fault: Fault::Answer(answer),
        code: 3,
        what,
        remedy,
    }
}

fn json_with(member: &str, value: serde_json::Value) -> Answer {
    let mut body = active();
    body[member] = value;
    Answer::json(200, body)
}

fn rows() -> Vec<Row> {
    let html =
        |status: u16| Answer::text(status, "text/html", "<!DOCTYPE html><title>Sign in</title>");
    let gzip = |coding: &str| Answer::json(200, active()).with_header("content-encoding", coding);
    let text = |media_type: &str, body: &'static str| Answer::text(200, media_type, body);
    let error = |status, code: &str| Answer::json(status, json!({"error": code}));
    vec![
        Row {
            fault: Fault::HangUp,
            code: 3,
            what: "closed the connection without an answer",
            remedy: "https://",
        },
        Row {
            fault: Fault::Reset,
            code: 3,
            what: "resets the connection",
            remedy: "https://",
        },
        Row {
            fault: Fault::Truncate,
            code: 3,
            what: "breaks off",
            remedy: "logs",
        },
        Row {
            fault: Fault::Oversize(2 << 20),
            code: 3,
            what: "larger than 1 MiB",
            remedy: "path",
        },
        row(
            Answer::redirect("/introspect/"),
            "redirects to /introspect/",
            "slash at its end",
        ),
        row(
            Answer::redirect("https://127.0.0.1/introspect"),
            "redirects to https://127",
            "Write https://",
        ),
        row(
            Answer::redirect("/accounts/login/?next=x"),
            "redirects to /accounts/login",
            "login page",
        ),
        row(
            Answer::redirect("https://elsewhere.example/"),
            "redirects to https://elsewhere",
            "Check who answers",
        ),
        row(
            Answer::redirect("/v2/introspect"),
            "redirects to /v2",
            "if that is where",
        ),
        row(Answer::empty(307), "without saying where to", "path"),
        row(html(200), "HTML page", "login"),
        row(text("application/xml", "<a/>"), "is XML", "JSON"),
        row(
            text(
                "application/token-introspection+jwt",
                "eyJhbGciOiJub25lIn0.e30.",
            ),
            "signed JWT",
            "Turn signed",
        ),
        row(
            text("application/json", "\u{feff}{\"active\":true}"),
            "byte order mark",
            "RFC 8259",
        ),
        row(
            text("application/json", "[{}]"),
            "is JSON, and no object",
            "path",
        ),
        row(
            text("application/json", "{\"active\":"),
            "is not JSON",
            "log",
        ),
        row(text("application/json", ""), "is empty", "path"),
        row(
            Answer::text(
                200,
                "application/json",
                &b"{\"active\":true,\"x\":\"\xff\"}"[..],
            ),
            "not UTF-8",
            "encoding",
        ),
        row(gzip("br"), "compressed (br)", "Turn compression off"),
        row(gzip("gzip"), "compressed (gzip)", "Turn compression off"),
        row(Answer::empty(204), "has no body", "path"),
        row(Answer::json(202, active()), "status 202, where", "path"),
        row(
            error(400, "invalid_request"),
            "`invalid_request`",
            "RFC 6749 section 5.2",
        ),
        row(
            Answer::text(
                400,
                "text/html",
                "The plain HTTP request was sent to HTTPS port",
            ),
            "speaks TLS",
            "Write https://",
        ),
        row(
            Answer::html(404),
            "nothing at this path",
            "introspection_endpoint",
        ),
        row(
            Answer::html(404),
            "does not end in a slash",
            "django-oauth-toolkit",
        ),
        row(
            Answer::empty(405).with_header("allow", "GET, HEAD"),
            "takes GET, HEAD there, and not POST",
            "tokeninfo",
        ),
        row(
            Answer::empty(405),
            "does not take POST",
            "RFC 7662 endpoint",
        ),
        row(Answer::empty(406), "no JSON to offer", "signed"),
        row(
            Answer::empty(415),
            "refuses a form",
            "x-www-form-urlencoded",
        ),
        row(Answer::empty(421), "host name", "Write the host"),
        row(Answer::empty(418), "status 418, which RFC 7662", "path"),
        row(Answer::retry_after(429, 7), "limits our rate", "Wait"),
        row(
            Answer::retry_after(429, 7),
            "Retry-After 7",
            "Run it again then",
        ),
        row(
            Answer::html(502),
            "a proxy before the server",
            "server runs",
        ),
        row(Answer::html(500), "error of its own (status 500)", "log"),
        row(Answer::json(200, json!({})), "no `active`", "path"),
        row(
            Answer::json(200, json!({"access_token": "x"})),
            "no `active`",
            "token endpoint",
        ),
        row(
            Answer::json(200, json!({"sub": "x"})),
            "no `active`",
            "userinfo",
        ),
        row(
            Answer::json(
                200,
                json!({"introspection_endpoint": "https://as.example/i"}),
            ),
            "metadata",
            "into --endpoint: https://as.example/i",
        ),
        row(
            Answer::json(200, json!({"active": "true"})),
            "`active` is text",
            "RFC 7662 section 2.2",
        ),
        row(
            Answer::json(200, json!({"active": true})),
            "no `exp`",
            "--missing-exp accept",
        ),
        row(
            json_with("exp", json!("soon")),
            "`exp` in the answer cannot be read: it is text",
            "times are numbers",
        ),
        row(
            json_with("scope", json!(["a"])),
            "`scope` in the answer cannot be read: it is a list",
            "`scope` is text",
        ),
    ]
}

#[tokio::test]
async fn each_fault_of_a_response_is_named_with_its_remedy_and_asked_once() {
    let server = agreeable().await;
    for Row {
        fault,
        code,
        what,
        remedy,
    } in rows()
    {
        server.forget();
        server.next(fault.clone());
        let ended = Trial::of_client(introspect(&server), SECRET)
            .secretly(TOKEN)
            .await
            .with(code);
        let is_named = |line: &&str| {
            ["wrong: ", "possible cause: ", "note: "]
                .iter()
                .any(|it| line.starts_with(it))
                && line.contains(what)
        };
        let mut lines = ended
            .stderr
            .lines()
            .skip_while(|line| !is_named(line))
            .skip(1);
        let named = lines
            .next()
            .unwrap_or_else(|| panic!("{what}: {}", ended.stderr));
        assert!(named.contains(remedy), "{what}, {remedy}: {named}");
        assert_eq!(ended.stdout, "", "{fault:?}");
        assert_eq!(server.count(), 1, "{fault:?}");
    }
}

#[tokio::test]
async fn redirects_are_not_followed() {
    let (server, other) = (agreeable().await, agreeable().await);
    for status in [301, 302, 303, 307, 308] {
        server.next(Fault::Answer(
            Answer::empty(status).with_header("location", &introspect(&other)),
        ));
        let ended = Trial::of_client(introspect(&server), SECRET)
            .secretly(TOKEN)
            .await
            .with(3);
        assert!(ended.stderr.contains("which is not followed"), "{ended:#?}");
    }
    assert_eq!((server.count(), other.count()), (5, 0));
}

#[tokio::test]
async fn far_end_is_noted_for_milliseconds() {
    let server = agreeable().await;
    server.next(Fault::Answer(json_with(
        "exp",
        json!(1_900_000_000_000_i64 / 10),
    )));
    let ended = Trial::of_client(introspect(&server), SECRET)
        .secretly(TOKEN)
        .await
        .with(0);
    assert!(
        ended.stderr.contains("may count in milliseconds"),
        "{ended:#?}"
    );
}

#[tokio::test]
async fn active_tokens_that_gateways_refuse_are_noted() {
    let server = agreeable().await;
    for (member, value, what) in [
        ("token_type", json!("DPoP"), "another one than Bearer"),
        ("cnf", json!({"jkt": "x"}), "binds the token to a key"),
        ("token_use", json!("refresh_token"), "another use"),
        ("aud", json!(null), "no `aud`"),
    ] {
        server.next(Fault::Answer(json_with(member, value)));
        let ended = Trial::of_client(introspect(&server), SECRET)
            .secretly(TOKEN)
            .await
            .with(0);
        assert!(
            ended.stderr.contains("note: ") && ended.stderr.contains(what),
            "{what}: {ended:#?}"
        );
    }
}

#[tokio::test]
async fn clock_skew_is_named_and_its_flag_helps() {
    let server = agreeable().await;
    let ahead = crate::vendors::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap()
        .as_secs()
        + 50;
    server.always(Fault::Answer(json_with("nbf", json!(ahead))));
    let ended = Trial::of_client(introspect(&server), SECRET)
        .secretly(TOKEN)
        .await
        .with(1);
    assert!(
        ended.stderr.contains("`nbf` is ") && ended.stderr.contains("--clock-skew 60s"),
        "{ended:#?}"
    );
    let skewed = Trial::of_client(introspect(&server), SECRET).with(&["--clock-skew", "60s"]);
    skewed.secretly(TOKEN).await.with(0);
}
