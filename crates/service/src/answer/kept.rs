use std::borrow::Cow;

use bytes::Bytes;
use introspectd_core::{Members, NotBearer, ProviderName, State, Timestamp, Token};
use introspectd_resolver::{Keep, Names};
use memchr::memmem;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::claims::{Claims, Positions, is_claim};
use super::record::Record;
use crate::proof::{Confirmation, Unconfirmed};

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
    /// True if no member after `roles` is a claim.
    ends_at_roles: bool,
}

/// Kept answer whose claims are found. Its parts can be shared without a copy.
pub struct SharedAnswer {
    body: Bytes,
    claims_at: Positions,
    counts_down: bool,
}

/// Last member of a body whose server reports a remaining lifetime. The zero is valid JSON and no
/// answer.
const COUNTDOWN: &[u8] = br#","expires_in":0}"#;

impl KeptAnswer {
    /// Returns the body of an answer at `now`.
    #[inline]
    pub fn into_body(self, now: Timestamp) -> Box<[u8]> {
        if self.counts_down {
            counted_down(&self.body, now)
        } else {
            self.body
        }
    }

    /// Returns the record with its state in place of `active`, at `now`.
    pub fn record(&self, state: State, now: Timestamp) -> Vec<u8> {
        let body = self.clone().into_body(now);
        // Every body begins so: whether the token is active is judged at each request.
        let rest = body.strip_prefix(br#"{"active":true"#).unwrap_or(b"}");
        [br#"{"state":""#, state.as_str().as_bytes(), b"\"", rest].concat()
    }

    /// Finds the claims; `None` if the body is not one of ours.
    pub fn share(self) -> Option<SharedAnswer> {
        let claims_at = Positions::find(&self.body, self.ends_at_roles)?;
        Some(SharedAnswer {
            body: self.body.into(),
            claims_at,
            counts_down: self.counts_down,
        })
    }

    /// Returns `iat` and `nbf` as the provider sent them, in seconds since 1970.
    pub fn times(&self) -> (Option<i64>, Option<i64>) {
        #[derive(Deserialize)]
        struct Times {
            iat: Option<i64>,
            nbf: Option<i64>,
        }
        let times: Option<Times> = serde_json::from_slice(&self.body).ok();
        times
            .map(|times| (times.iat, times.nbf))
            .unwrap_or_default()
    }

    /// Returns the keys that the token is bound to.
    ///
    /// # Errors
    /// [`Unconfirmed`] unless possession of them can be judged here.
    pub(crate) fn confirmation(&self) -> Result<Confirmation, Unconfirmed> {
        #[derive(Deserialize)]
        struct Bound<'a> {
            #[serde(borrow)]
            cnf: Option<&'a RawValue>,
        }
        let bound: Option<Bound<'_>> = serde_json::from_slice(&self.body).ok();
        let cnf = bound.and_then(|bound| bound.cnf);
        Confirmation::read(cnf.ok_or(Unconfirmed::Malformed)?.get())
    }

    /// Returns the reason why the token does not authorize its bearer, although it is active.
    pub fn not_bearer(&self) -> Option<NotBearer> {
        self.not_bearer
    }
}

impl SharedAnswer {
    /// Reads a body without white space; `None` if it is not an answer's.
    pub fn read(body: impl Into<Bytes>) -> Option<Self> {
        let body = body.into();
        let claims_at = Positions::find(&body, false)?;
        Some(Self {
            body,
            claims_at,
            counts_down: false,
        })
    }

    /// Returns the claims that decisions need.
    #[inline]
    pub fn claims(&self) -> Claims<'_> {
        Claims::new(&self.body, self.claims_at)
    }

    /// Shares a part of the body, such as a borrowed claim, without a copy. Any other text is
    /// copied.
    #[inline]
    pub fn share(&self, part: &str) -> Bytes {
        let begin = part.as_ptr().addr().wrapping_sub(self.body.as_ptr().addr());
        match begin.checked_add(part.len()) {
            Some(end) if end <= self.body.len() => self.body.slice(begin..end),
            Some(_) | None => Bytes::copy_from_slice(part.as_bytes()),
        }
    }

