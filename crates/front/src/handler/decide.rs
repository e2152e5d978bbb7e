//! Decisions for proxies, over HTTP and gRPC alike.

use http::HeaderMap;
use introspectd_core::ProviderName;
use introspectd_server::Lane;
use introspectd_service::operation;
use introspectd_service::refusal::{CallerFault, ClientFault, Refusal, ServiceFault};
use introspectd_service::{
    Begun, Caller, Details, Headline, Identity, Operation, Outcome, Permission, Policy,
    RequestContext,
};

use super::Handler;
use crate::context::HeaderIds;
use crate::forward_auth::{self, Allowed, BadMessage, ClientEvidence, Described};
use crate::reply::Reply;

/// Proxy that asks about its client: who it is, and whether it may ask. Its request has been
/// counted against its rate.
pub struct Proxy<'a> {
    begun: Begun,
    /// Caller that it is known as, even if it may not ask.
    caller: Option<&'a Caller>,
    admitted: Result<&'a Caller, CallerFault>,
    headers: &'a HeaderMap,
}

impl Handler {
    /// Answers whatever request a proxy has at hand, by its client's headers.
    pub(super) async fn forward_auth(
        &self,
        begun: Begun,
        policy: &str,
        headers: &mut HeaderMap,
    ) -> Reply {
        let proxy = self.admit(begun, headers);
        match self.decide(&proxy, policy, headers, None).await {
            Ok(allowed) => allowed.reply(std::mem::take(headers)),
            Err(refusal) => refusal,
        }
    }

    /// Admits a proxy by the headers of its own request, before anything else of it is read.
    pub fn admit<'a>(&'a self, begun: Begun, headers: &'a HeaderMap) -> Proxy<'a> {
        let service = &*self.service;
        let found = self.peer.proxy(&service.rules().callers, headers);
        if found.is_ok() {
            self.peer.serve_on(Lane::Callers);
        }
        Proxy {
            begun,
            caller: found.ok().map(|caller| &**caller),
            admitted: service
                .admit(begun, found, &[Permission::Introspect])
                .map(|caller| &**caller),
            headers,
        }
    }

    /// Decides whether a proxy may let its client's request pass: the one decision behind
    /// `/forward-auth` and Envoy's `Check`. Of the client's headers it sees only the token, its
    /// proof, the language of a refusal, and the request's id for the audit log. What the client
    /// asks for counts for a proof alone, as the proxy has described it, or by the headers that the
    /// policy names.
    ///
    /// # Errors
    /// The refusal, as the client is to get it.
    pub async fn decide(
        &self,
        proxy: &Proxy<'_>,
        policy: &str,
        client: &HeaderMap,
        described: Option<&Described<'_>>,
    ) -> Result<Allowed, Reply> {
        let service = &*self.service;
        let policy = service.rules().policies.named(policy);
        let ids = HeaderIds::of_client(client, proxy.headers);
        let identity = Identity::new(&ids);
        let context = || RequestContext {
            origin: &self.origin,
            caller: proxy.caller,
            policy: policy.map(|(name, _)| name),
            begun: proxy.begun,
            identity: &identity,
        };
        let decided = self.decide_by(&context, proxy, policy, client, described);
        match decided.await {
            Ok(allowed) => {
                let (operation, outcome) = (Operation::Decide, Outcome::Done);
                service.count(|| Headline {
                    operation,
                    outcome,
                    source: Some(allowed.source),
                    context: context(),
                });
                let kept_by = policy.map(|(_, policy)| policy.kept_by());
                Ok(Allowed::new(allowed, kept_by.unwrap_or_default()))
            }
            Err(refusal) => {
                self.publish_denial(context(), policy, client, &refusal);
                let policy = policy.map(|(_, policy)| policy);
                Err(forward_auth::refusal(&refusal, policy, client))
            }
        }
    }

