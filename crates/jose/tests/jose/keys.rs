//! JWKs and JWK Sets with one thing wrong.

use introspectd_jose::{Algorithm, InvalidSet, Jwk, JwkSet, Jws, Refusal, Unreadable, Unusable};
use serde_json::{Value, json};

use crate::harness::{NAMES, PAYLOAD, decode, encode, jwk, private, public, set, signer};

/// Sets members of a key; null removes one.
fn with(mut key: Value, changes: &Value) -> Value {
    for (name, value) in changes.as_object().unwrap() {
        if value.is_null() {
            key.as_object_mut().unwrap().remove(name);
        } else {
            key[name] = value.clone();
        }
    }
    key
}

fn refusal(key: &Value) -> Unusable {
    let Err(reason) = Jwk::parse(key.to_string().as_bytes()) else {
        panic!("accepted: {key}");
    };
    reason
}

#[test]
fn each_defect_of_a_key_has_its_reason() {
    let cases = [
        ("p256", json!({"kty": null}), Unusable::Member("kty")),
        ("p256", json!({"kty": 1}), Unusable::Member("kty")),
        ("p256", json!({"kty": "ec"}), Unusable::Type),
        (
            "p256",
            json!({"kty": "oct", "k": "AAAA"}),
            Unusable::Symmetric,
        ),
        ("p256", json!({"kty": "OKP"}), Unusable::Type),
        ("p256", json!({"crv": null}), Unusable::Member("crv")),
        ("p256", json!({"crv": "P-521"}), Unusable::Type),
        ("p256", json!({"crv": "secp256k1"}), Unusable::Type),
        ("p256", json!({"crv": "P-384"}), Unusable::Member("x")),
        ("p256", json!({"y": null}), Unusable::Member("y")),
        ("p256", json!({"x": encode([1; 31])}), Unusable::Member("x")),
        ("p256", json!({"x": encode([0; 33])}), Unusable::Member("x")),
        (
            "p256",
            json!({"y": encode([1; 32]) + "="}),
            Unusable::Member("y"),
        ),
        ("ed25519", json!({"crv": "X25519"}), Unusable::Type),
        ("ed25519", json!({"crv": "Ed448"}), Unusable::Type),
        (
            "ed25519",
            json!({"x": encode([1; 31])}),
            Unusable::Member("x"),
        ),
        (
            "ed25519",
            json!({"x": encode([1; 33])}),
            Unusable::Member("x"),
        ),
        ("ed25519", json!({"x": [1]}), Unusable::Member("x")),
        ("rsa", json!({"n": null}), Unusable::Member("n")),
        ("rsa", json!({"e": null}), Unusable::Member("e")),
        ("rsa", json!({"e": 65537}), Unusable::Member("e")),
        ("rsa", json!({"use": "enc"}), Unusable::Use),
        ("rsa", json!({"use": "SIG"}), Unusable::Use),
        ("rsa", json!({"use": ["sig"]}), Unusable::Member("use")),
        (
            "rsa",
            json!({"key_ops": ["sign", "encrypt"]}),
            Unusable::Operations,
        ),
        ("rsa", json!({"key_ops": []}), Unusable::Operations),
        (
            "rsa",
            json!({"key_ops": "verify"}),
            Unusable::Member("key_ops"),
        ),
        ("rsa", json!({"alg": "ES256"}), Unusable::Algorithm),
        ("rsa", json!({"alg": "RSA-OAEP"}), Unusable::Algorithm),
        ("rsa", json!({"alg": "HS256"}), Unusable::Algorithm),
        ("rsa", json!({"alg": "none"}), Unusable::Algorithm),
        ("rsa", json!({"alg": 1}), Unusable::Member("alg")),
        ("rsa", json!({"kid": 1}), Unusable::Member("kid")),
    ];
    for (name, changes, reason) in cases {
        let key = with(public(name), &changes);
        assert_eq!(refusal(&key), reason, "{name} {changes}");
    }
}

#[test]
fn key_with_any_private_member_is_refused() {
    for (name, _) in NAMES {
        assert_eq!(refusal(&private(name)), Unusable::Private, "{name}");
        for member in ["d", "p", "q", "dp", "dq", "qi", "oth", "k"] {
            let key = with(public(name), &json!({ member: "" }));
            assert_eq!(refusal(&key), Unusable::Private, "{name} {member}");
        }
    }
}

