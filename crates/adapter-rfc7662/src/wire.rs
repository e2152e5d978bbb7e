use http::StatusCode;
use introspectd_core::{
    Audience, BadAnswer, Expiry, Failure, Introspection, Json, Members, ScopeSet, Status,
    Timestamp, Token, TokenValue, decides_use, whole_seconds,
};
use introspectd_upstream::{Unread, keep_extensions, object, read_token_type};
use serde::Deserialize;
use serde_json::Value;

/// Treatment of an active answer without `exp`. RFC 7662 makes the member optional; peers that took
/// its absence for "never expires" each had an advisory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum MissingExp {
    /// The answer is invalid.
    #[default]
    Refuse,
    /// The token is active, and introspected again once the cache's `ttl` is over.
    Accept,
}

/// Reads the body of a response with status 200 about the token requested at `now`.
///
/// RFC 7662 section 2.2. Absent and null are the same for every member but `active`, and members
/// that decide or restrict the token's use must not be repeated. Members:
///
/// - `active` decides: JSON `true` or `false`, never a string or number.
/// - `exp` and `nbf` decide: seconds since the epoch, a number in any spelling, rounded down.
/// - `scope`, `client_id`, `username`, `sub`, `aud`, `iss` decide: text, and `aud` a list of it,
///   too.
/// - `token_type` decides who may use the token, not if it is active.
/// - `iat` (seconds, as above) and `jti` (text) describe: any other type is ignored.
/// - `roles` and `grant_type` are not members of RFC 7662. A list of strings and a string are read
///   as ours, anything else as an extension.
/// - All others are extensions, kept as they are but for credentials ([`keep_extensions`]).
pub(crate) fn read(
    body: &[u8],
    asked: &TokenValue,
    missing_exp: MissingExp,
    now: Timestamp,
) -> Result<Introspection, BadAnswer> {
    let mut members = Unread::of(body)?;
    if !members
        .take("active")?
        .ok_or_else(|| BadAnswer::member("active"))?
    {
        return Ok(Introspection::Inactive);
    }
    let token = read_record(members, missing_exp, now)?;
    Ok(Introspection::Token(Box::new(token.redact(asked))))
}

/// Error response of RFC 7009 section 2.2.1.
#[derive(Deserialize)]
struct Error {
    error: String,
}

/// Reads a revocation response. RFC 7009 section 2.2: an unknown token is 200 too, and a client
/// ignores the body.
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

fn read_record(
    mut members: Unread<'_>,
    missing_exp: MissingExp,
    now: Timestamp,
) -> Result<Token, BadAnswer> {
    let exp = time(&mut members, "exp")?;
    let nbf = time(&mut members, "nbf")?;
    let iat = members.raw("iat")?.and_then(|raw| whole_seconds(raw.get()));
    let scope: Option<String> = members.take("scope")?;
    let text = |members: &mut Unread<'_>, name| members.take::<String>(name);
    let client_id = text(&mut members, "client_id")?;
    let username = text(&mut members, "username")?;
    let sub = text(&mut members, "sub")?;
    let iss = text(&mut members, "iss")?;
    let aud = members.raw("aud")?.map(|raw| {
        let aud = Json::read(raw).as_ref().and_then(Audience::read);
        aud.ok_or_else(|| BadAnswer::member("aud"))
    });
    let aud = aud.transpose()?;
    let jti = members.describing("jti")?;
    let token_type: Option<Value> = members.take("token_type")?;
    let rest = members.rest(|name| decides_use(name) || name == "roles")?;

    let mut token = Token::new(Status::Good, expiry(exp, &rest, missing_exp, now)?);
    token.nbf = nbf;
    token.iat = iat.and_then(Timestamp::from_seconds);
    token.scope = scope
        .as_deref()
        .map(ScopeSet::from_spaced)
        .unwrap_or_default();
    token.client_id = client_id;
    token.username = username;
    token.sub = sub;
    token.iss = iss;
    token.aud = aud;
    token.jti = jti.as_ref().and_then(Json::as_str).map(str::to_owned);
    read_token_type(&mut token, token_type.as_ref().map(Value::as_str));
    keep_extensions(&mut token, rest);
    Ok(token)
}

/// Reads a deciding time.
fn time(members: &mut Unread<'_>, name: &'static str) -> Result<Option<Timestamp>, BadAnswer> {
    let Some(raw) = members.raw(name)? else {
        return Ok(None);
    };
    let time = whole_seconds(raw.get()).and_then(Timestamp::from_seconds);
    time.map(Some).ok_or_else(|| BadAnswer::member(name))
}

/// Determines the end. An accepted missing `exp` may still come as the remaining life,
/// `expires_in`.
fn expiry(
    exp: Option<Timestamp>,
    rest: &Members,
    missing_exp: MissingExp,
    now: Timestamp,
) -> Result<Expiry, BadAnswer> {
    match (exp, missing_exp) {
        (Some(end), _) => Ok(Expiry::At(end)),
        (None, MissingExp::Refuse) => Err(BadAnswer::member("exp")),
        (None, MissingExp::Accept) => match rest.get("expires_in") {
            Some(Json::Number(left)) => {
                let end = whole_seconds(left).and_then(|left| now.plus_seconds(left));
                Ok(end.map_or(Expiry::Never, Expiry::At))
            }
            _ => Ok(Expiry::Never),
        },
    }
}

#[cfg(test)]
mod tests;
