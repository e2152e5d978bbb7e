//! Bindings over restarts, kills and files that are no good.

use std::process::Stdio;

use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use introspectd_simulators::Simulator;
use introspectd_simulators::passport::{self, CLIENT_ID, CLIENT_SECRET, Passport};
use serde_json::{Value, json};
use tokio::net::TcpStream;

use crate::client::{Reply, ask_as_edge, basic, exchange};
use crate::program::{Folder, run};
use crate::server::{BASE, SERVE, Server};
use crate::vendors::{bank, bank_config};

const ROUNDS: usize = 12;

pub(crate) fn config(bank: &Simulator<Passport>) -> String {
    format!(
        "{BASE}\n[callers.trusted]\nsecret = {{ literal = \"trusted-secret\" }}\npermissions = \
            [\"bind\", \"issue\"]\n\
         [bindings]\npath = \"bindings.redb\"\n[log]\nlevel = \"trace\"\n{}match = {{ regex = \
         \"^[0-9a-f]{{64}}$\" }}\n",
        bank_config(bank)
    )
}

fn request(method: &str, path: &str, body: &Value) -> Request<Full<Bytes>> {
    Request::builder()
        .method(method)
        .uri(format!("/v1/providers/bank/{path}"))
        .header("host", "introspectd")
        .header("authorization", basic("trusted", "trusted-secret"))
        .header("content-type", "application/json")
        .body(Full::from(body.to_string()))
        .unwrap()
}

async fn send(address: &str, request: Request<Full<Bytes>>) -> Reply {
    exchange(TcpStream::connect(address).await.unwrap(), request).await
}

