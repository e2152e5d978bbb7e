//! Faults of a provider.

use std::time::Duration;

use introspectd_simulators::{Answer, Fault as Scripted};
use serde_json::{Value, json};

use crate::cast::Which;
use crate::oracle::weather::Kind;

/// Fault of a provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Answers within the timeout, but slowly.
    Slow,
    /// Never answers.
    Hang,
    /// Closes connections without an answer.
    HangUp,
    /// Resets connections.
    Reset,
    /// Closes its port.
    Refuse,
    /// Sends half of its answer.
    Truncate,
    /// Sends more than anybody reads.
    Oversize,
    /// Sends what is no JSON.
    Garbage,
    /// Sends a page.
    Page,
    /// Sends a redirect.
    Redirect,
    /// Answers about another token, or with keys that nobody may use.
    Another,
    /// Answers with meaningless words as `active` and `status`, or without any key.
    Words,
    /// 500.
    Broken,
    /// 503 without a time.
    Unavailable,
    /// 429 with a time.
    Throttle,
    /// 401 to our credentials.
    Estrange,
    /// Any of these, and none, in turn.
    Flap,
}

impl Fault {
    pub(crate) const ALL: [Self; 17] = [
        Self::Slow,
        Self::Hang,
        Self::HangUp,
        Self::Reset,
        Self::Refuse,
        Self::Truncate,
        Self::Oversize,
        Self::Garbage,
        Self::Page,
        Self::Redirect,
        Self::Another,
        Self::Words,
        Self::Broken,
        Self::Unavailable,
        Self::Throttle,
        Self::Estrange,
        Self::Flap,
    ];

    /// Kind of failures that it explains; none for one that no caller may notice.
    pub(crate) const fn kind(self) -> Option<Kind> {
        match self {
            Self::Slow => None,
            Self::Hang => Some(Kind::Hangs),
            Self::HangUp | Self::Reset | Self::Refuse => Some(Kind::Cut),
            Self::Truncate
            | Self::Oversize
            | Self::Garbage
            | Self::Page
            | Self::Redirect
            | Self::Another
            | Self::Words => Some(Kind::Lies),
            Self::Broken | Self::Unavailable => Some(Kind::Fails),
            Self::Throttle => Some(Kind::Throttles),
            Self::Estrange => Some(Kind::Estranged),
            Self::Flap => Some(Kind::Flaps),
        }
    }

    /// `None` where no script does it.
    pub(super) fn scripted(self, at: Which) -> Option<Scripted> {
        // Of no token that anybody asks about.
        let another = json!({
            "active": true, "token_id": "0", "accessToken": "another", "token": "another",
            "status": "approved", "exp": "soon",
        });
        let words = json!({"active": "true", "status": "ACTIVE", "exp": "9999999999"});
        // Sets of keys, none of which can be used.
        let (another, words) = if at.is_local() {
            (unusable(), json!({"keys": []}))
        } else {
            (another, words)
        };
        Some(match self {
            Self::Slow => Scripted::Delay(Duration::from_millis(200)),
            Self::Hang => Scripted::Hang,
            Self::HangUp => Scripted::HangUp,
            Self::Reset => Scripted::Reset,
            Self::Truncate => Scripted::Truncate,
            Self::Oversize => Scripted::Oversize(3 << 20),
            Self::Garbage => Scripted::Answer(Answer::garbage()),
            Self::Page => Scripted::Answer(Answer::html(200)),
            Self::Redirect => Scripted::Answer(Answer::redirect("http://127.0.0.1:9/")),
            Self::Another => Scripted::Answer(Answer::json(200, another)),
            Self::Words => Scripted::Answer(Answer::json(200, words)),
            Self::Broken => Scripted::Answer(Answer::html(500)),
            Self::Unavailable => Scripted::Answer(Answer::empty(503)),
            Self::Throttle => Scripted::Answer(Answer::retry_after(429, 1)),
            Self::Estrange => Scripted::Answer(Answer::json(401, json!({"error": "no"}))),
            Self::Refuse | Self::Flap => return None,
        })
    }
}

/// A symmetric key, one with its private part, and one of a type that is yet to come.
fn unusable() -> Value {
    let (x, d) = ("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo", "AAAA");
    json!({"keys": [
        {"kty": "oct", "kid": "a", "alg": "HS256", "k": "c2VjcmV0"},
        {"kty": "OKP", "kid": "b", "crv": "Ed25519", "x": x, "d": d},
        {"kty": "AKP", "kid": "c", "alg": "ML-DSA-44", "pub": "AAAA"},
    ]})
}
