use std::borrow::Cow;
use std::fmt::Display;

use introspectd_core::{ProviderName, Timestamp, TokenId, TokenValue};
use introspectd_resolver::Source;

use crate::access::Caller;
use crate::fingerprint::Fingerprint;
use crate::identity::{Begun, Identity};
use crate::refusal::{Inactive, Refusal};
use crate::transmitter::Consequence;

/// Operation that a request asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    /// Introspect a token.
    Introspect,
    /// Introspect a record by its token id, which takes the permission to look it up.
    IntrospectById,
    /// Decide whether a proxy's client may pass.
    Decide,
    /// Look one record up.
    Lookup,
    /// List records.
    List,
    /// Revoke a token.
    Revoke,
    /// Purge the cache.
    Purge,
    /// Bind a token to its id.
    Bind,
    /// Issue a token.
    Issue,
    /// Explain an answer.
    Explain,
    /// List the caller's providers.
    Providers,
    /// Take a security event of a transmitter.
    ReceiveEvent,
    /// Take a logout token of an issuer.
    LogOut,
    /// Revoke all tokens of a subject, by word of a transmitter or a caller.
    RevokeSubject,
    /// None: the request matches no route.
    Unknown,
}

/// Result of a request.
#[derive(Debug, Clone, Copy)]
pub enum Outcome<'a> {
    /// Answered: an active token, or an operation that is done.
    Done,
    /// Answered: the token is inactive.
    Inactive(Inactive),
    /// Refused.
    Refused(&'a Refusal),
    /// Abandoned: the caller went away before the answer. The operation may continue.
    Abandoned,
}

/// Details of a request, filled in as they become known.
#[derive(Debug, Default)]
pub struct Details {
    /// Provider that the request is about.
    pub provider: Option<ProviderName>,
    /// Token that the request is about. Observers get its fingerprint.
    pub token: Option<TokenValue>,
    /// Id of a record that exists.
    pub token_id: Option<TokenId>,
    /// Configured name of the transmitter that a message claims to be of.
    pub transmitter: Option<String>,
    /// Result of the message.
    pub consequence: Option<Consequence>,
    /// Purge selector: its name, and its value if it has one.
    pub selector: Option<(&'static str, Option<String>)>,
    /// Number of records or entries.
    pub count: Option<usize>,
    /// True if the token belongs to no provider that the caller may ask.
    pub is_unrouted: bool,
    /// Source of the record that answers.
    pub source: Option<Source>,
}

/// Sender of a request, as far as observers may know it.
#[derive(Clone, Copy)]
pub struct RequestContext<'a> {
    /// Address or socket that the request came from.
    pub origin: &'a (dyn Display + Send + Sync),
    /// Caller, if authenticated.
    pub caller: Option<&'a Caller>,
    /// Policy that decides, by its configured name.
    pub policy: Option<&'a str>,
    /// Arrival of the request.
    pub begun: Begun,
    /// Identity in logs and traces.
    pub identity: &'a Identity<'a>,
}

/// First lines of an event: known without reading the request again.
#[derive(Clone, Copy)]
pub struct Headline<'a> {
    /// Operation that was asked for.
    pub operation: Operation,
    /// Result of the request.
    pub outcome: Outcome<'a>,
    /// Source of the answer, if the cache was asked.
    pub source: Option<Source>,
    /// Sender of the request.
    pub context: RequestContext<'a>,
}

/// Event: what happened with one request, built once at its end.
pub struct Event<'a> {
    /// Operation, outcome and sender.
    pub headline: Headline<'a>,
    /// Subject of the request.
    pub details: &'a Details,
    /// Fingerprint of the token, or of a selector's value that may be one.
    pub fingerprint: Option<Fingerprint>,
    /// Id of the request, which its reply bears if the event is recorded.
    pub request_id: &'a str,
    /// Id of the trace that the request is part of.
    pub trace_id: Option<&'a str>,
    /// Time of the event.
    pub time: Timestamp,
}

/// Name of the event of a refusal.
const REFUSED: &str = "refused";

/// Selector that names a provider.
const PROVIDER: &str = "provider";

/// Kind of an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Changes nothing and shows no record: only its refusals are recorded.
    Question,
    /// Shows a record.
    Record,
    /// Done by an operator, whose reply waits until it is recorded.
    Operators,
    /// Done by another server. Its reply waits, too; anyone can cause refusals.
    Message,
}

/// Details that hold all secrets of a request, besides its credentials.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Secrets {
    /// The request has none.
    None,
    /// Token, id or selector, once one of them is known.
    InDetails,
    /// Token and id, once the id is known to be one: the client may have swapped them.
    InTokenId,
    /// Never known: the body is the provider's to read, or was not read.
    Unknown,
}

/// Row of an operation: name, name of its event, kind and secrets.
struct Row(&'static str, &'static str, Kind, Secrets);

impl Operation {
    const fn row(self) -> Row {
        use Kind::{Message, Operators, Question, Record};
        use Secrets::{InDetails, InTokenId, None, Unknown};
        match self {
            Self::Introspect => Row("introspect", REFUSED, Question, InDetails),
            Self::IntrospectById => Row("lookup", "looked_up", Record, InDetails),
            Self::Decide => Row("forward_auth", REFUSED, Question, None),
            Self::Lookup => Row("lookup", "looked_up", Operators, InDetails),
            Self::List => Row("list", "listed", Operators, None),
            Self::Revoke => Row("revoke", "revoked", Operators, InDetails),
            Self::Purge => Row("purge", "purged", Operators, InDetails),
            Self::Bind => Row("bind", "bound", Operators, InTokenId),
            Self::Issue => Row("issue", "issued", Operators, Unknown),
            Self::Explain => Row("explain", "explained", Operators, InDetails),
            Self::Providers => Row("providers", REFUSED, Question, None),
            Self::ReceiveEvent => Row("event", "event_received", Message, Unknown),
            Self::LogOut => Row("backchannel_logout", "logged_out", Message, Unknown),
            Self::RevokeSubject => Row(
                "global_token_revocation",
                "subject_revoked",
                Message,
                Unknown,
            ),
            Self::Unknown => Row("unknown", REFUSED, Question, Unknown),
        }
    }

