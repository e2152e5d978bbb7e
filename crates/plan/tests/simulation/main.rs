//! Figures of the model, held against the real cache under the workload that the model assumes.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking, its own functions included"
)]

mod caches;
mod workload;

use std::time::Duration;

use introspectd_plan::{Fleet, Load, Shard};

use caches::{Mode, simulate};

/// Deviation that is allowed, as a share: less than half of what is promised.
const CLOSE: f64 = 0.02;
/// Deviation of a share of requests that is chance.
const NOISE: f64 = 0.001;

const FLEET: Fleet = Fleet {
    rate: 2000.0,
    tokens: 20_000,
    zipf: 0.9,
    ttl: Duration::from_secs(60),
    replicas: 10,
    provider_latency: Duration::ZERO,
    trust: Some(Duration::from_secs(2)),
    max_bytes: 64 << 20,
    answer_bytes: 489,
    revocations: 0.0,
    shard: Shard {
        commands: 100_000.0,
        bytes: 8 << 30,
    },
};

/// Fleet whose replicas share nothing, of two replicas: all are alike.
const ALONE: Fleet = Fleet {
    rate: 400.0,
    replicas: 2,
    trust: None,
    ..FLEET
};

/// Fleet with fewer tokens that live for a shorter time, so that many cycles pass.
fn brief(fleet: Fleet) -> Fleet {
    Fleet {
        tokens: 5_000,
        ttl: Duration::from_secs(20),
        ..fleet
    }
}

/// Mean life of a fact of a [`brief`] fleet, in seconds. Tokens that were asked about together at
/// the start expire together for some time: what is counted is whole cycles.
const CYCLE: f64 = 19.0;

/// `max_bytes` that hold so many active facts.
const fn room_for(facts: u64) -> u64 {
    facts * (176 + FLEET.answer_bytes) * 8 / 7
}

#[track_caller]
fn assert_close(name: &str, planned: Load, happened: Load) {
    for (figure, planned, happened) in [
        ("hits", planned.hits(), happened.hits()),
        ("own hits", planned.own_hits, happened.own_hits),
        ("shared hits", planned.shared_hits, happened.shared_hits),
        ("coalesced", planned.coalesced, happened.coalesced),
        ("misses", planned.misses, happened.misses),
        (
            "upstream / 10,000",
            planned.upstream / 1e4,
            happened.upstream / 1e4,
        ),
    ] {
        let deviation = (planned - happened).abs();
        assert!(
            deviation <= CLOSE * happened + NOISE,
            "{name}: {figure}: planned {planned}, happened {happened}"
        );
    }
}

#[track_caller]
fn assert_healthy(name: &str, fleet: &Fleet, warmup: f64, seconds: f64) {
    let mode = match fleet.trust {
        Some(_) => Mode::Shared,
        None => Mode::Alone,
    };
    let happened = simulate(fleet, mode, warmup, seconds);
    assert_close(name, fleet.plan().healthy, happened.load);
}

#[test]
fn fact_takes_the_bytes_that_are_planned() {
    let (answer_bytes, fact_bytes) = caches::kept_answer();
    // One token that is always fresh.
    let fleet = Fleet {
        rate: 1e9,
        tokens: 1,
        replicas: 1,
        answer_bytes,
        ..FLEET
    };
    assert_eq!(fleet.plan().memory.fresh.round(), fact_bytes as f64);
}

#[test]
fn replicas_that_share_ask_as_planned() {
    let simulated = simulate(&FLEET, Mode::Shared, 100.0, 200.0);
    let plan = FLEET.plan();
    assert_close("shared", plan.healthy, simulated.load);
    let fresh = plan.memory.fresh;
    let found = simulated.fresh_bytes;
    assert!((fresh / found - 1.0).abs() < CLOSE, "{fresh} {found}");
}

#[test]
fn replicas_without_redis_ask_as_planned() {
    let down = FLEET.plan().redis_down.unwrap();
    let simulated = simulate(&FLEET, Mode::RedisDown, 20.0, 100.0);
    assert_close("Redis down", down, simulated.load);
}

#[test]
fn replicas_that_share_nothing_ask_as_planned() {
    assert_healthy("alone", &ALONE, 120.0, 300.0);
}

#[test]
fn other_popularities_are_as_planned() {
    for zipf in [0.0, 0.6, 1.2] {
        let fleet = Fleet {
            zipf,
            ..brief(FLEET)
        };
        assert_healthy(&format!("shared, {zipf}"), &fleet, 8.0 * CYCLE, 8.0 * CYCLE);
        let fleet = Fleet {
            zipf,
            ..brief(ALONE)
        };
        assert_healthy(&format!("alone, {zipf}"), &fleet, 8.0 * CYCLE, 40.0 * CYCLE);
    }
}

#[test]
fn caches_that_are_too_small_evict_as_planned() {
    for (facts, ttl) in [(500, 10), (500, 60), (1500, 600), (5000, 60)] {
        let fleet = Fleet {
            max_bytes: room_for(facts),
            ttl: Duration::from_secs(ttl),
            ..ALONE
        };
        let name = format!("room for {facts}, ttl {ttl}");
        assert_healthy(&name, &fleet, 1000.0, 500.0);
    }
}

#[test]
fn small_caches_before_a_shared_tier_evict_as_planned() {
    let fleet = Fleet {
        max_bytes: room_for(500),
        ..FLEET
    };
    assert_healthy("shared, small", &fleet, 300.0, 100.0);
}

#[test]
fn requests_that_wait_for_a_slow_provider_are_as_planned() {
    let slow = |fleet| Fleet {
        provider_latency: Duration::from_secs(2),
        ..brief(fleet)
    };
    assert_healthy("shared, slow", &slow(FLEET), 8.0 * CYCLE, 8.0 * CYCLE);
    assert_healthy("alone, slow", &slow(ALONE), 8.0 * CYCLE, 40.0 * CYCLE);
}
