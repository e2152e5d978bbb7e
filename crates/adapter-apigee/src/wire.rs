use http::StatusCode;
use introspectd_core::{
    BadAnswer, Expiry, Introspection, ScopeSet, Status, Timestamp, Token, TokenValue,
};
use introspectd_upstream::{Unread, described, grant_type, object, read_token_type};
use serde::Deserialize;
use serde_json::Value;

/// Response to "Get an access token",
/// <http://apigee.com/docs/api/api_methods/109-get-an-access-token>.
/// The record also holds `refreshToken`, which is not read.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Record {
    /// Requested token, a secret. Decides. An organization that hashes its tokens may return a hash
    /// here, which is then refused.
    token: String,
    /// `approved`, `revoked` or `expired`. Decides, together with time: an expired token may still
    /// read `approved`.
    status: String,
    /// Milliseconds since the epoch. Zero and less: ended. Decides.
    expires_at: i64,
    /// Milliseconds since the epoch. Descriptive: any other type is ignored.
    #[serde(default, deserialize_with = "described")]
    issued_at: Option<Value>,
    /// One string; the page says commas, servers send spaces. Absent, null and empty: none.
    scope: Option<String>,
    /// The consumer key. Absent and null: unknown.
    client_id: Option<String>,
    /// `BearerToken`. Descriptive: any other type is ignored.
    token_type: Option<Value>,
    /// Vendor's grant name. Descriptive: any other type is ignored.
    #[serde(default, deserialize_with = "described")]
    grant_type: Option<Value>,
}

/// Members kept in `details`. An allow-list: the record may gain unknown secrets. `attributes` are
/// free names and values of the API's owner, so they stay below their own name.
const DETAILS: [&str; 9] = [
    "app",
    "appId",
    "apiProducts",
    "attributes",
    "refreshCount",
    "createdAt",
    "createdBy",
    "lastModifiedAt",
    "lastModifiedBy",
];

/// Codes of that page's 404: the example's, and the second spelling in its list of codes.
const UNKNOWN_TOKEN: [&str; 2] = [
    "keymanagement.service.AccessTokenDoesntExists",
    "keymanagement.service.oauth_access_token_doesnot_exist",
];

/// Codes of the 404 of "Approve or revoke an access token",
/// <http://apigee.com/docs/api/api_methods/115-approve-an-access-token>: the example's, and the one
/// in its list of codes.
const UNKNOWN_TO_REVOKE: [&str; 2] = [
    "keymanagement.service.invalid_accesstoken",
    "keymanagement.service.invalid_access_token",
];

#[derive(Deserialize)]
struct Error {
    code: String,
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
        StatusCode::NOT_FOUND => {
            read_unknown(body, &[UNKNOWN_TOKEN]).map(|()| Introspection::Inactive)
        }
        _ => Err(BadAnswer::Status(status.as_u16())),
    }
}

/// Accepts a 404 with a documented code for an unknown token. A wrong organization or path is a 404
/// too.
fn read_unknown(body: &[u8], documented: &[[&str; 2]]) -> Result<(), BadAnswer> {
    match object::<Error>(body) {
        Ok(Error { code }) if documented.as_flattened().contains(&code.as_str()) => Ok(()),
        Ok(_) | Err(_) => Err(BadAnswer::UndocumentedError(404)),
    }
}

/// Record that newer versions answer a revocation with. It names the token; it is undocumented if
/// its status is the old or the new one.
#[derive(Deserialize)]
struct Revoked {
    token: String,
}

/// Reads a response to the revocation of the requested token.
pub(crate) fn read_revocation(
    status: StatusCode,
    body: &[u8],
    asked: &TokenValue,
) -> Result<(), BadAnswer> {
    match status {
        StatusCode::NO_CONTENT => Ok(()),
        StatusCode::OK => match object::<Revoked>(body)? {
            Revoked { token } if asked.is(&token) => Ok(()),
            Revoked { .. } => Err(BadAnswer::OtherToken),
        },
        StatusCode::NOT_FOUND => read_unknown(body, &[UNKNOWN_TOKEN, UNKNOWN_TO_REVOKE]),
        _ => Err(BadAnswer::Status(status.as_u16())),
    }
}

fn read_record(body: &[u8], asked: &TokenValue) -> Result<Token, BadAnswer> {
    let record: Record = object(body)?;
    if !asked.is(&record.token) {
        return Err(BadAnswer::OtherToken);
    }
    let end =
        Timestamp::from_millis(record.expires_at).ok_or_else(|| BadAnswer::member("expiresAt"))?;

    let mut token = Token::new(status(&record.status), Expiry::At(end));
    token.iat = record
        .issued_at
        .as_ref()
        .and_then(Value::as_i64)
        .and_then(Timestamp::from_millis);
    let scope = record.scope.unwrap_or_default();
    token.scope = ScopeSet::from_tokens(scope.split(|c: char| c == ',' || c.is_whitespace()));
    token.client_id = record.client_id;
    read_token_type(&mut token, record.token_type.as_ref().map(Value::as_str));
    token.grant_type = record
        .grant_type
        .as_ref()
        .and_then(Value::as_str)
        .and_then(grant_type);
    let mut members = Unread::of(body)?;
    for name in DETAILS {
        if let Some(value) = members.describing(name)? {
            token.details.insert(name.to_owned(), value);
        }
    }
    Ok(token.redact(asked))
}

fn status(word: &str) -> Status {
    match word {
        "approved" => Status::Good,
        "revoked" => Status::Revoked,
        "expired" => Status::Expired,
        _ => Status::Unknown,
    }
}

#[cfg(test)]
mod tests;
