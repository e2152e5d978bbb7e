//! Sockets that systemd bound, and the word that it waits for.

use std::fs;
use std::os::fd::OwnedFd;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixDatagram, UnixListener, UnixStream};
use std::path::Path;
use std::process::Stdio;

use rustix::process::Signal;
use tokio::process::Command;

use crate::client::{Reply, ask_as_edge, exchange, question};
use crate::program::{Ended, Folder, soon};
use crate::server::{BASE, SERVE, Server};

/// Starts the program as systemd does: with the sockets from descriptor 3 on, and their number and
/// its own process in the environment.
fn activated(folder: &Folder, sockets: [OwnedFd; 2]) -> Command {
    let mut command = Command::new("/bin/sh");
    let script =
        "exec 3<&0 4>&1 0</dev/null 1>&0; export LISTEN_PID=$$ LISTEN_FDS=2; exec \"$0\" \"$@\"";
    command
        .args(["-c", script, env!("CARGO_BIN_EXE_introspectd")])
        .args(SERVE);
    let [first, second] = sockets;
    command
        .stdin(Stdio::from(first))
        .stdout(Stdio::from(second))
        .stderr(Stdio::piped());
    command
        .env_clear()
        .current_dir(folder.path(""))
        .kill_on_drop(true);
    command
}

/// Binds a socket as a `.socket` unit of mode 660 does.
fn unix_socket(path: &Path) -> UnixListener {
    let socket = UnixListener::bind(path).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o660)).unwrap();
    socket
}

fn tcp_socket() -> std::net::TcpListener {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap()
}

/// Names these two and nothing else.
fn config(folder: &Folder, api: &str, admin: &str) {
    let listen = format!(
        "[listen]\napi = [{{ address = {api:?}, caller = \"sidecar\" }}]\nadmin = {admin:?}\n"
    );
    folder.write("introspectd.toml", listen);
}

fn connect(path: &Path) -> tokio::net::UnixStream {
    let stream = UnixStream::connect(path).unwrap();
    stream.set_nonblocking(true).unwrap();
    tokio::net::UnixStream::from_std(stream).unwrap()
}

async fn ask(stream: tokio::net::UnixStream) -> Reply {
    exchange(stream, question(None, "token=x")).await
}

async fn failed(command: Command) -> Ended {
    let mut command = command;
    let output = command.spawn().unwrap().wait_with_output();
    soon("the end", output).await.unwrap().into()
}

#[tokio::test]
async fn passed_sockets_stand_for_their_addresses_and_outlive_a_restart() {
    let folder = Folder::new();
    let path = folder.path("api.sock");
    let (api, admin) = (unix_socket(&path), tcp_socket());
    let port = admin.local_addr().unwrap().to_string();
    config(&folder, &format!("unix:{}", path.display()), &port);

    // Whoever comes before there is a server waits for it.
    let early = connect(&path);
    let sockets = [
        api.try_clone().unwrap().into(),
        admin.try_clone().unwrap().into(),
    ];
    let mut command = activated(&folder, sockets);
    let mut server = Server::start_as(folder, &mut command).await;
    drop(command);
    assert_eq!(server.api(), format!("unix:{}", path.display()));
    assert_eq!(server.admin(), port);
    assert_eq!(ask(early).await.status, 200);
    assert_eq!(ask(connect(&path)).await.status, 200);

    server.signal(Signal::TERM);
    assert_eq!(server.ended().await.code(), Some(0));
    let between = connect(&path);
    let mut command = activated(&server.folder, [api.into(), admin.into()]);
    let again = Folder::new();
    let _again = Server::start_as(again, &mut command).await;
    assert_eq!(ask(between).await.status, 200);
}

#[tokio::test]
async fn passed_socket_without_a_listener_stops_the_start() {
    let folder = Folder::new();
    let path = folder.path("other.sock");
    let admin = tcp_socket();
    let api = format!("unix:{}", folder.path("api.sock").display());
    config(&folder, &api, &admin.local_addr().unwrap().to_string());
    let command = activated(&folder, [unix_socket(&path).into(), admin.into()]);
    let ended = failed(command).await.with(2);
    assert!(
        ended
            .stderr
            .contains(&format!("unix:{}, which no listener uses", path.display())),
        "{ended:#?}"
    );
    assert!(ended.stderr.contains("ListenStream="), "{ended:#?}");
    assert!(!folder.path("api.sock").exists(), "and nothing is bound");
    assert!(path.exists());
}

