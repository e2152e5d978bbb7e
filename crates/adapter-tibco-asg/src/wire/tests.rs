use super::*;
use introspectd_core::Json;
use introspectd_core::State;
use proptest::prelude::*;
use serde_json::json;

const SAMPLE: &str = include_str!("../../testdata/access_token.json");
const TOKEN: &str = "T1amGT21.Idup.3446d8984b48a7c0c531267317334ea7";

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
    assert_eq!(token.exp().unwrap().seconds(), 1_409_946_380);
    assert_eq!(token.iat.unwrap().seconds(), 1_409_942_780);
    assert_eq!(
        token.sub.as_deref(),
        Some("251-20c8104e-e91a-4384-980c-84545aced892")
    );
    assert_eq!(token.client_id, token.sub);
    assert_eq!(
        token.jti.as_deref(),
        Some("5d34e914ad73b262dbf88a963dbccb41")
    );
    assert_eq!(token.scope.to_string(), "reviews");
    assert_eq!(token.grant_type.as_deref(), Some("client_credentials"));
    assert_eq!(
        Json::Object(token.details),
        json!({"classification": "reviews"}).into()
    );
}

#[test]
fn scopes_can_be_one_string() {
    let token = token(read_with(|record| {
        record["scopes"] = json!("public  reviews public")
    }));
    assert_eq!(token.scope.to_string(), "public reviews");
}

#[test]
fn only_the_word_active_is_active() {
    for (word, state) in [
        ("Active", State::Active),
        ("active", State::Unknown),
        ("ACTIVE", State::Unknown),
        (" Active", State::Unknown),
        ("", State::Unknown),
        ("Revoked", State::Revoked),
        ("Expired", State::Expired),
    ] {
        let token = token(read_with(|record| record["status"] = json!(word)));
        assert_eq!(
            token.state(Timestamp::from_seconds(1_409_942_781).unwrap()),
            state,
            "{word}"
        );
    }
}

#[test]
fn zero_and_negative_ends_are_expired() {
    for millis in [0, -1, -1_409_946_380_427_i64] {
        let token = token(read_with(|record| record["expiresOn"] = json!(millis)));
        assert_eq!(
            token.state(Timestamp::from_seconds(1).unwrap()),
            State::Expired
        );
    }
}

#[test]
fn deciding_members_of_a_wrong_type_are_refused() {
    for (member, wrong) in [
        ("accessToken", json!(null)),
        ("accessToken", json!(7)),
        ("status", json!(true)),
        ("status", json!(null)),
        ("expiresOn", json!("1409946380427")),
        ("expiresOn", json!(null)),
        ("expiresOn", json!(1.5e12)),
        ("expiresOn", json!(i64::MAX)),
        ("scopes", json!(7)),
        ("scopes", json!([1])),
        ("owner", json!(["x"])),
    ] {
        let read = read_with(|record| record[member] = wrong.clone());
        assert_eq!(read, Err(BadAnswer::member(member)), "{member} {wrong}");
    }
    for member in ["accessToken", "status", "expiresOn"] {
        let read = read_with(|record| drop(record.as_object_mut().unwrap().remove(member)));
        assert_eq!(read, Err(BadAnswer::member(member)), "{member}");
    }
}

#[test]
fn descriptive_members_of_a_wrong_type_are_ignored() {
    let token = token(read_with(|record| {
        record["createdOn"] = json!("then");
        record["id"] = json!(5);
        record["grantType"] = json!([]);
    }));
    assert_eq!((token.iat, token.jti, token.grant_type), (None, None, None));
}

#[test]
fn repeated_members_are_refused() {
    for member in ["accessToken", "status", "expiresOn"] {
        let doubled = SAMPLE.trim_end().strip_suffix('}').unwrap().to_owned();
        let original: Value = serde_json::from_str(SAMPLE).unwrap();
        let doubled = format!("{doubled}, \"{member}\": {}}}", original[member]);
        let read = read(StatusCode::OK, doubled.as_bytes(), &value(TOKEN));
        assert_eq!(read, Err(BadAnswer::member(member)));
    }
}

#[test]
fn answers_about_another_token_are_refused() {
    let other = "T1amGR21.IdKM.8a7420fe5079ab1b3bd24b4de1d5fe2";
    assert_eq!(
        read_with(|record| record["accessToken"] = json!(other)),
        Err(BadAnswer::OtherToken)
    );
    assert_eq!(
        read_with(|record| record["access_token"] = json!(other)),
        Err(BadAnswer::OtherToken)
    );
    let list = format!("[{SAMPLE}]");
    assert_eq!(
        read(StatusCode::OK, list.as_bytes(), &value(TOKEN)),
        Err(BadAnswer::NotAnObject)
    );
}

