use super::*;
use proptest::prelude::*;
use serde_json::json;

const SAMPLE: &str = include_str!("../../testdata/retrieve.json");
const ID: &str = "249a0a2e-028a-4e15-a841-de9fd4e4cd84";

fn id(text: &str) -> TokenId {
    TokenId::parse(text.to_owned()).unwrap()
}

fn read_with(change: impl FnOnce(&mut Value)) -> Result<Introspection, BadAnswer> {
    let mut record: Value = serde_json::from_str(SAMPLE).unwrap();
    change(&mut record);
    read(StatusCode::OK, record.to_string().as_bytes(), &id(ID))
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
    assert_eq!(token.iat.unwrap().seconds(), 1_757_542_970);
    assert_eq!(token.exp().unwrap().seconds(), 1_757_542_970 + 86400);
    assert_eq!(token.jti.as_deref(), Some(ID));
    assert_eq!(token.scope.iter().count(), 38);
    assert_eq!(token.roles, ["entity.client_credentials"]);
    assert_eq!(token.token_type.as_deref(), Some("Bearer"));
    assert!(token.details.is_empty() && token.extensions.is_empty());
}

#[test]
fn every_documented_time_format_is_read() {
    for (text, seconds) in [
        ("2025-09-10T22:22:50Z", 1_757_542_970),
        ("2025-09-10T22:22:50", 1_757_542_970),
        ("2025-10-10T07:51:36.8Z", 1_760_082_696),
        ("2025-10-10T07:51:36.999999999Z", 1_760_082_696),
        ("2025-10-10T07:51:36.12345", 1_760_082_696),
        ("2025-10-10T09:51:36.5+02:00", 1_760_082_696),
        ("1969-12-31T23:59:59.5Z", -1),
    ] {
        assert_eq!(
            timestamp(text).map(Timestamp::seconds),
            Some(seconds),
            "{text}"
        );
    }
    for absurd in [
        "",
        "2025-09-10",
        "yesterday",
        "1757542970",
        "2025-13-10T22:22:50Z",
        "2025-09-10T22:22",
    ] {
        assert_eq!(timestamp(absurd), None, "{absurd}");
    }
}

#[test]
fn answers_without_a_valid_end_are_refused() {
    for (member, value) in [
        ("created_at", json!(null)),
        ("created_at", json!(1_757_542_970)),
        ("created_at", json!("soon")),
        ("expires_in", json!("86400")),
        ("expires_in", json!(null)),
        ("expires_in", json!(86400.5)),
        ("expires_in", json!(i64::MAX)),
    ] {
        let read = read_with(|record| record[member] = value.clone());
        assert_eq!(read, Err(BadAnswer::member(member)), "{member} {value}");
    }
}

#[test]
fn zero_and_negative_lives_are_expired() {
    for seconds in [0, -1, -86400] {
        let token = token(read_with(|record| record["expires_in"] = json!(seconds)));
        assert!(token.exp().unwrap() <= token.iat.unwrap());
    }
}

#[test]
fn answers_about_another_id_or_a_list_are_refused() {
    assert_eq!(
        read_with(|record| record["token_id"] = json!("349a0a2e-028a-4e15-a841-de9fd4e4cd84")),
        Err(BadAnswer::OtherToken)
    );
    let record: Value = serde_json::from_str(SAMPLE).unwrap();
    let list = json!({"pagination_info": {}, "tokens": [record]});
    let read = read(StatusCode::OK, list.to_string().as_bytes(), &id(ID));
    assert_eq!(read, Err(BadAnswer::member("token_id")));
}

