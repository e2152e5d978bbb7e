//! Fleet, provider and oracle of one history.

use std::collections::HashSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use introspectd_core::{
    Clock, Expiry, Failure, Health, Introspection, Outage, Provider, ProviderName, Revocation,
    Status, Token, TokenValue,
};
use introspectd_fleet::{
    Fault, Fleet, FleetSecret, FleetSettings, Link, MemoryStore, RuntimeClock,
};
use introspectd_resolver::{
    CacheLimits, CacheTimes, Keep, Match, Names, ProviderEntry, Resolver, Unmatched,
};
use regex::Regex;
use tokio::runtime::Handle;
use tokio::task::JoinHandle;
use tokio::time::sleep;

pub(crate) const TOKENS: usize = 4;

const TRUST: Duration = Duration::from_secs(2);

/// Bound while a purge may be unheard: that of the promise.
const DEAF_BOUND: Duration = Duration::from_secs(3);

/// Bound while everything is heard: some steps of the scheduler.
const HOP: Duration = Duration::from_millis(20);

/// Time after a fault of the store for which its bound holds.
const AFTERMATH: Duration = Duration::from_secs(4);

/// Kept part of a fact: the name of its token.
#[derive(Clone, Debug)]
struct Kept(String);

impl Keep for Kept {
    fn keep(_: &ProviderName, token: Token) -> Self {
        Self(token.jti.unwrap())
    }

    fn names(&self) -> Names<'_> {
        Names {
            jti: Some(self.0.as_str().into()),
            ..Names::default()
        }
    }

    fn size(&self) -> usize {
        self.0.len()
    }

    fn write(&self) -> Option<Vec<u8>> {
        Some(self.0.clone().into_bytes())
    }

    fn read(bytes: &[u8]) -> Option<Self> {
        String::from_utf8(bytes.to_vec()).ok().map(Self)
    }
}

/// Provider that knows at once what was revoked, and may be slow to tell.
#[derive(Debug)]
struct Server {
    revoked: Mutex<HashSet<String>>,
    random: Mutex<fastrand::Rng>,
}

impl Server {
    async fn dawdle(&self) {
        let millis = {
            let mut random = self.random.lock().unwrap();
            match random.u8(0..4) {
                0 => random.u64(0..1800),
                _ => random.u64(0..5),
            }
        };
        sleep(Duration::from_millis(millis)).await;
    }
}

#[async_trait]
impl Provider for Server {
    fn health(&self) -> Health {
        Health::Unknown
    }

    async fn introspect(&self, token: &TokenValue) -> Result<Introspection, Failure> {
        // As late as a real one may be: judged first, told later.
        let is_revoked = self.revoked.lock().unwrap().contains(token.expose());
        self.dawdle().await;
        if is_revoked {
            return Ok(Introspection::Inactive);
        }
        let mut record = Token::new(Status::Good, Expiry::Never);
        record.jti = Some(token.expose().to_owned());
        Ok(Introspection::Token(Box::new(record)))
    }

    fn revocation(&self) -> Option<&dyn Revocation> {
        Some(self)
    }
}

#[async_trait]
impl Revocation for Server {
    async fn revoke(&self, token: &TokenValue) -> Result<(), Failure> {
        self.revoked
            .lock()
            .unwrap()
            .insert(token.expose().to_owned());
        self.dawdle().await;
        Ok(())
    }
}

struct Replica {
    resolver: Arc<Resolver<Kept>>,
    link: Link,
    _following: JoinHandle<()>,
}

/// Evidence that the oracle judges by. Moments are those of the clock.
#[derive(Default)]
struct Events {
    /// Request for a token at a replica: begun, ended, active.
    asked: Vec<(usize, usize, Duration, bool)>,
    /// Answered revocation of a token at a replica, and whether all were told.
    revoked: Vec<(usize, usize, Duration, bool)>,
    /// Spans in which a replica may not hear, or the store has lost entries (of all replicas).
    faults: Vec<(Option<usize>, Duration, Option<Duration>)>,
    failures: usize,
}

pub(crate) struct World {
    clock: Arc<dyn Clock>,
    store: MemoryStore,
    replicas: Vec<Replica>,
    events: Arc<Mutex<Events>>,
}

impl World {
    pub(crate) async fn new(seed: u64, replicas: usize) -> Self {
        let clock: Arc<dyn Clock> = Arc::new(RuntimeClock::after(Duration::from_secs(1000)));
        let store = MemoryStore::with_seed(Arc::clone(&clock), seed);
        let server = Arc::new(Server {
            revoked: Mutex::default(),
            random: Mutex::new(fastrand::Rng::with_seed(seed ^ 0x5eed)),
        });
        let replica = |_| replica(&store, &server, &clock);
        let replicas = (0..replicas).map(replica).collect();
        let events = Arc::default();
        let world = Self {
            clock,
            store,
            replicas,
            events,
        };
        sleep(Duration::from_secs(2)).await;
        world
    }

    pub(crate) fn ask(&self, replica: usize, token: usize) {
        let resolver = Arc::clone(&self.replicas[replica].resolver);
        let (clock, events) = (Arc::clone(&self.clock), Arc::clone(&self.events));
        let begun = clock.elapsed();
        drop(tokio::spawn(async move {
            let answer = resolver.introspect(value(token), None, |_| true).await;
            let mut events = events.lock().unwrap();
            match answer {
                Ok(answer) => {
                    let is_active = answer.active(clock.now()).is_some();
                    events.asked.push((replica, token, begun, is_active));
                }
                Err(_) => events.failures += 1,
            }
        }));
    }

