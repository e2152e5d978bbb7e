use http::StatusCode;
use introspectd_core::{
    BadAnswer, Expiry, Introspection, Members, ScopeSet, Status, Timestamp, Token, TokenValue,
};
use introspectd_upstream::{described, grant_type, object};
use serde::Deserialize;
use serde_json::Value;

/// Response to "Retrieve Access Token Details", user guide chapter 13, 2.1.1 to 2.5.1. The record
/// also holds `refreshToken`, `secret` and `samlToken`, which are not read.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Record {
    /// Requested token, a secret. Decides: the same URL answers for owners, too.
    access_token: String,
    /// Spelling of another documented response. Two values that differ are refused.
    #[serde(rename = "access_token")]
    rfc_access_token: Option<String>,
    /// `Active` is the only good value that the vendor shows. Decides.
    status: String,
    /// Milliseconds since the epoch. Zero and less: ended. Decides, since a record stays readable,
    /// and `Active`, for up to a day past its end.
    expires_on: i64,
    /// Milliseconds since the epoch. Descriptive: any other type is ignored.
    #[serde(default, deserialize_with = "described")]
    created_on: Option<Value>,
    /// List, or one space-separated string; both are documented. Absent and null: none.
    scopes: Option<Scopes>,
    /// Owner of the token: an id or an LDAP name. Absent and null: unknown.
    owner: Option<String>,
    /// Client id. Absent and null: unknown.
    client: Option<String>,
    /// Handle of the record. Descriptive: any other type is ignored.
    #[serde(default, deserialize_with = "described")]
    id: Option<Value>,
    /// Vendor's grant name. Descriptive: any other type is ignored.
    #[serde(default, deserialize_with = "described")]
    grant_type: Option<Value>,
    /// Resource group, kept as it is.
    #[serde(default, deserialize_with = "described")]
    classification: Option<Value>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Scopes {
    List(Vec<String>),
    Spaced(String),
}

/// Body of "Token Validation Error", user guide chapter 13.
#[derive(Deserialize)]
struct Error {
    error: String,
}

/// Reads an introspection response about the requested token.
pub(crate) fn read(status: StatusCode, body: &[u8], asked: &TokenValue) -> Result<Introspection, BadAnswer> {
    match status {
        StatusCode::OK => read_record(body, asked).map(|token| Introspection::Token(Box::new(token))),
        StatusCode::BAD_REQUEST => read_unknown(body).map(|()| Introspection::Inactive),
        _ => Err(BadAnswer::Status(status.as_u16())),
    }
}

/// Accepts a 400 with the documented error of an unknown token.
fn read_unknown(body: &[u8]) -> Result<(), BadAnswer> {
    match object::<Error>(body) {
        Ok(Error { error }) if error == "invalid_grant" => Ok(()),
        Ok(_) | Err(_) => Err(BadAnswer::UndocumentedError(400)),
    }
}

/// Response to "Revoke Token", user guide chapter 13: the record as it was, `Active` included. Only
/// the token it names matters.
#[derive(Deserialize)]
struct Revoked {
    #[serde(rename = "accessToken")]
    access_token: String,
    #[serde(rename = "access_token")]
    rfc_access_token: Option<String>,
}

/// Reads a response to the revocation of the requested token.
pub(crate) fn read_revocation(status: StatusCode, body: &[u8], asked: &TokenValue) -> Result<(), BadAnswer> {
    match status {
        StatusCode::OK => {
            let revoked: Revoked = object(body)?;
            let mut names = [Some(revoked.access_token), revoked.rfc_access_token].into_iter().flatten();
            if names.all(|name| asked.is(&name)) { Ok(()) } else { Err(BadAnswer::OtherToken) }
        }
        StatusCode::BAD_REQUEST => read_unknown(body),
        _ => Err(BadAnswer::Status(status.as_u16())),
    }
}

fn read_record(body: &[u8], asked: &TokenValue) -> Result<Token, BadAnswer> {
    let record: Record = object(body)?;
    let about_asked = |text: &String| asked.is(text);
    if !about_asked(&record.access_token) || !record.rfc_access_token.iter().all(about_asked) {
        return Err(BadAnswer::OtherToken);
    }
    let end = Timestamp::from_millis(record.expires_on).ok_or_else(|| BadAnswer::member("expiresOn"))?;

    let mut token = Token::new(status(&record.status), Expiry::At(end));
    token.iat = record.created_on.as_ref().and_then(Value::as_i64).and_then(Timestamp::from_millis);
    token.scope = match &record.scopes {
        None => ScopeSet::default(),
        Some(Scopes::List(list)) => ScopeSet::from_tokens(list.iter().map(String::as_str)),
        Some(Scopes::Spaced(text)) => ScopeSet::from_spaced(text),
    };
    token.sub = record.owner;
    token.client_id = record.client;
    token.jti = record.id.as_ref().and_then(Value::as_str).map(str::to_owned);
    token.grant_type = record.grant_type.as_ref().and_then(Value::as_str).and_then(grant_type);
    token.details =
        Members::from_iter(record.classification.map(|it| ("classification".to_owned(), it.into())));
    Ok(token.redact(asked))
}