    /// Returns the members of an answer at `now`; `None` if the body is not one of ours.
    pub fn members(&self, now: Timestamp) -> Option<Members> {
        let counted = self.counts_down.then(|| counted_down(&self.body, now));
        let body = counted.as_deref().unwrap_or(&self.body);
        Members::read_written(serde_json::from_slice(body).ok()?)
    }
}

/// Returns a body with `expires_in` as of the moment of the answer, hit or miss.
fn counted_down(body: &[u8], now: Timestamp) -> Box<[u8]> {
    let left = end(body).map_or(0, |end| end.saturating_sub(now.seconds()).max(0));
    let fixed = body.strip_suffix(b"0}").unwrap_or(body);
    [fixed, left.to_string().as_bytes(), b"}"].concat().into()
}

/// Returns `exp` from a body. Its quoted name cannot be part of a string, where quotes are escaped;
/// nested members of a server come after it.
fn end(body: &[u8]) -> Option<i64> {
    const EXP: &[u8] = br#","exp":"#;
    let begin = memmem::find(body, EXP)?.checked_add(EXP.len())?;
    let digits = body
        .get(begin..)?
        .split(|byte| matches!(byte, b',' | b'}'))
        .next()?;
    std::str::from_utf8(digits).ok()?.parse().ok()
}

