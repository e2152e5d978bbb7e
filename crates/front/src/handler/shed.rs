//! Refusals of requests over the limit of requests in flight, before anything of them is read.

use std::pin::Pin;

use futures_util::FutureExt;
use http::request::Parts;
use hyper::body::Body;
use introspectd_service::refusal::ServiceFault;
use introspectd_service::{Details, Headline, Identity, Outcome, RequestContext, Rules};

use super::{Handler, close};
use crate::body::drain;
use crate::context::HeaderIds;
use crate::forward_auth;
use crate::language::Language;
use crate::problem;
use crate::reply::Reply;
use crate::routes::{Match, find};

impl Handler {
    /// Refuses a request over the limit of requests in flight. Nothing of it is read but its path,
    /// for the observers.
    pub(super) fn shed<B>(&self, rules: &Rules, head: &Parts, body: Pin<&mut B>) -> Reply
    where
        B: Body<Error: std::error::Error + Send + Sync + 'static>,
    {
        let refusal = ServiceFault::Shed.into();
        let found = find(head.uri.path(), &head.method, &self.api.discovery);
        let ids = HeaderIds::new(&head.headers);
        let context = RequestContext {
            origin: &self.origin,
            caller: None,
            policy: None,
            begun: self.begin(found.endpoint()),
            identity: &Identity::new(&ids),
        };
        let headline = Headline {
            operation: found.operation(),
            outcome: Outcome::Refused(&refusal),
            source: None,
            context,
        };
        let headers = &head.headers;
        let service = &self.service;
        service.publish(headline, Details::default);
        let mut reply = match found {
            Match::Decide(policy) => {
                let policy = rules.policies.named(policy).map(|(_, policy)| policy);
                forward_auth::refusal(&refusal, policy, headers)
            }
            Match::Introspect | Match::Route(..) | Match::NotAllowed | Match::NotFound => {
                problem::reply(&refusal, Language::of(headers))
            }
        };
        if !body.is_end_stream() && !drain(body).now_or_never().unwrap_or(false) {
            close(&mut reply, head.version);
        }
        reply
    }
}