    /// Returns the name of the operation in log and audit log.
    pub const fn as_str(self) -> &'static str {
        self.row().0
    }

    /// Returns true if the operation is a question, of which only refusals are recorded.
    pub const fn is_question(self) -> bool {
        matches!(self.row().2, Kind::Question)
    }

    /// Returns true if the operation is an operator's, whose reply waits until it is recorded.
    pub const fn is_operators(self) -> bool {
        matches!(self.row().2, Kind::Operators)
    }

    /// Returns true if the operation is that of another server, whose reply waits likewise.
    pub const fn is_message(self) -> bool {
        matches!(self.row().2, Kind::Message)
    }

    /// Returns true if the details hold all secrets of the request, besides its credentials.
    pub(crate) fn knows_secrets(self, details: &Details) -> bool {
        match self.row().3 {
            Secrets::None => true,
            Secrets::InDetails => {
                details.token.is_some() || details.token_id.is_some() || details.selector.is_some()
            }
            Secrets::InTokenId => details.token_id.is_some(),
            Secrets::Unknown => false,
        }
    }
}

impl Outcome<'_> {
    /// Returns `done`, `inactive`, `abandoned`, or the code of the refusal.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Inactive(_) => "inactive",
            Self::Refused(refusal) => refusal.code(),
            Self::Abandoned => "abandoned",
        }
    }
}

impl Headline<'_> {
    /// Returns the name of the event: `refused`, or what was done.
    pub fn event_name(&self) -> &'static str {
        if self.is_refusal() {
            REFUSED
        } else {
            self.operation.row().1
        }
    }

    /// Returns true for a refusal that anyone can cause, as opposed to what an operator did. Lines
    /// about these are limited.
    pub fn is_refusal(&self) -> bool {
        let is_of_caller = |refusal: &Refusal| refusal.is_of_caller() || refusal.is_of_too_many();
        let is_message = self.operation.is_message();
        matches!(self.outcome, Outcome::Refused(refusal) if is_message || is_of_caller(refusal))
            || self.operation.is_question()
    }

    /// Returns true for a refusal that comes in floods: of an unknown caller, or of one request too
    /// many.
    pub(crate) fn is_flood(&self) -> bool {
        let is_of_too_many =
            matches!(self.outcome, Outcome::Refused(refusal) if refusal.is_of_too_many());
        is_of_too_many || self.context.caller.is_none()
    }

    /// Returns true if a record of security-relevant decisions has the event.
    pub fn is_recorded(&self) -> bool {
        match self.outcome {
            _ if self.operation.is_operators() => true,
            Outcome::Done | Outcome::Abandoned => !self.operation.is_question(),
            Outcome::Inactive(_) => true,
            Outcome::Refused(refusal) => !refusal.is_of_request(),
        }
    }

    /// Returns true if the reply waits until the event is recorded: operators rely on the record.
    pub fn is_awaited(&self) -> bool {
        let is_abandoned = matches!(self.outcome, Outcome::Abandoned);
        let is_done_by_somebody = self.operation.is_operators() || self.operation.is_message();
        is_done_by_somebody && !is_abandoned && !self.is_refusal()
    }
}

impl Event<'_> {
    /// Returns the reason behind the outcome, if there is more to say.
    pub fn reason(&self) -> Option<Cow<'static, str>> {
        let inactive = match self.headline.outcome {
            Outcome::Inactive(why) => Some(why),
            Outcome::Refused(refusal) => refusal.inactive(),
            Outcome::Done | Outcome::Abandoned => None,
        };
        match (inactive, self.headline.outcome) {
            (Some(Inactive::NotKnown), _) if self.details.is_unrouted => {
                Some(Inactive::NoProvider.as_str().into())
            }
            (Some(why), _) => Some(why.as_str().into()),
            (None, Outcome::Refused(refusal)) => refusal.reason(),
            (None, Outcome::Done) => {
                let consequence = self.details.consequence;
                consequence.map(|consequence| consequence.as_str().into())
            }
            (None, Outcome::Inactive(_) | Outcome::Abandoned) => None,
        }
    }
}

impl Details {
    /// Notes an id. Unless a record of it is known, it may be a token in the wrong place.
    pub fn note_id(&mut self, id: &TokenId, is_known: bool) {
        self.token = (!is_known)
            .then(|| TokenValue::parse(id.as_str().to_owned()).ok())
            .flatten();
        self.token_id = is_known.then(|| id.clone());
    }

    /// Returns the value of the selector, if it is the configured name of a provider. Any other may
    /// be a token that was sent by mistake, which no rule can tell for sure.
    pub fn shown_value(&self) -> Option<&str> {
        self.selected()
            .filter(|(name, _)| *name == PROVIDER)
            .map(|(_, value)| value)
    }

    /// Returns the value of the selector that only its fingerprint may stand for.
    pub fn hidden_value(&self) -> Option<&str> {
        self.selected()
            .filter(|(name, _)| *name != PROVIDER)
            .map(|(_, value)| value)
    }

    fn selected(&self) -> Option<(&'static str, &str)> {
        let (name, value) = self.selector.as_ref()?;
        Some((name, value.as_deref()?))
    }
}

#[cfg(test)]
mod tests;
