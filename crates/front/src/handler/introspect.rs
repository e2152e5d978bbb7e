use http::request::Parts;
use hyper::body::Body;
use introspectd_server::Lane;
use introspectd_service::operation::{self, Introspected};
use introspectd_service::refusal::{Inactive, Refusal, RequestFault};
use introspectd_service::{
    Begun, Caller, Headline, Identity, Operation, Outcome, Permission, Rules, Service, Source,
};

use super::Handler;
use crate::accept::Form;
use crate::body::read_form;
use crate::context::{HeaderIds, add_request_id};
use crate::form;
use crate::language::Language;
use crate::problem;
use crate::reply::{self, Reply, Written};

/// Answer in the form that its caller gets, and what observers are told of it.
struct Answered {
    written: Written,
    /// Reason why the token is inactive, if it is.
    inactive: Option<Inactive>,
    source: Source,
    has_record: bool,
}

impl Answered {
    #[inline]
    fn json(answer: Introspected<'_>) -> Self {
        Self {
            inactive: (!answer.is_active()).then(|| answer.inactive()),
            source: answer.source(),
            has_record: answer.has_record(),
            written: Written::Json(answer.into_body()),
        }
    }

    async fn signed(
        service: &Service,
        caller: &Caller,
        answer: Introspected<'_>,
    ) -> Result<Self, Refusal> {
        let signing = service.signing().ok_or(RequestFault::NotSignable)?;
        Ok(Self {
            inactive: (!answer.is_active()).then(|| answer.inactive()),
            source: answer.source(),
            has_record: answer.has_record(),
            written: Written::Jwt(answer.sign(signing, caller).await?),
        })
    }
}

impl Handler {
    /// Answers `POST /introspect`. An active token is answered without an event.
    pub(super) async fn introspect<B>(
        &self,
        rules: &Rules,
        begun: Begun,
        head: &mut Parts,
        body: B,
    ) -> Result<Reply, Refusal>
    where
        B: Body<Error: std::error::Error + Send + Sync + 'static>,
    {
        let service = &*self.service;
        let found = self.peer.caller(&rules.callers, &head.headers);
        if found.is_ok() {
            self.peer.serve_on(Lane::Callers);
        }
        // Which of the two is needed depends on the body.
        let caller = service.admit(begun, found, &[Permission::Introspect, Permission::Lookup])?;
        let body = read_form(&head.headers, body).await?;
        let query = form::token_query(&body)?;
        let is_signed = match (Form::of(&head.headers), service.signing()) {
            (Form::Jwt | Form::JwtOnly, Some(_)) => true,
            (Form::JwtOnly, None) => return Err(RequestFault::NotSignable.into()),
            (Form::Json | Form::Jwt, _) => false,
        };
        let operation = query.operation();
        let ids = HeaderIds::new(&head.headers);
        let identity = Identity::new(&ids);
        let asking = || {
            let context = self.context(caller, begun, &identity);
            let details = form::subject_details(&body);
            self.service.asking(&context, operation, &details)
        };
        // By reference: each future that it is handed on to has room for it.
        let answered = match operation::introspect(service, caller, query, &asking).await {
            // Boxed: what few callers ask for takes no room in what all of them ask.
            Ok(answer) if is_signed => Box::pin(Answered::signed(service, caller, answer)).await,
            Ok(answer) => Ok(Answered::json(answer)),
            Err(refusal) => Err(refusal),
        };
        let headline = |outcome, source| Headline {
            operation,
            outcome,
            source,
            context: self.context(caller, begun, &identity),
        };
        let publish = |outcome, source, has_record| {
            let details = || form::details(service, caller, &body, has_record);
            let published = service.publish(headline(outcome, source), details);
            published.request_id
        };
        let Answered {
            written,
            inactive,
            source,
            has_record,
        } = match answered {
            Ok(answered) => answered,
            Err(refusal) => {
                let request_id = publish(Outcome::Refused(&refusal), None, false);
                let mut reply = problem::reply(&refusal, Language::of(&head.headers));
                add_request_id(&mut reply, request_id);
                return Ok(reply);
            }
        };
        let request_id = match inactive {
            None if operation == Operation::Introspect => {
                service.count(|| headline(Outcome::Done, Some(source)));
                None
            }
            None => publish(Outcome::Done, Some(source), true),
            Some(why) => publish(Outcome::Inactive(why), Some(source), has_record),
        };
        let reused = std::mem::take(&mut head.headers);
        let varies = service.signing().is_some();
        let mut reply = reply::introspection(reused, written, source, varies);
        add_request_id(&mut reply, request_id);
        Ok(reply)
    }
}
