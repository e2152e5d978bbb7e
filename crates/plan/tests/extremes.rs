//! Fleets of every size have figures that make sense.
#![allow(
    clippy::unwrap_used,
    reason = "a test fails by panicking, its own functions included"
)]

use std::time::Duration;

use introspectd_plan::{Fleet, Load, Plan, Shard};

const FLEET: Fleet = Fleet {
    rate: 20_000.0,
    tokens: 1_000_000,
    zipf: 0.9,
    ttl: Duration::from_secs(60),
    replicas: 4,
    provider_latency: Duration::from_millis(80),
    trust: Some(Duration::from_secs(2)),
    max_bytes: 256 << 20,
    answer_bytes: 489,
    revocations: 0.0,
    shard: Shard {
        commands: 100_000.0,
        bytes: 8 << 30,
    },
};

fn assert_sound(load: &Load, fleet: &Fleet) {
    let shares = [load.own_hits, load.shared_hits, load.coalesced, load.misses];
    let sum: f64 = shares.iter().sum();
    assert!((sum - 1.0).abs() < 1e-6, "{load:?} {fleet:?}");
    for share in shares {
        assert!((0.0..=1.0 + 1e-9).contains(&share), "{load:?} {fleet:?}");
    }
    assert!(load.upstream.is_finite() && load.upstream <= fleet.rate * 1.000_001);
}

fn sizes() -> impl Iterator<Item = Fleet> {
    let mut fleets = Vec::new();
    for tokens in [1, 2, 20_000, 50_000_000, 1_000_000_000_000] {
        for zipf in [0.0, 0.9, 1.0, 5.0] {
            for rate in [0.001, 1e6, 1e12] {
                for max_bytes in [64 << 10, 256 << 20, 1 << 50] {
                    let fleet = Fleet {
                        tokens,
                        zipf,
                        rate,
                        max_bytes,
                        ..FLEET
                    };
                    let slow = Duration::from_secs(60);
                    fleets.extend([
                        fleet,
                        Fleet {
                            replicas: 1,
                            provider_latency: Duration::ZERO,
                            ..fleet
                        },
                        Fleet {
                            replicas: 100_000,
                            provider_latency: slow,
                            ttl: Duration::from_millis(1),
                            ..fleet
                        },
                    ]);
                }
            }
        }
    }
    fleets.into_iter()
}

#[test]
fn every_request_has_one_outcome() {
    for fleet in sizes() {
        let Plan {
            healthy,
            redis_down,
            memory,
            redis,
            ..
        } = fleet.plan();
        assert_sound(&healthy, &fleet);
        assert_sound(&redis_down.unwrap(), &fleet);
        let redis = redis.unwrap();
        for figure in [memory.fresh, redis.bytes, redis.commands, redis.traffic] {
            assert!(figure.is_finite() && figure >= 0.0, "{figure} {fleet:?}");
        }
        assert!(redis.shards >= 1.0, "{redis:?}");
    }
}

#[test]
fn more_room_never_means_more_requests_to_providers() {
    let mut last = f64::INFINITY;
    for mebibytes in [
        1, 4, 16, 64, 256, 300, 500, 600, 700, 720, 722, 724, 726, 728, 1024,
    ] {
        let fleet = Fleet {
            max_bytes: mebibytes << 20,
            rate: 4e6,
            trust: None,
            ..FLEET
        };
        let upstream = fleet.plan().healthy.upstream;
        // Where nearly all tokens have room, the model is a little too gloomy.
        assert!(
            upstream <= last * 1.01,
            "{mebibytes} MiB: {upstream} {last}"
        );
        last = upstream;
    }
}

#[test]
fn shared_facts_are_asked_for_once_for_the_whole_fleet() {
    let one = Fleet {
        replicas: 1,
        trust: None,
        max_bytes: 4 << 30,
        ..FLEET
    };
    let many = Fleet {
        replicas: 200,
        trust: FLEET.trust,
        ..one
    };
    let alone = Fleet {
        trust: None,
        ..many
    };
    let upstream = |fleet: Fleet| fleet.plan().healthy.upstream;
    assert!((upstream(many) / upstream(one) - 1.0).abs() < 1e-9);
    assert!(upstream(alone) > 2.0 * upstream(one));
}

#[test]
fn loss_of_redis_costs_reuse_and_no_more_than_a_ttl_of_trust() {
    let plan = FLEET.plan();
    let down = plan.redis_down.unwrap();
    assert!(down.upstream > plan.healthy.upstream);
    let brief = Fleet {
        ttl: Duration::from_secs(2),
        trust: None,
        ..FLEET
    };
    // Trust is not spread, a ttl is.
    let ratio = down.upstream / brief.plan().healthy.upstream;
    assert!((0.95..=1.0).contains(&ratio), "{ratio}");
}

#[test]
fn revocation_is_known_within_trust_and_a_second() {
    let worst = |fleet: Fleet| fleet.plan().revocation.worst;
    assert_eq!(worst(FLEET), 3.0);
    let brief = Fleet {
        ttl: Duration::from_secs(1),
        ..FLEET
    };
    assert_eq!(worst(brief), 1.0);
    let alone = Fleet {
        trust: None,
        ..FLEET
    };
    assert_eq!(worst(alone), 60.0);
    let single = Fleet {
        replicas: 1,
        ..alone
    };
    assert_eq!(worst(single), 0.0);
}

#[test]
fn each_replica_reads_each_revocation_on_one_shard() {
    let redis = |revocations| {
        let fleet = Fleet {
            revocations,
            ..FLEET
        };
        fleet.plan().redis.unwrap()
    };
    let more = redis(100.0).stream_commands - redis(0.0).stream_commands;
    assert!((more - 100.0 * 5.0).abs() < 1e-6, "{more}");
}
