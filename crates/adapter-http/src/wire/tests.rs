use introspectd_core::{Audience, Expiry, ScopeSet, State};
use serde_json::{Value, json};

use super::*;
use crate::Config;

const NOW: i64 = 1_800_000_000;
const TOKEN: &str = "gho_16C7e42F292c6912E7710c838347Ae178B4a";

const SERVER: &str = r#"
request = { method = "POST", url = "https://api.example/token", json = { access_token = "{token}" } }
credentials = { type = "none" }
active = [{ status = 200 }, { pointer = "/ok", equals = true }]
inactive = [{ status = 404 }, { pointer = "/error", exists = true }]
about = { pointer = "/token" }
claims = { client_id = "/app/client_id", sub = "/user/id", aud = "/aud", scope = { pointer = "/scopes" }, exp = { pointer = "/expires_at", unit = "rfc3339", absent = "never" }, iat = { pointer = "/created_at", unit = "rfc3339" }, token_type = "/type" }
require = { client_id = ["Iv1.abc"] }
lifetime = "5m"
details = ["/note", "/user"]
secrets = ["/token", "/hashed_token", "/user/key"]
"#;

fn config(toml: &str) -> Config {
    let environment = introspectd_settings::Environment::default();
    let mut root = introspectd_settings::parse_named(toml, "test.toml", &environment, &[]).unwrap();
    let config = Config::read(&mut root);
    root.ledger().clone().close().unwrap();
    config.unwrap()
}

fn token() -> TokenValue {
    TokenValue::parse(TOKEN.to_owned()).unwrap()
}

fn read_with(toml: &str, status: u16, body: &str) -> Result<Introspection, BadAnswer> {
    let now = Timestamp::from_seconds(NOW).unwrap();
    let status = StatusCode::from_u16(status).unwrap();
    let (config, token) = (config(toml), token());
    read(
        status,
        body.as_bytes(),
        Asked::Token(&token),
        &config.reading,
        now,
    )
}

fn read_answer(status: u16, body: &Value) -> Result<Introspection, BadAnswer> {
    read_with(SERVER, status, &body.to_string())
}

fn active() -> Value {
    json!({
        "ok": true,
        "token": TOKEN,
        "hashed_token": "25f94a2a5c7fbaf499c665bc73d67c1c87e496da8985131633ee0a95819db2e8",
        "app": {"client_id": "Iv1.abc", "name": "my app"},
        "user": {"id": 1, "login": "octocat", "key": "s3cret", "access_token": "x"},
        "scopes": ["repo", "user"],
        "note": "optional note",
        "created_at": "2026-01-01T00:00:00Z",
        "expires_at": null,
    })
}

/// The sample with this member, or without it.
fn with(name: &str, value: Value) -> Value {
    let mut body = active();
    body[name] = value;
    body
}

fn record(body: &Value) -> Box<introspectd_core::Token> {
    match read_answer(200, body) {
        Ok(Introspection::Token(token)) => token,
        other => panic!("{other:?}"),
    }
}

#[test]
fn claims_come_from_where_they_are_mapped() {
    let token = record(&active());
    assert_eq!(token.client_id.as_deref(), Some("Iv1.abc"));
    assert_eq!(token.sub.as_deref(), Some("1"));
    assert_eq!(token.scope, ScopeSet::from_spaced("repo user"));
    assert_eq!(token.expiry, Expiry::Never);
    assert_eq!(token.iat.map(Timestamp::seconds), Some(1_767_225_600));
    assert_eq!(token.aud, None);
    let kept = json!({"note": "optional note", "user": {"id": 1, "login": "octocat"}});
    assert_eq!(token.details, kept.as_object().unwrap().clone().into());
    for (aud, read) in [
        (json!("a"), Audience::One("a".to_owned())),
        (json!(7), Audience::One("7".to_owned())),
        (
            json!(["a", 7]),
            Audience::Many(vec!["a".to_owned(), "7".to_owned()]),
        ),
    ] {
        assert_eq!(record(&with("aud", aud)).aud, Some(read));
    }
    let end = record(&with("expires_at", json!("2027-01-15T08:00:01+00:00")));
    assert_eq!(
        end.state(Timestamp::from_seconds(NOW).unwrap()),
        State::Active
    );
    assert_eq!(
        end.state(Timestamp::from_seconds(NOW + 1).unwrap()),
        State::Expired
    );
}

