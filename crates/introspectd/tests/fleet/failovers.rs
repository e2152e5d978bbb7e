//! Promises of `docs/fleet.md` while the master of a Sentinel group or of a cluster is lost.

use std::time::{Duration, Instant};

use futures_util::stream::{self, StreamExt};
use introspectd_redis_lab::{Cluster, Program, Sentinels, Setup, until};
use tokio::time::sleep;

use crate::harness::{BOUND, Fleet};

/// Time by which a failover delays a purge at most: until then a server without the last writes
/// may be believed.
const FAILOVER: Duration = Duration::from_secs(3);

/// Load before the master is lost.
const CALM: Duration = Duration::from_secs(1);

/// Load from then on: a failover, and some time after it.
const STORM: Duration = Duration::from_secs(8);

/// Stream of the fleet's purges.
const PURGES: &str = "introspectd:purges";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sentinel_failover_under_load_is_never_a_wrong_answer() {
    // A master that lost its replica takes no purge that a failover could lose.
    let setup = Setup::new(Program::Installed)
        .line("min-replicas-to-write 1")
        .line("min-replicas-max-lag 1");
    let sentinels = Sentinels::start_with(setup).await;
    let url = sentinels.url();
    let mut fleet = Fleet::over(sentinels, &url).await;
    lives(&fleet, "before", CALM).await;
    let master = fleet.redis.servers[0].port();
    fleet.redis.servers[0].kill();
    lives(&fleet, "during", STORM).await;
    assert_ne!(fleet.redis.master_port().await, master);
    // Until then the new master has no replica, and takes no purge.
    fleet.redis.servers[0].restart().await;
    goes_on(&fleet).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lost_master_of_a_cluster_under_load_is_never_a_wrong_answer() {
    let cluster = Cluster::start().await;
    let url = cluster.url();
    let mut fleet = Fleet::over(cluster, &url).await;
    lives(&fleet, "before", CALM).await;
    let master = fleet.redis.master_of(PURGES).await;
    let replica = fleet.redis.replica_of(master).await;
    fleet.redis.nodes[master].kill();
    lives(&fleet, "during", STORM).await;
    let promoted = fleet.redis.nodes[replica].info("role").await;
    assert_eq!(promoted.as_deref(), Some("master"));
    goes_on(&fleet).await;
}

/// Lives of tokens, several at once, for so long.
async fn lives<R>(fleet: &Fleet<R>, prefix: &str, time: Duration) {
    let end = Instant::now() + time;
    let numbers = stream::iter(0..).take_while(|_| async move { Instant::now() < end });
    let lives = numbers.map(|number| life(fleet, prefix, number));
    let lives: Vec<bool> = lives.buffer_unordered(8).collect().await;
    let told = lives.iter().filter(|is_told| **is_told).count();
    println!(
        "{prefix}: {} tokens, {told} revoked with success",
        lives.len()
    );
}

/// Asks about a token everywhere, revokes it at one replica, and asks again. Returns true if all
/// were told.
async fn life<R>(fleet: &Fleet<R>, prefix: &str, number: usize) -> bool {
    let token = &format!("{prefix}-{number}");
    fleet.issue(token);
    for replica in &fleet.replicas {
        let reply = replica.introspect(token).await;
        // Who is met by two purges in a row is refused; a busy machine makes the provider late.
        assert!(
            reply.is_active() || matches!(reply.status, 503 | 504),
            "{reply:?}"
        );
    }
    let place = number % fleet.replicas.len();
    let revoked = fleet.replicas[place].revoke(token).await;
    let answered = Instant::now();
    if revoked.status == 504 {
        // A busy machine: whether the provider revoked it is unknown.
        return false;
    }
    assert!(matches!(revoked.status, 200 | 503), "{revoked:?}");
    assert!(!fleet.replicas[place].introspect(token).await.is_active());
    if revoked.status != 200 {
        return false;
    }
    for replica in &fleet.replicas {
        loop {
            let sent = answered.elapsed();
            if !replica.introspect(token).await.is_active() {
                break;
            }
            assert!(sent < BOUND + FAILOVER, "{token} after {sent:?}");
            sleep(Duration::from_millis(5)).await;
        }
    }
    for replica in &fleet.replicas {
        assert!(!replica.introspect(token).await.is_active());
    }
    true
}

/// Waits until facts and revocations are shared as before.
async fn goes_on<R>(fleet: &Fleet<R>) {
    fleet.hears().await;
    fleet.issue("after");
    until("facts are shared again", async || {
        fleet.replicas[0].introspect("after").await;
        fleet.replicas[1].introspect("after").await.cache.as_deref() == Some("hit")
    })
    .await;
    until("revocations are shared again", async || {
        fleet.replicas[0].revoke("after").await.status == 200
    })
    .await;
    until("the revocation is heard", async || {
        !fleet.replicas[2].introspect("after").await.is_active()
    })
    .await;
}