pub(crate) async fn issue(address: &str) -> String {
    let body = json!({
        "client_id": CLIENT_ID,
        "client_secret": CLIENT_SECRET,
        "grant_type": "client_credentials",
    });
    let reply = send(address, request("POST", "tokens", &body)).await;
    assert_eq!(reply.status, 200, "{reply:#?}");
    let issued: Value = serde_json::from_str(&reply.body).unwrap();
    issued["access_token"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn acknowledged_binding_is_active_after_a_kill() {
    let bank = bank().await;
    let mut folder = Folder::with_config(&config(&bank));
    let mut tokens = vec![passport::ACTIVE_ACCESS_TOKEN.to_owned()];
    let mut said = Vec::new();
    for round in 0..ROUNDS {
        let mut server = Server::start_in(folder, &[]).await;
        let address = server.api();
        for token in tokens.iter().skip(usize::from(round == 0)) {
            assert!(
                ask_as_edge(&address, token).await.is_active(),
                "round {round}"
            );
        }
        if round == 0 {
            let pair = json!({"token": tokens[0], "token_id": passport::ACTIVE});
            assert_eq!(
                send(&address, request("PUT", "bindings", &pair))
                    .await
                    .status,
                204
            );
            // A killed process loses the lines that are on their way.
            server.logged("\"bind\"").await;
        }
        for _ in 0..round % 3 {
            tokens.push(issue(&address).await);
        }
        // Another one is under way when the process ends, at a different point each time.
        let under_way = tokio::spawn({
            let address = address.clone();
            async move {
                let stream = TcpStream::connect(address).await.ok()?;
                let pair = json!({"token": "0".repeat(64), "token_id": passport::READER});
                let (mut sender, connection) =
                    hyper::client::conn::http1::handshake(hyper_util::rt::TokioIo::new(stream))
                        .await
                        .ok()?;
                tokio::spawn(connection);
                sender
                    .send_request(request("PUT", "bindings", &pair))
                    .await
                    .ok()
            }
        });
        for _ in 0..round * 3 {
            tokio::task::yield_now().await;
        }
        server.signal(rustix::process::Signal::KILL);
        server.ended().await;
        drop(under_way.await);
        said.extend(server.log());
        folder = server.folder;
    }
    let file = std::fs::read(folder.path("bindings.redb")).unwrap();
    for secret in tokens
        .iter()
        .map(String::as_str)
        .chain([CLIENT_SECRET, "trusted-secret"])
    {
        assert!(
            !file
                .windows(secret.len())
                .any(|part| part == secret.as_bytes())
        );
        assert!(!said.iter().any(|line| line.contains(secret)), "{said:#?}");
    }
    assert!(
        said.iter()
            .any(|line| line.contains("\"bind\"") && line.contains(passport::ACTIVE))
    );
}

#[tokio::test]
async fn on_a_full_disk_bound_tokens_stay_active_and_new_bindings_wait_for_room() {
    let bank = bank().await;
    let folder = Folder::with_config(&config(&bank).replace("bindings.redb", "disk/bindings.redb"));
    std::fs::create_dir(folder.path("disk")).unwrap();
    // A disk of its own, which ends with the process.
    let mounted = "mount -t tmpfs -o size=2m tmpfs disk && exec \"$0\" \"$@\"";
    let mut command = folder.command_of("unshare");
    command.args(if rustix::process::geteuid().is_root() {
        &[][..]
    } else {
        &["--map-root-user"]
    });
    command
        .args([
            "--mount",
            "sh",
            "-c",
            mounted,
            env!("CARGO_BIN_EXE_introspectd"),
        ])
        .args(SERVE);
    let server = Server::start_as(folder, command.stdout(Stdio::null())).await;
    let address = server.api();
    let bind = async |token: &str| {
        let pair = json!({"token": token, "token_id": passport::ACTIVE});
        send(&address, request("PUT", "bindings", &pair))
            .await
            .status
    };
    assert_eq!(bind(passport::ACTIVE_ACCESS_TOKEN).await, 204);
    let filler = server.sees("disk/filler");
    std::fs::write(&filler, vec![b'x'; 64 << 20]).expect_err("a disk that is full");
    let token = |number: usize| format!("{number:064x}");
    let mut bound = 0;
    while bind(&token(bound)).await == 204 {
        bound += 1;
    }
    for attempt in 0..3 {
        assert_eq!(bind(&token(bound)).await, 503, "attempt {attempt}");
        assert!(
            ask_as_edge(&address, passport::ACTIVE_ACCESS_TOKEN)
                .await
                .is_active()
        );
        for number in 0..bound {
            assert!(
                ask_as_edge(&address, &token(number)).await.is_active(),
                "{number} of {bound}"
            );
        }
    }
    std::fs::remove_file(&filler).unwrap();
    assert_eq!(bind(&token(bound)).await, 204);
    assert!(ask_as_edge(&address, &token(bound)).await.is_active());
    server.logged("disk full: bindings store").await;
    server.logged("bindings store writable again").await;
    let failures = server
        .log()
        .into_iter()
        .filter(|line| line.contains("disk full: bindings store"))
        .count();
    assert_eq!(failures, 1, "it is said once");
}

#[tokio::test]
async fn invalid_file_is_2_and_named_with_its_remedy() {
    let bank = bank().await;
    let folder = Folder::with_config(&config(&bank));
    let file = folder.write("bindings.redb", "no store");
    let mut command = folder.command();
    command.args(SERVE);
    let ended = run(command, "").await.with(2);
    for text in [
        "bindings.redb",
        "is damaged, or not a bindings store",
        "move it away",
    ] {
        assert!(ended.stderr.contains(text), "{text}: {ended:#?}");
    }
    assert_eq!(std::fs::read(file).unwrap(), b"no store");
}

#[tokio::test]
async fn a_file_that_another_process_has_is_2() {
    let bank = bank().await;
    let server = Server::start(&config(&bank)).await;
    let mut command = server.folder.command();
    command.args(SERVE);
    let ended = run(command, "").await.with(2);
    assert!(
        ended.stderr.contains("in use by another process"),
        "{ended:#?}"
    );
    issue(&server.api()).await;
}

#[tokio::test]
async fn check_reports_problems_of_the_path_without_opening_it() {
    for (section, told) in [
        (
            "path = \"no/such/bindings.redb\"",
            "directory no/such does not exist",
        ),
        ("path = \".\"", "is not a file path"),
        ("path = \"/dev/null\"", "is not a regular file"),
        (
            "key = { literal = \"0123456789abcdef0123456789abcdef\" }",
            "is unused without a path",
        ),
        (
            "path = \"b\"\nkey = { literal = \"short\" }",
            "is shorter than 32 bytes",
        ),
        ("path = \"b\"\nkeys = 1", "is not a known key"),
    ] {
        let folder = Folder::with_config(&format!("[bindings]\n{section}\n"));
        let mut command = folder.command();
        command.args(["check", "--config", "introspectd.toml"]);
        let ended = run(command, "").await.with(2);
        assert!(ended.stderr.contains(told), "{told}: {ended:#?}");
        assert!(!folder.path("b").exists());
    }
    let folder = Folder::with_config(
        "[bindings]\npath = \"b\"\nkey = { literal = \"0123456789abcdef0123456789abcdef\" }\n",
    );
    let mut command = folder.command();
    command.args(["check", "--config", "introspectd.toml"]);
    let ended = run(command, "").await.with(0);
    assert!(
        ended.stdout.contains("bindings.path = \"b\"") && !ended.stdout.contains("0123456789"),
        "{ended:#?}"
    );
}
