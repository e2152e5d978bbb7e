//! Private keys in each form, and what is refused of them.

use introspectd_jose::{
    Algorithm, InvalidKey, JwkSet, Jws, Signer, TypedSigner, Unreadable, Unusable,
};
use serde_json::{Value, json};

use crate::harness::{KEYS, PAYLOAD, decode, encode, key_of, private, public, signer};

fn pem(algorithm: Algorithm) -> &'static str {
    KEYS[key_of(algorithm)]["pkcs8"].as_str().unwrap()
}

fn traditional(name: &str) -> &'static str {
    KEYS[name]["traditional"].as_str().unwrap()
}

/// Verifies by the signer's own public key, as it would be published.
fn assert_signs(signer: &Signer) {
    let token = signer.sign("at+jwt", PAYLOAD).unwrap();
    let keys: JwkSet = [signer.jwk().clone()].into_iter().collect();
    let published = serde_json::to_vec(&keys).unwrap();
    assert_eq!(JwkSet::parse(&published).unwrap(), keys);
    let jws = Jws::parse(&token).unwrap();
    let verified = jws.verify(&keys, &[signer.algorithm()]).unwrap();
    assert_eq!(verified.payload(), PAYLOAD);
    assert_eq!(verified.header().kid(), signer.jwk().kid());
}

fn refused(key: &Value, algorithm: Algorithm) -> InvalidKey {
    Signer::from_jwk(key.to_string().as_bytes(), algorithm).unwrap_err()
}

#[test]
fn every_algorithm_signs_with_keys_of_each_form() {
    for algorithm in Algorithm::ALL {
        let of_jwk = signer(algorithm);
        assert_eq!(of_jwk.jwk().kid(), Some(key_of(algorithm)));
        let of_pem = Signer::from_pem(pem(algorithm), algorithm).unwrap();
        assert_eq!(of_pem.jwk().kid(), None);
        assert_eq!(of_pem.jwk().thumbprint(), of_jwk.jwk().thumbprint());
        let named = of_pem.with_kid("2026".to_owned());
        assert_eq!(named.jwk().kid(), Some("2026"));
        assert_signs(&of_jwk);
        assert_signs(&named);
    }
    let old = Signer::from_pem(traditional("rsa"), Algorithm::Ps256).unwrap();
    assert_signs(&old);
}

