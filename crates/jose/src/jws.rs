use std::fmt;

use introspectd_core::{Json, Members};

use crate::algorithm::Algorithm;
use crate::base64url;
use crate::json::{self, Unreadable};
use crate::jwk::{Jwk, Unusable};

/// Signature in compact serialization (RFC 7515 section 7.1): well formed, and not verified.
///
/// Its payload is out of reach until [`Jws::verify`] returned it. It neither prints nor
/// serializes, since the text may be a token.
pub struct Jws<'a> {
    pub(crate) header: Header,
    /// Header and payload as they were signed.
    pub(crate) signed: &'a str,
    pub(crate) payload: Vec<u8>,
    pub(crate) signature: Vec<u8>,
}

/// Members of a header that mean something here.
///
/// `jku`, `x5u`, `x5c` and the like are never read: a token cannot bring the key that proves it.
/// For a `jwk`, see [`Jws::verify_possession`].
#[derive(Debug, Clone, PartialEq)]
pub struct Header {
    algorithm: Algorithm,
    kid: Option<String>,
    typ: Option<String>,
    jwk: Option<Json>,
}

/// Reason why a text is not a signature that can be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// More bytes than are accepted, such as [`Jws::MAX_BYTES`].
    #[error("the token is too large")]
    TooLarge,
    /// A header of more than [`Jws::MAX_HEADER`] bytes.
    #[error("the header is larger than 4 KiB")]
    HeaderTooLarge,
    /// Five parts: a JWE, for which there is no key.
    #[error("the token has five parts, as encrypted ones have")]
    Encrypted,
    /// Other than three parts.
    #[error("the token does not have three parts")]
    Parts,
    /// A part that is not base64url in its only spelling.
    #[error("the {0} is not base64url")]
    Base64Url(&'static str),
    /// A header that is no object, or repeats a member.
    #[error("the header is {0}")]
    Header(#[from] Unreadable),
    /// A member of the header that is missing or of the wrong type.
    #[error("the header member {0} is missing or invalid")]
    Member(&'static str),
    /// An `alg` that is not in [`Algorithm`]: `none`, an HMAC, or one that is not supported.
    #[error("the algorithm is not supported")]
    Algorithm,
    /// A `crit`: no extension is understood (RFC 7515 section 4.1.11).
    #[error("the header has critical extensions")]
    Critical,
    /// A `b64` other than true (RFC 7797): the payload would be signed as it is.
    #[error("the payload is not encoded (b64)")]
    Unencoded,
    /// A `zip`, which RFC 7516 has for encryption only.
    #[error("the payload is compressed (zip)")]
    Compressed,
}

impl<'a> Jws<'a> {
    /// Most bytes of a signature with its payload.
    pub const MAX_BYTES: usize = 16 * 1024;

    /// Most bytes of a header, in base64url.
    pub const MAX_HEADER: usize = 4 * 1024;

    /// Reads a compact serialization.
    ///
    /// # Errors
    /// [`Malformed`] for anything that must not be verified.
    pub fn parse(text: &'a str) -> Result<Self, Malformed> {
        Self::parse_within(text, Self::MAX_BYTES)
    }

    /// Reads a compact serialization like [`Jws::parse`], of at most this many bytes.
    ///
    /// # Errors
    /// [`Malformed`].
    pub fn parse_within(text: &'a str, max_bytes: usize) -> Result<Self, Malformed> {
        if text.len() > max_bytes {
            return Err(Malformed::TooLarge);
        }
        match text.bytes().filter(|byte| *byte == b'.').count() {
            2 => {}
            4 => return Err(Malformed::Encrypted),
            _ => return Err(Malformed::Parts),
        }
        let (signed, signature) = text.rsplit_once('.').ok_or(Malformed::Parts)?;
        let (header, payload) = signed.split_once('.').ok_or(Malformed::Parts)?;
        if header.len() > Self::MAX_HEADER {
            return Err(Malformed::HeaderTooLarge);
        }
        let decode = |part, name| base64url::decode(part).ok_or(Malformed::Base64Url(name));
        Ok(Self {
            header: Header::read(&decode(header, "header")?)?,
            signed,
            payload: decode(payload, "payload")?,
            signature: decode(signature, "signature")?,
        })
    }

    /// Returns the header, which anybody may have written: to route and to explain.
    pub const fn unverified_header(&self) -> &Header {
        &self.header
    }

    /// Returns `iss`, which anybody may have written: to choose the keys to verify with.
    pub fn unverified_issuer(&self) -> Option<String> {
        let claims = json::object(&self.payload).ok()?;
        claims.get("iss")?.as_str().map(str::to_owned)
    }
}

impl fmt::Debug for Jws<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Jws")
            .field("header", &self.header)
            .finish_non_exhaustive()
    }
}

