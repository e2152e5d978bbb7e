use introspectd_core::{Audience, NotBearer, State};
use introspectd_jose::Jws;
use serde_json::{Value, json};

use super::*;

const NOW: i64 = 1_800_000_000;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_seconds(seconds).unwrap()
}

fn expected() -> Expected {
    Expected {
        issuer: "https://as.example".to_owned(),
        audience: Accepted::OneOf(vec!["https://api.example".to_owned()]),
        requires_type: false,
        clock_skew: 0,
    }
}

fn claims() -> Value {
    json!({
        "iss": "https://as.example",
        "aud": "https://api.example",
        "exp": NOW + 300,
        "iat": NOW,
        "sub": "alice",
    })
}

fn with(name: &str, value: Value) -> Value {
    let mut claims = claims();
    claims[name] = value;
    claims
}

fn judged_as(usage: Use, claims: &Value, expected: &Expected) -> Result<Judged, Fault> {
    judge(claims.to_string().as_bytes(), usage, expected, at(NOW))
}

fn judged(claims: &Value) -> Result<Judged, Fault> {
    judged_as(Use::Unnamed, claims, &expected())
}

fn record(claims: &Value) -> Token {
    match judged(claims) {
        Ok(Judged::Record(token)) => *token,
        other => panic!("{other:?} of {claims}"),
    }
}

fn typed(header: &Value, requires_type: bool) -> Result<Use, Fault> {
    use std::fmt::Write as _;
    // base64url by hand: this crate needs none.
    let text = header.to_string();
    let mut bits = String::new();
    text.bytes()
        .for_each(|byte| write!(bits, "{byte:08b}").unwrap());
    while !bits.len().is_multiple_of(6) {
        bits.push('0');
    }
    let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let encoded: String = bits
        .as_bytes()
        .chunks(6)
        .map(|six| usize::from_str_radix(std::str::from_utf8(six).unwrap(), 2).unwrap())
        .map(|place| char::from(alphabet[place]))
        .collect();
    let token = format!("{encoded}..");
    let jws = Jws::parse(&token).unwrap();
    judge_type(jws.unverified_header(), requires_type)
}

#[test]
fn type_decides_the_use_whatever_its_case() {
    for typ in [
        "at+jwt",
        "AT+JWT",
        "application/at+jwt",
        "Application/At+Jwt",
    ] {
        let header = json!({"alg": "ES256", "typ": typ});
        assert_eq!(typed(&header, true), Ok(Use::Access), "{typ}");
        assert_eq!(typed(&header, false), Ok(Use::Access), "{typ}");
    }
    for header in [
        json!({"alg": "ES256"}),
        json!({"alg": "ES256", "typ": "JWT"}),
        json!({"alg": "ES256", "typ": "jwt"}),
    ] {
        assert_eq!(typed(&header, false), Ok(Use::Unnamed), "{header}");
        assert_eq!(typed(&header, true), Err(Fault::Type), "{header}");
    }
    for typ in [
        "logout+jwt",
        "dpop+jwt",
        "secevent+jwt",
        "application/logout+jwt",
        "token-introspection+jwt",
        "text/at+jwt",
        "at+jwt;v=1",
        "at+jwt ",
        "rt+jwt",
        "JOSE",
        "",
    ] {
        for requires_type in [false, true] {
            let header = json!({"alg": "ES256", "typ": typ});
            assert_eq!(typed(&header, requires_type), Err(Fault::Type), "{typ}");
        }
    }
}

#[test]
fn claims_are_members_of_the_record() {
    let claims = json!({
        "iss": "https://as.example",
        "aud": ["https://other.example", "https://api.example"],
        "exp": 1.8000003e9,
        "iat": NOW,
        "nbf": NOW - 5,
        "sub": "alice",
        "jti": "t-1",
        "client_id": "shop",
        "username": "al",
        "scope": "read write",
        "roles": ["clerk"],
        "grant_type": "client_credentials",
        "cnf": {"jkt": "x"},
        "active": false,
        "tenant": {"id": 7, "access_token": "s3cret"},
        "refresh_token": "s3cret",
    });
    let token = record(&claims);
    assert_eq!(token.expiry, Expiry::At(at(NOW + 300)));
    assert_eq!((token.iat, token.nbf), (Some(at(NOW)), Some(at(NOW - 5))));
    assert_eq!(token.iss.as_deref(), Some("https://as.example"));
    assert_eq!(token.sub.as_deref(), Some("alice"));
    assert_eq!(token.jti.as_deref(), Some("t-1"));
    assert_eq!(token.client_id.as_deref(), Some("shop"));
    assert_eq!(token.username.as_deref(), Some("al"));
    assert_eq!(token.roles, ["clerk"]);
    assert_eq!(token.grant_type.as_deref(), Some("client_credentials"));
    assert_eq!(token.scope, ScopeSet::from_spaced("read write"));
    assert!(matches!(&token.aud, Some(Audience::Many(many)) if many.len() == 2));
    assert_eq!(token.not_bearer(), Some(NotBearer::Unproved));
    let extensions = json!({"cnf": {"jkt": "x"}, "tenant": {"id": 7}});
    assert_eq!(
        token.extensions,
        extensions.as_object().unwrap().clone().into()
    );
    assert_eq!(token.state(at(NOW)), State::Active);
    assert_eq!(token.state(at(NOW + 300)), State::Expired);
}

