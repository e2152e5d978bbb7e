use std::time::SystemTime;

use introspectd_simulators::Answer;
use introspectd_simulators::apigee::{self, NOT_FOUND_CODE, ORGANIZATION, PASSWORD, USERNAME};
use serde_json::{Value, json};

use super::SINGLE_FAULTS;
use crate::{Apigee, Fixture, NOW, Sent, basic};

/// Apigee Edge by description alone: the same server, requests and records as [`Apigee`].
pub struct Described;

impl Fixture for Described {
    type Server = apigee::Apigee;

    const PROVIDER: &'static str = Apigee::PROVIDER;
    const ACTIVE: &'static str = Apigee::ACTIVE;
    const STALE: &'static str = Apigee::STALE;
    const REVOKED: &'static str = Apigee::REVOKED;
    const UNKNOWN: &'static str = Apigee::UNKNOWN;
    const NOT_GOOD: &'static [&'static str] = Apigee::NOT_GOOD;
    const REQUIRED: &'static [&'static str] = Apigee::REQUIRED;
    const DECIDING: &'static [&'static str] = Apigee::DECIDING;
    const OPTIONAL: &'static [&'static str] = Apigee::OPTIONAL;
    const ECHOES: &'static [&'static str] = Apigee::ECHOES;
    const SECRETS: &'static [&'static str] = Apigee::SECRETS;
    const CREDENTIAL: &'static str = Apigee::CREDENTIAL;

    fn server(now: SystemTime) -> Self::Server {
        Apigee::server(now)
    }

    fn section(base_url: &str) -> String {
        let url = format!("{base_url}/v1/o/{ORGANIZATION}/oauth2/accesstokens/{{token}}");
        format!(
            r#"
            kind = "http"
            request = {{ method = "GET", url = "{url}" }}
            credentials = {{ type = "basic", username = "{USERNAME}", password = {{ literal = "{PASSWORD}" }} }}
            active = [{{ status = 200 }}, {{ pointer = "/status", equals = "approved" }}]
            inactive = [
                {{ pointer = "/status", equals = "revoked" }},
                {{ pointer = "/status", equals = "expired" }},
                {{ pointer = "/message", equals = "Access Token doesnt exists" }},
            ]
            about = {{ pointer = "/token" }}
            details = ["/app", "/appId", "/apiProducts", "/attributes", "/refreshCount", "/createdAt", "/createdBy", "/lastModifiedAt", "/lastModifiedBy"]
            secrets = ["/token", "/refreshToken"]
            claims.exp = {{ pointer = "/expiresAt", unit = "ms" }}
            claims.iat = {{ pointer = "/issuedAt", unit = "ms" }}
            claims.client_id = "/clientId"
            claims.scope = {{ pointer = "/scope", separator = "," }}
            claims.token_type = "/tokenType"
            claims.grant_type = "/grantType"
            revoke = {{ method = "POST", url = "{url}?action=revoke", done = [
                {{ status = 204 }},
                {{ pointer = "/status", equals = "revoked" }},
                {{ pointer = "/message", equals = "Invalid Access Token" }},
                {{ pointer = "/message", equals = "Access Token doesnt exists" }},
            ] }}
            {SINGLE_FAULTS}
            "#
        )
    }

    fn form(identifier: &str) -> Vec<(&str, &str)> {
        Apigee::form(identifier)
    }

    fn question(identifier: &str) -> Sent {
        Apigee::question(identifier)
    }

    fn revocation(identifier: &str) -> Sent {
        let target = format!("/v1/o/{ORGANIZATION}/oauth2/accesstokens/{identifier}?action=revoke");
        Sent::form(target, basic(USERNAME, PASSWORD), String::new())
    }

    fn show_revoked(server: &Self::Server) {
        Apigee::show_revoked(server);
    }

    fn revoked() -> Vec<Answer> {
        let mut record = Self::record();
        record["status"] = json!("revoked");
        vec![
            Answer::empty(204),
            Answer::json(200, record),
            Answer::json(404, json!({"message": "Invalid Access Token"})),
        ]
    }

    fn not_revoked() -> Vec<Answer> {
        vec![
            Answer::json(
                404,
                json!({"code": "messaging.config.beans.NoOrganization"}),
            ),
            Answer::json(200, Self::record()),
            Answer::json(200, json!({"count": 42})),
            Answer::json(200, json!({"message": ["Invalid Access Token"]})),
            Answer::html(200),
            Answer::empty(200),
        ]
    }

    fn record() -> Value {
        Apigee::record()
    }

    fn active() -> Value {
        Apigee::active()
    }

    fn minimal(end: i64) -> Value {
        Apigee::minimal(end)
    }

    fn minimal_active(end: i64) -> Value {
        Apigee::minimal_active(end)
    }

    /// Parts of a millisecond are dropped here, and a number becomes text.
    fn wrong() -> Vec<(&'static str, Value)> {
        let more = [
            ("issuedAt", json!("1800000000000")),
            ("clientId", json!(true)),
            ("clientId", json!(1.5)),
            ("tokenType", json!(["Bearer"])),
            ("grantType", json!({})),
        ];
        Apigee::wrong()
            .into_iter()
            .filter(|(_, value)| !value.is_f64() && *value != json!(5))
            .chain([("token", json!(5)), ("scope", json!(5))])
            .chain(more)
            .collect()
    }

    fn about_another() -> Vec<Value> {
        Apigee::about_another()
    }

    fn undocumented() -> Vec<Answer> {
        vec![
            Answer::json(404, json!({"code": NOT_FOUND_CODE})),
            Answer::json(404, json!({"message": ["Access Token doesnt exists"]})),
            Answer::json(404, json!([{"message": "Access Token doesnt exists"}])),
            Answer::json(200, json!({"status": "pending", "token": Self::ACTIVE})),
            Answer::json(200, json!({"status": "revoked", "token": "another"})),
            Answer::json(200, json!({"count": NOW})),
            Answer::json(200, json!([Self::ACTIVE])),
        ]
    }
}
