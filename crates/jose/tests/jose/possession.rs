//! Signatures by the key in their own header, as DPoP proofs are.

use introspectd_jose::{Algorithm, Jws, Refusal, Unreadable, Unusable};
use serde_json::{Value, json};

use crate::harness::{KEYS, PAYLOAD, all, mint, private, public};

const ED: [Algorithm; 1] = [Algorithm::EdDsa];

fn proof(jwk: &Value) -> String {
    mint(&json!({"typ": "dpop+jwt", "alg": "EdDSA", "jwk": jwk}).to_string())
}

#[test]
fn key_of_the_header_proves_its_possession() {
    let text = proof(&public("ed25519"));
    let jws = Jws::parse(&text).unwrap();
    let verified = jws.verify_possession(&ED).unwrap();
    assert_eq!(verified.payload(), PAYLOAD);
    assert!(verified.header().is_type("dpop+jwt"));
    let thumbprint = KEYS["ed25519"]["thumbprint"].as_str().unwrap();
    assert_eq!(verified.key().thumbprint(), thumbprint);
}

#[test]
fn each_defect_of_a_proof_has_its_reason() {
    let with = |name: &str, value: Value| {
        let mut key = public("ed25519");
        key[name] = value;
        key
    };
    let stranger = json!("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo");
    let cases = [
        (Value::Null, Refusal::UnusableKey(Unusable::Member("jwk"))),
        (json!("text"), Refusal::UnusableKey(Unusable::Member("jwk"))),
        (json!({}), Refusal::UnusableKey(Unusable::Member("kty"))),
        (private("ed25519"), Refusal::UnusableKey(Unusable::Private)),
        (
            json!({"kty": "oct", "k": "AAAA"}),
            Refusal::UnusableKey(Unusable::Symmetric),
        ),
        (
            with("use", json!("enc")),
            Refusal::UnusableKey(Unusable::Use),
        ),
        (public("p256"), Refusal::KeyAlgorithm),
        (with("x", stranger), Refusal::Signature),
    ];
    for (jwk, reason) in cases {
        let text = proof(&jwk);
        let refusal = Jws::parse(&text)
            .unwrap()
            .verify_possession(&ED)
            .unwrap_err();
        assert_eq!(refusal, reason, "{jwk}");
    }
    let text = proof(&public("ed25519"));
    let refusal = Jws::parse(&text)
        .unwrap()
        .verify_possession(&[Algorithm::Es256])
        .unwrap_err();
    assert_eq!(refusal, Refusal::AlgorithmNotAllowed);
    let none = mint(r#"{"alg":"EdDSA"}"#);
    let refusal = Jws::parse(&none)
        .unwrap()
        .verify_possession(&ED)
        .unwrap_err();
    assert_eq!(refusal, Refusal::UnusableKey(Unusable::Member("jwk")));
}

#[test]
fn repeated_member_of_the_key_is_refused() {
    let text = mint(r#"{"alg":"EdDSA","jwk":{"kty":"OKP","x":"a","x":"b"}}"#);
    let reason = Jws::parse(&text).unwrap_err();
    assert_eq!(reason, Unreadable::Repeated.into());
}

/// The key in a header is nobody's, so it must not stand in for an issuer's.
#[test]
fn key_of_the_header_verifies_nothing_else() {
    let text = mint(&json!({"alg": "EdDSA", "kid": "mine", "jwk": public("ed25519")}).to_string());
    let refusal = Jws::parse(&text).unwrap().verify(&all(), &ED).unwrap_err();
    assert_eq!(refusal, Refusal::UnknownKey);
}
