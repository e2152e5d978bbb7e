use super::*;
use introspectd_core::State;
use proptest::prelude::*;
use serde_json::json;

const SAMPLE: &str = include_str!("../../testdata/access_token.json");
const NOT_FOUND: &str = include_str!("../../testdata/not_found.json");
const TOKEN: &str = "25poPXCPOw43s0hJBn6tQYnUb5KF";
const ALIVE: i64 = 1_343_036_541;

fn value(text: &str) -> TokenValue {
    TokenValue::parse(text.to_owned()).unwrap()
}

fn read_with(change: impl FnOnce(&mut Value)) -> Result<Introspection, BadAnswer> {
    let mut record: Value = serde_json::from_str(SAMPLE).unwrap();
    change(&mut record);
    read(StatusCode::OK, record.to_string().as_bytes(), &value(TOKEN))
}

fn token(read: Result<Introspection, BadAnswer>) -> Token {
    match read {
        Ok(Introspection::Token(token)) => *token,
        other => panic!("{other:?}"),
    }
}

#[test]
fn vendors_sample_is_read() {
    let token = token(read_with(|_| {}));
    assert_eq!(token.exp().unwrap().seconds(), 1_343_038_340);
    assert_eq!(token.iat.unwrap().seconds(), 1_343_036_540);
    assert_eq!(
        token.client_id.as_deref(),
        Some("fGytmxA5UDajPMdOA5E3bebiBOBPikOT")
    );
    assert!(token.scope.is_empty());
    assert_eq!(token.token_type.as_deref(), Some("Bearer"));
    assert_eq!(token.grant_type.as_deref(), Some("password"));
    assert_eq!(
        introspectd_core::Json::Object(token.details),
        introspectd_core::Json::from(json!({
            "app": "app1", "attributes": [], "refreshCount": 0,
            "createdAt": 1_343_036_540_877_i64, "createdBy": "defaultUser",
            "lastModifiedAt": 1_343_036_540_877_i64, "lastModifiedBy": "defaultUser",
        }))
    );
}

#[test]
fn scopes_are_split_on_commas_and_white_space() {
    for (scope, expected) in [
        ("read,write", "read write"),
        ("a b", "a b"),
        (" a, b ,,a\tc", "a b c"),
        ("", ""),
    ] {
        let token = token(read_with(|record| record["scope"] = json!(scope)));
        assert_eq!(token.scope.to_string(), expected, "{scope}");
    }
}

#[test]
fn only_approved_is_active_and_only_until_its_end() {
    let state = |word: &str, now| {
        token(read_with(|record| record["status"] = json!(word)))
            .state(Timestamp::from_seconds(now).unwrap())
    };
    assert_eq!(state("approved", ALIVE), State::Active);
    assert_eq!(state("approved", 1_343_038_340), State::Expired);
    assert_eq!(state("revoked", ALIVE), State::Revoked);
    assert_eq!(state("expired", ALIVE), State::Expired);
    for word in ["Approved", "APPROVED", "active", "", "pending"] {
        assert_eq!(state(word, ALIVE), State::Unknown, "{word}");
    }
}

#[test]
fn zero_and_negative_ends_are_expired() {
    for millis in [0, -1] {
        let token = token(read_with(|record| record["expiresAt"] = json!(millis)));
        assert_eq!(
            token.state(Timestamp::from_seconds(1).unwrap()),
            State::Expired
        );
    }
}

#[test]
fn attributes_never_become_members() {
    let token = token(read_with(|record| {
        record["attributes"] = json!([
            {"name": "status", "value": "approved"},
            {"name": "scope", "value": "admin"},
        ]);
        record["status"] = json!("revoked");
    }));
    assert_eq!(token.status, Status::Revoked);
    assert!(token.scope.is_empty());
}

#[test]
fn deciding_members_of_a_wrong_type_are_refused() {
    for (member, wrong) in [
        ("token", json!(null)),
        ("status", json!(1)),
        ("status", json!(null)),
        ("expiresAt", json!("1343038340877")),
        ("expiresAt", json!(null)),
        ("expiresAt", json!(0.5)),
        ("expiresAt", json!(i64::MIN)),
        ("scope", json!(["a"])),
        ("clientId", json!(1)),
    ] {
        let read = read_with(|record| record[member] = wrong.clone());
        assert_eq!(read, Err(BadAnswer::member(member)), "{member} {wrong}");
    }
    for member in ["token", "status", "expiresAt"] {
        let read = read_with(|record| drop(record.as_object_mut().unwrap().remove(member)));
        assert_eq!(read, Err(BadAnswer::member(member)), "{member}");
    }
}

#[test]
fn repeated_members_are_refused() {
    for member in ["token", "status", "expiresAt"] {
        let original: Value = serde_json::from_str(SAMPLE).unwrap();
        let open = SAMPLE.trim_end().strip_suffix('}').unwrap();
        let doubled = format!("{open}, \"{member}\": {}}}", original[member]);
        assert_eq!(
            read(StatusCode::OK, doubled.as_bytes(), &value(TOKEN)),
            Err(BadAnswer::member(member))
        );
    }
}

