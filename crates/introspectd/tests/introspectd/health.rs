use std::net::TcpListener;

use introspectd_simulators::rfc7662::ACTIVE;
use rustix::process::Signal;

use crate::client::{ask_as_edge, get};
use crate::program::{Ended, Folder, run, soon};
use crate::server::{BASE, Server};
use crate::vendors::{sso, sso_config};

async fn health(admin: &str) -> Ended {
    ask(&["health", "--admin", admin]).await
}

async fn ask(arguments: &[&str]) -> Ended {
    let mut command = Folder::new().command();
    command.args(arguments).current_dir("/");
    run(command, "").await
}

#[tokio::test]
async fn a_live_server_is_healthy() {
    let server = Server::start_with("").await;
    let ended = health(&server.admin()).await.with(0);
    assert_eq!(ended.output(), "");
}

#[tokio::test]
async fn a_live_server_is_healthy_on_a_unix_socket() {
    let folder = Folder::new();
    let admin = format!("unix:{}", folder.path("admin.sock").display());
    folder.write(
        "introspectd.toml",
        BASE.replacen("admin = \"127.0.0.1:0\"", &format!("admin = {admin:?}"), 1),
    );
    let _server = Server::start_in(folder, &[]).await;
    health(&admin).await.with(0);
}

#[tokio::test]
async fn a_server_that_is_down_is_not() {
    // Bound and closed again: nobody listens there.
    let port = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .to_string();
    let ended = health(&port).await.with(3);
    assert!(ended.stderr.contains(&port), "{}", ended.stderr);
    health("unix:/no/such.sock").await.with(3);
}

#[tokio::test]
async fn a_server_that_is_about_to_stop_is_alive_and_not_ready() {
    let sso = sso().await;
    let mut server = Server::start_with(&format!(
        "[shutdown]\ndrain = \"60s\"\n{}",
        sso_config(&sso)
    ))
    .await;
    let (api, admin) = (server.api(), server.admin());
    ask(&["health", "--ready", "--admin", &admin]).await.with(0);

    let gate = sso.gate();
    let reply = tokio::spawn(async move { ask_as_edge(&api, ACTIVE).await });
    soon("the question", gate.arrived(1)).await;
    server.signal(Signal::TERM);
    soon("503 from /readyz", async {
        while get(&admin, "/readyz").await.status != 503 {}
    })
    .await;
    health(&admin).await.with(0);
    let ended = ask(&["health", "--ready", "--admin", &admin]).await.with(3);
    assert!(ended.stderr.contains("503"), "{}", ended.stderr);

    gate.open();
    assert!(soon("the answer", reply).await.unwrap().is_active());
    server.ended().await;
}

#[tokio::test]
async fn other_servers_are_not_healthy() {
    let server = Server::start_with("").await;
    health(&server.api()).await.with(3);
}

#[tokio::test]
async fn invalid_address_is_wrong_usage() {
    health("http://x y").await.with(2);
}
