use super::*;
use proptest::prelude::*;
use serde_json::json;

/// Example of RFC 7662 section 2.2.
const SAMPLE: &str = include_str!("../../testdata/active.json");
const UNSUPPORTED: &str = include_str!("../../testdata/unsupported_token_type.json");
const TOKEN: &str = "mF_9.B5f-4.1JqM";

fn presented() -> TokenValue {
    TokenValue::parse(TOKEN.to_owned()).unwrap()
}

fn now() -> Timestamp {
    Timestamp::from_seconds(1_419_350_300).unwrap()
}

fn accepting() -> MissingExp {
    MissingExp::Accept
}

/// Members of a JSON object.
fn members(value: &Value) -> Members {
    value.as_object().unwrap().clone().into()
}

fn read_text(body: &str) -> Result<Introspection, BadAnswer> {
    read(body.as_bytes(), &presented(), MissingExp::default(), now())
}

fn read_with(change: impl FnOnce(&mut Value)) -> Result<Introspection, BadAnswer> {
    let mut record: Value = serde_json::from_str(SAMPLE).unwrap();
    change(&mut record);
    read_text(&record.to_string())
}

fn token(read: Result<Introspection, BadAnswer>) -> Token {
    match read {
        Ok(Introspection::Token(token)) => *token,
        other => panic!("{other:?}"),
    }
}

#[test]
fn example_of_the_standard_is_read() {
    let token = token(read_with(|_| {}));
    assert_eq!(token.exp().unwrap().seconds(), 1_419_356_238);
    assert_eq!(token.iat.unwrap().seconds(), 1_419_350_238);
    assert_eq!(token.scope.to_string(), "read write dolphin");
    assert_eq!(token.username.as_deref(), Some("jdoe"));
    assert_eq!(
        token.aud,
        Some(Audience::One(
            "https://protected.example.net/resource".to_owned()
        ))
    );
    assert_eq!(
        token.extensions,
        members(&json!({"extension_field": "twenty-seven"}))
    );
}

