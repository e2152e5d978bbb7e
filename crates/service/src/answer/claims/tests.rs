use super::*;
use crate::answer::Record;
use introspectd_core::{
    Audience, Expiry, Json, Members, ProviderName, ScopeSet, Status, Timestamp, Token,
};
use proptest::prelude::*;
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

/// The same claims, by a parse of the whole body.
#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
struct Parsed {
    sub: String,
    client_id: String,
    username: String,
    scope: String,
    #[serde(deserialize_with = "list")]
    roles: Vec<String>,
    #[serde(deserialize_with = "one_or_list")]
    aud: Vec<String>,
    provider: String,
    jti: String,
    exp: Option<i64>,
}

fn list<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    let json = Box::<RawValue>::deserialize(deserializer)?;
    Ok(serde_json::from_str(json.get()).unwrap_or_default())
}

fn one_or_list<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    let json = Box::<RawValue>::deserialize(deserializer)?;
    let one = || serde_json::from_str(json.get()).ok().map(|one| vec![one]);
    Ok(serde_json::from_str(json.get())
        .ok()
        .or_else(one)
        .unwrap_or_default())
}

fn parsed(body: &[u8]) -> Option<Parsed> {
    serde_json::from_slice(body).ok()
}

fn scanned(body: &[u8], ends_at_roles: bool) -> Option<Parsed> {
    let claims = Claims::new(body, Positions::find(body, ends_at_roles)?);
    Some(Parsed {
        sub: claims.sub().into_owned(),
        client_id: claims.client_id().into_owned(),
        username: claims.username().into_owned(),
        scope: claims.scope().into_owned(),
        roles: claims.roles().map(Cow::into_owned).collect(),
        aud: claims.aud().map(Cow::into_owned).collect(),
        provider: claims.provider().into_owned(),
        jti: claims.jti().into_owned(),
        exp: (!claims.exp().is_empty()).then(|| claims.exp().parse().unwrap()),
    })
}

#[test]
fn whole_answer_is_read() {
    let body = concat!(
        r#"{"active":true,"scope":"a b","client_id":"c","username":"u","token_type":"Bearer","exp":200,"#,
        r#""iat":1,"sub":"s\n","aud":["x","y"],"jti":"j","provider":"bank","roles":["r","t"],"#,
        r#""details":{"sub":"other"}}"#
    );
    let claims = scanned(body.as_bytes(), true).unwrap();
    assert_eq!(
        (&*claims.sub, &*claims.client_id, &*claims.username),
        ("s\n", "c", "u")
    );
    assert_eq!(
        (&*claims.scope, &*claims.provider, &*claims.jti),
        ("a b", "bank", "j")
    );
    assert_eq!(
        (claims.roles, claims.aud),
        (vec!["r".into(), "t".into()], vec!["x".into(), "y".into()])
    );
    assert_eq!(claims.exp, Some(200));
}

#[test]
fn absent_claim_is_empty() {
    let claims = scanned(br#"{"active":true,"provider":"bank"}"#, true).unwrap();
    assert_eq!(
        claims,
        Parsed {
            provider: "bank".to_owned(),
            ..Parsed::default()
        }
    );
}

#[test]
fn roles_of_another_type_are_none() {
    for roles in [
        "\"admin\"",
        "[\"admin\",1]",
        "{\"admin\":true}",
        "null",
        "[[\"admin\"]]",
        "1",
    ] {
        let body = format!("{{\"roles\":{roles}}}");
        assert!(
            scanned(body.as_bytes(), false).unwrap().roles.is_empty(),
            "{roles}"
        );
    }
}

#[test]
fn one_audience_is_a_list_of_one() {
    assert_eq!(scanned(br#"{"aud":"x"}"#, false).unwrap().aud, ["x"]);
}

#[test]
fn claim_that_occurs_twice_or_has_a_wrong_type_is_an_error() {
    for body in [
        r#"{"sub":"a","sub":"b"}"#,
        r#"{"sub":1}"#,
        r#"{"sub":null}"#,
        r#"{"exp":1.5}"#,
        r#"{"exp":"1"}"#,
        r#"{"exp":-0}"#,
        r#"{"jti":["a"]}"#,
        "",
        "{",
        r#"{"sub":"a""#,
        r#"{"sub":"a"}x"#,
        r#"{"sub""#,
    ] {
        assert_eq!(scanned(body.as_bytes(), false), None, "{body}");
        assert_eq!(parsed(body.as_bytes()), None, "{body}");
    }
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z ]{0,6}",
        "\\PC{0,4}",
        "[\"\\\\{}\\[\\],:\n\u{1}a]{0,6}"
    ]
}

fn json() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i64>().prop_map(Into::into),
        any::<f64>().prop_map(Into::into),
        text().prop_map(Into::into),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Into::into),
            prop::collection::btree_map(text(), inner, 0..4).prop_map(|members| members
                .into_iter()
                .collect::<serde_json::Map<_, _>>()
                .into()),
        ]
    })
}

fn name() -> impl Strategy<Value = String> {
    prop_oneof![
        prop::sample::select(NAMES.to_vec()).prop_map(str::to_owned),
        text()
    ]
}

prop_compose! {
    fn token()(
        texts in prop::collection::vec(prop::option::of(text()), 4),
        aud in prop::option::of(prop_oneof![
            text().prop_map(Audience::One),
            prop::collection::vec(text(), 0..3).prop_map(Audience::Many),
        ]),
        scope in "[a-z.* ]{0,12}",
        roles in prop::collection::vec(text(), 0..3),
        exp in prop::option::of(0_i64..2_000_000_000),
        details in prop::collection::btree_map(name(), json(), 0..3),
        extensions in prop::collection::btree_map(name(), json(), 0..3),
    ) -> Token {
        let expiry = exp.and_then(Timestamp::from_seconds).map_or(Expiry::Never, Expiry::At);
        let members = |given: std::collections::BTreeMap<String, serde_json::Value>| {
            Members::from_iter(given.into_iter().map(|(name, value)| (name, Json::from(value))))
        };
        let mut token = Token::new(Status::Good, expiry);
        let mut texts = texts.into_iter();
        token.sub = texts.next().flatten();
        token.client_id = texts.next().flatten();
        token.username = texts.next().flatten();
        token.jti = texts.next().flatten();
        token.scope = ScopeSet::from_spaced(&scope);
        (token.aud, token.roles) = (aud, roles);
        (token.details, token.extensions) = (members(details), members(extensions));
        token
    }
}

proptest! {
    #[test]
    fn scan_says_what_a_parse_says(token in token()) {
        let provider = ProviderName::parse("bank").unwrap();
        let record = Record { provider: &provider, token: &token, state: None };
        let body = serde_json::to_vec(&record).unwrap();
        let ends_at_roles = !token.extensions.iter().any(|(name, _)| is_claim(name));
        prop_assert_eq!(scanned(&body, false), parsed(&body));
        prop_assert_eq!(scanned(&body, ends_at_roles), parsed(&body));
    }

    #[test]
    fn scan_of_any_bytes_ends(body: Vec<u8>, text in "[{}\\[\\]\",:a\\\\]{0,24}") {
        let _ = scanned(&body, false);
        let _ = Positions::find(text.as_bytes(), false);
    }
}
