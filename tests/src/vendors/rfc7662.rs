use std::time::SystemTime;

use introspectd_simulators::Answer;
use introspectd_simulators::rfc7662::{self, AUDIENCE, CLIENT_ID, CLIENT_SECRET, ISSUER, SUBJECT};
use serde_json::{Value, json};

use super::SINGLE_FAULTS;
use crate::{Fixture, NOW, Sent, basic, form_body, now};

/// Any server of RFC 7662, asked by token.
pub struct Rfc7662;

impl Fixture for Rfc7662 {
    type Server = rfc7662::Rfc7662;

    const PROVIDER: &'static str = "sso";
    const ACTIVE: &'static str = rfc7662::ACTIVE;
    const STALE: &'static str = rfc7662::STALE;
    const REVOKED: &'static str = rfc7662::REVOKED;
    const UNKNOWN: &'static str = rfc7662::UNKNOWN;
    const NOT_GOOD: &'static [&'static str] = &[rfc7662::EXPIRED, rfc7662::NOT_YET];
    const REQUIRED: &'static [&'static str] = &["active", "exp"];
    const DECIDING: &'static [&'static str] = &[
        "active",
        "exp",
        "nbf",
        "scope",
        "client_id",
        "username",
        "sub",
        "aud",
        "iss",
        "roles",
        "token_type",
        "cnf",
        "token_use",
    ];
    const OPTIONAL: &'static [&'static str] = &[
        "nbf",
        "iat",
        "scope",
        "client_id",
        "username",
        "sub",
        "aud",
        "iss",
        "jti",
        "token_type",
    ];
    const ECHOES: &'static [&'static str] = &[
        "scope",
        "client_id",
        "username",
        "sub",
        "aud",
        "iss",
        "jti",
        "token_type",
        "roles",
        "grant_type",
        "extension_field",
        "token",
    ];
    const SECRETS: &'static [&'static str] = &["access_token", "refresh_token"];
    const CREDENTIAL: &'static str = CLIENT_SECRET;

    fn server(now: SystemTime) -> Self::Server {
        rfc7662::Rfc7662::new(now)
    }

    fn section(base_url: &str) -> String {
        format!(
            r#"
            kind = "rfc7662"
            introspection_endpoint = "{base_url}/introspect"
            revocation_endpoint = "{base_url}/revoke"
            credentials = {{ type = "client_secret_basic", client_id = "{CLIENT_ID}", client_secret = {{ literal = "{CLIENT_SECRET}" }} }}
            {SINGLE_FAULTS}
            "#
        )
    }

    fn form(identifier: &str) -> Vec<(&str, &str)> {
        vec![("token", identifier)]
    }

    fn question(identifier: &str) -> Sent {
        let body = form_body(&[("token", identifier)]);
        Sent::form(
            "/introspect".to_owned(),
            basic(CLIENT_ID, CLIENT_SECRET),
            body,
        )
    }

    fn revocation(identifier: &str) -> Sent {
        let body = form_body(&[("token", identifier)]);
        Sent::form("/revoke".to_owned(), basic(CLIENT_ID, CLIENT_SECRET), body)
    }

    fn show_revoked(server: &Self::Server) {
        server.show_revoked();
    }

    fn revoked() -> Vec<Answer> {
        vec![
            Answer::empty(200),
            Answer::json(200, json!({})),
            Answer::text(200, "text/plain", "ok"),
        ]
    }

    fn not_revoked() -> Vec<Answer> {
        vec![
            Answer::empty(204),
            Answer::json(400, json!({"error": "invalid_request"})),
            Answer::json(400, json!({"error": ["unsupported_token_type"]})),
        ]
    }

    fn record() -> Value {
        Self::server(now())
            .record(Self::ACTIVE)
            .expect("the sample")
    }

    fn active() -> Value {
        json!({
            "active": true,
            "scope": "read write",
            "client_id": "l238j323ds-23ij4",
            "username": "jdoe",
            "token_type": "Bearer",
            "exp": NOW + 3600,
            "iat": NOW,
            "nbf": NOW,
            "sub": SUBJECT,
            "aud": AUDIENCE,
            "iss": ISSUER,
            "jti": format!("{SUBJECT}-{NOW}"),
            "provider": "sso",
            "extension_field": "twenty-seven",
        })
    }

    fn minimal(end: i64) -> Value {
        json!({"active": true, "exp": end})
    }

    fn minimal_active(end: i64) -> Value {
        json!({"active": true, "exp": end, "provider": "sso"})
    }

    fn wrong() -> Vec<(&'static str, Value)> {
        vec![
            ("active", json!("true")),
            ("active", json!(1)),
            ("active", json!(null)),
            ("active", json!([true])),
            ("exp", json!("1800003600")),
            ("exp", json!(null)),
            ("exp", json!(i64::MAX)),
            ("exp", json!(u64::MAX)),
            ("nbf", json!("1800000000")),
            ("nbf", json!(i64::MIN)),
            ("scope", json!(["read", "write"])),
            ("scope", json!(5)),
            ("aud", json!(5)),
            ("aud", json!([5])),
            ("aud", json!({})),
            ("sub", json!(5)),
            ("client_id", json!(5)),
            ("username", json!({})),
            ("iss", json!(true)),
        ]
    }

    fn about_another() -> Vec<Value> {
        Vec::new()
    }

    fn undocumented() -> Vec<Answer> {
        vec![
            Answer::json(400, json!({"active": false})),
            Answer::json(404, json!({"active": false})),
            Answer::json(400, json!({"error": "invalid_request"})),
            Answer::json(200, json!({})),
            Answer::json(200, json!({"error": "invalid_token"})),
        ]
    }
}
