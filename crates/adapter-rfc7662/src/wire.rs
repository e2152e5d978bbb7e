use http::StatusCode;
use introspectd_core::{
    Audience, BadAnswer, Expiry, Failure, Introspection, Object, ScopeSet, Status, Timestamp, Token,
    TokenValue,
};
use introspectd_upstream::object;
use serde::Deserialize;
use serde_json::Value;

/// What an active answer without `exp` is worth. RFC 7662 makes the member optional; peers that took
/// its absence for "for ever" had an advisory each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum MissingExp {
    /// It is no answer.
    #[default]
    Refuse,
    /// The token is active, and asked about again when the cache's `ttl` is over.
    Accept,
}

/// RFC 7662 section 2.2, the one member that every answer has. Decides: JSON `true` or `false`, and
/// no word that looks like it.
#[derive(Deserialize)]
struct Verdict {
    active: bool,
}

/// RFC 7662 section 2.2, an active answer. Absent and null are the same for every member.
#[derive(Deserialize)]
struct Record {
    #[serde(rename = "active")]
    _active: bool,
    /// Seconds since the epoch. Decides.
    exp: Option<i64>,
    /// Seconds since the epoch. Decides.
    nbf: Option<i64>,
    /// Seconds since the epoch. Only described, so anything but an integer is as good as absent.
    iat: Option<Value>,
    scope: Option<String>,
    client_id: Option<String>,
    username: Option<String>,
    sub: Option<String>,
    aud: Option<StringOrList>,
    iss: Option<String>,
    /// Described, as above.
    jti: Option<Value>,
    /// Described, as above.
    token_type: Option<Value>,
    /// No member of RFC 7662. A list of strings is ours, anything else an extension; named here, so that
    /// it cannot stand twice.
    roles: Option<Value>,
    /// As `roles`, with a string.
    grant_type: Option<Value>,
    /// Extension members, handed on as they are but for [`SECRETS`].
    #[serde(flatten)]
    rest: Object,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum StringOrList {
    One(String),
    Many(Vec<String>),
}

/// Names under which some servers put credentials into the answer; dropped at any depth.
const SECRETS: [&str; 2] = ["access_token", "refresh_token"];

/// What a body with status 200 says about this token.
pub(crate) fn read(
    body: &[u8],
    asked: &TokenValue,
    missing_exp: MissingExp,
) -> Result<Introspection, BadAnswer> {
    let Verdict { active } = object(body)?;
    if !active {
        return Ok(Introspection::Inactive);
    }
    let token = read_record(object(body)?, missing_exp)?;
    Ok(Introspection::Token(Box::new(token.without(asked))))
}

/// RFC 7009 section 2.2.1.
#[derive(Deserialize)]
struct Error {
    error: String,
}

/// What the status and body say about a revocation. RFC 7009 section 2.2: also of a token that the server does not know
/// it says 200, and a client ignores the body.
pub(crate) fn read_revocation(status: StatusCode, body: &[u8]) -> Result<(), Failure> {
    match status {
        StatusCode::OK => Ok(()),
        StatusCode::BAD_REQUEST => match object::<Error>(body) {
            Ok(Error { error }) if error == "unsupported_token_type" => Err(Failure::Unsupported),
            Ok(_) | Err(_) => Err(BadAnswer::UndocumentedError(status.as_u16()).into()),
        },
        _ => Err(BadAnswer::Status(status.as_u16()).into()),
    }
}

fn read_record(record: Record, missing_exp: MissingExp) -> Result<Token, BadAnswer> {
    let expiry = match (record.exp, missing_exp) {
        (Some(seconds), _) => {
            Expiry::At(Timestamp::from_seconds(seconds).ok_or_else(|| BadAnswer::member("exp"))?)
        }
        (None, MissingExp::Accept) => Expiry::Never,
        (None, MissingExp::Refuse) => return Err(BadAnswer::member("exp")),
    };
    let nbf =
        record.nbf.map(|seconds| Timestamp::from_seconds(seconds).ok_or_else(|| BadAnswer::member("nbf")));

    let mut token = Token::new(Status::Good, expiry);
    token.nbf = nbf.transpose()?;
    token.iat = record.iat.as_ref().and_then(Value::as_i64).and_then(Timestamp::from_seconds);
    token.scope = record.scope.as_deref().map(ScopeSet::from_spaced).unwrap_or_default();
    token.client_id = record.client_id;
    token.username = record.username;
    token.sub = record.sub;
    token.aud = record.aud.map(|aud| match aud {
        StringOrList::One(one) => Audience::One(one),
        StringOrList::Many(many) => Audience::Many(many),
    });
    token.iss = record.iss;
    token.jti = record.jti.as_ref().and_then(Value::as_str).map(str::to_owned);
    token.read_token_type(record.token_type.as_ref());
    token.extensions = record.rest;
    // Ours are a list of strings and a string. Whatever else a server means by these names passes
    // through as its own, and no policy of ours will find a role in it.
    match record.roles.as_ref().and_then(strings) {
        Some(roles) => token.roles = roles,
        None => token.extensions.extend(record.roles.map(|roles| ("roles".to_owned(), roles))),
    }
    match record.grant_type {
        Some(Value::String(grant)) => token.grant_type = Some(grant),
        other => token.extensions.extend(other.map(|other| ("grant_type".to_owned(), other))),
    }
    drop_secrets(&mut token.extensions);
    Ok(token)
}

fn strings(value: &Value) -> Option<Vec<String>> {
    value.as_array()?.iter().map(|item| item.as_str().map(str::to_owned)).collect()
}

fn drop_secrets(object: &mut Object) {
    object.retain(|name, _| !SECRETS.contains(&name.as_str()));
    object.values_mut().for_each(drop_secrets_within);
}

fn drop_secrets_within(value: &mut Value) {
    match value {
        Value::Object(object) => drop_secrets(object),
        Value::Array(items) => items.iter_mut().for_each(drop_secrets_within),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    /// The example of RFC 7662 section 2.2.
    const SAMPLE: &str = include_str!("../testdata/active.json");
    const UNSUPPORTED: &str = include_str!("../testdata/unsupported_token_type.json");
    const TOKEN: &str = "mF_9.B5f-4.1JqM";

    fn read_text(body: &str) -> Result<Introspection, BadAnswer> {
        read(body.as_bytes(), &TokenValue::parse(TOKEN.to_owned()).unwrap(), MissingExp::Refuse)
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
    fn the_standards_example() {
        let token = token(read_with(|_| {}));
        assert_eq!(token.exp().unwrap().seconds(), 1_419_356_238);
        assert_eq!(token.iat.unwrap().seconds(), 1_419_350_238);
        assert_eq!(token.scope.to_string(), "read write dolphin");
        assert_eq!(token.username.as_deref(), Some("jdoe"));
        assert_eq!(token.aud, Some(Audience::One("https://protected.example.net/resource".to_owned())));
        assert_eq!(Value::Object(token.extensions), json!({"extension_field": "twenty-seven"}));
    }

    #[test]
    fn only_json_true_is_active() {
        assert_eq!(read_text(r#"{"active":false}"#), Ok(Introspection::Inactive));
        assert_eq!(read_text(r#"{"active":false,"exp":"never"}"#), Ok(Introspection::Inactive));
        for wrong in ["\"true\"", "1", "null", "{}", "\"false\""] {
            let read = read_text(&format!("{{\"active\":{wrong},\"exp\":9999999999}}"));
            assert_eq!(read, Err(BadAnswer::member("active")), "{wrong}");
        }
        assert_eq!(read_text(r#"{"exp":9999999999}"#), Err(BadAnswer::member("active")));
        assert_eq!(read_text(r#"{"active":false,"active":true,"exp":1}"#), Err(BadAnswer::member("active")));
        assert_eq!(read_text("[true]"), Err(BadAnswer::NotAnObject));
    }

    #[test]
    fn a_missing_end_is_no_answer_unless_it_is_meant() {
        let endless = r#"{"active":true}"#;
        assert_eq!(read_text(endless), Err(BadAnswer::member("exp")));
        let asked = TokenValue::parse(TOKEN.to_owned()).unwrap();
        let accepted = token(read(endless.as_bytes(), &asked, MissingExp::Accept));
        assert_eq!(accepted.expiry, Expiry::Never);
    }

    #[test]
    fn a_deciding_member_of_the_wrong_type_is_no_answer() {
        for (member, wrong) in [
            ("exp", json!("1419356238")),
            ("exp", json!(1419356238.5)),
            ("exp", json!(i64::MAX)),
            ("exp", json!(null)),
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
    fn a_doubled_end_is_no_answer() {
        let read = read_text(r#"{"active":true,"exp":1,"exp":9999999999}"#);
        assert_eq!(read, Err(BadAnswer::member("exp")));
    }

    #[test]
    fn roles_are_ours_only_as_a_list_of_strings() {
        assert_eq!(token(read_with(|record| record["roles"] = json!(["a", "b"]))).roles, ["a", "b"]);
        let token = token(read_with(|record| record["roles"] = json!({"realm": ["a"]})));
        assert!(token.roles.is_empty());
        assert_eq!(token.extensions["roles"], json!({"realm": ["a"]}));
    }

    #[test]
    fn what_is_said_about_a_revocation() {
        let undocumented = || Err(BadAnswer::UndocumentedError(400).into());
        for (status, body, said) in [
            (200, "", Ok(())),
            (200, "{}", Ok(())),
            (200, "ok", Ok(())),
            (400, UNSUPPORTED, Err(Failure::Unsupported)),
            (400, r#"{"error":"invalid_request"}"#, undocumented()),
            (400, r#"{"error":["unsupported_token_type"]}"#, undocumented()),
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
        fn no_body_makes_it_panic(status in 200u16..600, body: Vec<u8>) {
            let _ = read_revocation(StatusCode::from_u16(status).unwrap(), &body);
            let _ = read(&body, &TokenValue::parse(TOKEN.to_owned()).unwrap(), MissingExp::Accept);
        }

        #[test]
        fn no_secret_is_kept(secret in "[A-Za-z0-9]{16,40}", echo in "[a-z]{1,12}") {
            let token = token(read_with(|record| {
                record["access_token"] = json!(secret);
                record["nested"] = json!({"a": [{"refresh_token": secret}], "access_token": {"x": secret}});
                record[format!("x_{echo}")] = json!([TOKEN, {"token": TOKEN}]);
                record["username"] = json!(TOKEN);
            }));
            let kept = format!("{token:?}");
            prop_assert!(!kept.contains(&secret));
            prop_assert!(!kept.contains(TOKEN));
        }

        #[test]
        fn extensions_pass_as_they_were_sent(name in "x_[a-z]{1,12}", value in "\\PC{0,20}", number: i64) {
            let token = token(read_with(|record| record[&name] = json!({"v": [value, number, null]})));
            prop_assert_eq!(&token.extensions[&name], &json!({"v": [value, number, null]}));
        }
    }
}
