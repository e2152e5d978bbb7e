use introspectd_core::ask::Context;
use introspectd_core::{ProviderName, Timestamp, TokenId, TokenValue};
use introspectd_resolver::{Resolution, Source};

use crate::access::{Caller, Permission};
use crate::answer::KeptAnswer;
use crate::event::{Details, Operation};
use crate::refusal::{Inactive, InvalidRequest, Refusal};
use crate::service::Service;
use crate::signing::Signing;

/// Token, or token id, that a request is about.
#[derive(Debug)]
pub enum Subject {
    /// Token that a client presented.
    Token(TokenValue),
    /// Token id (`token_type_hint=token_id`): a handle, which proves nothing.
    Id(TokenId),
}

impl Subject {
    /// Collects the details of the subject alone, whose provider may be unknown yet. `has_record`
    /// says whether a record is known.
    pub fn details(&self, has_record: bool) -> Details {
        let mut details = Details::default();
        match self {
            Self::Token(token) => details.token = Some(token.clone()),
            Self::Id(id) => details.note_id(id, has_record),
        }
        details
    }
}

/// Question about a token.
#[derive(Debug)]
pub struct TokenQuery {
    /// Token or token id.
    pub subject: Subject,
    /// Name of the only provider to ask.
    pub provider: Option<String>,
}

impl TokenQuery {
    /// Returns the operation that the query asks for at `/introspect`.
    #[inline]
    pub fn operation(&self) -> Operation {
        match self.subject {
            Subject::Token(_) => Operation::Introspect,
            Subject::Id(_) => Operation::IntrospectById,
        }
    }

    /// Collects the details of an introspection. `has_record` says whether a record is known.
    pub fn details(&self, service: &Service, caller: &Caller, has_record: bool) -> Details {
        let only = self
            .provider
            .as_deref()
            .and_then(|name| service.resolver.provider(name))
            .cloned();
        match &self.subject {
            Subject::Token(token) => service.token_details(caller, token, only.as_ref()),
            Subject::Id(_) => Details {
                provider: only,
                ..self.subject.details(has_record)
            },
        }
    }
}

/// Answer about a token, judged at the time of the request.
pub struct Introspected<'a> {
    resolution: Resolution<'a, KeptAnswer>,
    now: Timestamp,
}

impl Introspected<'_> {
    /// Returns true if the token is active.
    #[inline]
    pub fn is_active(&self) -> bool {
        self.resolution.active(self.now).is_some()
    }

    /// Returns the body of the answer, if the token is active.
    #[inline]
    pub fn into_body(self) -> Option<Box<[u8]>> {
        let kept = self.resolution.into_active(self.now).ok()?;
        Some(kept.into_body(self.now))
    }

    /// Returns the answer as a JWT for its caller (RFC 9701).
    ///
    /// # Errors
    /// Those of [`Signing::sign`].
    pub async fn sign(self, signing: &Signing, caller: &Caller) -> Result<String, Refusal> {
        let now = self.now;
        let body = self.into_body();
        let signed = signing.sign(&caller.name, &caller.signed, body.as_deref(), now);
        signed.await
    }

    /// Returns why the token is inactive.
    pub fn inactive(&self) -> Inactive {
        Inactive::of(&self.resolution, self.now)
    }

    /// Returns true if a provider has a record of the token, active or not.
    pub fn has_record(&self) -> bool {
        self.resolution.has_record()
    }

    /// Returns where the answer comes from.
    #[inline]
    pub fn source(&self) -> Source {
        self.resolution.source
    }
}

/// Introspects a token (RFC 7662), or a record by its id.
///
/// `context` is made if a provider is asked.
///
/// # Errors
/// [`Refusal`] without the permission that the kind of subject takes, and if no provider gives a
/// definite answer.
pub async fn introspect<'a>(
    service: &'a Service,
    caller: &Caller,
    query: TokenQuery,
    context: impl Fn() -> Context + Sync,
) -> Result<Introspected<'a>, Refusal> {
    let only = query
        .provider
        .as_deref()
        .map(|name| service.known_provider(caller, name))
        .transpose()?;
    let resolution = match query.subject {
        Subject::Token(token) => {
            caller.permissions.must_have(&[Permission::Introspect])?;
            let may_ask = |name: &_| caller.permissions.may_ask(name);
            let resolver = &service.resolver;
            resolver
                .introspect_within(token, only, may_ask, context)
                .await?
        }
        // Boxed: no gateway asks so.
        Subject::Id(id) => {
            let context = context();
            Box::pin(context.scope(by_id(service, caller, id, only))).await?
        }
    };
    Ok(Introspected {
        resolution,
        now: service.now(),
    })
}

/// Answers by id, for callers that may look records up. Ids are shown in lists and logs, so knowing
/// one proves nothing.
async fn by_id<'a>(
    service: &'a Service,
    caller: &Caller,
    id: TokenId,
    provider: Option<&ProviderName>,
) -> Result<Resolution<'a, KeptAnswer>, Refusal> {
    caller.permissions.must_have(&[Permission::Lookup])?;
    let provider = provider.ok_or(InvalidRequest::ProviderNeeded)?;
    Ok(service.resolver.lookup(id, provider).await?)
}
