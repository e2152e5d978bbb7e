use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use introspectd_core::{Clock, Expiry, ProviderName, Status, Timestamp, Token, TokenValue};
use introspectd_plan::{Fleet, Load};
use introspectd_resolver::parts::{Key, Parts, Question};
use introspectd_resolver::{CacheLimits, CacheTimes, Keep};
use introspectd_service::KeptAnswer;

use crate::workload::Workload;

/// Use of the shared tier.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    Shared,
    Alone,
    /// Facts older than `trust` are asked again.
    RedisDown,
}

pub(crate) struct Simulated {
    pub(crate) load: Load,
    /// Bytes of a replica's facts that are fresh in the end, on average.
    pub(crate) fresh_bytes: f64,
}

/// Sends the workload to a fleet of real caches, and counts after so many seconds of warm-up.
pub(crate) fn simulate(fleet: &Fleet, mode: Mode, warmup: f64, seconds: f64) -> Simulated {
    let mut caches = Caches::new(fleet, mode);
    let mut workload = Workload::new(fleet, 7);
    let mut is_warm = false;
    loop {
        let request = workload.next();
        if request.at > warmup + seconds {
            break;
        }
        if !is_warm && request.at >= warmup {
            is_warm = true;
            caches.counts = Counts::default();
        }
        caches.answer(micros(request.at), request.replica, request.token);
    }
    let size = caches.replicas[0].active();
    let facts = caches.fresh() as f64 / caches.replicas.len() as f64;
    Simulated {
        load: caches.counts.load(seconds, fleet),
        fresh_bytes: facts * size.bytes as f64 / size.entries as f64,
    }
}

/// Bytes of an answer that the service keeps, and of its entry in the cache.
pub(crate) fn kept_answer() -> (u64, u64) {
    let provider = ProviderName::parse("as").unwrap();
    let token = Token {
        sub: Some("alice".to_owned()),
        ..Token::new(Status::Good, Expiry::Never)
    };
    let limits = CacheLimits {
        max_bytes: 1 << 20,
        times: times(Duration::from_secs(60)),
    };
    let cache = Parts::<KeptAnswer>::repeatable(limits, Arc::new(ManualMicros::default()));
    let key = cache.key(&Question::about(
        TokenValue::parse("token".to_owned()).unwrap(),
    ));
    cache.put(&key, &provider, token.clone());
    let answer = KeptAnswer::keep(&provider, token).size();
    (u64::try_from(answer).unwrap(), cache.active().bytes)
}

fn times(ttl: Duration) -> CacheTimes {
    CacheTimes {
        ttl,
        inactive_ttl: Duration::ZERO,
        stale_if_error: Duration::ZERO,
        without_end: None,
    }
}

/// Caches of the replicas, with the same keys; another one, with room for all, stands in for Redis.
struct Caches {
    mode: Mode,
    clock: Arc<ManualMicros>,
    replicas: Vec<Parts<Answer>>,
    redis: Parts<Answer>,
    keys: Vec<Key>,
    provider: ProviderName,
    token: Token,
    latency: u64,
    trust: u64,
    /// Latest request to the provider about a token, by replica unless facts are shared.
    asked_at: HashMap<(usize, usize), u64>,
    flights: HashMap<(usize, usize), BTreeSet<usize>>,
    /// Flights with the moments at which they land.
    landings: VecDeque<(u64, (usize, usize))>,
    counts: Counts,
}

impl Caches {
    fn new(fleet: &Fleet, mode: Mode) -> Self {
        let clock = Arc::new(ManualMicros::default());
        let cache = |max_bytes| {
            let limits = CacheLimits {
                max_bytes,
                times: times(fleet.ttl),
            };
            Parts::repeatable(limits, Arc::<ManualMicros>::clone(&clock))
        };
        let redis = cache(1 << 30);
        let key = |rank| {
            let token = TokenValue::parse(format!("token-{rank}")).unwrap();
            redis.key(&Question::about(token))
        };
        Self {
            mode,
            replicas: (0..fleet.replicas)
                .map(|_| cache(fleet.max_bytes))
                .collect(),
            keys: (0..fleet.tokens).map(key).collect(),
            redis,
            provider: ProviderName::parse("as").unwrap(),
            token: Token {
                jti: Some(fleet.answer_bytes.to_string()),
                ..Token::new(Status::Good, Expiry::Never)
            },
            latency: micros(fleet.provider_latency.as_secs_f64()),
            trust: micros(fleet.trust.unwrap_or_default().as_secs_f64()),
            asked_at: HashMap::new(),
            flights: HashMap::new(),
            landings: VecDeque::new(),
            counts: Counts::default(),
            clock,
        }
    }

