//! Reading of RFC 7662 responses over sockets.

use introspectd_simulators::Answer;
use introspectd_tests::NOW;
use serde_json::json;

use crate::Harness;

impl Harness {
    /// Answer for a token about which the server returns this body.
    async fn answer_to(&self, token: &str, body: impl Into<String>) -> introspectd_tests::Reply {
        self.server
            .vendor()
            .put_answer(token, Answer::text(200, "application/json", body.into()));
        self.introspect(token).await
    }
}

#[tokio::test]
async fn expires_in_counts_from_the_answer() {
    let harness = Harness::open("").await;
    let record =
        json!({"active": true, "exp": NOW + 3600, "expires_in": 3599, "nested": {"expires_in": 7}});
    harness.server.vendor().put("counting-token", record);
    for (cache, left) in [("miss", 3600), ("hit", 3590), ("hit", 3580)] {
        let reply = harness.introspect("counting-token").await;
        let answer = reply.json();
        assert_eq!(
            (reply.cache(), &answer["expires_in"]),
            (Some(cache), &json!(left))
        );
        assert_eq!(
            (&answer["exp"], &answer["nested"]["expires_in"]),
            (&json!(NOW + 3600), &json!(7))
        );
        harness.gateway.clock().advance(10);
    }
    // Text is no number of ours.
    let text = format!(
        r#"{{"active":true,"exp":{},"expires_in":"3599"}}"#,
        NOW + 3600
    );
    assert_eq!(
        harness.answer_to("text-token", text).await.json()["expires_in"],
        "3599"
    );
}

#[tokio::test]
async fn accepted_missing_exp_uses_expires_in() {
    let harness = Harness::open("missing_exp = \"accept\"").await;
    let answer = harness
        .answer_to("endless-token", r#"{"active":true,"expires_in":60}"#)
        .await
        .json();
    assert_eq!(
        (&answer["exp"], &answer["expires_in"]),
        (&json!(NOW + 60), &json!(60))
    );
    harness.server.vendor().remove("endless-token");
    harness.gateway.clock().advance(60);
    harness.introspect("endless-token").await.assert_inactive();
}

#[tokio::test]
async fn times_are_numbers_in_every_spelling_but_never_text() {
    let harness = Harness::open("").await;
    for (number, spelling) in [
        "1800003600.0",
        "1.8000036E9",
        "18000036e+2",
        "1800003600.999",
    ]
    .iter()
    .enumerate()
    {
        let body = format!(r#"{{"active":true,"exp":{spelling},"nbf":1.7999E9,"iat":1.7999e9}}"#);
        let answer = harness
            .answer_to(&format!("spelled-{number}"), body)
            .await
            .json();
        let expected = json!({
            "active": true, "exp": 1_800_003_600, "nbf": 1_799_900_000, "iat": 1_799_900_000,
            "provider": "sso",
        });
        assert_eq!(answer, expected, "{spelling}");
    }
    for (number, text) in ["\"1800003600\"", "true", "[1800003600]", "1e400", "null"]
        .iter()
        .enumerate()
    {
        let reply = harness
            .answer_to(
                &format!("text-{number}"),
                format!(r#"{{"active":true,"exp":{text}}}"#),
            )
            .await;
        reply.assert_problem(502, "upstream_error", None);
    }
    let ended = harness
        .answer_to("ended-token", r#"{"active":true,"exp":1800000000.9}"#)
        .await;
    ended.assert_inactive();
}

#[tokio::test]
async fn extension_numbers_keep_their_digits() {
    let harness = Harness::open("").await;
    let numbers = "[123456789012345678901234567890,-0.12345678901234567890123,1E400,0.0]";
    let body = format!(
        r#"{{"active":true,"exp":1800003600,"x":{numbers},"y":{{"z":18446744073709551616}}}}"#
    );
    for _cache in ["miss", "hit"] {
        let reply = harness.answer_to("exact-token", body.clone()).await;
        let text = String::from_utf8(reply.body.to_vec()).unwrap();
        assert!(text.contains(&format!(r#""x":{numbers}"#)), "{text}");
        assert!(text.contains(r#""y":{"z":18446744073709551616}"#), "{text}");
    }
    assert_eq!(harness.forward_auth("exact-token").await.status, 200);
}

#[tokio::test]
async fn lone_surrogate_drops_the_descriptive_member_only() {
    let harness = Harness::open("").await;
    let body = r#"{"active":true,"exp":1800003600,"sub":"alice","name":"Jos\ud800","address":{"street":"\udc00"},"ok":"\ud83d\ude00"}"#;
    let expected = json!({
        "active": true, "exp": 1_800_003_600, "sub": "alice", "ok": "\u{1f600}", "provider": "sso",
    });
    assert_eq!(
        harness.answer_to("surrogate-token", body).await.json(),
        expected
    );
    for (number, member) in ["sub", "scope", "aud", "cnf", "token_use"]
        .iter()
        .enumerate()
    {
        let body = format!(r#"{{"active":true,"exp":1800003600,"{member}":"\ud800"}}"#);
        let reply = harness
            .answer_to(&format!("undecided-{number}"), body)
            .await;
        reply.assert_problem(502, "upstream_error", None);
    }
}

#[tokio::test]
async fn clock_skew_applies_to_nbf_and_iat_but_not_exp() {
    let ahead = format!(
        r#"{{"active":true,"exp":{},"nbf":{},"iat":{}}}"#,
        NOW + 60,
        NOW + 30,
        NOW + 30
    );
    let strict = Harness::open("").await;
    strict
        .answer_to("early-token", ahead.clone())
        .await
        .assert_inactive();
    let skewed = Harness::open("clock_skew = \"30s\"").await;
    let answer = skewed.answer_to("early-token", ahead).await.json();
    assert_eq!(
        (&answer["nbf"], &answer["exp"]),
        (&json!(NOW + 30), &json!(NOW + 60))
    );
    let further = format!(r#"{{"active":true,"exp":{},"nbf":{}}}"#, NOW + 60, NOW + 31);
    skewed
        .answer_to("further-token", further)
        .await
        .assert_inactive();
    skewed.gateway.clock().advance(60);
    skewed.introspect("early-token").await.assert_inactive();
    let ended = skewed
        .answer_to(
            "ended-token",
            format!(r#"{{"active":true,"exp":{}}}"#, NOW + 60),
        )
        .await;
    ended.assert_inactive();
}
