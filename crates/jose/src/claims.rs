use std::time::Duration;

use introspectd_core::{Audience, Json, Members, Timestamp, whole_seconds};

use crate::json::{self, Unreadable};

/// Claims of a verified JWT (RFC 7519 section 4), to be judged one by one.
///
/// A claim of the wrong type, null included, is an error and never an absent one. Times are
/// numbers of seconds in any spelling, rounded down.
#[derive(Debug, Clone, PartialEq)]
pub struct Claims(Members);

/// Reason why a claim is not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Objection {
    /// A claim that is required and absent.
    #[error("the claim {0} is missing")]
    Missing(&'static str),
    /// A claim of the wrong type, or a time out of range.
    #[error("the claim {0} is invalid")]
    Invalid(&'static str),
    /// Another issuer.
    #[error("the issuer is another one")]
    Issuer,
    /// Audiences of which none is ours.
    #[error("the audience is another one")]
    Audience,
    /// `exp` that is reached.
    #[error("the token is expired")]
    Expired,
    /// `nbf` that is not reached yet.
    #[error("the token is not valid yet")]
    NotYetValid,
    /// `iat` in the future.
    #[error("the token was issued in the future")]
    IssuedInFuture,
    /// `iat` too long ago.
    #[error("the token was issued too long ago")]
    Stale,
}

impl Claims {
    /// Reads a JSON object in which no member is repeated, at any depth.
    ///
    /// # Errors
    /// [`Unreadable`] for anything else.
    pub fn parse(json: &[u8]) -> Result<Self, Unreadable> {
        json::object(json).map(Self)
    }

    /// Returns a claim of any type.
    pub fn get(&self, name: &str) -> Option<&Json> {
        self.0.get(name)
    }

    /// Returns a claim that is text.
    ///
    /// # Errors
    /// [`Objection::Invalid`] for any other type.
    pub fn text(&self, name: &'static str) -> Result<Option<&str>, Objection> {
        match self.get(name) {
            None => Ok(None),
            Some(value) => value.as_str().map(Some).ok_or(Objection::Invalid(name)),
        }
    }

    /// Returns a claim that is a time.
    ///
    /// # Errors
    /// [`Objection::Invalid`] for any other type, and out of the years 1 to 9999.
    pub fn time(&self, name: &'static str) -> Result<Option<Timestamp>, Objection> {
        let digits = match self.get(name) {
            None => return Ok(None),
            Some(Json::Number(digits)) => digits,
            Some(
                Json::Null | Json::Bool(_) | Json::String(_) | Json::Array(_) | Json::Object(_),
            ) => return Err(Objection::Invalid(name)),
        };
        let time = whole_seconds(digits).and_then(Timestamp::from_seconds);
        time.map(Some).ok_or(Objection::Invalid(name))
    }

    /// Returns `aud`.
    ///
    /// # Errors
    /// [`Objection::Invalid`] if it is neither text nor an array of it.
    pub fn audience(&self) -> Result<Option<Audience>, Objection> {
        let audience = self.get("aud").map(Audience::read);
        audience
            .map(|audience| audience.ok_or(Objection::Invalid("aud")))
            .transpose()
    }

    /// Checks that `iss` is this issuer, to the letter.
    ///
    /// # Errors
    /// [`Objection`]; an issuer is required.
    pub fn check_iss(&self, issuer: &str) -> Result<(), Objection> {
        let iss = self.text("iss")?.ok_or(Objection::Missing("iss"))?;
        if iss == issuer {
            Ok(())
        } else {
            Err(Objection::Issuer)
        }
    }

    /// Checks that `aud` has one of these audiences, to the letter.
    ///
    /// # Errors
    /// [`Objection`]; an audience is required.
    pub fn check_aud<A: AsRef<str>>(&self, accepted: &[A]) -> Result<(), Objection> {
        let audience = self.audience()?.ok_or(Objection::Missing("aud"))?;
        let is_accepted = |it: &String| accepted.iter().any(|accepted| accepted.as_ref() == it);
        if audience.as_slice().iter().any(is_accepted) {
            Ok(())
        } else {
            Err(Objection::Audience)
        }
    }

    /// Checks that `now` is before `exp`, and returns that. There is no leeway: a clock that is
    /// off must not lengthen a token's life.
    ///
    /// # Errors
    /// [`Objection`]; an end is required.
    pub fn check_exp(&self, now: Timestamp) -> Result<Timestamp, Objection> {
        let exp = self.time("exp")?.ok_or(Objection::Missing("exp"))?;
        if now < exp {
            Ok(exp)
        } else {
            Err(Objection::Expired)
        }
    }

    /// Checks that `nbf`, if there is one, is at most `leeway` ahead of `now`, and returns it.
    ///
    /// # Errors
    /// [`Objection`].
    pub fn check_nbf(
        &self,
        now: Timestamp,
        leeway: Duration,
    ) -> Result<Option<Timestamp>, Objection> {
        let nbf = self.time("nbf")?;
        if nbf.is_some_and(|nbf| nbf > later(now, leeway)) {
            return Err(Objection::NotYetValid);
        }
        Ok(nbf)
    }

    /// Checks that `iat`, if there is one, is at most `leeway` ahead of `now`, and returns it.
    ///
    /// # Errors
    /// [`Objection`].
    pub fn check_iat(
        &self,
        now: Timestamp,
        leeway: Duration,
    ) -> Result<Option<Timestamp>, Objection> {
        let iat = self.time("iat")?;
        if iat.is_some_and(|iat| iat > later(now, leeway)) {
            return Err(Objection::IssuedInFuture);
        }
        Ok(iat)
    }

    /// Checks that `iat` is at most `window` before or ahead of `now`, and returns it.
    ///
    /// # Errors
    /// [`Objection`]; a time of issue is required.
    pub fn check_recent(&self, now: Timestamp, window: Duration) -> Result<Timestamp, Objection> {
        let iat = self.check_iat(now, window)?;
        let iat = iat.ok_or(Objection::Missing("iat"))?;
        if later(iat, window) < now {
            return Err(Objection::Stale);
        }
        Ok(iat)
    }
}

impl From<Members> for Claims {
    fn from(members: Members) -> Self {
        Self(members)
    }
}

impl From<Claims> for Members {
    fn from(claims: Claims) -> Self {
        claims.0
    }
}

fn later(time: Timestamp, by: Duration) -> Timestamp {
    let seconds = i64::try_from(by.as_secs()).unwrap_or(i64::MAX);
    time.plus_seconds(seconds).unwrap_or(Timestamp::MAX)
}
