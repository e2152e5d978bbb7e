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
pub(crate) fn read(
    status: StatusCode,
    body: &[u8],
    asked: &TokenValue,
) -> Result<Introspection, BadAnswer> {
    match status {
        StatusCode::OK => {
            read_record(body, asked).map(|token| Introspection::Token(Box::new(token)))
        }
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
pub(crate) fn read_revocation(
    status: StatusCode,
    body: &[u8],
    asked: &TokenValue,
) -> Result<(), BadAnswer> {
    match status {
        StatusCode::OK => {
            let revoked: Revoked = object(body)?;
            let mut names = [Some(revoked.access_token), revoked.rfc_access_token]
                .into_iter()
                .flatten();
            if names.all(|name| asked.is(&name)) {
                Ok(())
            } else {
                Err(BadAnswer::OtherToken)
            }
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
    let end =
        Timestamp::from_millis(record.expires_on).ok_or_else(|| BadAnswer::member("expiresOn"))?;

    let mut token = Token::new(status(&record.status), Expiry::At(end));
    token.iat = record
        .created_on
        .as_ref()
        .and_then(Value::as_i64)
        .and_then(Timestamp::from_millis);
    token.scope = match &record.scopes {
        None => ScopeSet::default(),
        Some(Scopes::List(list)) => ScopeSet::from_tokens(list.iter().map(String::as_str)),
        Some(Scopes::Spaced(text)) => ScopeSet::from_spaced(text),
    };
    token.sub = record.owner;
    token.client_id = record.client;
    token.jti = record
        .id
        .as_ref()
        .and_then(Value::as_str)
        .map(str::to_owned);
    token.grant_type = record
        .grant_type
        .as_ref()
        .and_then(Value::as_str)
        .and_then(grant_type);
    token.details = Members::from_iter(
        record
            .classification
            .map(|it| ("classification".to_owned(), it.into())),
    );
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
mod tests;
