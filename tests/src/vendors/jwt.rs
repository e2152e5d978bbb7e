use std::time::SystemTime;

use introspectd_simulators::Answer;
use introspectd_simulators::rfc7662::{
    self, AUDIENCE, CLIENT_ID, CLIENT_SECRET, ISSUER, Rfc7662, SUBJECT,
};
use serde_json::{Value, json};

use super::SINGLE_FAULTS;
use crate::{Fixture, NOW, Sent, basic, form_body, now};

/// Tokens that are judged here, and of which a server of RFC 7662 is asked as well.
///
/// All of them are signed by the key of `jwks.json` and end long after [`NOW`]: what becomes of
/// each is the server's to say.
pub struct Jwt;

const KEYS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src/vendors/jwks.json");

const ACTIVE: &str = "eyJhbGciOiJFZERTQSIsImtpZCI6ImNvbmZvcm1hbmNlIiwidHlwIjoiYXQrand0In0.eyJpc3MiOiJo\
    dHRwczovL3Nzby5leGFtcGxlLmNvbSIsImF1ZCI6Imh0dHBzOi8vYXBpLmV4YW1wbGUuY29tIiwic3Vi\
    IjoiMjQ4Mjg5NzYxMDAxIiwiY2xpZW50X2lkIjoic2hvcCIsInNjb3BlIjoicmVhZCB3cml0ZSIsImV4\
    cCI6MTgxMDAwMDAwMCwiaWF0IjoxODAwMDAwMDAwLCJqdGkiOiJhMSIsInRlbmFudCI6ImJsdWUifQ.D\
    UTWK8CkKEQR22THW-X9u4HvxxyYsWS_nm6Cb_qgzXvPk9EGLFiBqngiC-EtUknE-y4xwbHhw4p4odCjD\
    rE1Dg";
const STALE: &str = "eyJhbGciOiJFZERTQSIsImtpZCI6ImNvbmZvcm1hbmNlIiwidHlwIjoiYXQrand0In0.eyJpc3MiOiJo\
    dHRwczovL3Nzby5leGFtcGxlLmNvbSIsImF1ZCI6Imh0dHBzOi8vYXBpLmV4YW1wbGUuY29tIiwic3Vi\
    IjoiMjQ4Mjg5NzYxMDAxIiwiY2xpZW50X2lkIjoic2hvcCIsInNjb3BlIjoicmVhZCB3cml0ZSIsImV4\
    cCI6MTgxMDAwMDAwMCwiaWF0IjoxODAwMDAwMDAwLCJqdGkiOiJzMSIsInRlbmFudCI6ImJsdWUifQ._\
    MBbdBPTEeoQvYbjS_Pq7YFQdOa6-2eQBzcpkfUkU6To1sxhgNE_EyjB_ryXAOhLisfzcBwhIkC2DsaaG\
    v8VCw";
const REVOKED: &str = "eyJhbGciOiJFZERTQSIsImtpZCI6ImNvbmZvcm1hbmNlIiwidHlwIjoiYXQrand0In0.eyJpc3MiOiJo\
    dHRwczovL3Nzby5leGFtcGxlLmNvbSIsImF1ZCI6Imh0dHBzOi8vYXBpLmV4YW1wbGUuY29tIiwic3Vi\
    IjoiMjQ4Mjg5NzYxMDAxIiwiY2xpZW50X2lkIjoic2hvcCIsInNjb3BlIjoicmVhZCB3cml0ZSIsImV4\
    cCI6MTgxMDAwMDAwMCwiaWF0IjoxODAwMDAwMDAwLCJqdGkiOiJyMSIsInRlbmFudCI6ImJsdWUifQ.z\
    8yQfmgJYI_30ERagj6QFmywEMiSgkdW5QzVOX9A0FuXMX6Q4XLYO4otqDOfIBR1JjIV4Lbf8yBvM3wsV\
    REJBQ";
const UNKNOWN: &str = "eyJhbGciOiJFZERTQSIsImtpZCI6ImNvbmZvcm1hbmNlIiwidHlwIjoiYXQrand0In0.eyJpc3MiOiJo\
    dHRwczovL3Nzby5leGFtcGxlLmNvbSIsImF1ZCI6Imh0dHBzOi8vYXBpLmV4YW1wbGUuY29tIiwic3Vi\
    IjoiMjQ4Mjg5NzYxMDAxIiwiY2xpZW50X2lkIjoic2hvcCIsInNjb3BlIjoicmVhZCB3cml0ZSIsImV4\
    cCI6MTgxMDAwMDAwMCwiaWF0IjoxODAwMDAwMDAwLCJqdGkiOiJ1MSIsInRlbmFudCI6ImJsdWUifQ.o\
    bYbeMQXJqzm2xt4cOCsVVqg7vQhQLJ3i5we_F0OxiyO70XpKXtlcsaLT5gNU47q3ERaXbPCBkwAgrl4X\
    6BdCw";
const EXPIRED: &str = "eyJhbGciOiJFZERTQSIsImtpZCI6ImNvbmZvcm1hbmNlIiwidHlwIjoiYXQrand0In0.eyJpc3MiOiJo\
    dHRwczovL3Nzby5leGFtcGxlLmNvbSIsImF1ZCI6Imh0dHBzOi8vYXBpLmV4YW1wbGUuY29tIiwic3Vi\
    IjoiMjQ4Mjg5NzYxMDAxIiwiY2xpZW50X2lkIjoic2hvcCIsInNjb3BlIjoicmVhZCB3cml0ZSIsImV4\
    cCI6MTgxMDAwMDAwMCwiaWF0IjoxODAwMDAwMDAwLCJqdGkiOiJlMSIsInRlbmFudCI6ImJsdWUifQ.v\
    s5TorfBkMD2sd01dGz8TaiJ6kdiIVXd6fau0PyWgVcGi2d0vupVW5jJrq_WQPlB3IMb29rohoDW7sLkH\
    eACBQ";
