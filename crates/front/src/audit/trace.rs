use introspectd_audit::Fingerprint;
use introspectd_core::TokenId;
use introspectd_server::Origin;
use tracing::Level;

use super::event::{Call, Note, Outcome};
use crate::problem::Problem;
use introspectd_service::Caller;

/// Target of the log lines that anybody can cause, so that they can be kept from displacing others.
pub const REFUSALS: &str = "introspectd_front::refusals";

/// Whether a refusal has a log line at the level in force.
pub(super) fn is_logged(problem: &Problem) -> bool {
    if is_of_caller(problem) {
        tracing::enabled!(target: REFUSALS, Level::INFO)
    } else {
        tracing::enabled!(target: REFUSALS, Level::DEBUG)
    }
}

/// Logs a refused request: its origin, its caller, and the reason. The rest of it is its client's, and is not logged.
pub(super) fn refused(origin: Origin, caller: Option<&Caller>, policy: Option<&str>, problem: &Problem) {
    let caller = caller.map(|caller| caller.name.as_str());
    let error = problem.error();
    if is_of_caller(problem) {
        tracing::info!(target: REFUSALS, %origin, caller, policy, error, "refused a request");
    } else {
        tracing::debug!(target: REFUSALS, %origin, caller, policy, error, ?problem, "refused a request");
    }
}

/// An unknown caller, or one without the permission, is a mistake or an attack; bad tokens come all day.
fn is_of_caller(problem: &Problem) -> bool {
    match problem {
        Problem::InvalidClient | Problem::InvalidProxy | Problem::AccessDenied => true,
        Problem::InvalidRequest(_)
        | Problem::NotFound
        | Problem::MethodNotAllowed { .. }
        | Problem::TooLarge
        | Problem::HeadTooLong
        | Problem::TooSlow
        | Problem::NotForm
        | Problem::NotJson
        | Problem::NoPolicy
        | Problem::MissingToken
        | Problem::InvalidToken(_)
        | Problem::InsufficientScope { .. }
        | Problem::Failure(_)
        | Problem::NoSuchToken
        | Problem::Conflict(_)
        | Problem::NotRevoked(_)
        | Problem::NotBound(_)
        | Problem::NotCounted => false,
    }
}

/// Logs what an operator did, or was refused.
pub(crate) fn operated(
    origin: Origin,
    caller: Option<&Caller>,
    call: Call,
    note: &Note,
    fingerprint: Option<Fingerprint>,
    outcome: Outcome<'_>,
) {
    if let Outcome::Problem(problem) = outcome {
        return refused(origin, caller, None, problem);
    }
    let caller = caller.map(|caller| caller.name.as_str());
    let Note { provider, token_id, selector, count, .. } = note;
    let (provider, fingerprint) =
        (provider.as_ref().map(|it| it.as_str()), fingerprint.map(tracing::field::display));
    let token_id = token_id.as_ref().map(TokenId::as_str);
    let selector = selector.as_ref().map(|(name, _)| *name);
    tracing::info!(%origin, caller, call = call.word(), provider, fingerprint, token_id, selector, count, "operator request completed");
}