#[test]
fn rsa_keys_have_bounds() {
    let modulus = |bits: usize| {
        let mut n = vec![0xff; bits.div_ceil(8)];
        n[0] >>= n.len() * 8 - bits;
        n
    };
    let parse = |n: &[u8], e: &[u8]| {
        let key = json!({"kty": "RSA", "n": encode(n), "e": encode(e)});
        Jwk::parse(key.to_string().as_bytes()).err()
    };
    let usual = [1, 0, 1];
    for bits in [2048, 2049, 4096, 8191, 8192] {
        assert_eq!(parse(&modulus(bits), &usual), None, "{bits}");
    }
    for bits in [1, 1024, 2040, 2047, 8193, 16384] {
        assert_eq!(
            parse(&modulus(bits), &usual),
            Some(Unusable::RsaSize),
            "{bits}"
        );
    }
    let mut even = modulus(2048);
    even[255] = 0xfe;
    let mut leading_zero = modulus(2048);
    leading_zero.insert(0, 0);
    for n in [even, leading_zero, Vec::new()] {
        assert_eq!(parse(&n, &usual), Some(Unusable::Member("n")));
    }

    for e in [&[3][..], &[17], &usual, &[1, 0xff, 0xff, 0xff, 0xff]] {
        assert_eq!(parse(&modulus(2048), e), None, "{e:?}");
    }
    for e in [
        &[][..],
        &[0],
        &[1],
        &[2],
        &[4],
        &[1, 0, 0],
        &[0, 1, 0, 1],
        &[2, 0, 0, 0, 1],
        &[1, 0, 0, 0, 0, 0, 0, 0, 1],
        &[1; 256],
    ] {
        assert_eq!(
            parse(&modulus(2048), e),
            Some(Unusable::Member("e")),
            "{e:?}"
        );
    }
}

#[test]
fn key_keeps_what_it_is_for() {
    let key = jwk(&with(public("rsa"), &json!({"alg": "PS256", "use": "sig"})));
    assert_eq!(key.algorithm(), Some(Algorithm::Ps256));
    assert!(key.verifies(Algorithm::Ps256) && !key.verifies(Algorithm::Rs256));
    let key = jwk(&with(
        public("ed25519"),
        &json!({"alg": "Ed25519", "key_ops": ["verify"]}),
    ));
    assert!(key.verifies(Algorithm::EdDsa));
    for (name, algorithms) in NAMES {
        let key = jwk(&public(name));
        assert_eq!(key.kid(), Some(name));
        for algorithm in Algorithm::ALL {
            assert_eq!(key.verifies(algorithm), algorithms.contains(&algorithm));
        }
    }
}

#[test]
fn serialized_key_is_read_as_the_same() {
    for (name, algorithms) in NAMES {
        for changes in [
            json!({}),
            json!({"kid": null}),
            json!({"alg": algorithms[0].name()}),
        ] {
            let key = jwk(&with(public(name), &changes));
            let written = serde_json::to_value(&key).unwrap();
            assert_eq!(written["use"], "sig");
            assert_eq!(jwk(&written), key);
        }
    }
    let four = set(&NAMES.map(|(name, _)| public(name)));
    let written = serde_json::to_string(&four).unwrap();
    assert_eq!(JwkSet::parse(written.as_bytes()).unwrap(), four);
}

#[test]
fn debug_of_a_key_names_it_only() {
    let shown = format!("{:?}", jwk(&public("ed25519")));
    let expected = "Jwk { type: Ed25519, kid: Some(\"ed25519\"), algorithm: None, .. }";
    assert_eq!(shown, expected);
}

