//! Challenges of refusals by a policy: those for DPoP, beside those for `Bearer` (RFC 9449 7.1).

use http::HeaderMap;
use http::HeaderValue;
use http::header::WWW_AUTHENTICATE;
use introspectd_core::NotBearer;
use introspectd_service::refusal::{ClientFault, Inactive, Refusal};
use introspectd_service::{ProofRules, Scheme};

use super::bearer::scheme;

/// Challenge of a request without token.
const PLAIN: HeaderValue =
    HeaderValue::from_static("DPoP algs=\"ES256 ES384 EdDSA Ed25519 PS256 RS256\"");

/// Challenge of a token that may not be used so.
const INVALID_TOKEN: HeaderValue = HeaderValue::from_static(
    "DPoP error=\"invalid_token\", algs=\"ES256 ES384 EdDSA Ed25519 PS256 RS256\"",
);

/// Adds the challenge for DPoP where a policy offers it, or the client has used it, and takes away
/// that for `Bearer` where no token can be one.
///
/// They depend on the policy and on what the client has sent, and on the token only where one that
/// is bound was shown as a bearer token.
pub(super) fn settle(
    headers: &mut HeaderMap,
    refusal: &Refusal,
    rules: &ProofRules,
    client: &HeaderMap,
) {
    let (challenge, is_needed) = match refusal {
        Refusal::Client(ClientFault::MissingToken) => (PLAIN, false),
        Refusal::Client(ClientFault::InvalidToken(why)) => {
            let is_bound = *why == Inactive::NotBearer(NotBearer::Unproved);
            (
                INVALID_TOKEN,
                is_bound || scheme(client) == Some(Scheme::Dpop),
            )
        }
        Refusal::Client(_)
        | Refusal::Request(_)
        | Refusal::Caller(_)
        | Refusal::Record(_)
        | Refusal::Provider(_)
        | Refusal::Event(_)
        | Refusal::Service(_) => return,
    };
    if !rules.offers_bearer() {
        headers.remove(WWW_AUTHENTICATE);
    }
    if is_needed || rules.offers_dpop() {
        headers.append(WWW_AUTHENTICATE, challenge);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use introspectd_service::ALGORITHMS;

    #[test]
    fn challenges_name_the_algorithms_of_proofs() {
        for challenge in [PLAIN, INVALID_TOKEN] {
            let algs = format!("algs=\"{ALGORITHMS}\"");
            assert!(challenge.to_str().unwrap().ends_with(&algs));
        }
    }
}