/// No record is known by an empty claim.
fn named(claim: Cow<'_, str>) -> Option<Cow<'_, str>> {
    Some(claim).filter(|claim| !claim.is_empty())
}

impl Keep for KeptAnswer {
    fn keep(provider: &ProviderName, token: Token) -> Self {
        let not_bearer = token.not_bearer();
        let ends_at_roles = !token.extensions.iter().any(|(name, _)| is_claim(name));
        let body = serde_json::to_vec(&Record {
            provider,
            token: &token,
            state: None,
        });
        // Only a map with keys that are not strings could fail, and there is none.
        let body: Box<[u8]> = body
            .unwrap_or_else(|_| br#"{"error":"server_error"}"#.to_vec())
            .into();
        Self {
            counts_down: body.ends_with(COUNTDOWN),
            body,
            not_bearer,
            ends_at_roles,
        }
    }

    fn names(&self) -> Names<'_> {
        let Some(found) = Positions::find(&self.body, self.ends_at_roles) else {
            return Names::default();
        };
        let claims = Claims::new(&self.body, found);
        Names {
            jti: named(claims.jti()),
            sub: named(claims.sub()),
            client_id: named(claims.client_id()),
        }
    }

    fn write(&self) -> Option<Vec<u8>> {
        // Without its names no purge would select it elsewhere.
        Positions::find(&self.body, self.ends_at_roles)?;
        let not_bearer = match self.not_bearer {
            None => 0,
            Some(NotBearer::OtherUse) => 1,
            Some(NotBearer::OtherScheme) => 2,
            Some(NotBearer::Unproved) => 3,
        };
        let ends_at_roles = u8::from(self.ends_at_roles) << 2;
        Some([&[not_bearer | ends_at_roles], &*self.body].concat())
    }

    fn read(bytes: &[u8]) -> Option<Self> {
        let (flags, body) = bytes.split_first()?;
        let not_bearer = match flags & 3 {
            0 => None,
            1 => Some(NotBearer::OtherUse),
            2 => Some(NotBearer::OtherScheme),
            _ => Some(NotBearer::Unproved),
        };
        Some(Self {
            counts_down: body.ends_with(COUNTDOWN),
            body: body.into(),
            not_bearer,
            ends_at_roles: flags & 4 != 0,
        })
    }

    fn size(&self) -> usize {
        self.body.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use introspectd_core::{Expiry, Json, Status};
    use serde_json::{Value, json};

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_seconds(seconds).unwrap()
    }

    /// Token that ends at 200, with these members of its server's own.
    fn token(extensions: &Value) -> Token {
        let mut token = Token::new(Status::Good, Expiry::At(at(200)));
        token.extensions = extensions.as_object().unwrap().clone().into();
        token
    }

    fn kept(token: Token) -> KeptAnswer {
        KeptAnswer::keep(&ProviderName::parse("bank").unwrap(), token)
    }

    fn body(kept: &KeptAnswer, now: i64) -> Value {
        serde_json::from_slice(&kept.clone().into_body(at(now))).unwrap()
    }

    #[test]
    fn reported_remaining_life_is_that_at_the_moment_of_the_answer() {
        let mut token = token(&json!({"expires_in": 3600, "at": {"exp": 7}}));
        // What only looks like the end.
        token.client_id = Some(r#"","exp":7,""#.to_owned());
        let kept = kept(token);
        for (now, left) in [(150, 50), (199, 1), (200, 0), (300, 0)] {
            assert_eq!(body(&kept, now)["expires_in"], left, "at {now}");
            let members = kept.clone().share().unwrap().members(at(now)).unwrap();
            let counted = Json::from(json!(left));
            assert_eq!(members.get("expires_in"), Some(&counted), "at {now}");
            let record = kept.record(State::Expired, at(now));
            let record: Value = serde_json::from_slice(&record).unwrap();
            assert_eq!(
                (&record["expires_in"], &record["state"]),
                (&json!(left), &json!("expired"))
            );
        }
    }

    #[test]
    fn life_that_is_not_reported_as_a_number_is_not_counted() {
        for odd in [json!({}), json!({"expires_in": "3600"})] {
            let kept = kept(token(&odd));
            assert_eq!(body(&kept, 150).get("expires_in"), odd.get("expires_in"));
        }
        let mut endless = token(&json!({"expires_in": 3600}));
        endless.expiry = Expiry::Never;
        assert_eq!(body(&kept(endless), 150)["expires_in"], 3600);
    }

    #[test]
    fn times_and_id_are_those_of_the_record() {
        let mut token = token(&json!({}));
        assert_eq!(kept(token.clone()).times(), (None, None));
        assert_eq!(kept(token.clone()).names().jti, None);
        (token.iat, token.nbf) = (Some(at(100)), Some(at(101)));
        token.jti = Some("an \"id\"".to_owned());
        let kept = kept(token);
        assert_eq!(kept.times(), (Some(100), Some(101)));
        assert_eq!(kept.names().jti.as_deref(), Some("an \"id\""));
    }

    /// A reader could take either.
    #[test]
    fn claim_that_its_server_repeats_is_not_shared() {
        let mut token = token(&json!({"sub": "mallory"}));
        assert_eq!(
            kept(token.clone()).share().unwrap().claims().sub(),
            "mallory"
        );
        token.sub = Some("alice".to_owned());
        assert!(kept(token).share().is_none());
    }

    #[test]
    fn answer_that_is_exchanged_is_the_same_answer_by_the_same_names() {
        for (kind, extension) in [
            ("Bearer", json!({"expires_in": 3600, "x": 1})),
            ("DPoP", json!({"email": "a@b"})),
            ("Bearer", json!({"username": "x"})),
        ] {
            let mut token = token(&extension);
            token.token_type = Some(kind.to_owned());
            token.sub = Some("ali\"ce".to_owned());
            token.jti = Some("id".to_owned());
            let kept = kept(token);
            let read = KeptAnswer::read(&kept.write().unwrap()).unwrap();
            assert_eq!(body(&read, 150), body(&kept, 150));
            assert_eq!(read.names(), kept.names());
            assert_eq!(read.not_bearer(), kept.not_bearer());
            assert_eq!(read.ends_at_roles, kept.ends_at_roles);
        }
    }

    #[test]
    fn answer_whose_names_are_ambiguous_stays_at_its_replica() {
        let mut token = token(&json!({"sub": "mallory"}));
        token.sub = Some("alice".to_owned());
        assert!(kept(token).write().is_none());
    }

    #[test]
    fn size_is_that_of_the_body() {
        let kept = kept(token(&json!({})));
        assert_eq!(kept.size(), body(&kept, 0).to_string().len());
    }

    #[test]
    fn part_of_the_body_is_shared_and_other_text_is_copied() {
        let answer = SharedAnswer::read(br#"{"sub":"alice"}"#.to_vec()).unwrap();
        let sub = answer.claims().sub();
        let shared = answer.share(&sub);
        assert_eq!((&*shared, shared.as_ptr()), (&b"alice"[..], sub.as_ptr()));
        let other = "alice".to_owned();
        let copied = answer.share(&other);
        assert_eq!(&*copied, b"alice");
        assert_ne!(copied.as_ptr(), other.as_ptr());
    }
}
