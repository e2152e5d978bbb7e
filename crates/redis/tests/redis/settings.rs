use std::time::Duration;

use introspectd_fleet::Store;
use introspectd_redis::{ACL_RULES, RedisStore, Settings};
use introspectd_redis_lab::{Cluster, Program, Sentinels, Server, Setup};
use tokio::runtime::Handle;

use crate::contract;
use crate::harness::{append, settings, store};

const TRUST: Duration = Duration::from_secs(2);
pub(crate) const PASSWORD: &str = "correct horse";

pub(crate) fn open(settings: &Settings) -> RedisStore {
    RedisStore::new(settings, &Handle::current()).unwrap()
}

pub(crate) fn login(url: &str, username: &str, password: &str) -> Settings {
    Settings {
        username: Some(username.to_owned()),
        password: Some(password.into()),
        ..settings(url)
    }
}

/// User with exactly the documented rules, next to a default user who may do nothing.
fn restricted(setup: Setup) -> Setup {
    let user = format!("user replica on >{} ~lab:* {ACL_RULES}", "secret");
    setup.line(&user)
}

#[test]
fn rules_of_a_user_are_documented() {
    let page = include_str!("../../../../docs/fleet.md");
    let line = format!("ACL SETUSER introspectd on >PASSWORD ~introspectd:* {ACL_RULES}");
    assert!(page.lines().any(|written| written == line), "{line}");
}

#[tokio::test]
async fn documented_rules_of_a_user_are_enough() {
    for program in programs() {
        let server = restricted(Setup::new(program)).start().await;
        let store = open(&login(&server.url(), "replica", "secret"));
        contract::holds(&store).await;
        assert_eq!(store.weaknesses(TRUST).await.unwrap(), Vec::<String>::new());
    }
}

fn programs() -> Vec<Program> {
    let built = cfg!(target_arch = "x86_64").then_some([Program::Oldest, Program::Valkey]);
    let built = built.into_iter().flatten();
    std::iter::once(Program::Installed).chain(built).collect()
}

#[tokio::test]
async fn documented_rules_of_a_user_are_enough_with_sentinels() {
    let lab = Sentinels::start_with(restricted(Setup::new(Program::Installed))).await;
    let store = open(&login(&lab.url(), "replica", "secret"));
    contract::holds(&store).await;
    assert_eq!(store.weaknesses(TRUST).await.unwrap().len(), 1);
}

#[tokio::test]
async fn documented_rules_of_a_user_are_enough_in_a_cluster() {
    let lab = Cluster::start_with(restricted(Setup::new(Program::Installed))).await;
    let store = open(&login(&lab.url(), "replica", "secret"));
    contract::holds(&store).await;
    assert_eq!(store.weaknesses(TRUST).await.unwrap(), Vec::<String>::new());
}

#[tokio::test]
async fn refusals_name_their_kind_and_nothing_that_was_sent() {
    let user = format!("user replica on >{} ~other:* {ACL_RULES}", "secret");
    let setup = Setup::new(Program::Installed)
        .line(&format!("requirepass \"{PASSWORD}\""))
        .line(&user);
    let server = setup.start().await;
    let cases = [
        (settings(&server.url()), "NOAUTH: it requires a password"),
        (
            login(&server.url(), "replica", "wrong"),
            "WRONGPASS: wrong username or password",
        ),
        (
            login(&server.url(), "replica", "secret"),
            "NOPERM: its ACL denies this user a command or the prefix",
        ),
    ];
    for (settings, expected) in cases {
        let store = open(&settings);
        let downs = [
            append(&store, "text").await.unwrap_err(),
            store.get(&["lab:f:a"]).await.unwrap_err(),
            store.set_new("lab:f:a", b"value", TRUST).await.unwrap_err(),
            store.delete("lab:f:a", b"value").await.unwrap_err(),
        ];
        for down in downs {
            assert_eq!(down.to_string(), format!("Redis: {expected}"));
        }
    }
    // The default user, by its password alone.
    let store = open(&Settings {
        password: Some(PASSWORD.into()),
        ..settings(&server.url())
    });
    append(&store, "text").await.unwrap();
}

