//! Apigee Edge management API: tokens are looked up by their value, in the path, with an
//! administrator's credential.
//!
//! <http://apigee.com/docs/api/api_methods/109-get-an-access-token>, and its neighbours 114
//! (delete) and 115 (approve). Under `/v1/o/{org}` or `/v1/organizations/{org}`:
//!
//! | request | answer |
//! |---|---|
//! | `GET /oauth2/accesstokens/{token}` | the record |
//! | `GET /oauth2/accesstokens` (or with a slash) | how many tokens there are |
//! | `POST /oauth2/accesstokens/{token}?action=…[&cascade=true]` | `approve` or `revoke` it |
//! | `POST /oauth2/accesstokens/{token}` | updates `attributes` and `scope` |
//! | `DELETE /oauth2/accesstokens/{token}` | deletes, and answers the record as it was |
//! | `GET /oauth2/search?app=…&enduser=…` | a list of live token values |
//! | `POST /oauth2/revoke?app=…&enduser=…` | 202; done at once here |
//! | `GET /apps/{id}`, `GET /developers/{d}/apps/{a}` | an app with its `consumerSecret` |
//!
//! Dots and `%2F` in a path are resolved before it is matched, as the infrastructure in front of
//! the API does, so that `accesstokens/../search` is a search. Without JSON in `Accept`,
//! `application/xml` is honoured.

mod record;
mod sample;
mod search;
mod xml;

use std::sync::Mutex;
use std::time::SystemTime;

use serde_json::{Value, json};

use crate::authorization::{basic, bearer};
use crate::clock::{Clock, epoch_millis};
use crate::records::{Entry, Records};
use crate::stage::locked;
use crate::{Answer, Recorded, Vendor, path};

pub use record::LIFETIME_MILLIS;
pub use sample::{
    ACTIVE, APP_ID, ATTRIBUTES, CONSUMER_KEY, CONSUMER_SECRET, EXPIRED, NEVER_EXPIRES, REVOKED,
    STATUS_EXPIRED, UNKNOWN,
};

/// The organization. Any other is 404 with HTML.
pub const ORGANIZATION: &str = "acme";
/// The administrator's user name: an email address.
pub const USERNAME: &str = "admin@acme.example";
/// The password of [`USERNAME`].
pub const PASSWORD: &str = "apigee-demo-password";
/// A bearer token that the API accepts in place of the password.
pub const BEARER: &str = "ya29.apigee-demo-bearer";

/// The code in the 404 for an unknown token, as in the documented body.
pub const NOT_FOUND_CODE: &str = "keymanagement.service.AccessTokenDoesntExists";
/// The other code that the same page lists. Never sent unless put here: see [`not_found`].
pub const OTHER_NOT_FOUND_CODE: &str = "keymanagement.service.oauth_access_token_doesnot_exist";

/// The documented 404 with this code, to be put for a token.
pub fn not_found(code: &str) -> Answer {
    Answer::json(
        404,
        json!({"code": code, "message": "Access Token doesnt exists", "contexts": []}),
    )
}

/// The management API of one organization, [`ORGANIZATION`].
pub struct Apigee {
    records: Records,
    clock: Clock,
    passwords: Mutex<Vec<String>>,
}

impl Apigee {
    /// Creates a vendor with the documented sample, issued at `now`, and tokens in the other
    /// states.
    pub fn new(now: SystemTime) -> Self {
        let records = Records::default();
        sample::fill(&records, now);
        Self {
            records,
            clock: Clock::new(now),
            passwords: Mutex::new(vec![PASSWORD.to_owned()]),
        }
    }

    /// Accepts these passwords of [`USERNAME`] and no others: two of them while one is rotated.
    pub fn accept_passwords(&self, passwords: &[String]) {
        *locked(&self.passwords) = passwords.to_vec();
    }

    /// Getting `token` answers 200 with this record.
    pub fn put(&self, token: &str, record: Value) {
        self.records.put(token, Entry::Record(record));
    }

    /// Getting `token` gets exactly this answer.
    pub fn put_answer(&self, token: &str, answer: Answer) {
        self.records.put(token, Entry::Exactly(answer));
    }

    /// Removes `token`: 404 from now on.
    pub fn remove(&self, token: &str) {
        self.records.remove(token);
    }

    /// Revokes `token`: its `status` becomes `revoked`. It can be approved again.
    pub fn revoke(&self, token: &str) {
        self.set_status(token, "revoked");
    }

    /// Keeps showing tokens as before after their revocation is confirmed.
    pub fn show_revoked(&self) {
        self.records.show_revoked();
    }

    /// The record of `token`.
    pub fn record(&self, token: &str) -> Option<Value> {
        self.records.record(token)
    }

    fn authorized(&self, request: &Recorded) -> bool {
        let administrator = |(name, password): (String, String)| {
            name == USERNAME && locked(&self.passwords).contains(&password)
        };
        basic(request).is_some_and(administrator) || bearer(request) == Some(BEARER)
    }

