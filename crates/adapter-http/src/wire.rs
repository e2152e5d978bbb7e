pub(crate) mod answer;
pub(crate) mod claims;
pub(crate) mod condition;
pub(crate) mod moment;
pub(crate) mod pointer;

use http::StatusCode;
use introspectd_core::{
    BadAnswer, Failure, Introspection, Json, Members, Timestamp, TokenId, TokenValue,
};

use answer::{Answer, unusable};
use claims::{Claims, Requirement};
use condition::{Condition, all, any};
use pointer::Pointer;

/// Description of a server's answers.
#[derive(Debug)]
pub(crate) struct Reading {
    /// Conditions that all hold of an active token's answer, and not only some.
    pub(crate) active: Vec<Condition>,
    /// Conditions of which any makes the token inactive.
    pub(crate) inactive: Vec<Condition>,
    /// Member that repeats the presented token.
    pub(crate) about: Option<Pointer>,
    pub(crate) claims: Claims,
    pub(crate) require: Vec<Requirement>,
    pub(crate) details: Vec<Pointer>,
    pub(crate) secrets: Vec<Pointer>,
}

/// Subject of a request.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Asked<'a> {
    Token(&'a TokenValue),
    Id(&'a TokenId),
    /// A token that is not at hand, when an answer is only looked at.
    Unknown,
}

/// Member names that many servers use for credentials; dropped from details at any depth.
const SECRETS: [&str; 3] = ["access_token", "refresh_token", "client_secret"];

/// Reads an answer that was asked for at `now`.
///
/// Active is what meets all of `active` with a 2xx, and none of `inactive`; inactive what meets any
/// of those, and not all of the others. Anything else, a wrong type, and an answer about another
/// token say nothing.
pub(crate) fn read(
    status: StatusCode,
    body: &[u8],
    asked: Asked<'_>,
    reading: &Reading,
    now: Timestamp,
) -> Result<Introspection, BadAnswer> {
    let answer = Answer::new(status, body);
    let is_active = all(&reading.active, &answer)? && status.is_success();
    let is_inactive = any(&reading.inactive, &answer)?;
    match (is_active, is_inactive) {
        (true, false) => read_active(&answer, asked, reading, now),
        (false, true) => {
            // An answer of another token's end says nothing about this one.
            if answer.is_object() {
                is_about(&answer, asked, reading)?;
            }
            Ok(Introspection::Inactive)
        }
        (true, true) | (false, false) => Err(BadAnswer::Undecided(status.as_u16())),
    }
}

/// Reads the answer to a revocation.
pub(crate) fn read_revocation(
    status: StatusCode,
    body: &[u8],
    done: &[Condition],
) -> Result<(), Failure> {
    if any(done, &Answer::new(status, body))? {
        Ok(())
    } else {
        Err(BadAnswer::Status(status.as_u16()).into())
    }
}

fn read_active(
    answer: &Answer<'_>,
    asked: Asked<'_>,
    reading: &Reading,
    now: Timestamp,
) -> Result<Introspection, BadAnswer> {
    let names_token = is_about(answer, asked, reading)?;
    if let (Some(pointer), Asked::Token(_), false) = (&reading.about, asked, names_token) {
        return Err(unusable(pointer));
    }
    let mut token = reading.claims.read(answer, now)?;
    if let Asked::Id(id) = asked
        && token.jti.as_deref() != Some(id.as_str())
    {
        return Err(BadAnswer::OtherToken);
    }
    if !reading.require.iter().all(|it| it.is_met(&token)) {
        return Ok(Introspection::Inactive);
    }
    token.details = details(answer, reading)?;
    let token = match asked {
        Asked::Token(presented) => token.redact(presented),
        Asked::Id(_) | Asked::Unknown => token,
    };
    Ok(Introspection::Token(Box::new(token)))
}

/// Returns true if the answer names the presented token, in constant time; false if it names none.
fn is_about(answer: &Answer<'_>, asked: Asked<'_>, reading: &Reading) -> Result<bool, BadAnswer> {
    let (Some(pointer), Asked::Token(presented)) = (&reading.about, asked) else {
        return Ok(false);
    };
    let Some(raw) = answer.find(pointer)? else {
        return Ok(false);
    };
    let named: String = serde_json::from_str(raw.get()).map_err(|_| unusable(pointer))?;
    if presented.is(&named) {
        Ok(true)
    } else {
        Err(BadAnswer::OtherToken)
    }
}

/// Reads what is kept without being a claim. It only describes: what cannot be read is dropped.
fn details(answer: &Answer<'_>, reading: &Reading) -> Result<Members, BadAnswer> {
    let mut kept = Members::default();
    for pointer in &reading.details {
        let Some(mut value) = answer.find(pointer)?.and_then(Json::read) else {
            continue;
        };
        for secret in &reading.secrets {
            if let Some(names) = pointer.names_to(secret) {
                remove(&mut value, names);
            }
        }
        drop_secrets(&mut value);
        kept.insert(pointer.last().to_owned(), value);
    }
    Ok(kept)
}

/// Removes what these names lead to. In an array, null takes its place.
fn remove(value: &mut Json, names: &[String]) {
    let Some((name, rest)) = names.split_first() else {
        *value = Json::Null;
        return;
    };
    match value {
        Json::Object(members) => {
            if let Some(mut inner) = members.remove(name)
                && !rest.is_empty()
            {
                remove(&mut inner, rest);
                members.insert(name.clone(), inner);
            }
        }
        Json::Array(items) => {
            if let Some(item) = pointer::place(name).and_then(|place| items.get_mut(place)) {
                remove(item, rest);
            }
        }
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => {}
    }
}

fn drop_secrets(value: &mut Json) {
    match value {
        Json::Object(members) => members.retain(|name, value| {
            drop_secrets(value);
            !SECRETS.contains(&name.as_str())
        }),
        Json::Array(items) => items.iter_mut().for_each(drop_secrets),
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => {}
    }
}

#[cfg(test)]
mod tests;