#[test]
fn header_has_algorithm_key_and_type() {
    let header = |signer: &Signer| {
        let token = signer.sign("at+jwt", PAYLOAD).unwrap();
        String::from_utf8(decode(token.split('.').next().unwrap())).unwrap()
    };
    let named = header(&signer(Algorithm::Es256));
    assert_eq!(named, r#"{"alg":"ES256","kid":"p256","typ":"at+jwt"}"#);
    let unnamed = Signer::from_pem(pem(Algorithm::EdDsa), Algorithm::EdDsa).unwrap();
    assert_eq!(header(&unnamed), r#"{"alg":"EdDSA","typ":"at+jwt"}"#);
}

#[test]
fn signer_of_one_type_signs_as_any_other() {
    let once = signer(Algorithm::EdDsa).sign("at+jwt", PAYLOAD);
    let typed = TypedSigner::new(signer(Algorithm::EdDsa), "at+jwt").unwrap();
    assert_eq!(typed.sign(PAYLOAD), once, "Ed25519 signs without chance");
    assert_eq!(typed.sign(PAYLOAD), once);
    assert_eq!(typed.signer().jwk().kid(), Some("ed25519"));
}

/// Secrets are read so.
#[test]
fn pem_is_read_without_its_last_line_break() {
    for algorithm in [Algorithm::Rs256, Algorithm::EdDsa] {
        let pem = pem(algorithm).trim_end();
        assert_signs(&Signer::from_pem(pem, algorithm).unwrap());
    }
}

#[test]
fn public_key_of_a_signer_has_no_private_member() {
    for algorithm in Algorithm::ALL {
        let mut expected = public(key_of(algorithm));
        expected["alg"] = algorithm.name().into();
        expected["use"] = "sig".into();
        assert_eq!(
            serde_json::to_value(signer(algorithm).jwk()).unwrap(),
            expected
        );
    }
}

#[test]
fn pem_without_a_usable_key_is_refused() {
    let algorithm = Algorithm::Es256;
    let refused = |pem: &str| Signer::from_pem(pem, algorithm).unwrap_err();
    let encrypted = pem(algorithm).replace("PRIVATE KEY", "ENCRYPTED PRIVATE KEY");
    let certificate = pem(algorithm).replace("PRIVATE KEY", "CERTIFICATE");
    let cut = pem(algorithm).split_once("-----END").unwrap().0;
    for text in ["", "secret", &encrypted, &certificate, cut] {
        assert_eq!(refused(text), InvalidKey::NotPem);
    }
    assert_eq!(refused(traditional("p256")), InvalidKey::Sec1);
    // A certificate may come first.
    let both = format!("{certificate}{}", pem(algorithm));
    assert!(Signer::from_pem(&both, algorithm).is_ok());
}

#[test]
fn key_of_another_type_is_refused() {
    for algorithm in Algorithm::ALL {
        for other in Algorithm::ALL {
            let fits = key_of(algorithm) == key_of(other);
            assert_eq!(Signer::from_pem(pem(other), algorithm).is_ok(), fits);
            let key = private(key_of(other)).to_string();
            let of_jwk = Signer::from_jwk(key.as_bytes(), algorithm);
            assert_eq!(of_jwk.err(), (!fits).then_some(InvalidKey::Algorithm));
        }
    }
    let old = Signer::from_pem(traditional("rsa"), Algorithm::EdDsa);
    assert_eq!(old.unwrap_err(), InvalidKey::NotPem);
}

#[test]
fn each_defect_of_a_private_jwk_is_refused() {
    let with = |name: &str, member: &str, value: Value| {
        let mut key = private(name);
        key[member] = value;
        key
    };
    let unusable = |reason: Unusable| InvalidKey::Unusable(reason);
    let ed = Algorithm::EdDsa;
    let cases = [
        (json!([]), unusable(Unreadable::NotAnObject.into())),
        (public("ed25519"), unusable(Unusable::Member("d"))),
        (
            with("ed25519", "use", json!("enc")),
            unusable(Unusable::Use),
        ),
        (
            with("ed25519", "key_ops", json!(["verify"])),
            unusable(Unusable::Operations),
        ),
        (
            with("ed25519", "alg", json!("ES256")),
            unusable(Unusable::Algorithm),
        ),
        (
            with("ed25519", "kid", json!(1)),
            unusable(Unusable::Member("kid")),
        ),
        (private("p256"), InvalidKey::Algorithm),
    ];
    for (key, reason) in cases {
        assert_eq!(refused(&key, ed), reason);
    }
    let only = with("rsa", "alg", json!("RS256"));
    assert_eq!(refused(&only, Algorithm::Ps256), InvalidKey::Algorithm);
    assert!(Signer::from_jwk(only.to_string().as_bytes(), Algorithm::Rs256).is_ok());
    let signing = with("ed25519", "key_ops", json!(["sign"]));
    assert!(Signer::from_jwk(signing.to_string().as_bytes(), ed).is_ok());
}

#[test]
fn inconsistent_key_is_refused() {
    for algorithm in Algorithm::ALL {
        let members: &[&str] = match key_of(algorithm) {
            // ring uses the factors, and d only for what it looks like.
            "rsa" => &["n", "p", "q", "dp", "dq", "qi"],
            _ => &["d", "x"],
        };
        for member in members {
            let mut key = private(key_of(algorithm));
            let mut bytes = decode(key[*member].as_str().unwrap());
            bytes[20] ^= 1;
            key[*member] = encode(bytes).into();
            let InvalidKey::Rejected(reason) = refused(&key, algorithm) else {
                panic!("{algorithm} {member}");
            };
            assert!(!reason.is_empty());
        }
    }
}

#[test]
fn debug_hides_the_key() {
    let shown = format!("{:?}", signer(Algorithm::EdDsa));
    let expected = "Signer { algorithm: EdDsa, public: Jwk { type: Ed25519, \
         kid: Some(\"ed25519\"), algorithm: Some(EdDsa), .. }, .. }";
    assert_eq!(shown, expected);
}
