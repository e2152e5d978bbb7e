use introspectd_plan::{Fleet, Load, Plan};
use serde_json::{Map, Value, json};

use super::figure::rounded;

/// Writes the figures as JSON: rates a second, times in seconds, sizes in bytes, shares of one.
pub(super) fn object(fleet: &Fleet, plan: &Plan) -> Value {
    let Plan {
        healthy,
        redis_down,
        memory,
        redis,
        revocation,
    } = plan;
    let mut object = Map::new();
    let mut member = |name: &str, value| object.insert(name.to_owned(), value);
    member("healthy", load(healthy));
    member("redis_down", redis_down.as_ref().map_or(Value::Null, load));
    member(
        "replica",
        json!({
            "requests": figure(fleet.rate / f64::from(fleet.replicas)),
            "fresh_bytes": figure(memory.fresh),
            "needed_max_bytes": figure(memory.needed),
            "cache_bytes": figure(memory.cache),
            "process_bytes": figure(memory.process),
        }),
    );
    let redis = redis.map(|redis| {
        json!({
            "facts": figure(redis.facts),
            "bytes": figure(redis.bytes),
            "commands": figure(redis.commands),
            "stream_commands": figure(redis.stream_commands),
            "traffic_bytes": figure(redis.traffic),
            "shards": figure(redis.shards),
        })
    });
    member("redis", redis.unwrap_or_default());
    member(
        "revocation_seconds",
        json!({
            "heard": revocation.heard,
            "worst": revocation.worst,
            "unannounced": revocation.unannounced,
        }),
    );
    Value::Object(object)
}

fn load(load: &Load) -> Value {
    json!({
        "hit_ratio": figure(load.hits()),
        "own_hit_ratio": figure(load.own_hits),
        "shared_hit_ratio": figure(load.shared_hits),
        "coalesced_ratio": figure(load.coalesced),
        "miss_ratio": figure(load.misses),
        "provider_requests": figure(load.upstream),
        "provider_requests_in_flight": figure(load.in_flight),
    })
}

/// Number with four digits that count, without `.0`.
fn figure(number: f64) -> Value {
    let number = rounded(number, 4);
    match format!("{number}").parse::<u64>() {
        Ok(whole) => whole.into(),
        Err(_) => number.into(),
    }
}
