mod connection;
mod decide;
mod introspect;
mod receive;
mod shed;
mod unpublished;

pub use connection::{Connection, ListenerIdentity};
pub use decide::Proxy;

use std::pin::pin;
use std::sync::Arc;

use arc_swap::ArcSwap;
use http::header::{ALLOW, CONNECTION, EXPECT};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Request, Version};
use hyper::body::Body;
use introspectd_server::{
    Arrival, Lane, LongHead, Origin, Shed, X_INTROSPECTD_ERROR, names_one_host,
};
use introspectd_service::refusal::{InvalidRequest, Refusal, RequestFault};
use introspectd_service::{
    Begun, Caller, Details, EndpointName, Headline, Identity, Operation, Outcome, RequestContext,
    Rules, Service,
};

use crate::authentication::Peer;
use crate::body::{self, drain};
use crate::call::{Call, Captures, Place};
use crate::context::{HeaderIds, add_request_id};
use crate::discovery::{Discovery, Document, PublicUrl};
use crate::language::Language;
use crate::problem;
use crate::reply::Reply;
use crate::routes::{Endpoint, Match, Route, allowed_methods, find};
use unpublished::Unpublished;

/// HTTP API: `POST /introspect`, `/forward-auth` for proxies, `/revoke` and `/v1` for operators,
/// and the documents that describe it.
pub struct Api {
    /// Service of the configuration in force.
    service: Arc<ArcSwap<Service>>,
    discovery: Discovery,
}

/// Handler of the requests of one connection that begin under one configuration. A request in
/// flight keeps it to its end.
pub struct Handler {
    api: Arc<Api>,
    service: Arc<Service>,
    origin: Origin,
    peer: Peer,
    is_tls: bool,
    asks_for_certificate: bool,
}

impl Api {
    /// Creates the API of a service. Its documents give `public_url` as its address, or else the
    /// one that their request names.
    pub fn new(service: Arc<Service>, public_url: Option<PublicUrl>) -> Self {
        Self {
            service: Arc::new(ArcSwap::new(service)),
            discovery: Discovery::new(public_url),
        }
    }

    /// Returns the service of the configuration in force.
    pub fn service(&self) -> Arc<Service> {
        self.service.load_full()
    }

    /// Replaces the service: each request that begins from now on is answered by this one, on
    /// connections that are open as well.
    pub fn replace(&self, service: Arc<Service>) {
        self.service.store(service);
    }

    /// Returns the handler of a connection's next request. Whoever serves more than one request
    /// asks [`Connection::handler`] for each.
    pub fn handler(
        self: &Arc<Self>,
        identity: &ListenerIdentity,
        arrival: &Arrival,
    ) -> Arc<Handler> {
        Connection::new(self, identity, arrival).handler()
    }
}

impl Handler {
    /// Answers one request.
    ///
    /// The order of layers is route, caller, permission, body, operation, event, reply: here, and
    /// for what follows the route in `introspect`, `forward_auth` and `perform`. The caller comes
    /// before the body, so that a stranger cannot make us read one; the route comes before the
    /// caller, so that a mistyped URL does not look like a wrong secret.
    pub fn answer<B>(self: Arc<Self>, request: Request<B>) -> impl Future<Output = Reply>
    where
        B: Body<Error: std::error::Error + Send + Sync + 'static>,
    {
        // Taken apart before: a future holds its arguments beside what becomes of them.
        let (mut head, body) = request.into_parts();
        async move { self.answer_parts(&mut head, body).await }
    }

    async fn answer_parts<B>(&self, head: &mut Parts, body: B) -> Reply
    where
        B: Body<Error: std::error::Error + Send + Sync + 'static>,
    {
        let mut body = pin!(body);
        let rules = self.service.rules();
        if Shed::marks(&head.extensions) {
            return self.shed(rules, head, body);
        }
        let mut operation = Operation::Unknown;
        let found = find(head.uri.path(), &head.method, &self.api.discovery);
        let begun = self.begin(found.endpoint());
        let outcome = match found {
            _ if LongHead::marks(&head.extensions) => Err(RequestFault::HeadTooLong.into()),
            _ if !names_one_host(head.version, &head.uri, &head.headers) => {
                Err(InvalidRequest::NotOneHost.into())
            }
            Match::Introspect => {
                operation = Operation::Introspect;
                self.introspect(rules, begun, head, body.as_mut()).await
            }
            Match::Decide(policy) => Ok(self.forward_auth(begun, policy, &mut head.headers).await),
            // Boxed: what operators ask now and then takes no room in what gateways ask all the
            // time.
            Match::Route(route, captures) => {
                Box::pin(self.perform(rules, begun, route, captures, head, body.as_mut())).await
            }
            Match::NotAllowed => Err(RequestFault::MethodNotAllowed.into()),
            Match::NotFound => Err(RequestFault::NotFound.into()),
        };
        // A client that waits for our word before it sends its body keeps it, and one that was too
        // slow stays so.
        let is_too_slow = || matches!(outcome, Err(Refusal::Request(RequestFault::TooSlow)));
        let is_hopeless = || head.headers.contains_key(EXPECT) || is_too_slow();
        let is_unread = !body.is_end_stream() && (is_hopeless() || !Box::pin(drain(body)).await);
        let mut reply = match outcome {
            Ok(reply) => reply,
            Err(refusal) => self.refuse(rules, begun, operation, head, &refusal),
        };
        if is_unread {
            close(&mut reply, head.version);
        }
        reply
    }

