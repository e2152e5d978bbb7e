use std::borrow::Cow;

use introspectd_core::{ProviderName, TokenId, TokenValue};

use crate::problem::{Conflict, InvalidRequest, Problem};
use introspectd_service::refusal::Inactive;

/// What was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Call {
    Introspect,
    ForwardAuth,
    Lookup,
    List,
    Revoke,
    Purge,
    Bind,
    Issue,
    Explain,
    Providers,
}

/// How it ended.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Outcome<'a> {
    Done,
    Inactive(Inactive),
    Problem(&'a Problem),
    /// Who asked went away before the answer.
    Abandoned,
}

/// What is known of a call beside who made it: filled in on the way, as it becomes known.
#[derive(Debug, Default)]
pub(crate) struct Note {
    /// `None` for what no line is written about.
    pub(crate) call: Option<Call>,
    pub(crate) policy: Option<String>,
    pub(crate) provider: Option<ProviderName>,
    /// Told by its fingerprint.
    pub(crate) token: Option<TokenValue>,
    pub(crate) token_id: Option<TokenId>,
    /// Purge selector: its name, and its value if it has one. See [`Note::shown_value`].
    pub(crate) selector: Option<(&'static str, Option<String>)>,
    /// How many it was about.
    pub(crate) count: Option<usize>,
    /// The token belongs to no provider that the caller may ask.
    pub(crate) is_nobodys: bool,
}

/// Selector that names a provider.
const PROVIDER: &str = "provider";

impl Note {
    /// Of a call of this kind.
    pub(crate) fn of(call: Call) -> Self {
        Self { call: Some(call), ..Self::default() }
    }

    /// That the call is of this kind.
    pub(crate) fn is(&mut self, call: Call) -> &mut Self {
        self.call = Some(call);
        self
    }

    /// Value of the selector, where it is the configured name of a provider. Any other may be a token that was sent
    /// by mistake, and is shown by its fingerprint only: whether it is one, no rule can tell for sure.
    pub(super) fn shown_value(&self) -> Option<&str> {
        self.selected().filter(|(name, _)| *name == PROVIDER).map(|(_, value)| value)
    }

    /// Value of the selector that only its fingerprint may stand for.
    pub(super) fn hidden_value(&self) -> Option<&str> {
        self.selected().filter(|(name, _)| *name != PROVIDER).map(|(_, value)| value)
    }

    fn selected(&self) -> Option<(&'static str, &str)> {
        let (name, value) = self.selector.as_ref()?;
        Some((name, value.as_deref()?))
    }

    /// Whether it is known which secrets the request holds, beside its credentials: not before it is read what it is about,
    /// nor where its body is its provider's to read.
    pub(super) fn knows_its_secrets(&self) -> bool {
        match self.call {
            Some(Call::ForwardAuth | Call::List | Call::Providers) => true,
            Some(Call::Issue) | None => false,
            // The two may stand the wrong way round.
            Some(Call::Bind) => self.token_id.is_some(),
            Some(Call::Introspect | Call::Lookup | Call::Revoke | Call::Purge | Call::Explain) => {
                self.token.is_some() || self.token_id.is_some() || self.selector.is_some()
            }
        }
    }
}

const REFUSED: &str = "refused";

impl Call {
    /// Whether there is a line about it. Of questions only refusals have one; those that are no questions at all, and
    /// say nothing about any token, have none.
    pub(crate) fn is_told(self, outcome: Outcome<'_>) -> bool {
        match (self, outcome) {
            (Self::Introspect | Self::ForwardAuth | Self::Providers, Outcome::Done | Outcome::Abandoned) => {
                false
            }
            (Self::Introspect | Self::Providers, Outcome::Problem(problem)) => !is_of_form(problem),
            (Self::Introspect | Self::ForwardAuth | Self::Providers, Outcome::Inactive(_))
            | (Self::ForwardAuth, Outcome::Problem(_)) => true,
            (
                Self::Lookup
                | Self::List
                | Self::Revoke
                | Self::Purge
                | Self::Bind
                | Self::Issue
                | Self::Explain,
                Outcome::Done | Outcome::Inactive(_) | Outcome::Problem(_) | Outcome::Abandoned,
            ) => true,
        }
    }

    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Introspect => "introspect",
            Self::ForwardAuth => "forward_auth",
            Self::Lookup => "lookup",
            Self::List => "list",
            Self::Revoke => "revoke",
            Self::Purge => "purge",
            Self::Bind => "bind",
            Self::Issue => "issue",
            Self::Explain => "explain",
            Self::Providers => "providers",
        }
    }

    /// Whether the line is about a refusal, which anybody can cause, and not about what an operator did.
    pub(super) fn is_refusal(self, outcome: Outcome<'_>) -> bool {
        self.event(outcome) == REFUSED
    }

    pub(super) fn event(self, outcome: Outcome<'_>) -> &'static str {
        match (self, outcome) {
            (_, Outcome::Problem(Problem::InvalidClient | Problem::InvalidProxy | Problem::AccessDenied)) => {
                REFUSED
            }
            (Self::Introspect | Self::ForwardAuth | Self::Providers, _) => REFUSED,
            (Self::Lookup, _) => "looked_up",
            (Self::List, _) => "listed",
            (Self::Revoke, _) => "revoked",
            (Self::Purge, _) => "purged",
            (Self::Bind, _) => "bound",
            (Self::Issue, _) => "issued",
            (Self::Explain, _) => "explained",
        }
    }
}