#[test]
fn unusable_keys_leave_the_others() {
    let keys = JwkSet::parse(include_bytes!("../../testdata/jwks.json")).unwrap();
    let left_out: Vec<_> = keys
        .left_out()
        .iter()
        .map(|it| (it.place, it.kid.as_deref().unwrap_or_default(), it.reason))
        .collect();
    let expected = [
        (1, "encryption", Unusable::Use),
        (3, "private", Unusable::Private),
        (5, "confused", Unusable::Algorithm),
        (7, "signing", Unusable::Operations),
        (8, "symmetric", Unusable::Symmetric),
        (9, "p521", Unusable::Type),
        (10, "short", Unusable::RsaSize),
    ];
    assert_eq!(left_out, expected);
    assert_eq!(keys.keys().len(), 4);

    let odd = r#"{"keys":[null,1,{"kid":["a"]},{"kty":"OKP","kty":"EC","kid":"twice"}],"other":1}"#;
    let keys = JwkSet::parse(odd.as_bytes()).unwrap();
    let reasons: Vec<_> = keys.left_out().iter().map(|it| it.reason).collect();
    let no_object = Unusable::Unreadable(Unreadable::NotAnObject);
    let repeated = Unusable::Unreadable(Unreadable::Repeated);
    assert_eq!(
        reasons,
        [no_object, no_object, Unusable::Member("kty"), repeated]
    );
    assert!(keys.keys().is_empty());
}

#[test]
fn each_defect_of_a_set_has_its_reason() {
    let no_object = InvalidSet::Unreadable(Unreadable::NotAnObject);
    let cases = [
        ("", no_object),
        ("[]", no_object),
        ("null", no_object),
        (r#"{"keys":[]}{}"#, no_object),
        (
            r#"{"keys":[],"keys":[]}"#,
            InvalidSet::Unreadable(Unreadable::Repeated),
        ),
        ("{}", InvalidSet::NoKeys),
        (r#"{"keys":null}"#, InvalidSet::NoKeys),
        (r#"{"keys":{}}"#, InvalidSet::NoKeys),
        (r#"{"Keys":[]}"#, InvalidSet::NoKeys),
    ];
    for (text, reason) in cases {
        assert_eq!(
            JwkSet::parse(text.as_bytes()).unwrap_err(),
            reason,
            "{text}"
        );
    }
    assert_eq!(JwkSet::parse(br#"{"keys":[]}"#).unwrap(), JwkSet::default());
    let not_utf8 = b"{\"keys\":[],\"\xff\":1}";
    assert_eq!(JwkSet::parse(not_utf8).unwrap_err(), no_object);
}

#[test]
fn sets_and_keys_are_bounded() {
    let bounds = (JwkSet::MAX_BYTES, JwkSet::MAX_KEYS, Jwk::MAX_BYTES);
    assert_eq!(bounds, (1_048_576, 100, 65_536));
    let many = |count: usize| {
        let keys = vec![public("ed25519"); count];
        JwkSet::parse(json!({ "keys": keys }).to_string().as_bytes())
    };
    assert_eq!(
        many(JwkSet::MAX_KEYS).unwrap().keys().len(),
        JwkSet::MAX_KEYS
    );
    assert_eq!(
        many(JwkSet::MAX_KEYS + 1).unwrap_err(),
        InvalidSet::TooManyKeys
    );

    let padded = |text: &str, size: usize| text.to_owned() + &" ".repeat(size - text.len());
    let fits = padded(r#"{"keys":[]}"#, JwkSet::MAX_BYTES);
    assert!(JwkSet::parse(fits.as_bytes()).is_ok());
    let long = padded(r#"{"keys":[]}"#, JwkSet::MAX_BYTES + 1);
    assert_eq!(
        JwkSet::parse(long.as_bytes()).unwrap_err(),
        InvalidSet::TooLarge
    );

    let key = public("p256").to_string();
    assert!(Jwk::parse(padded(&key, Jwk::MAX_BYTES).as_bytes()).is_ok());
    let long = padded(&key, Jwk::MAX_BYTES + 1);
    assert_eq!(Jwk::parse(long.as_bytes()).unwrap_err(), Unusable::TooLarge);
}

/// ring checks points when it verifies.
#[test]
fn point_off_its_curve_verifies_nothing() {
    for (name, algorithm) in [("p256", Algorithm::Es256), ("p384", Algorithm::Es384)] {
        let token = signer(algorithm).sign("JWT", PAYLOAD).unwrap();
        let mut y = decode(public(name)["y"].as_str().unwrap());
        let zeros = encode(vec![0; y.len()]);
        y[0] ^= 1;
        let changes = [json!({"y": encode(y)}), json!({"x": &zeros, "y": &zeros})];
        for changes in changes {
            let keys = set(&[with(public(name), &changes)]);
            let refusal = Jws::parse(&token)
                .unwrap()
                .verify(&keys, &[algorithm])
                .unwrap_err();
            assert_eq!(refusal, Refusal::Signature);
        }
    }
}
