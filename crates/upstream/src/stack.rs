//! Path of every request to a provider.

mod around;
mod attempt;
mod authenticate;
mod breaker;
mod budget;
mod deadline;
mod hedge;
mod latencies;
mod observe;
mod queue;
mod receive;
mod repeat;
mod retry;
mod threads;

use std::sync::Arc;
use std::time::Duration;

use introspectd_core::ask::Meter;
use introspectd_core::{Clock, Failure, HealthRecord};
use tower::ServiceBuilder;
use tower::retry::RetryLayer;
use tower::util::BoxCloneSyncService;

use crate::credentials::Credentials;
use crate::gate::Gate;
use crate::headers::Headers;
use crate::outbound::Net;
use crate::policy::{DEFAULT_BUDGET, Policy};
use crate::pool::Pool;
use crate::request::Request;
use crate::response::Response;

use around::around;
use attempt::Attempt;
use authenticate::AuthenticateLayer;
use breaker::Breaker;
use budget::Budget;
use deadline::Deadline;
use hedge::Hedge;
use observe::Observe;
use receive::ReceiveLayer;
use repeat::RepeatOnce;
use retry::Retry;
use threads::Threads;

pub(crate) use queue::Queue;

/// All layers between an adapter and the pool of one provider. A request is boxed, since each layer
/// moves it.
pub(crate) type Stack = BoxCloneSyncService<Box<Request>, Response, Failure>;

/// State of one provider that its layers share with whoever looks at it.
#[derive(Clone)]
pub(crate) struct Shared {
    pub(crate) health: Arc<HealthRecord>,
    pub(crate) meter: Arc<Meter>,
    pub(crate) gate: Arc<Gate>,
    pub(crate) queue: Queue,
    pub(crate) credentials: Arc<Credentials>,
    pub(crate) headers: Arc<Headers>,
}

/// Builds the stack of one provider: the whole order of layers, from the outside in.
///
/// A layer that sees a request and its outcome is a type with [`around::Around`] and one line here.
/// A cached hit never comes here. Grants of our own (`grant.rs`) enter at the pool: their renewal
/// belongs to no adapter's request, and has a deadline of its own.
pub(crate) fn stack(
    shared: &Shared,
    policy: &Policy,
    timeout: Duration,
    net: Net,
    pool: Pool,
    clock: Arc<dyn Clock>,
) -> Stack {
    let meter = || Arc::clone(&shared.meter);
    // Without retries the budget is that of second requests.
    let share = policy.retry.map_or(DEFAULT_BUDGET, |retry| retry.budget);
    let budget = Arc::new(Budget::new(share, clock));
    let attempts = policy.retry.map_or(1, |retry| retry.attempts);
    let hedge = if policy.hedges {
        Hedge::new(shared.queue.clone(), Arc::clone(&budget), meter())
    } else {
        Hedge::off()
    };
    let layers = ServiceBuilder::new()
        // Outermost, so that it sees what the adapter gets: timeouts and excess, too.
        .layer(around(Observe(Arc::clone(&shared.health))))
        // Over all below, waiting and retries included.
        .layer(around(Deadline(timeout)))
        // Before the queue: what it refuses waits for nothing.
        .layer(around(Breaker::new(Arc::clone(&shared.gate))))
        .layer(around(shared.queue.clone()))
        // What is refused above costs the outbound threads nothing.
        .layer(around(Threads(net)))
        .layer(around(Retry::new(attempts, budget, meter())))
        // Below the retries: each try may have a second one beside it.
        .layer(around(hedge))
        .layer(around(Attempt))
        // Layers above see a failure for each response that says nothing about a token; layers
        // below see its status.
        .layer(ReceiveLayer::new(timeout))
        // Above the credentials, so that a repeated request brings the ones that hold by then.
        .layer(RetryLayer::new(RepeatOnce::default()))
        .layer(AuthenticateLayer::new(
            Arc::clone(&shared.credentials),
            Arc::clone(&shared.headers),
        ));
    BoxCloneSyncService::new(layers.service(pool))
}
