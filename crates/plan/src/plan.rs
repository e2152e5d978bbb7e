use std::time::Duration;

use crate::cycle::{self, Flow, Times};
use crate::eviction::{self, Room};
use crate::fleet::Fleet;
use crate::popularity::{self, Group};
use crate::redis::Redis;

/// Figures of a fleet. Rates are those of all replicas together.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Plan {
    /// Load while all is well.
    pub healthy: Load,
    /// Load while no replica hears Redis; `None` without a shared tier.
    pub redis_down: Option<Load>,
    /// Memory of each replica.
    pub memory: Memory,
    /// Shared tier; `None` without one.
    pub redis: Option<Redis>,
    /// Time until a revocation counts everywhere.
    pub revocation: Delay,
}

/// Answers to requests. The four shares are one together.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Load {
    /// Share answered by a replica's own cache.
    pub own_hits: f64,
    /// Share answered by the shared tier.
    pub shared_hits: f64,
    /// Share that waits for the provider's answer to another request.
    pub coalesced: f64,
    /// Share that is asked of a provider.
    pub misses: f64,
    /// Requests to providers a second.
    pub upstream: f64,
    /// Requests to providers in flight, at any moment.
    pub in_flight: f64,
}

/// Memory of a replica, in bytes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Memory {
    /// Facts that are fresh at any moment, if there is room for all of them.
    pub fresh: f64,
    /// Least `[cache] max_bytes` with room for these.
    pub needed: f64,
    /// Facts in the end: what has expired stays until its room is needed.
    pub cache: f64,
    /// Whole process, at most.
    pub process: f64,
}

/// Longest time, in seconds, for which a token is called active after it was revoked.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Delay {
    /// Revoked by introspectd, while every replica hears Redis: 99 of 100.
    pub heard: Option<f64>,
    /// Revoked by introspectd, whatever fails between the replicas. Zero for one that is alone.
    pub worst: f64,
    /// Revoked at its provider, without a word to introspectd.
    pub unannounced: f64,
}

impl Load {
    /// Share answered without a wait for a provider: `X-Cache: hit`.
    pub fn hits(&self) -> f64 {
        self.own_hits + self.shared_hits
    }
}

/// Bytes of a cached fact beside its answer, as `max_bytes` counts them.
const ENTRY: u64 = 176;
/// Share of `max_bytes` for active facts.
const ACTIVE: f64 = 7.0 / 8.0;
/// Bytes of room for each evicted entry that is remembered.
const REMEMBERED: f64 = 2048.0;
/// Share of the ttl that facts live on average: each is shortened by up to a tenth.
const SPREAD: f64 = 0.95;
/// Bytes of a process beside its cache, as docs/operations.md says.
const PROCESS: f64 = 64.0 * 1024.0 * 1024.0;
/// Seconds of a hop through Redis within a data center, 99 of 100.
const HOP: f64 = 0.05;
/// Seconds beyond `trust` until the last request with an older fact has its answer.
const BEYOND_TRUST: f64 = 1.0;

impl Fleet {
    /// Computes the figures.
    pub fn plan(&self) -> Plan {
        let groups = popularity::zipf(self.tokens, self.zipf);
        let ttl = self.ttl.as_secs_f64();
        let life = ttl * SPREAD;
        let total = |life, is_shared| {
            let flows = self.flows(&groups, life, is_shared, self.room());
            let all = flows.into_iter().map(|(tokens, flow)| flow.times(tokens));
            all.fold(Flow::default(), Flow::plus)
        };
        let flow = total(life, self.trust.is_some());
        let down = |trust: Duration| total(life.min(trust.as_secs_f64()), false);
        let worst = match self.trust {
            Some(trust) => ttl.min(trust.as_secs_f64() + BEYOND_TRUST),
            None if self.replicas == 1 => 0.0,
            None => ttl,
        };
        Plan {
            healthy: self.load(flow),
            redis_down: self.trust.map(|trust| self.load(down(trust))),
            memory: self.memory(&groups, life),
            redis: self.trust.map(|trust| Redis::of(self, trust, life, flow)),
            revocation: Delay {
                heard: self.trust.map(|_| HOP.min(ttl)),
                worst,
                unannounced: ttl,
            },
        }
    }

    /// Number of tokens of each group, and what becomes of the requests about one of them at all
    /// replicas, if facts live for so many seconds.
    fn flows(&self, groups: &[Group], life: f64, is_shared: bool, room: Room) -> Vec<(f64, Flow)> {
        let replicas = f64::from(self.replicas);
        let times = Times {
            life,
            latency: self.provider_latency.as_secs_f64(),
        };
        let rates = || groups.iter().map(|group| group.share * self.rate);
        let lives: Vec<f64> = rates()
            .map(|rate| match is_shared {
                true => cycle::life_of_copies(rate, replicas, times),
                false => times.busy(),
            })
            .collect();
        let misses = eviction::misses(groups, self.rate / replicas, &lives, room);
        let flow = |(rate, misses): (f64, f64)| match is_shared {
            true => cycle::shared(rate, misses, replicas, times),
            false => cycle::alone(rate / replicas, misses, times).times(replicas),
        };
        let tokens = groups.iter().map(|group| group.tokens);
        tokens.zip(rates().zip(misses).map(flow)).collect()
    }

    fn load(&self, flow: Flow) -> Load {
        Load {
            own_hits: flow.own / self.rate,
            shared_hits: flow.shared / self.rate,
            coalesced: flow.coalesced / self.rate,
            misses: flow.asked / self.rate,
            upstream: flow.asked,
            in_flight: flow.asked * self.provider_latency.as_secs_f64(),
        }
    }

    fn memory(&self, groups: &[Group], life: f64) -> Memory {
        // A fact is fresh for the share of requests that find it so.
        let fresh = |(tokens, flow): (f64, Flow)| tokens * flow.own / flow.all();
        let flows = self.flows(groups, life, self.trust.is_some(), Room::ENDLESS);
        let fresh = self.entry() * flows.into_iter().map(fresh).sum::<f64>();
        let max_bytes = self.max_bytes as f64;
        Memory {
            fresh,
            needed: fresh / ACTIVE,
            cache: (self.tokens as f64 * self.entry()).min(max_bytes * ACTIVE),
            process: max_bytes + PROCESS,
        }
    }

    /// Bytes of a cached fact.
    fn entry(&self) -> f64 {
        (ENTRY + self.answer_bytes) as f64
    }

    fn room(&self) -> Room {
        let bytes = self.max_bytes as f64 * ACTIVE;
        Room {
            entries: bytes / self.entry(),
            remembered: bytes / REMEMBERED,
        }
    }
}
