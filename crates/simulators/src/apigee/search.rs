//! Tokens by app and end user: the search, and the selection for revoking many.

use serde_json::{Value, json};

use super::{APP_ID, refused};
use crate::{Answer, Recorded};

/// The server's `oauth_max_search_limit` (assumed): more are not given at once, whatever is asked
/// for.
const LARGEST_LIMIT: usize = 100;

/// Filters of a search. At least one of the two is given.
pub(super) struct Wanted {
    app: Option<String>,
    end_user: Option<String>,
}

impl Wanted {
    pub(super) fn asked(request: &Recorded) -> Option<Self> {
        let app = parameter(request, "app");
        let end_user = parameter(request, "enduser");
        (app.is_some() || end_user.is_some()).then_some(Self { app, end_user })
    }

    pub(super) fn matches(&self, record: &Value) -> bool {
        let member = |name: &str| record.get(name).and_then(Value::as_str);
        let is = |wanted: &Option<String>, actual: Option<&str>| {
            wanted
                .as_deref()
                .is_none_or(|wanted| actual == Some(wanted))
        };
        is(&self.app, app_id(record)) && is(&self.end_user, member("endUser"))
    }
}

/// The documented record names its app and not the app's id: `app1` is the app of [`APP_ID`] here.
fn app_id(record: &Value) -> Option<&str> {
    let member = |name: &str| record.get(name).and_then(Value::as_str);
    member("appId").or_else(|| (member("app") == Some("app1")).then_some(APP_ID))
}

/// Live token values from `start` on, at most `limit` (10) of them.
pub(super) fn answer(request: &Recorded, records: &[Value], now: u64) -> Answer {
    let Some(wanted) = Wanted::asked(request) else {
        return nothing_asked();
    };
    let limit = parameter(request, "limit").map_or(Ok(10), |limit| limit.parse::<usize>());
    let Ok(limit) = limit else {
        return refused(
            400,
            "keymanagement.service.InvalidValueForLimitParam",
            "Invalid value for limit",
        );
    };
    let limit = limit.min(LARGEST_LIMIT);
    let is_app =
        |app: &String| app == APP_ID || records.iter().any(|record| app_id(record) == Some(app));
    if !wanted.app.as_ref().is_none_or(is_app) {
        return refused(
            404,
            "keymanagement.service.app_id_not_found",
            "App not found",
        );
    }
    let start = parameter(request, "start").unwrap_or_default();
    let matching = records
        .iter()
        .filter(|record| is_live(record, now) && wanted.matches(record));
    let tokens: Vec<&str> = matching
        .filter_map(|record| record.get("token")?.as_str())
        .collect();
    let total = tokens.len();
    // Records come in the order of their tokens, so that a start is a position.
    let mut rest = tokens.into_iter().filter(|token| *token >= start.as_str());
    let list: Vec<&str> = rest.by_ref().take(limit).collect();
    let mut query = json!({});
    if let Some(members) = query.as_object_mut() {
        members.extend(wanted.app.map(|app| ("app".to_owned(), json!(app))));
        members.extend(
            wanted
                .end_user
                .map(|user| ("endUser".to_owned(), json!(user))),
        );
    }
    let mut meta = json!({"limit": limit, "query": query, "start": start, "totalResults": total});
    if let (Some(next), Some(members)) = (rest.next(), meta.as_object_mut()) {
        members.insert("next".to_owned(), json!(next));
    }
    Answer::json(200, json!({"list": list, "meta": meta}))
}

/// The refusal of a search without app and end user.
pub(super) fn nothing_asked() -> Answer {
    refused(
        400,
        "keymanagement.service.parameters_missing",
        "app or enduser is required",
    )
}

fn is_live(record: &Value, now: u64) -> bool {
    let approved = record.get("status").and_then(Value::as_str) == Some("approved");
    let expires = record
        .get("expiresAt")
        .and_then(Value::as_i64)
        .unwrap_or(-1);
    approved && (expires < 0 || u64::try_from(expires).is_ok_and(|expires| now < expires))
}

fn parameter(request: &Recorded, name: &str) -> Option<String> {
    request
        .query()
        .into_iter()
        .find(|(present, value)| present == name && !value.is_empty())
        .map(|(_, value)| value)
}
