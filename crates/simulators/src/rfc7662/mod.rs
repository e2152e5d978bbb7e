//! An authorization server with introspection (RFC 7662), revocation (RFC 7009) and client
//! credentials (RFC 6749).
//!
//! | request, all with a form | answer |
//! |---|---|
//! | `POST /introspect` `token=…` | the record, or `{"active":false}` |
//! | `POST /revoke` `token=…` | 200, also for unknown tokens |
//! | `POST /token` `grant_type=client_credentials` | a bearer token, good for the two above |
//!
//! Clients authenticate by `client_secret_basic`, by `client_secret_post`, or with such a bearer
//! token.

mod client;
mod sample;

use std::time::{Duration, SystemTime};

use serde_json::{Value, json};

use crate::bearers::Bearers;
use crate::clock::{Clock, epoch_seconds};
use crate::records::{Entry, Records};
use crate::{Answer, Recorded, Vendor, fresh, path};

pub use client::{CLIENT_ID, CLIENT_SECRET};
pub use sample::{
    ACTIVE, ACTIVE_JWT, AUDIENCE, EXPIRED, ISSUER, LIFETIME, NOT_YET, REVOKED, SCOPE, STALE,
    SUBJECT, UNKNOWN, jwt,
};

/// RFC 7662 authorization server.
pub struct Rfc7662 {
    records: Records,
    bearers: Bearers,
    clock: Clock,
}

impl Rfc7662 {
    /// Creates a vendor with live tokens, issued at `now`, and tokens in the other states.
    pub fn new(now: SystemTime) -> Self {
        let records = Records::default();
        sample::fill(&records, now);
        Self {
            records,
            bearers: Bearers::new(LIFETIME),
            clock: Clock::new(now),
        }
    }

    /// Introspecting `token` answers 200 with this record.
    pub fn put(&self, token: &str, record: Value) {
        self.records.put(token, Entry::Record(record));
    }

    /// Introspecting `token` gets exactly this answer.
    pub fn put_answer(&self, token: &str, answer: Answer) {
        self.records.put(token, Entry::Exactly(answer));
    }

    /// Forgets `token`: inactive from now on.
    pub fn remove(&self, token: &str) {
        self.records.remove(token);
        self.bearers.revoke(token);
    }

    /// Revokes `token`: inactive from now on.
    pub fn revoke(&self, token: &str) {
        self.records.revoke(token);
        self.bearers.revoke(token);
    }

    /// Keeps showing tokens as before after their revocation is confirmed.
    pub fn show_revoked(&self) {
        self.records.show_revoked();
    }

    /// The record of `token`, also when it is inactive.
    pub fn record(&self, token: &str) -> Option<Value> {
        self.records.record(token)
    }

    /// Sets the lifetime of tokens issued from now on, initially [`LIFETIME`].
    pub fn token_lifetime(&self, lifetime: Duration) {
        self.bearers.set_lifetime(lifetime);
    }

    /// Number of tokens that `POST /token` has issued.
    pub fn issued(&self) -> usize {
        self.bearers.issued()
    }

    /// Accepts none of the issued tokens as bearer any more. Introspecting them says what it said
    /// before.
    pub fn expire_credentials(&self) {
        self.bearers.expire();
    }

    fn introspect(&self, token: &str) -> Answer {
        match self.records.get(token) {
            Some(Entry::Record(record)) => unstored(200, record),
            Some(Entry::Exactly(answer)) => answer,
            Some(Entry::Revoked(_)) | None => unstored(200, json!({"active": false})),
        }
    }

    fn issue(&self, form: &[(String, String)]) -> Answer {
        match only(form, "grant_type") {
            Some("client_credentials") => {}
            Some(_) => return refused("unsupported_grant_type"),
            None => return refused("invalid_request"),
        }
        let token = format!("sso_{}", fresh::hex(40));
        let lifetime = self.bearers.issue(&token, &token);
        let scope = only(form, "scope").unwrap_or("introspect");
        let issued = epoch_seconds(self.clock.now());
        self.put(&token, sample::record(CLIENT_ID, scope, issued, lifetime));
        let answer = json!({
            "access_token": token,
            "token_type": "Bearer",
            "expires_in": lifetime.as_secs(),
            "scope": scope,
        });
        unstored(200, answer)
    }
}

impl Vendor for Rfc7662 {
    fn answer(&self, request: &Recorded) -> Answer {
        let segments = path::resolved(request.path());
        let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
        let [endpoint @ ("introspect" | "revoke" | "token")] = segments.as_slice() else {
            return Answer::html(404);
        };
        if request.method != "POST" {
            return Answer::empty(405).with_header("allow", "POST");
        }
        let form = if is_form(request) {
            request.form()
        } else {
            Vec::new()
        };
        let authenticated = match *endpoint {
            "token" => client::by_secret(request, &form),
            _ => client::by_bearer(request, &self.bearers)
                .unwrap_or_else(|| client::by_secret(request, &form)),
        };
        if let Err(refusal) = authenticated {
            return refusal;
        }
        match (*endpoint, only(&form, "token")) {
            ("token", _) => self.issue(&form),
            (_, None) => refused("invalid_request"),
            ("revoke", Some(token)) => {
                self.revoke(token);
                Answer::empty(200)
            }
            (_, Some(token)) => self.introspect(token),
        }
    }
}

/// The value of a parameter that is there exactly once and not empty.
fn only<'a>(form: &'a [(String, String)], name: &str) -> Option<&'a str> {
    let mut values = form
        .iter()
        .filter(|(present, _)| present == name)
        .map(|(_, value)| value.as_str());
    let value = values.next()?;
    (values.next().is_none() && !value.is_empty()).then_some(value)
}

fn is_form(request: &Recorded) -> bool {
    let content_type = request.header("content-type").unwrap_or_default();
    let media_type = content_type.split(';').next().unwrap_or_default().trim();
    media_type.eq_ignore_ascii_case("application/x-www-form-urlencoded")
}

fn refused(error: &str) -> Answer {
    unstored(400, json!({"error": error}))
}

fn unstored(status: u16, value: Value) -> Answer {
    Answer::json(status, value)
        .with_header("cache-control", "no-store")
        .with_header("pragma", "no-cache")
}
