use super::*;
use introspectd_core::ManualClock;
use introspectd_jose::{JwkSet, Signer};
use introspectd_jwks::{Fetch, Keys, Lifetimes, NotFetched};
use serde_json::{Value, json};
use std::sync::Arc;

/// Keys at hand, or none.
struct AtHand(Option<JwkSet>);

#[async_trait::async_trait]
impl Fetch<JwkSet> for AtHand {
    async fn fetch(&self) -> Result<JwkSet, NotFetched> {
        self.0.clone().ok_or(NotFetched::OtherIssuer)
    }
}

fn signer(name: &str) -> Signer {
    let keys = include_str!("../../../jose/testdata/keys.json");
    let keys: Value = serde_json::from_str(keys).unwrap();
    let pem = keys[name]["pkcs8"].as_str().unwrap();
    let algorithm = match name {
        "rsa" => Algorithm::Rs256,
        _ => Algorithm::EdDsa,
    };
    let signer = Signer::from_pem(pem, algorithm).unwrap();
    signer.with_kid(name.to_owned())
}

fn form(is_required: bool, keys: Option<JwkSet>) -> Form {
    let clock = Arc::new(ManualClock::at(at(NOW)));
    let name = "https://as.example".to_owned();
    Form::Signed(Box::new(Signed {
        is_required,
        expected: expected(),
        keys: KeySource::fetched(Keys::new(name, AtHand(keys), clock, Lifetimes::default())),
    }))
}

fn published() -> Option<JwkSet> {
    Some([signer("rsa").jwk().clone()].into_iter().collect())
}

async fn read_jwt(jwt: &str) -> Result<Vec<u8>, Failure> {
    let form = form(true, published());
    form.json_of(true, jwt.into(), at(NOW), || at(NOW)).await
}

#[tokio::test]
async fn only_what_an_issuers_key_signed_as_an_answer_is_one() {
    let payload = good().to_string();
    let sign = |key, typ| signer(key).sign(typ, payload.as_bytes()).unwrap();
    let good_jwt = sign("rsa", TYPE);
    let inside = good()["token_introspection"].to_string().into_bytes();
    assert_eq!(read_jwt(&good_jwt).await, Ok(inside.clone()));
    assert_eq!(read_jwt(&format!("{good_jwt}\n")).await, Ok(inside));
    let (head, signature) = good_jwt.rsplit_once('.').unwrap();
    for (jwt, why) in [
        (sign("rsa", "JWT"), SignedFault::Type),
        (sign("rsa", "at+jwt"), SignedFault::Type),
        (sign("ed25519", TYPE), SignedFault::Signature),
        (
            format!("{head}.AAAA{}", signature.split_at(4).1),
            SignedFault::Signature,
        ),
        (format!("{head}."), SignedFault::Signature),
        (payload.clone(), SignedFault::Malformed),
        ("a.b.c.d.e".to_owned(), SignedFault::Malformed),
        (String::new(), SignedFault::Malformed),
    ] {
        assert_eq!(read_jwt(&jwt).await, Err(fault(why)), "{jwt}");
    }
}

#[tokio::test]
async fn answer_larger_than_a_token_is_read() {
    let mut payload = good();
    payload["token_introspection"]["x"] = "x".repeat(64 * 1024).into();
    let jwt = signer("rsa").sign(TYPE, payload.to_string().as_bytes());
    let expected = payload["token_introspection"].to_string().into_bytes();
    assert_eq!(read_jwt(&jwt.unwrap()).await, Ok(expected));
}

#[tokio::test]
async fn json_is_refused_where_a_signature_is_required() {
    let json = async |form: Form| {
        let body = b"{}".to_vec();
        form.json_of(false, body, at(NOW), || at(NOW)).await
    };
    assert_eq!(json(Form::Json).await, Ok(b"{}".to_vec()));
    assert_eq!(json(form(false, published())).await, Ok(b"{}".to_vec()));
    let unsigned = json(form(true, published())).await;
    assert_eq!(unsigned, Err(fault(SignedFault::Unsigned)));
}

#[tokio::test]
async fn keys_that_cannot_be_fetched_are_an_outage() {
    let jwt = signer("rsa").sign(TYPE, good().to_string().as_bytes());
    let form = form(true, None);
    let read = form.json_of(true, jwt.unwrap().into(), at(NOW), || at(NOW));
    let read = read.await;
    let is_outage = matches!(
        read,
        Err(Failure::Unavailable {
            outage: Outage::KeysMissing,
            retry_after: Some(_),
        })
    );
    assert!(is_outage, "{read:?}");
}