const NOT_YET: &str = "eyJhbGciOiJFZERTQSIsImtpZCI6ImNvbmZvcm1hbmNlIiwidHlwIjoiYXQrand0In0.eyJpc3MiOiJo\
    dHRwczovL3Nzby5leGFtcGxlLmNvbSIsImF1ZCI6Imh0dHBzOi8vYXBpLmV4YW1wbGUuY29tIiwic3Vi\
    IjoiMjQ4Mjg5NzYxMDAxIiwiY2xpZW50X2lkIjoic2hvcCIsInNjb3BlIjoicmVhZCB3cml0ZSIsImV4\
    cCI6MTgxMDAwMDAwMCwiaWF0IjoxODAwMDAwMDAwLCJqdGkiOiJuMSIsInRlbmFudCI6ImJsdWUifQ.5\
    3Ao39LapntRUP1eyPpFNTWi3KRdNDqgDNg6LSbVYDxwrNLbVfW5ZzOo-JxgIK_pzYvXXAKQ3ft3xECX2\
    AtCAA";

impl Fixture for Jwt {
    type Server = Rfc7662;

    /// Also the name that [`Adapter`](crate::Adapter) gives a provider, since the section has a
    /// table of its own.
    const PROVIDER: &'static str = "alone";
    const ACTIVE: &'static str = ACTIVE;
    const STALE: &'static str = STALE;
    const REVOKED: &'static str = REVOKED;
    const UNKNOWN: &'static str = UNKNOWN;
    const NOT_GOOD: &'static [&'static str] = &[EXPIRED, NOT_YET];
    const REQUIRED: &'static [&'static str] = &["active"];
    const DECIDING: &'static [&'static str] = super::Rfc7662::DECIDING;
    const OPTIONAL: &'static [&'static str] = super::Rfc7662::OPTIONAL;
    const ECHOES: &'static [&'static str] = super::Rfc7662::ECHOES;
    const SECRETS: &'static [&'static str] = super::Rfc7662::SECRETS;
    const CREDENTIAL: &'static str = CLIENT_SECRET;
    const JUDGES: bool = true;

    fn server(now: SystemTime) -> Self::Server {
        let server = Rfc7662::new(now);
        for (token, sample) in [
            (ACTIVE, rfc7662::ACTIVE),
            (STALE, rfc7662::STALE),
            (REVOKED, rfc7662::REVOKED),
            (EXPIRED, rfc7662::EXPIRED),
            (NOT_YET, rfc7662::NOT_YET),
        ] {
            let mut record = server.record(sample).expect("a sample");
            let members = record.as_object_mut().expect("an object");
            // The token has one of its own.
            members.remove("jti");
            // A later start would be the token's.
            if token != NOT_YET {
                members.remove("nbf");
            }
            server.put(token, record);
        }
        for token in [REVOKED, EXPIRED] {
            server.revoke(token);
        }
        server
    }

    /// Lines behind the section belong to the server that is asked.
    fn section(base_url: &str) -> String {
        let name = Self::PROVIDER;
        format!(
            r#"
            kind = "jwt"
            issuer = "{ISSUER}"
            jwks = {{ file = "{KEYS}" }}
            audience = ["{AUDIENCE}"]
            match = {{ regex = "." }}

            [providers.{name}.introspect]
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
        super::Rfc7662::question(identifier)
    }

    fn revocation(identifier: &str) -> Sent {
        let body = form_body(&[("token", identifier)]);
        Sent::form("/revoke".to_owned(), basic(CLIENT_ID, CLIENT_SECRET), body)
    }

    fn show_revoked(server: &Self::Server) {
        server.show_revoked();
    }

    fn revoked() -> Vec<Answer> {
        super::Rfc7662::revoked()
    }

    fn not_revoked() -> Vec<Answer> {
        super::Rfc7662::not_revoked()
    }

    fn record() -> Value {
        Self::server(now()).record(ACTIVE).expect("the sample")
    }

    fn active() -> Value {
        Self::minimal_active(NOW + 3600)
    }

    fn minimal(end: i64) -> Value {
        super::Rfc7662::minimal(end)
    }

    /// The claims that the issuer signed, whatever the server says of them, and the sooner end.
    fn minimal_active(end: i64) -> Value {
        json!({
            "active": true,
            "scope": "read write",
            "client_id": "shop",
            "exp": end,
            "iat": NOW,
            "sub": SUBJECT,
            "aud": AUDIENCE,
            "iss": ISSUER,
            "jti": "a1",
            "provider": Self::PROVIDER,
            "tenant": "blue",
        })
    }

    fn wrong() -> Vec<(&'static str, Value)> {
        let mut wrong = super::Rfc7662::wrong();
        // The token has an end of its own.
        wrong.retain(|(name, value)| (*name, value) != ("exp", &Value::Null));
        wrong
    }

    fn about_another() -> Vec<Value> {
        let minimal = |name: &str| {
            let mut record = Self::minimal(NOW + 60);
            record[name] = json!("another");
            record
        };
        vec![minimal("sub"), minimal("jti")]
    }

    fn undocumented() -> Vec<Answer> {
        super::Rfc7662::undocumented()
    }
}
