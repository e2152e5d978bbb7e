//! Authentication of the client, and servers that refuse it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use introspectd_simulators::{Answer, Fault, Recorded, Simulator, Vendor};
use serde_json::json;

use super::{SECRET, TOKEN, Trial, active, agreeable, introspect};

/// Credentials as they arrived: `Authorization` and the form.
async fn sent(arguments: &[&str]) -> (Option<String>, Vec<(String, String)>, String) {
    let server = agreeable().await;
    let trial = Trial::at(introspect(&server))
        .with_secret(SECRET)
        .with(arguments);
    let ended = trial.secretly(TOKEN).await.with(0);
    trial.folder.write("introspectd.toml", &ended.stdout);
    let mut check = trial.folder.command();
    check.args(["check", "--config", "introspectd.toml"]);
    crate::program::run(check, "").await.with(0);
    let request = server.requests().pop().unwrap();
    (
        request.header("authorization").map(str::to_owned),
        request.form(),
        ended.stderr,
    )
}

#[tokio::test]
async fn each_type_of_credentials_is_sent_as_the_service_would_and_shown_masked() {
    let basic = |text: &str| Some(format!("Basic {}", STANDARD.encode(text)));
    let encoded = "us:s3cr%3At%2F%2B%20%25%26-of-ours";
    for (arguments, authorization, shown) in [
        (
            &["--client-id", "us"][..],
            basic(encoded),
            "authorization: Basic ***",
        ),
        (
            &["--client-id", "us", "--encoding", "form"],
            basic(encoded),
            "authorization: Basic ***",
        ),
        (
            &["--client-id", "us", "--encoding", "plain"],
            basic(&format!("us:{SECRET}")),
            "Basic ***",
        ),
        (
            &["--credentials", "basic", "--username", "us"],
            basic(&format!("us:{SECRET}")),
            "Basic ***",
        ),
        (
            &["--credentials", "bearer"],
            Some(format!("Bearer {SECRET}")),
            "authorization: Bearer ***",
        ),
        (
            &["--credentials", "client_secret_post", "--client-id", "us"],
            None,
            "token=***&client_id=us&client_secret=***",
        ),
    ] {
        let (arrived, form, stderr) = sent(arguments).await;
        assert_eq!(arrived, authorization, "{arguments:?}");
        assert!(stderr.contains(shown), "{shown}: {stderr}");
        let posted = [("client_id", "us"), ("client_secret", SECRET)];
        let posted = posted.map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(form[1..] == posted, authorization.is_none(), "{form:?}");
    }
}

