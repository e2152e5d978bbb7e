use std::time::Duration;

use introspectd_core::{Json, Timestamp};
use introspectd_jose::{Claims, Header, Verified};

use crate::fault::{ClaimFault, Fault};
use crate::subject::{Mark, Subjects};
use crate::{Expected, check_parties, read_jti};

/// Logout token (OpenID Connect Back-Channel Logout 1.0 section 2.4).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Logout {
    /// Name of the token, by which one that is sent again is known.
    pub jti: String,
    /// Subject whose sessions end; those of `sid` alone where it is `None`.
    pub sub: Option<String>,
}

/// Member of `events` that makes a logout token.
const EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";

/// Most by which `iat` may be off where the token has no `exp`, as in drafts of the specification.
const WINDOW: Duration = Duration::from_secs(300);

/// Most by which `iat` may lie ahead.
const SKEW: Duration = Duration::from_secs(60);

/// Longest `sub` or `sid` in bytes.
const MAX_NAME: usize = 2048;

impl Logout {
    /// Reads a token whose signature is the issuer's.
    ///
    /// # Errors
    /// [`Fault`].
    pub fn read(
        verified: &Verified<'_>,
        expected: &Expected,
        now: Timestamp,
    ) -> Result<Self, Fault> {
        if !is_type(verified.header()) {
            return Err(Fault::Type);
        }
        Self::judge(&verified.claims()?, expected, now)
    }

    fn judge(claims: &Claims, expected: &Expected, now: Timestamp) -> Result<Self, Fault> {
        check_parties(claims, expected)?;
        if claims.get("exp").is_some() {
            claims.check_exp(now)?;
            claims
                .check_iat(now, SKEW)?
                .ok_or(ClaimFault::missing("iat"))?;
        } else {
            claims.check_recent(now, WINDOW)?;
        }
        // Else an ID token that was stolen could end its own session.
        if claims.get("nonce").is_some() {
            return Err(ClaimFault::Forbidden("nonce").into());
        }
        let Some(Json::Object(events)) = claims.get("events") else {
            return Err(ClaimFault::Events.into());
        };
        if !matches!(events.get(EVENT), Some(Json::Object(_))) {
            return Err(ClaimFault::Events.into());
        }
        let sub = name(claims, "sub")?;
        if sub.is_none() && name(claims, "sid")?.is_none() {
            return Err(ClaimFault::Nobody.into());
        }
        Ok(Self {
            jti: read_jti(claims)?,
            sub,
        })
    }

    /// Returns the facts of the subject. A session is known by none.
    pub fn subjects(&self) -> Subjects {
        Subjects {
            marks: self.sub.iter().cloned().map(Mark::Subject).collect(),
            is_certain: self.sub.is_some(),
        }
    }
}

/// Returns true unless `typ` is another type's. Most issuers send none.
fn is_type(header: &Header) -> bool {
    header.typ().is_none() || header.is_type("logout+jwt") || header.is_type("JWT")
}