fn expected() -> Expected {
    Expected {
        issuer: "https://as.example".to_owned(),
        audience: "us".to_owned(),
    }
}

const NOW: i64 = 1_800_000_000;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_seconds(seconds).unwrap()
}

fn good() -> Value {
    json!({
        "iss": "https://as.example", "aud": ["other", "us"], "iat": NOW,
        "token_introspection": { "active": true, "exp": NOW + 9 },
    })
}

fn read_at(payload: &Value, asked: i64, now: i64) -> Result<String, BadAnswer> {
    let payload = payload.to_string();
    let read = read(payload.as_bytes(), &expected(), at(asked), at(now));
    read.map(|json| String::from_utf8(json).unwrap())
}

fn read_with(name: &str, value: Value) -> Result<String, BadAnswer> {
    let mut payload = good();
    payload[name] = value;
    read_at(&payload, NOW, NOW)
}

#[test]
fn answer_inside_is_returned_as_it_was_sent() {
    let expected = good()["token_introspection"].to_string();
    assert_eq!(read_at(&good(), NOW, NOW), Ok(expected.clone()));
    assert_eq!(read_with("aud", json!("us")), Ok(expected));
}

#[test]
fn each_claim_is_needed_and_must_be_ours() {
    for name in ["iss", "aud", "iat", "token_introspection"] {
        let mut payload = good();
        payload.as_object_mut().unwrap().remove(name);
        let missing = Err(BadAnswer::member(name));
        assert_eq!(read_at(&payload, NOW, NOW), missing, "{name}");
    }
    for (name, value, fault) in [
        ("iss", json!("https://as.example/"), SignedFault::Issuer),
        ("aud", json!("US"), SignedFault::Audience),
        ("aud", json!([]), SignedFault::Audience),
    ] {
        assert_eq!(read_with(name, value), Err(fault.into()), "{name}");
    }
    for (name, value) in [("iss", json!(1)), ("aud", json!(null)), ("iat", json!("1"))] {
        assert_eq!(read_with(name, value), Err(BadAnswer::member(name)));
    }
}

/// An old answer could be one that somebody kept.
#[test]
fn answer_was_made_for_the_request() {
    for (asked, now, is_fresh) in [
        (NOW + 60, NOW + 60, true),
        (NOW + 61, NOW + 61, false),
        (NOW - 60, NOW - 60, true),
        (NOW - 61, NOW - 61, false),
        (NOW, NOW + 300, true),
        (NOW - 300, NOW, true),
    ] {
        let read = read_at(&good(), asked, now);
        assert_eq!(read.is_ok(), is_fresh, "{asked} {now}");
    }
}

#[test]
fn no_member_stands_twice() {
    let twice = good()
        .to_string()
        .replacen("\"iat\"", "\"iat\":1,\"iat\"", 1);
    let read = read(twice.as_bytes(), &expected(), at(NOW), at(NOW));
    assert_eq!(read, Err(BadAnswer::NotAnObject));
}

#[test]
fn media_type_is_its_essence() {
    for yes in [
        MEDIA_TYPE,
        "application/token-introspection+jwt; charset=utf-8",
        "Application/Token-Introspection+JWT ;x",
    ] {
        assert!(is_jwt(yes), "{yes}");
    }
    for no in ["application/json", "application/jwt", "", "text/plain"] {
        assert!(!is_jwt(no), "{no}");
    }
}

/// Answer for us, of the issuer, and of now, whatever is signed.
#[test]
fn any_payload_is_an_answer_or_refused() {
    let good = good().to_string();
    let seeds: [&[u8]; 2] = [
        good.as_bytes(),
        br#"{"iss":"https://as.example","aud":"us","iat":18e8,"token_introspection":[{}]}"#,
    ];
    let expected = expected();
    introspectd_fuzz::check!(&seeds, |payload: &[u8]| {
        let Ok(answer) = read(payload, &expected, at(NOW), at(NOW)) else {
            return;
        };
        let sent: Value = serde_json::from_slice(payload).unwrap();
        assert_eq!(sent["iss"], expected.issuer.as_str());
        let is_ours = |aud: &Value| *aud == expected.audience.as_str();
        let aud = &sent["aud"];
        assert!(is_ours(aud) || aud.as_array().unwrap().iter().any(is_ours));
        let iat = sent["iat"].as_f64().unwrap();
        assert!((iat.floor() - 1_800_000_000.0).abs() <= 60.0, "{iat}");
        let answer: Value = serde_json::from_slice(&answer).unwrap();
        assert_eq!(answer, sent["token_introspection"]);
    });
}
