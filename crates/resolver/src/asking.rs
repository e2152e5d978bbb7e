use introspectd_core::ask::Context;

/// Context of a request, made only after a miss. A flight is part of that of its leader.
pub(crate) type Asking<'a> = &'a (dyn Fn() -> Context + Sync);

/// Returns the context of the task, for a request that has one.
pub(crate) fn current() -> Context {
    Context::current().unwrap_or_default()
}
