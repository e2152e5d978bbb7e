//! Types of signed messages: one of another use is refused, whatever its claims.
#![allow(
    clippy::unwrap_used,
    reason = "a test fails by panicking, its own functions included"
)]

// The counters of coverage under `cargo xtask fuzz`, which builds all tests of a crate.
use introspectd_fuzz as _;

use introspectd_core::Timestamp;
use introspectd_events::{ALGORITHMS, Expected, Fault, Logout, SecurityEvent};
use introspectd_jose::{Algorithm, JwkSet, Jws, Signer, Verified};
use serde_json::{Value, json};

/// RFC 8037 appendix A.1.
const KEY: &str = r#"{"kty":"OKP","crv":"Ed25519",
    "d":"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A",
    "x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;

const NOW: i64 = 1_700_000_000;

fn claims(of_the_message: Value) -> Value {
    let mut claims = json!({
        "iss": "https://idp.example", "aud": "us", "iat": NOW, "jti": "m-1",
    });
    let Value::Object(more) = of_the_message else {
        return claims;
    };
    claims.as_object_mut().unwrap().extend(more);
    claims
}

/// Signs the claims under this type, and reads them.
fn read<T>(
    typ: &str,
    claims: &Value,
    read: impl FnOnce(&Verified<'_>, &Expected) -> Result<T, Fault>,
) -> Result<T, Fault> {
    let signer = Signer::from_jwk(KEY.as_bytes(), Algorithm::EdDsa).unwrap();
    let token = signer.sign(typ, claims.to_string().as_bytes()).unwrap();
    let keys: JwkSet = [signer.jwk().clone()].into_iter().collect();
    let jws = Jws::parse(&token).unwrap();
    let expected = Expected {
        issuer: "https://idp.example".to_owned(),
        audience: vec!["us".to_owned()],
    };
    read(&jws.verify(&keys, &ALGORITHMS).unwrap(), &expected)
}

#[test]
fn logout_token_has_its_type_or_none_in_particular() {
    let claims = claims(json!({
        "sub": "alice", "events": {"http://schemas.openid.net/event/backchannel-logout": {}},
    }));
    let now = Timestamp::from_seconds(NOW).unwrap();
    let logout = |typ| read(typ, &claims, |it, expected| Logout::read(it, expected, now));
    for typ in ["logout+jwt", "application/logout+jwt", "JWT"] {
        assert_eq!(logout(typ).unwrap().sub.as_deref(), Some("alice"), "{typ}");
    }
    for typ in ["at+jwt", "secevent+jwt", "dpop+jwt", "JOSE", ""] {
        assert_eq!(logout(typ), Err(Fault::Type), "{typ}");
    }
}

#[test]
fn security_event_has_its_type() {
    let claims = claims(json!({
        "sub_id": {"format": "opaque", "id": "alice"}, "events": {"urn:x": {}},
    }));
    let event = |typ| read(typ, &claims, SecurityEvent::read);
    for typ in ["secevent+jwt", "application/secevent+jwt"] {
        assert_eq!(event(typ).unwrap().jti, "m-1", "{typ}");
    }
    for typ in ["JWT", "logout+jwt", "at+jwt", ""] {
        assert_eq!(event(typ), Err(Fault::Type), "{typ}");
    }
}
