//! Signed answers (RFC 9701): verified, or no answers at all.

pub(crate) mod config;

use introspectd_core::{BadAnswer, Failure, Outage, SignedFault, Timestamp};
use introspectd_jose::{Algorithm, Claims, Jws, Objection};
use introspectd_jwks::{KeySource, NotVerified};
use introspectd_upstream::Response;
use serde::Deserialize;
use serde_json::value::RawValue;

/// Form in which the server answers.
#[derive(Debug)]
pub(crate) enum Form {
    Json,
    Signed(Box<Signed>),
}

/// Answers that are signed, or may be.
#[derive(Debug)]
pub(crate) struct Signed {
    /// True if JSON is refused: whoever is on the way could take a signature off.
    pub(crate) is_required: bool,
    pub(crate) expected: Expected,
    pub(crate) keys: KeySource,
}

/// Claims of each answer.
#[derive(Debug)]
pub(crate) struct Expected {
    pub(crate) issuer: String,
    /// Our client id.
    pub(crate) audience: String,
}

/// Media type of a signed answer, whose name after the slash is its `typ`, too.
const MEDIA_TYPE: &str = "application/token-introspection+jwt";
const TYPE: &str = "token-introspection+jwt";

/// Most bytes of a signed answer: those of any body.
const MAX_BYTES: usize = 1024 * 1024;

/// Seconds by which `iat` may be ahead of our clock, or behind the request.
const WINDOW: i64 = 60;

impl Form {
    /// Returns what is accepted, as `Accept` says it; `None` for JSON alone.
    pub(crate) fn accept(&self) -> Option<&'static str> {
        match self {
            Self::Json => None,
            Self::Signed(signed) if signed.is_required => Some(MEDIA_TYPE),
            Self::Signed(_) => Some("application/token-introspection+jwt, application/json;q=0.5"),
        }
    }

    /// Returns the JSON of an answer to a request that was `asked` then, once its signature and
    /// its claims are as they must be.
    ///
    /// # Errors
    /// [`Failure`] for anything else: what is not verified says nothing about a token.
    pub(crate) async fn json(
        &self,
        response: Response,
        asked: Timestamp,
        now: impl Fn() -> Timestamp,
    ) -> Result<Vec<u8>, Failure> {
        let is_jwt = response.content_type().is_some_and(is_jwt);
        self.json_of(is_jwt, response.ok()?.into(), asked, now)
            .await
    }

    async fn json_of(
        &self,
        is_jwt: bool,
        body: Vec<u8>,
        asked: Timestamp,
        now: impl Fn() -> Timestamp,
    ) -> Result<Vec<u8>, Failure> {
        match self {
            Self::Json => Ok(body),
            Self::Signed(signed) if !is_jwt && !signed.is_required => Ok(body),
            Self::Signed(_) if !is_jwt => Err(fault(SignedFault::Unsigned)),
            // Boxed: an answer that is not signed takes no room for it.
            Self::Signed(signed) => Box::pin(signed.json(&body, asked, now)).await,
        }
    }
}

impl Signed {
    async fn json(
        &self,
        body: &[u8],
        asked: Timestamp,
        now: impl Fn() -> Timestamp,
    ) -> Result<Vec<u8>, Failure> {
        let text = std::str::from_utf8(body).map_err(|_| BadAnswer::NotUtf8)?;
        let jws = Jws::parse_within(text.trim_ascii(), MAX_BYTES);
        let jws = jws.map_err(|_| fault(SignedFault::Malformed))?;
        if !jws.unverified_header().is_type(TYPE) {
            return Err(fault(SignedFault::Type));
        }
        let verified = match self.keys.verify(&jws, &Algorithm::ALL).await {
            Ok(verified) => verified,
            Err(NotVerified::Later { retry_after }) => {
                return Err(Failure::Unavailable {
                    outage: Outage::KeysMissing,
                    retry_after: Some(retry_after),
                });
            }
            Err(NotVerified::Refused(_) | NotVerified::Provisional { .. }) => {
                return Err(fault(SignedFault::Signature));
            }
        };
        Ok(read(verified.payload(), &self.expected, asked, now())?)
    }
}

/// Returns true if the essence of a media type is that of a signed answer.
fn is_jwt(media_type: &str) -> bool {
    let essence = media_type.split(';').next().unwrap_or_default();
    essence.trim().eq_ignore_ascii_case(MEDIA_TYPE)
}

/// Reads a verified payload, and returns `token_introspection` as it was sent.
fn read(
    payload: &[u8],
    expected: &Expected,
    asked: Timestamp,
    now: Timestamp,
) -> Result<Vec<u8>, BadAnswer> {
    #[derive(Deserialize)]
    struct Payload<'a> {
        #[serde(borrow)]
        token_introspection: &'a RawValue,
    }
    let claims = Claims::parse(payload).map_err(|_| BadAnswer::NotAnObject)?;
    claims
        .check_iss(&expected.issuer)
        .map_err(|objection| of(objection, SignedFault::Issuer))?;
    let audience = [&expected.audience];
    claims
        .check_aud(&audience)
        .map_err(|objection| of(objection, SignedFault::Audience))?;
    let iat = claims
        .time("iat")
        .map_err(|objection| of(objection, SignedFault::Time))?;
    let iat = iat.ok_or_else(|| BadAnswer::member("iat"))?;
    let is_near = |earlier: Timestamp, later: Timestamp| {
        earlier
            .plus_seconds(WINDOW)
            .is_none_or(|latest| later <= latest)
    };
    if !is_near(now, iat) || !is_near(iat, asked) {
        return Err(SignedFault::Time.into());
    }
    let payload: Payload<'_> =
        serde_json::from_slice(payload).map_err(|_| BadAnswer::member("token_introspection"))?;
    Ok(payload.token_introspection.get().into())
}

/// Names a claim that is missing or of the wrong type, or else the fault.
fn of(objection: Objection, fault: SignedFault) -> BadAnswer {
    match objection {
        Objection::Missing(name) | Objection::Invalid(name) => BadAnswer::member(name),
        Objection::Issuer
        | Objection::Audience
        | Objection::Expired
        | Objection::NotYetValid
        | Objection::IssuedInFuture
        | Objection::Stale => fault.into(),
    }
}

fn fault(fault: SignedFault) -> Failure {
    BadAnswer::from(fault).into()
}

#[cfg(test)]
mod tests;
