use introspectd_service::{Binding, Policy, Resource};
use serde::Serialize;

/// Metadata of RFC 9728 section 2: where clients of a resource get tokens for it.
#[derive(Debug, Serialize)]
pub(super) struct ResourceMetadata<'a> {
    resource: &'a str,
    authorization_servers: &'a [String],
    #[serde(skip_serializing_if = "Vec::is_empty")]
    scopes_supported: Vec<String>,
    /// The client's token is read in `Authorization`, and nowhere else.
    bearer_methods_supported: [&'static str; 1],
    #[serde(skip_serializing_if = "is_false")]
    tls_client_certificate_bound_access_tokens: bool,
    #[serde(skip_serializing_if = "is_false")]
    dpop_bound_access_tokens_required: bool,
}

impl<'a> ResourceMetadata<'a> {
    /// Creates the metadata of the resource that a policy stands before.
    pub(super) fn of(policy: &Policy, resource: &'a Resource) -> Self {
        let (challenge, proof) = (policy.challenge(), policy.proof());
        let takes_certificates = proof.certificate.is_some() && proof.binding != Binding::Pass;
        Self {
            resource: &resource.identifier,
            authorization_servers: &resource.authorization_servers,
            scopes_supported: challenge.split_whitespace().map(str::to_owned).collect(),
            bearer_methods_supported: ["header"],
            tls_client_certificate_bound_access_tokens: takes_certificates,
            dpop_bound_access_tokens_required: !proof.offers_bearer(),
        }
    }
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde hands references to this"
)]
fn is_false(flag: &bool) -> bool {
    !flag
}
