//! Tokens with one thing wrong, each refused with its own reason.

use introspectd_jose::{Algorithm, JwkSet, Jws, Malformed, Refusal, Unreadable, Unusable};
use proptest::prelude::*;
use serde_json::json;

use crate::harness::{
    NAMES, PAYLOAD, all, encode, jwk, key_of, mint, mint_with, public, set, sign, signer,
};

const ED: [Algorithm; 1] = [Algorithm::EdDsa];

#[test]
fn sound_token_is_verified() {
    let headers = [
        r#"{"alg":"EdDSA"}"#,
        r#"{"alg":"Ed25519"}"#,
        r#"{"alg":"EdDSA","kid":"ed25519"}"#,
        r#" { "alg" : "EdDSA", "b64": true } "#,
        r#"{"alg":"EdDSA","jku":"https://evil.example","x5u":"https://evil.example","x5c":["AA"]}"#,
        r#"{"alg":"EdDSA","cty":1,"other":{"alg":"none"}}"#,
    ];
    for header in headers {
        let token = mint(header);
        let jws = Jws::parse(&token).unwrap();
        let verified = jws.verify(&all(), &ED).unwrap();
        assert_eq!(verified.payload(), PAYLOAD);
        assert_eq!(verified.key().kid(), Some("ed25519"));
    }
}

