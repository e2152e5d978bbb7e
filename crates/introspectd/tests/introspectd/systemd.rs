//! `config/systemd/`, judged by systemd itself and against the configuration that the units run.

use std::fs;

use introspectd_simulators::rfc7662::ACTIVE;
use tokio::net::UnixStream;
use tokio::process::Command;

use crate::client::{exchange, question};
use crate::deployment::{Deployment, RUN, read};
use crate::program::{Ended, Folder, run};

/// The values of a key, in their order.
fn values(unit: &str, key: &str) -> Vec<String> {
    let text = read(&format!("config/systemd/introspectd.{unit}"));
    let values = text
        .lines()
        .filter_map(|line| line.strip_prefix(key)?.strip_prefix('='));
    values.map(str::to_owned).collect()
}

fn value(unit: &str, key: &str) -> String {
    let values = values(unit, key);
    assert_eq!(values.len(), 1, "{key}");
    values[0].clone()
}

/// The units in a folder, where they name our own binary: none of that name need be installed here.
fn units() -> Folder {
    let folder = Folder::new();
    for unit in ["service", "socket"] {
        let text = read(&format!("config/systemd/introspectd.{unit}"));
        let here = text.replace(
            "/usr/local/bin/introspectd",
            env!("CARGO_BIN_EXE_introspectd"),
        );
        folder.write(&format!("introspectd.{unit}"), here);
    }
    folder
}

async fn analyze(arguments: &[&str]) -> Ended {
    let folder = units();
    let mut command = Command::new("systemd-analyze");
    command.args(arguments).current_dir(folder.path(""));
    command
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped());
    run(command, "").await
}

#[tokio::test]
async fn systemd_finds_no_fault_with_the_units() {
    let ended = analyze(&[
        "verify",
        "--man=no",
        "./introspectd.service",
        "./introspectd.socket",
    ])
    .await;
    assert!(!ended.output().contains("introspectd"), "{ended:#?}");
    ended.with(0);
}

/// 0 is a service that may do nothing, 10 one that may do all. What is left is the network, which
/// it is for.
#[tokio::test]
async fn systemd_calls_the_service_hardly_exposed() {
    let ended = analyze(&[
        "security",
        "--offline=true",
        "--threshold=15",
        "./introspectd.service",
    ])
    .await;
    ended.with(0);
}

#[tokio::test]
async fn the_service_s_command_serves_with_the_credential_that_systemd_hands_on() {
    let deployment = Deployment::new().await;
    let config = deployment.folder.path("introspectd.toml");
    let text = fs::read_to_string(&config).unwrap();
    let secret = deployment.folder.path("sso");
    assert!(text.contains(&format!("{:?}", secret)));
    fs::write(
        &config,
        text.replace(&format!("{:?}", secret), "\"/no/such/file\""),
    )
    .unwrap();

    let command = value("service", "ExecStart");
    let words: Vec<String> = command.split(' ').map(str::to_owned).collect();
    assert_eq!(words[0], "/usr/local/bin/introspectd");
    let (credential, source) = value("service", "LoadCredential")
        .split_once(':')
        .map(owned)
        .unwrap();
    assert!(
        read("docs/sidecar.md").contains(&format!("sso.secret {source}\n")),
        "{source}"
    );
    let (variable, path) = value("service", "Environment")
        .split_once('=')
        .map(owned)
        .unwrap();
    assert_eq!(path, format!("%d/{credential}"));
    let path = path.replace("%d", deployment.folder.path("").to_str().unwrap());
    let running = deployment.serve(&words[1..], &[(variable, path)]).await;
    let stream = UnixStream::connect(running.socket()).await.unwrap();
    assert!(
        exchange(stream, question(None, &format!("token={ACTIVE}")))
            .await
            .is_active()
    );
}

fn owned((one, other): (&str, &str)) -> (String, String) {
    (one.to_owned(), other.to_owned())
}

#[test]
fn the_sockets_are_those_of_the_configuration() {
    let streams = values("socket", "ListenStream");
    assert_eq!(
        streams,
        [format!("{RUN}api.sock"), format!("{RUN}admin.sock")]
    );
    for stream in streams {
        assert!(
            read("config/sidecar.toml").contains(&format!("\"unix:{stream}\"")),
            "{stream}"
        );
    }
    // More than the configuration's 660 would stop the start.
    assert_eq!(value("socket", "SocketMode"), "0660");
    assert!(read("docs/sidecar.md").contains(&format!(
        "groupadd --system {}\n",
        value("socket", "SocketGroup")
    )));
}

#[test]
fn the_service_waits_for_the_drain_and_does_not_repeat_a_mistake() {
    assert_eq!(value("service", "Type"), "notify");
    assert_eq!(value("service", "ExecReload"), "/bin/kill -HUP $MAINPID");
    assert_eq!(value("service", "RestartPreventExitStatus"), "2");
    assert_eq!(value("service", "TimeoutStopSec"), "20s");
    assert!(read("config/default.toml").contains("\ndrain = \"10s\"\n"));
}
