use std::net::SocketAddr;
use std::time::SystemTime;

use http::{Request, request};
use introspectd_simulators::Answer;
use introspectd_simulators::passport::{self, BEARER};
use percent_encoding::percent_decode_str;
use serde_json::{Value, json};

use super::SINGLE_FAULTS;
use crate::{Fixture, NOW, Sent, now};

/// Passport, asked by token id.
pub struct Passport;

impl Passport {
    /// Section of a provider at which we fetch a bearer token of our own.
    pub fn section_with_grant(base_url: &str) -> String {
        format!(
            r#"
            kind = "passport"
            base_url = "{base_url}"
            credentials = {{ type = "client_credentials", client_id = "{}", client_secret = {{ literal = "{}" }} }}
            "#,
            passport::CLIENT_ID,
            passport::CLIENT_SECRET
        )
    }
}

impl Fixture for Passport {
    type Server = passport::Passport;

    const PROVIDER: &'static str = "bank";
    const ACTIVE: &'static str = passport::ACTIVE;
    const STALE: &'static str = passport::EXPIRED;
    const REVOKED: &'static str = passport::REVOKED;
    const UNKNOWN: &'static str = passport::UNKNOWN;
    const NOT_GOOD: &'static [&'static str] = &[];
    const REQUIRED: &'static [&'static str] = &["token_id", "created_at", "expires_in"];
    const DECIDING: &'static [&'static str] =
        &["token_id", "created_at", "expires_in", "scopes", "roles"];
    const OPTIONAL: &'static [&'static str] = &["scopes", "roles", "token_type", "grant_flow"];
    // It is an id that is presented here, and an id is no secret.
    const ECHOES: &'static [&'static str] = &[];
    const SECRETS: &'static [&'static str] = &["access_token"];
    const CREDENTIAL: &'static str = BEARER;

    fn server(now: SystemTime) -> Self::Server {
        passport::Passport::new(now)
    }

    fn section(base_url: &str) -> String {
        format!(
            r#"
            kind = "passport"
            base_url = "{base_url}"
            credentials = {{ type = "bearer", token = {{ literal = "{BEARER}" }} }}
            {SINGLE_FAULTS}
            "#
        )
    }

    fn form(identifier: &str) -> Vec<(&str, &str)> {
        vec![
            ("token", identifier),
            ("token_type_hint", "token_id"),
            ("provider", Self::PROVIDER),
        ]
    }

    fn question(identifier: &str) -> Sent {
        Sent::get(
            format!("/v1/iam/oauth/tokens/{identifier}"),
            format!("Bearer {BEARER}"),
        )
    }

    fn revoke(gateway: SocketAddr, identifier: &str) -> request::Builder {
        Request::delete(format!(
            "http://{gateway}/v1/providers/bank/tokens/{identifier}"
        ))
    }

    fn revocation(identifier: &str) -> Sent {
        let target = format!("/v1/iam/oauth/tokens/{identifier}");
        let body =
            json!({"token_id": percent_decode_str(identifier).decode_utf8_lossy()}).to_string();
        Sent {
            method: "DELETE",
            ..Sent::post(target, format!("Bearer {BEARER}"), "application/json", body)
        }
    }

    fn show_revoked(server: &Self::Server) {
        server.show_revoked();
    }

    fn revoked() -> Vec<Answer> {
        vec![
            Answer::empty(200),
            Answer::empty(204),
            Answer::json(200, json!({})),
            Answer::json(404, json!({"message": "not found", "http_code": 404})),
        ]
    }

    fn not_revoked() -> Vec<Answer> {
        vec![
            Answer::json(400, json!({"code": "BAD_REQUEST", "http_code": 400})),
            Answer::json(404, json!(null)),
            Answer::empty(404),
            Answer::empty(409),
            Answer::html(200),
            Answer::json(200, json!({"token_id": passport::READER})),
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
            "scope": SCOPE,
            "token_type": "Bearer",
            "exp": NOW + 86_400,
            "iat": NOW,
            "jti": "249a0a2e-028a-4e15-a841-de9fd4e4cd84",
            "provider": "bank",
            "roles": ["entity.client_credentials"],
        })
    }

    fn minimal(end: i64) -> Value {
        json!({
            "token_id": Self::ACTIVE,
            "created_at": "2027-01-15T08:00:00Z",
            "expires_in": end - NOW,
        })
    }

    fn minimal_active(end: i64) -> Value {
        json!({"active": true, "exp": end, "iat": NOW, "jti": Self::ACTIVE, "provider": "bank"})
    }

    fn wrong() -> Vec<(&'static str, Value)> {
        vec![
            ("token_id", json!(5)),
            ("token_id", json!(null)),
            ("token_id", json!([Self::ACTIVE])),
            ("created_at", json!(NOW)),
            ("created_at", json!("yesterday")),
            ("created_at", json!("")),
            ("created_at", json!(null)),
            ("expires_in", json!("86400")),
            ("expires_in", json!(86400.5)),
            ("expires_in", json!(true)),
            ("expires_in", json!(i64::MAX)),
            ("expires_in", json!(u64::MAX)),
            ("scopes", json!("iam.users.get")),
            ("scopes", json!([5])),
            ("scopes", json!({"iam.users.get": true})),
            ("roles", json!("admin")),
        ]
    }

    fn about_another() -> Vec<Value> {
        let with = |id: Value| {
            let mut record = Self::record();
            record["token_id"] = id;
            record
        };
        vec![
            with(json!(passport::READER)),
            with(json!("")),
            with(json!(Self::ACTIVE.to_uppercase())),
            with(json!(format!("{} ", Self::ACTIVE))),
        ]
    }

    fn undocumented() -> Vec<Answer> {
        vec![
            Answer::json(400, json!({"code": "BAD_REQUEST", "http_code": 400})),
            Answer::json(404, json!([{"code": "NOT_FOUND"}])),
            Answer::json(404, json!(null)),
            Answer::json(409, json!({"code": "CONFLICT"})),
            // "List token information".
            Answer::json(
                200,
                json!({"pagination_info": {}, "tokens": [Self::record()]}),
            ),
        ]
    }
}

const SCOPE: &str = "iam.accounts.get iam.users.get iam.users.list.get iam.login_profiles.patch \
    iam.oauth.tokens.list.get iam.oauth.tokens.get iam.oauth.tokens.delete iam.logout.post \
    iam.mfa.* iam.roles.get iam.roles.list.get iam.roles.users.list.get iam.users.roles.list.get \
    paas.core.entity_customers.post paas.core.entity_customers.patch \
    paas.core.entity_customers.get \
    paas.core.entity_customers.list.get paas.core.accounts.post paas.core.accounts.get \
    paas.core.accounts.list.get paas.core.account_keys.post paas.core.account_keys.get \
    paas.core.account_keys.list.get paas.core.breb_recipients.post paas.core.breb_recipients.get \
    paas.core.breb_recipients.list.get paas.core.breb_payments.post paas.core.breb_payments.get \
    paas.core.breb_payments.list.get paas.core.webhooks.post paas.core.webhooks.get \
    paas.core.webhooks.list.get paas.core.webhooks.patch paas.core.webhooks.delete \
    paas.core.qrcodes.post paas.core.qrcodes.get paas.core.qrcodes.list.get \
    paas.core.account_keys.patch";
