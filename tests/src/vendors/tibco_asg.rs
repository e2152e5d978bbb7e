use std::time::SystemTime;

use introspectd_simulators::Answer;
use introspectd_simulators::tibco_asg::{self, CLIENT_ID, CLIENT_SECRET, OWNER};
use serde_json::{Value, json};

use super::SINGLE_FAULTS;
use crate::{Fixture, NOW, Sent, basic, now};

/// TIBCO API Exchange Gateway, asked by token.
pub struct TibcoAsg;

impl Fixture for TibcoAsg {
    type Server = tibco_asg::TibcoAsg;

    const PROVIDER: &'static str = "legacy";
    const ACTIVE: &'static str = tibco_asg::ACTIVE;
    const STALE: &'static str = tibco_asg::EXPIRED;
    const REVOKED: &'static str = tibco_asg::REVOKED;
    const UNKNOWN: &'static str = tibco_asg::UNKNOWN;
    const NOT_GOOD: &'static [&'static str] = &[tibco_asg::INACTIVE];
    const REQUIRED: &'static [&'static str] = &["accessToken", "status", "expiresOn"];
    const DECIDING: &'static [&'static str] = &[
        "accessToken",
        "status",
        "expiresOn",
        "scopes",
        "owner",
        "client",
    ];
    const OPTIONAL: &'static [&'static str] = &[
        "createdOn",
        "scopes",
        "owner",
        "client",
        "id",
        "grantType",
        "classification",
    ];
    const ECHOES: &'static [&'static str] = &["owner", "client", "id", "classification", "scopes"];
    const SECRETS: &'static [&'static str] = &["refreshToken", "secret", "samlToken"];
    const CREDENTIAL: &'static str = CLIENT_SECRET;

    fn server(now: SystemTime) -> Self::Server {
        tibco_asg::TibcoAsg::new(now)
    }

    fn section(base_url: &str) -> String {
        format!(
            r#"
            kind = "tibco-asg"
            base_url = "{base_url}"
            credentials = {{ type = "basic", username = "{CLIENT_ID}", password = {{ literal = "{CLIENT_SECRET}" }} }}
            {SINGLE_FAULTS}
            "#
        )
    }

    fn form(identifier: &str) -> Vec<(&str, &str)> {
        vec![("token", identifier)]
    }

    fn question(identifier: &str) -> Sent {
        Sent::get(
            format!("/asg/oauth2/access_token/{identifier}"),
            basic(CLIENT_ID, CLIENT_SECRET),
        )
    }

    fn revocation(identifier: &str) -> Sent {
        Sent::delete(
            format!("/asg/oauth2/access_token/{identifier}"),
            basic(CLIENT_ID, CLIENT_SECRET),
        )
    }

    fn show_revoked(server: &Self::Server) {
        server.show_revoked();
    }

    fn revoked() -> Vec<Answer> {
        vec![
            Answer::json(200, Self::record()),
            Answer::json(400, json!({"error": "invalid_grant"})),
        ]
    }

    fn not_revoked() -> Vec<Answer> {
        vec![
            Answer::json(200, json!({"accessToken": tibco_asg::SCOPE_STRING})),
            Answer::json(200, json!([Self::record()])),
            Answer::json(200, json!({})),
            Answer::empty(200),
            Answer::html(200),
            Answer::empty(204),
            Answer::json(400, json!({"error": "invalid_request"})),
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
            "scope": "reviews",
            "client_id": OWNER,
            "exp": NOW + 3600,
            "iat": NOW,
            "sub": OWNER,
            "jti": "5d34e914ad73b262dbf88a963dbccb41",
            "provider": "legacy",
            "grant_type": "client_credentials",
            "details": {"classification": "reviews"},
        })
    }

    fn minimal(end: i64) -> Value {
        // The last millisecond of the second is no second more.
        json!({"accessToken": Self::ACTIVE, "status": "Active", "expiresOn": end * 1000 + 999})
    }

    fn minimal_active(end: i64) -> Value {
        json!({"active": true, "exp": end, "provider": "legacy"})
    }

    fn wrong() -> Vec<(&'static str, Value)> {
        vec![
            ("accessToken", json!(5)),
            ("accessToken", json!(null)),
            ("accessToken", json!({"value": Self::ACTIVE})),
            ("status", json!(true)),
            ("status", json!(null)),
            ("status", json!(["Active"])),
            ("expiresOn", json!("1800003600000")),
            ("expiresOn", json!(1_800_003_600_000.5)),
            ("expiresOn", json!(null)),
            ("expiresOn", json!(false)),
            ("expiresOn", json!(i64::MAX)),
            ("expiresOn", json!(u64::MAX)),
            ("scopes", json!(5)),
            ("scopes", json!([5])),
            ("owner", json!(5)),
            ("client", json!({})),
        ]
    }

    fn about_another() -> Vec<Value> {
        let with = |member: &str, token: &str| {
            let mut record = Self::record();
            record[member] = json!(token);
            record
        };
        vec![
            with("accessToken", tibco_asg::SCOPE_STRING),
            with("accessToken", ""),
            with("accessToken", &Self::ACTIVE.to_uppercase()),
            with("accessToken", &format!("{}0", Self::ACTIVE)),
            // The other documented shape, beside the first, and saying something else.
            with("access_token", tibco_asg::SCOPE_STRING),
        ]
    }

    fn undocumented() -> Vec<Answer> {
        vec![
            Answer::json(400, json!({"error": "invalid_request"})),
            Answer::json(400, json!({"error": ["invalid_grant"]})),
            Answer::json(400, json!({"fault": "invalid_grant"})),
            Answer::json(404, json!({"error": "invalid_grant"})),
            // The other documented shape: it has neither status nor end.
            Answer::json(
                200,
                json!({"access_token": Self::ACTIVE, "expires_in": 3600, "scope": "reviews"}),
            ),
        ]
    }
}
