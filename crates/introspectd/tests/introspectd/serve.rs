use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Instant;

use introspectd_simulators::rfc7662::{ACTIVE, UNKNOWN};
use rustix::process::Signal;
use tokio::net::{TcpStream, UnixStream};

use crate::client::{ask_as_edge, basic, exchange, get, question};
use crate::program::{Ended, Folder, run};
use crate::server::{BASE, Server};
use crate::vendors::{sso, sso_config};

/// A start that fails.
async fn failed(folder: &Folder) -> Ended {
    let mut command = folder.command();
    command.args(["serve", "--config", "introspectd.toml"]);
    run(command, "").await
}

#[tokio::test]
async fn a_bad_configuration_ends_it_before_a_port_is_bound() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let toml = format!(
        "colour = 1\n[listen]\napi = \"{}\"\nadmin = \"127.0.0.1:0\"\n",
        taken.local_addr().unwrap()
    );
    let ended = failed(&Folder::with_config(&toml)).await.with(2);
    assert!(
        ended
            .stderr
            .contains("introspectd.toml:1: colour: is not a known key"),
        "{}",
        ended.stderr
    );
    assert!(!ended.stderr.contains("listen on"), "{}", ended.stderr);
    failed(&Folder::new()).await.with(2);
}

#[tokio::test]
async fn a_taken_port_is_named() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    for toml in [
        format!("[listen]\napi = {address:?}\nadmin = \"127.0.0.1:0\"\n"),
        format!("[listen]\napi = \"127.0.0.1:0\"\nadmin = {address:?}\n"),
    ] {
        let ended = failed(&Folder::with_config(&toml)).await;
        assert_ne!(ended.code, Some(0));
        assert!(
            ended
                .stderr
                .contains(&format!("cannot listen on {address}: ")),
            "{}",
            ended.stderr
        );
        assert!(!ended.stderr.contains("\"listening\""), "{}", ended.stderr);
    }
}

#[tokio::test]
async fn a_free_port_is_taken_for_each_port_0() {
    let toml = BASE.replacen(
        "api = \"127.0.0.1:0\"",
        "api = [\"127.0.0.1:0\", \"127.0.0.1:0\"]",
        1,
    );
    let server = Server::start(&toml).await;
    let addresses = server.addresses("api");
    assert_eq!(addresses.len(), 2);
    assert_ne!(addresses[0], addresses[1]);
    for address in addresses {
        assert!(!address.ends_with(":0"));
        assert_eq!(ask_as_edge(&address, "x").await.body, "{\"active\":false}");
    }
}

#[tokio::test]
async fn the_process_is_alive_and_ready() {
    let server = Server::start_with("").await;
    for path in ["/livez", "/readyz"] {
        let reply = get(&server.admin(), path).await;
        assert_eq!(
            (
                reply.status,
                reply.headers["cache-control"].to_str().unwrap()
            ),
            (200, "no-store")
        );
        assert_eq!(
            get(&server.api(), path).await.status,
            404,
            "{path} is the operator's"
        );
    }
    assert_eq!(get(&server.admin(), "/introspect").await.status, 404);
}

#[tokio::test]
async fn a_provider_that_is_down_leaves_the_process_ready() {
    let sso = sso().await;
    let server = Server::start_with(&sso_config(&sso)).await;
    sso.stop();
    assert_eq!(ask_as_edge(&server.api(), ACTIVE).await.status, 503);
    assert_eq!(get(&server.admin(), "/readyz").await.status, 200);
}

fn with_socket(folder: &Folder, rest: &str) -> String {
    let socket = format!("unix:{}", folder.path("api.sock").display());
    format!(
        "[listen]\napi = [\"127.0.0.1:0\", {{ address = {socket:?}, caller = \"sidecar\" }}]\n\
         admin = \"127.0.0.1:0\"\n{rest}"
    )
}

async fn ask_socket(
    socket: &Path,
    authorization: Option<&str>,
    token: &str,
) -> crate::client::Reply {
    let stream = UnixStream::connect(socket).await.unwrap();
    exchange(stream, question(authorization, &format!("token={token}"))).await
}

#[tokio::test]
async fn unix_socket_identifies_its_caller() {
    let sso = sso().await;
    let folder = Folder::new();
    folder.write("introspectd.toml", with_socket(&folder, &sso_config(&sso)));
    let mut server = Server::start_in(folder, &[]).await;
    let socket = server.socket();

    assert_eq!(
        std::fs::metadata(&socket).unwrap().permissions().mode() & 0o777,
        0o660
    );
    assert!(ask_socket(&socket, None, ACTIVE).await.is_active());
    assert!(!ask_socket(&socket, None, UNKNOWN).await.is_active());
    // What a proxy hands on from a client changes nothing.
    assert!(
        ask_socket(&socket, Some("Bearer of-a-client"), ACTIVE)
            .await
            .is_active()
    );
    let tcp = TcpStream::connect(server.api()).await.unwrap();
    assert_eq!(
        exchange(tcp, question(None, &format!("token={ACTIVE}")))
            .await
            .status,
        401
    );

    server.signal(Signal::TERM);
    assert_eq!(server.ended().await.code(), Some(0));
    assert!(!socket.exists());
}

