//! Passport (passportfintech.com): tokens are looked up by their id, with a bearer token of ours.
//!
//! <https://docs.passportfintech.com/EN/retrieve-token-information>,
//! <https://docs.passportfintech.com/EN/list-token-information>,
//! <https://docs.passportfintech.com/EN/revoke-access-token>,
//! <https://docs.passportfintech.com/EN/access-tokens>.
//!
//! | request | answer |
//! |---|---|
//! | `POST /v1/iam/oauth/tokens` | creates a token from JSON client credentials |
//! | `GET /v1/iam/oauth/tokens/{token_id}` | the record |
//! | `GET /v1/iam/oauth/tokens` (or `/tokens/`) | all records, paginated |
//! | `DELETE /v1/iam/oauth/tokens/{token_id}` | revokes; the id must be in the body too |
//! | `GET /v1/iam/users/{id}` | another resource that `..` in an id would reach (shape assumed) |

mod errors;
mod list;
mod sample;

use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, SystemTime};

use serde_json::{Value, json};

use crate::authorization::bearer;
use crate::bearers::Bearers;
use crate::clock::{Clock, rfc3339_millis};
use crate::records::{Entry, Records};
use crate::{Answer, Recorded, Vendor, fresh, path};
use errors::{Refusal, refusal};

pub use sample::{ACTIVE, ACTIVE_ACCESS_TOKEN, EXPIRED, LIFETIME, READER, REVOKED, UNKNOWN};

/// The client that may create tokens.
pub const CLIENT_ID: &str = "introspectd-demo";
/// The secret of [`CLIENT_ID`].
pub const CLIENT_SECRET: &str = "passport-demo-secret";
/// An access token that is always accepted, and never expires.
pub const BEARER: &str = "17d5cc1a5b0c4f0e9b6d1e3f7a2c8d4417d5cc1a5b0c4f0e9b6d1e3f7a2c6213";
/// An access token without any scope: 401 wherever it is used, as documented.
pub const BEARER_WITHOUT_SCOPE: &str =
    "0badc0de5b0c4f0e9b6d1e3f7a2c8d4417d5cc1a5b0c4f0e9b6d1e3f7a2c6213";
/// The account that owns every token which says nothing else.
pub const ACCOUNT_ID: &str = "6f1c2b7e-3d54-4a8b-9c0d-1e2f3a4b5c6d";

const TOKENS: &str = "/v1/iam/oauth/tokens";

/// The Passport IAM API.
pub struct Passport {
    records: Records,
    bearers: Bearers,
    clock: Clock,
    revocation_status: AtomicU16,
}

impl Passport {
    /// Creates a vendor with the documented sample, created at `now`, and tokens in the other
    /// states.
    pub fn new(now: SystemTime) -> Self {
        let records = Records::default();
        sample::fill(&records, now);
        Self {
            records,
            bearers: Bearers::new(LIFETIME),
            clock: Clock::new(now),
            revocation_status: AtomicU16::new(200),
        }
    }

    /// Retrieving `token_id` answers 200 with this record.
    pub fn put(&self, token_id: &str, record: Value) {
        self.records.put(token_id, Entry::Record(record));
    }

    /// Retrieving `token_id` gets exactly this answer.
    pub fn put_answer(&self, token_id: &str, answer: Answer) {
        self.records.put(token_id, Entry::Exactly(answer));
    }

    /// Forgets `token_id`: 404 from now on.
    pub fn remove(&self, token_id: &str) {
        self.records.remove(token_id);
        self.bearers.revoke(token_id);
    }

    /// Revokes `token_id`: 404 from now on (assumed), and 409 to revoke it again.
    pub fn revoke(&self, token_id: &str) {
        self.records.revoke(token_id);
        self.bearers.revoke(token_id);
    }

    /// Keeps showing tokens as before after their revocation is confirmed.
    pub fn show_revoked(&self) {
        self.records.show_revoked();
    }

    /// The record of `token_id`, also when revoked.
    pub fn record(&self, token_id: &str) -> Option<Value> {
        self.records.record(token_id)
    }

    /// Sets the lifetime of tokens created from now on, initially [`LIFETIME`].
    pub fn token_lifetime(&self, lifetime: Duration) {
        self.bearers.set_lifetime(lifetime);
    }

    /// Number of tokens created over HTTP.
    pub fn issued(&self) -> usize {
        self.bearers.issued()
    }

    /// Accepts none of the created tokens as bearer any more; [`BEARER`] stays good. Their records
    /// stay.
    pub fn expire_credentials(&self) {
        self.bearers.expire();
    }

    /// The status of a successful DELETE: 200 at first; the vendor documents 204 as well.
    pub fn revocation_status(&self, status: u16) {
        self.revocation_status.store(status, Ordering::Relaxed);
    }