    pub(crate) fn revoke(&self, replica: usize, token: usize) {
        let resolver = Arc::clone(&self.replicas[replica].resolver);
        let (clock, events) = (Arc::clone(&self.clock), Arc::clone(&self.events));
        drop(tokio::spawn(async move {
            let outcome = resolver.revoke(&value(token), None, |_| true).await;
            let is_told = match outcome {
                Ok(()) => true,
                Err(Failure::Unavailable {
                    outage: Outage::NotShared,
                    ..
                }) => false,
                Err(failure) => panic!("{failure}"),
            };
            let told = (replica, token, clock.elapsed(), is_told);
            events.lock().unwrap().revoked.push(told);
        }));
    }

    pub(crate) fn cut(&self, replica: usize, fault: Option<Fault>) {
        self.replicas[replica].link.set_fault(fault);
        let now = self.clock.elapsed();
        self.events
            .lock()
            .unwrap()
            .faults
            .push((Some(replica), now, None));
    }

    pub(crate) fn heal(&self) {
        for replica in &self.replicas {
            replica.link.set_fault(None);
        }
        let now = self.clock.elapsed();
        for (_, _, end) in &mut self.events.lock().unwrap().faults {
            end.get_or_insert(now);
        }
    }

    /// Loses all that is stored. What one replica alone knows is lost with it where it cannot
    /// notice, so all links are whole.
    pub(crate) fn flush(&self) {
        self.lose(MemoryStore::flush);
    }

    pub(crate) fn lose_last(&self, entries: usize) {
        self.lose(|store| store.lose_last(entries));
    }

    fn lose(&self, lose: impl FnOnce(&MemoryStore)) {
        self.heal();
        lose(&self.store);
        let now = self.clock.elapsed();
        self.events
            .lock()
            .unwrap()
            .faults
            .push((None, now, Some(now)));
    }

    /// Waits until all that was begun has ended.
    pub(crate) async fn settle(&self) {
        sleep(Duration::from_secs(20)).await;
        for replica in 0..self.replicas.len() {
            for token in 0..TOKENS {
                self.ask(replica, token);
            }
        }
        sleep(Duration::from_secs(10)).await;
    }

    /// Compares every answer with what was revoked before its request.
    pub(crate) fn judge(&self, seed: u64) {
        let events = self.events.lock().unwrap();
        let end = self.clock.elapsed();
        for (replica, token, begun, is_active) in &events.asked {
            for (at, _, told, is_told) in events
                .revoked
                .iter()
                .filter(|(_, revoked, ..)| revoked == token)
            {
                let bound = if at == replica {
                    Duration::ZERO
                } else if !is_told {
                    // It says so, and goes on trying.
                    Duration::from_secs(15)
                } else if events.may_be_deaf(*replica, *told, *begun, end) {
                    DEAF_BOUND
                } else {
                    HOP
                };
                let is_wrong = *is_active && *begun > *told + bound;
                assert!(
                    !is_wrong,
                    "seed {seed}: token {token} active at {replica}, asked {:?} after its \
                        revocation at {at} was answered",
                    *begun - *told
                );
            }
        }
        assert!(events.asked.len() > TOKENS * 3, "seed {seed}");
    }
}

impl Events {
    /// Returns true if the replica may not have heard a purge of that time.
    fn may_be_deaf(&self, replica: usize, from: Duration, to: Duration, end: Duration) -> bool {
        self.faults.iter().any(|(of, begin, until)| {
            of.is_none_or(|of| of == replica)
                && *begin <= to
                && until.unwrap_or(end) + AFTERMATH >= from
        })
    }
}

fn replica(store: &MemoryStore, server: &Arc<Server>, clock: &Arc<dyn Clock>) -> Replica {
    let link = store.link();
    let settings = FleetSettings {
        prefix: "p".to_owned(),
        share: 0.2,
        trust: TRUST,
        keep: Duration::from_secs(300),
    };
    let secret = FleetSecret::new(&[7; 32]).unwrap();
    let fleet = Fleet::new(
        Arc::new(link.clone()),
        &secret,
        None,
        settings,
        Arc::clone(clock),
        Handle::current(),
    );
    let fleet = Arc::new(fleet.unwrap());
    let entry = ProviderEntry {
        name: ProviderName::parse("as").unwrap(),
        kind: "fake",
        provider: Arc::clone(server) as _,
        matching: Some(Match::Regex(Regex::new(".").unwrap())),
        issuer: None,
        clock_skew: Duration::ZERO,
        timeout: Duration::from_secs(3),
        times: None,
        revision: [1; 16],
    };
    let limits = CacheLimits {
        max_bytes: 1 << 20,
        times: CacheTimes {
            ttl: Duration::from_secs(30),
            inactive_ttl: Duration::from_secs(5),
            stale_if_error: Duration::from_secs(30),
            without_end: None,
        },
    };
    let resolver = Resolver::in_fleet(
        vec![entry],
        &Unmatched::Reject,
        limits,
        Arc::clone(clock),
        Some(Arc::clone(&fleet)),
    );
    let resolver = Arc::new(resolver.unwrap());
    let following = tokio::spawn(fleet.follow(resolver.replica()));
    Replica {
        resolver,
        link,
        _following: following,
    }
}

fn value(token: usize) -> TokenValue {
    TokenValue::parse(format!("token-{token}")).unwrap()
}
