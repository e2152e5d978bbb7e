//! Path of every request to a provider.

mod around;
mod authenticate;
mod deadline;
mod limit;
mod observe;
mod receive;
mod repeat;
mod threads;

use std::sync::Arc;
use std::time::Duration;

use introspectd_core::{Failure, HealthRecord};
use tokio::sync::Semaphore;
use tower::ServiceBuilder;
use tower::retry::RetryLayer;
use tower::util::BoxCloneSyncService;

use crate::credentials::Credentials;
use crate::outbound::Net;
use crate::pool::Pool;
use crate::request::Request;
use crate::response::Response;

use around::around;
use authenticate::AuthenticateLayer;
use deadline::Deadline;
use limit::Limit;
use observe::Observe;
use receive::ReceiveLayer;
use repeat::RepeatOnce;
use threads::Threads;

/// All layers between an adapter and the pool of one provider.
pub(crate) type Stack = BoxCloneSyncService<Request, Response, Failure>;

/// Builds the stack of one provider: the whole order of layers, from the outside in.
///
/// A layer that sees a request and its outcome is a type with [`around::Around`] and one line here.
/// A cached hit never comes here. Grants of our own (`grant.rs`) enter at the pool: their renewal
/// belongs to no adapter's request, and has a deadline of its own.
pub(crate) fn stack(
    net: Net,
    health: Arc<HealthRecord>,
    timeout: Duration,
    places: Arc<Semaphore>,
    credentials: Arc<Credentials>,
    pool: Pool,
) -> Stack {
    let layers = ServiceBuilder::new()
        // Outermost, so that it sees what the adapter gets: timeouts and excess, too.
        .layer(around(Observe(health)))
        // Over all below, waiting and repetition included.
        .layer(around(Deadline(timeout)))
        .layer(around(Limit(places)))
        // What is refused above costs the outbound threads nothing.
        .layer(around(Threads(net)))
        // Layers above see a failure for each response that says nothing about a token; layers
        // below see its status.
        .layer(ReceiveLayer::new(timeout))
        // Above the credentials, so that a repeated request brings the ones that hold by then.
        .layer(RetryLayer::new(RepeatOnce::default()))
        .layer(AuthenticateLayer::new(credentials));
    BoxCloneSyncService::new(layers.service(pool))
}
