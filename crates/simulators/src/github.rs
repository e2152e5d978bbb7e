//! GitHub's token checks: "REST API endpoints for OAuth authorizations",
//! <https://docs.github.com/en/rest/apps/oauth-applications>.
//!
//! | request | answer |
//! |---|---|
//! | `POST /applications/{client_id}/token` with JSON `access_token` | 200, 404, 422 |
//! | `DELETE` of the same | 204, 404, 422 |
//!
//! Both need HTTP Basic with the application's id and secret: else 401. That another application's
//! token, and the path of another application, are 404 as well is assumed.

use std::time::{Duration, SystemTime};

use serde_json::{Value, json};
use time::OffsetDateTime;

use crate::authorization::basic;
use crate::records::{Entry, Records};
use crate::{Answer, Recorded, Vendor, path};

/// Id of the registered application, as on the page.
pub const CLIENT_ID: &str = "Iv1.8a61f9b3a7aba766";
/// The secret of [`CLIENT_ID`].
pub const CLIENT_SECRET: &str = "github-demo-secret";
/// Live token that ends in an hour.
pub const ACTIVE: &str = "ghu_16C7e42F292c6912E7710c838347Ae178B4a";
/// Live token without an end, as OAuth apps have them.
pub const ENDLESS: &str = "gho_jW3vQmZc7Lx4RkWb8NpYh3D2fT9vQmZc7Lx4";
/// Expired ten minutes ago, and still shown.
pub const STALE: &str = "ghu_r8PzCfL2aQx7JvU4eTbN0kGwr8PzCfL2aQx7";
/// Revoked token: 404.
pub const REVOKED: &str = "ghu_bW4qJ0xFiT8uLyAe7DmGs2HkbW4qJ0xFiT8u";
/// Token of another application: 404.
pub const OF_ANOTHER: &str = "ghu_Kd6uHs1WgE0jXn5BtVoA9yMqKd6uHs1WgE0j";
/// Token that never existed: 404.
pub const UNKNOWN: &str = "ghu_000000000000000000000000000000000000";
/// Lifetime of a token.
pub const LIFETIME: Duration = Duration::from_secs(3600);

/// GitHub's REST API, as far as it checks tokens.
pub struct GitHub {
    records: Records,
}

impl GitHub {
    /// Creates a vendor with tokens that were issued at `now`.
    pub fn new(now: SystemTime) -> Self {
        let records = Records::default();
        let put = |token: &str, issued, expires: Option<SystemTime>| {
            records.put(token, Entry::Record(record(token, issued, expires)));
        };
        put(ACTIVE, now, Some(now + LIFETIME));
        put(ENDLESS, now, None);
        let ended = now - Duration::from_secs(600);
        put(STALE, ended - LIFETIME, Some(ended));
        put(REVOKED, now, Some(now + LIFETIME));
        records.revoke(REVOKED);
        Self { records }
    }

    /// Keeps showing tokens as before after their revocation is confirmed.
    pub fn show_revoked(&self) {
        self.records.show_revoked();
    }

    /// The authorization of `token`, also when it was revoked.
    pub fn record(&self, token: &str) -> Option<Value> {
        self.records.record(token)
    }
}

impl Vendor for GitHub {
    fn answer(&self, request: &Recorded) -> Answer {
        let segments = path::resolved(request.path());
        let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
        let ["applications", client, "token"] = segments.as_slice() else {
            return not_found();
        };
        match basic(request) {
            Some((id, secret)) if id == CLIENT_ID && secret == CLIENT_SECRET => {}
            Some(_) => return message(401, "Bad credentials"),
            None => return message(401, "Requires authentication"),
        }
        if *client != CLIENT_ID {
            return not_found();
        }
        let body: Value = serde_json::from_slice(&request.body).unwrap_or_default();
        let token = body.get("access_token").and_then(Value::as_str);
        let Some(token) = token.filter(|token| !token.is_empty()) else {
            return message(422, "Validation Failed");
        };
        match (request.method.as_str(), self.records.get(token)) {
            ("POST", Some(Entry::Record(record))) => Answer::json(200, record),
            ("POST", Some(Entry::Exactly(answer))) => answer,
            ("DELETE", Some(_)) => match self.records.revoke(token) {
                Some(_) => Answer::empty(204),
                None => not_found(),
            },
            _ => not_found(),
        }
    }
}

fn not_found() -> Answer {
    message(404, "Not Found")
}

/// Error of the REST API.
fn message(status: u16, text: &str) -> Answer {
    let page = "https://docs.github.com/rest/apps/oauth-applications#check-a-token";
    let body = json!({"message": text, "documentation_url": page, "status": status.to_string()});
    Answer::json(status, body)
}

/// The page's sample with these times and this token.
fn record(token: &str, issued: SystemTime, expires: Option<SystemTime>) -> Value {
    let last_eight = token.get(token.len().saturating_sub(8)..);
    json!({
        "id": 1,
        "url": "https://api.github.com/authorizations/1",
        "scopes": ["public_repo", "user"],
        "token": token,
        "token_last_eight": last_eight,
        "hashed_token": "25f94a2a5c7fbaf499c665bc73d67c1c87e496da8985131633ee0a95819db2e8",
        "app": {
            "url": "http://my-github-app.com",
            "name": "my github app",
            "client_id": CLIENT_ID,
        },
        "note": "optional note",
        "note_url": "http://optional/note/url",
        "updated_at": rfc3339(issued),
        "created_at": rfc3339(issued),
        "fingerprint": "jklmnop12345678",
        "expires_at": expires.map(rfc3339),
        "user": {
            "login": "octocat",
            "id": 1,
            "node_id": "MDQ6VXNlcjE=",
            "avatar_url": "https://github.com/images/error/octocat_happy.gif",
            "url": "https://api.github.com/users/octocat",
            "type": "User",
            "site_admin": false,
        },
    })
}

/// Seconds and `Z`, as GitHub writes times.
fn rfc3339(time: SystemTime) -> String {
    let time = OffsetDateTime::from(time);
    let (year, month, day) = time.to_calendar_date();
    let (hour, minute, second) = time.to_hms();
    let month = u8::from(month);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}
