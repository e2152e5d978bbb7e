//! Path of every request to a provider.

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
use tower::ServiceBuilder;
use tower::retry::RetryLayer;
use tower::util::BoxCloneSyncService;

use crate::credentials::Credentials;
use crate::outbound::Net;
use crate::pool::Pool;
use crate::request::Request;
use crate::response::Response;

use authenticate::AuthenticateLayer;
use deadline::DeadlineLayer;
use limit::LimitLayer;
use observe::ObserveLayer;
use receive::ReceiveLayer;
use repeat::RepeatOnce;
use threads::ThreadsLayer;

/// All layers between an adapter and the pool of one provider.
pub(crate) type Stack = BoxCloneSyncService<Request, Response, Failure>;

/// Builds the stack of one provider: the whole order of layers, from the outside in.
///
/// A cached hit never comes here. Grants of our own (`grant.rs`) enter at the pool: their renewal is no request of any
/// adapter, and has a deadline of its own.
pub(crate) fn stack(
    net: Net,
    health: Arc<HealthRecord>,
    timeout: Duration,
    max_in_flight: u32,
    credentials: Arc<Credentials>,
    pool: Pool,
) -> Stack {
    let layers = ServiceBuilder::new()
        // Outermost, so that it sees what the adapter gets: timeouts and excess, too.
        .layer(ObserveLayer::new(health))
        // Over all below, waiting and repetition included.
        .layer(DeadlineLayer::new(timeout))
        .layer(LimitLayer::new(max_in_flight))
        // What is refused above costs the outbound threads nothing.
        .layer(ThreadsLayer::new(net))
        // Layers above see a failure for each response that says nothing about a token; layers below see its status.
        .layer(ReceiveLayer::new(timeout))
        // Above the credentials, so that a repeated request brings the ones that hold by then.
        .layer(RetryLayer::new(RepeatOnce::default()))
        .layer(AuthenticateLayer::new(credentials));
    BoxCloneSyncService::new(layers.service(pool))
}
