use std::sync::Arc;

use bytes::Bytes;
use introspectd_core::{Failure, Issued, Outage, ProviderName};

use super::detached::run_detached;
use crate::event::{Details, Operation};
use crate::refusal::{ProviderFault, Refusal};
use crate::request_id::settle_current;
use crate::service::Service;

/// Has the provider issue a token, by the vendor's own call with the caller's own credentials, and
/// binds it.
///
/// # Errors
/// [`ProviderFault::NotBound`] if it was issued and could not be bound, else the provider's
/// failure.
pub async fn issue(
    service: &Service,
    provider: &ProviderName,
    request: Bytes,
    details: &mut Details,
) -> Result<Issued, Refusal> {
    let (resolver, provider) = (Arc::clone(&service.resolver), provider.clone());
    settle_current(Operation::Issue, details);
    let issued = run_detached(async move { resolver.issue(request, &provider).await });
    let mut issued = issued.await.map_err(|failure| {
        let is_ours = matches!(
            failure,
            Failure::Unavailable {
                outage: Outage::Bindings(_),
                ..
            }
        );
        if is_ours {
            ProviderFault::NotBound(failure).into()
        } else {
            Refusal::from(failure)
        }
    })?;
    details.count = Some(usize::from(issued.token.is_some()));
    details.token = issued.token.take();
    Ok(issued)
}
