use http::StatusCode;
use introspectd_core::{
    Audience, BadAnswer, Expiry, Failure, Introspection, Json, Members, ScopeSet, Status, Timestamp, Token,
    TokenValue, decides_use, whole_seconds,
};
use introspectd_upstream::{Unread, object};
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

/// How an operator has answers read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Reading {
    pub(crate) missing_exp: MissingExp,
    /// How far `nbf` may lie ahead of our clock, in seconds.
    pub(crate) clock_skew: u32,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum StringOrList {
    One(String),
    Many(Vec<String>),
}

/// Names under which some servers put credentials into the answer; dropped at any depth.
const SECRETS: [&str; 2] = ["access_token", "refresh_token"];

/// What a body with status 200 says about this token, asked for at `now`.
///
/// RFC 7662 section 2.2. Absent and null are the same for every member but `active`, and those that decide or say what a
/// token is good for stand there once. Members:
///
/// - `active` decides: JSON `true` or `false`, and no word that looks like it.
/// - `exp` and `nbf` decide: seconds since the epoch, a number in any spelling, rounded down.
/// - `scope`, `client_id`, `username`, `sub`, `aud`, `iss` decide: text, and `aud` a list of it, too.
/// - `token_type` decides who may show the token, not whether it is active.
/// - `iat` (seconds, as above) and `jti` (text) describe: anything else is as good as absent.
/// - `roles` and `grant_type` are no members of RFC 7662. A list of strings and a string are ours, anything else an
///   extension.
/// - All others are extensions, handed on as they are but for [`SECRETS`].
pub(crate) fn read(
    body: &[u8],
    asked: &TokenValue,
    reading: Reading,
    now: Timestamp,
) -> Result<Introspection, BadAnswer> {
    let mut members = Unread::of(body)?;
    if !members.take("active")?.ok_or_else(|| BadAnswer::member("active"))? {
        return Ok(Introspection::Inactive);
    }
    let token = read_record(members, reading, now)?;
    Ok(Introspection::Token(Box::new(token.redact(asked))))
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

fn read_record(mut members: Unread<'_>, reading: Reading, now: Timestamp) -> Result<Token, BadAnswer> {
    let (exp, nbf) = (time(&mut members, "exp")?, time(&mut members, "nbf")?);
    let iat = members.raw("iat")?.and_then(|raw| whole_seconds(raw.get()));
    let scope: Option<String> = members.take("scope")?;
    let text = |members: &mut Unread<'_>, name| members.take::<String>(name);
    let (client_id, username) = (text(&mut members, "client_id")?, text(&mut members, "username")?);
    let (sub, iss) = (text(&mut members, "sub")?, text(&mut members, "iss")?);
    let aud: Option<StringOrList> = members.take("aud")?;
    let jti = members.describing("jti")?;
    let token_type: Option<Value> = members.take("token_type")?;
    let mut rest = members.rest(|name| decides_use(name) || name == "roles")?;
    drop_secrets(&mut rest);

    let mut token = Token::new(Status::Good, expiry(exp, &rest, reading.missing_exp, now)?);
    (token.nbf, token.clock_skew) = (nbf, reading.clock_skew);
    token.iat = iat.and_then(Timestamp::from_seconds);
    token.scope = scope.as_deref().map(ScopeSet::from_spaced).unwrap_or_default();
    (token.client_id, token.username, token.sub, token.iss) = (client_id, username, sub, iss);
    token.aud = aud.map(|aud| match aud {
        StringOrList::One(one) => Audience::One(one),
        StringOrList::Many(many) => Audience::Many(many),
    });
    token.jti = jti.as_ref().and_then(Json::as_str).map(str::to_owned);
    token.read_token_type(token_type.as_ref().map(Value::as_str));
    // Whatever else a server means by these names passes through as its own, and no policy of ours will find a role in
    // it.
    if let Some(roles) = rest.get("roles").and_then(strings) {
        token.roles = roles;
        rest.remove("roles");
    }
    if let Some(grant) = rest.get("grant_type").and_then(Json::as_str) {
        token.grant_type = Some(grant.to_owned());
        rest.remove("grant_type");
    }
    token.extensions = rest;
    Ok(token)
}

/// A time that decides.
fn time(members: &mut Unread<'_>, name: &'static str) -> Result<Option<Timestamp>, BadAnswer> {
    let Some(raw) = members.raw(name)? else { return Ok(None) };
    let time = whole_seconds(raw.get()).and_then(Timestamp::from_seconds);
    time.map(Some).ok_or_else(|| BadAnswer::member(name))
}

/// An end that is missing and meant may still be told as what is left now.
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

fn strings(value: &Json) -> Option<Vec<String>> {
    let Json::Array(items) = value else { return None };
    items.iter().map(|item| item.as_str().map(str::to_owned)).collect()
}

fn drop_secrets(members: &mut Members) {
    members.retain(|name, value| {
        drop_secrets_within(value);
        !SECRETS.contains(&name.as_str())
    });
}

fn drop_secrets_within(value: &mut Json) {
    match value {
        Json::Object(members) => drop_secrets(members),
        Json::Array(items) => items.iter_mut().for_each(drop_secrets_within),
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => {}
    }
}

#[cfg(test)]
mod tests;
