use http::{HeaderMap, HeaderValue};
use introspectd_audit::Fingerprint;
use introspectd_core::{ProviderName, TokenId, TokenValue};

use super::event::{Call, Note, Outcome, is_of_form};
use super::line::Event;
use super::request_id::{X_REQUEST_ID, request_id};
use super::trace;
use crate::api::Session;
use crate::form::{IntrospectForm, Subject};
use crate::language::Language;
use crate::problem::Problem;
use crate::reply::Reply;
use introspectd_service::Caller;

/// The id of a request that a line was written about. Its answer bears it.
pub(crate) struct Told(HeaderValue);

impl Told {
    pub(crate) fn on(told: Option<Self>, mut reply: Reply) -> Reply {
        if let Some(Self(id)) = told {
            reply.headers_mut().insert(X_REQUEST_ID, id);
        }
        reply
    }
}

/// What a line is about.
#[derive(Clone, Copy)]
pub(crate) struct Asked<'a> {
    pub(crate) headers: &'a HeaderMap,
    pub(crate) caller: Option<&'a Caller>,
}

impl Session {
    /// Of a token, in the log and in answers to operators.
    pub(crate) fn fingerprint(&self, token: &TokenValue) -> Fingerprint {
        self.audit().fingerprints().of(token)
    }

    /// Queues an audit entry, if the limit on refusals admits it. `note` is not asked for what has no entry.
    pub(crate) fn tell(
        &self,
        asked: Asked<'_>,
        note: impl FnOnce() -> Note,
        outcome: Outcome<'_>,
    ) -> Option<Told> {
        if !self.audit().is_on() {
            return None;
        }
        let note = note();
        let call = note.call.filter(|call| call.is_told(outcome))?;
        if call.is_refusal(outcome) && !self.admits(asked, outcome) {
            return None;
        }
        self.write(asked, &note, outcome)
    }

    /// Logs and audits a refusal, if the limit admits it.
    pub(crate) fn tell_of_refusal(
        &self,
        asked: Asked<'_>,
        policy: Option<&str>,
        note: impl FnOnce() -> Note,
        problem: &Problem,
    ) -> Option<Told> {
        let is_audited = self.audit().is_on() && !is_of_form(problem);
        if !trace::is_logged(problem) && !is_audited {
            return None;
        }
        let (note, outcome) = (note(), Outcome::Problem(problem));
        let is_refusal = note.call.is_none_or(|call| call.is_refusal(outcome));
        if is_refusal && !self.admits(asked, outcome) {
            return None;
        }
        trace::refused(self.origin(), asked.caller, policy, problem);
        self.write(asked, &note, outcome)
    }

    fn admits(&self, asked: Asked<'_>, outcome: Outcome<'_>) -> bool {
        self.audit().admits(asked.caller.is_none(), outcome.word())
    }

    fn write(&self, asked: Asked<'_>, note: &Note, outcome: Outcome<'_>) -> Option<Told> {
        let (line, told) = self.line(asked, note, outcome)?;
        match note.call.is_some_and(|call| call.is_refusal(outcome)) {
            true => self.audit().write_refusal(line),
            false => self.audit().write(line),
        }
        Some(told)
    }

    /// Audits what an operator did, and returns when that is written, or cannot be. A refusal is audited as any other:
    /// strangers ask here, too.
    pub(crate) async fn tell_through(
        &self,
        asked: Asked<'_>,
        note: Note,
        outcome: Outcome<'_>,
    ) -> Option<Told> {
        if let (Some(call), Outcome::Problem(problem)) = (note.call, outcome)
            && call.is_refusal(outcome)
        {
            return self.tell_of_refusal(asked, None, || note, problem);
        }
        if let Some(call) = note.call {
            trace::operated(self.origin(), asked.caller, call, &note, self.fingerprint_in(&note), outcome);
        }
        let (line, told) = self.line(asked, &note, outcome)?;
        self.audit().write_through(line).await;
        Some(told)
    }

    /// Refuses a request, and tells of it.
    pub(crate) fn refuse(&self, asked: Asked<'_>, note: impl FnOnce() -> Note, problem: &Problem) -> Reply {
        let told = self.tell_of_refusal(asked, None, note, problem);
        Told::on(told, problem.reply(Language::of(asked.headers)))
    }

    fn fingerprint_in(&self, note: &Note) -> Option<Fingerprint> {
        let of_token = note.token.as_ref().map(|token| self.fingerprint(token));
        of_token.or_else(|| note.hidden_value().map(|value| self.audit().fingerprints().of_text(value)))
    }

    fn line(&self, asked: Asked<'_>, note: &Note, outcome: Outcome<'_>) -> Option<(Vec<u8>, Told)> {
        if !self.audit().is_on() {
            return None;
        }
        let call = note.call.filter(|call| call.is_told(outcome))?;
        let request_id = request_id(asked.headers, note);
        let event = Event {
            time: self.now(),
            request_id: &request_id,
            origin: self.origin(),
            caller: asked.caller.map(|caller| caller.name.as_str()),
            call,
            note,
            fingerprint: self.fingerprint_in(note),
            outcome,
        };
        let told = Told(HeaderValue::try_from(&request_id).ok()?);
        Some((event.line(), told))
    }

    /// A question, read again from its form: one that is answered from the cache keeps nothing for this.
    pub(crate) fn note_of_question(&self, caller: &Caller, body: &[u8], has_record: bool) -> Note {
        let Ok(IntrospectForm { subject, provider, .. }) = IntrospectForm::parse(body) else {
            return Note::of(Call::Introspect);
        };
        let only = provider.and_then(|name| self.resolver().provider(&name)).cloned();
        match subject {
            Subject::Token(token) => {
                self.note_of_token(Call::Introspect, &token, only.as_ref(), |name| caller.may_ask(name))
            }
            Subject::Id(id) => {
                let mut note = Note { provider: only, ..Note::of(Call::Lookup) };
                self.note_id(&mut note, &id, has_record);
                note
            }
        }
    }

    /// Unless it is known to be an id, what was sent may be a token that somebody took for one.
    pub(crate) fn note_id(&self, note: &mut Note, id: &TokenId, is_known: bool) {
        note.token = (!is_known).then(|| TokenValue::parse(id.as_str().to_owned()).ok()).flatten();
        note.token_id = is_known.then(|| id.clone());
    }

    /// With its provider, where it belongs to one.
    pub(crate) fn note_of_token(
        &self,
        call: Call,
        token: &TokenValue,
        only: Option<&ProviderName>,
        may_ask: impl Fn(&ProviderName) -> bool,
    ) -> Note {
        let providers = self.resolver().belongs_to(token, only, may_ask);
        let provider = match providers.as_slice() {
            [one] => Some((*one).clone()),
            _ => None,
        };
        let (token, is_nobodys) = (Some(token.clone()), providers.is_empty());
        Note { provider, token, is_nobodys, ..Note::of(call) }
    }
}