/// Sample of "Check a token", <https://docs.github.com/en/rest/apps/oauth-applications>.
#[test]
fn documented_sample_of_github_is_read_and_has_ended() {
    let body = include_str!("../../testdata/github.json");
    let server = SERVER
        .replace(", { pointer = \"/ok\", equals = true }", "")
        .replace("Iv1.abc", "Iv1.8a61f9b3a7aba766");
    let presented = "ghu_16C7e42F292c6912E7710c838347Ae178B4a".to_owned();
    let presented = TokenValue::parse(presented).unwrap();
    let now = Timestamp::from_seconds(NOW).unwrap();
    let (asked, config) = (Asked::Token(&presented), config(&server));
    let read = read(StatusCode::OK, body.as_bytes(), asked, &config.reading, now);
    let Ok(Introspection::Token(token)) = read else {
        panic!("{read:?}");
    };
    assert_eq!(token.state(now), State::Expired);
    assert_eq!(token.exp().map(Timestamp::seconds), Some(1_315_502_787));
    assert_eq!(token.sub.as_deref(), Some("1"));
}

#[test]
fn neither_active_nor_inactive_and_both_say_nothing() {
    let inactive = Ok(Introspection::Inactive);
    assert_eq!(read_with(SERVER, 404, ""), inactive);
    assert_eq!(read_with(SERVER, 404, "<html>"), inactive);
    assert_eq!(read_answer(200, &json!({"error": "bad"})), inactive);
    assert_eq!(read_answer(404, &json!({"ok": false})), inactive);
    for (status, body) in [
        (200, with("error", json!("x"))),
        (200, with("ok", json!(false))),
        (200, with("ok", json!(null))),
        (201, active()),
        (204, json!({})),
        (400, json!({})),
        (500, json!({})),
    ] {
        let nothing = Err(BadAnswer::Undecided(status));
        assert_eq!(read_answer(status, &body), nothing, "{status} {body}");
    }
    for body in ["", "[]", "<html>", "null", "{", "{}{}"] {
        assert_eq!(
            read_with(SERVER, 200, body),
            Err(BadAnswer::Undecided(200)),
            "{body}"
        );
    }
}

#[test]
fn active_is_no_answer_without_success() {
    let server = SERVER.replace("{ status = 200 }, ", "");
    assert_eq!(
        read_with(&server, 400, &active().to_string()),
        Err(BadAnswer::Undecided(400))
    );
    let by_status = SERVER.replace(", { pointer = \"/ok\", equals = true }", "");
    for body in ["", "[]", "<html>"] {
        let read = read_with(&by_status, 200, body);
        assert_eq!(read, Err(BadAnswer::NotAnObject), "{body}");
    }
}

#[test]
fn wrong_type_is_no_absence() {
    for (name, wrong, place) in [
        ("ok", json!("true"), "/ok"),
        ("ok", json!(1), "/ok"),
        ("token", json!(5), "/token"),
        ("app", json!("Iv1.abc"), "/app/client_id"),
        ("app", json!({"client_id": ["Iv1.abc"]}), "/app/client_id"),
        ("app", json!({"client_id": true}), "/app/client_id"),
        ("user", json!({"id": 1.5}), "/user/id"),
        ("user", json!({"id": {}}), "/user/id"),
        ("aud", json!({}), "/aud"),
        ("aud", json!([null]), "/aud"),
        ("scopes", json!("repo user"), "/scopes"),
        ("scopes", json!([1]), "/scopes"),
        ("scopes", json!({}), "/scopes"),
        ("expires_at", json!(1_900_000_000), "/expires_at"),
        ("expires_at", json!("tomorrow"), "/expires_at"),
        ("expires_at", json!(""), "/expires_at"),
        ("created_at", json!(false), "/created_at"),
    ] {
        let body = with(name, wrong);
        assert_eq!(
            read_answer(200, &body),
            Err(BadAnswer::member(place)),
            "{body}"
        );
    }
}

