use std::io;
use std::pin::pin;
use std::sync::Arc;

use http::header::{CONNECTION, EXPECT};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Request, Version};
use hyper::body::Body;
use introspectd_audit::Audit;
use introspectd_core::{Clock, ProviderName, Timestamp, TokenId, TokenValue};
use introspectd_resolver::{Resolution, Resolver};
use introspectd_server::{Arrival, LongHead, Origin, X_INTROSPECTD_ERROR, names_one_host};

use crate::audit::{Asked, Call, Note, Outcome, Told};
use crate::authentication::Peer;
use crate::body::{drain, read_form};
use crate::decision::{Allowed, BadMessage, decide, named_in, refusal, shown};
use crate::description::public_url::PublicUrl;
use crate::description::way::Way;
use crate::form::{IntrospectForm, Subject};
use crate::language::Language;
use crate::problem::{InvalidRequest, Problem};
use crate::records::page_token::PageTokens;
use crate::reply::{self, Reply};
use introspectd_service::refusal::Inactive;
use introspectd_service::{
    Caller, Callers, KeptAnswer, Permission, Policies, Policy, Rules, certificate_names,
};

/// What callers ask: `POST /introspect`, proxies about their clients (`/forward-auth`), and operators (`/revoke`,
/// `/v1`); and what programs read of it (`/openapi.json`).
pub struct Api {
    rules: Arc<Rules>,
    resolver: Arc<Resolver<KeptAnswer>>,
    clock: Arc<dyn Clock>,
    page_tokens: PageTokens,
    public_url: Option<PublicUrl>,
    audit: Audit,
}

/// What a listener says of those who come in by it.
#[derive(Debug, Clone, Default)]
pub struct Entrance {
    /// Who everybody is.
    pub caller: Option<Arc<Caller>>,
    /// Whether, where it says nothing, a proxy may show who it is in the header `X-Introspectd-Caller`.
    pub takes_caller_header: bool,
}

/// What callers ask on one connection.
pub struct Session {
    api: Arc<Api>,
    origin: Origin,
    way: Way,
    peer: Peer,
}

impl Api {
    /// For these callers, judging by these policies.
    ///
    /// # Errors
    /// Where the system gives no random bytes for the key of page tokens.
    pub fn new(
        callers: Callers,
        policies: Policies,
        resolver: Arc<Resolver<KeptAnswer>>,
        clock: Arc<dyn Clock>,
        audit: Audit,
    ) -> io::Result<Self> {
        let page_tokens = PageTokens::new()?;
        let rules = Arc::new(Rules { callers, policies });
        Ok(Self { rules, resolver, clock, page_tokens, public_url: None, audit })
    }

    /// Tells clients that they reach it there. Otherwise each is told where its request says that it did.
    #[must_use]
    pub fn with_public_url(self, public_url: Option<PublicUrl>) -> Self {
        Self { public_url, ..self }
    }

    /// Where decisions are told.
    pub fn audit(&self) -> &Audit {
        &self.audit
    }

    /// Begins another second of the limit on the lines about refusals, which is to be called once a second: it says
    /// how many of the last one were left out.
    pub fn begin_second(&self) {
        self.audit.begin_second(self.clock.now());
    }

    /// The caller of this name.
    pub fn caller(&self, name: &str) -> Option<&Arc<Caller>> {
        self.rules.callers.named(name)
    }

    /// For a connection that came in by this entrance. Who its certificate says that it is counts before what the
    /// listener says of everybody.
    pub fn session(self: &Arc<Self>, entrance: &Entrance, arrival: &Arrival) -> Arc<Session> {
        let certificate = arrival.certificate.as_deref().map(certificate_names).unwrap_or_default();
        let caller = self.rules.callers.with_certificate(&certificate).or(entrance.caller.as_ref());
        let peer = Peer::new(caller.cloned(), entrance.takes_caller_header, arrival.standing.clone());
        Arc::new(Session { api: Arc::clone(self), origin: arrival.origin, way: Way::of(arrival), peer })
    }
}

