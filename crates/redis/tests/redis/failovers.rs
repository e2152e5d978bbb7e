use std::time::{Duration, Instant};

use introspectd_fleet::{Store, Stream};
use introspectd_redis::{RedisStore, Settings};
use introspectd_redis_lab::{Cluster, Program, Sentinels, Server, Setup, until};
use tokio::runtime::Handle;

use crate::harness::{Load, append, settings, store, texts};

/// Last entry of the stream of purges, as one server has it.
const LAST: [&str; 6] = ["XREVRANGE", "lab:purges", "+", "-", "COUNT", "1"];

/// Longest time from a fault to a store that works, of which the servers take some seconds.
const FAILOVER: Duration = Duration::from_secs(15);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn store_follows_when_a_master_is_killed() {
    let mut lab = Sentinels::start().await;
    let load = Load::start(store(&lab.url())).await;
    lab.servers[0].kill();
    let store = load.end(FAILOVER).await;
    assert_eq!(lab.master_port().await, lab.servers[1].port());
    // The old master comes back empty and as a master, and is left alone.
    lab.servers[0].restart().await;
    append(&store, "after").await.unwrap();
    let last = lab.servers[1].cli(&LAST).await;
    assert!(last.contains("after"), "{last}");
}

#[cfg(target_arch = "x86_64")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn store_follows_the_sentinels_of_valkey() {
    let mut lab = Sentinels::start_with(Setup::new(Program::Valkey)).await;
    let load = Load::start(store(&lab.url())).await;
    lab.servers[0].kill();
    let store = load.end(FAILOVER).await;
    append(&store, "after").await.unwrap();
    let last = lab.servers[1].cli(&LAST).await;
    assert!(last.contains("after"), "{last}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn store_follows_when_a_master_hangs() {
    let lab = Sentinels::start().await;
    let load = Load::start(store(&lab.url())).await;
    lab.servers[0].hang();
    let store = load.end(FAILOVER).await;
    lab.servers[0].go_on();
    append(&store, "after").await.unwrap();
    let last = lab.servers[1].cli(&LAST).await;
    assert!(last.contains("after"), "{last}");
}

/// A failover would lose it, as a master that was replaced takes writes for a moment.
#[tokio::test]
async fn entry_that_no_replica_has_is_not_confirmed() {
    let setup = Setup::new(Program::Installed)
        .line("min-replicas-to-write 1")
        .line("min-replicas-max-lag 60");
    let lab = Sentinels::start_with(setup).await;
    confirms_what_the_replica_has(&store(&lab.url()), &lab.servers[1]).await;
}

async fn confirms_what_the_replica_has(store: &RedisStore, replica: &Server) {
    append(store, "first").await.unwrap();
    replica.hang();
    let down = append(store, "second").await.unwrap_err();
    assert_eq!(
        down.to_string(),
        "Redis: no replica has confirmed the write, so a failover may lose it"
    );
    replica.go_on();
    append(store, "third").await.unwrap();
}

/// A master that was replaced may be on the wrong side of a cut, and not know it.
#[tokio::test]
async fn store_leaves_a_master_that_the_sentinels_replaced() {
    let lab = Sentinels::start().await;
    let store = store(&lab.url());
    append(&store, "before").await.unwrap();
    let other = Server::start().await;
    let port = other.port().to_string();
    let name = Sentinels::NAME;
    for sentinel in &lab.sentinels {
        sentinel.cli(&["SENTINEL", "REMOVE", name]).await;
        let words = ["SENTINEL", "MONITOR", name, "127.0.0.1", &port, "2"];
        sentinel.cli(&words).await;
    }
    let began = Instant::now();
    until("the store looks for its master", async || {
        let _ = append(&store, "after").await;
        other.cli(&LAST).await.contains("after")
    })
    .await;
    assert!(began.elapsed() < FAILOVER);
}

