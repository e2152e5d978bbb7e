//! The audit log, as an operator configures it.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Stdio;

use rustix::process::Signal;
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, BufReader};

use crate::check::check;
use crate::client::ask_as_edge;
use crate::program::{Folder, run, soon};
use crate::server::{BASE, SERVE, Server};

const TOKEN: &str = "a-token-that-stays-secret";

fn folder_with(audit: &str) -> Folder {
    Folder::with_config(&format!("[audit]\n{audit}\n{BASE}"))
}

fn lines(text: &str) -> Vec<Value> {
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// Asks about a token of nobody, which has a line.
async fn refuse(server: &Server) {
    assert!(!ask_as_edge(&server.api(), TOKEN).await.is_active());
}

#[tokio::test]
async fn lines_go_to_a_file_and_all_of_them_are_there_at_the_end() {
    let mut server = Server::start_in(folder_with("to = \"./audit.log\""), &[]).await;
    for _ in 0..20 {
        refuse(&server).await;
    }
    server.signal(Signal::TERM);
    assert_eq!(server.ended().await.code(), Some(0));
    let path = server.folder.path("audit.log");
    assert_eq!(
        fs::metadata(&path).unwrap().permissions().mode() & 0o777,
        0o600
    );
    let text = fs::read_to_string(path).unwrap();
    assert!(!text.contains(TOKEN));
    let lines = lines(&text);
    assert_eq!(lines.len(), 20);
    for line in &lines {
        assert_eq!(
            (line["event"].as_str(), line["reason"].as_str()),
            (Some("refused"), Some("no_provider"))
        );
        assert_eq!(
            (&line["caller"], &line["fingerprint"]),
            (&lines[0]["caller"], &lines[0]["fingerprint"])
        );
    }
    assert!(!server.log().concat().contains(TOKEN));
}

#[tokio::test]
async fn a_key_makes_fingerprints_comparable_and_without_it_they_are_not() {
    let fingerprint = async |audit: &str| {
        let folder = folder_with(&format!("to = \"./audit.log\"\n{audit}"));
        let mut server = Server::start_in(folder, &[("AUDIT_KEY", "a key")]).await;
        refuse(&server).await;
        server.signal(Signal::TERM);
        server.ended().await;
        let text = fs::read_to_string(server.folder.path("audit.log")).unwrap();
        lines(&text)[0]["fingerprint"].as_str().unwrap().to_owned()
    };
    let key = "key = { env = \"AUDIT_KEY\" }";
    let keyed = fingerprint(key).await;
    assert_eq!(fingerprint(key).await, keyed);
    assert_ne!(fingerprint("").await, keyed);
    assert_ne!(fingerprint("").await, fingerprint("").await);
}

#[tokio::test]
async fn lines_go_to_standard_output_and_the_log_does_not() {
    let folder = folder_with("to = \"stdout\"");
    let mut command = folder.command();
    command.args(SERVE).stdout(Stdio::piped());
    let mut server = Server::start_as(folder, &mut command).await;
    let mut stdout = BufReader::new(server.stdout()).lines();
    refuse(&server).await;
    let line = soon("a line", stdout.next_line()).await.unwrap().unwrap();
    assert_eq!(lines(&line)[0]["event"], "refused");
    server.signal(Signal::TERM);
    server.ended().await;
    assert_eq!(stdout.next_line().await.unwrap(), None);
    assert!(!server.log().concat().contains("\"event\":"));
}

#[tokio::test]
async fn a_rotated_file_is_followed() {
    let mut server = Server::start_in(folder_with("to = \"./audit.log\""), &[]).await;
    let (path, rotated) = (
        server.folder.path("audit.log"),
        server.folder.path("audit.log.1"),
    );
    refuse(&server).await;
    let written = async |path: &std::path::Path| {
        let is_there = || fs::read_to_string(path).is_ok_and(|text| text.ends_with('\n'));
        soon("a line", async {
            while !is_there() {
                tokio::task::yield_now().await;
            }
        })
        .await;
    };
    written(&path).await;
    fs::rename(&path, &rotated).unwrap();
    refuse(&server).await;
    written(&path).await;
    server.signal(Signal::TERM);
    server.ended().await;
    for file in [path, rotated] {
        assert_eq!(lines(&fs::read_to_string(file).unwrap()).len(), 1);
    }
}

#[tokio::test]
async fn full_disk_is_logged() {
    let mut server = Server::start_in(folder_with("to = \"/dev/full\""), &[]).await;
    refuse(&server).await;
    server.logged("cannot write the audit log").await;
    refuse(&server).await;
    server.signal(Signal::TERM);
    assert_eq!(server.ended().await.code(), Some(0));
    let log = server.log().concat();
    assert_eq!(
        log.matches("cannot write the audit log").count(),
        1,
        "{log}"
    );
    assert!(
        log.contains("No space left on device") && log.contains(r#""lost":2"#),
        "{log}"
    );
}

#[tokio::test]
async fn a_full_disk_ends_the_process_where_that_is_asked_for() {
    let folder = folder_with("to = \"/dev/full\"\non_failure = \"exit\"");
    let mut server = Server::start_in(folder, &[]).await;
    refuse(&server).await;
    assert_eq!(server.ended().await.code(), Some(3));
    let log = server.log().concat();
    assert!(log.contains("No space left on device"), "{log}");
    assert!(
        log.contains("introspectd: stopped: the audit log cannot be written"),
        "{log}"
    );
}

#[tokio::test]
async fn a_file_that_cannot_be_written_stops_the_start() {
    let folder = folder_with("to = \"./nowhere/audit.log\"");
    let mut command = folder.command();
    command.args(SERVE);
    let ended = run(command, "").await.with(2);
    assert!(
        ended
            .stderr
            .contains("cannot write the audit log ./nowhere/audit.log: No such file"),
        "{ended:?}"
    );
}

#[tokio::test]
async fn its_section_is_judged_and_shown() {
    let shown = check(
        "[audit]\nto = \"/var/log/a.log\"\nkey = { literal = \"hidden\" }\n",
        &[],
    )
    .await
    .with(0);
    assert!(
        shown.stdout.contains("audit.to = \"/var/log/a.log\""),
        "{}",
        shown.stdout
    );
    assert!(
        shown.stdout.contains("audit.on_failure = \"log\"") && !shown.stdout.contains("hidden")
    );
    for (wrong, remedy) in [
        ("to = \"stdot\"", "\"none\", \"stdout\" or a path"),
        ("on_failure = \"die\"", "\"log\" or \"exit\""),
        ("key = \"hidden\"", "{ env = \"NAME\" }"),
        ("too = \"none\"", "Did you mean `to`?"),
    ] {
        let ended = check(&format!("[audit]\n{wrong}\n"), &[]).await.with(2);
        assert!(
            ended.stderr.contains(remedy) && !ended.stderr.contains("hidden"),
            "{}",
            ended.stderr
        );
    }
}
