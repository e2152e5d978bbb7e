//! Decisions for proxies, over HTTP and gRPC alike.

use http::HeaderMap;
use introspectd_core::ProviderName;
use introspectd_server::Lane;
use introspectd_service::operation;
use introspectd_service::refusal::{CallerFault, ClientFault, Refusal};
use introspectd_service::{
    Begun, Caller, Details, Headline, Operation, Outcome, Permission, Policy, RequestContext, Rules,
};

use super::Handler;
use crate::context::{HeaderIds, traceparent};
use crate::forward_auth::{self, Allowed, BadMessage};
use crate::language::Language;
use crate::reply::Reply;

impl Handler {
    /// Answers whatever request a proxy has at hand, by its client's headers.
    pub(super) async fn forward_auth(
        &self,
        begun: Begun,
        policy: &str,
        headers: &mut HeaderMap,
    ) -> Reply {
        match self.decide(begun, policy, headers, headers).await {
            Ok(allowed) => allowed.reply(std::mem::take(headers)),
            Err(refusal) => refusal,
        }
    }

    /// Decides whether a proxy may let its client's request pass: the one decision behind
    /// `/forward-auth` and Envoy's `Check`.
    ///
    /// In `proxy`, the headers of the proxy's own request, only the caller is read; in `client`,
    /// those of its client's, only the token, the language of a refusal, and the request's id for
    /// the audit log.
    ///
    /// # Errors
    /// The refusal, as the client is to get it.
    pub async fn decide(
        &self,
        begun: Begun,
        policy: &str,
        proxy: &HeaderMap,
        client: &HeaderMap,
    ) -> Result<Allowed, Reply> {
        let service = &*self.api.service;
        let rules = service.rules();
        let policy = rules.policies.named(policy);
        match self.decide_by(rules, policy, proxy, client).await {
            Ok((caller, allowed)) => {
                let (origin, policy) = (&self.origin, policy.map(|(name, _)| name));
                let context = RequestContext {
                    origin,
                    caller: Some(caller),
                    policy,
                    begun,
                };
                let (operation, outcome) = (Operation::Decide, Outcome::Done);
                service.count(|| Headline {
                    operation,
                    outcome,
                    source: Some(allowed.source),
                    context,
                });
                Ok(Allowed::new(allowed))
            }
            Err(refusal) => {
                self.publish_denial(rules, begun, policy, proxy, client, &refusal);
                let policy = policy.map(|(_, policy)| policy);
                Err(forward_auth::refusal(
                    &refusal,
                    policy,
                    Language::of(client),
                ))
            }
        }
    }

    async fn decide_by<'a>(
        &'a self,
        rules: &'a Rules,
        policy: Option<(&str, &Policy)>,
        proxy: &HeaderMap,
        client: &HeaderMap,
    ) -> Result<(&'a Caller, operation::Allowed), Refusal> {
        let service = &*self.api.service;
        let (name, policy) = policy.ok_or(ClientFault::NoPolicy)?;
        let caller = self.peer.proxy(&rules.callers, proxy)?;
        self.peer.serve_on(Lane::Callers);
        caller.must_have(&[Permission::Introspect])?;
        if !caller.may_use(name) {
            return Err(CallerFault::AccessDenied.into());
        }
        let token = forward_auth::presented_token(client)?;
        Ok((
            caller,
            operation::decide(service, caller, policy, token, || traceparent(proxy)).await?,
        ))
    }

    /// Returns the refusal of an unknown proxy. Call it before anything of its message is read.
    pub fn refuse_stranger(&self, begun: Begun, proxy: &HeaderMap) -> Option<Reply> {
        let known = self.peer.proxy(&self.api.service.rules().callers, proxy);
        known
            .err()
            .map(|fault| self.refuse_unread(begun, proxy, &fault.into()))
    }

    /// Returns the refusal of a client about whom its proxy's message could not be read.
    pub fn refuse_message(&self, begun: Begun, proxy: &HeaderMap, bad: BadMessage) -> Reply {
        self.refuse_unread(begun, proxy, &bad.into())
    }

    /// Refuses in English: the language that the client prefers is part of the message.
    fn refuse_unread(&self, begun: Begun, proxy: &HeaderMap, refusal: &Refusal) -> Reply {
        self.publish_denial(
            self.api.service.rules(),
            begun,
            None,
            proxy,
            &HeaderMap::new(),
            refusal,
        );
        forward_auth::refusal(refusal, None, Language::English)
    }

    /// Publishes a denial. The client's answer does not bear the request's id: nothing changes it
    /// but the decision.
    fn publish_denial(
        &self,
        rules: &Rules,
        begun: Begun,
        policy: Option<(&str, &Policy)>,
        proxy: &HeaderMap,
        client: &HeaderMap,
        refusal: &Refusal,
    ) {
        let service = &*self.api.service;
        let known = (!refusal.is_of_stranger()).then(|| self.peer.proxy(&rules.callers, proxy));
        let caller = known.and_then(Result::ok).map(|caller| &**caller);
        let may_ask = |name: &ProviderName| {
            caller.is_some_and(|caller| caller.may_ask(name))
                && policy.is_some_and(|(_, policy)| policy.accepts(name))
        };
        let details = || match forward_auth::presented_token(client) {
            Ok(token) => service.details_within(&token, None, may_ask),
            Err(_) => Details::default(),
        };
        let context = RequestContext {
            origin: &self.origin,
            caller,
            policy: policy.map(|(name, _)| name),
            begun,
        };
        let headline = Headline {
            operation: Operation::Decide,
            outcome: Outcome::Refused(refusal),
            source: None,
            context,
        };
        service.publish(headline, &HeaderIds(client), details);
    }
}