#[tokio::test]
async fn none_sends_no_credentials() {
    let server = agreeable().await;
    let ended = Trial::at(introspect(&server))
        .with(&["--credentials", "none"])
        .secretly(TOKEN)
        .await
        .with(0);
    assert_eq!(server.requests()[0].header("authorization"), None);
    assert!(!ended.stderr.contains("authorization"), "{ended:#?}");
    assert!(
        ended
            .stdout
            .contains(r#"credentials            = { type = "none" }"#),
        "{ended:#?}"
    );
}

#[tokio::test]
async fn token_of_our_own_is_fetched_once_and_its_refusal_is_named() {
    let (server, tokens) = (agreeable().await, agreeable().await);
    tokens.next(Fault::Answer(Answer::json(
        200,
        json!({"access_token": "granted-to-us", "expires_in": 60}),
    )));
    let endpoint = format!("{}/token", tokens.base_url());
    let trial = || {
        let arguments = [
            "--credentials",
            "client_credentials",
            "--token-endpoint",
            &endpoint,
            "--scope",
            "introspection",
        ];
        Trial::of_client(introspect(&server), SECRET).with(&arguments)
    };
    server.next(Fault::Answer(Answer::empty(401)));
    let ended = trial().secretly(TOKEN).await.with(1);
    assert!(!ended.output().contains("granted-to-us"), "{ended:#?}");
    assert_eq!((server.count(), tokens.count()), (1, 1));
    assert_eq!(
        server.requests()[0].header("authorization"),
        Some("Bearer granted-to-us")
    );
    tokens.next(Fault::Answer(Answer::json(
        400,
        json!({"error": "invalid_client"}),
    )));
    let ended = trial().secretly(TOKEN).await.with(1);
    assert!(
        ended
            .stderr
            .contains("wrong: the token endpoint refuses our client"),
        "{ended:#?}"
    );
    let ended = trial().secretly(TOKEN).await.with(3);
    assert!(
        ended.stderr.contains("no usable `access_token`"),
        "{ended:#?}"
    );
    assert_eq!(server.count(), 1);
}

#[tokio::test]
async fn refusals_name_the_credentials_and_exit_with_1() {
    let server = agreeable().await;
    let invalid_client = |status| Answer::json(status, json!({"error": "invalid_client"}));
    for (answer, whats) in [
        (
            Answer::empty(401),
            &["refuses our credentials of introspectd (client_secret_basic, status 401)"][..],
        ),
        (Answer::empty(401), &["client_secret_post"]),
        (
            Answer::empty(403),
            &[
                "status 403",
                "not let it introspect",
                "django-oauth-toolkit",
            ],
        ),
        (
            invalid_client(400),
            &["refuses our credentials of introspectd (client_secret_basic, status 400)"],
        ),
        (invalid_client(401), &["\"error\": \"invalid_client\""]),
        (
            Answer::empty(401).with_header("www-authenticate", "Bearer realm=\"x\""),
            &["--credentials bearer"],
        ),
    ] {
        server.next(Fault::Answer(answer));
        let ended = Trial::of_client(introspect(&server), SECRET)
            .secretly(TOKEN)
            .await
            .with(1);
        for what in whats {
            assert!(ended.stderr.contains(what), "{what}: {ended:#?}");
        }
        assert_eq!(ended.stdout, "");
    }
    server.next(Fault::Answer(Answer::empty(401)));
    let ended = Trial::at(introspect(&server))
        .with(&["--credentials", "none"])
        .secretly(TOKEN)
        .await
        .with(1);
    assert!(ended.stderr.contains("asks for credentials"), "{ended:#?}");
}

/// Knows one spelling of `introspectd` and [`SECRET`] in HTTP Basic.
struct Speller(&'static str);

impl Vendor for Speller {
    fn answer(&self, request: &Recorded) -> Answer {
        let known = format!("Basic {}", STANDARD.encode(self.0));
        if request.header("authorization") == Some(&known) {
            return Answer::json(200, active());
        }
        Answer::json(401, json!({"error": "invalid_client"}))
    }
}

#[tokio::test]
async fn encoding_that_the_server_does_not_undo_or_misses_is_named_with_the_flag_that_helps() {
    let plain = Speller("introspectd:s3cr:t/+ %&-of-ours");
    let form = Speller("introspectd:s3cr%3At%2F%2B%20%25%26-of-ours");
    for (speller, wrong, right, what) in [
        (
            plain,
            &[][..],
            &["--encoding", "plain"][..],
            "Try --encoding plain",
        ),
        (
            form,
            &["--encoding", "plain"],
            &[],
            "without --encoding plain",
        ),
    ] {
        let server = Simulator::start(speller).await.unwrap();
        let trial =
            |arguments: &[&str]| Trial::of_client(introspect(&server), SECRET).with(arguments);
        let ended = trial(wrong).secretly(TOKEN).await.with(1);
        assert!(
            ended.stderr.contains("form-urlencoding changes") && ended.stderr.contains(what),
            "{ended:#?}"
        );
        trial(right).secretly(TOKEN).await.with(0);
        // So does oidc-provider, of what it cannot decode.
        server.next(Fault::Answer(Answer::json(
            400,
            json!({"error": "invalid_request"}),
        )));
        let ended = trial(wrong).secretly(TOKEN).await.with(3);
        assert!(ended.stderr.contains(what), "{ended:#?}");
    }
    let server = agreeable().await;
    server.next(Fault::Answer(Answer::empty(401)));
    let ended = Trial::of_client(introspect(&server), "letters-only")
        .secretly(TOKEN)
        .await
        .with(1);
    assert!(
        !ended.stderr.contains("form-urlencoding"),
        "no spelling differs: {ended:#?}"
    );
}

#[tokio::test]
async fn refusal_names_what_a_secret_file_holds_beside_the_secret() {
    let server = agreeable().await;
    server.always(Fault::Answer(Answer::empty(401)));
    for (secret, what) in [
        ("hunter2 ", "white space"),
        ("hunter2\nhunter3", "a line break"),
        ("\u{feff}hunter2", "byte order mark"),
        ("\"hunter2\"", "in quotes"),
    ] {
        let trial = Trial::of_client(introspect(&server), secret)
            .with(&["--credentials", "client_secret_post"]);
        let ended = trial.secretly(TOKEN).await.with(1);
        assert!(
            ended.stderr.contains("the secret") && ended.stderr.contains(what),
            "{what}: {ended:#?}"
        );
        assert!(!ended.output().contains("hunter2"), "{ended:#?}");
    }
}

#[tokio::test]
async fn secret_from_a_pipe_is_read_once_and_pasted_as_a_variable() {
    let server = agreeable().await;
    let trial = Trial::at(introspect(&server)).with(&["--client-id", "us", "--name", "our-sso"]);
    let line = format!(
        "exec '{}' {} --secret-file <(printf %s \"$OURS\")",
        env!("CARGO_BIN_EXE_introspectd"),
        trial.arguments.join(" ")
    );
    let mut bash = trial.folder.command_of("bash");
    bash.args(["--norc", "--noprofile", "-c", &line])
        .env("OURS", "letters-only");
    bash.env("PATH", std::env::var_os("PATH").unwrap());
    let ended = crate::program::run(bash, TOKEN).await.with(0);
    let authorization = format!("Basic {}", STANDARD.encode("us:letters-only"));
    assert_eq!(
        server.requests()[0].header("authorization"),
        Some(&*authorization)
    );
    assert!(
        ended
            .stdout
            .contains(r#"client_secret = { env = "OUR_SSO_SECRET" }"#),
        "{ended:#?}"
    );
}