impl Header {
    fn read(json: &[u8]) -> Result<Self, Malformed> {
        let members = json::object(json)?;
        match members.get("b64") {
            None | Some(Json::Bool(true)) => {}
            Some(
                Json::Null
                | Json::Bool(false)
                | Json::Number(_)
                | Json::String(_)
                | Json::Array(_)
                | Json::Object(_),
            ) => return Err(Malformed::Unencoded),
        }
        if members.get("crit").is_some() {
            return Err(Malformed::Critical);
        }
        if members.get("zip").is_some() {
            return Err(Malformed::Compressed);
        }
        let algorithm = text(&members, "alg")?.ok_or(Malformed::Member("alg"))?;
        let algorithm = Algorithm::parse(algorithm).ok_or(Malformed::Algorithm)?;
        let owned = |name| Ok::<_, Malformed>(text(&members, name)?.map(str::to_owned));
        Ok(Self {
            algorithm,
            kid: owned("kid")?,
            typ: owned("typ")?,
            jwk: members.get("jwk").cloned(),
        })
    }

    /// Returns `alg`.
    pub const fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// Returns `kid`.
    pub fn kid(&self) -> Option<&str> {
        self.kid.as_deref()
    }

    /// Returns `typ` as it was sent.
    pub fn typ(&self) -> Option<&str> {
        self.typ.as_deref()
    }

    /// Returns true if `typ` is this media type, given without `application/`, which a `typ` may
    /// have or lack. Case does not matter (RFC 7515 section 4.1.9).
    pub fn is_type(&self, name: &str) -> bool {
        self.typ().is_some_and(|typ| {
            let (tree, rest) = typ.split_once('/').unwrap_or(("application", typ));
            tree.eq_ignore_ascii_case("application") && rest.eq_ignore_ascii_case(name)
        })
    }

    /// Reads `jwk`, which anybody may have written: to compare it before a signature is verified.
    ///
    /// # Errors
    /// [`Unusable`] if there is none, or it is not a public key.
    pub fn unverified_jwk(&self) -> Result<Jwk, Unusable> {
        match &self.jwk {
            Some(Json::Object(members)) => Jwk::read(members),
            Some(
                Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) | Json::Array(_),
            )
            | None => Err(Unusable::Member("jwk")),
        }
    }
}

fn text<'a>(members: &'a Members, name: &'static str) -> Result<Option<&'a str>, Malformed> {
    match members.get(name) {
        None => Ok(None),
        Some(value) => value.as_str().map(Some).ok_or(Malformed::Member(name)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jwk_set::JwkSet;

    /// Tokens of the RFCs and of other libraries, as JSON.
    const EXAMPLES: [&str; 2] = [
        include_str!("../testdata/rfc.json"),
        include_str!("../testdata/minted.json"),
    ];

    #[test]
    fn any_text_is_read_or_refused() {
        let examples: Vec<serde_json::Value> = EXAMPLES
            .iter()
            .flat_map(|text| serde_json::from_str::<Vec<serde_json::Value>>(text).unwrap())
            .collect();
        let tokens = examples.iter().filter_map(|it| it["token"].as_str());
        let tokens: Vec<&[u8]> = tokens.map(str::as_bytes).collect();
        let keys = JwkSet::parse(include_bytes!("../testdata/jwks.json")).unwrap();
        introspectd_fuzz::check!(&tokens, |bytes: &[u8]| {
            let Ok(text) = std::str::from_utf8(bytes) else {
                return;
            };
            let Ok(jws) = Jws::parse(text) else { return };
            let _ = jws.unverified_issuer();
            let _ = jws.verify_possession(&Algorithm::ALL);
            // What is accepted is what was signed, to the byte.
            if jws.verify(&keys, &Algorithm::ALL).is_ok() {
                assert!(tokens.contains(&bytes), "{text}");
            }
        });
    }

    #[test]
    fn any_header_is_read_or_refused() {
        let seeds: &[&[u8]] = &[
            br#"{"alg":"ES256","kid":"a","typ":"at+jwt"}"#,
            br#"{"typ":"dpop+jwt","alg":"EdDSA","jwk":{"kty":"OKP","crv":"Ed25519","x":"AA"}}"#,
            br#"{"alg":"RS256","crit":["b64"],"b64":false,"zip":"DEF"}"#,
        ];
        introspectd_fuzz::check!(seeds, |bytes: &[u8]| {
            if let Ok(header) = Header::read(bytes) {
                let _ = (header.is_type("at+jwt"), header.unverified_jwk());
            }
        });
    }
}
