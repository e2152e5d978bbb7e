//! Causes that the token itself shows when the server says "inactive".

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use introspectd_simulators::{Answer, Fault};
use serde_json::{Value, json};

use super::{SECRET, TOKEN, Trial, agreeable, introspect};

async fn inactive(token: &str) -> (String, String) {
    let server = agreeable().await;
    server.next(Fault::Answer(Answer::json(200, json!({"active": false}))));
    let ended = Trial::of_client(introspect(&server), SECRET)
        .secretly(token)
        .await
        .with(1);
    assert!(
        ended
            .stderr
            .contains("possible cause: our client may not see the token"),
        "{ended:#?}"
    );
    (ended.stdout, ended.stderr)
}

#[tokio::test]
async fn each_cause_that_can_be_seen_is_named() {
    let quoted = format!("\"{TOKEN}\"");
    for (token, what) in [
        ("two_lines-of-a-token\nand-more-of-it", "holds a line break"),
        (
            "two_lines-of-a-token\r\nand-more-of-it",
            "holds a line break",
        ),
        (" a-token-with-a-space", "white space"),
        ("two tokens-in-one-line", "white space"),
        ("Bearer a-token-with-a-scheme", "name of a scheme"),
        (&quoted, "in quotes"),
        (r#"{"access_token":"of-a-whole-answer"}"#, "holds JSON"),
    ] {
        let (section, stderr) = inactive(token).await;
        assert!(stderr.contains(what), "{what}: {stderr}");
        assert_eq!(section, "", "nothing can be read off it");
    }
}

#[tokio::test]
async fn line_break_at_the_end_is_not_sent() {
    let server = agreeable().await;
    for end in ["", "\n", "\r\n", "\n\n"] {
        Trial::of_client(introspect(&server), SECRET)
            .secretly(&format!("{TOKEN}{end}"))
            .await
            .with(0);
        assert_eq!(server.requests().pop().unwrap().form()[0].1, TOKEN);
    }
}

fn jwt(claims: &Value) -> String {
    let part = |part: &Value| URL_SAFE_NO_PAD.encode(part.to_string());
    format!(
        "{}.{}.c2lnbmF0dXJl",
        part(&json!({"alg": "none"})),
        part(claims)
    )
}

#[tokio::test]
async fn claims_of_a_jwt_say_why_it_may_be_inactive() {
    let here = "http://127.0.0.1:1/realms/acme";
    for (claims, what) in [
        (
            json!({"iss": here, "exp": 1_000_000_000}),
            "by its own `exp` the token ended",
        ),
        (
            json!({"iss": here, "nbf": 9_000_000_000_i64}),
            "by its own `nbf` the token begins",
        ),
        (
            json!({"iss": here, "aud": ["account", "shop"]}),
            "the token is for account, shop: `aud` does not name our client",
        ),
        (json!({"iss": here}), "has no audience"),
        (
            json!({"iss": "https://other.example/realms/acme"}),
            "issuer is at other.example",
        ),
        (json!({"iss": here, "typ": "ID"}), "looks like an ID token"),
        (
            json!({"iss": here, "typ": "Refresh"}),
            "looks like a refresh token",
        ),
    ] {
        let (_, stderr) = inactive(&jwt(&claims)).await;
        assert!(stderr.contains(what), "{what}: {stderr}");
    }
    let (_, stderr) = inactive(&jwt(&json!({"iss": here, "aud": "introspectd"}))).await;
    assert!(
        !stderr.contains("`aud` does not name") && !stderr.contains("issuer is at"),
        "{stderr}"
    );
}
