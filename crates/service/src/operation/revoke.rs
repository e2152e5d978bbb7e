use std::sync::Arc;

use introspectd_core::{Failure, ProviderName, TokenId};

use super::detached::run_detached;
use super::introspect::{Subject, TokenQuery};
use crate::access::Caller;
use crate::event::{Details, Operation};
use crate::refusal::{InvalidRequest, ProviderFault, Refusal};
use crate::request_id::settle_current;
use crate::service::Service;

/// Revokes a token at its provider (RFC 7009) and purges it. An unknown token counts as revoked.
///
/// # Errors
/// [`ProviderFault::NotRevoked`] if the provider does not confirm it. The token is purged all the
/// same.
pub async fn revoke(
    service: &Service,
    caller: &Arc<Caller>,
    query: TokenQuery,
    details: &mut Details,
) -> Result<(), Refusal> {
    let Subject::Token(token) = query.subject else {
        // By id it is another call, which cannot be mistaken for this one.
        return Err(InvalidRequest::NotByHint.into());
    };
    let only = query
        .provider
        .as_deref()
        .map(|name| service.known_provider(caller, name))
        .transpose()?;
    *details = service.token_details(caller, &token, only);
    settle_current(Operation::Revoke, details);
    let (resolver, caller, only) = (
        Arc::clone(&service.resolver),
        Arc::clone(caller),
        only.cloned(),
    );
    confirmed(async move {
        let may_ask = |provider: &ProviderName| caller.permissions.may_ask(provider);
        resolver.revoke(&token, only.as_ref(), may_ask).await
    })
    .await
}

/// Revokes a token by its id and purges it.
///
/// # Errors
/// [`ProviderFault::NotRevoked`], as for [`revoke`].
pub async fn revoke_by_id(
    service: &Service,
    provider: &ProviderName,
    id: TokenId,
    details: &mut Details,
) -> Result<(), Refusal> {
    let (resolver, provider) = (Arc::clone(&service.resolver), provider.clone());
    details.note_id(&id, resolver.is_id(&id, &provider));
    settle_current(Operation::Revoke, details);
    confirmed(async move { resolver.revoke_by_id(&id, &provider).await }).await
}

async fn confirmed(
    revocation: impl Future<Output = Result<(), Failure>> + Send + 'static,
) -> Result<(), Refusal> {
    match run_detached(revocation).await {
        Ok(()) => Ok(()),
        Err(Failure::Unsupported) => Err(Failure::Unsupported.into()),
        Err(failure) => Err(ProviderFault::NotRevoked(failure).into()),
    }
}
