//! Few file descriptors, and clients that would take them all.

use std::time::Instant;

use rustix::process::{Pid, Resource, Rlimit, prlimit};
use tokio::net::TcpStream;
use tokio::process::Command;

use crate::client::{ask_as_edge, exchange, get, question};
use crate::program::{Folder, soon};
use crate::server::{BASE, SERVE, Server};

/// A server whose shell has set this limit before.
async fn server_with(limit: &str, toml: &str) -> Server {
    let folder =
        Folder::with_config(&format!("{BASE}{toml}").replace("[listen]", "[listen]\nworkers = 2"));
    let binary = env!("CARGO_BIN_EXE_introspectd");
    let mut shell = Command::new("/bin/sh");
    shell
        .env_clear()
        .current_dir(folder.path(""))
        .kill_on_drop(true);
    shell.args(["-c", &format!("{limit}; exec {binary} {}", SERVE.join(" "))]);
    shell
        .stdin(std::process::Stdio::null())
        .stdout(std::process::Stdio::null());
    shell.stderr(std::process::Stdio::piped());
    Server::start_as(folder, &mut shell).await
}

fn limits_of(server: &Server) -> String {
    std::fs::read_to_string(format!("/proc/{}/limits", server.pid().as_raw_nonzero())).unwrap()
}

#[tokio::test]
async fn soft_limit_of_descriptors_is_raised_to_the_hard_one() {
    let server = server_with("ulimit -Sn 300; ulimit -Hn 700", "").await;
    let limits = limits_of(&server);
    let files = limits
        .lines()
        .find(|line| line.starts_with("Max open files"))
        .unwrap();
    assert_eq!(
        files.split_whitespace().skip(3).take(2).collect::<Vec<_>>(),
        ["700", "700"]
    );
    server
        .logged("[limits] connections lowered to fit the limit of file descriptors")
        .await;
}

#[tokio::test]
async fn flood_of_idle_connections_takes_no_descriptor_that_callers_and_operators_need() {
    let server = server_with("ulimit -n 256", "").await;
    let mut flood = Vec::new();
    for number in 0..600 {
        flood.push(
            soon("a connection", TcpStream::connect(server.api()))
                .await
                .unwrap(),
        );
        if number % 60 == 0 {
            assert_eq!(
                soon("an answer", ask_as_edge(&server.api(), "t"))
                    .await
                    .status,
                200,
                "{number}"
            );
            assert_eq!(
                soon("an answer", get(&server.admin(), "/readyz"))
                    .await
                    .status,
                200,
                "{number}"
            );
        }
    }
    let log = server.log();
    assert!(
        !log.iter().any(|line| line.contains("cannot accept")),
        "{log:#?}"
    );
}

#[tokio::test]
async fn flood_of_the_admin_listener_keeps_no_operator_out() {
    let server = Server::start_with("").await;
    let mut flood = Vec::new();
    for _ in 0..300 {
        flood.push(TcpStream::connect(server.admin()).await.unwrap());
    }
    assert_eq!(
        soon("an answer", get(&server.admin(), "/livez"))
            .await
            .status,
        200
    );
}

#[tokio::test]
async fn configured_limit_of_connections_holds_and_leaves_admin_alone() {
    let server = Server::start_with("[limits]\nconnections = 3\n").await;
    let authorization = crate::client::basic("edge", "edge-secret");
    let mut known = Vec::new();
    for _ in 0..3 {
        known.push(Kept::connect(&server, &authorization).await);
    }
    let mut further = tokio::spawn({
        let api = server.api();
        async move { ask_as_edge(&api, "t").await.status }
    });
    assert_eq!(get(&server.admin(), "/readyz").await.status, 200);
    for kept in &mut known {
        assert_eq!(kept.ask(&authorization).await, 200, "it keeps its place");
    }
    assert!(!further.is_finished());
    drop(known.pop());
    assert_eq!(soon("an answer", &mut further).await.unwrap(), 200);
}

/// A kept-alive connection.
struct Kept(hyper::client::conn::http1::SendRequest<http_body_util::Full<hyper::body::Bytes>>);

impl Kept {
    async fn connect(server: &Server, authorization: &str) -> Self {
        let stream = TcpStream::connect(server.api()).await.unwrap();
        let io = hyper_util::rt::TokioIo::new(stream);
        let (sender, connection) = hyper::client::conn::http1::handshake(io).await.unwrap();
        tokio::spawn(connection);
        let mut kept = Self(sender);
        assert_eq!(kept.ask(authorization).await, 200);
        kept
    }

    async fn ask(&mut self, authorization: &str) -> u16 {
        self.0.ready().await.unwrap();
        let asked = self
            .0
            .send_request(question(Some(authorization), "token=t"));
        let response = soon("an answer", asked).await.unwrap();
        let status = response.status().as_u16();
        http_body_util::BodyExt::collect(response.into_body())
            .await
            .unwrap();
        status
    }
}

#[tokio::test]
async fn process_out_of_descriptors_waits_logs_once_a_second_and_recovers() {
    let server = Server::start_with("").await;
    // It has all descriptors that it needs for itself.
    assert_eq!(ask_as_edge(&server.api(), "t").await.status, 200);
    let pid: Pid = server.pid();
    let begun = Instant::now();
    let starved = Rlimit {
        current: Some(3),
        maximum: None,
    };
    let before = prlimit(
        Some(pid),
        Resource::Nofile,
        Rlimit {
            maximum: hard(pid),
            ..starved
        },
    )
    .unwrap();
    let stream = TcpStream::connect(server.api()).await.unwrap();
    let further = TcpStream::connect(server.api()).await.unwrap();
    server.logged("cannot accept connections; retrying").await;
    server.lines("cannot accept connections", 3).await;
    let seconds = begun.elapsed().as_secs();
    let count = server
        .log()
        .iter()
        .filter(|line| line.contains("cannot accept"))
        .count();
    assert!(
        u64::try_from(count).unwrap() <= seconds + 2,
        "{count} lines in {seconds} s"
    );
    prlimit(Some(pid), Resource::Nofile, before).unwrap();
    let authorization = crate::client::basic("edge", "edge-secret");
    let asked = exchange(stream, question(Some(&authorization), "token=t"));
    assert_eq!(soon("an answer", asked).await.status, 200);
    drop(further);
}

fn hard(pid: Pid) -> Option<u64> {
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", pid.as_raw_nonzero())).unwrap();
    let files = limits
        .lines()
        .find(|line| line.starts_with("Max open files"))
        .unwrap();
    files.split_whitespace().nth(4).unwrap().parse().ok()
}
