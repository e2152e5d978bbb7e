//! `introspectd plan`: a fleet on paper.

mod figure;
mod json;
mod parse;
mod table;

use std::time::Duration;

use bytesize::ByteSize;
use clap::Args;
use introspectd_cli::screen::say_json;
use introspectd_plan::{Fleet, Shard};

use super::{Exit, Outcome, print};

/// Compute what a fleet of replicas asks its providers, holds in memory and sends to Redis.
///
/// Nothing is asked and no configuration is read. Arrivals are assumed to be independent of each
/// other, the popularity of tokens to follow Zipf's law, and every token to be active: a request
/// about a made-up token goes to a provider each time, or once within inactive_ttl if it is
/// repeated. The figures are averages long after a start; a cold start asks for everything once.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Plan {
    /// Requests a second, of all replicas together: 5000 or 1e6
    #[arg(long, value_name = "NUMBER", value_parser = parse::rate)]
    rate: f64,
    /// Tokens in use: 200000 or 5e7
    #[arg(long, value_name = "NUMBER", value_parser = parse::tokens)]
    tokens: u64,
    /// Exponent of Zipf's law: 0 if all tokens are as popular, about 1 for people
    #[arg(long, value_name = "NUMBER", default_value = "0.9", value_parser = parse::zipf)]
    zipf: f64,
    /// `[cache] ttl`
    #[arg(long, value_name = "DURATION", default_value = "60s", value_parser = parse::ttl)]
    ttl: Duration,
    /// Replicas, each of which gets the same share of the requests
    #[arg(long, value_name = "NUMBER", default_value = "2",
          value_parser = clap::value_parser!(u32).range(1..=100_000))]
    replicas: u32,
    /// Time that providers take for an answer
    #[arg(long, value_name = "DURATION", default_value = "80ms", value_parser = parse::latency)]
    provider_latency: Duration,
    /// `[cache.shared] trust`
    #[arg(long, value_name = "DURATION", default_value = "2s", value_parser = parse::trust)]
    trust: Duration,
    /// Plan without a shared tier
    #[arg(long, conflicts_with = "trust")]
    no_shared: bool,
    /// `[cache] max_bytes` of each replica
    #[arg(long, value_name = "SIZE", default_value = "256MiB", value_parser = parse::max_bytes)]
    max_bytes: ByteSize,
    /// Bytes of an active answer
    #[arg(long, value_name = "NUMBER", default_value = "489",
          value_parser = clap::value_parser!(u64).range(2..=1_048_576))]
    answer_bytes: u64,
    /// Revocations and purges a second, of all replicas together
    #[arg(long, value_name = "NUMBER", default_value = "0", value_parser = parse::revocations)]
    revocations: f64,
    /// Commands a second that one Redis master is to do
    #[arg(long, value_name = "NUMBER", default_value = "100000", value_parser = parse::rate)]
    shard_commands: f64,
    /// `maxmemory` of one Redis master
    #[arg(long, value_name = "SIZE", default_value = "8GiB", value_parser = parse::shard_memory)]
    shard_memory: ByteSize,
    /// Print JSON: seconds, bytes, and shares of one
    #[arg(long)]
    json: bool,
}

const EXAMPLES: &str = "\
Examples:
  introspectd plan --rate 500 --tokens 20000 --replicas 1 --no-shared
  introspectd plan --rate 20000 --tokens 1e6 --replicas 3
  introspectd plan --rate 1e6 --tokens 5e7 --zipf 0.9 --ttl 60s --replicas 200 \\
    --provider-latency 80ms
  introspectd plan --rate 1e6 --tokens 5e7 --replicas 200 --json | jq .redis.shards

docs/scaling.md says what each figure means, and where it stops being true.";

impl Plan {
    pub(crate) fn run(self) -> Outcome {
        let fleet = self.fleet();
        let plan = fleet.plan();
        if self.json {
            say_json(json::object(&fleet, &plan).to_string().as_bytes())?;
        } else {
            print(table::text(&fleet, &plan).as_bytes())?;
        }
        Ok(Exit::Fine)
    }

    fn fleet(&self) -> Fleet {
        Fleet {
            rate: self.rate,
            tokens: self.tokens,
            zipf: self.zipf,
            ttl: self.ttl,
            replicas: self.replicas,
            provider_latency: self.provider_latency,
            trust: (!self.no_shared).then_some(self.trust),
            max_bytes: self.max_bytes.as_u64(),
            answer_bytes: self.answer_bytes,
            revocations: self.revocations,
            shard: Shard {
                commands: self.shard_commands,
                bytes: self.shard_memory.as_u64(),
            },
        }
    }
}
