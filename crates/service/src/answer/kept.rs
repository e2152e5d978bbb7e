use std::borrow::Cow;

use introspectd_core::{Members, NotBearer, ProviderName, State, Timestamp, Token};
use introspectd_resolver::Keep;
use memchr::memmem;
use serde::Deserialize;

use super::claims::Claims;
use super::record::Record;

/// Body of the answer about an active token, as the cache keeps it: written once, when the provider
/// has answered.
///
/// It is all that is kept of a token's record, besides what decides whether the token is active.
#[derive(Clone)]
pub struct KeptAnswer {
    body: Box<[u8]>,
    not_bearer: Option<NotBearer>,
    /// True if the body ends in [`COUNTDOWN`], where the rest of the token's life is filled in.
    counts_down: bool,
}

/// Last member of a body whose server reports a remaining lifetime. The zero is valid JSON and no
/// answer.
const COUNTDOWN: &[u8] = br#","expires_in":0}"#;

impl KeptAnswer {
    /// Returns the body of an answer at `now`.
    pub fn body(&self, now: Timestamp) -> Box<[u8]> {
        if self.counts_down { self.counted_down(now) } else { self.body.clone() }
    }

    /// Returns the record with its state in place of `active`, at `now`.
    pub fn record(&self, state: State, now: Timestamp) -> Vec<u8> {
        let body = self.body(now);
        // Every body begins so: whether the token is active is judged at each request.
        let rest = body.strip_prefix(br#"{"active":true"#).unwrap_or(b"}");
        [br#"{"state":""#, state.as_str().as_bytes(), b"\"", rest].concat()
    }

    /// Returns the members of an answer at `now`; `None` if the body is not one of ours.
    pub fn members(&self, now: Timestamp) -> Option<Members> {
        Members::read_written(serde_json::from_slice(&self.body(now)).ok()?)
    }

    /// Returns the claims that decisions need; `None` if the body is not one of ours.
    pub fn claims(&self) -> Option<Claims<'_>> {
        Claims::read(&self.body)
    }

    /// Returns `iat` and `nbf` as the provider sent them, in seconds since 1970.
    pub fn times(&self) -> (Option<i64>, Option<i64>) {
        #[derive(Deserialize)]
        struct Times {
            iat: Option<i64>,
            nbf: Option<i64>,
        }
        let times: Option<Times> = serde_json::from_slice(&self.body).ok();
        times.map(|times| (times.iat, times.nbf)).unwrap_or_default()
    }

    /// Returns the reason why the token does not authorize its bearer, although it is active.
    pub fn not_bearer(&self) -> Option<NotBearer> {
        self.not_bearer
    }

    /// Returns the body with `expires_in` as of the moment of the answer, hit or miss.
    fn counted_down(&self, now: Timestamp) -> Box<[u8]> {
        let left = self.end().map_or(0, |end| end.saturating_sub(now.seconds()).max(0));
        let fixed = self.body.strip_suffix(b"0}").unwrap_or(&self.body);
        [fixed, left.to_string().as_bytes(), b"}"].concat().into()
    }

    /// Returns `exp` from the body. Its quoted name cannot be part of a string, where quotes are
    /// escaped; nested members of a server come after it.
    fn end(&self) -> Option<i64> {
        const EXP: &[u8] = br#","exp":"#;
        let begin = memmem::find(&self.body, EXP)?.checked_add(EXP.len())?;
        let digits = self.body.get(begin..)?.split(|byte| matches!(byte, b',' | b'}')).next()?;
        std::str::from_utf8(digits).ok()?.parse().ok()
    }
}

impl Keep for KeptAnswer {
    fn keep(provider: &ProviderName, token: Token) -> Self {
        let not_bearer = token.not_bearer();
        let body = serde_json::to_vec(&Record { provider, token: &token, state: None });
        // Only a map with keys that are not strings could fail, and there is none.
        let body: Box<[u8]> = body.unwrap_or_else(|_| br#"{"error":"server_error"}"#.to_vec()).into();
        Self { counts_down: body.ends_with(COUNTDOWN), body, not_bearer }
    }

    fn jti(&self) -> Option<Cow<'_, str>> {
        self.claims().map(|claims| claims.jti).filter(|jti| !jti.is_empty())
    }

    fn size(&self) -> usize {
        self.body.len()
    }
}