/// Most sentinels have no password, and refuse any.
#[tokio::test]
async fn sentinels_that_ask_for_a_password_get_it() {
    let lab = Sentinels::start().await;
    for sentinel in &lab.sentinels {
        sentinel
            .cli(&["ACL", "SETUSER", "default", "resetpass", ">secret"])
            .await;
    }
    let down = append(&store(&lab.url()), "first").await.unwrap_err();
    assert_eq!(down.to_string(), "Redis: NOAUTH: it requires a password");
    let settings = Settings {
        username: Some("default".to_owned()),
        password: Some("secret".into()),
        ..settings(&lab.url())
    };
    let store = RedisStore::new(&settings, &Handle::current()).unwrap();
    append(&store, "first").await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn store_follows_when_a_master_becomes_a_replica() {
    let lab = Sentinels::start().await;
    let load = Load::start(store(&lab.url())).await;
    lab.sentinels[2]
        .cli(&["SENTINEL", "FAILOVER", Sentinels::NAME])
        .await;
    until("the old master is a replica", async || {
        lab.servers[0].info("role").await.as_deref() == Some("slave")
    })
    .await;
    let store = load.end(FAILOVER).await;
    // A wait does not stay with the server that is no master any more.
    let last = append(&store, "last").await.unwrap();
    let began = Instant::now();
    let (waited, ()) = tokio::join!(store.wait(Stream::Purges, last, FAILOVER), async {
        lab.servers[1].hang();
    });
    waited.unwrap_err();
    assert!(began.elapsed() < FAILOVER);
}

#[tokio::test]
async fn sentinels_that_hang_or_are_dead_are_not_needed() {
    let mut lab = Sentinels::start().await;
    lab.sentinels[0].hang();
    let store = store(&lab.url());
    let began = Instant::now();
    append(&store, "first").await.unwrap();
    assert!(began.elapsed() < Duration::from_secs(1));
    lab.sentinels[1].kill();
    let store = crate::harness::store(&lab.url());
    append(&store, "second").await.unwrap();
    lab.sentinels[0].kill();
    lab.sentinels[2].kill();
    // Who is connected needs none of them.
    append(&store, "third").await.unwrap();
    let store = crate::harness::store(&lab.url());
    let down = append(&store, "fourth").await.unwrap_err();
    assert_eq!(down.to_string(), "Redis: no sentinel answers");
}

#[tokio::test]
async fn unknown_name_of_a_master_is_reported() {
    let lab = Sentinels::start().await;
    let url = lab.url().replace("/lab", "/other");
    let down = append(&store(&url), "first").await.unwrap_err();
    assert_eq!(
        down.to_string(),
        "Redis: the sentinels do not know a master of this name"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn store_follows_when_a_master_of_a_cluster_is_killed() {
    let mut lab = Cluster::start().await;
    let load = Load::start(store(&lab.url())).await;
    let master = lab.master_of("lab:purges").await;
    lab.nodes[master].kill();
    let store = load.end(FAILOVER).await;
    assert_ne!(lab.master_of("lab:purges").await, master);
    lab.nodes[master].restart().await;
    lab.is_whole().await;
    append(&store, "after").await.unwrap();
    assert!(texts(&store).await.unwrap().contains(&"after".to_owned()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn store_follows_when_a_master_of_a_cluster_is_replaced() {
    let lab = Cluster::start().await;
    let load = Load::start(store(&lab.url())).await;
    let master = lab.master_of("lab:purges").await;
    let replica = lab.replica_of(master).await;
    lab.nodes[replica].cli(&["CLUSTER", "FAILOVER"]).await;
    until("the replica is the master", async || {
        lab.nodes[replica].info("role").await.as_deref() == Some("master")
    })
    .await;
    let store = load.end(FAILOVER).await;
    append(&store, "after").await.unwrap();
}

#[tokio::test]
async fn entry_that_no_replica_of_its_node_has_is_not_confirmed() {
    let setup = Setup::new(Program::Installed)
        .line("min-replicas-to-write 1")
        .line("min-replicas-max-lag 60");
    let lab = Cluster::start_with(setup).await;
    let replica = lab.replica_of(lab.master_of("lab:purges").await).await;
    confirms_what_the_replica_has(&store(&lab.url()), &lab.nodes[replica]).await;
}

/// A key in a slot that moves is the one node's or the other's, and for a moment nobody's.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn store_follows_a_slot_that_moves() {
    let lab = Cluster::start().await;
    let load = Load::start(store(&lab.url())).await;
    let from = lab.master_of("lab:purges").await;
    let slot = lab.nodes[from]
        .cli(&["CLUSTER", "KEYSLOT", "lab:purges"])
        .await;
    let slot = slot.trim();
    let mut to = None;
    for (index, node) in lab.nodes.iter().enumerate() {
        if index != from && node.info("role").await.as_deref() == Some("master") {
            to = Some(index);
        }
    }
    let (from, to) = (&lab.nodes[from], &lab.nodes[to.unwrap()]);
    let (source, target) = (
        from.cli(&["CLUSTER", "MYID"]).await,
        to.cli(&["CLUSTER", "MYID"]).await,
    );
    let (source, target) = (source.trim(), target.trim());
    to.cli(&["CLUSTER", "SETSLOT", slot, "IMPORTING", source])
        .await;
    from.cli(&["CLUSTER", "SETSLOT", slot, "MIGRATING", target])
        .await;
    let port = to.port().to_string();
    let moved = from
        .cli(&["MIGRATE", "127.0.0.1", &port, "lab:purges", "0", "5000"])
        .await;
    assert_eq!(moved.trim(), "OK");
    let down = append(&store(&lab.url()), "between").await.unwrap_err();
    assert_eq!(down.to_string(), "Redis: ASK: the slot is moving");
    for node in [to, from] {
        node.cli(&["CLUSTER", "SETSLOT", slot, "NODE", target])
            .await;
    }
    let store = load.end(FAILOVER).await;
    append(&store, "after").await.unwrap();
    assert_eq!(texts(&store).await.unwrap().last().unwrap(), "after");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn node_that_hangs_holds_up_its_own_slots_only() {
    let setup = Setup::new(Program::Installed).line("cluster-require-full-coverage no");
    let lab = Cluster::start_with(setup).await;
    let store = store(&lab.url());
    let last = append(&store, "before").await.unwrap();
    let master = lab.master_of("lab:purges").await;
    let mut elsewhere = Vec::new();
    for number in 0..20 {
        let key = format!("lab:f:{number}");
        if lab.master_of(&key).await != master {
            elsewhere.push(key);
        }
    }
    let elsewhere: Vec<&str> = elsewhere.iter().map(String::as_str).collect();
    store.get(&elsewhere).await.unwrap();
    lab.nodes[master].hang();
    let began = Instant::now();
    let mut longest = Duration::ZERO;
    until("the stream is served again", async || {
        let begun = Instant::now();
        let (got, waited) = tokio::join!(
            async {
                let got = store.get(&elsewhere).await;
                longest = longest.max(begun.elapsed());
                got
            },
            store.wait(Stream::Purges, last, Duration::from_millis(10))
        );
        got.unwrap();
        waited.is_ok() && append(&store, "after").await.is_ok()
    })
    .await;
    assert!(began.elapsed() < FAILOVER);
    assert!(longest < Duration::from_millis(500), "{longest:?}");
}

#[tokio::test]
async fn cluster_is_found_by_any_node_that_answers() {
    let mut lab = Cluster::start().await;
    let url = lab.url();
    let replica = lab.replica_of(lab.master_of("lab:purges").await).await;
    lab.nodes[replica].hang();
    let began = Instant::now();
    let store = store(&url);
    append(&store, "first").await.unwrap();
    assert!(began.elapsed() < Duration::from_secs(1));
    lab.nodes.iter_mut().for_each(Server::kill);
    let store = crate::harness::store(&url);
    let down = append(&store, "second").await.unwrap_err();
    assert_eq!(down.to_string(), "Redis: connection refused");
}
