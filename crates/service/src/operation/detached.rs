use introspectd_core::ask::Context;
use introspectd_core::{Failure, Outage};

/// Runs work as a task of its own: what was begun ends even if the caller goes away.
pub(super) async fn run_detached<T: Send + 'static>(
    work: impl Future<Output = Result<T, Failure>> + Send + 'static,
) -> Result<T, Failure> {
    // A task has no context but the one that it is given.
    let context = Context::current();
    tokio::spawn(context.scope(work))
        .await
        .unwrap_or(Err(Failure::outage(Outage::Abandoned)))
}