fn name(claims: &Claims, claim: &'static str) -> Result<Option<String>, ClaimFault> {
    match claims.text(claim)? {
        Some(name) if name.is_empty() || name.len() > MAX_NAME => Err(ClaimFault::invalid(claim)),
        name => Ok(name.map(str::to_owned)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use introspectd_jose::{Jws, Objection};
    use serde_json::{Value, json};

    const NOW: i64 = 1_700_000_000;

    fn expected() -> Expected {
        Expected {
            issuer: "https://idp.example".to_owned(),
            audience: vec!["client".to_owned()],
        }
    }

    fn good() -> Value {
        json!({
            "iss": "https://idp.example", "aud": "client", "iat": NOW, "exp": NOW + 120,
            "jti": "out-1", "sub": "alice", "sid": "s-1", "events": {EVENT: {}},
        })
    }

    fn judge(claims: &Value) -> Result<Logout, Fault> {
        let Json::Object(members) = Json::from(claims.clone()) else {
            panic!("{claims}");
        };
        let now = Timestamp::from_seconds(NOW).unwrap();
        Logout::judge(&Claims::from(members), &expected(), now)
    }

    #[test]
    fn subject_or_session_is_logged_out() {
        let logout = judge(&good()).unwrap();
        assert_eq!(logout.subjects().marks, [Mark::Subject("alice".to_owned())]);
        assert!(logout.subjects().is_certain);
        let mut of_session = good();
        of_session.as_object_mut().unwrap().remove("sub");
        assert_eq!(judge(&of_session).unwrap().subjects(), Subjects::default());
        let mut of_draft = good();
        of_draft.as_object_mut().unwrap().remove("exp");
        assert_eq!(judge(&of_draft), Ok(logout));
    }

    #[test]
    fn token_without_a_type_may_be_a_logout() {
        let untyped = Jws::parse("eyJhbGciOiJFZERTQSJ9..").unwrap();
        assert!(is_type(untyped.unverified_header()));
    }

    #[test]
    fn names_are_bounded() {
        let (longest, longer) = ("x".repeat(MAX_NAME), "x".repeat(MAX_NAME + 1));
        for claim in ["sub", "sid"] {
            let mut claims = good();
            claims.as_object_mut().unwrap().remove("sub");
            claims[claim] = json!(longest);
            assert!(judge(&claims).is_ok(), "{claim}");
            claims[claim] = json!(longer);
            assert_eq!(judge(&claims), Err(ClaimFault::invalid(claim).into()));
        }
    }

    #[test]
    fn each_single_defect_is_refused() {
        let claim = |fault| Fault::Claim(fault);
        for (member, value, fault) in [
            ("iss", json!("https://other.example"), Fault::Issuer),
            ("aud", json!("other"), Fault::Audience),
            ("exp", json!(NOW), Objection::Expired.into()),
            ("exp", json!("soon"), claim(ClaimFault::invalid("exp"))),
            ("iat", json!(NOW + 61), Objection::IssuedInFuture.into()),
            ("nonce", json!("n"), claim(ClaimFault::Forbidden("nonce"))),
            ("nonce", json!(null), claim(ClaimFault::Forbidden("nonce"))),
            ("events", json!({}), claim(ClaimFault::Events)),
            ("events", json!([EVENT]), claim(ClaimFault::Events)),
            ("events", json!({EVENT: true}), claim(ClaimFault::Events)),
            ("sub", json!(1), claim(ClaimFault::invalid("sub"))),
            ("sub", json!(""), claim(ClaimFault::invalid("sub"))),
            ("jti", json!(null), claim(ClaimFault::invalid("jti"))),
        ] {
            let mut claims = good();
            claims[member] = value.clone();
            assert_eq!(judge(&claims), Err(fault), "{member}: {value}");
        }
        for member in ["iss", "aud", "iat", "jti"] {
            let mut claims = good();
            claims.as_object_mut().unwrap().remove(member);
            assert_eq!(
                judge(&claims),
                Err(claim(ClaimFault::missing(member))),
                "{member}"
            );
        }
        let mut nobody = good();
        nobody.as_object_mut().unwrap().remove("sub");
        nobody.as_object_mut().unwrap().remove("sid");
        assert_eq!(judge(&nobody), Err(claim(ClaimFault::Nobody)));
        let mut old = good();
        old.as_object_mut().unwrap().remove("exp");
        old["iat"] = json!(NOW - 301);
        assert_eq!(judge(&old), Err(Objection::Stale.into()));
    }

    #[test]
    fn any_claims_are_a_logout_or_refused() {
        let seed = serde_json::to_vec(&good()).unwrap();
        let now = Timestamp::from_seconds(NOW).unwrap();
        introspectd_fuzz::check!(&[seed.as_slice()], |bytes: &[u8]| {
            let Ok(claims) = Claims::parse(bytes) else {
                return;
            };
            if let Ok(logout) = Logout::judge(&claims, &expected(), now) {
                assert!(claims.get("nonce").is_none() && !logout.jti.is_empty());
            }
        });
    }
}