    fn create(&self, request: &Recorded) -> Answer {
        let Ok(body) = serde_json::from_slice::<Value>(&request.body) else {
            return refusal(request, Refusal::Malformed);
        };
        let member = |name: &str| body.get(name).and_then(Value::as_str);
        let (Some(id), Some(secret), Some("client_credentials")) = (
            member("client_id"),
            member("client_secret"),
            member("grant_type"),
        ) else {
            return refusal(request, Refusal::Malformed);
        };
        if (id, secret) != (CLIENT_ID, CLIENT_SECRET) {
            return refusal(request, Refusal::Unauthorized);
        }
        let access_token = fresh::hex(64);
        let token_id = fresh::uuid();
        let lifetime = self.bearers.issue(&access_token, &token_id);
        let record = sample::record(&token_id, &rfc3339_millis(self.clock.now()), lifetime);
        self.records.put(&token_id, Entry::Record(record.clone()));
        let mut answer = record;
        if let Some(members) = answer.as_object_mut() {
            members.insert("access_token".into(), json!(access_token));
            members.insert("account_id".into(), json!(ACCOUNT_ID));
        }
        Answer::json(200, answer)
    }

    fn retrieve(&self, request: &Recorded, token_id: &str) -> Answer {
        match self
            .records
            .get(token_id)
            .or_else(|| self.records.get(&token_id.to_ascii_lowercase()))
        {
            Some(Entry::Exactly(answer)) => answer,
            Some(Entry::Record(record)) => Answer::json(200, record),
            _ if !is_uuid(token_id) => refusal(request, Refusal::Malformed),
            Some(Entry::Revoked(_)) | None => refusal(request, Refusal::NotFound),
        }
    }

    fn delete(&self, request: &Recorded, token_id: &str) -> Answer {
        let body = serde_json::from_slice::<Value>(&request.body).unwrap_or_default();
        if !is_uuid(token_id) || body.get("token_id").and_then(Value::as_str) != Some(token_id) {
            return refusal(request, Refusal::Malformed);
        }
        match self.records.get(token_id) {
            Some(Entry::Exactly(answer)) => answer,
            Some(Entry::Record(_)) => {
                self.revoke(token_id);
                Answer::empty(self.revocation_status.load(Ordering::Relaxed))
            }
            Some(Entry::Revoked(_)) => refusal(request, Refusal::AlreadyRevoked),
            None => refusal(request, Refusal::NotFound),
        }
    }

    fn user(request: &Recorded, id: &str) -> Answer {
        if !is_uuid(id) {
            return refusal(request, Refusal::Malformed);
        }
        Answer::json(
            200,
            json!({"user_id": id, "account_id": ACCOUNT_ID, "email": "persona@example.com"}),
        )
    }

    fn authorized(&self, request: &Recorded) -> bool {
        bearer(request).is_some_and(|token| {
            let sample = token == ACTIVE_ACCESS_TOKEN
                && matches!(self.records.get(ACTIVE), Some(Entry::Record(_)));
            token == BEARER || sample || self.bearers.accepts(token)
        })
    }
}

impl Vendor for Passport {
    fn answer(&self, request: &Recorded) -> Answer {
        let segments = path::resolved(request.path());
        let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
        let method = request.method.as_str();
        if (method, segments.as_slice()) == ("POST", &["v1", "iam", "oauth", "tokens"]) {
            return self.create(request);
        }
        if !self.authorized(request) {
            return refusal(request, Refusal::Unauthorized);
        }
        // An id that was put here wins over what its slashes and dots would mean.
        let named =
            path::identifier(request.path(), TOKENS).filter(|id| self.records.get(id).is_some());
        match (method, segments.as_slice(), named) {
            ("GET", _, Some(id)) => self.retrieve(request, &id),
            ("DELETE", _, Some(id)) => self.delete(request, &id),
            ("GET", ["v1", "iam", "oauth", "tokens"], None) => {
                list::answer(request, self.records.live(), self.clock.now())
            }
            ("GET", ["v1", "iam", "oauth", "tokens", id], None) => self.retrieve(request, id),
            ("DELETE", ["v1", "iam", "oauth", "tokens", id], None) => self.delete(request, id),
            ("GET", ["v1", "iam", "users", id], None) => Self::user(request, id),
            _ => refusal(request, Refusal::NotFound),
        }
    }
}

fn is_uuid(text: &str) -> bool {
    let digits = text.split('-').map(|group| {
        group
            .bytes()
            .all(|byte| byte.is_ascii_hexdigit())
            .then_some(group.len())
    });
    digits.eq([Some(8), Some(4), Some(4), Some(4), Some(12)])
}
