//! TIBCO API Exchange Gateway, OAuth server: tokens are looked up by their value, in the path.
//!
//! User guide, chapter 13, under <https://docs.tibco.com/pub/api-exchange-gateway/>: "Retrieve
//! Access Token Details", "Retrieve List of Tokens", "Token Validation API", "Revoke Token",
//! "Access Token Persistence".
//!
//! | request | answer |
//! |---|---|
//! | `GET /asg/oauth2/access_token/{token}` | the record; no credentials, as in every example |
//! | `GET …/access_token/owners` | an array of all tokens with their secrets; Basic |
//! | `GET …/access_token/owners/{owner}`, `…/access_token/{owner}` | one owner's tokens; Basic |
//! | `DELETE …/access_token/{token}` | revokes, and answers the record as it was; Basic |
//! | `POST …/access_token?grant_type=…&client_id=…&client_secret=…` | creates a token |
//!
//! Like a servlet container it cuts `;parameters` from segments, decodes `%2F` and resolves dots
//! before it looks for `owners`, in any case (assumed). Expired records stay, and still say
//! `Active`.

mod long_list;
mod sample;

use std::time::SystemTime;

use serde_json::{Value, json};

use crate::authorization::basic;
use crate::clock::{Clock, epoch_millis};
use crate::records::{Entry, Records};
use crate::{Answer, Recorded, Vendor, fresh, path};

pub use long_list::{LONG_LIST_SECRET, long_list};
pub use sample::{
    ACTIVE, EXPIRED, INACTIVE, LIFETIME_MILLIS, OWNER, OWNER_DN, REFRESH_TOKEN, REVOKED, RFC_SHAPE,
    SCOPE_STRING, UNKNOWN,
};

/// The client of the vendor's `Authorization: Basic czZCaGRSa3F0MzpnWDFmQmF0M2JW`.
pub const CLIENT_ID: &str = "s6BhdRkqt3";
/// The secret of [`CLIENT_ID`].
pub const CLIENT_SECRET: &str = "gX1fBat3bV";

const TOKENS: &str = "/asg/oauth2/access_token";

/// The OAuth server of the gateway.
pub struct TibcoAsg {
    records: Records,
    clock: Clock,
}

impl TibcoAsg {
    /// Creates a vendor with the documented sample, created at `now`, and tokens in the other
    /// states.
    pub fn new(now: SystemTime) -> Self {
        let records = Records::default();
        sample::fill(&records, now);
        Self {
            records,
            clock: Clock::new(now),
        }
    }

    /// Validating `token` answers 200 with this record.
    pub fn put(&self, token: &str, record: Value) {
        self.records.put(token, Entry::Record(record));
    }

    /// Validating `token` gets exactly this answer.
    pub fn put_answer(&self, token: &str, answer: Answer) {
        self.records.put(token, Entry::Exactly(answer));
    }

    /// Removes `token`: `invalid_grant` from now on.
    pub fn remove(&self, token: &str) {
        self.records.remove(token);
    }

    /// Revokes `token`, as DELETE does: `invalid_grant` from now on (assumed).
    pub fn revoke(&self, token: &str) {
        self.records.revoke(token);
    }

    /// Keeps showing tokens as before after their revocation is confirmed.
    pub fn show_revoked(&self) {
        self.records.show_revoked();
    }

    /// The record of `token`, also when revoked.
    pub fn record(&self, token: &str) -> Option<Value> {
        self.records.record(token)
    }

    fn validate(&self, request: &Recorded, token: &str) -> Answer {
        match self.records.get(token) {
            Some(Entry::Record(record)) => json(200, record),
            Some(Entry::Exactly(answer)) => answer,
            Some(Entry::Revoked(_)) => refused("invalid_grant"),
            // The same URL is documented for the tokens of an owner.
            None if self.owns(token) => self.list(request, Some(token)),
            None => refused("invalid_grant"),
        }
    }

    fn owns(&self, owner: &str) -> bool {
        self.records
            .live()
            .iter()
            .any(|record| text(record, "owner") == owner)
    }

    fn list(&self, request: &Recorded, owner: Option<&str>) -> Answer {
        if !authorized(request) {
            return unauthorized();
        }
        let mut records = self.records.live();
        records.retain(|record| record.get("accessToken").is_some());
        records.retain(|record| owner.is_none_or(|owner| text(record, "owner") == owner));
        json(200, records.iter().map(sample::listed).collect())
    }

