use std::sync::Arc;

use bytes::Bytes;
use http::{Method, Request, Response};
use http_body_util::Full;
use hyper::body::Body;
use introspectd_core::{Clock, ProviderName, TokenId, TokenValue};
use introspectd_resolver::{Resolution, Resolver};

use crate::authentication::authenticate;
use crate::body::read_form;
use crate::caller::{Caller, Callers, Permission};
use crate::form::{IntrospectForm, Subject};
use crate::language::Language;
use crate::problem::{InvalidRequest, Problem};
use crate::reply::{self, Rendered};

/// What callers ask: `POST /introspect`.
pub struct Api {
    callers: Callers,
    resolver: Arc<Resolver<Rendered>>,
    clock: Arc<dyn Clock>,
}

impl Api {
    /// For these callers.
    pub fn new(callers: Callers, resolver: Arc<Resolver<Rendered>>, clock: Arc<dyn Clock>) -> Self {
        Self { callers, resolver, clock }
    }

    /// The caller of this name.
    pub fn caller(&self, name: &str) -> Option<&Arc<Caller>> {
        self.callers.named(name)
    }

    /// Answers one request that came in on a listener, which may name its caller.
    ///
    /// This is the order of the layers: path and method, caller, permission, body, parameters,
    /// resolver, judgement, reply. The caller comes before the body, so that nobody unknown makes us
    /// read one; the path comes before the caller, so that a mistyped URL does not look like a wrong
    /// secret.
    pub async fn answer<B>(
        &self,
        listener: Option<&Arc<Caller>>,
        request: Request<B>,
    ) -> Response<Full<Bytes>>
    where
        B: Body<Error: std::error::Error + Send + Sync + 'static>,
    {
        let language = Language::of(request.headers());
        let outcome = match (request.uri().path(), request.method()) {
            ("/introspect", &Method::POST) => self.introspect(listener, request).await,
            ("/introspect", _) => Err(Problem::MethodNotAllowed { allow: "POST" }),
            _ => Err(Problem::NotFound),
        };
        outcome.unwrap_or_else(|problem| {
            tracing::debug!(?problem, "refused a request");
            problem.reply(language)
        })
    }

    async fn introspect<B>(
        &self,
        listener: Option<&Arc<Caller>>,
        request: Request<B>,
    ) -> Result<Response<Full<Bytes>>, Problem>
    where
        B: Body<Error: std::error::Error + Send + Sync + 'static>,
    {
        let (head, body) = request.into_parts();
        let caller = authenticate(&self.callers, listener, &head.headers)?;
        // Which of the two is needed, only the parameters tell; without either nobody needs to be heard.
        require(caller, &[Permission::Introspect, Permission::Lookup])?;
        let form = IntrospectForm::parse(&read_form(&head.headers, body).await?)?;
        let provider = form.provider.as_deref().map(|name| self.provider(name)).transpose()?;
        let resolution = match form.subject {
            Subject::Token(token) => self.by_token(caller, token, provider).await?,
            Subject::Id(id) => self.by_id(caller, id, provider).await?,
        };
        let active = resolution.active(self.clock.now()).map(|(_, rendered)| rendered);
        Ok(reply::introspection(active, resolution.source))
    }

    async fn by_token(
        &self,
        caller: &Caller,
        token: TokenValue,
        provider: Option<&ProviderName>,
    ) -> Result<Resolution<Rendered>, Problem> {
        require(caller, &[Permission::Introspect])?;
        Ok(self.resolver.introspect(token, provider, |name| caller.may_ask(name)).await?)
    }

    /// A token id is shown in lists and logs, so knowing one proves nothing: this is for callers who
    /// may look records up, never for a token that a client presented.
    async fn by_id(
        &self,
        caller: &Caller,
        id: TokenId,
        provider: Option<&ProviderName>,
    ) -> Result<Resolution<Rendered>, Problem> {
        require(caller, &[Permission::Lookup])?;
        let provider = provider.ok_or(InvalidRequest::ProviderNeeded)?;
        if !caller.may_ask(provider) {
            return Ok(Resolution::NOBODY);
        }
        Ok(self.resolver.lookup(id, provider).await?)
    }

    fn provider(&self, name: &str) -> Result<&ProviderName, Problem> {
        self.resolver.provider(name).ok_or(InvalidRequest::UnknownProvider.into())
    }
}

fn require(caller: &Caller, any_of: &[Permission]) -> Result<(), Problem> {
    if any_of.iter().any(|permission| caller.may(*permission)) { Ok(()) } else { Err(Problem::AccessDenied) }
}