/// systemd's own default is 0666.
#[tokio::test]
async fn passed_socket_with_a_wider_mode_stops_the_start() {
    let folder = Folder::new();
    let path = folder.path("api.sock");
    let (api, admin) = (unix_socket(&path), tcp_socket());
    fs::set_permissions(&path, fs::Permissions::from_mode(0o666)).unwrap();
    config(
        &folder,
        &format!("unix:{}", path.display()),
        &admin.local_addr().unwrap().to_string(),
    );
    let ended = failed(activated(&folder, [api.into(), admin.into()]))
        .await
        .with(2);
    for told in ["mode 666", "660", "SocketMode=0660", "mode = \"666\""] {
        assert!(ended.stderr.contains(told), "{told}: {ended:#?}");
    }
}

#[tokio::test]
async fn passed_descriptor_that_does_not_listen_stops_the_start() {
    let folder = Folder::new();
    config(&folder, "127.0.0.1:0", "127.0.0.1:0");
    let connected = || UnixStream::pair().unwrap().0.into();
    let datagrams = || UnixDatagram::unbound().unwrap().into();
    for (socket, why) in [
        (connected(), "not a listening socket"),
        (datagrams(), "not a stream socket"),
    ] {
        let ended = failed(activated(&folder, [socket, tcp_socket().into()]))
            .await
            .with(2);
        assert!(ended.stderr.contains("descriptor 3"), "{ended:#?}");
        assert!(ended.stderr.contains(why), "{ended:#?}");
    }
}

#[tokio::test]
async fn sockets_that_were_passed_to_another_process_are_not_ours() {
    let environment = [("LISTEN_FDS", "1"), ("LISTEN_PID", "1")];
    let server = Server::start_in(Folder::with_config(BASE), &environment).await;
    assert_eq!(ask_as_edge(&server.api(), "x").await.status, 200);
}

#[tokio::test]
async fn service_manager_is_notified_of_start_and_stop() {
    let folder = Folder::with_config(BASE);
    let path = folder.path("notify.sock");
    let manager = tokio::net::UnixDatagram::bind(&path).unwrap();
    let mut server = Server::start_in(folder, &[("NOTIFY_SOCKET", path.to_str().unwrap())]).await;
    assert_eq!(next(&manager).await, "READY=1");
    server.signal(Signal::TERM);
    assert_eq!(next(&manager).await, "STOPPING=1");
    server.ended().await;
}

#[tokio::test]
async fn missing_service_manager_ends_nothing() {
    let server =
        Server::start_in(Folder::with_config(BASE), &[("NOTIFY_SOCKET", "/no/such")]).await;
    server.logged("cannot notify the service manager").await;
    assert_eq!(ask_as_edge(&server.api(), "x").await.status, 200);
}

#[tokio::test]
async fn service_manager_that_reads_nothing_holds_up_neither_start_nor_stop() {
    let folder = Folder::with_config(BASE);
    let path = folder.path("notify.sock");
    let _manager = std::os::unix::net::UnixDatagram::bind(&path).unwrap();
    let filler = std::os::unix::net::UnixDatagram::unbound().unwrap();
    filler.set_nonblocking(true).unwrap();
    while filler.send_to(b"x", &path).is_ok() {}
    let mut server = Server::start_in(folder, &[("NOTIFY_SOCKET", path.to_str().unwrap())]).await;
    assert_eq!(ask_as_edge(&server.api(), "x").await.status, 200);
    server.logged("cannot notify the service manager").await;
    server.signal(Signal::TERM);
    server.ended().await;
}

async fn next(manager: &tokio::net::UnixDatagram) -> String {
    let mut word = [0; 64];
    let length = soon("a word", manager.recv(&mut word)).await.unwrap();
    String::from_utf8(word[..length].to_vec())
        .unwrap()
        .trim_end()
        .to_owned()
}
