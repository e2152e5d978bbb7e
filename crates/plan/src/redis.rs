use std::time::Duration;

use crate::cycle::Flow;
use crate::fleet::Fleet;

/// Load of the shared tier, all replicas together.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Redis {
    /// Facts that live at any moment.
    pub facts: f64,
    /// Bytes that these take. What has expired takes some of Redis' memory for a while, too.
    pub bytes: f64,
    /// Commands a second.
    pub commands: f64,
    /// Commands a second that read or write the stream of purges and heartbeats, which lies on one
    /// shard. Among `commands`.
    pub stream_commands: f64,
    /// Bytes of commands and replies a second, both directions.
    pub traffic: f64,
    /// Masters that these take.
    pub shards: f64,
}

/// Bytes of a fact in Redis beside its answer: key, seal, padding and Redis' own.
const FACT: u64 = 311;
/// Share of `maxmemory` for facts that live. The rest is for expired ones, of which Redis leaves up
/// to a tenth in place, for buffers, and for the ttl that spread does not shorten.
const LIVE: f64 = 2.0 / 3.0;
/// Commands of a question beside its lookup, which takes the lease as well: `EVALSHA` of the fill.
const FILL: f64 = 1.0;
/// Commands of a revocation: `DEL` of the fact, `XADD`.
const REVOKE: f64 = 2.0;
/// Seconds between two looks of a replica that waits for another's lease.
const POLL: f64 = 0.025;
/// Reads of the stream by each replica within `trust`, whatever comes.
const READS: f64 = 8.0;
/// Heartbeats of the fleet within `trust`.
const HEARTBEATS: f64 = 4.0;

/// Bytes of commands with their replies, but for facts and entries. A fact is shorter on its way
/// than in memory, which makes up for most of its command.
const LOOKUP_BYTES: f64 = 365.0;
const FILL_BYTES: f64 = 90.0;
const READ_BYTES: f64 = 110.0;
const REVOKE_BYTES: f64 = 450.0;
/// Bytes of an entry of the stream.
const ENTRY_BYTES: f64 = 200.0;

impl Redis {
    pub(crate) fn of(fleet: &Fleet, trust: Duration, life: f64, flow: Flow) -> Self {
        let replicas = f64::from(fleet.replicas);
        let fact = (FACT + fleet.answer_bytes) as f64;
        let facts = flow.asked * life;
        let polls = flow.waits * (1.0 + fleet.provider_latency.as_secs_f64() / 2.0 / POLL);

        let heartbeats = HEARTBEATS / trust.as_secs_f64();
        let entries = heartbeats + fleet.revocations;
        // An entry wakes every replica, and is read by each.
        let reads = replicas * (READS / trust.as_secs_f64() + entries);
        let stream_commands = reads + entries;
        let commands = flow.lookups
            + polls
            + FILL * flow.asked
            + stream_commands
            + (REVOKE - 1.0) * fleet.revocations;
        let traffic = (flow.lookups + polls) * LOOKUP_BYTES
            + (flow.shared + flow.waits) * fact
            + flow.asked * (FILL_BYTES + fact)
            + reads * READ_BYTES
            + replicas * entries * ENTRY_BYTES
            + entries * REVOKE_BYTES;
        let bytes = facts * fact;
        let by_memory = bytes / (fleet.shard.bytes as f64 * LIVE);
        let shards = (commands / fleet.shard.commands).max(by_memory).ceil();
        Self {
            facts,
            bytes,
            commands,
            stream_commands,
            traffic,
            shards: shards.max(1.0),
        }
    }
}
