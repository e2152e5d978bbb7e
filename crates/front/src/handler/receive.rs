use http::request::Parts;
use hyper::body::Body;
use introspectd_server::Lane;
use introspectd_service::operation::{self, RevocationSender};
use introspectd_service::refusal::{CallerFault, EventFault, Refusal, RequestFault};
use introspectd_service::{
    Begun, Caller, Details, Identity, Permission, RequestContext, Rules, Transmitter,
};
use std::sync::Arc;

use super::Handler;
use super::unpublished::Unpublished;
use crate::body;
use crate::context::{HeaderIds, add_request_id};
use crate::language::Language;
use crate::message::{self, Message};
use crate::reply::Reply;

/// Sender of a message, as far as it is known before the message is read.
#[derive(Clone, Copy)]
enum Sender<'a> {
    /// Signer of the message.
    Signer,
    Transmitter(&'a Arc<Transmitter>),
    Caller(&'a Caller),
}

impl Handler {
    /// Answers a message of another server: sender, body, operation, event, reply.
    pub(super) async fn receive<B>(
        &self,
        rules: &Rules,
        begun: Begun,
        message: Message,
        head: &Parts,
        body: B,
    ) -> Reply
    where
        B: Body<Error: std::error::Error + Send + Sync + 'static>,
    {
        let sender = self.sender(rules, begun, message, head);
        let ids = HeaderIds::new(&head.headers);
        let context = RequestContext {
            origin: &self.origin,
            caller: match sender {
                Ok(Sender::Caller(caller)) => Some(caller),
                Ok(Sender::Signer | Sender::Transmitter(_)) | Err(_) => None,
            },
            policy: None,
            begun,
            identity: &Identity::new(&ids),
        };
        let mut event = Unpublished {
            service: &self.service,
            operation: message.operation(),
            context,
            details: None,
        };
        let details = event.details.insert(Details::default());
        let outcome = async {
            let sender = sender?;
            if let Sender::Caller(_) = sender {
                self.peer.serve_on(Lane::Operators);
                tokio::task::yield_now().await;
            }
            let body = body::read(message.body_type(), &head.headers, body).await?;
            self.act(message, sender, head, &body, details).await
        };
        let outcome = self.service.context(&context).scope(outcome).await;
        let outcome = outcome.map(|()| message.accepted());
        let request_id = event.publish(&outcome).completed().await;
        let language = Language::of(&head.headers);
        let mut reply = outcome.unwrap_or_else(|refusal| message.refused(&refusal, language));
        add_request_id(&mut reply, request_id);
        reply
    }

    /// Finds the sender by what it shows besides its message.
    fn sender<'a>(
        &'a self,
        rules: &'a Rules,
        begun: Begun,
        message: Message,
        head: &Parts,
    ) -> Result<Sender<'a>, Refusal> {
        let transmitters = self.service.transmitters();
        let authorization = message::authorization(&head.headers);
        match message {
            Message::Event | Message::Logout if transmitters.is_empty() => {
                Err(RequestFault::NotFound.into())
            }
            // Before anything is read or verified, where each transmitter shows one.
            Message::Event if !transmitters.may_push(authorization) => {
                Err(EventFault::NotAuthenticated.into())
            }
            Message::Event | Message::Logout => Ok(Sender::Signer),
            Message::Revocation => {
                let transmitter = authorization.and_then(|shown| transmitters.showing(shown));
                if let Some(transmitter) = transmitter {
                    return Ok(Sender::Transmitter(transmitter));
                }
                let caller = self.peer.caller(&rules.callers, &head.headers);
                Ok(Sender::Caller(self.admit_revoker(begun, caller)?))
            }
        }
    }

    /// Admits a caller that may both revoke and purge.
    fn admit_revoker<'a>(
        &self,
        begun: Begun,
        caller: Result<&'a Arc<Caller>, CallerFault>,
    ) -> Result<&'a Caller, CallerFault> {
        let caller = self.service.admit(begun, caller, &[Permission::Revoke])?;
        caller.permissions.must_have(&[Permission::Purge])?;
        Ok(caller)
    }

    async fn act(
        &self,
        message: Message,
        sender: Sender<'_>,
        head: &Parts,
        body: &[u8],
        details: &mut Details,
    ) -> Result<(), Refusal> {
        let service = &*self.service;
        match (message, sender) {
            (Message::Event, _) => {
                let authorization = message::authorization(&head.headers);
                operation::receive_pushed(service, body, authorization, details).await
            }
            (Message::Logout, _) => {
                let token = message::logout_token(body)?;
                operation::log_out(service, &token, details).await
            }
            (Message::Revocation, Sender::Transmitter(transmitter)) => {
                let sender = RevocationSender::Transmitter(transmitter);
                operation::revoke_subject(service, sender, body, details).await
            }
            (Message::Revocation, Sender::Caller(caller)) => {
                let sender = RevocationSender::Caller(caller);
                operation::revoke_subject(service, sender, body, details).await
            }
            // None is signed.
            (Message::Revocation, Sender::Signer) => Err(CallerFault::Unauthenticated.into()),
        }
    }
}