    fn set_status(&self, token: &str, status: &str) -> Option<Value> {
        if status == "revoked" && self.records.shows_revoked() {
            return self.records.record(token);
        }
        let modified = epoch_millis(self.clock.now());
        self.records.change(token, |record| {
            record::set(record, "status", json!(status));
            record::set(record, "lastModifiedAt", json!(modified));
            record::set(record, "lastModifiedBy", json!(USERNAME));
        })
    }

    fn token(&self, request: &Recorded, token: &str) -> Answer {
        if let Some(Entry::Exactly(answer)) = self.records.get(token) {
            return answer;
        }
        let record = match request.method.as_str() {
            "GET" => self.records.record(token),
            // As it was: it still says approved.
            "DELETE" => self.records.remove(token),
            "POST" => return self.post(request, token),
            _ => return Answer::html(405),
        };
        record.map_or_else(
            || not_found(NOT_FOUND_CODE),
            |record| Answer::json(200, record),
        )
    }

    fn post(&self, request: &Recorded, token: &str) -> Answer {
        let query = request.query();
        let action = query
            .iter()
            .find(|(name, _)| name == "action")
            .map(|(_, action)| action.as_str());
        let changed = match action {
            // `cascade` is about the refresh token, which no answer says anything of.
            Some("approve") => self
                .set_status(token, "approved")
                .map(|_| Answer::empty(204)),
            Some("revoke") => self
                .set_status(token, "revoked")
                .map(|_| Answer::empty(204)),
            Some(_) => {
                return refused(
                    400,
                    "keymanagement.service.invalid_action",
                    "Unknown action",
                );
            }
            None => self.update(request, token),
        };
        changed.unwrap_or_else(|| {
            refused(
                404,
                "keymanagement.service.invalid_access_token",
                "Invalid Access Token",
            )
        })
    }

    fn update(&self, request: &Recorded, token: &str) -> Option<Answer> {
        let Ok(wanted) = serde_json::from_slice::<Value>(&request.body) else {
            return Some(refused(
                400,
                "keymanagement.service.parameters_missing",
                "A JSON body is required",
            ));
        };
        let updated = self.records.change(token, |record| {
            for member in ["attributes", "scope"] {
                if let Some(value) = wanted.get(member) {
                    record::set(record, member, value.clone());
                }
            }
        })?;
        Some(Answer::json(200, updated))
    }

    fn of_organization(&self, request: &Recorded, rest: &[&str]) -> Answer {
        match (request.method.as_str(), rest) {
            // A number or an object: assumed. The object is the harder one to refuse.
            ("GET", ["oauth2", "accesstokens"]) => {
                Answer::json(200, json!({"count": self.records.live().len()}))
            }
            (_, ["oauth2", "accesstokens", token]) => self.token(request, token),
            ("GET", ["oauth2", "search"]) => search::answer(
                request,
                &self.records.live(),
                epoch_millis(self.clock.now()),
            ),
            ("POST", ["oauth2", "revoke"]) => self.revoke_many(request),
            ("GET", ["apps", id]) if *id == APP_ID => Answer::json(200, sample::app()),
            ("GET", ["developers", _, "apps", "app1"]) => Answer::json(200, sample::app()),
            ("GET", ["apps", _] | ["developers", _, "apps", _]) => refused(
                404,
                "keymanagement.service.app_id_not_found",
                "App not found",
            ),
            _ => Answer::html(404),
        }
    }

    fn revoke_many(&self, request: &Recorded) -> Answer {
        let Some(wanted) = search::Wanted::asked(request) else {
            return search::nothing_asked();
        };
        let matching: Vec<Value> = self
            .records
            .live()
            .into_iter()
            .filter(|record| wanted.matches(record))
            .collect();
        for token in matching
            .iter()
            .filter_map(|record| record.get("token").and_then(Value::as_str))
        {
            self.revoke(token);
        }
        Answer::json(202, json!({"submitted": matching.len()}))
    }
}

impl Vendor for Apigee {
    fn answer(&self, request: &Recorded) -> Answer {
        if !self.authorized(request) {
            return Answer::empty(401);
        }
        let raw = request.path();
        // A token that was put here wins over what its slashes and dots would mean.
        let short = format!("/v1/o/{ORGANIZATION}/oauth2/accesstokens");
        let long = format!("/v1/organizations/{ORGANIZATION}/oauth2/accesstokens");
        let named = path::identifier(raw, &short).or_else(|| path::identifier(raw, &long));
        let named = named.filter(|token| self.records.get(token).is_some());
        let segments = path::resolved(raw);
        let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
        let answer = match (named, segments.as_slice()) {
            (Some(token), _) => self.token(request, &token),
            (None, ["v1", "o" | "organizations", organization, rest @ ..])
                if *organization == ORGANIZATION =>
            {
                self.of_organization(request, rest)
            }
            _ => Answer::html(404),
        };
        xml::in_accepted_format(request, answer)
    }
}

fn refused(status: u16, code: &str, message: &str) -> Answer {
    Answer::json(
        status,
        json!({"code": code, "message": message, "contexts": []}),
    )
}