#[test]
fn answers_about_another_token_or_a_count_are_refused() {
    assert_eq!(
        read_with(|record| record["token"] = json!("other")),
        Err(BadAnswer::OtherToken)
    );
    for count in [
        "42",
        "[\"25poPXCPOw43s0hJBn6tQYnUb5KF\"]",
        "\"25poPXCPOw43s0hJBn6tQYnUb5KF\"",
    ] {
        let read = read(StatusCode::OK, count.as_bytes(), &value(TOKEN));
        assert_eq!(read, Err(BadAnswer::NotAnObject), "{count}");
    }
}

#[test]
fn only_documented_codes_mean_an_unknown_token() {
    let read = |body: &str| read(StatusCode::NOT_FOUND, body.as_bytes(), &value(TOKEN));
    assert_eq!(read(NOT_FOUND), Ok(Introspection::Inactive));
    let second =
        r#"{"code":"keymanagement.service.oauth_access_token_doesnot_exist","message":["x"]}"#;
    assert_eq!(read(second), Ok(Introspection::Inactive));
    for body in [
        "",
        "<h1>Not found</h1>",
        "{}",
        r#"{"code":"messaging.config.beans.NoOrganization"}"#,
        "[]",
    ] {
        assert_eq!(read(body), Err(BadAnswer::UndocumentedError(404)), "{body}");
    }
}

#[test]
fn other_statuses_are_refused() {
    for status in [201, 204, 400, 409, 410] {
        let code = StatusCode::from_u16(status).unwrap();
        assert_eq!(
            read(code, SAMPLE.as_bytes(), &value(TOKEN)),
            Err(BadAnswer::Status(status))
        );
    }
}

#[test]
fn revocation_responses_are_read() {
    let other = SAMPLE.replace(TOKEN, "other");
    let code = |code: &str| json!({"code": format!("keymanagement.service.{code}")}).to_string();
    let refused = || Err(BadAnswer::UndocumentedError(404));
    for (status, body, said) in [
        (204, "", Ok(())),
        (200, SAMPLE, Ok(())),
        (200, &other, Err(BadAnswer::OtherToken)),
        (200, "{}", Err(BadAnswer::member("token"))),
        (200, "", Err(BadAnswer::NotAnObject)),
        (200, "<html>", Err(BadAnswer::NotAnObject)),
        (404, NOT_FOUND, Ok(())),
        (404, &code("oauth_access_token_doesnot_exist"), Ok(())),
        (404, &code("invalid_access_token"), Ok(())),
        (404, &code("invalid_accesstoken"), Ok(())),
        (404, &code("access_token_approve_failed"), refused()),
        (404, &code("application_not_approved"), refused()),
        (404, "<html>", refused()),
        (404, "{}", refused()),
        (
            400,
            &code("invalid_access_token"),
            Err(BadAnswer::Status(400)),
        ),
        (202, SAMPLE, Err(BadAnswer::Status(202))),
    ] {
        let read = read_revocation(
            StatusCode::from_u16(status).unwrap(),
            body.as_bytes(),
            &value(TOKEN),
        );
        assert_eq!(read, said, "{status} {body}");
    }
}

proptest! {
    #[test]
    fn reading_never_panics(status in 200u16..600, body: Vec<u8>) {
        let status = StatusCode::from_u16(status).unwrap();
        let asked = value(TOKEN);
        let _ = (read(status, &body, &asked), read_revocation(status, &body, &asked));
    }

    #[test]
    fn secrets_are_never_kept(
        secret in "[A-Za-z0-9]{16,40}",
        echo in 0usize..4,
        name in "[a-z_]{1,12}",
    ) {
        let token = token(read_with(|record| {
            record["refreshToken"] = json!(secret);
            record[format!("x_{name}")] = json!(secret);
            let place = ["app", "attributes", "clientId", "scope"][echo];
            record[place] = json!(TOKEN);
            if echo == 1 {
                record[place] = json!([{"name": "t", "value": TOKEN}]);
            }
        }));
        let kept = format!("{token:?}");
        prop_assert!(!kept.contains(&secret));
        prop_assert!(!kept.contains(TOKEN));
    }
}

/// A record of any answer is of the token that was asked about.
#[test]
fn any_answer_is_read_or_refused() {
    let seeds = [SAMPLE.as_bytes(), NOT_FOUND.as_bytes()];
    introspectd_fuzz::check!(&seeds, |bytes: &[u8]| {
        for status in [StatusCode::OK, StatusCode::NOT_FOUND] {
            let read = read(status, bytes, &value(TOKEN));
            // Members that are not read may hold what serde_json refuses.
            let record = serde_json::from_slice::<Value>(bytes);
            if let (Ok(Introspection::Token(_)), Ok(record)) = (read, record) {
                assert_eq!(record["token"], TOKEN);
            }
        }
        let _ = read_revocation(StatusCode::OK, bytes, &value(TOKEN));
    });
}
