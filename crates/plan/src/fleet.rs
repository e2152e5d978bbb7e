use std::time::Duration;

/// Fleet and its workload.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Fleet {
    /// Requests a second, of all replicas. More than zero.
    pub rate: f64,
    /// Tokens in use, one or more.
    pub tokens: u64,
    /// Exponent of Zipf's law, from 0 (all tokens alike).
    pub zipf: f64,
    /// `[cache] ttl`. More than zero.
    pub ttl: Duration,
    /// Replicas, one or more.
    pub replicas: u32,
    /// Time of a provider's answer.
    pub provider_latency: Duration,
    /// `[cache.shared] trust`, more than zero; `None` without a shared tier.
    pub trust: Option<Duration>,
    /// `[cache] max_bytes` of each replica.
    pub max_bytes: u64,
    /// Bytes of an active answer.
    pub answer_bytes: u64,
    /// Revocations and purges a second, of all replicas.
    pub revocations: f64,
    /// Capacity of a Redis master.
    pub shard: Shard,
}

/// Capacity of one Redis master.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Shard {
    /// Commands a second.
    pub commands: f64,
    /// `maxmemory`.
    pub bytes: u64,
}
