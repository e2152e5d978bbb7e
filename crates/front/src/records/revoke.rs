use std::sync::Arc;

use http::HeaderMap;
use hyper::body::Body;
use introspectd_core::{Failure, ProviderName};

use super::{id, to_its_end};
use crate::api::Session;
use crate::audit::{Call, Note};
use crate::body::read_form;
use crate::form::{IntrospectForm, Subject};
use crate::problem::{InvalidRequest, Problem};
use crate::reply::{self, Reply};
use introspectd_service::Permission;

impl Session {
    /// `POST /revoke` (RFC 7009): a token that is unknown, or belongs to nobody, is as good as revoked.
    pub(super) async fn revoke<B>(
        &self,
        note: &mut Note,
        headers: &HeaderMap,
        body: B,
    ) -> Result<Reply, Problem>
    where
        B: Body<Error: std::error::Error + Send + Sync + 'static>,
    {
        let caller = Arc::clone(self.caller_with(Permission::Revoke, headers)?);
        let IntrospectForm { subject, provider } = IntrospectForm::parse(&read_form(headers, body).await?)?;
        let Subject::Token(token) = subject else {
            // By id it is another call, which cannot be mistaken for this one.
            return Err(InvalidRequest::NotByHint.into());
        };
        let only = provider.as_deref().map(|name| self.known(&caller, name)).transpose()?.cloned();
        let resolver = Arc::clone(self.resolver());
        *note = self.note_of_token(Call::Revoke, &token, only.as_ref(), |name| caller.may_ask(name));
        revoked(async move {
            let may_ask = |provider: &ProviderName| caller.may_ask(provider);
            resolver.revoke(&token, only.as_ref(), may_ask).await
        })
        .await
    }

    /// `DELETE /v1/providers/{provider}/tokens/{token_id}`: the same by id.
    pub(super) async fn revoke_by_id(
        &self,
        note: &mut Note,
        headers: &HeaderMap,
        provider: &str,
        segment: &str,
    ) -> Result<Reply, Problem> {
        let provider = self.provider_with(Permission::Revoke, headers, provider)?.clone();
        let (id, resolver) = (id(segment)?, Arc::clone(self.resolver()));
        note.provider = Some(provider.clone());
        self.note_id(note, &id, resolver.is_id(&id, &provider));
        revoked(async move { resolver.revoke_by_id(&id, &provider).await }).await
    }
}

async fn revoked(
    revocation: impl Future<Output = Result<(), Failure>> + Send + 'static,
) -> Result<Reply, Problem> {
    match to_its_end(revocation).await {
        Ok(()) => Ok(reply::done()),
        Err(Failure::Unsupported) => Err(Failure::Unsupported.into()),
        Err(failure) => Err(Problem::NotRevoked(failure)),
    }
}
