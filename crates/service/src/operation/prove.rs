use introspectd_core::{NotBearer, Timestamp, TokenValue};

use crate::answer::KeptAnswer;
use crate::proof::{
    Binding, ClientRequest, Confirmation, Evidence, NonceNeeded, Possession, Proof, ProofFault,
    ProofRules, Scheme, Thumbprint, Unconfirmed,
};
use crate::refusal::{ClientFault, Inactive};

/// Proof that a client offers, before its token is known.
pub(super) struct Offered<'a> {
    proof: Proof<'a>,
    request: ClientRequest<'a>,
    token: TokenValue,
}

/// Result for a token whose client may use it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Proven {
    /// True if the token is bound to a key.
    pub(super) is_bound: bool,
    /// Nonce for the next proof, where the one in use ends soon.
    pub(super) nonce: Option<Box<str>>,
}

impl<'a> Offered<'a> {
    /// Reads a proof as far as that depends on no token, and tells nothing about one.
    pub(super) fn read(evidence: &'a dyn Evidence, token: &TokenValue) -> Result<Self, ProofFault> {
        Ok(Self {
            proof: Proof::read(evidence.proof()?)?,
            request: evidence.request()?,
            token: token.clone(),
        })
    }
}

/// Checks that the client of an active token has the key that the token is bound to.
///
/// A key that is not the token's is refused in the words for an inactive token: whoever has found
/// a token learns nothing by a proof with a key of its own.
pub(super) async fn prove(
    possession: &Possession,
    rules: &ProofRules,
    scheme: Scheme,
    offered: Option<&Offered<'_>>,
    evidence: &dyn Evidence,
    kept: &KeptAnswer,
    now: Timestamp,
) -> Result<Proven, ClientFault> {
    let is_bound = Proven {
        is_bound: true,
        nonce: None,
    };
    let confirmation = match confirmation(rules.binding, scheme, kept)? {
        Bound::Not => return Ok(Proven::default()),
        Bound::Unchecked => return Ok(is_bound),
        Bound::To(confirmation) => confirmation,
    };
    if let Some(certificate) = &confirmation.certificate {
        check_certificate(certificate, evidence)?;
    }
    let (key, offered) = match (scheme, &confirmation.jkt, offered) {
        (Scheme::Bearer, None, _) => return Ok(is_bound),
        // RFC 9449 section 7.2: never as a bearer token.
        (Scheme::Bearer, Some(_), _) => {
            return Err(invalid(Inactive::NotBearer(NotBearer::Unproved)));
        }
        (Scheme::Dpop, None, _) => return Err(invalid(Inactive::NotBound)),
        (Scheme::Dpop, Some(_), None) => return Err(ProofFault::Missing.into()),
        (Scheme::Dpop, Some(key), Some(offered)) => (key, offered),
    };
    if offered.proof.key() != key {
        return Err(invalid(Inactive::OtherKey));
    }
    let claims = offered
        .proof
        .verify(&offered.request, &offered.token, now)?;
    let nonce = possession
        .next_nonce(&claims, rules.nonce, now)
        .map_err(|NonceNeeded(nonce)| ClientFault::NonceNeeded { nonce })?;
    if !possession.is_first(key, &claims, now).await {
        return Err(ProofFault::Replayed.into());
    }
    Ok(Proven { nonce, ..is_bound })
}

/// Binding of a token, as a policy sees it.
enum Bound {
    Not,
    Unchecked,
    To(Confirmation),
}

fn confirmation(binding: Binding, scheme: Scheme, kept: &KeptAnswer) -> Result<Bound, ClientFault> {
    match kept.not_bearer() {
        Some(NotBearer::Unproved) => {}
        Some(other) => return Err(invalid(Inactive::NotBearer(other))),
        None if scheme == Scheme::Bearer && binding != Binding::Require => return Ok(Bound::Not),
        None => return Err(invalid(Inactive::NotBound)),
    }
    let is_passed = binding == Binding::Pass;
    match kept.confirmation() {
        Ok(_) | Err(Unconfirmed::UnknownMethod) if is_passed => Ok(Bound::Unchecked),
        Ok(confirmation) => Ok(Bound::To(confirmation)),
        Err(Unconfirmed::UnknownMethod) => Err(invalid(Inactive::UnknownConfirmation)),
        Err(Unconfirmed::Malformed) => Err(invalid(Inactive::NotBearer(NotBearer::Unproved))),
    }
}

fn check_certificate(wanted: &Thumbprint, evidence: &dyn Evidence) -> Result<(), ClientFault> {
    match evidence.certificate() {
        None => Err(invalid(Inactive::NoCertificate)),
        Some(shown) if shown != *wanted => Err(invalid(Inactive::OtherKey)),
        Some(_) => Ok(()),
    }
}

const fn invalid(why: Inactive) -> ClientFault {
    ClientFault::InvalidToken(why)
}
