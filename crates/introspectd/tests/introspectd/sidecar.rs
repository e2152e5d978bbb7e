//! `config/sidecar.toml` and the lines of `docs/sidecar.md`, run as they stand there.

use introspectd_simulators::rfc7662::{ACTIVE, UNKNOWN};
use serde_json::Value;
use tokio::process::Command;

use crate::check::check;
use crate::deployment::{Deployment, Running, read};
use crate::program::{Ended, run};

/// The blocks of the page whose fence is this.
fn blocks(fence: &str) -> Vec<String> {
    let (page, fence) = (read("docs/sidecar.md"), format!("```{fence}\n"));
    page.split(&fence)
        .skip(1)
        .map(|rest| rest.split_once("```").unwrap().0.to_owned())
        .collect()
}

fn block(fence: &str) -> String {
    let blocks = blocks(fence);
    assert_eq!(blocks.len(), 1, "{fence}");
    blocks[0].clone()
}

async fn sidecar() -> Running {
    let arguments = ["serve", "--config", "/etc/introspectd/introspectd.toml"].map(str::to_owned);
    Deployment::new().await.serve(&arguments, &[]).await
}

impl Running {
    /// The block as a shell script, about this token.
    async fn paste(&self, fence: &str, token: &str) -> Ended {
        let mut shell = Command::new("/bin/sh");
        let program = std::path::Path::new(env!("CARGO_BIN_EXE_introspectd"))
            .parent()
            .unwrap();
        let path = format!("{}:{}", program.display(), std::env::var("PATH").unwrap());
        shell
            .arg("-c")
            .arg(self.moved(&block(fence)))
            .env_clear()
            .env("PATH", path)
            .env("TOKEN", token);
        shell
            .stdout(std::process::Stdio::piped())
            .stderr(std::process::Stdio::piped());
        run(shell, "").await
    }
}

#[tokio::test]
async fn the_sidecar_takes_no_port_and_asks_for_no_secret() {
    let sidecar = sidecar().await;
    let socket = |name: &str| format!("unix:{}", sidecar.server.folder.path(name).display());
    assert_eq!(sidecar.server.addresses("api"), [socket("api.sock")]);
    assert_eq!(sidecar.server.addresses("admin"), [socket("admin.sock")]);
    assert!(sidecar.socket().exists());
}

#[tokio::test]
async fn the_one_liner_prints_the_answer() {
    let sidecar = sidecar().await;
    let ended = sidecar.paste("sh ask", ACTIVE).await.with(0);
    let answer: Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!(
        (&answer["active"], &answer["provider"]),
        (&true.into(), &"sso".into()),
        "{answer}"
    );
    assert_eq!(
        sidecar.paste("sh ask", UNKNOWN).await.with(0).stdout,
        r#"{"active":false}"#
    );
}

#[tokio::test]
async fn a_script_lets_in_an_active_token_and_nothing_else() {
    let sidecar = sidecar().await;
    for (token, decision) in [
        (ACTIVE, "active\n"),
        (UNKNOWN, "refused\n"),
        ("a\nb & c=d", "refused\n"),
        ("", "refused\n"),
    ] {
        assert_eq!(
            sidecar.paste("sh decide", token).await.with(0).stdout,
            decision,
            "{token:?}"
        );
    }
    sidecar.sso.stop();
    assert_eq!(
        sidecar.paste("sh decide", "another").await.with(0).stdout,
        "refused\n"
    );
}

#[tokio::test]
async fn exit_codes_distinguish_inactive_from_unknown() {
    let sidecar = sidecar().await;
    assert!(
        sidecar
            .paste("sh lookup", ACTIVE)
            .await
            .with(0)
            .stdout
            .starts_with(r#"{"active":true"#)
    );
    sidecar.paste("sh lookup", UNKNOWN).await.with(1);
    sidecar.sso.stop();
    sidecar.paste("sh lookup", "another").await.with(3);
}

#[tokio::test]
async fn the_listeners_of_the_page_are_those_of_the_file_and_valid() {
    let [listen, with_group] = blocks("toml").try_into().unwrap();
    assert!(
        read("config/sidecar.toml").contains(listen.trim()),
        "{listen}"
    );
    assert!(with_group.contains("group = \"www-data\""), "{with_group}");
    // A group that every machine has.
    check(
        &format!("[listen]\n{}", with_group.replace("www-data", "root")),
        &[],
    )
    .await
    .with(0);
}