/// Maps a status. `Active` is documented; the others are the likely words.
pub(crate) fn status(word: &str) -> Status {
    match word {
        "Active" => Status::Good,
        "Revoked" => Status::Revoked,
        "Expired" => Status::Expired,
        _ => Status::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use introspectd_core::Json;
    use introspectd_core::State;
    use proptest::prelude::*;
    use serde_json::json;

    const SAMPLE: &str = include_str!("../testdata/access_token.json");
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
        assert_eq!(token.sub.as_deref(), Some("251-20c8104e-e91a-4384-980c-84545aced892"));
        assert_eq!(token.client_id, token.sub);
        assert_eq!(token.jti.as_deref(), Some("5d34e914ad73b262dbf88a963dbccb41"));
        assert_eq!(token.scope.to_string(), "reviews");
        assert_eq!(token.grant_type.as_deref(), Some("client_credentials"));
        assert_eq!(Json::Object(token.details), json!({"classification": "reviews"}).into());
    }

    #[test]
    fn scopes_can_be_one_string() {
        let token = token(read_with(|record| record["scopes"] = json!("public  reviews public")));
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
            assert_eq!(token.state(Timestamp::from_seconds(1_409_942_781).unwrap()), state, "{word}");
        }
    }

    #[test]
    fn zero_and_negative_ends_are_expired() {
        for millis in [0, -1, -1_409_946_380_427_i64] {
            let token = token(read_with(|record| record["expiresOn"] = json!(millis)));
            assert_eq!(token.state(Timestamp::from_seconds(1).unwrap()), State::Expired);
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
        assert_eq!(read_with(|record| record["accessToken"] = json!(other)), Err(BadAnswer::OtherToken));
        assert_eq!(read_with(|record| record["access_token"] = json!(other)), Err(BadAnswer::OtherToken));
        let list = format!("[{SAMPLE}]");
        assert_eq!(read(StatusCode::OK, list.as_bytes(), &value(TOKEN)), Err(BadAnswer::NotAnObject));
    }

    #[test]
    fn the_other_documented_shape_has_no_status_and_is_refused() {
        let body =
            json!({"access_token": TOKEN, "expires_in": 3600, "resource_uri": "x", "scope": "reviews"});
        let read = read(StatusCode::OK, body.to_string().as_bytes(), &value(TOKEN));
        assert!(matches!(read, Err(BadAnswer::Member(_))), "{read:?}");
    }

    #[test]
    fn only_invalid_grant_means_an_unknown_token() {
        let read = |body: &str| read(StatusCode::BAD_REQUEST, body.as_bytes(), &value(TOKEN));
        assert_eq!(read(r#"{"error":"invalid_grant"}"#), Ok(Introspection::Inactive));
        assert_eq!(
            read(r#"{"error":"invalid_grant","error_description":"gone","error_uri":null}"#),
            Ok(Introspection::Inactive)
        );
        for body in [r#"{"error":"invalid_request"}"#, "", "[]", "<html>", r#"{"error":["invalid_grant"]}"#] {
            assert_eq!(read(body), Err(BadAnswer::UndocumentedError(400)), "{body}");
        }
    }

    #[test]
    fn other_statuses_are_refused() {
        for status in [201, 204, 404, 409, 410] {
            let code = StatusCode::from_u16(status).unwrap();
            assert_eq!(read(code, SAMPLE.as_bytes(), &value(TOKEN)), Err(BadAnswer::Status(status)));
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
            (400, r#"{"error":"invalid_request"}"#, Err(BadAnswer::UndocumentedError(400))),
            (400, "<html>", Err(BadAnswer::UndocumentedError(400))),
            (204, "", Err(BadAnswer::Status(204))),
            (404, r#"{"error":"invalid_grant"}"#, Err(BadAnswer::Status(404))),
        ] {
            let read = read_revocation(StatusCode::from_u16(status).unwrap(), body.as_bytes(), &value(TOKEN));
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
                let place = ["owner", "client", "id", "grantType", "classification", "scopes"][echo];
                record[place] = json!(TOKEN);
            }));
            let kept = format!("{token:?}");
            prop_assert!(!kept.contains(&secret));
            prop_assert!(!kept.contains(TOKEN));
        }
    }
}