#[test]
fn scope_comes_as_text_or_list_under_either_name() {
    let scopes = |claims: &Value| {
        let token = record(claims);
        let scopes: Vec<_> = token
            .scope
            .iter()
            .map(|it| it.as_str().to_owned())
            .collect();
        scopes.join(" ")
    };
    for (name, value, expected) in [
        ("scope", json!("a b"), "a b"),
        ("scope", json!(["a", "b"]), "a b"),
        ("scope", json!([]), ""),
        ("scope", json!(null), ""),
        ("scp", json!("a b"), "a b"),
        ("scp", json!(["a", "b"]), "a b"),
        ("scp", json!(["a b"]), ""),
    ] {
        assert_eq!(
            scopes(&with(name, value.clone())),
            expected,
            "{name} {value}"
        );
    }
    let mut both = with("scope", json!("a"));
    both["scp"] = json!(["b"]);
    assert_eq!(scopes(&both), "a");
    let token = record(&both);
    assert!(token.extensions.get("scp").is_some(), "passes through");
    for value in [json!(1), json!({}), json!(true), json!(["a", 1])] {
        for name in ["scope", "scp"] {
            let fault = Err(Fault::Claim(Objection::Invalid(name)));
            assert_eq!(judged(&with(name, value.clone())), fault);
        }
    }
}

#[test]
fn token_of_another_scheme_is_no_bearer_token() {
    for (value, name, not_bearer) in [
        (json!("bearer"), Some("Bearer"), None),
        (json!(null), None, None),
        (json!("N_A"), Some("N_A"), Some(NotBearer::OtherScheme)),
        (json!(1), None, Some(NotBearer::OtherScheme)),
    ] {
        let token = record(&with("token_type", value.clone()));
        assert_eq!(token.token_type.as_deref(), name, "{value}");
        assert_eq!(token.not_bearer(), not_bearer, "{value}");
    }
}

#[test]
fn claim_that_decides_is_of_its_type_and_fits() {
    let numbers = ["exp", "nbf", "iat"];
    for name in numbers {
        for value in [
            json!("1800000300"),
            json!(null),
            json!(true),
            json!([1]),
            json!(1e40),
        ] {
            let fault = Err(Fault::Claim(Objection::Invalid(name)));
            assert_eq!(judged(&with(name, value.clone())), fault, "{name} {value}");
        }
    }
    for name in ["iss", "sub", "jti"] {
        for value in [json!(1), json!(null), json!(["https://as.example"])] {
            let fault = Err(Fault::Claim(Objection::Invalid(name)));
            assert_eq!(judged(&with(name, value.clone())), fault, "{name} {value}");
        }
    }
    for name in ["client_id", "username"] {
        let fault = Err(Fault::Claim(Objection::Invalid(name)));
        assert_eq!(judged(&with(name, json!(1))), fault);
        assert_eq!(judged(&with(name, json!(null))), judged(&claims()));
    }
    for (name, value, objection) in [
        ("iss", json!("https://as.example/"), Objection::Issuer),
        ("iss", json!("https://AS.example"), Objection::Issuer),
        ("aud", json!("https://api.example/"), Objection::Audience),
        ("aud", json!([]), Objection::Audience),
        (
            "aud",
            json!(["https://api.example", 1]),
            Objection::Invalid("aud"),
        ),
        ("aud", json!({}), Objection::Invalid("aud")),
        ("aud", json!(null), Objection::Invalid("aud")),
    ] {
        let fault = Err(Fault::Claim(objection));
        assert_eq!(judged(&with(name, value.clone())), fault, "{name} {value}");
    }
    for name in ["iss", "aud", "exp"] {
        let mut claims = claims();
        claims.as_object_mut().unwrap().remove(name);
        assert_eq!(judged(&claims), Err(Fault::Claim(Objection::Missing(name))));
    }
    let repeated = br#"{"iss":"https://as.example","exp":1,"exp":2}"#;
    let repeated = judge(repeated, Use::Access, &expected(), at(NOW));
    assert_eq!(repeated, Err(Fault::Unreadable(Unreadable::Repeated)));
}

#[test]
fn any_audience_is_accepted_where_the_operator_says_so() {
    let any = Expected {
        audience: Accepted::Any,
        ..expected()
    };
    let mut without = claims();
    without.as_object_mut().unwrap().remove("aud");
    for claims in [with("aud", json!("https://other.example")), without] {
        assert!(judged_as(Use::Unnamed, &claims, &any).is_ok());
        assert!(judged(&claims).is_err());
    }
    let invalid = judged_as(Use::Unnamed, &with("aud", json!(5)), &any);
    assert_eq!(invalid, Err(Fault::Claim(Objection::Invalid("aud"))));
}