#[test]
fn the_other_documented_shape_has_no_status_and_is_refused() {
    let body = json!({
        "access_token": TOKEN, "expires_in": 3600, "resource_uri": "x", "scope": "reviews",
    });
    let read = read(StatusCode::OK, body.to_string().as_bytes(), &value(TOKEN));
    assert!(matches!(read, Err(BadAnswer::Member(_))), "{read:?}");
}

#[test]
fn only_invalid_grant_means_an_unknown_token() {
    let read = |body: &str| read(StatusCode::BAD_REQUEST, body.as_bytes(), &value(TOKEN));
    assert_eq!(
        read(r#"{"error":"invalid_grant"}"#),
        Ok(Introspection::Inactive)
    );
    assert_eq!(
        read(r#"{"error":"invalid_grant","error_description":"gone","error_uri":null}"#),
        Ok(Introspection::Inactive)
    );
    for body in [
        r#"{"error":"invalid_request"}"#,
        "",
        "[]",
        "<html>",
        r#"{"error":["invalid_grant"]}"#,
    ] {
        assert_eq!(read(body), Err(BadAnswer::UndocumentedError(400)), "{body}");
    }
}

#[test]
fn other_statuses_are_refused() {
    for status in [201, 204, 404, 409, 410] {
        let code = StatusCode::from_u16(status).unwrap();
        assert_eq!(
            read(code, SAMPLE.as_bytes(), &value(TOKEN)),
            Err(BadAnswer::Status(status))
        );
    }
}

#[test]
fn revocation_responses_are_read() {
    let other = SAMPLE.replace(TOKEN, "T1amGT21.Idup.0000");
    let both = SAMPLE.replacen('{', "{\"access_token\": \"T1amGT21.Idup.0000\",", 1);
    let doubled = SAMPLE.replacen('{', "{\"accessToken\": \"T1amGT21.Idup.0000\",", 1);
    let member = || BadAnswer::member("accessToken");
    for (status, body, said) in [
        (200, SAMPLE, Ok(())),
        (200, &other, Err(BadAnswer::OtherToken)),
        (200, &both, Err(BadAnswer::OtherToken)),
        (200, &doubled, Err(member())),
        (200, "{}", Err(member())),
        (200, "", Err(BadAnswer::NotAnObject)),
        (200, &format!("[{SAMPLE}]"), Err(BadAnswer::NotAnObject)),
        (200, "<html>", Err(BadAnswer::NotAnObject)),
        (400, r#"{"error":"invalid_grant"}"#, Ok(())),
        (
            400,
            r#"{"error":"invalid_request"}"#,
            Err(BadAnswer::UndocumentedError(400)),
        ),
        (400, "<html>", Err(BadAnswer::UndocumentedError(400))),
        (204, "", Err(BadAnswer::Status(204))),
        (
            404,
            r#"{"error":"invalid_grant"}"#,
            Err(BadAnswer::Status(404)),
        ),
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
    fn secrets_are_never_kept(secret in "[A-Za-z0-9]{16,40}", echo in 0usize..6) {
        let token = token(read_with(|record| {
            for member in ["refreshToken", "secret", "samlToken"] {
                record[member] = json!(secret);
            }
            let names = ["owner", "client", "id", "grantType", "classification", "scopes"];
            record[names[echo]] = json!(TOKEN);
        }));
        let kept = format!("{token:?}");
        prop_assert!(!kept.contains(&secret));
        prop_assert!(!kept.contains(TOKEN));
    }
}

/// A record of any answer is of the token that was asked about.
#[test]
fn any_answer_is_read_or_refused() {
    let seeds = [SAMPLE.as_bytes(), br#"{"error":"invalid_grant"}"#];
    introspectd_fuzz::check!(&seeds, |bytes: &[u8]| {
        for status in [StatusCode::OK, StatusCode::BAD_REQUEST] {
            let read = read(status, bytes, &value(TOKEN));
            // Members that are not read may hold what serde_json refuses.
            let record = serde_json::from_slice::<Value>(bytes);
            if let (Ok(Introspection::Token(_)), Ok(record)) = (read, record) {
                assert_eq!(record["accessToken"], TOKEN);
            }
            let _ = read_revocation(status, bytes, &value(TOKEN));
        }
    });
}
