use introspectd_core::TokenId;

use super::event::{Call, Note, Outcome};
use super::fingerprint::Fingerprint;
use crate::caller::Caller;
use crate::problem::Problem;
use crate::server::Origin;

/// Tells of a refused request: from where it came, whose it was, and why it was refused. The rest of it is its
/// client's, and told to nobody.
///
/// That a caller is unknown or may not is somebody's mistake or attack; bad tokens come all day.
pub(crate) fn refused(origin: Origin, caller: Option<&Caller>, policy: Option<&str>, problem: &Problem) {
    let caller = caller.map(|caller| caller.name.as_str());
    let error = problem.error();
    match problem {
        Problem::InvalidClient | Problem::InvalidProxy | Problem::AccessDenied => {
            tracing::info!(%origin, caller, policy, error, "refused a request");
        }
        Problem::InvalidRequest(_)
        | Problem::NotFound
        | Problem::MethodNotAllowed { .. }
        | Problem::TooLarge
        | Problem::TooSlow
        | Problem::NotForm
        | Problem::NotJson
        | Problem::NoPolicy
        | Problem::MissingToken
        | Problem::InvalidToken(_)
        | Problem::InsufficientScope { .. }
        | Problem::Failure(_)
        | Problem::NoSuchToken
        | Problem::NotRevoked(_)
        | Problem::NotBound(_) => {
            tracing::debug!(%origin, caller, policy, error, ?problem, "refused a request");
        }
    }
}

/// Tells of what an operator did. What it was refused is told as such.
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
    tracing::info!(%origin, caller, call = call.word(), provider, fingerprint, token_id, selector, count, "did what an operator asked");
}
