use std::time::SystemTime;

use introspectd_simulators::Answer;
use introspectd_simulators::apigee::{
    self, CONSUMER_KEY, NOT_FOUND_CODE, ORGANIZATION, PASSWORD, USERNAME,
};
use serde_json::{Value, json};

use super::SINGLE_FAULTS;
use crate::{Fixture, NOW, Sent, basic, now};

/// Apigee Edge, asked by token.
pub struct Apigee;

/// Issue time, with the fraction of a second at which simulators start: it is forwarded unchanged.
const ISSUED_MILLIS: i64 = NOW * 1000 + 337;

impl Fixture for Apigee {
    type Server = apigee::Apigee;

    const PROVIDER: &'static str = "apis";
    const ACTIVE: &'static str = apigee::ACTIVE;
    const STALE: &'static str = apigee::EXPIRED;
    const REVOKED: &'static str = apigee::REVOKED;
    const UNKNOWN: &'static str = apigee::UNKNOWN;
    // An end of -1 is documented as "never" for keys only, so a token with it has expired.
    const NOT_GOOD: &'static [&'static str] = &[apigee::STATUS_EXPIRED, apigee::NEVER_EXPIRES];
    const REQUIRED: &'static [&'static str] = &["token", "status", "expiresAt"];
    const DECIDING: &'static [&'static str] =
        &["token", "status", "expiresAt", "scope", "clientId"];
    const OPTIONAL: &'static [&'static str] = &[
        "issuedAt",
        "scope",
        "clientId",
        "tokenType",
        "grantType",
        "app",
        "appId",
        "apiProducts",
        "attributes",
        "refreshCount",
        "createdAt",
        "createdBy",
        "lastModifiedAt",
        "lastModifiedBy",
    ];
    const ECHOES: &'static [&'static str] = &[
        "clientId",
        "scope",
        "app",
        "appId",
        "createdBy",
        "lastModifiedBy",
        "attributes",
        "apiProducts",
    ];
    const SECRETS: &'static [&'static str] = &["refreshToken"];
    const CREDENTIAL: &'static str = PASSWORD;

    fn server(now: SystemTime) -> Self::Server {
        apigee::Apigee::new(now)
    }

    fn section(base_url: &str) -> String {
        format!(
            r#"
            kind = "apigee"
            base_url = "{base_url}"
            organization = "{ORGANIZATION}"
            credentials = {{ type = "basic", username = "{USERNAME}", password = {{ literal = "{PASSWORD}" }} }}
            {SINGLE_FAULTS}
            "#
        )
    }

    fn form(identifier: &str) -> Vec<(&str, &str)> {
        vec![("token", identifier)]
    }

    fn question(identifier: &str) -> Sent {
        Sent::get(
            format!("/v1/o/{ORGANIZATION}/oauth2/accesstokens/{identifier}"),
            basic(USERNAME, PASSWORD),
        )
    }

    fn revocation(identifier: &str) -> Sent {
        let target = format!("/v1/o/{ORGANIZATION}/oauth2/accesstokens/{identifier}?action=revoke");
        Sent::post(
            target,
            basic(USERNAME, PASSWORD),
            "application/octet-stream",
            String::new(),
        )
    }

    fn show_revoked(server: &Self::Server) {
        server.show_revoked();
    }

    fn revoked() -> Vec<Answer> {
        vec![
            Answer::empty(204),
            Answer::json(200, Self::record()),
            apigee::not_found(NOT_FOUND_CODE),
            apigee::not_found(apigee::OTHER_NOT_FOUND_CODE),
            apigee::not_found("keymanagement.service.invalid_access_token"),
            apigee::not_found("keymanagement.service.invalid_accesstoken"),
        ]
    }

    fn not_revoked() -> Vec<Answer> {
        vec![
            apigee::not_found("messaging.config.beans.NoOrganization"),
            Answer::json(
                400,
                json!({"code": "keymanagement.service.access_token_approve_failed"}),
            ),
            Answer::json(200, json!({"token": apigee::ATTRIBUTES})),
            Answer::json(200, json!({"count": 42})),
            Answer::html(200),
            Answer::empty(200),
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
            "client_id": CONSUMER_KEY,
            "token_type": "Bearer",
            "exp": NOW + 1800,
            "iat": NOW,
            "provider": "apis",
            "grant_type": "password",
            "details": {
                "app": "app1",
                "attributes": [],
                "refreshCount": 0,
                "createdAt": ISSUED_MILLIS,
                "createdBy": "defaultUser",
                "lastModifiedAt": ISSUED_MILLIS,
                "lastModifiedBy": "defaultUser",
            },
        })
    }

    fn minimal(end: i64) -> Value {
        // The last millisecond of the second is no second more.
        json!({"token": Self::ACTIVE, "status": "approved", "expiresAt": end * 1000 + 999})
    }

    fn minimal_active(end: i64) -> Value {
        json!({"active": true, "exp": end, "provider": "apis"})
    }

    fn wrong() -> Vec<(&'static str, Value)> {
        vec![
            ("token", json!(5)),
            ("token", json!(null)),
            ("token", json!([Self::ACTIVE])),
            ("status", json!(true)),
            ("status", json!(null)),
            ("status", json!(1)),
            ("expiresAt", json!("1800003600000")),
            ("expiresAt", json!(1_800_003_600_000.5)),
            ("expiresAt", json!(null)),
            ("expiresAt", json!(i64::MAX)),
            ("expiresAt", json!(u64::MAX)),
            ("scope", json!(["read"])),
            ("scope", json!(5)),
            ("clientId", json!(5)),
        ]
    }

    fn about_another() -> Vec<Value> {
        let with = |token: &str| {
            let mut record = Self::record();
            record["token"] = json!(token);
            record
        };
        vec![
            with(apigee::ATTRIBUTES),
            with(""),
            with(&Self::ACTIVE.to_lowercase()),
            with(&format!("{}0", Self::ACTIVE)),
        ]
    }

    fn undocumented() -> Vec<Answer> {
        vec![
            apigee::not_found("messaging.config.beans.NoOrganization"),
            apigee::not_found(&NOT_FOUND_CODE.to_lowercase()),
            Answer::json(404, json!({"message": "Access Token doesnt exists"})),
            Answer::json(404, json!({"code": [NOT_FOUND_CODE]})),
            Answer::json(404, json!([{"code": NOT_FOUND_CODE}])),
            Answer::json(400, json!({"code": NOT_FOUND_CODE})),
            // How many tokens there are, and a search's list of live ones.
            Answer::json(200, json!({"count": 42})),
            Answer::json(200, json!([Self::ACTIVE])),
        ]
    }
}