#[test]
fn repeated_member_that_decides_makes_the_answer_invalid() {
    let body = active().to_string();
    for (name, value) in [
        ("ok", "true"),
        ("token", "\"x\""),
        ("app", "{}"),
        ("scopes", "[]"),
        ("expires_at", "null"),
    ] {
        for repeated in [
            body.replacen('{', &format!("{{\"{name}\":{value},"), 1),
            format!("{},\"{name}\":{value}}}", body.strip_suffix('}').unwrap()),
        ] {
            let read = read_with(SERVER, 200, &repeated);
            assert!(matches!(read, Err(BadAnswer::Member(_))), "{repeated}");
        }
    }
    let harmless = body.replacen('{', "{\"other\":1,\"other\":2,", 1);
    assert!(read_with(SERVER, 200, &harmless).is_ok());
}

#[test]
fn answer_is_about_the_presented_token() {
    assert_eq!(
        read_answer(200, &with("token", json!("other"))),
        Err(BadAnswer::OtherToken)
    );
    let missing = Err(BadAnswer::member("/token"));
    assert_eq!(read_answer(200, &with("token", Value::Null)), missing);
    // One that names another token says nothing of this one either way.
    let body = json!({"error": "expired", "token": "other"});
    assert_eq!(read_answer(200, &body), Err(BadAnswer::OtherToken));
    let body = json!({"error": "expired", "token": TOKEN});
    assert_eq!(read_answer(200, &body), Ok(Introspection::Inactive));
}

#[test]
fn token_of_another_application_is_inactive() {
    for app in [json!({"client_id": "Iv1.abcd"}), json!({}), json!(null)] {
        assert_eq!(
            read_answer(200, &with("app", app)),
            Ok(Introspection::Inactive)
        );
    }
    let server = SERVER.replace(
        "require = { client_id = [\"Iv1.abc\"] }",
        "require = { aud = [\"us\", \"we\"] }",
    );
    for (aud, is_ours) in [
        (json!("us"), true),
        (json!(["them", "we"]), true),
        (json!("them"), false),
        (json!([]), false),
        (json!(null), false),
        (json!("us we"), false),
    ] {
        let read = read_with(&server, 200, &with("aud", aud.clone()).to_string());
        assert_eq!(read != Ok(Introspection::Inactive), is_ours, "{aud}");
    }
}

#[test]
fn presented_token_is_dropped_wherever_it_stands() {
    let body = with("note", json!(format!("https://x.example/?t={TOKEN}")));
    assert_eq!(record(&body).details.get("note"), None);
    let body = with("scopes", json!(["repo", TOKEN]));
    assert_eq!(record(&body).scope, ScopeSet::from_spaced("repo"));
    let shown = format!("{:?}", record(&active()));
    assert!(!shown.contains(TOKEN) && !shown.contains("s3cret") && !shown.contains("25f94a2a"));
}

#[test]
fn secret_within_a_detail_is_removed_from_its_depth() {
    let server = SERVER
        .replace("details = [", "details = [\"/list\", ")
        .replace(
            "secrets = [",
            "secrets = [\"/list/0/deep/key\", \"/list/1\", ",
        );
    let list = json!([{"deep": {"key": "s3cret", "kept": 1}}, "s3cret", {"client_secret": "x"}]);
    let read = read_with(&server, 200, &with("list", list).to_string());
    let Ok(Introspection::Token(token)) = read else {
        panic!("{read:?}");
    };
    let kept = json!([{"deep": {"kept": 1}}, null, {}]);
    assert_eq!(token.details.get("list"), Some(&kept.into()));
}

