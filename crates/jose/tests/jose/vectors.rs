//! Examples of the RFCs, and tokens that joserfc, PyJWT and jose minted (`testdata/mint.py`).

use introspectd_core::Timestamp;
use introspectd_jose::{Algorithm, Jwk, JwkSet, Jws, Malformed};
use serde_json::Value;

use crate::harness::{KEYS, NAMES, all, decode, encode, jwk, public, set, signer};

fn examples() -> Vec<Value> {
    serde_json::from_str(include_str!("../../testdata/rfc.json")).unwrap()
}

fn minted() -> Vec<Value> {
    serde_json::from_str(include_str!("../../testdata/minted.json")).unwrap()
}

/// Removes the private members of an example's key.
fn public_part(mut key: Value) -> Value {
    let members = key.as_object_mut().unwrap();
    members.retain(|name, _| !["d", "p", "q", "dp", "dq", "qi"].contains(&name.as_str()));
    key
}

#[test]
fn examples_of_the_rfcs_verify() {
    let mut verified = Vec::new();
    for example in examples() {
        let (name, token) = (example["name"].as_str(), example["token"].as_str());
        let (name, token) = (name.unwrap(), token.unwrap());
        let Ok(jws) = Jws::parse(token) else { continue };
        let keys = set(&[public_part(example["jwk"].clone())]);
        let payload = jws
            .verify(&keys, &Algorithm::ALL)
            .unwrap()
            .payload()
            .to_vec();
        assert_eq!(encode(payload), token.split('.').nth(1).unwrap());
        verified.push(name.to_owned());
    }
    let expected = [
        "RFC 7515 A.2 (RS256)",
        "RFC 7515 A.3 (ES256)",
        "RFC 7520 4.1 (RS256)",
        "RFC 7520 4.2 (PS384)",
        "RFC 8037 A.4 (EdDSA)",
    ];
    assert_eq!(verified, expected);
}

#[test]
fn examples_without_or_with_another_algorithm_are_refused() {
    let mut refused = 0;
    for example in examples() {
        let token = example["token"].as_str().unwrap();
        let is_supported = ["HS256", "ES512", "none"]
            .iter()
            .all(|other| !example["name"].as_str().unwrap().contains(other));
        if !is_supported {
            assert_eq!(Jws::parse(token).unwrap_err(), Malformed::Algorithm);
            refused += 1;
        }
    }
    assert_eq!(refused, 5);
}

#[test]
fn tokens_of_other_libraries_verify() {
    let tokens = minted();
    for token in &tokens {
        let (by, name) = (
            token["by"].as_str().unwrap(),
            token["alg"].as_str().unwrap(),
        );
        let jws = Jws::parse(token["token"].as_str().unwrap()).unwrap();
        let algorithm = Algorithm::parse(name).unwrap();
        let verified = jws.verify(&all(), &[algorithm]);
        let verified = verified.unwrap_or_else(|refusal| panic!("{by} {name}: {refusal}"));
        assert!(verified.header().is_type("at+jwt"));
        let claims = verified.claims().unwrap();
        assert_eq!(claims.text("sub").unwrap(), Some("al\u{e9}x"));
        let now = Timestamp::from_seconds(1_950_000_000).unwrap();
        claims.check_exp(now).unwrap();
        claims.check_iss("https://issuer.example").unwrap();
        claims.check_aud(&["https://orders.example"]).unwrap();
    }
    for by in ["joserfc", "pyjwt", "jose"] {
        let count = tokens.iter().filter(|token| token["by"] == by).count();
        assert!(count >= Algorithm::ALL.len(), "{by}");
    }
}

#[test]
fn deterministic_signatures_are_those_of_other_libraries() {
    let mut compared = 0;
    for token in minted() {
        let algorithm = Algorithm::parse(token["alg"].as_str().unwrap()).unwrap();
        let is_deterministic = ["RS256", "RS384", "RS512", "EdDSA"].contains(&algorithm.name());
        // PyJWT orders the header otherwise, and we write the name of RFC 8037 alone.
        if token["by"] == "pyjwt" || token["alg"] == "Ed25519" || !is_deterministic {
            continue;
        }
        let token = token["token"].as_str().unwrap();
        let payload = decode(token.split('.').nth(1).unwrap());
        assert_eq!(signer(algorithm).sign("at+jwt", &payload).unwrap(), token);
        compared += 1;
    }
    assert_eq!(compared, 8);
}

#[test]
fn thumbprints_are_those_of_other_libraries() {
    for (name, _) in NAMES {
        let expected = KEYS[name]["thumbprint"].as_str().unwrap();
        assert_eq!(jwk(&public(name)).thumbprint(), expected, "{name}");
    }
}

/// RFC 7638 section 3.1 and RFC 8037 appendix A.3.
#[test]
fn thumbprints_are_those_of_the_rfcs() {
    let rsa = concat!(
        r#"{"kty":"RSA","n":"0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1"#,
        "RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5",
        "w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91Cb",
        "OpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-k",
        r#"EgU8awapJzKnqDKgw","e":"AQAB","alg":"RS256","kid":"2011-04-29"}"#,
    );
    let ed25519 =
        r#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;
    for (key, thumbprint) in [
        (rsa, "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"),
        (ed25519, "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"),
    ] {
        assert_eq!(Jwk::parse(key.as_bytes()).unwrap().thumbprint(), thumbprint);
    }
}

#[test]
fn set_of_another_library_keeps_its_usable_keys() {
    let keys = JwkSet::parse(include_bytes!("../../testdata/jwks.json")).unwrap();
    let kids: Vec<_> = keys.keys().iter().filter_map(Jwk::kid).collect();
    assert_eq!(kids, ["rsa", "p256", "p384", "ed25519"]);
    for token in minted() {
        let jws = Jws::parse(token["token"].as_str().unwrap()).unwrap();
        jws.verify(&keys, &Algorithm::ALL).unwrap();
    }
}