    fn answer(&mut self, now: u64, replica: usize, token: usize) {
        self.land(now);
        self.clock.0.store(now, Relaxed);
        // Owner of what is shared, or not.
        let place = match self.mode {
            Mode::Shared => (usize::MAX, token),
            Mode::Alone | Mode::RedisDown => (replica, token),
        };
        let is_cached = self.replicas[replica].get(&self.keys[token]).is_some();
        let is_trusted = self.mode != Mode::RedisDown
            || self.asked_at.get(&place).copied().unwrap_or_default() + self.trust > now;
        self.counts.requests += 1.0;
        if is_cached && is_trusted {
            self.counts.own += 1.0;
        } else if let Some(waiting) = self.flights.get_mut(&place) {
            waiting.insert(replica);
            self.counts.coalesced += 1.0;
        } else if self.mode == Mode::Shared && self.redis.get(&self.keys[token]).is_some() {
            self.put(&self.replicas[replica], token, self.asked_at[&place], now);
            self.counts.shared += 1.0;
        } else {
            self.asked_at.insert(place, now);
            self.flights.insert(place, BTreeSet::from([replica]));
            self.landings.push_back((now + self.latency, place));
            self.counts.asked += 1.0;
            self.land(now);
        }
    }

    /// Lands what has an answer by now.
    fn land(&mut self, now: u64) {
        while let Some((_, place)) = self.landings.pop_front_if(|(at, _)| *at <= now) {
            let (asked_at, (_, token)) = (self.asked_at[&place], place);
            for replica in self.flights.remove(&place).unwrap() {
                self.put(&self.replicas[replica], token, asked_at, now);
            }
            if self.mode == Mode::Shared {
                self.put(&self.redis, token, asked_at, now);
            }
        }
    }

    /// Inserts a fact that lives from when the provider was asked.
    fn put(&self, cache: &Parts<Answer>, token: usize, asked_at: u64, now: u64) {
        self.clock.0.store(asked_at, Relaxed);
        cache.put(&self.keys[token], &self.provider, self.token.clone());
        self.clock.0.store(now, Relaxed);
    }

    /// Counts the fresh facts of all replicas.
    fn fresh(&self) -> usize {
        let of = |cache: &Parts<Answer>| {
            let fresh = |key: &&Key| cache.get(key).is_some();
            self.keys.iter().filter(fresh).count()
        };
        self.replicas.iter().map(of).sum()
    }
}

#[derive(Debug, Default)]
struct Counts {
    requests: f64,
    own: f64,
    shared: f64,
    coalesced: f64,
    asked: f64,
}

impl Counts {
    fn load(&self, seconds: f64, fleet: &Fleet) -> Load {
        let upstream = self.asked / seconds;
        Load {
            own_hits: self.own / self.requests,
            shared_hits: self.shared / self.requests,
            coalesced: self.coalesced / self.requests,
            misses: self.asked / self.requests,
            upstream,
            in_flight: upstream * fleet.provider_latency.as_secs_f64(),
        }
    }
}

/// Answer without its bytes, which takes as much room as what the service keeps.
#[derive(Clone)]
struct Answer {
    bytes: usize,
    _rest_of_kept_answer: [u64; 2],
}

impl Keep for Answer {
    fn keep(_: &ProviderName, token: Token) -> Self {
        Self {
            bytes: token.jti.unwrap().parse().unwrap(),
            _rest_of_kept_answer: [0; 2],
        }
    }

    fn size(&self) -> usize {
        self.bytes
    }
}

/// Clock of a simulation, in microseconds.
#[derive(Debug, Default)]
struct ManualMicros(AtomicU64);

impl Clock for ManualMicros {
    fn now(&self) -> Timestamp {
        Timestamp::from_seconds(1_700_000_000).unwrap()
    }

    fn elapsed(&self) -> Duration {
        Duration::from_micros(self.0.load(Relaxed))
    }
}

fn micros(seconds: f64) -> u64 {
    u64::try_from(Duration::from_secs_f64(seconds).as_micros()).unwrap()
}