#[test]
fn not_found_needs_an_object() {
    let read = |body: &str| read(StatusCode::NOT_FOUND, body.as_bytes(), &id(ID));
    assert_eq!(read("{}"), Ok(Introspection::Inactive));
    assert_eq!(
        read(r#"{"message":"not found","http_code":404}"#),
        Ok(Introspection::Inactive)
    );
    for body in ["", "<html>", "[]", "null", "\"not found\""] {
        assert_eq!(read(body), Err(BadAnswer::UndocumentedError(404)), "{body}");
    }
}

#[test]
fn other_statuses_are_refused() {
    for status in [201, 204, 400, 404 + 1, 409, 410] {
        let status = StatusCode::from_u16(status).unwrap();
        assert_eq!(
            read(status, SAMPLE.as_bytes(), &id(ID)),
            Err(BadAnswer::Status(status.as_u16()))
        );
    }
}

#[test]
fn revocation_responses_are_read() {
    use Revocation::{Conflict, Done};
    let error = r#"{"message":"gone","http_code":404}"#;
    let refused = BadAnswer::UndocumentedError;
    for (status, body, said) in [
        (200, "", Ok(Done)),
        (200, " \r\n", Ok(Done)),
        (200, "{}", Ok(Done)),
        (200, SAMPLE, Ok(Done)),
        (
            200,
            r#"{"token_id":"349a0a2e"}"#,
            Err(BadAnswer::OtherToken),
        ),
        (200, "<html>", Err(BadAnswer::NotAnObject)),
        (200, "[]", Err(BadAnswer::NotAnObject)),
        (200, "null", Err(BadAnswer::NotAnObject)),
        (204, "", Ok(Done)),
        (404, error, Ok(Done)),
        (404, "", Err(refused(404))),
        (404, "<html>", Err(refused(404))),
        (404, "[]", Err(refused(404))),
        (409, error, Ok(Conflict)),
        (409, "", Err(refused(409))),
        (409, "<html>", Err(refused(409))),
        (400, error, Err(BadAnswer::Status(400))),
        (201, "", Err(BadAnswer::Status(201))),
        (202, "", Err(BadAnswer::Status(202))),
        (410, error, Err(BadAnswer::Status(410))),
    ] {
        let read = read_revocation(
            StatusCode::from_u16(status).unwrap(),
            body.as_bytes(),
            &id(ID),
        );
        assert_eq!(read, said, "{status} {body}");
    }
}

#[test]
fn created_token_has_its_id_and_end() {
    const CREATED: &str = include_str!("../../testdata/create.json");
    let created = read_created(CREATED.as_bytes()).unwrap();
    assert!(
        created
            .token
            .is("a41f6f0c2d7b4e9d8c3a5b6e7f8091a2b3c4d5e6f708192a3b4c5d6e7f809112")
    );
    assert_eq!(created.id, id(ID));
    assert_eq!(created.end.seconds(), 1_757_542_970 + 86400);
    for (member, value) in [
        ("access_token", json!(null)),
        ("access_token", json!("")),
        ("access_token", json!(ID)),
        (
            "access_token",
            json!("349A0A2E-028A-4E15-A841-DE9FD4E4CD84"),
        ),
        ("access_token", json!("a".repeat(TokenValue::MAX_BYTES + 1))),
        ("token_id", json!(null)),
        ("token_id", json!("")),
        ("created_at", json!(1_757_542_970)),
        ("created_at", json!("soon")),
        ("expires_in", json!("86400")),
        ("expires_in", json!(i64::MAX)),
    ] {
        let mut created: Value = serde_json::from_str(CREATED).unwrap();
        created[member] = value.clone();
        let read = read_created(created.to_string().as_bytes()).err();
        assert_eq!(read, Some(BadAnswer::member(member)), "{member} {value}");
    }
    assert_eq!(read_created(b"[]").err(), Some(BadAnswer::NotAnObject));
}

proptest! {
    #[test]
    fn reading_never_panics(status in 200u16..600, body: Vec<u8>) {
        let status = StatusCode::from_u16(status).unwrap();
        let _ = (read(status, &body, &id(ID)), read_revocation(status, &body, &id(ID)));
        let _ = read_created(&body);
    }

    #[test]
    fn parsing_times_never_panics(text in "[0-9TZ:.+-]{0,40}|\\PC{0,40}") {
        let _ = timestamp(&text);
    }

    #[test]
    fn access_tokens_are_never_kept(secret in "[a-f0-9]{16,64}") {
        let token = token(read_with(|record| record["access_token"] = json!(secret)));
        let kept = format!("{token:?}");
        prop_assert!(!kept.contains(&secret));
    }
}

/// A record of any answer is of the id that was asked about.
#[test]
fn any_answer_is_read_or_refused() {
    let created = include_str!("../../testdata/create.json");
    let seeds = [SAMPLE.as_bytes(), created.as_bytes(), b"{}"];
    introspectd_fuzz::check!(&seeds, |bytes: &[u8]| {
        for status in [StatusCode::OK, StatusCode::NOT_FOUND] {
            let read = read(status, bytes, &id(ID));
            // Members that are not read may hold what serde_json refuses.
            let record = serde_json::from_slice::<Value>(bytes);
            if let (Ok(Introspection::Token(_)), Ok(record)) = (read, record) {
                assert_eq!(record["token_id"], ID);
            }
            let _ = read_revocation(status, bytes, &id(ID));
        }
        let _ = read_created(bytes);
        let _ = read_listed(bytes);
    });
}

#[test]
fn any_text_is_a_time_or_none() {
    introspectd_fuzz::check!(
        &[b"2025-09-10T22:22:50.337Z", b"2025-09-10 22:22:50+02:00"],
        |bytes: &[u8]| {
            let _ = instant(&String::from_utf8_lossy(bytes));
        }
    );
}