#[test]
fn each_defect_of_a_header_has_its_reason() {
    let repeated = Malformed::Header(Unreadable::Repeated);
    let no_object = Malformed::Header(Unreadable::NotAnObject);
    let cases = [
        ("", no_object),
        ("null", no_object),
        (r#"["EdDSA"]"#, no_object),
        (r#"{"alg":"EdDSA"}{}"#, no_object),
        (r#"{"alg":"none","alg":"EdDSA"}"#, repeated),
        (r#"{"alg":"EdDSA","kid":"a","\u006bid":"b"}"#, repeated),
        (
            r#"{"alg":"EdDSA","jwk":{"kty":"OKP","kty":"EC"}}"#,
            repeated,
        ),
        ("{}", Malformed::Member("alg")),
        (r#"{"alg":null}"#, Malformed::Member("alg")),
        (r#"{"alg":["EdDSA"]}"#, Malformed::Member("alg")),
        (r#"{"alg":"EdDSA","kid":1}"#, Malformed::Member("kid")),
        (r#"{"alg":"EdDSA","kid":null}"#, Malformed::Member("kid")),
        (r#"{"alg":"EdDSA","typ":["JWT"]}"#, Malformed::Member("typ")),
        (r#"{"alg":"none"}"#, Malformed::Algorithm),
        (r#"{"alg":"HS256"}"#, Malformed::Algorithm),
        (r#"{"alg":"eddsa"}"#, Malformed::Algorithm),
        (r#"{"alg":""}"#, Malformed::Algorithm),
        (r#"{"alg":"EdDSA","crit":["exp"]}"#, Malformed::Critical),
        (r#"{"alg":"EdDSA","crit":[]}"#, Malformed::Critical),
        (r#"{"alg":"EdDSA","crit":null}"#, Malformed::Critical),
        (
            r#"{"alg":"EdDSA","crit":["b64"],"b64":true}"#,
            Malformed::Critical,
        ),
        (r#"{"alg":"EdDSA","b64":false}"#, Malformed::Unencoded),
        (r#"{"alg":"EdDSA","b64":"true"}"#, Malformed::Unencoded),
        (
            r#"{"alg":"EdDSA","crit":["b64"],"b64":false}"#,
            Malformed::Unencoded,
        ),
        (r#"{"alg":"EdDSA","zip":"DEF"}"#, Malformed::Compressed),
        (r#"{"alg":"EdDSA","zip":null}"#, Malformed::Compressed),
    ];
    for (header, reason) in cases {
        assert_eq!(Jws::parse(&mint(header)).unwrap_err(), reason, "{header}");
    }
}

#[test]
fn each_defect_of_the_serialization_has_its_reason() {
    let token = mint(r#"{"alg":"EdDSA"}"#);
    let [header, payload, signature] = token.split('.').collect::<Vec<_>>()[..] else {
        panic!("three parts");
    };
    let trailing_bits = {
        // The last of 86 characters carries two bits that are zero.
        let (rest, last) = signature.split_at(85);
        let next = char::from(last.as_bytes()[0] + 1);
        format!("{header}.{payload}.{rest}{next}")
    };
    let cases = [
        (String::new(), Malformed::Parts),
        (format!("{header}.{payload}"), Malformed::Parts),
        (format!("{token}."), Malformed::Parts),
        (format!("{token}.a.b"), Malformed::Encrypted),
        (format!("{token}.a.b.c"), Malformed::Parts),
        (
            format!("{header}=.{payload}.{signature}"),
            Malformed::Base64Url("header"),
        ),
        (format!(" {token}"), Malformed::Base64Url("header")),
        (
            format!("{header}.{payload}=.{signature}"),
            Malformed::Base64Url("payload"),
        ),
        (
            format!("{header}.{payload}\n.{signature}"),
            Malformed::Base64Url("payload"),
        ),
        (format!("{token}=="), Malformed::Base64Url("signature")),
        (format!("{token}\n"), Malformed::Base64Url("signature")),
        (trailing_bits, Malformed::Base64Url("signature")),
        (
            r#"{"payload":"e30","signatures":[]}"#.to_owned(),
            Malformed::Parts,
        ),
    ];
    for (text, reason) in cases {
        assert_eq!(Jws::parse(&text).unwrap_err(), reason, "{text}");
    }
}

#[test]
fn sizes_are_bounded() {
    assert_eq!((Jws::MAX_BYTES, Jws::MAX_HEADER), (16_384, 4_096));
    let with_header = |size: usize| {
        let header = format!("{:<size$}", r#"{"alg":"EdDSA"}"#);
        sign(&format!("{}.{}", encode(header), encode(PAYLOAD)))
    };
    // Three bytes are four characters.
    assert!(Jws::parse(&with_header(Jws::MAX_HEADER / 4 * 3)).is_ok());
    let long = with_header(Jws::MAX_HEADER / 4 * 3 + 1);
    assert_eq!(Jws::parse(&long).unwrap_err(), Malformed::HeaderTooLarge);

    let with_payload = |size: usize| mint_with(r#"{"alg":"EdDSA"}"#, &vec![b' '; size]);
    let around = with_payload(0).len();
    // Twelve thousand bytes are at most as many as fit.
    let most = (Jws::MAX_BYTES - around) / 4 * 3;
    assert!(Jws::parse(&with_payload(most)).is_ok());
    let long = with_payload(most + 3);
    assert_eq!(Jws::parse(&long).unwrap_err(), Malformed::TooLarge);
}

#[test]
fn algorithm_must_be_allowed() {
    let token = mint(r#"{"alg":"EdDSA","kid":"ed25519"}"#);
    let jws = Jws::parse(&token).unwrap();
    for allowed in [&[][..], &[Algorithm::Es256, Algorithm::Rs256]] {
        let refusal = jws.verify(&all(), allowed).unwrap_err();
        assert_eq!(refusal, Refusal::AlgorithmNotAllowed);
    }
}

#[test]
fn key_is_chosen_by_kid_or_by_what_fits() {
    let verify = |header: &str, keys: &JwkSet| {
        let token = mint(header);
        let jws = Jws::parse(&token).unwrap();
        jws.verify(keys, &ED).map(|verified| verified.key().clone())
    };
    let (named, unnamed) = (r#"{"alg":"EdDSA","kid":"ed25519"}"#, r#"{"alg":"EdDSA"}"#);
    let key = public("ed25519");
    let other = json!({"kty": "OKP", "crv": "Ed25519", "kid": "other",
        "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"});
    let renamed = |kid: &str| {
        let mut key = key.clone();
        key["kid"] = kid.into();
        key
    };
    let same_name = {
        let mut key = other.clone();
        key["kid"] = "ed25519".into();
        key
    };
    let nameless = {
        let mut key = key.clone();
        key.as_object_mut().unwrap().remove("kid");
        key
    };
    let encrypting = {
        let mut key = key.clone();
        key["use"] = "enc".into();
        key
    };
    let found = Ok(jwk(&key));
    let fillers = |count: usize| vec![other.clone(); count];

    assert_eq!(verify(named, &set(&[other.clone(), key.clone()])), found);
    assert_eq!(verify(unnamed, &set(&[other.clone(), key.clone()])), found);
    assert_eq!(
        verify(named, &set(&[same_name.clone(), key.clone()])),
        found
    );
    assert_eq!(
        verify(unnamed, &set(std::slice::from_ref(&nameless))),
        Ok(jwk(&nameless))
    );

    let unknown = Err(Refusal::UnknownKey);
    assert_eq!(verify(named, &JwkSet::default()), unknown);
    assert_eq!(verify(unnamed, &JwkSet::default()), unknown);
    assert_eq!(verify(unnamed, &set(&[public("rsa")])), unknown);
    // A name that the key does not have is not guessed around.
    assert_eq!(verify(named, &set(&[renamed("ED25519")])), unknown);
    assert_eq!(verify(named, &set(&[nameless])), unknown);

    let of_another_type = {
        let mut key = public("p256");
        key["kid"] = "ed25519".into();
        key
    };
    assert_eq!(
        verify(named, &set(&[of_another_type])),
        Err(Refusal::KeyAlgorithm)
    );
    let reason = Refusal::UnusableKey(Unusable::Use);
    assert_eq!(verify(named, &set(&[encrypting])), Err(reason));
    assert_eq!(verify(named, &set(&[same_name])), Err(Refusal::Signature));

    let most = Jws::MAX_CANDIDATES;
    let keys = |count| set(&[fillers(count), vec![key.clone()]].concat());
    assert_eq!(verify(unnamed, &keys(most - 1)), found);
    assert_eq!(verify(unnamed, &keys(most)), Err(Refusal::AmbiguousKey));
    assert_eq!(verify(named, &keys(most)), found);
    let same = |count| set(&vec![key.clone(); count]);
    assert_eq!(verify(named, &same(most)), found);
    assert_eq!(verify(named, &same(most + 1)), Err(Refusal::AmbiguousKey));
}

#[test]
fn no_key_verifies_an_algorithm_of_another_type() {
    let signers = Algorithm::ALL.map(signer);
    for signer in &signers {
        let token = signer.sign("JWT", PAYLOAD).unwrap();
        let (_, rest) = token.split_once('.').unwrap();
        for claimed in Algorithm::ALL {
            let header = encode(format!(r#"{{"alg":"{claimed}"}}"#));
            let text = format!("{header}.{rest}");
            let jws = Jws::parse(&text).unwrap();
            for (name, verifies) in NAMES {
                let mut key = public(name);
                key.as_object_mut().unwrap().remove("kid");
                let refusal = jws.verify(&set(&[key]), &Algorithm::ALL).unwrap_err();
                let expected = if verifies.contains(&claimed) {
                    Refusal::Signature
                } else {
                    Refusal::UnknownKey
                };
                assert_eq!(
                    refusal,
                    expected,
                    "{} as {claimed} by {name}",
                    signer.algorithm()
                );
            }
        }
    }
}

/// RS256 to PS256 is no confusion of types, but of what the key is for.
#[test]
fn key_with_alg_verifies_no_other_algorithm() {
    for (name, algorithms) in NAMES {
        for only in algorithms {
            let mut key = public(name);
            key["alg"] = only.name().into();
            let keys = set(&[key]);
            for algorithm in algorithms {
                let token = signer(*algorithm).sign("JWT", PAYLOAD).unwrap();
                let jws = Jws::parse(&token).unwrap();
                let refused = jws.verify(&keys, &Algorithm::ALL).err();
                let expected = (algorithm != only).then_some(Refusal::KeyAlgorithm);
                assert_eq!(refused, expected, "{algorithm} by a key for {only}");
            }
        }
    }
}

#[test]
fn hints_are_read_before_the_signature() {
    let token = mint(r#"{"alg":"EdDSA","kid":"k","typ":"JWT"}"#);
    let jws = Jws::parse(&token).unwrap();
    assert_eq!(jws.unverified_header().kid(), Some("k"));
    assert_eq!(jws.unverified_header().typ(), Some("JWT"));
    assert_eq!(jws.unverified_header().algorithm(), Algorithm::EdDsa);
    let issuer = jws.unverified_issuer();
    assert_eq!(issuer.as_deref(), Some("https://issuer.example"));
    for payload in ["", "[]", "{}", r#"{"iss":1}"#, r#"{"iss":"a","iss":"a"}"#] {
        let token = mint_with(r#"{"alg":"EdDSA"}"#, payload.as_bytes());
        assert_eq!(
            Jws::parse(&token).unwrap().unverified_issuer(),
            None,
            "{payload}"
        );
    }
}

#[test]
fn payload_that_is_not_one_object_has_no_claims() {
    let cases = [
        ("", Unreadable::NotAnObject),
        ("[]", Unreadable::NotAnObject),
        (r#"{"exp":1,"exp":2}"#, Unreadable::Repeated),
        (r#"{"cnf":{"jkt":"a","jkt":"b"}}"#, Unreadable::Repeated),
    ];
    for (payload, reason) in cases {
        let token = mint_with(r#"{"alg":"EdDSA"}"#, payload.as_bytes());
        let jws = Jws::parse(&token).unwrap();
        let verified = jws.verify(&all(), &ED).unwrap();
        assert_eq!(verified.claims().unwrap_err(), reason, "{payload}");
        assert_eq!(verified.payload(), payload.as_bytes());
    }
}

#[test]
fn debug_shows_neither_token_nor_payload() {
    let token = mint(r#"{"alg":"EdDSA","kid":"k"}"#);
    let jws = Jws::parse(&token).unwrap();
    let header = "Header { algorithm: EdDsa, kid: Some(\"k\"), typ: None, jwk: None }";
    assert_eq!(
        format!("{jws:?}"),
        format!("Jws {{ header: {header}, .. }}")
    );
    let mut key = public("ed25519");
    key["kid"] = "k".into();
    let keys = set(&[key]);
    let verified = jws.verify(&keys, &ED).unwrap();
    let key = "Jwk { type: Ed25519, kid: Some(\"k\"), algorithm: None, .. }";
    let shown = format!("Verified {{ header: {header}, key: {key}, .. }}");
    assert_eq!(format!("{verified:?}"), shown);
}

#[test]
fn every_single_bit_of_a_token_matters() {
    for algorithm in [Algorithm::Es256, Algorithm::EdDsa, Algorithm::Ps256] {
        let token = signer(algorithm).sign("at+jwt", PAYLOAD).unwrap();
        assert!(is_accepted(&token));
        for place in 0..token.len() {
            for bit in 0..7 {
                let mut bytes = token.clone().into_bytes();
                bytes[place] ^= 1 << bit;
                let text = String::from_utf8(bytes).unwrap();
                assert!(
                    !is_accepted(&text),
                    "{algorithm}: bit {bit} of byte {place}"
                );
            }
        }
    }
}

fn is_accepted(text: &str) -> bool {
    Jws::parse(text).is_ok_and(|jws| jws.verify(&all(), &Algorithm::ALL).is_ok())
}

fn any_algorithm() -> impl Strategy<Value = Algorithm> {
    proptest::sample::select(Algorithm::ALL.to_vec())
}

proptest! {
    #[test]
    fn what_is_signed_is_what_is_verified(
        algorithm in any_algorithm(),
        payload in proptest::collection::vec(any::<u8>(), 0..300),
        typ in "[ -~]{0,20}",
    ) {
        let token = signer(algorithm).sign(&typ, &payload).unwrap();
        let jws = Jws::parse(&token).unwrap();
        let verified = jws.verify(&all(), &[algorithm]).unwrap();
        prop_assert_eq!(verified.payload(), &payload);
        prop_assert_eq!(verified.header().typ(), Some(typ.as_str()));
        prop_assert_eq!(verified.key().kid(), Some(key_of(algorithm)));
    }

    #[test]
    fn any_text_is_refused_or_read(text in "[A-Za-z0-9_.=-]{0,80}") {
        prop_assert!(!is_accepted(&text));
    }
}

#[test]
fn keys_of_others_verify_nothing() {
    let token = mint(r#"{"alg":"EdDSA"}"#);
    let key = json!({"kty": "OKP", "crv": "Ed25519", "x": encode([9; 32])});
    let refusal = Jws::parse(&token)
        .unwrap()
        .verify(&set(&[key]), &ED)
        .unwrap_err();
    assert_eq!(refusal, Refusal::Signature);
}
