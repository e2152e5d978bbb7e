use introspectd_redis_lab::{Cluster, Program, Sentinels, Server, Setup};

use crate::contract;
use crate::harness::store;

#[tokio::test]
async fn one_server_holds_the_contract() {
    let server = Server::start().await;
    contract::holds(&store(&server.url())).await;
}

#[tokio::test]
async fn another_database_holds_the_contract() {
    let server = Server::start().await;
    contract::holds(&store(&format!("{}/3", server.url()))).await;
    assert!(server.info("db3").await.is_some());
    assert_eq!(server.info("db0").await, None);
}

#[tokio::test]
async fn master_with_sentinels_holds_the_contract() {
    let lab = Sentinels::start().await;
    contract::holds(&store(&lab.url())).await;
}

#[tokio::test]
async fn cluster_holds_the_contract() {
    let lab = Cluster::start().await;
    contract::holds(&store(&lab.url())).await;
}

#[cfg(target_arch = "x86_64")]
#[tokio::test]
async fn valkey_holds_the_contract_in_each_form() {
    let setup = || Setup::new(Program::Valkey);
    let server = setup().start().await;
    assert_eq!(server.info("server_name").await.unwrap(), "valkey");
    contract::holds(&store(&server.url())).await;
    let lab = Sentinels::start_with(setup()).await;
    contract::holds(&store(&lab.url())).await;
    let lab = Cluster::start_with(setup()).await;
    contract::holds(&store(&lab.url())).await;
}

#[cfg(target_arch = "x86_64")]
#[tokio::test]
async fn oldest_supported_server_holds_the_contract() {
    let server = Setup::new(Program::Oldest).start().await;
    assert_eq!(server.info("redis_version").await.unwrap(), "6.2.14");
    contract::holds(&store(&server.url())).await;
}