    async fn decide_by<'a>(
        &self,
        context: &(impl Fn() -> RequestContext<'a> + Sync),
        proxy: &Proxy<'_>,
        policy: Option<(&str, &Policy)>,
        client: &HeaderMap,
        described: Option<&Described<'_>>,
    ) -> Result<operation::Allowed, Refusal> {
        let Some((name, policy)) = policy else {
            // A path without a policy is no endpoint, whoever asks; only a rate comes before.
            return Err(match proxy.admitted {
                Err(fault @ CallerFault::RateLimited { .. }) => fault.into(),
                Ok(_) | Err(_) => ClientFault::NoPolicy.into(),
            });
        };
        let caller = proxy.admitted?;
        if !caller.permissions.may_use(name) {
            return Err(CallerFault::AccessDenied.into());
        }
        let presented = forward_auth::presented_token(client)?;
        let evidence = ClientEvidence {
            headers: client,
            described,
            rules: policy.proof(),
        };
        let service = &*self.service;
        // The token is among the credentials of the client's headers.
        let asking = || service.asking(&context(), Operation::Decide, &Details::default());
        operation::decide(service, caller, policy, presented, &evidence, &asking).await
    }

    /// Returns the refusal of a proxy that is unknown or over its rate. Call it before its message
    /// is read. One without permission is refused by [`Handler::decide`], in its client's language.
    pub fn refuse_unadmitted(&self, proxy: &Proxy<'_>) -> Option<Reply> {
        match proxy.admitted {
            Ok(_) | Err(CallerFault::AccessDenied) => None,
            Err(
                fault @ (CallerFault::Unauthenticated
                | CallerFault::UnauthenticatedProxy
                | CallerFault::RateLimited { .. }),
            ) => Some(self.refuse_unread(proxy, &fault.into())),
        }
    }

    /// Returns the refusal of a client about whom its proxy's message could not be read.
    pub fn refuse_message(&self, proxy: &Proxy<'_>, bad: BadMessage) -> Reply {
        self.refuse_unread(proxy, &bad.into())
    }

    /// Returns the refusal of a proxy's call over the limit of requests in flight, of which not
    /// even the message is read.
    pub fn shed_call(&self, begun: Begun) -> Reply {
        let unread = Proxy {
            begun,
            caller: None,
            admitted: Err(CallerFault::UnauthenticatedProxy),
            headers: &HeaderMap::new(),
        };
        self.refuse_unread(&unread, &ServiceFault::Shed.into())
    }

    /// Refuses in English: the language that the client prefers is part of the message.
    fn refuse_unread(&self, proxy: &Proxy<'_>, refusal: &Refusal) -> Reply {
        let client = HeaderMap::new();
        let ids = HeaderIds::of_client(&client, proxy.headers);
        let context = RequestContext {
            origin: &self.origin,
            caller: proxy.caller,
            policy: None,
            begun: proxy.begun,
            identity: &Identity::new(&ids),
        };
        self.publish_denial(context, None, &client, refusal);
        forward_auth::refusal(refusal, None, &client)
    }

    /// Publishes a denial. The client's answer does not bear the request's id: nothing changes it
    /// but the decision.
    fn publish_denial(
        &self,
        context: RequestContext<'_>,
        policy: Option<(&str, &Policy)>,
        client: &HeaderMap,
        refusal: &Refusal,
    ) {
        let (service, caller) = (&*self.service, context.caller);
        let may_ask = |name: &ProviderName| {
            caller.is_some_and(|caller| caller.permissions.may_ask(name))
                && policy.is_some_and(|(_, policy)| policy.accepts(name))
        };
        let details = || match forward_auth::presented_token(client) {
            Ok(presented) => service.details_within(&presented.token, None, may_ask),
            Err(_) => Details::default(),
        };
        let headline = Headline {
            operation: Operation::Decide,
            outcome: Outcome::Refused(refusal),
            source: None,
            context,
        };
        service.publish(headline, details);
    }
}