impl Session {
    /// Answers one request.
    ///
    /// This is the order of the layers: path and method, caller, permission, body, parameters,
    /// resolver, judgement, reply. The caller comes before the body, so that nobody unknown makes us
    /// read one; the path comes before the caller, so that a mistyped URL does not look like a wrong
    /// secret.
    pub async fn answer<B>(self: Arc<Self>, request: Request<B>) -> Reply
    where
        B: Body<Error: std::error::Error + Send + Sync + 'static>,
    {
        let (mut head, body) = request.into_parts();
        let mut body = pin!(body);
        let outcome = match (head.uri.path(), head.method.as_str()) {
            _ if LongHead::marks(&head.extensions) => Err(Problem::HeadTooLong),
            _ if !names_one_host(head.version, &head.uri, &head.headers) => {
                Err(InvalidRequest::NotOneHost.into())
            }
            ("/introspect", "POST") => self.introspect(&mut head, body.as_mut()).await,
            ("/introspect", _) => Err(Problem::MethodNotAllowed { allow: "POST" }),
            (path, _) => match named_in(path) {
                Some(policy) => Ok(self.forward_auth(policy, &mut head.headers).await),
                None => match self.description(&head) {
                    Some(document) => document,
                    // Boxed: what operators ask now and then takes no room in what gateways ask all the time.
                    None => Ok(Box::pin(self.operate(&head, body.as_mut())).await),
                },
            },
        };
        // A client that waits for our word before it sends its body keeps it, and one that was too slow stays so.
        let is_hopeless = || head.headers.contains_key(EXPECT) || matches!(outcome, Err(Problem::TooSlow));
        let is_unread = !body.is_end_stream() && (is_hopeless() || !drain(body).await);
        let mut reply = outcome.unwrap_or_else(|problem| {
            let mut reply = self.refuse(self.asked(&head.headers), || Note::of(Call::Introspect), &problem);
            if problem == Problem::HeadTooLong {
                // At every path, since over HTTP/1.1 it is not known.
                reply.headers_mut().insert(X_INTROSPECTD_ERROR, HeaderValue::from_static(problem.error()));
            }
            reply
        });
        if is_unread && head.version != Version::HTTP_2 {
            reply.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        }
        reply
    }

    /// About whatever request a proxy has at hand, and whatever it hands on of it.
    async fn forward_auth(&self, policy: &str, headers: &mut HeaderMap) -> Reply {
        match self.decide(policy, headers, headers).await {
            Ok(allowed) => allowed.reply(std::mem::take(headers)),
            Err(refusal) => refusal,
        }
    }

    /// Whether a proxy may let its client's request pass: the one decision behind `/forward-auth` and Envoy's
    /// `Check`.
    ///
    /// Of `proxy`, the headers of the proxy's own request, only the caller is read; of `client`, those of its
    /// client's, only the token, in which language to refuse it, and the request's id for the audit log.
    ///
    /// # Errors
    /// The refusal, as the client is to get it.
    pub async fn decide(
        &self,
        policy: &str,
        proxy: &HeaderMap,
        client: &HeaderMap,
    ) -> Result<Allowed, Reply> {
        let policy = self.api.rules.policies.named(policy);
        self.judge(policy, proxy, client).await.map_err(|problem| {
            self.tell_of_denial(policy, proxy, client, &problem);
            refusal(&problem, policy.map(|(_, policy)| policy), Language::of(client))
        })
    }

    /// The refusal, if a proxy is unknown: to be asked before anything of its message is read.
    pub fn refuse_stranger(&self, proxy: &HeaderMap) -> Option<Reply> {
        let known = self.peer.proxy(&self.api.rules.callers, proxy);
        known.err().map(|problem| self.refuse_unread(proxy, &problem))
    }

    /// The refusal of a client about whom its proxy's message could not be read.
    pub fn refuse_message(&self, proxy: &HeaderMap, bad: BadMessage) -> Reply {
        self.refuse_unread(proxy, &bad.into())
    }

    /// In English: what the client prefers stands in the message.
    fn refuse_unread(&self, proxy: &HeaderMap, problem: &Problem) -> Reply {
        self.tell_of_denial(None, proxy, &HeaderMap::new(), problem);
        refusal(problem, None, Language::English)
    }

    /// A proxy has request ids of its own, so the client's answer bears none: nothing changes it but the decision.
    fn tell_of_denial(
        &self,
        policy: Option<(&str, &Policy)>,
        proxy: &HeaderMap,
        client: &HeaderMap,
        problem: &Problem,
    ) {
        let caller = self.peer.proxy(&self.api.rules.callers, proxy).ok().map(|caller| &**caller);
        let note = || {
            let may_ask = |name: &ProviderName| {
                caller.is_some_and(|caller| caller.may_ask(name))
                    && policy.is_some_and(|(_, policy)| policy.accepts(name))
            };
            let token = shown(client);
            let note = token.map(|token| self.note_of_token(Call::ForwardAuth, &token, None, may_ask));
            let policy = policy.map(|(name, _)| name.to_owned());
            Note { policy, ..note.unwrap_or_else(|| Note::of(Call::ForwardAuth)) }
        };
        let asked = Asked { headers: client, caller };
        self.tell_of_refusal(asked, policy.map(|(name, _)| name), note, problem);
    }

    async fn judge(
        &self,
        policy: Option<(&str, &Policy)>,
        proxy: &HeaderMap,
        client: &HeaderMap,
    ) -> Result<Allowed, Problem> {
        let (name, policy) = policy.ok_or(Problem::NoPolicy)?;
        let caller = self.peer.proxy(&self.api.rules.callers, proxy)?;
        caller.must_have(&[Permission::Introspect])?;
        if !caller.may_use(name) {
            return Err(Problem::AccessDenied);
        }
        decide(policy, caller, client, &self.api.resolver, &*self.api.clock).await
    }

    /// Resolves once the client has hung up, as far as that can be told. Cancel-safe.
    pub(crate) async fn hung_up(&self) {
        self.peer.hung_up().await;
    }