#[test]
fn only_a_token_of_unnamed_use_is_judged_by_its_claims() {
    for (name, value) in [
        ("nonce", json!("n")),
        ("nonce", json!(null)),
        ("at_hash", json!("h")),
        (
            "events",
            json!({"http://schemas.openid.net/event/backchannel-logout": {}}),
        ),
    ] {
        let claims = with(name, value);
        assert_eq!(judged(&claims), Err(Fault::OtherUse(name)));
        assert!(judged_as(Use::Access, &claims, &expected()).is_ok());
    }
    assert!(judged(&with("events", json!(["concert"]))).is_ok());
}

#[test]
fn times_ahead_of_the_clock_are_allowed_for_the_skew_alone() {
    let skewed = Expected {
        clock_skew: 30,
        ..expected()
    };
    let state = |name: &str, ahead: i64, expected: &Expected| match judged_as(
        Use::Access,
        &with(name, json!(NOW + ahead)),
        expected,
    ) {
        Ok(Judged::Record(token)) => Ok(token.state(at(NOW))),
        Ok(Judged::TooEarly(start)) => Err(start.seconds() - NOW),
        Err(fault) => panic!("{fault}"),
    };
    assert_eq!(state("nbf", 0, &expected()), Ok(State::Active));
    assert_eq!(state("nbf", 1, &expected()), Ok(State::NotYetValid));
    assert_eq!(state("nbf", 30, &skewed), Ok(State::Active));
    assert_eq!(state("nbf", 31, &skewed), Ok(State::NotYetValid));
    assert_eq!(state("iat", 0, &expected()), Ok(State::Active));
    assert_eq!(state("iat", 3, &expected()), Err(3));
    assert_eq!(state("iat", 30, &skewed), Ok(State::Active));
    assert_eq!(state("iat", 33, &skewed), Err(3));
    assert_eq!(state("exp", 0, &skewed), Ok(State::Expired), "never longer");
}

#[test]
fn answer_about_a_token_only_takes_from_it() {
    let signed = record(&with("jti", json!("t-1")));
    let answer = |change: &dyn Fn(&mut Token)| {
        let mut answer = Token::new(Status::Good, Expiry::Never);
        change(&mut answer);
        let answer = Introspection::Token(Box::new(answer));
        confirm(Box::new(signed.clone()), answer)
    };
    let confirmed = |change: &dyn Fn(&mut Token)| match answer(change) {
        Ok(Introspection::Token(token)) => *token,
        other => panic!("{other:?}"),
    };
    assert_eq!(confirmed(&|_| {}), signed);
    let same = |it: &mut Token| {
        it.sub = Some("alice".to_owned());
        it.scope = ScopeSet::from_spaced("admin");
        it.client_id = Some("other".to_owned());
    };
    assert_eq!(confirmed(&same), signed, "what the issuer signed counts");
    let sooner = confirmed(&|it| it.expiry = Expiry::At(at(NOW + 10)));
    assert_eq!(sooner.expiry, Expiry::At(at(NOW + 10)));
    let longer = confirmed(&|it| it.expiry = Expiry::At(at(NOW + 9999)));
    assert_eq!(longer.expiry, signed.expiry);
    assert_eq!(
        confirmed(&|it| it.nbf = Some(at(NOW + 1))).state(at(NOW)),
        State::NotYetValid
    );
    assert_eq!(
        confirmed(&|it| it.status = Status::Revoked).state(at(NOW)),
        State::Revoked
    );
    let other = Err(BadAnswer::OtherToken);
    assert_eq!(answer(&|it| it.sub = Some("mallory".to_owned())), other);
    assert_eq!(answer(&|it| it.jti = Some("t-2".to_owned())), other);
    let inactive = confirm(Box::new(signed.clone()), Introspection::Inactive);
    assert_eq!(inactive, Ok(Introspection::Inactive));
}

/// A record has what the contract requires, whatever the issuer signs.
#[test]
fn any_payload_is_judged_or_refused() {
    let seeds: Vec<String> = [
        claims(),
        with("scp", json!(["a"])),
        with("events", json!({})),
    ]
    .iter()
    .map(Value::to_string)
    .collect();
    let seeds: Vec<&[u8]> = seeds.iter().map(String::as_bytes).collect();
    let expected = expected();
    introspectd_fuzz::check!(&seeds, |payload: &[u8]| {
        for usage in [Use::Access, Use::Unnamed] {
            let Ok(Judged::Record(token)) = judge(payload, usage, &expected, at(NOW)) else {
                continue;
            };
            let sent: Value = serde_json::from_slice(payload).unwrap();
            assert_eq!(sent["iss"], expected.issuer.as_str());
            assert!(sent["exp"].is_number());
            let aud = &sent["aud"];
            let ours = "https://api.example";
            assert!(*aud == ours || aud.as_array().unwrap().iter().any(|it| it == ours));
            assert!(matches!(token.expiry, Expiry::At(_)));
            assert!(usage == Use::Access || sent.get("nonce").is_none());
            for name in OWN {
                assert!(token.extensions.get(name).is_none());
            }
        }
    });
}
