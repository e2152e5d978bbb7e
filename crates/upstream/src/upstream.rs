use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use introspectd_core::ask::{self, BreakerState, Gauges, Meter};
use introspectd_core::{Aside, Clock, DoubtHandler, Failure, Health, HealthRecord};
use tower::ServiceExt as _;

use crate::connection::Connection;
use crate::exchange::{Exchange, Sent};
use crate::exposure::Exposure;
use crate::gate::Gate;
use crate::grant::GrantObserver;
use crate::outbound::Outbound;
use crate::pool::Pool;
use crate::request::{Effect, Request};
use crate::response::Response;
use crate::stack::{self, Queue, Stack};

/// Client of one provider: a stack of layers above a pool of its own (HTTP/1.1, or HTTP/2 where TLS
/// agrees on it).
///
/// Calls are cancel-safe: a dropped call closes or returns its connection and leaves nothing behind
/// but a renewal of the credential, which others may wait for.
#[derive(Debug, Clone)]
pub struct Upstream(Arc<Shared>);

struct Shared {
    stack: Stack,
    state: stack::Shared,
    timeout: Duration,
}

/// Body from which on reading it may take a millisecond: whoever asked goes on elsewhere, where it
/// holds up no other request. One of 1 MiB takes 30 ms.
const LARGE: usize = 16 * 1024;

/// Time by which several exchanges may be late, so that the first one names its own timeout, which
/// began a moment later, to breaker and health.
const GRACE: Duration = Duration::from_millis(10);

impl Upstream {
    /// Creates the client of a provider, as its configuration says.
    pub fn new(connection: Connection, clock: Arc<dyn Clock>, outbound: &Outbound) -> Self {
        let Connection {
            tls,
            proxy,
            timeout,
            keep_alive,
            policy,
            headers,
            credentials,
            ..
        } = connection;
        let net = outbound.net();
        let pool = Pool::new(net.clone(), tls, proxy, keep_alive, Arc::clone(&clock));
        let (health, meter) = (Arc::<HealthRecord>::default(), Arc::<Meter>::default());
        let observer = GrantObserver {
            health: Arc::clone(&health),
            meter: Arc::clone(&meter),
        };
        let gate = Arc::new(Gate::new(policy.breaker, Arc::clone(&clock)));
        let credentials = credentials.into_live(
            &pool,
            headers.confined(),
            timeout,
            Arc::clone(&clock),
            observer,
        );
        let state = stack::Shared {
            health,
            meter,
            gate,
            queue: Queue::new(policy.max_in_flight, policy.queue),
            credentials: Arc::new(credentials),
            headers: Arc::new(headers),
        };
        let stack = stack::stack(&state, &policy, timeout, net, pool, clock);
        Self(Arc::new(Shared {
            stack,
            state,
            timeout,
        }))
    }

    /// Health by what was last seen of the provider.
    pub fn health(&self) -> Health {
        let gate = &self.0.state.gate;
        if gate.is_paused() || gate.breaker() != BreakerState::Closed {
            return Health::Open;
        }
        self.0.state.health.current()
    }

    /// Present state of the way to the provider.
    pub fn gauges(&self) -> Gauges {
        let stack::Shared {
            gate,
            queue,
            credentials,
            ..
        } = &self.0.state;
        Gauges {
            in_flight: queue.in_flight(),
            queue: queue.queued(),
            breaker: gate.breaker(),
            is_throttled: gate.is_paused(),
            credential_expiry: credentials.expiry(),
            keys: None,
        }
    }

    /// Counters of retries and grants, for whoever counts asks.
    pub fn meter(&self) -> Arc<Meter> {
        Arc::clone(&self.0.state.meter)
    }

    /// Sends a request.
    ///
    /// # Errors
    /// A [`Failure`] for anything but a [`Response`] that may say something about a token.
    pub fn send(
        &self,
        request: Request,
    ) -> impl Future<Output = Result<Response, Failure>> + Send + use<'_> {
        // Here, so that no future around it has room for a request.
        let mut request = Box::new(request);
        async move {
            request.doubt = DoubtHandler::current();
            ask::Context::with_current(|context| {
                context.note_sent();
                request.trace = context.trace();
            });
            let response = self.0.stack.clone().oneshot(request).await?;
            if response.body.len() > LARGE {
                Aside::step().await;
            }
            Ok(response)
        }
    }

    /// Sends a request once, over a connection of its own, and leaves the exchange to be looked at.
    pub async fn expose(&self, request: Request) -> Exchange<Response> {
        let sent = Sent::masked(&request, &self.0.state);
        self.exposed(request, sent).await
    }

    /// Sends a request like [`expose`](Self::expose), and shows in its place one that was built
    /// with masks for its secrets.
    pub async fn expose_as(&self, request: Request, shown: &Request) -> Exchange<Response> {
        let sent = Sent::shown(shown, &self.0.state);
        self.exposed(request, sent).await
    }

    async fn exposed(&self, mut request: Request, sent: Sent) -> Exchange<Response> {
        let exposure = Exposure::default();
        request.effect = Effect::Change;
        request.exposure = Some(exposure.clone());
        let outcome = self.send(request).await;
        let (head, body) = exposure.take();
        Exchange {
            sent,
            head,
            body,
            outcome,
        }
    }

    /// Ends what takes several exchanges in the time of one.
    ///
    /// # Errors
    /// [`Failure::Timeout`] at its end, and before it what `exchanges` fails with.
    pub async fn in_time<T>(
        &self,
        exchanges: impl Future<Output = Result<T, Failure>>,
    ) -> Result<T, Failure> {
        tokio::time::timeout(self.0.timeout + GRACE, exchanges)
            .await
            .unwrap_or(Err(Failure::Timeout))
    }

    /// Ends what takes many exchanges, each of which has its own time.
    ///
    /// # Errors
    /// [`Failure::Timeout`] when `limit` is over, and before it what `exchanges` fails with.
    pub async fn within<T>(
        limit: Duration,
        exchanges: impl Future<Output = Result<T, Failure>>,
    ) -> Result<T, Failure> {
        tokio::time::timeout(limit, Box::pin(exchanges))
            .await
            .unwrap_or(Err(Failure::Timeout))
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Upstream")
            .field("credentials", &self.state.credentials)
            .finish_non_exhaustive()
    }
}
