//! Addresses of hosts, without the system's blocking resolver, whose look-ups hold a thread for as
//! long as a DNS server is silent.
//!
//! `/etc/hosts` and `/etc/resolv.conf` count (servers, search domains, `ndots`, timeouts), also
//! when they change; `nsswitch.conf` does not.

mod lookup;

use std::collections::HashMap;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::{BoxFuture, Shared};
use introspectd_core::Clock;
use tokio::task::AbortHandle;
use tokio::time::Instant;

use lookup::Lookup;

/// Reason why a name has no address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NameError {
    /// No address, according to DNS.
    NoSuchName,
    /// No usable answer from DNS.
    Failed,
}

pub(crate) type Addresses = Result<Arc<[IpAddr]>, NameError>;

/// Addresses of the hosts that were looked up: those of the configuration, so there are few.
///
/// A host is looked up once at a time, in a task of its own that no caller's leaving ends. Its
/// addresses are kept for their TTL; after it they are used on while a look-up fails or is slow.
pub(crate) struct Names {
    lookup: Lookup,
    clock: Arc<dyn Clock>,
    known: Mutex<HashMap<Box<str>, Known>>,
}

#[derive(Default)]
struct Known {
    last: Option<Arc<[IpAddr]>>,
    error: Option<NameError>,
    /// End of `last` or `error`, by [`Clock::elapsed`].
    until: Duration,
    underway: Option<Underway>,
}

struct Underway {
    flight: Flight,
    since: Instant,
    task: AbortHandle,
}

type Flight = Shared<BoxFuture<'static, Addresses>>;

/// Bounds of a TTL. Below the lower one a server would be asked for each connection, above the
/// upper one an address that moved would be kept too long.
const TTL: (Duration, Duration) = (Duration::from_secs(5), Duration::from_secs(300));
/// Pause after a failed look-up, unless older addresses serve: these pause for the least TTL.
const REST: Duration = Duration::from_secs(1);
/// Longest look-up. Its waiters have deadlines of their own.
const LONGEST: Duration = Duration::from_secs(10);
/// Longest wait for a look-up while older addresses can serve.
const PATIENCE: Duration = Duration::from_millis(200);

/// State of a host when it is needed.
enum Found {
    Settled(Addresses),
    /// Running look-up, with the addresses that serve meanwhile and the moment to use them.
    Underway(Flight, Option<(Arc<[IpAddr]>, Instant)>),
}

impl Names {
    pub(crate) fn system(clock: Arc<dyn Clock>) -> Arc<Self> {
        Self::with(Lookup::System(Box::default()), clock)
    }

    pub(crate) fn server(server: SocketAddr, clock: Arc<dyn Clock>) -> Arc<Self> {
        Self::with(Lookup::Server(server), clock)
    }

    fn with(lookup: Lookup, clock: Arc<dyn Clock>) -> Arc<Self> {
        Arc::new(Self {
            lookup,
            clock,
            known: Mutex::default(),
        })
    }

    /// Returns the addresses of a host. Runs on the outbound threads, where the look-up stays when
    /// the caller leaves.
    pub(crate) async fn resolve(self: &Arc<Self>, host: &str) -> Addresses {
        if let Some(addresses) = without_lookup(host) {
            return Ok(addresses);
        }
        match self.find(host) {
            Found::Settled(addresses) => addresses,
            Found::Underway(flight, None) => flight.await,
            Found::Underway(flight, Some((older, patience))) => {
                tokio::time::timeout_at(patience, flight)
                    .await
                    .unwrap_or(Ok(older))
            }
        }
    }

    fn find(self: &Arc<Self>, host: &str) -> Found {
        let now = self.clock.elapsed();
        let mut all = self.lock();
        let known = all.entry(host.into()).or_default();
        // One that ended without settling panicked.
        if let Some(underway) = known.underway.as_ref().filter(|it| !it.task.is_finished()) {
            return underway.found(known.last.clone());
        }
        if now < known.until {
            match (&known.last, known.error) {
                (Some(last), _) => return Found::Settled(Ok(Arc::clone(last))),
                (None, Some(error)) => return Found::Settled(Err(error)),
                (None, None) => {}
            }
        }
        known
            .underway
            .insert(self.start(host.into()))
            .found(known.last.clone())
    }

    fn start(self: &Arc<Self>, host: Box<str>) -> Underway {
        let names = Arc::clone(self);
        let look_up = tokio::spawn(async move {
            let looked_up = tokio::time::timeout(LONGEST, names.lookup.addresses(&host)).await;
            names.settle(&host, looked_up.unwrap_or(Err(NameError::Failed)))
        });
        let task = look_up.abort_handle();
        let flight = look_up
            .map(|joined| joined.unwrap_or(Err(NameError::Failed)))
            .boxed()
            .shared();
        Underway {
            flight,
            since: Instant::now(),
            task,
        }
    }

    fn settle(
        &self,
        host: &str,
        looked_up: Result<(Vec<IpAddr>, Duration), NameError>,
    ) -> Addresses {
        let now = self.clock.elapsed();
        let mut all = self.lock();
        let known = all.entry(host.into()).or_default();
        known.underway = None;
        match looked_up {
            Ok((addresses, ttl)) => {
                let addresses: Arc<[IpAddr]> = addresses.into();
                known.until = now + ttl.clamp(TTL.0, TTL.1);
                known.error = None;
                known.last = Some(Arc::clone(&addresses));
                Ok(addresses)
            }
            Err(error) => {
                known.until = now + if known.last.is_some() { TTL.0 } else { REST };
                known.error = Some(error);
                known.last.clone().ok_or(error)
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Box<str>, Known>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Underway {
    fn found(&self, older: Option<Arc<[IpAddr]>>) -> Found {
        Found::Underway(
            self.flight.clone(),
            older.map(|older| (older, self.since + PATIENCE)),
        )
    }
}

/// Addresses, and the name of this machine (RFC 6761 section 6.3).
fn without_lookup(host: &str) -> Option<Arc<[IpAddr]>> {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    if let Ok(address) = bare.parse() {
        return Some([address].into());
    }
    let loopback = [
        IpAddr::from(Ipv4Addr::LOCALHOST),
        IpAddr::from(Ipv6Addr::LOCALHOST),
    ];
    host.trim_end_matches('.')
        .eq_ignore_ascii_case("localhost")
        .then(|| loopback.into())
}

impl fmt::Debug for Names {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Names")
    }
}
