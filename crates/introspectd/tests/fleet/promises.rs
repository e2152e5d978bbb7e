//! Promises of `docs/fleet.md` while Redis is well.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use futures_util::stream::{self, StreamExt};
use introspectd_redis_lab::until;
use serde_json::json;
use tokio::time::sleep;

use crate::harness::{Fleet, Setting, config};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cold_token_at_all_replicas_at_once_is_one_question() {
    let fleet = Fleet::start().await;
    let tokens: Vec<_> = (0..1000).map(|nth| format!("cold-{nth}")).collect();
    tokens.iter().for_each(|token| fleet.issue(token));
    for some in tokens.chunks(20) {
        let asks = some.iter().flat_map(|token| {
            let replicas = fleet.replicas.iter();
            replicas.map(move |replica| replica.introspect(token))
        });
        for reply in join_all(asks).await {
            assert!(reply.is_active(), "{reply:?}");
        }
    }
    assert_eq!(fleet.asked(), 1000);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fact_of_one_replica_is_a_hit_at_the_others_and_outlives_it() {
    let mut fleet = Fleet::start().await;
    fleet.issue("known");
    assert_eq!(
        fleet.replicas[0].introspect("known").await.cache.as_deref(),
        Some("miss")
    );
    until("the fact is stored", async || {
        let reply = fleet.replicas[1].introspect("known").await;
        reply.cache.as_deref() == Some("hit")
    })
    .await;
    for replica in &mut fleet.replicas {
        replica.kill();
    }
    let fresh = fleet.replica(Setting::default()).await;
    fresh.hears().await;
    let reply = fresh.introspect("known").await;
    assert!(
        reply.is_active() && reply.cache.as_deref() == Some("hit"),
        "{reply:?}"
    );
    assert_eq!(fleet.asked(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn good_token_is_active_everywhere_after_a_purge() {
    let fleet = Fleet::start().await;
    for (nth, selector) in [json!({"all": true}), json!({"token": "good-1"})]
        .into_iter()
        .enumerate()
    {
        let token = &format!("good-{nth}");
        fleet.issue(token);
        for replica in &fleet.replicas {
            assert!(replica.introspect(token).await.is_active());
        }
        until("the fact is stored", async || {
            let keys = fleet.redis.cli(&["KEYS", "introspectd:f:*"]).await;
            keys.lines().count() > nth
        })
        .await;
        assert_eq!(fleet.replicas[0].purge(selector).await.status, 200);
        for replica in &fleet.replicas {
            let reply = replica.introspect(token).await;
            assert!(reply.is_active(), "{reply:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn token_that_was_revoked_at_one_replica_is_refused_at_all() {
    // A thousand tokens of a test beside others.
    let patient = "timeout = \"30s\"";
    let fleet = Fleet::start_with(Setting {
        provider: patient,
        ..Setting::default()
    })
    .await;
    // It goes on showing what it has revoked.
    fleet.provider.vendor().show_revoked();
    let tokens = stream::iter(0..1000).map(|nth| spread(&fleet, nth));
    let spreads: Vec<_> = tokens.buffer_unordered(8).collect().await;
    let mut spreads: Vec<_> = spreads.into_iter().flatten().collect();
    spreads.sort();
    let at = |share: usize| spreads[(spreads.len() - 1) * share / 100];
    println!(
        "refused elsewhere after {:?}, p99 {:?}, at most {:?}",
        at(50),
        at(99),
        at(100)
    );
    assert!(at(50) <= Duration::from_millis(50), "{:?}", at(50));
}

/// Times from the answer to a revocation at one replica to the refusal at each of the others.
async fn spread(fleet: &Fleet, nth: usize) -> [Duration; 2] {
    let token = &format!("revoked-{nth}");
    fleet.issue(token);
    for replica in &fleet.replicas {
        let reply = replica.introspect(token).await;
        assert!(reply.is_active(), "{token}: {reply:?}");
    }
    let at = |place: usize| &fleet.replicas[(nth + place) % 3];
    let reply = at(0).revoke(token).await;
    let answered = Instant::now();
    assert_eq!(reply.status, 200, "{reply:?}");
    let mut spreads = [Duration::ZERO; 2];
    for other in [1, 2] {
        while at(other).introspect(token).await.is_active() {
            assert!(answered.elapsed() < Duration::from_secs(2), "{token}");
        }
        spreads[other - 1] = answered.elapsed();
    }
    assert!(!at(0).introspect(token).await.is_active());
    spreads
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn purges_of_every_kind_reach_all_replicas() {
    let fleet = Fleet::start().await;
    for (nth, selector) in [
        json!({"token": "purged-0"}),
        json!({"sub": "alice"}),
        json!({"client_id": "app"}),
        json!({"provider": "sso"}),
        json!({"all": true}),
    ]
    .into_iter()
    .enumerate()
    {
        let token = &format!("purged-{nth}");
        fleet.issue(token);
        for replica in &fleet.replicas {
            assert!(replica.introspect(token).await.is_active());
        }
        fleet.provider.vendor().revoke(token);
        let reply = fleet.replicas[0].purge(selector.clone()).await;
        assert_eq!(reply.status, 200, "{reply:?}");
        assert!(!fleet.replicas[0].introspect(token).await.is_active());
        for replica in &fleet.replicas {
            until("the purge is heard", async || {
                !replica.introspect(token).await.is_active()
            })
            .await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fill_that_began_before_a_purge_never_wins() {
    let fleet = Fleet::start().await;
    for nth in 0..20 {
        let token = format!("late-{nth}");
        fleet.issue(&token);
        let gate = fleet.provider.gate();
        let late = fleet.replicas[0].introspect(&token);
        let purging = async {
            gate.arrived(1).await;
            fleet.provider.vendor().revoke(&token);
            let reply = fleet.replicas[1].purge(json!({"token": token})).await;
            assert_eq!(reply.status, 200);
            gate.open();
        };
        let (late, ()) = tokio::join!(late, purging);
        assert!(!late.is_active(), "{late:?}");
        for replica in &fleet.replicas {
            assert!(!replica.introspect(&token).await.is_active());
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_holder_of_a_lease_costs_no_more_than_its_life() {
    let mut fleet = Fleet::start().await;
    fleet.issue("held");
    let gate = fleet.provider.gate();
    {
        let holding = fleet.replicas[0].introspect("held");
        let arrived = gate.arrived(1);
        tokio::select! {
            reply = holding => panic!("{reply:?}"),
            () = arrived => {}
        }
    }
    fleet.replicas[0].kill();
    let begun = Instant::now();
    let asking = fleet.replicas[1].introspect("held");
    let opening = async {
        // The first one's request, and that of the second, once the lease has ended.
        gate.arrived(1).await;
        sleep(Duration::from_millis(1300)).await;
        gate.open();
    };
    let (reply, ()) = tokio::join!(asking, opening);
    assert!(reply.is_active(), "{reply:?}");
    assert!(
        begun.elapsed() < Duration::from_secs(3),
        "{:?}",
        begun.elapsed()
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_configuration_of_a_provider_shares_no_facts() {
    let fleet = Fleet::start().await;
    fleet.issue("apart");
    assert!(fleet.replicas[0].introspect("apart").await.is_active());
    let other = Setting {
        provider: "issuer = \"https://other.example\"",
        ..Setting::default()
    };
    let other = fleet.replica(other).await;
    other.hears().await;
    let reply = other.introspect("apart").await;
    assert_eq!(
        (reply.is_active(), reply.cache.as_deref()),
        (true, Some("miss"))
    );
    assert_eq!(reply.body["iss"], "https://other.example");
    // A purge crosses configurations.
    fleet.provider.vendor().revoke("apart");
    assert_eq!(
        fleet.replicas[0]
            .purge(json!({"token": "apart"}))
            .await
            .status,
        200
    );
    until("the purge is heard", async || {
        !other.introspect("apart").await.is_active()
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dump_of_redis_shows_nothing_of_tokens() {
    let fleet = Fleet::start().await;
    fleet.issue("a-very-secret-token");
    assert!(
        fleet.replicas[0]
            .introspect("a-very-secret-token")
            .await
            .is_active()
    );
    assert_eq!(
        fleet.replicas[1].revoke("a-very-secret-token").await.status,
        200
    );
    assert_eq!(
        fleet.replicas[1]
            .purge(json!({"sub": "alice"}))
            .await
            .status,
        200
    );
    let mut dump = fleet
        .redis
        .cli(&["XRANGE", "introspectd:purges", "-", "+"])
        .await;
    for key in fleet.redis.cli(&["KEYS", "*"]).await.lines() {
        dump.push_str(key);
        if !key.ends_with(":purges") {
            dump.push_str(&fleet.redis.cli(&["GET", key]).await);
        }
    }
    assert!(dump.contains("introspectd:"), "{dump}");
    for secret in [
        "a-very-secret-token",
        "alice",
        "app",
        "jti-",
        "active",
        "sso",
        "read",
    ] {
        assert!(!dump.contains(secret), "{secret}: {dump}");
    }
}

#[test]
fn configuration_of_the_tests_is_valid() {
    let text = config(
        "http://127.0.0.1:1",
        "redis://127.0.0.1:1",
        Setting::default(),
    );
    assert!(text.contains("[cache.shared]"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn replica_that_starts_later_knows_what_was_revoked_before() {
    let fleet = Fleet::start().await;
    // It goes on showing what it has revoked.
    fleet.provider.vendor().show_revoked();
    fleet.issue("before");
    assert_eq!(fleet.replicas[0].revoke("before").await.status, 200);
    fleet.redis.cli(&["DEL", "introspectd:purges"]).await;
    let late = fleet.replica(Setting::default()).await;
    late.hears().await;
    assert!(!late.introspect("before").await.is_active());
}
