//! Claims at both sides of each boundary, and of each wrong type.

use std::time::Duration;

use introspectd_core::{Audience, Members, Timestamp};
use introspectd_jose::{Algorithm, Claims, Jws, Objection};
use serde_json::{Value, json};

use crate::harness::{all, mint, mint_with};

const NONE: Duration = Duration::ZERO;
const MINUTE: Duration = Duration::from_secs(60);

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_seconds(seconds).unwrap()
}

fn claims(json: &str) -> Claims {
    let token = mint_with(r#"{"alg":"EdDSA"}"#, json.as_bytes());
    let jws = Jws::parse(&token).unwrap();
    let verified = jws.verify(&all(), &[Algorithm::EdDsa]).unwrap();
    verified.claims().unwrap()
}

fn of(value: &Value) -> Claims {
    claims(&value.to_string())
}

#[test]
fn token_lives_until_the_second_of_exp() {
    let token = claims(r#"{"exp":100}"#);
    assert_eq!(token.check_exp(at(99)), Ok(at(100)));
    assert_eq!(token.check_exp(at(100)), Err(Objection::Expired));
    assert_eq!(token.check_exp(at(101)), Err(Objection::Expired));
    assert_eq!(
        claims("{}").check_exp(at(0)),
        Err(Objection::Missing("exp"))
    );
}

#[test]
fn exp_is_rounded_down() {
    for spelling in ["100.9", "1.009e2", "1009E-1", "100.0"] {
        let token = claims(&format!(r#"{{"exp":{spelling}}}"#));
        assert_eq!(token.check_exp(at(99)), Ok(at(100)), "{spelling}");
        assert_eq!(
            token.check_exp(at(100)),
            Err(Objection::Expired),
            "{spelling}"
        );
    }
}

#[test]
fn nbf_and_iat_may_be_ahead_by_the_leeway() {
    let token = claims(r#"{"nbf":100,"iat":100}"#);
    for (now, leeway, is_accepted) in [
        (99, NONE, false),
        (100, NONE, true),
        (39, MINUTE, false),
        (40, MINUTE, true),
        (1_000_000, NONE, true),
        (0, Duration::MAX, true),
    ] {
        let (nbf, iat) = (
            token.check_nbf(at(now), leeway),
            token.check_iat(at(now), leeway),
        );
        let expected = |objection| is_accepted.then_some(Some(at(100))).ok_or(objection);
        assert_eq!(nbf, expected(Objection::NotYetValid), "{now}");
        assert_eq!(iat, expected(Objection::IssuedInFuture), "{now}");
    }
    assert_eq!(claims("{}").check_nbf(at(0), NONE), Ok(None));
    assert_eq!(claims("{}").check_iat(at(0), NONE), Ok(None));
}

#[test]
fn recent_is_within_the_window_on_both_sides() {
    let token = claims(r#"{"iat":1000}"#);
    for (now, expected) in [
        (939, Err(Objection::IssuedInFuture)),
        (940, Ok(at(1000))),
        (1060, Ok(at(1000))),
        (1061, Err(Objection::Stale)),
    ] {
        assert_eq!(token.check_recent(at(now), MINUTE), expected, "{now}");
    }
    let without = claims("{}").check_recent(at(0), MINUTE);
    assert_eq!(without, Err(Objection::Missing("iat")));
}

/// CVE-2026-25537: taken as absent, a wrong `exp` never came.
#[test]
fn time_of_the_wrong_type_is_not_absent() {
    for value in [
        "null",
        "\"100\"",
        "true",
        "[100]",
        "{}",
        "1e400",
        "-1e400",
        "99999999999999",
        "253402300800",
    ] {
        for name in ["exp", "nbf", "iat"] {
            let token = claims(&format!(r#"{{"{name}":{value}}}"#));
            let invalid = Some(Objection::Invalid(name));
            let judged = match name {
                "exp" => token.check_exp(at(0)).err(),
                "nbf" => token.check_nbf(at(0), NONE).err(),
                _ => token.check_recent(at(0), MINUTE).err(),
            };
            assert_eq!(judged, invalid, "{name} {value}");
            assert_eq!(token.time(name).err(), invalid, "{name} {value}");
        }
    }
}

#[test]
fn issuer_is_compared_to_the_letter() {
    let issuer = "https://issuer.example";
    let judge = |iss: Value| of(&json!({ "iss": iss })).check_iss(issuer);
    assert_eq!(judge(json!(issuer)), Ok(()));
    for other in [
        "https://issuer.example/",
        "https://ISSUER.example",
        "",
        "https://issuer.exampl",
    ] {
        assert_eq!(judge(json!(other)), Err(Objection::Issuer), "{other}");
    }
    for wrong in [json!(null), json!([issuer]), json!(1)] {
        assert_eq!(judge(wrong), Err(Objection::Invalid("iss")));
    }
    assert_eq!(
        claims("{}").check_iss(issuer),
        Err(Objection::Missing("iss"))
    );
}

#[test]
fn one_audience_has_to_be_accepted() {
    let judge = |aud: Value| of(&json!({ "aud": aud })).check_aud(&["a", "b"]);
    for accepted in [json!("a"), json!("b"), json!(["x", "b"]), json!(["a"])] {
        assert_eq!(judge(accepted.clone()), Ok(()), "{accepted}");
    }
    for other in [
        json!("x"),
        json!("A"),
        json!(""),
        json!([]),
        json!(["x", "a "]),
    ] {
        assert_eq!(judge(other.clone()), Err(Objection::Audience), "{other}");
    }
    for wrong in [
        json!(null),
        json!(1),
        json!(["a", 1]),
        json!([["a"]]),
        json!({"a": "a"}),
    ] {
        assert_eq!(
            judge(wrong.clone()),
            Err(Objection::Invalid("aud")),
            "{wrong}"
        );
    }
    assert_eq!(
        claims("{}").check_aud(&["a"]),
        Err(Objection::Missing("aud"))
    );
    let nothing: [&str; 0] = [];
    assert_eq!(
        of(&json!({"aud": "a"})).check_aud(&nothing),
        Err(Objection::Audience)
    );
}

#[test]
fn claims_keep_what_was_sent() {
    let token = claims(r#"{"aud":"a","sub":"s","n":12345678901234567890.50,"cnf":{"jkt":"t"}}"#);
    assert_eq!(token.audience(), Ok(Some(Audience::One("a".to_owned()))));
    assert_eq!(token.text("sub"), Ok(Some("s")));
    assert_eq!(token.text("absent"), Ok(None));
    assert_eq!(token.text("n"), Err(Objection::Invalid("n")));
    let members = Members::from(token);
    let digits = format!("{:?}", members.get("n").unwrap());
    assert!(digits.contains("12345678901234567890.50"), "{digits}");
    assert_eq!(members.iter().count(), 4);
}

#[test]
fn type_is_a_media_type_with_or_without_its_tree() {
    for (typ, is_meant) in [
        ("at+jwt", true),
        ("AT+JWT", true),
        ("application/at+jwt", true),
        ("Application/At+Jwt", true),
        ("JWT", false),
        ("", false),
        ("at+jwt ", false),
        ("text/at+jwt", false),
        ("application/application/at+jwt", false),
        ("at+jwt; charset=utf-8", false),
        ("logout+jwt", false),
    ] {
        let token = mint(&json!({"alg": "EdDSA", "typ": typ}).to_string());
        let jws = Jws::parse(&token).unwrap();
        assert_eq!(jws.unverified_header().is_type("at+jwt"), is_meant, "{typ}");
    }
    let token = mint(r#"{"alg":"EdDSA"}"#);
    let jws = Jws::parse(&token).unwrap();
    assert!(!jws.unverified_header().is_type("at+jwt"));
    assert!(!jws.unverified_header().is_type(""));
}
