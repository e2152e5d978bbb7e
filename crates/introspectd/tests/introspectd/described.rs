//! Commands about servers that a configuration describes.

use introspectd_simulators::Simulator;
use introspectd_simulators::github::{ACTIVE, CLIENT_SECRET, GitHub, UNKNOWN};
use serde_json::{Value, json};

use crate::program::{Ended, Folder, run};

/// GitHub at this address, and a provider of another kind.
fn config(address: &str) -> String {
    format!(
        r#"
[providers.github]
kind        = "http"
credentials = {{ type = "basic", username = "Iv1.8a61f9b3a7aba766", password = {{ env = "GITHUB_SECRET" }} }}
match       = {{ regex = "^gh[ou]_" }}
timeout     = "60s"
active      = [{{ status = 200 }}]
inactive    = [{{ status = 404 }}]
about       = {{ pointer = "/token" }}
claims      = {{ client_id = "/app/client_id", exp = {{ pointer = "/expires_at", unit = "rfc3339", absent = "never" }} }}
lifetime    = "5m"
request     = {{ method = "POST", url = "{address}/applications/Iv1.8a61f9b3a7aba766/token", json = {{ access_token = "{{token}}" }} }}

[providers.sso]
kind                   = "rfc7662"
introspection_endpoint = "https://sso.example/introspect"
credentials            = {{ type = "none" }}
match                  = {{ prefix = "sso" }}
"#
    )
}

/// Judges an answer, with this token on standard input where there is one.
async fn judge(answer: &Value, status: &str, token: Option<&str>, more: &[&str]) -> Ended {
    let folder = Folder::with_config(&config("https://api.github.com"));
    folder.write("answer.json", answer.to_string());
    let mut command = folder.command();
    command.env("GITHUB_SECRET", CLIENT_SECRET);
    command.args([
        "check",
        "--config",
        "introspectd.toml",
        "--provider",
        "github",
    ]);
    command.args(["--answer", "answer.json", "--status", status]);
    command.args(more);
    if token.is_some() {
        command.args(["--token", "-"]);
    }
    run(command, token.unwrap_or_default()).await
}

fn sample() -> Value {
    json!({"token": ACTIVE, "app": {"client_id": "Iv1.x"}, "expires_at": "2999-01-01T00:00:00Z"})
}

#[tokio::test]
async fn check_shows_what_an_answer_would_become() {
    let active = judge(&sample(), "200", Some(ACTIVE), &[]).await.with(0);
    assert!(active.stdout.starts_with("active\n"), "{active:?}");
    assert!(
        active.stdout.contains("\"client_id\": \"Iv1.x\""),
        "{active:?}"
    );
    assert!(!active.output().contains(ACTIVE), "{active:?}");
    assert!(!active.stdout.contains("compared"), "{active:?}");

    let uncompared = judge(&sample(), "200", None, &[]).await.with(0);
    assert!(
        uncompared.stdout.contains("nothing is compared"),
        "{uncompared:?}"
    );

    let mut endless = sample();
    endless["expires_at"] = Value::Null;
    let endless = judge(&endless, "200", Some(ACTIVE), &[]).await.with(0);
    assert!(
        endless.stdout.starts_with("active: without an end"),
        "{endless:?}"
    );

    let mut ended = sample();
    ended["expires_at"] = json!("2001-01-01T00:00:00Z");
    let ended = judge(&ended, "200", Some(ACTIVE), &[]).await.with(1);
    assert!(ended.stdout.starts_with("inactive: expired\n"), "{ended:?}");

    let unknown = judge(&json!({}), "404", Some(ACTIVE), &[]).await.with(1);
    assert!(unknown.stdout.starts_with("inactive\n"), "{unknown:?}");
}

#[tokio::test]
async fn check_names_why_an_answer_says_nothing() {
    for (answer, status, token, reason) in [
        (sample(), "200", UNKNOWN, "about another token"),
        (json!({}), "200", ACTIVE, "no usable `/token`"),
        (json!([]), "200", ACTIVE, "not a JSON object"),
        (json!({}), "401", ACTIVE, "refused our credentials"),
        (
            json!({}),
            "410",
            ACTIVE,
            "fits neither `active` nor `inactive`",
        ),
        (json!({}), "302", ACTIVE, "redirect"),
        (json!({}), "503", ACTIVE, "status 503"),
    ] {
        let ended = judge(&answer, status, Some(token), &[]).await.with(3);
        assert!(ended.stdout.starts_with("failure: "), "{ended:?}");
        assert!(ended.stdout.contains(reason), "{reason}: {ended:?}");
    }
}