    fn delete(&self, request: &Recorded, token: &str) -> Answer {
        if !authorized(request) {
            return unauthorized();
        }
        match self.records.get(token) {
            Some(Entry::Exactly(answer)) => answer,
            // The record as it was: it still says Active.
            _ => self
                .records
                .revoke(token)
                .map_or_else(|| refused("invalid_grant"), |record| json(200, record)),
        }
    }

    /// Client credentials (the documented `grant_type` is `client`) or refresh. All parameters are
    /// in the query.
    fn create(&self, request: &Recorded) -> Answer {
        let query = request.query();
        let parameter = |name: &str| {
            let found = query.iter().find(|(present, _)| present == name);
            found.map_or("", |(_, value)| value.as_str())
        };
        if (parameter("client_id"), parameter("client_secret")) != (CLIENT_ID, CLIENT_SECRET) {
            return refused("invalid_client");
        }
        match parameter("grant_type") {
            "client" => {}
            "refresh_token" => {
                let wanted = parameter("refresh_token");
                if wanted.is_empty()
                    || !self
                        .records
                        .live()
                        .iter()
                        .any(|record| text(record, "refreshToken") == wanted)
                {
                    return refused("invalid_grant");
                }
            }
            "" => return refused("invalid_request"),
            _ => return refused("unsupported_grant_type"),
        }
        let token = format!("T1amGT21.Idup.{}", fresh::hex(32));
        let mut record = sample::record(&token, CLIENT_ID, epoch_millis(self.clock.now()));
        let refresh = format!("T1amGR21.IdKM.{}", fresh::hex(32));
        sample::set(&mut record, "refreshToken", json!(refresh));
        self.put(&token, record);
        let answer = json!({
            "expires_in": 3600,
            "token_type": "Bearer",
            "refresh_token": refresh,
            "access_token": token,
        });
        json(200, answer)
    }
}

impl Vendor for TibcoAsg {
    fn answer(&self, request: &Recorded) -> Answer {
        let raw = path::without_parameters(request.path());
        let segments = path::resolved(&raw);
        let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
        let ["asg", "oauth2", "access_token", rest @ ..] = segments.as_slice() else {
            return Answer::html(404);
        };
        let token =
            path::identifier(&raw, TOKENS).filter(|token| self.records.get(token).is_some());
        match (request.method.as_str(), rest, token) {
            ("GET", [word], _) if is_owners(word) => self.list(request, None),
            ("GET", [word, owner], _) if is_owners(word) => self.list(request, Some(owner)),
            ("GET", _, Some(token)) => self.validate(request, &token),
            ("GET", [token], None) => self.validate(request, token),
            ("GET", [], None) => {
                // One table of the documentation has the token in the query.
                let query = request.query();
                let token = query.iter().find(|(name, _)| name == "access_token");
                token.map_or_else(
                    || refused("invalid_request"),
                    |(_, token)| self.validate(request, token),
                )
            }
            ("DELETE", _, Some(token)) => self.delete(request, &token),
            ("DELETE", [token], None) => self.delete(request, token),
            ("POST", [], None) => self.create(request),
            ("GET" | "DELETE" | "POST", ..) => Answer::html(404),
            _ => Answer::html(405),
        }
    }
}

/// Matches `owners` in any case, and with dots or spaces at the end, like file systems (assumed).
fn is_owners(segment: &str) -> bool {
    segment
        .trim_end_matches(['.', ' '])
        .eq_ignore_ascii_case("owners")
}

fn authorized(request: &Recorded) -> bool {
    basic(request).is_some_and(|(id, secret)| id == CLIENT_ID && secret == CLIENT_SECRET)
}

fn unauthorized() -> Answer {
    let answer = json(401, json!({"error": "invalid_client"}));
    answer.with_header("www-authenticate", "Basic realm=\"ASG\"")
}

fn refused(error: &str) -> Answer {
    json(400, json!({"error": error}))
}

fn json(status: u16, value: Value) -> Answer {
    Answer::json(status, value)
        .with_header("content-type", "application/json;charset=UTF-8")
        .with_header("cache-control", "no-store")
        .with_header("pragma", "no-cache")
}

fn text<'a>(record: &'a Value, member: &str) -> &'a str {
    record
        .get(member)
        .and_then(Value::as_str)
        .unwrap_or_default()
}
