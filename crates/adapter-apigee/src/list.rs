use std::collections::BTreeMap;

use http::StatusCode;
use introspectd_core::{BadAnswer, Failure, Filters, Json, Token, TokenValue, User};
use introspectd_upstream::object;
use serde::Deserialize;
use serde_json::value::RawValue;

/// How many tokens are found at once. Without a word it is 10; the server may cap it.
const LIMIT: &str = "100";

/// The longest list. It can only be put in order whole, and each token is a question of its own to an API that is asked
/// at most 10,000 times a minute by all its clients together.
const MOST_VALUES: usize = 500;

/// What is searched for by `GET …/oauth2/search`,
/// <http://apigee.com/docs/management/apis/get/organizations/%7Borg_name%7D/oauth2/search>.
/// The vendor lists the tokens of an app, of an end user, or of a user at an app, and no others.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Search<'a> {
    /// A UUID.
    app: Option<&'a str>,
    end_user: Option<&'a str>,
    /// A consumer key, which the vendor does not search by.
    client_id: Option<&'a str>,
    grant_type: Option<&'a str>,
}

impl<'a> Search<'a> {
    /// What the filters mean. `None` where no record can be meant: a token has one end user, whose name is not empty
    /// (and a server may take an empty one for none at all).
    ///
    /// # Errors
    /// [`Failure::Unsupported`] where they name neither app nor user, or ask what records do not tell.
    pub(crate) fn of(filters: &'a Filters) -> Result<Option<Self>, Failure> {
        let Filters { owner: _, user_id: _, client_id, account_id, grant_type, role } = filters;
        let app = client_id.as_deref().filter(|id| is_uuid(id));
        let user = filters.user();
        if account_id.is_some() || role.is_some() || app.is_none() && user == User::Any {
            return Err(Failure::Unsupported);
        }
        let end_user = match user {
            User::Any => None,
            User::One("") | User::Conflicting => return Ok(None),
            User::One(user) => Some(user),
        };
        let client_id = client_id.as_deref().filter(|_| app.is_none());
        Ok(Some(Self { app, end_user, client_id, grant_type: grant_type.as_deref() }))
    }

    /// What is asked, by the vendor's names, from a token of the former answer on.
    pub(crate) fn query<'q>(&'q self, start: Option<&'q TokenValue>) -> Vec<(&'static str, &'q str)> {
        let asked = [
            ("app", self.app),
            ("enduser", self.end_user),
            ("limit", Some(LIMIT)),
            ("start", start.map(TokenValue::expose)),
        ];
        asked.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
    }

    /// Whether a record that was found is meant. Most do not tell the id of their app.
    pub(crate) fn means(&self, token: &Token) -> bool {
        let app_id = token.details.get("appId").and_then(Json::as_str);
        let is_other_app = |app: &str| app_id.is_some_and(|told| !told.eq_ignore_ascii_case(app));
        let is = |wanted: Option<&str>, told: &Option<String>| wanted.is_none() || told.as_deref() == wanted;
        !self.app.is_some_and(is_other_app)
            && is(self.client_id, &token.client_id)
            && is(self.grant_type, &token.grant_type)
    }
}

/// The form by which the vendor's apps are known, and its consumer keys are not.
fn is_uuid(text: &str) -> bool {
    let lengths = text
        .split('-')
        .map(|group| group.bytes().all(|byte| byte.is_ascii_hexdigit()).then_some(group.len()));
    lengths.eq([Some(8), Some(4), Some(4), Some(4), Some(12)])
}

/// The answer to a search: live tokens.
#[derive(Deserialize)]
struct Found {
    list: Vec<String>,
    meta: Box<RawValue>,
}

#[derive(Deserialize)]
struct Meta {
    /// The token where the next answer starts: with it or after it, which is not documented. Absent, null and empty:
    /// this was the last.
    next: Option<String>,
}

#[derive(Deserialize)]
struct Error {
    code: String,
}

/// In the vendor's list of codes of a search: an app that is not there has no tokens.
const UNKNOWN_APP: &str = "keymanagement.service.app_id_not_found";

/// Tokens that were found, each once.
#[derive(Default)]
pub(crate) struct Values(BTreeMap<String, TokenValue>);

impl Values {
    /// Takes an answer in, and says where the next one starts. An answer with nothing new is the end: a search whose
    /// `next` runs in circles would have none.
    pub(crate) fn read(&mut self, status: StatusCode, body: &[u8]) -> Result<Option<TokenValue>, BadAnswer> {
        let found: Found = match status {
            StatusCode::OK => object(body)?,
            StatusCode::BAD_REQUEST | StatusCode::NOT_FOUND => {
                return read_error(status, body).map(|()| None);
            }
            _ => return Err(BadAnswer::Status(status.as_u16())),
        };
        let next = object::<Meta>(found.meta.get().as_bytes())?.next.filter(|next| !next.is_empty());
        let next = next.map(TokenValue::parse).transpose().map_err(|_| BadAnswer::member("next"))?;
        let before = self.0.len();
        for value in found.list {
            let value = TokenValue::parse(value).map_err(|_| BadAnswer::member("list"))?;
            self.0.insert(handle(&value), value);
            if self.0.len() > MOST_VALUES {
                return Err(BadAnswer::TooMany(MOST_VALUES));
            }
        }
        Ok(next.filter(|_| self.0.len() > before))
    }

    /// Each token with its handle, which does not tell it.
    pub(crate) fn into_handled(self) -> impl Iterator<Item = (String, TokenValue)> {
        self.0.into_iter()
    }
}

/// What stands for a token in a position.
fn handle(value: &TokenValue) -> String {
    blake3::hash(value.expose().as_bytes()).to_hex().chars().take(32).collect()
}

fn read_error(status: StatusCode, body: &[u8]) -> Result<(), BadAnswer> {
    match object::<Error>(body) {
        Ok(Error { code }) if code == UNKNOWN_APP => Ok(()),
        Ok(_) | Err(_) => Err(BadAnswer::UndocumentedError(status.as_u16())),
    }
}

/// `iat`, and within its second `createdAt`, which in the vendor's sample is the same moment. Where it is not told when
/// the token was issued, when its record was made, or else before all others.
pub(crate) fn millis(token: &Token) -> i64 {
    let created = token.details.get("createdAt").and_then(Json::as_i64);
    match token.iat {
        Some(iat) => {
            let within = created.filter(|millis| millis.div_euclid(1000) == iat.seconds());
            within.unwrap_or(iat.seconds() * 1000)
        }
        None => created.unwrap_or(i64::MIN),
    }
}

#[cfg(test)]
mod tests;