#[tokio::test]
async fn check_writes_an_outcome_as_json() {
    let active = judge(&sample(), "200", Some(ACTIVE), &["--json"])
        .await
        .with(0);
    let active: Value = serde_json::from_str(&active.stdout).unwrap();
    assert_eq!(active["verdict"], "active");
    assert_eq!(active["reply"]["provider"], "github");
    let failure = judge(&sample(), "401", Some(ACTIVE), &["--json"])
        .await
        .with(3);
    let failure: Value = serde_json::from_str(&failure.stdout).unwrap();
    assert_eq!(failure["verdict"], "failure");
    assert_eq!(failure["reply"], json!({"error": "upstream_error"}));
    assert!(failure["reason"].is_string());
}

#[tokio::test]
async fn check_judges_answers_of_described_providers_only() {
    for (arguments, complaint) in [
        (
            &["--provider", "sso", "--status", "200"][..],
            "of kind \"rfc7662\"",
        ),
        (
            &["--provider", "other", "--status", "200"],
            "there is no provider",
        ),
        (&["--provider", "github"], "--status"),
        (&["--status", "200"], "--provider"),
        (&["--provider", "github", "--status", "99"], "99"),
        (
            &["--provider", "github", "--status", "200", "--token", ACTIVE],
            "--token",
        ),
    ] {
        let folder = Folder::with_config(&config("https://api.github.com"));
        folder.write("answer.json", "{}");
        let mut command = folder.command();
        command.env("GITHUB_SECRET", CLIENT_SECRET);
        command.args([
            "check",
            "--config",
            "introspectd.toml",
            "--answer",
            "answer.json",
        ]);
        command.args(arguments);
        let ended = run(command, "").await.with(2);
        assert!(ended.stderr.contains(complaint), "{complaint}: {ended:?}");
    }
}

#[tokio::test]
async fn check_warns_of_tokens_of_any_application() {
    let about = "about       = { pointer = \"/token\" }";
    let any = config("https://api.github.com").replace(about, "any_application = true");
    for (config, is_warned) in [(config("https://api.github.com"), false), (any, true)] {
        let folder = Folder::with_config(&config);
        let mut command = folder.command();
        command.env("GITHUB_SECRET", CLIENT_SECRET);
        command.args(["check", "--config", "introspectd.toml"]);
        let ended = run(command, "").await.with(0);
        let warning = "# WARNING: providers.github.any_application";
        assert_eq!(ended.stdout.contains(warning), is_warned, "{ended:?}");
    }
}

#[tokio::test]
async fn try_asks_a_described_provider_once() {
    let github = Simulator::start(GitHub::new(crate::vendors::now()))
        .await
        .unwrap();
    let trial = async |token: &str, secret: &str| {
        let folder = Folder::with_config(&config(&github.base_url()));
        let mut command = folder.command();
        command.env("GITHUB_SECRET", secret);
        command.args([
            "try",
            "--config",
            "introspectd.toml",
            "--provider",
            "github",
        ]);
        run(command, token).await
    };
    let active = trial(ACTIVE, CLIENT_SECRET).await.with(0);
    assert!(active.stdout.starts_with("active\n"), "{active:?}");
    assert!(
        active.stderr.contains("POST http://127.0.0.1:"),
        "{active:?}"
    );
    assert!(
        active.stderr.contains(r#"{"access_token":"***"}"#),
        "{active:?}"
    );
    for secret in [ACTIVE, CLIENT_SECRET] {
        assert!(!active.output().contains(secret), "{active:?}");
    }
    assert_eq!(github.count(), 1);
    trial(UNKNOWN, CLIENT_SECRET).await.with(1);
    let refused = trial(ACTIVE, "wrong").await.with(3);
    assert!(
        refused.stdout.contains("refused our credentials"),
        "{refused:?}"
    );
}