#[tokio::test]
async fn a_socket_left_by_a_killed_process_is_taken_over_and_a_live_one_is_not() {
    let folder = Folder::new();
    folder.write("introspectd.toml", with_socket(&folder, ""));
    let mut server = Server::start_in(folder, &[]).await;

    let ended = failed(&server.folder).await;
    assert_ne!(ended.code, Some(0));
    assert!(ended.stderr.contains("api.sock"), "{}", ended.stderr);
    assert!(
        !ask_socket(&server.socket(), None, "x").await.is_active(),
        "the first one is unharmed"
    );

    server.signal(Signal::KILL);
    server.ended().await;
    assert!(server.socket().exists());
    let again = Folder::with_config(
        &std::fs::read_to_string(server.folder.path("introspectd.toml")).unwrap(),
    );
    let _again = Server::start_in(again, &[]).await;
    assert!(!ask_socket(&server.socket(), None, "x").await.is_active());
}

#[tokio::test]
async fn the_environment_reaches_the_server() {
    let folder = Folder::with_config(
        "[listen]\nadmin = \"127.0.0.1:0\"\n[callers.edge]\nsecret = { env = \"S\" }\n",
    );
    let environment = [
        ("INTROSPECTD__LISTEN__API", "127.0.0.1:0,[::1]:0"),
        ("S", "edge-secret"),
    ];
    let server = Server::start_in(folder, &environment).await;
    assert_eq!(server.addresses("api").len(), 2);
    assert_eq!(ask_as_edge(&server.api(), "x").await.status, 200);
}

#[tokio::test]
async fn unusual_configuration_is_warned_of() {
    let server = Server::start("[listen]\napi = \"127.0.0.1:0\"\nadmin = \"127.0.0.1:0\"\n").await;
    let log = server.log().concat();
    assert!(
        log.contains("no providers configured") && log.contains("no callers configured"),
        "{log}"
    );
}

#[tokio::test]
async fn ignored_proxy_variables_are_named_once() {
    let folder = Folder::with_config(BASE);
    let variables = [
        ("HTTPS_PROXY", "http://u:hunter2@proxy.example:3128"),
        ("no_proxy", "*"),
    ];
    let server = Server::start_in(folder, &variables).await;
    let said: Vec<_> = server
        .log()
        .into_iter()
        .filter(|line| line.contains("proxy"))
        .collect();
    assert_eq!(said.len(), 1, "{said:?}");
    assert!(
        said[0].contains("proxy variables ignored") && said[0].contains("HTTPS_PROXY"),
        "{said:?}"
    );
    assert!(
        !said[0].contains("hunter2") && !said[0].contains("no_proxy"),
        "{said:?}"
    );
}

#[tokio::test]
async fn failing_provider_fills_no_log() {
    let sso = sso().await;
    let server = Server::start_with(&sso_config(&sso)).await;
    sso.stop();
    let began = Instant::now();
    for place in 0..200 {
        assert_eq!(
            ask_as_edge(&server.api(), &format!("sso_{place}"))
                .await
                .status,
            503
        );
    }
    let most = began.elapsed().as_secs() + 1;
    let lines = server
        .log()
        .iter()
        .filter(|line| line.contains("provider request failed"))
        .count();
    assert!(
        (1..=most).contains(&lines.try_into().unwrap()),
        "{lines} lines, {most} at most"
    );
}

/// A port that is free for both families.
fn free_port() -> u16 {
    TcpListener::bind("[::]:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port()
}

/// Answers at the two loopback addresses.
async fn answers_to_both_families(api: &str, port: u16) {
    let toml = BASE.replace("api = \"127.0.0.1:0\"", &format!("api = {api}"));
    let _server = Server::start(&toml).await;
    for host in ["127.0.0.1", "[::1]"] {
        let reply = ask_as_edge(&format!("{host}:{port}"), "x").await;
        assert_eq!(reply.body, "{\"active\":false}", "{api} {host}");
    }
}

#[tokio::test]
async fn both_wildcards_listen_on_one_port() {
    for wildcards in [["0.0.0.0", "[::]"], ["[::]", "0.0.0.0"]] {
        let port = free_port();
        let api = wildcards.map(|wildcard| format!("{wildcard}:{port}"));
        answers_to_both_families(&format!("{api:?}"), port).await;
    }
}

#[tokio::test]
async fn ipv6_wildcard_alone_takes_ipv4_too() {
    let port = free_port();
    answers_to_both_families(&format!("\"[::]:{port}\""), port).await;
}

#[tokio::test]
async fn ipv6_wildcard_leaves_ipv4_to_an_address_with_its_port() {
    let port = free_port();
    answers_to_both_families(&format!("[\"[::]:{port}\", \"127.0.0.1:{port}\"]"), port).await;
}

#[tokio::test]
async fn configured_limit_of_heads_holds_on_every_listener() {
    let long = |mut request: http::Request<_>| {
        request
            .headers_mut()
            .insert("x-padding", "a".repeat(48 * 1024).parse().unwrap());
        request
    };
    for (limits, api, admin) in [("", 431, 431), ("[limits]\nhead = \"64KiB\"\n", 200, 200)] {
        let server = Server::start_with(limits).await;
        let connect = async |kind| {
            TcpStream::connect(&server.addresses(kind)[0])
                .await
                .unwrap()
        };
        let question = long(question(Some(&basic("edge", "edge-secret")), "token=x"));
        let reply = exchange(connect("api").await, question).await;
        assert_eq!(reply.status, api, "{reply:#?}");
        let alive = http::Request::get("/livez")
            .header("host", "introspectd")
            .body(Default::default());
        let reply = exchange(connect("admin").await, long(alive.unwrap())).await;
        assert_eq!(reply.status, admin, "{reply:#?}");
    }
}
