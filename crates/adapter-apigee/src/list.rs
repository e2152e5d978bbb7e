use std::collections::BTreeMap;

use http::StatusCode;
use introspectd_core::text::is_uuid;
use introspectd_core::{BadAnswer, Failure, Filters, Json, Token, TokenValue, User};
use introspectd_upstream::object;
use serde::Deserialize;
use serde_json::value::RawValue;

/// Tokens per search request. The server's default is 10, and it may cap the number.
const LIMIT: &str = "100";

/// Longest list. It is sorted as a whole, and each token costs one request to an API that is
/// limited to 10,000 a minute for all its clients together.
const MAX_VALUES: usize = 500;

/// Query of `GET …/oauth2/search`,
/// <http://apigee.com/docs/management/apis/get/organizations/%7Borg_name%7D/oauth2/search>.
/// The vendor lists only the tokens of an app, of an end user, or of a user at an app.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Search<'a> {
    /// App id, a UUID.
    app: Option<&'a str>,
    end_user: Option<&'a str>,
    /// Consumer key, which the vendor cannot search by.
    client_id: Option<&'a str>,
    grant_type: Option<&'a str>,
}

impl<'a> Search<'a> {
    /// Translates the filters; `None` if no record can match: a token has one end user, with a
    /// non-empty name (and a server may ignore an empty one).
    ///
    /// # Errors
    /// [`Failure::Unsupported`] for filters without app and user, or on members that records lack.
    pub(crate) fn of(filters: &'a Filters) -> Result<Option<Self>, Failure> {
        let Filters {
            owner: _,
            user_id: _,
            client_id,
            account_id,
            grant_type,
            role,
        } = filters;
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
        Ok(Some(Self {
            app,
            end_user,
            client_id,
            grant_type: grant_type.as_deref(),
        }))
    }

    /// Query parameters in the vendor's names, continuing at the given token.
    pub(crate) fn query<'q>(
        &'q self,
        start: Option<&'q TokenValue>,
    ) -> Vec<(&'static str, &'q str)> {
        let asked = [
            ("app", self.app),
            ("enduser", self.end_user),
            ("limit", Some(LIMIT)),
            ("start", start.map(TokenValue::expose)),
        ];
        asked
            .into_iter()
            .filter_map(|(name, value)| Some((name, value?)))
            .collect()
    }

    /// Returns true if a record matches the filters. Most records lack the id of their app.
    pub(crate) fn matches(&self, token: &Token) -> bool {
        let app_id = token.details.get("appId").and_then(Json::as_str);
        let is_other_app = |app: &str| app_id.is_some_and(|id| !id.eq_ignore_ascii_case(app));
        let is = |wanted: Option<&str>, found: &Option<String>| {
            wanted.is_none() || found.as_deref() == wanted
        };
        !self.app.is_some_and(is_other_app)
            && is(self.client_id, &token.client_id)
            && is(self.grant_type, &token.grant_type)
    }
}

/// Search response: live tokens.
#[derive(Deserialize)]
struct Found {
    list: Vec<String>,
    meta: Box<RawValue>,
}

#[derive(Deserialize)]
struct Meta {
    /// Token at which the next response starts, inclusive or exclusive (undocumented). Absent, null
    /// and empty: last response.
    next: Option<String>,
}

#[derive(Deserialize)]
struct Error {
    code: String,
}

/// Documented code of a search for an app that does not exist, and so has no tokens.
const UNKNOWN_APP: &str = "keymanagement.service.app_id_not_found";

/// Distinct tokens that were found.
#[derive(Default)]
pub(crate) struct Values(BTreeMap<String, TokenValue>);

impl Values {
    /// Adds a response and returns where the next one starts. A response with nothing new ends the
    /// search, which could run in circles otherwise.
    pub(crate) fn read(
        &mut self,
        status: StatusCode,
        body: &[u8],
    ) -> Result<Option<TokenValue>, BadAnswer> {
        let found: Found = match status {
            StatusCode::OK => object(body)?,
            StatusCode::BAD_REQUEST | StatusCode::NOT_FOUND => {
                return read_error(status, body).map(|()| None);
            }
            _ => return Err(BadAnswer::Status(status.as_u16())),
        };
        let next = object::<Meta>(found.meta.get().as_bytes())?
            .next
            .filter(|next| !next.is_empty());
        let next = next
            .map(TokenValue::parse)
            .transpose()
            .map_err(|_| BadAnswer::member("next"))?;
        let before = self.0.len();
        for value in found.list {
            let value = TokenValue::parse(value).map_err(|_| BadAnswer::member("list"))?;
            self.0.insert(handle(&value), value);
            if self.0.len() > MAX_VALUES {
                return Err(BadAnswer::TooMany(MAX_VALUES));
            }
        }
        Ok(next.filter(|_| self.0.len() > before))
    }

    /// Returns each token with its handle, which does not reveal it.
    pub(crate) fn into_handled(self) -> impl Iterator<Item = (String, TokenValue)> {
        self.0.into_iter()
    }
}

/// Handle of a token in a position: a hash.
fn handle(value: &TokenValue) -> String {
    blake3::hash(value.expose().as_bytes())
        .to_hex()
        .chars()
        .take(32)
        .collect()
}

fn read_error(status: StatusCode, body: &[u8]) -> Result<(), BadAnswer> {
    match object::<Error>(body) {
        Ok(Error { code }) if code == UNKNOWN_APP => Ok(()),
        Ok(_) | Err(_) => Err(BadAnswer::UndocumentedError(status.as_u16())),
    }
}

/// Creation time in milliseconds: `iat`, refined by `createdAt` within the same second, as in the
/// vendor's sample. Without `iat` it is `createdAt`, or else the earliest time.
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
