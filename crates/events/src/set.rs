use introspectd_core::Json;
use introspectd_jose::{Claims, Verified};

use crate::fault::{ClaimFault, Fault};
use crate::kind::EventKind;
use crate::subject::SubjectId;
use crate::{Expected, check_parties, read_jti};

/// Security event token with its one event (RFC 8417, as SSF 1.0 profiles it).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecurityEvent {
    /// Name of the token, by which one that is sent again is known.
    pub jti: String,
    /// Consequence of the event.
    pub kind: EventKind,
    /// Subject of the event.
    pub subject: SubjectId,
}

impl SecurityEvent {
    /// Media type of the token, without `application/`.
    pub const TYPE: &'static str = "secevent+jwt";

    /// Reads a token whose signature is the transmitter's.
    ///
    /// `exp` and `sub` are refused: with them an event could pass for an ID token or an access
    /// token elsewhere, and one of those for an event here (RFC 8417 sections 4.5 and 4.6).
    ///
    /// # Errors
    /// [`Fault`].
    pub fn read(verified: &Verified<'_>, expected: &Expected) -> Result<Self, Fault> {
        if !verified.header().is_type(Self::TYPE) {
            return Err(Fault::Type);
        }
        Self::judge(&verified.claims()?, expected)
    }

    fn judge(claims: &Claims, expected: &Expected) -> Result<Self, Fault> {
        check_parties(claims, expected)?;
        for forbidden in ["exp", "sub"] {
            if claims.get(forbidden).is_some() {
                return Err(ClaimFault::Forbidden(forbidden).into());
            }
        }
        claims.time("iat")?.ok_or(ClaimFault::missing("iat"))?;
        let subject = claims.get("sub_id").ok_or(ClaimFault::missing("sub_id"))?;
        let subject = SubjectId::read(subject)?;
        Ok(Self {
            jti: read_jti(claims)?,
            kind: EventKind::of(one_event(claims)?),
            subject,
        })
    }
}

/// Returns the type of the one event.
fn one_event(claims: &Claims) -> Result<&str, ClaimFault> {
    let Some(Json::Object(events)) = claims.get("events") else {
        return Err(ClaimFault::Events);
    };
    let mut events = events.iter();
    match (events.next(), events.next()) {
        (Some((event_type, Json::Object(_))), None) => Ok(event_type),
        (None | Some(_), _) => Err(ClaimFault::Events),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use introspectd_core::Members;
    use introspectd_jose::Objection;
    use serde_json::{Value, json};

    const REVOKED: &str = "https://schemas.openid.net/secevent/caep/event-type/session-revoked";

    fn expected() -> Expected {
        Expected {
            issuer: "https://idp.example".to_owned(),
            audience: vec!["https://introspect.example".to_owned()],
        }
    }

    fn good() -> Value {
        json!({
            "iss": "https://idp.example",
            "aud": "https://introspect.example",
            "iat": 1_700_000_000,
            "jti": "set-1",
            "txn": 8,
            "sub_id": {"format": "iss_sub", "iss": "https://idp.example", "sub": "alice"},
            "events": {REVOKED: {"event_timestamp": 1_700_000_000}},
        })
    }

    fn judge(claims: &Value) -> Result<SecurityEvent, Fault> {
        let Json::Object(members) = Json::from(claims.clone()) else {
            panic!("{claims}");
        };
        SecurityEvent::judge(&Claims::from(members), &expected())
    }

    #[test]
    fn good_claims_are_an_event() {
        let event = judge(&good()).unwrap();
        assert_eq!(
            (event.jti.as_str(), event.kind),
            ("set-1", EventKind::Purge)
        );
        let mut many = good();
        many["aud"] = json!(["https://other.example", "https://introspect.example"]);
        assert_eq!(judge(&many), Ok(event));
        let mut long = good();
        long["jti"] = json!("x".repeat(512));
        assert!(judge(&long).is_ok());
    }

    #[test]
    fn each_single_defect_is_refused() {
        let missing = |claim| Fault::Claim(ClaimFault::missing(claim));
        let invalid = |claim| Fault::Claim(ClaimFault::invalid(claim));
        let events = Fault::Claim(ClaimFault::Events);
        for (member, value, fault) in [
            ("iss", json!("https://idp.example/"), Fault::Issuer),
            ("iss", json!(null), invalid("iss")),
            ("aud", json!("https://introspect.example/"), Fault::Audience),
            ("aud", json!([]), Fault::Audience),
            ("aud", json!([1]), invalid("aud")),
            (
                "exp",
                json!(4_000_000_000_u64),
                Fault::Claim(ClaimFault::Forbidden("exp")),
            ),
            (
                "exp",
                json!(null),
                Fault::Claim(ClaimFault::Forbidden("exp")),
            ),
            (
                "sub",
                json!("alice"),
                Fault::Claim(ClaimFault::Forbidden("sub")),
            ),
            ("iat", json!("1700000000"), invalid("iat")),
            ("jti", json!(1), invalid("jti")),
            ("jti", json!(""), invalid("jti")),
            ("jti", json!("x".repeat(513)), invalid("jti")),
            ("events", json!([]), events),
            ("events", json!({}), events),
            ("events", json!({REVOKED: null}), events),
            ("events", json!({REVOKED: {}, "other": {}}), events),
        ] {
            let mut claims = good();
            claims[member] = value.clone();
            assert_eq!(judge(&claims), Err(fault), "{member}: {value}");
        }
        for (member, fault) in [
            ("iss", missing("iss")),
            ("aud", missing("aud")),
            ("iat", missing("iat")),
            ("jti", missing("jti")),
            ("sub_id", missing("sub_id")),
            ("events", events),
        ] {
            let mut claims = good();
            claims.as_object_mut().unwrap().remove(member);
            assert_eq!(judge(&claims), Err(fault), "{member}");
        }
        let mut alien = good();
        alien["sub_id"] = json!({"format": "opaque"});
        assert!(matches!(
            judge(&alien),
            Err(Fault::Claim(ClaimFault::Subject(_)))
        ));
        assert_eq!(judge(&json!({})), Err(Objection::Missing("iss").into()));
    }

    #[test]
    fn any_claims_are_an_event_or_refused() {
        let seed = serde_json::to_vec(&good()).unwrap();
        let complex = br#"{"iss":"https://idp.example","aud":["https://introspect.example"],
            "iat":1,"jti":"a","sub_id":{"format":"complex","user":{"format":"email","email":"a"},
            "session":{"format":"opaque","id":"s"}},"events":{"a":{}}}"#;
        let seeds: &[&[u8]] = &[&seed, complex];
        introspectd_fuzz::check!(seeds, |bytes: &[u8]| {
            let Ok(claims) = Claims::parse(bytes) else {
                return;
            };
            if let Ok(event) = SecurityEvent::judge(&claims, &expected()) {
                assert!(!event.jti.is_empty());
                let _ = event.subject.subjects();
                let members = Members::from(claims);
                assert!(members.get("exp").is_none() && members.get("sub").is_none());
            }
        });
    }
}
