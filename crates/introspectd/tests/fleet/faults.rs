//! Promises of `docs/fleet.md` while Redis, or the way to it, is not well.

use std::time::{Duration, Instant};

use introspectd_redis_lab::{State, until};
use serde_json::json;

use crate::harness::{BOUND, Fleet, SECRET, Setting, config};

/// Every state of a way in which purges are not heard.
const CUTS: [State; 3] = [State::Cut, State::Hanging, State::Deaf];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn replica_that_does_not_hear_uses_no_purged_fact_past_the_bound() {
    let fleet = Fleet::start().await;
    for (nth, cut) in CUTS.into_iter().enumerate() {
        let token = format!("cut-{nth}");
        fleet.issue(&token);
        let deaf = &fleet.replicas[2];
        assert!(deaf.introspect(&token).await.is_active());
        deaf.wire.set(cut);
        assert_eq!(fleet.replicas[0].revoke(&token).await.status, 200);
        let answered = Instant::now();
        while deaf.introspect(&token).await.is_active() {
            assert!(answered.elapsed() < BOUND, "{cut:?}");
        }
        println!("{cut:?}: refused after {:?}", answered.elapsed());
        deaf.wire.set(State::Whole);
        fleet.hears().await;
        assert!(!deaf.introspect(&token).await.is_active());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn purge_without_redis_is_503_and_reaches_the_others_later() {
    let fleet = Fleet::start().await;
    for (nth, cut) in CUTS.into_iter().enumerate() {
        let token = &format!("later-{nth}");
        fleet.issue(token);
        for replica in &fleet.replicas {
            assert!(replica.introspect(token).await.is_active());
        }
        fleet.replicas[0].wire.set(cut);
        let reply = fleet.replicas[0].purge(json!({"sub": "alice"})).await;
        assert_eq!(reply.status, 503, "{reply:?}");
        assert_eq!(reply.body["error"], "temporarily_unavailable");
        let text = reply.body["error_description"].as_str().unwrap();
        assert!(text.contains("this replica only"), "{text}");
        fleet.provider.vendor().revoke(token);
        assert!(!fleet.replicas[0].introspect(token).await.is_active());
        fleet.replicas[0].wire.set(State::Whole);
        until("the purge is heard", async || {
            !fleet.replicas[1].introspect(token).await.is_active()
        })
        .await;
        fleet.hears().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_take_no_more_than_the_share_for_redis() {
    let fleet = Fleet::start_with(Setting {
        provider: "timeout = \"2s\"",
        ..Setting::default()
    })
    .await;
    for (nth, state) in [
        State::Hanging,
        State::Slow(Duration::from_millis(300)),
        State::Cut,
    ]
    .into_iter()
    .enumerate()
    {
        fleet.replicas[0].wire.set(state);
        for again in 0..10 {
            let token = format!("slow-{nth}-{again}");
            fleet.issue(&token);
            let begun = Instant::now();
            assert!(fleet.replicas[0].introspect(&token).await.is_active());
            // A fifth of two seconds, and the provider itself.
            assert!(
                begun.elapsed() < Duration::from_millis(700),
                "{:?}",
                begun.elapsed()
            );
        }
        fleet.replicas[0].wire.set(State::Whole);
        fleet.hears().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn redis_that_lost_everything_brings_no_purged_fact_back() {
    let mut fleet = Fleet::start().await;
    for restarts in [false, true] {
        let token = format!("lost-{restarts}");
        fleet.issue(&token);
        for replica in &fleet.replicas {
            assert!(replica.introspect(&token).await.is_active());
        }
        assert_eq!(fleet.replicas[0].revoke(&token).await.status, 200);
        if restarts {
            fleet.redis.kill();
            fleet.redis.restart().await;
        } else {
            fleet.redis.cli(&["FLUSHALL"]).await;
        }
        let lost = Instant::now();
        while lost.elapsed() < Duration::from_secs(2) {
            for replica in &fleet.replicas {
                assert!(!replica.introspect(&token).await.is_active());
            }
        }
        fleet.hears().await;
        let asked = fleet.asked();
        fleet.issue("again");
        assert!(fleet.replicas[0].introspect("again").await.is_active());
        assert!(fleet.asked() > asked);
        until("facts are shared again", async || {
            fleet.replicas[1].introspect("again").await.cache.as_deref() == Some("hit")
        })
        .await;
    }
    assert!(
        fleet
            .replicas
            .iter()
            .all(|replica| replica.lines("lost purges") > 0)
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn full_redis_is_never_a_wrong_answer() {
    let fleet = Fleet::start().await;
    fleet.redis.cli(&["CONFIG", "SET", "maxmemory", "1"]).await;
    fleet.issue("full");
    for replica in &fleet.replicas {
        assert!(replica.introspect("full").await.is_active());
    }
    assert_eq!(fleet.replicas[0].revoke("full").await.status, 503);
    assert!(!fleet.replicas[0].introspect("full").await.is_active());
    let answered = Instant::now();
    while fleet.replicas[1].introspect("full").await.is_active() {
        assert!(answered.elapsed() < BOUND);
    }
    fleet.redis.cli(&["CONFIG", "SET", "maxmemory", "0"]).await;
    until("the revocation is spread", async || {
        fleet.replicas[0].revoke("full").await.status == 200
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn deleted_and_garbled_values_are_misses() {
    let fleet = Fleet::start().await;
    fleet.issue("one");
    fleet.issue("two");
    for token in ["one", "two"] {
        assert!(fleet.replicas[0].introspect(token).await.is_active());
    }
    until("both are stored", async || {
        fleet
            .redis
            .cli(&["KEYS", "introspectd:f:*"])
            .await
            .lines()
            .count()
            == 2
    })
    .await;
    let keys = fleet.redis.cli(&["KEYS", "introspectd:f:*"]).await;
    let keys: Vec<&str> = keys.lines().collect();
    // Each the other's.
    fleet.redis.cli(&["RENAME", keys[0], "x"]).await;
    fleet.redis.cli(&["RENAME", keys[1], keys[0]]).await;
    fleet.redis.cli(&["RENAME", "x", keys[1]]).await;
    for token in ["one", "two"] {
        let reply = fleet.replicas[1].introspect(token).await;
        assert!(
            reply.is_active() && reply.body["jti"] == format!("jti-{token}"),
            "{reply:?}"
        );
    }
    assert_eq!(fleet.asked(), 4);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn replica_with_a_wrong_secret_shares_no_fact_and_hides_no_revocation() {
    let fleet = Fleet::start().await;
    let odd = fleet
        .replica(Setting {
            secret: "another-secret-of-32-bytes-or-more",
            ..Setting::default()
        })
        .await;
    odd.hears().await;
    fleet.issue("odd");
    for replica in fleet.replicas.iter().chain([&odd]) {
        assert!(replica.introspect("odd").await.is_active());
    }
    assert_eq!(fleet.asked(), 2);
    fleet.provider.vendor().revoke("odd");
    assert_eq!(odd.purge(json!({"token": "odd"})).await.status, 200);
    for replica in &fleet.replicas {
        until("the purge is heard", async || {
            !replica.introspect("odd").await.is_active()
        })
        .await;
    }
}

/// Secret that takes the place of [`SECRET`].
const NEXT: &str = "the-next-secret-of-the-fleet-98765";

/// Settings of a rotation in their order: the next secret is known, then used, then the only one.
fn rotation<'a>(knows: &'a str, uses: &'a str) -> [Setting<'a>; 3] {
    [
        Setting {
            shared: knows,
            ..Setting::default()
        },
        Setting {
            secret: NEXT,
            shared: uses,
            ..Setting::default()
        },
        Setting {
            secret: NEXT,
            ..Setting::default()
        },
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn secret_rotates_without_a_lost_revocation() {
    let fleet = Fleet::start().await;
    let knows = format!("secret_previous = {{ literal = \"{NEXT}\" }}");
    let uses = format!("secret_previous = {{ literal = \"{SECRET}\" }}");
    let [first, second, third] = rotation(&knows, &uses);
    let states = [Setting::default(), first, second, third];
    for (step, pair) in states.windows(2).enumerate() {
        let (one, other) = (fleet.replica(pair[0]).await, fleet.replica(pair[1]).await);
        one.hears().await;
        other.hears().await;
        for (nth, (from, to)) in [(&one, &other), (&other, &one)].into_iter().enumerate() {
            let token = format!("rotated-{step}-{nth}");
            fleet.issue(&token);
            assert!(to.introspect(&token).await.is_active());
            assert_eq!(from.revoke(&token).await.status, 200);
            until("the revocation is heard", async || {
                !to.introspect(&token).await.is_active()
            })
            .await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn secret_rotates_by_reloads_without_a_lost_revocation() {
    let fleet = Fleet::start().await;
    let knows = format!("secret_previous = {{ literal = \"{NEXT}\" }}");
    let uses = format!("secret_previous = {{ literal = \"{SECRET}\" }}");
    let steps = rotation(&knows, &uses);
    for (step, setting) in steps.into_iter().enumerate() {
        for (reloaded, replica) in fleet.replicas.iter().enumerate() {
            let redis = format!("redis://127.0.0.1:{}", replica.wire.port());
            let toml = config(&fleet.provider.base_url(), &redis, setting);
            replica.reload(&toml).await;
            fleet.hears().await;
            let token = format!("rotating-{step}-{reloaded}");
            fleet.issue(&token);
            for replica in &fleet.replicas {
                assert!(replica.introspect(&token).await.is_active(), "{token}");
            }
            assert_eq!(replica.revoke(&token).await.status, 200);
            for other in &fleet.replicas {
                until("the revocation is heard", async || {
                    !other.introspect(&token).await.is_active()
                })
                .await;
            }
        }
    }
}