impl Outcome<'_> {
    /// `done`, or the `error` of the answer.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Inactive(_) => "inactive",
            Self::Problem(problem) => problem.error(),
            Self::Abandoned => "abandoned",
        }
    }

    pub(super) fn reason(self, note: &Note) -> Option<Cow<'static, str>> {
        match self {
            Self::Inactive(Inactive::NotKnown) | Self::Problem(Problem::InvalidToken(Inactive::NotKnown))
                if note.is_nobodys =>
            {
                Some(Inactive::NoProvider.as_str().into())
            }
            Self::Inactive(why) => Some(why.as_str().into()),
            Self::Problem(problem) => reason(problem),
            Self::Done | Self::Abandoned => None,
        }
    }
}

/// Whether a request is at fault before it is any question.
pub(super) fn is_of_form(problem: &Problem) -> bool {
    match problem {
        Problem::InvalidRequest(_)
        | Problem::NotFound
        | Problem::MethodNotAllowed { .. }
        | Problem::TooLarge
        | Problem::HeadTooLong
        | Problem::TooSlow
        | Problem::NotForm
        | Problem::NotJson => true,
        Problem::NoPolicy
        | Problem::MissingToken
        | Problem::InvalidToken(_)
        | Problem::InsufficientScope { .. }
        | Problem::InvalidClient
        | Problem::InvalidProxy
        | Problem::AccessDenied
        | Problem::NoSuchToken
        | Problem::Conflict(_)
        | Problem::Failure(_)
        | Problem::NotRevoked(_)
        | Problem::NotBound(_)
        | Problem::NotCounted => false,
    }
}

/// What the answer's `error` leaves open.
fn reason(problem: &Problem) -> Option<Cow<'static, str>> {
    match problem {
        Problem::InvalidToken(why) => Some(why.as_str().into()),
        Problem::InsufficientScope { missing, .. } => Some(missing.to_string().into()),
        Problem::Failure(failure) | Problem::NotRevoked(failure) | Problem::NotBound(failure) => {
            Some(failure.to_string().into())
        }
        Problem::NoPolicy => Some("no_policy".into()),
        Problem::Conflict(Conflict::OtherId) => Some("bound_to_another_id".into()),
        Problem::Conflict(Conflict::Revoked) => Some(Inactive::Revoked.as_str().into()),
        Problem::InvalidRequest(InvalidRequest::TokenIsId | InvalidRequest::TokenSpellsId) => {
            Some("token_is_an_id".into())
        }
        Problem::InvalidRequest(_)
        | Problem::NotFound
        | Problem::MethodNotAllowed { .. }
        | Problem::TooLarge
        | Problem::HeadTooLong
        | Problem::TooSlow
        | Problem::NotForm
        | Problem::NotJson
        | Problem::NoSuchToken
        | Problem::MissingToken
        | Problem::InvalidClient
        | Problem::InvalidProxy
        | Problem::AccessDenied
        | Problem::NotCounted => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_matters_has_a_line() {
        let of_form = Problem::TooLarge;
        assert!(!Call::Introspect.is_told(Outcome::Done));
        assert!(!Call::ForwardAuth.is_told(Outcome::Done));
        assert!(!Call::Introspect.is_told(Outcome::Problem(&of_form)));
        assert!(Call::Introspect.is_told(Outcome::Problem(&Problem::InvalidClient)));
        assert!(Call::ForwardAuth.is_told(Outcome::Problem(&Problem::MissingToken)));
        assert!(Call::Purge.is_told(Outcome::Problem(&of_form)));
    }
}