    /// Answers a request of any other route: caller, permission, body, operation, event, reply.
    async fn perform<B>(
        &self,
        rules: &Rules,
        begun: Begun,
        route: &Route,
        captures: Captures<'_>,
        head: &Parts,
        body: B,
    ) -> Result<Reply, Refusal>
    where
        B: Body<Error: std::error::Error + Send + Sync + 'static>,
    {
        let (operation, body_type, handler) = match route.endpoint {
            Endpoint::Operation(operation, body_type, handler) => (operation, body_type, handler),
            Endpoint::Document(document) => {
                let reply = self.document(document, head)?;
                self.count_public(begun, &head.headers, Outcome::Done);
                return Ok(reply);
            }
            Endpoint::Message(message) => {
                return Ok(self.receive(rules, begun, message, head, body).await);
            }
            // These have functions of their own above.
            Endpoint::Introspect | Endpoint::Decide => return Err(RequestFault::NotFound.into()),
        };
        let caller = self.peer.caller(&rules.callers, &head.headers);
        let ids = HeaderIds::new(&head.headers);
        let context = RequestContext {
            origin: &self.origin,
            caller: caller.ok().map(|caller| &**caller),
            policy: None,
            begun,
            identity: &Identity::new(&ids),
        };
        let mut event = Unpublished {
            service: &self.service,
            operation,
            context,
            details: None,
        };
        let details = event.details.insert(Details::default());
        let outcome = async {
            if caller.is_ok() {
                self.peer.serve_on(Lane::Operators);
                tokio::task::yield_now().await;
            }
            let caller = self.service.admit(begun, caller, route.permissions)?;
            let place = Place::find(&self.service, caller, captures)?;
            details.provider = place.known_provider().cloned();
            let body = body::read(body_type, &head.headers, body).await?;
            let (service, peer) = (&*self.service, &self.peer);
            handler(Call {
                service,
                caller,
                peer,
                head,
                place,
                body,
                details,
            })
            .await
        };
        let outcome = self.service.context(&context).scope(outcome).await;
        let request_id = event.publish(&outcome).completed().await;
        let mut reply =
            outcome.unwrap_or_else(|refusal| problem::reply(&refusal, Language::of(&head.headers)));
        add_request_id(&mut reply, request_id);
        Ok(reply)
    }

    fn context<'a>(
        &'a self,
        caller: &'a Caller,
        begun: Begun,
        identity: &'a Identity<'a>,
    ) -> RequestContext<'a> {
        RequestContext {
            origin: &self.origin,
            caller: Some(caller),
            policy: None,
            begun,
            identity,
        }
    }

    /// Begins a request.
    #[inline]
    pub fn begin(&self, endpoint: EndpointName) -> Begun {
        self.service.begin(endpoint)
    }

    /// Counts a request of anyone, such as one for a document or about health.
    pub fn count_public(&self, begun: Begun, headers: &HeaderMap, outcome: Outcome<'_>) {
        let ids = HeaderIds::new(headers);
        let identity = &Identity::new(&ids);
        self.service.count(|| Headline {
            operation: Operation::Unknown,
            outcome,
            source: None,
            context: RequestContext {
                origin: &self.origin,
                caller: None,
                policy: None,
                begun,
                identity,
            },
        });
    }

    #[cfg(feature = "parts")]
    pub(crate) fn knows(&self, headers: &http::HeaderMap) -> bool {
        self.peer
            .caller(&self.service.rules().callers, headers)
            .is_ok()
    }

    fn document(&self, document: Document, head: &Parts) -> Result<Reply, RequestFault> {
        let (tls, certificate) = (self.is_tls, self.asks_for_certificate);
        let discovery = &self.api.discovery;
        discovery.reply(document, head, tls, certificate, &self.service)
    }

    /// Refuses a request that no operation took up.
    fn refuse(
        &self,
        rules: &Rules,
        begun: Begun,
        operation: Operation,
        head: &Parts,
        refusal: &Refusal,
    ) -> Reply {
        let (service, headers) = (&self.service, &head.headers);
        // Wrong credentials are hashed once: a flood of them pays for everything twice.
        let known = (!refusal.is_of_stranger()).then(|| self.peer.caller(&rules.callers, headers));
        let caller = known.and_then(Result::ok).map(|caller| &**caller);
        let ids = HeaderIds::new(headers);
        let context = RequestContext {
            origin: &self.origin,
            caller,
            policy: None,
            begun,
            identity: &Identity::new(&ids),
        };
        let headline = Headline {
            operation,
            outcome: Outcome::Refused(refusal),
            source: None,
            context,
        };
        let published = service.publish(headline, Details::default);
        let mut reply = problem::reply(refusal, Language::of(headers));
        if *refusal == Refusal::Request(RequestFault::MethodNotAllowed) {
            let methods = allowed_methods(head.uri.path(), &self.api.discovery);
            reply.headers_mut().extend(
                HeaderValue::try_from(methods)
                    .ok()
                    .map(|methods| (ALLOW, methods)),
            );
        }
        if *refusal == Refusal::Request(RequestFault::HeadTooLong) {
            // At every path, since over HTTP/1.1 it is not known.
            reply.headers_mut().insert(
                X_INTROSPECTD_ERROR,
                HeaderValue::from_static(refusal.code()),
            );
        }
        add_request_id(&mut reply, published.request_id);
        reply
    }
}

/// Ends the connection of an HTTP/1.1 request whose body was not read to its end.
fn close(reply: &mut Reply, version: Version) {
    if version != Version::HTTP_2 {
        let headers = reply.headers_mut();
        headers.insert(CONNECTION, HeaderValue::from_static("close"));
    }
}
