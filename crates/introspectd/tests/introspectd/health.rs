use std::net::TcpListener;

use crate::program::{Ended, Folder, run};
use crate::server::{BASE, Server};

async fn health(admin: &str) -> Ended {
    let folder = Folder::new();
    let mut command = folder.command();
    command.args(["health", "--admin", admin]);
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
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let ended = health(&port).await.with(3);
    assert!(ended.stderr.contains(&port), "{}", ended.stderr);
    health("unix:/no/such.sock").await.with(3);
}

#[tokio::test]
async fn what_is_no_admin_listener_is_not_healthy() {
    let server = Server::start_with("").await;
    health(&server.api()).await.with(3);
}

#[tokio::test]
async fn what_is_no_address_is_wrong_usage() {
    health("http://x y").await.with(2);
}
