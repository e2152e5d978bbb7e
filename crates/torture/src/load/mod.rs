//! Load at a steady rate, through every way in, with callers of different rights.

mod ask;
mod grpc;
mod http;
mod operator;
mod pick;
mod pool;

pub(crate) use ask::Asker;
pub(crate) use http::failed;
pub(crate) use operator::{Call, Operator};
pub(crate) use pick::Request;

use std::sync::Arc;
use std::time::{Duration, Instant};

use fastrand::Rng;
use tokio::sync::Semaphore;
use tokio::time::{MissedTickBehavior, interval};

use crate::oracle::Oracle;
use crate::oracle::weather::Kind;
use crate::stop::Stop;
use crate::world::Stock;

/// A way into the process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Way {
    /// `POST /introspect` over TCP.
    Introspect,
    /// The same over TLS.
    Tls,
    /// The same over the Unix socket, whose caller is its own.
    Unix,
    /// `/forward-auth/orders`.
    ForwardAuth,
    /// Envoy's `Check` over gRPC.
    Grpc,
}

impl Way {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Introspect => "POST /introspect",
            Self::Tls => "POST /introspect over TLS",
            Self::Unix => "POST /introspect over the Unix socket",
            Self::ForwardAuth => "/forward-auth/orders",
            Self::Grpc => "Check over gRPC",
        }
    }
}

/// Steady load.
pub(crate) struct Load {
    /// Requests a second.
    pub(crate) rate: u32,
    /// Number of requests after which it ends.
    pub(crate) requests: Option<u64>,
    /// Decisions about what is asked.
    pub(crate) rng: Rng,
}

/// Deadline of an answer, far over every bound.
const PATIENCE: Duration = Duration::from_secs(15);
/// Requests in flight. Those that find no place are sent later, which is counted. With the idle
/// connections of each way far fewer than the process has places: the load is no crowd.
const IN_FLIGHT: usize = 500;
/// A pause of the load that is not the process's fault.
const STARVED: Duration = Duration::from_millis(250);

impl Load {
    /// Sends requests when they are due, whether earlier ones were answered or not, until `stop`.
    pub(crate) async fn run(
        self,
        askers: Vec<Arc<Asker>>,
        stock: Arc<Stock>,
        oracle: Arc<Oracle>,
        stop: Stop,
    ) {
        let places = Arc::new(Semaphore::new(IN_FLIGHT));
        let mut rng = self.rng;
        let mut ticks = interval(Duration::from_millis(2));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        let start = Instant::now();
        let mut sent: u64 = 0;
        let mut latest = oracle.watch.at();
        let wanted = self.requests.unwrap_or(u64::MAX);
        while sent < wanted && !stop.is_over() {
            ticks.tick().await;
            latest = note_starvation(&oracle, latest);
            let due = start.elapsed().as_secs_f64() * f64::from(self.rate);
            while (sent as f64) < due && sent < wanted {
                if places.available_permits() == 0 {
                    oracle.tally.did("request sent late: too many in flight");
                }
                let Ok(place) = Arc::clone(&places).acquire_owned().await else {
                    return;
                };
                // Decisions are made here, in the order of requests, so that the seed repeats them.
                let request = pick::next(&mut rng, &stock, askers.len());
                let Some(asker) = askers.get(request.question.replica.0) else {
                    return;
                };
                let (asker, oracle) = (Arc::clone(asker), Arc::clone(&oracle));
                sent += 1;
                tokio::spawn(async move {
                    ask_and_judge(&asker, &oracle, &request).await;
                    drop(place);
                });
            }
        }
        // Those in flight are answered or give up.
        let all = u32::try_from(IN_FLIGHT).unwrap_or(u32::MAX);
        let _ = places.acquire_many(all).await;
    }
}

async fn ask_and_judge(asker: &Asker, oracle: &Arc<Oracle>, request: &pick::Request) {
    let (exchange, seen) = asker.ask(oracle.watch, request).await;
    oracle.tally.came_by(request.way.name());
    oracle.hear(&request.question, &exchange, seen);
}

/// Notes a time in which not even this task got on, and returns the present.
fn note_starvation(oracle: &Oracle, latest: Duration) -> Duration {
    let now = oracle.watch.at();
    if now.saturating_sub(latest) > STARVED {
        oracle.weather.begin(Kind::Starved, None, latest);
        oracle.weather.end(Kind::Starved, None, now);
        oracle.tally.did("machine gave no time");
    }
    now
}