#[test]
fn list_in_one_string_is_split_where_it_is_said() {
    let server = SERVER.replace(
        "scope = { pointer = \"/scopes\" }",
        "scope = { pointer = \"/scopes\", separator = \",\" }",
    );
    let read = |scopes: Value| read_with(&server, 200, &with("scopes", scopes).to_string());
    let scope = |scopes| match read(scopes) {
        Ok(Introspection::Token(token)) => token.scope,
        other => panic!("{other:?}"),
    };
    assert_eq!(scope(json!("a,b, c,,")), ScopeSet::from_spaced("a b c"));
    assert_eq!(scope(json!("")), ScopeSet::default());
    // With a space within, it is no scope, and not two.
    assert_eq!(scope(json!("a b,c")), ScopeSet::from_spaced("c"));
    assert_eq!(read(json!(["a"])), Err(BadAnswer::member("/scopes")));
}

#[test]
fn record_of_a_lookup_is_the_one_of_the_id() {
    let server = format!(
        "{}lookup = {{ method = \"GET\", url = \"https://api.example/tokens/{{token_id}}\" }}\n",
        SERVER.replace("sub = ", "jti = \"/id\", sub = ")
    );
    let config = config(&server);
    let now = Timestamp::from_seconds(NOW).unwrap();
    let id = TokenId::parse("t-1".to_owned()).unwrap();
    let lookup = |body: Value| {
        let body = body.to_string();
        read(
            StatusCode::OK,
            body.as_bytes(),
            Asked::Id(&id),
            &config.reading,
            now,
        )
    };
    assert!(matches!(
        lookup(with("id", json!("t-1"))),
        Ok(Introspection::Token(_))
    ));
    assert_eq!(lookup(with("id", json!("t-2"))), Err(BadAnswer::OtherToken));
    assert_eq!(lookup(active()), Err(BadAnswer::OtherToken));
}

#[test]
fn revocation_is_done_when_a_condition_says_so() {
    let done = [
        Condition::Status(StatusCode::NO_CONTENT),
        Condition::Exists(Pointer::parse("/revoked").unwrap(), true),
    ];
    let revoked = |status: u16, body: &str| {
        read_revocation(
            StatusCode::from_u16(status).unwrap(),
            body.as_bytes(),
            &done,
        )
    };
    assert_eq!(revoked(204, ""), Ok(()));
    assert_eq!(revoked(200, r#"{"revoked":true}"#), Ok(()));
    assert_eq!(revoked(200, "{}"), Err(BadAnswer::Status(200).into()));
    assert_eq!(revoked(404, "<html>"), Err(BadAnswer::Status(404).into()));
}

/// Judges any answer: active is only what every condition says to be.
#[test]
fn any_answer_is_judged_strictly() {
    let good = active().to_string();
    let seeds: [&[u8]; 3] = [
        good.as_bytes(),
        br#"{"error":"invalid_token"}"#,
        br#"{"ok":true,"token":"x","scopes":["a"],"expires_at":"2027-01-15T08:00:01Z"}"#,
    ];
    let (config, token) = (config(SERVER), token());
    let now = Timestamp::from_seconds(NOW).unwrap();
    introspectd_fuzz::check!(&seeds, |bytes: &[u8]| {
        let asked = Asked::Token(&token);
        let Ok(introspection) = read(StatusCode::OK, bytes, asked, &config.reading, now) else {
            return;
        };
        let body: Value = serde_json::from_slice(bytes).unwrap_or_default();
        match introspection {
            Introspection::Token(record) => {
                assert!(!format!("{record:?}").contains(TOKEN));
                if body.is_object() {
                    assert_eq!(body["ok"], json!(true));
                    assert_eq!(body["token"], json!(TOKEN));
                    assert_eq!(body["app"]["client_id"], json!("Iv1.abc"));
                    assert_eq!(body.get("error").unwrap_or(&Value::Null), &Value::Null);
                }
            }
            Introspection::Inactive => {
                let is_other = body["app"]["client_id"] != json!("Iv1.abc");
                assert!(!body.is_object() || is_other || !body["error"].is_null());
            }
        }
    });
}
