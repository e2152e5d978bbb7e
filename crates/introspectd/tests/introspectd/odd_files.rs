//! Configured paths that lead to a pipe, a device, a directory or something huge.

use rustix::fs::{CWD, Mode, mkfifoat};

use crate::program::{Ended, Folder, run};
use crate::server::SERVE;

/// Folder with a pipe that has no writer, and a file that is too large.
fn folder(toml: &str) -> Folder {
    let folder = Folder::with_config(toml);
    mkfifoat(CWD, folder.path("pipe"), Mode::RUSR | Mode::WUSR).unwrap();
    std::fs::File::create(folder.path("huge"))
        .unwrap()
        .set_len(1 << 40)
        .unwrap();
    folder
}

async fn program(folder: &Folder, arguments: &[&str], stdin: &str) -> Ended {
    let mut command = folder.command();
    command.args(arguments);
    run(command, stdin).await
}

#[tokio::test]
async fn each_file_that_cannot_be_read_is_named_and_none_is_waited_for() {
    let folder = folder(
        r#"
        [listen]
        api = { address = "127.0.0.1:0", tls = { certificate = "huge", key = "pipe" } }
        grpc = { address = "127.0.0.1:0", tls = { certificate = "/dev/zero", key = "pipe" } }
        [callers.a]
        secret = { file = "pipe" }
        [callers.b]
        secret = { file = "/dev/zero" }
        [callers.c]
        secret = { file = "huge" }
        [callers.d]
        secret = { file = "." }
        [providers.x]
        kind = "rfc7662"
        introspection_endpoint = "https://sso.example/introspect"
        credentials = { type = "none" }
        tls = { ca = "pipe", certificate = "huge", key = "/dev/zero" }
        "#,
    );
    let ended = program(&folder, &["check", "--config", "introspectd.toml"], "")
        .await
        .with(2);
    for (key, what) in [
        (
            "listen.api[0].tls.certificate",
            "huge: it has more than 4096 KiB",
        ),
        (
            "listen.grpc[0].tls.certificate",
            "/dev/zero: it has more than 4096 KiB",
        ),
        (
            "callers.a.secret.file",
            "the file pipe cannot be read: it is a pipe that nothing writes to",
        ),
        (
            "callers.b.secret.file",
            "the file /dev/zero cannot be read: it has more than 64 KiB",
        ),
        (
            "callers.c.secret.file",
            "the file huge cannot be read: it has more than 64 KiB",
        ),
        (
            "callers.d.secret.file",
            "the file . cannot be read: Is a directory",
        ),
        (
            "providers.x.tls.ca",
            "pipe: it is a pipe that nothing writes to",
        ),
    ] {
        assert!(
            ended.stderr.contains(&format!("{key}: {what}")),
            "{key}: {what}: {}",
            ended.stderr
        );
    }
}

#[tokio::test]
async fn configuration_itself_is_read_from_a_pipe_and_from_nothing_endless() {
    let folder = folder("");
    for (config, what) in [
        (
            "pipe",
            "cannot be read: it is a pipe that nothing writes to",
        ),
        ("/dev/zero", "cannot be read: it has more than 4096 KiB"),
        ("huge", "cannot be read: it has more than 4096 KiB"),
        (".", "cannot be read: Is a directory"),
    ] {
        let ended = program(&folder, &["check", "--config", config], "")
            .await
            .with(2);
        assert!(ended.stderr.contains(what), "{config}: {}", ended.stderr);
    }
    let ended = program(
        &folder,
        &["check", "--config", "/dev/stdin"],
        "[cache]\nttl = \"7s\"\n",
    )
    .await
    .with(0);
    assert!(
        ended.stdout.contains("cache.ttl = \"7s\""),
        "{}",
        ended.stdout
    );
}

#[tokio::test]
async fn bindings_and_client_secret_that_are_pipes_are_refused() {
    let served = folder(
        "[listen]\napi = \"127.0.0.1:0\"\nadmin = \"127.0.0.1:0\"\n[bindings]\npath = \"./pipe\"\n",
    );
    let ended = program(&served, &SERVE, "").await.with(2);
    assert!(
        ended
            .stderr
            .contains("bindings.path: is not a regular file"),
        "{}",
        ended.stderr
    );
    for arguments in [
        ["lookup", "--caller", "edge", "--secret-file", "pipe"],
        ["lookup", "--caller", "edge", "--secret-file", "/dev/zero"],
    ] {
        program(&served, &arguments, "token").await.with(2);
    }
    let ended = program(&served, &["hash-secret"], &"x".repeat(65 * 1024))
        .await
        .with(2);
    assert!(
        ended.stderr.contains("has more than 64 KiB"),
        "{}",
        ended.stderr
    );
}
