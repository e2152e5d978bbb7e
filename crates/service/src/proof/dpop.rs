use std::time::Duration;

use introspectd_core::{Timestamp, TokenValue};
use introspectd_jose::{Algorithm, Claims, Jws, Objection, access_token_hash};

use super::confirmation::Thumbprint;
use super::evidence::ClientRequest;
use super::fault::ProofFault;
use super::url::Target;

/// DPoP proof whose header was read, and whose signature was not verified (RFC 9449 section 4.2).
pub(crate) struct Proof<'a> {
    jws: Jws<'a>,
    key: Thumbprint,
}

/// Claims of a proof that is right, but for what has to be remembered.
#[derive(Debug)]
pub(crate) struct ProofClaims {
    pub(crate) jti: String,
    pub(crate) issued: Timestamp,
    pub(crate) nonce: Option<String>,
}

/// Algorithms of proofs, as challenges name them.
pub const ALGORITHMS: &str = "ES256 ES384 EdDSA Ed25519 PS256 RS256";

const ALLOWED: [Algorithm; 5] = [
    Algorithm::Es256,
    Algorithm::Es384,
    Algorithm::EdDsa,
    Algorithm::Ps256,
    Algorithm::Rs256,
];

/// Farthest that a proof's `iat` may lie from our clock, either way.
pub(super) const WINDOW: Duration = Duration::from_secs(60);

impl<'a> Proof<'a> {
    /// Reads the header: the type, the algorithm and the key. No signature is verified.
    pub(crate) fn read(text: &'a str) -> Result<Self, ProofFault> {
        let jws = Jws::parse(text).map_err(|_| ProofFault::Malformed)?;
        let header = jws.unverified_header();
        if !header.is_type("dpop+jwt") {
            return Err(ProofFault::Type);
        }
        if !ALLOWED.contains(&header.algorithm()) {
            return Err(ProofFault::Algorithm);
        }
        let key = header.unverified_jwk().map_err(|_| ProofFault::Key)?;
        let key = Thumbprint::parse(&key.thumbprint()).ok_or(ProofFault::Key)?;
        Ok(Self { jws, key })
    }

    /// Returns the key that has to have made the signature.
    pub(crate) const fn key(&self) -> &Thumbprint {
        &self.key
    }

    /// Verifies the signature, then that the proof is of this request and this token, and new.
    pub(crate) fn verify(
        &self,
        request: &ClientRequest<'_>,
        token: &TokenValue,
        now: Timestamp,
    ) -> Result<ProofClaims, ProofFault> {
        let verified = self
            .jws
            .verify_possession(&ALLOWED)
            .map_err(|_| ProofFault::Signature)?;
        let claims = verified.claims().map_err(|_| ProofFault::Malformed)?;
        ProofClaims::judge(&claims, request, token, now)
    }
}

impl ProofClaims {
    /// Judges the claims of a proof whose signature was verified (RFC 9449 section 4.3).
    fn judge(
        claims: &Claims,
        request: &ClientRequest<'_>,
        token: &TokenValue,
        now: Timestamp,
    ) -> Result<Self, ProofFault> {
        let text = |name| claims.text(name).map_err(|_| ProofFault::Claim);
        let needed = |name| text(name)?.ok_or(ProofFault::Claim);
        if needed("htm")? != request.method {
            return Err(ProofFault::Method);
        }
        if Target::parse(needed("htu")?).as_ref() != Some(&request.target) {
            return Err(ProofFault::Url);
        }
        if needed("ath")? != access_token_hash(token.expose()) {
            return Err(ProofFault::Token);
        }
        let jti = Some(needed("jti")?).filter(|jti| !jti.is_empty());
        Ok(Self {
            jti: jti.ok_or(ProofFault::Claim)?.to_owned(),
            issued: issued(claims, now)?,
            nonce: text("nonce")?.map(str::to_owned),
        })
    }
}

/// Checks the times of a proof, and returns `iat`.
fn issued(claims: &Claims, now: Timestamp) -> Result<Timestamp, ProofFault> {
    let fault = |objection| match objection {
        Objection::Expired
        | Objection::NotYetValid
        | Objection::IssuedInFuture
        | Objection::Stale => ProofFault::Time,
        Objection::Missing(_) | Objection::Invalid(_) | Objection::Issuer | Objection::Audience => {
            ProofFault::Claim
        }
    };
    // A proof needs no end, but none is used past the one that it has.
    if claims.get("exp").is_some() {
        claims.check_exp(now).map_err(fault)?;
    }
    claims.check_nbf(now, WINDOW).map_err(fault)?;
    claims.check_recent(now, WINDOW).map_err(fault)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const NOW: i64 = 1_800_000_000;

    /// Proof of this request, of this token, and of now, whatever a client signs.
    #[test]
    fn any_claims_are_a_proof_or_refused() {
        let token = TokenValue::parse("token".to_owned()).unwrap();
        let ath = access_token_hash(token.expose());
        let spelled = json!({
            "htm": "GET", "htu": "https://A.example:443/%7Ex?y", "ath": ath, "jti": "a",
            "iat": NOW,
        });
        let timed = json!({
            "htm": "GET", "htu": "https://a.example/~x", "ath": ath, "jti": "b", "nonce": "n",
            "iat": NOW, "nbf": NOW, "exp": NOW + 1,
        });
        let seeds = [spelled.to_string(), timed.to_string()];
        let seeds: Vec<&[u8]> = seeds.iter().map(String::as_bytes).collect();
        let request = || ClientRequest {
            method: "GET",
            target: Target::parse("https://a.example/~x").unwrap(),
        };
        let now = Timestamp::from_seconds(NOW).unwrap();
        let judge = |bytes: &[u8]| {
            let claims = Claims::parse(bytes).ok()?;
            let judged = ProofClaims::judge(&claims, &request(), &token, now);
            judged.ok().map(|proof| (claims, proof))
        };
        assert!(seeds.iter().all(|seed| judge(seed).is_some()));
        introspectd_fuzz::check!(&seeds, |bytes: &[u8]| {
            let Some((claims, proof)) = judge(bytes) else {
                return;
            };
            assert_eq!(claims.text("htm"), Ok(Some("GET")));
            assert_eq!(claims.text("ath"), Ok(Some(ath.as_str())));
            assert!(!proof.jti.is_empty());
            assert!((proof.issued.seconds() - NOW).abs() <= 60);
            assert!(claims.get("exp").is_none() || claims.check_exp(now).is_ok());
        });
    }
}
