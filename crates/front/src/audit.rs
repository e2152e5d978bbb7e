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
        | Problem::InvalidToken
        | Problem::InsufficientScope(_)
        | Problem::Failure(_)
        | Problem::NoSuchToken
        | Problem::NotRevoked(_)
        | Problem::NotBound(_) => {
            tracing::debug!(%origin, caller, policy, error, ?problem, "refused a request");
        }
    }
}