    pub(crate) fn caller(&self, headers: &HeaderMap) -> Result<&Arc<Caller>, Problem> {
        self.peer.caller(&self.api.rules.callers, headers)
    }

    /// The caller, if it has this permission.
    pub(crate) fn caller_with(
        &self,
        permission: Permission,
        headers: &HeaderMap,
    ) -> Result<&Arc<Caller>, Problem> {
        let caller = self.caller(headers)?;
        caller.must_have(&[permission])?;
        Ok(caller)
    }

    pub(crate) fn resolver(&self) -> &Arc<Resolver<KeptAnswer>> {
        &self.api.resolver
    }

    pub(crate) fn page_tokens(&self) -> &PageTokens {
        &self.api.page_tokens
    }

    /// The provider that a request names. One that the caller may not ask is as unknown as one that is not there.
    pub(crate) fn known(&self, caller: &Caller, provider: &str) -> Result<&ProviderName, InvalidRequest> {
        self.api.provider(caller, provider)
    }

    pub(crate) fn public_url(&self) -> Option<&PublicUrl> {
        self.api.public_url.as_ref()
    }

    pub(crate) fn way(&self) -> Way {
        self.way
    }

    pub(crate) fn policy(&self, name: &str) -> Option<(&str, &Policy)> {
        self.api.rules.policies.named(name)
    }

    pub(crate) fn clock(&self) -> &dyn Clock {
        &*self.api.clock
    }

    pub(crate) fn audit(&self) -> &Audit {
        &self.api.audit
    }

    pub(crate) fn origin(&self) -> Origin {
        self.origin
    }

    /// Who asked, and with which headers.
    pub(crate) fn asked<'a>(&'a self, headers: &'a HeaderMap) -> Asked<'a> {
        Asked { headers, caller: self.caller(headers).ok().map(|caller| &**caller) }
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.api.clock.now()
    }

    #[cfg(feature = "parts")]
    pub(crate) fn knows(&self, headers: &HeaderMap) -> bool {
        self.caller(headers).is_ok()
    }

    async fn introspect<B>(&self, head: &mut Parts, body: B) -> Result<Reply, Problem>
    where
        B: Body<Error: std::error::Error + Send + Sync + 'static>,
    {
        let caller = self.caller(&head.headers)?;
        // Which of the two is needed, only the parameters tell; without either nobody needs to be heard.
        caller.must_have(&[Permission::Introspect, Permission::Lookup])?;
        let body = read_form(&head.headers, body).await?;
        let form = IntrospectForm::parse(&body)?;
        let is_by_id = matches!(form.subject, Subject::Id(_));
        let asked = Asked { headers: &head.headers, caller: Some(caller) };
        let note = |has_record| self.note_of_question(caller, &body, has_record);
        let resolution = match self.api.resolve(caller, form).await {
            Ok(resolution) => resolution,
            Err(problem) => return Ok(self.refuse(asked, || note(false), &problem)),
        };
        let now = self.now();
        let note = || note(resolution.has_record());
        let active = resolution.active(now).map(|(_, rendered)| rendered);
        let told = match active {
            Some(_) if !is_by_id => None,
            Some(_) => self.tell(asked, note, Outcome::Done),
            None => self.tell(asked, note, Outcome::Inactive(Inactive::of(&resolution, now))),
        };
        let room = std::mem::take(&mut head.headers);
        Ok(Told::on(told, reply::introspection(room, active, resolution.source, now)))
    }
}

impl Api {
    async fn resolve(
        &self,
        caller: &Caller,
        form: IntrospectForm,
    ) -> Result<Resolution<'_, KeptAnswer>, Problem> {
        let provider = form.provider.as_deref().map(|name| self.provider(caller, name)).transpose()?;
        match form.subject {
            Subject::Token(token) => self.by_token(caller, token, provider).await,
            Subject::Id(id) => self.by_id(caller, id, provider).await,
        }
    }

    async fn by_token(
        &self,
        caller: &Caller,
        token: TokenValue,
        provider: Option<&ProviderName>,
    ) -> Result<Resolution<'_, KeptAnswer>, Problem> {
        caller.must_have(&[Permission::Introspect])?;
        Ok(self.resolver.introspect(token, provider, |name| caller.may_ask(name)).await?)
    }

    /// A token id is shown in lists and logs, so knowing one proves nothing: this is for callers who
    /// may look records up, never for a token that a client presented.
    async fn by_id(
        &self,
        caller: &Caller,
        id: TokenId,
        provider: Option<&ProviderName>,
    ) -> Result<Resolution<'_, KeptAnswer>, Problem> {
        caller.must_have(&[Permission::Lookup])?;
        let provider = provider.ok_or(InvalidRequest::ProviderNeeded)?;
        Ok(self.resolver.lookup(id, provider).await?)
    }

    fn provider(&self, caller: &Caller, name: &str) -> Result<&ProviderName, InvalidRequest> {
        let provider = self.resolver.provider(name).filter(|provider| caller.may_ask(provider));
        provider.ok_or(InvalidRequest::UnknownProvider)
    }
}