#[tokio::test]
async fn full_server_says_so_in_every_version() {
    for program in programs() {
        let setup = Setup::new(program).line("maxmemory 1");
        let server = setup.start().await;
        let store = store(&server.url());
        let expected = "Redis: OOM: it is full (maxmemory)";
        let down = append(&store, "text").await.unwrap_err();
        assert_eq!(down.to_string(), expected);
        let down = store.set_new("lab:f:a", b"value", TRUST).await.unwrap_err();
        assert_eq!(down.to_string(), expected);
        assert_eq!(store.get(&["lab:f:a"]).await.unwrap(), [None]);
    }
}

#[tokio::test]
async fn replica_says_so_in_every_version() {
    for program in programs() {
        let master = Setup::new(program).start().await;
        let setup = Setup::new(program).line(&format!("replicaof 127.0.0.1 {}", master.port()));
        let replica = setup.start().await;
        let store = store(&replica.url());
        let down = append(&store, "text").await.unwrap_err();
        assert_eq!(down.to_string(), "Redis: READONLY: it is a replica");
    }
}

#[tokio::test]
async fn weak_settings_are_reported_with_what_to_set() {
    let server = Server::start().await;
    let store = store(&server.url());
    let none = Vec::<String>::new();
    assert_eq!(store.weaknesses(TRUST).await.unwrap(), none);

    server.cli(&["CONFIG", "SET", "maxmemory", "100mb"]).await;
    assert_eq!(
        store.weaknesses(TRUST).await.unwrap(),
        [
            "Redis refuses all writes, purges included, when it is full (maxmemory-policy \
             noeviction): set maxmemory-policy to volatile-lru."
        ]
    );
    server
        .cli(&["CONFIG", "SET", "maxmemory-policy", "allkeys-lru"])
        .await;
    assert_eq!(
        store.weaknesses(TRUST).await.unwrap(),
        [
            "Redis may evict the stream of purges when it is full, which costs every replica its \
             cache (maxmemory-policy allkeys-lru): set maxmemory-policy to volatile-lru."
        ]
    );
    server
        .cli(&["CONFIG", "SET", "maxmemory-policy", "volatile-lru"])
        .await;
    assert_eq!(store.weaknesses(TRUST).await.unwrap(), none);

    server
        .cli(&["ACL", "SETUSER", "default", "-config", "-info"])
        .await;
    let found = store.weaknesses(TRUST).await.unwrap();
    assert_eq!(found.len(), 2);
    assert!(found.iter().any(|it| it.contains("add +info to its ACL")));
    assert!(
        found
            .iter()
            .any(|it| it.contains("add +config|get to its ACL"))
    );
}

#[tokio::test]
async fn master_that_may_be_alone_is_reported() {
    let lab = Sentinels::start().await;
    let store = store(&lab.url());
    let master = &lab.servers[0];
    let found = store.weaknesses(TRUST).await.unwrap();
    assert_eq!(found.len(), 1);
    assert!(
        found[0].contains("set min-replicas-to-write to 1"),
        "{found:?}"
    );
    master
        .cli(&["CONFIG", "SET", "min-replicas-to-write", "1"])
        .await;
    let found = store.weaknesses(TRUST).await.unwrap();
    assert_eq!(found.len(), 1);
    assert!(
        found[0].ends_with("set min-replicas-max-lag to 2."),
        "{found:?}"
    );
    master
        .cli(&["CONFIG", "SET", "min-replicas-max-lag", "2"])
        .await;
    assert_eq!(store.weaknesses(TRUST).await.unwrap(), Vec::<String>::new());
}

#[tokio::test]
async fn slow_failover_of_a_cluster_is_reported() {
    let lab = Cluster::start().await;
    let store = store(&lab.url());
    assert_eq!(store.weaknesses(TRUST).await.unwrap(), Vec::<String>::new());
    let master = lab.master_of("lab:purges").await;
    lab.nodes[master]
        .cli(&["CONFIG", "SET", "cluster-node-timeout", "15000"])
        .await;
    let found = store.weaknesses(TRUST).await.unwrap();
    assert_eq!(found.len(), 1);
    assert!(
        found[0].ends_with("set cluster-node-timeout to 2000 or less."),
        "{found:?}"
    );
}
