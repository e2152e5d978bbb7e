mod id;

use http::StatusCode;
use introspectd_core::{
    BadAnswer, Expiry, Instant, Introspection, Object, ScopeSet, Status, Timestamp, Token, TokenId,
    TokenValue,
};
use introspectd_upstream::{described, grant_type, object, read_token_type};
use serde::Deserialize;
use serde_json::Value;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

pub(crate) use id::{is_id, spells_an_id};

/// Response to "Retrieve token information",
/// <https://docs.passportfintech.com/EN/retrieve-token-information>.
/// Members that are not named here, an `access_token` among them, are not read.
#[derive(Deserialize)]
struct Record {
    /// Requested id. Decides.
    token_id: String,
    /// RFC 3339 time; other pages of the vendor omit the zone, then read as UTC, and trim the
    /// fraction. Decides.
    created_at: String,
    /// Seconds from `created_at` (not from now: the token would never end). Zero and less: ended at
    /// once. Decides.
    expires_in: i64,
    /// Strings. Absent and null: none.
    scopes: Option<Vec<String>>,
    /// Strings. Absent and null: none.
    roles: Option<Vec<String>>,
    /// `Bearer`. Descriptive: any other type is ignored.
    token_type: Option<Value>,
    /// `GRANT_FLOW_…`, known from the filters of "List token information". Descriptive: any other
    /// type is ignored.
    #[serde(default, deserialize_with = "described")]
    grant_flow: Option<Value>,
}

/// Reads a lookup response about the requested id.
pub(crate) fn read(
    status: StatusCode,
    body: &[u8],
    asked: &TokenId,
) -> Result<Introspection, BadAnswer> {
    match status {
        StatusCode::OK => {
            read_record(body, asked).map(|token| Introspection::Token(Box::new(token)))
        }
        StatusCode::NOT_FOUND => read_error(status, body).map(|()| Introspection::Inactive),
        _ => Err(BadAnswer::Status(status.as_u16())),
    }
}

/// Accepts any JSON object as error, since its members are undocumented.
fn read_error(status: StatusCode, body: &[u8]) -> Result<(), BadAnswer> {
    let read = object::<Object>(body);
    read.map(drop)
        .map_err(|_| BadAnswer::UndocumentedError(status.as_u16()))
}

/// Response to "Access tokens", <https://docs.passportfintech.com/EN/access-tokens>, the creation
/// of a token. Its members are those of [`Record`], and the token itself.
#[derive(Deserialize)]
struct CreatedRecord {
    access_token: String,
    token_id: String,
    created_at: String,
    expires_in: i64,
}

/// Token that was created.
pub(crate) struct Created {
    pub(crate) token: TokenValue,
    pub(crate) id: TokenId,
    pub(crate) end: Timestamp,
}

/// Reads the body of a successful creation.
pub(crate) fn read_created(body: &[u8]) -> Result<Created, BadAnswer> {
    let CreatedRecord {
        access_token,
        token_id,
        created_at,
        expires_in,
    } = object(body)?;
    let token = TokenValue::parse(access_token).map_err(|_| BadAnswer::member("access_token"))?;
    let id = TokenId::parse(token_id).map_err(|_| BadAnswer::member("token_id"))?;
    // An id is public, so it cannot be a token.
    if spells_an_id(&token) || token.expose().eq_ignore_ascii_case(id.as_str()) {
        return Err(BadAnswer::member("access_token"));
    }
    let (_, end) = times(&created_at, expires_in)?;
    Ok(Created { token, id, end })
}

/// Outcome of "Revoke access token", <https://docs.passportfintech.com/EN/revoke-access-token>.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Revocation {
    /// The token is not active any more, or never was.
    Done,
    /// The token "is already revoked or in a non-revocable state"; the response does not say which.
    Conflict,
}

/// Optional body of a success, documented as empty. One that names a token must name the right one.
#[derive(Deserialize)]
struct Revoked {
    token_id: Option<String>,
}

/// Reads a response to the revocation of the requested id.
pub(crate) fn read_revocation(
    status: StatusCode,
    body: &[u8],
    asked: &TokenId,
) -> Result<Revocation, BadAnswer> {
    match status {
        StatusCode::NO_CONTENT => Ok(Revocation::Done),
        StatusCode::OK => read_revoked(body, asked).map(|()| Revocation::Done),
        // The token "does not exist or was already revoked".
        StatusCode::NOT_FOUND => read_error(status, body).map(|()| Revocation::Done),
        StatusCode::CONFLICT => read_error(status, body).map(|()| Revocation::Conflict),
        _ => Err(BadAnswer::Status(status.as_u16())),
    }
}

/// Accepts an empty body or an object. Anything else, such as another server's page, confirms
/// nothing.
fn read_revoked(body: &[u8], asked: &TokenId) -> Result<(), BadAnswer> {
    if body.trim_ascii().is_empty() {
        return Ok(());
    }
    match object::<Revoked>(body)?.token_id {
        Some(id) if id != asked.as_str() => Err(BadAnswer::OtherToken),
        Some(_) | None => Ok(()),
    }
}

fn read_record(body: &[u8], asked: &TokenId) -> Result<Token, BadAnswer> {
    let record: Record = object(body)?;
    if record.token_id != asked.as_str() {
        return Err(BadAnswer::OtherToken);
    }
    token(record)
}

/// Reads a record of a list, which names its own token.
pub(crate) fn read_listed(body: &[u8]) -> Result<Token, BadAnswer> {
    let record: Record = object(body)?;
    if TokenId::parse(record.token_id.clone()).is_err() {
        return Err(BadAnswer::member("token_id"));
    }
    token(record)
}

fn token(record: Record) -> Result<Token, BadAnswer> {
    let (created, end) = times(&record.created_at, record.expires_in)?;

    let mut token = Token::new(Status::Good, Expiry::At(end));
    token.iat = Some(created);
    token.jti = Some(record.token_id);
    token.scope = ScopeSet::from_tokens(record.scopes.iter().flatten().map(String::as_str));
    token.roles = record.roles.unwrap_or_default();
    read_token_type(&mut token, record.token_type.as_ref().map(Value::as_str));
    token.grant_type = record
        .grant_flow
        .as_ref()
        .and_then(Value::as_str)
        .and_then(grant_type);
    Ok(token)
}

/// Creation and end of a token.
fn times(created_at: &str, expires_in: i64) -> Result<(Timestamp, Timestamp), BadAnswer> {
    let created = timestamp(created_at).ok_or_else(|| BadAnswer::member("created_at"))?;
    let end = created
        .plus_seconds(expires_in)
        .ok_or_else(|| BadAnswer::member("expires_in"))?;
    Ok((created, end))
}

/// Parses RFC 3339 with or without a zone, without the fraction.
fn timestamp(text: &str) -> Option<Timestamp> {
    instant(text).map(|instant| instant.second)
}

/// Parses RFC 3339 with or without a zone, with the fraction.
pub(crate) fn instant(text: &str) -> Option<Instant> {
    let zoned = match text.get(19..) {
        Some(rest) if !rest.contains(['Z', 'z', '+', '-']) => &format!("{text}Z"),
        _ => text,
    };
    let time = OffsetDateTime::parse(zoned, &Rfc3339).ok()?;
    Some(Instant {
        second: Timestamp::from_seconds(time.unix_timestamp())?,
        nanos: time.nanosecond(),
    })
}

#[cfg(test)]
mod tests;