#[test]
fn only_json_true_is_active() {
    assert_eq!(
        read_text(r#"{"active":false}"#),
        Ok(Introspection::Inactive)
    );
    assert_eq!(
        read_text(r#"{"active":false,"exp":"never"}"#),
        Ok(Introspection::Inactive)
    );
    for wrong in ["\"true\"", "1", "null", "{}", "\"false\""] {
        let read = read_text(&format!("{{\"active\":{wrong},\"exp\":9999999999}}"));
        assert_eq!(read, Err(BadAnswer::member("active")), "{wrong}");
    }
    assert_eq!(
        read_text(r#"{"exp":9999999999}"#),
        Err(BadAnswer::member("active"))
    );
    assert_eq!(
        read_text(r#"{"active":false,"active":true,"exp":1}"#),
        Err(BadAnswer::member("active"))
    );
    assert_eq!(read_text("[true]"), Err(BadAnswer::NotAnObject));
}

#[test]
fn missing_exp_is_refused_unless_accepted() {
    let endless = r#"{"active":true}"#;
    assert_eq!(read_text(endless), Err(BadAnswer::member("exp")));
    let accepted =
        |body: &str| token(read(body.as_bytes(), &presented(), accepting(), now())).expiry;
    assert_eq!(accepted(endless), Expiry::Never);
    // A remaining life is an end as well.
    let end = now().plus_seconds(60).unwrap();
    assert_eq!(
        accepted(r#"{"active":true,"expires_in":60.9}"#),
        Expiry::At(end)
    );
    assert_eq!(
        accepted(r#"{"active":true,"expires_in":"60"}"#),
        Expiry::Never
    );
    assert_eq!(
        accepted(r#"{"active":true,"expires_in":9223372036854775}"#),
        Expiry::Never
    );
}

#[test]
fn deciding_members_of_a_wrong_type_are_refused() {
    for (member, wrong) in [
        ("exp", json!("1419356238")),
        ("exp", json!(i64::MAX)),
        ("exp", json!(null)),
        ("exp", json!(true)),
        ("exp", json!([1_419_356_238])),
        ("nbf", json!(1e300)),
        ("nbf", json!("0")),
        ("nbf", json!(i64::MAX)),
        ("scope", json!(["read"])),
        ("aud", json!(5)),
        ("aud", json!([5])),
        ("sub", json!(5)),
        ("client_id", json!({})),
        ("iss", json!(true)),
    ] {
        let read = read_with(|record| record[member] = wrong.clone());
        assert_eq!(read, Err(BadAnswer::member(member)), "{member} {wrong}");
    }
}

#[test]
fn times_are_read_in_every_json_spelling() {
    for spelling in [
        "1419356238",
        "1419356238.0",
        "1.419356238E9",
        "1419356238.999",
        "14193562389e-1",
    ] {
        let body =
            format!(r#"{{"active":true,"exp":{spelling},"nbf":{spelling},"iat":{spelling}}}"#);
        let token = token(read_text(&body));
        let time = Timestamp::from_seconds(1_419_356_238);
        assert_eq!(
            (token.exp(), token.nbf, token.iat),
            (time, time, time),
            "{spelling}"
        );
    }
}

#[test]
fn numbers_of_extensions_keep_their_digits() {
    let numbers = [
        "123456789012345678901234567890",
        "0.12345678901234567890123",
        "1E400",
        "-0.0",
    ];
    let body = format!(
        r#"{{"active":true,"exp":1419356238,"x":[{}]}}"#,
        numbers.join(" , ")
    );
    let expected = numbers.map(|digits| Json::Number(digits.into()));
    assert_eq!(
        token(read_text(&body)).extensions.get("x"),
        Some(&Json::Array(expected.to_vec()))
    );
}

#[test]
fn lone_surrogates_drop_descriptive_members_only() {
    let with = |member: &str| read_text(&format!(r#"{{"active":true,"exp":1419356238,{member}}}"#));
    for member in [
        r#""name":"Jos\ud800""#,
        r#""jti":"\udfff""#,
        r#""grant_type":"\ud800""#,
        r#""address":{"street":["\ud800"]}"#,
        r#""\ud800":1"#,
    ] {
        let token = token(with(member));
        assert!(
            token.extensions.is_empty() && token.jti.is_none(),
            "{member}"
        );
    }
    for name in [
        "scope",
        "client_id",
        "username",
        "sub",
        "aud",
        "iss",
        "token_type",
        "roles",
        "cnf",
        "token_use",
        "typ",
    ] {
        let member = format!(r#""{name}":"\ud800""#);
        assert_eq!(with(&member), Err(BadAnswer::member(name)), "{member}");
    }
    assert_eq!(
        with(r#""aud":["a","\ud800"]"#),
        Err(BadAnswer::member("aud"))
    );
}

#[test]
fn repeated_members_that_restrict_use_are_refused() {
    for name in [
        "token_type",
        "cnf",
        "token_use",
        "typ",
        "purpose",
        "roles",
        "sub",
    ] {
        let body = format!(r#"{{"active":true,"exp":1419356238,"{name}":["x"],"{name}":null}}"#);
        assert_eq!(read_text(&body), Err(BadAnswer::member(name)), "{name}");
    }
}

#[test]
fn repeated_exp_is_refused() {
    let read = read_text(r#"{"active":true,"exp":1,"exp":9999999999}"#);
    assert_eq!(read, Err(BadAnswer::member("exp")));
}

#[test]
fn roles_are_read_only_from_a_list_of_strings() {
    assert_eq!(
        token(read_with(|record| record["roles"] = json!(["a", "b"]))).roles,
        ["a", "b"]
    );
    let token = token(read_with(|record| {
        record["roles"] = json!({"realm": ["a"]})
    }));
    assert!(token.roles.is_empty());
    assert_eq!(
        token.extensions.get("roles"),
        Some(&json!({"realm": ["a"]}).into())
    );
}

#[test]
fn revocation_responses_are_read() {
    let undocumented = || Err(BadAnswer::UndocumentedError(400).into());
    for (status, body, said) in [
        (200, "", Ok(())),
        (200, "{}", Ok(())),
        (200, "ok", Ok(())),
        (400, UNSUPPORTED, Err(Failure::Unsupported)),
        (400, r#"{"error":"invalid_request"}"#, undocumented()),
        (
            400,
            r#"{"error":["unsupported_token_type"]}"#,
            undocumented(),
        ),
        (400, "<html>", undocumented()),
        (400, "", undocumented()),
        (404, UNSUPPORTED, Err(BadAnswer::Status(404).into())),
        (204, "", Err(BadAnswer::Status(204).into())),
        (202, "", Err(BadAnswer::Status(202).into())),
    ] {
        let read = read_revocation(StatusCode::from_u16(status).unwrap(), body.as_bytes());
        assert_eq!(read, said, "{status} {body}");
    }
}

proptest! {
    #[test]
    fn reading_never_panics(status in 200u16..600, body: Vec<u8>) {
        let _ = read_revocation(StatusCode::from_u16(status).unwrap(), &body);
        let _ = read(&body, &presented(), accepting(), now());
    }

    #[test]
    fn secrets_are_never_kept(secret in "[A-Za-z0-9]{16,40}", echo in "[a-z]{1,12}") {
        let token = token(read_with(|record| {
            record["access_token"] = json!(secret);
            record["nested"] = json!({
                "a": [{"refresh_token": secret}],
                "access_token": {"x": secret},
            });
            record[format!("x_{echo}")] = json!([TOKEN, {"token": TOKEN}]);
            record["username"] = json!(TOKEN);
        }));
        let kept = format!("{token:?}");
        prop_assert!(!kept.contains(&secret));
        prop_assert!(!kept.contains(TOKEN));
    }

    #[test]
    fn extensions_pass_unchanged(name in "x_[a-z]{1,12}", value in "\\PC{0,20}", number: i64) {
        let token = token(read_with(|record| record[&name] = json!({"v": [value, number, null]})));
        let sent = json!({"v": [value, number, null]}).into();
        prop_assert_eq!(token.extensions.get(&name), Some(&sent));
    }
}

/// A token of any answer was called active by JSON's own `true`.
#[test]
fn any_answer_is_read_or_refused() {
    let seeds = [
        SAMPLE.as_bytes(),
        br#"{"active":false}"#,
        UNSUPPORTED.as_bytes(),
    ];
    introspectd_fuzz::check!(&seeds, |bytes: &[u8]| {
        for reading in [MissingExp::default(), accepting()] {
            let read = read(bytes, &presented(), reading, now());
            // Members that are not read may hold what serde_json refuses.
            let answer = serde_json::from_slice::<Value>(bytes);
            if let (Ok(Introspection::Token(_)), Ok(answer)) = (read, answer) {
                assert_eq!(answer["active"], true);
            }
        }
        for status in [StatusCode::OK, StatusCode::BAD_REQUEST] {
            let _ = read_revocation(status, bytes);
        }
    });
}
