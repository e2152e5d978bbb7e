//! The command `introspectd try` against a server.

use std::collections::HashMap;
use std::fs;
use std::process::Output;

use introspectd_core::{Clock, SystemClock};
use introspectd_tests::Gateway;
use tempfile::TempDir;

use crate::program::{program, run};

use super::server::{CLIENT_ID, Harness, SECRET, Server, configuration};

/// Tries a token with this secret of ours.
async fn try_out<S: Server>(
    harness: &Harness<S>,
    folder: &TempDir,
    secret: &str,
    token: &str,
) -> (Option<i32>, String, String) {
    fs::write(folder.path().join("our.secret"), format!("{secret}\n")).unwrap();
    let endpoint = format!("{}{}", harness.base(), S::INTROSPECTION);
    let arguments = [
        "try",
        "--endpoint",
        &endpoint,
        "--client-id",
        CLIENT_ID,
        "--secret-file",
        "our.secret",
    ];
    let arguments = [&arguments[..], &["--timeout", "60s"]].concat();
    let Output {
        status,
        stdout,
        stderr,
    } = run(
        program(folder).args(arguments),
        folder,
        &format!("{token}\n"),
    )
    .await;
    let [stdout, stderr] = [stdout, stderr].map(|text| String::from_utf8(text).unwrap());
    for hidden in [token, secret] {
        assert!(
            !stdout.contains(hidden) && !stderr.contains(hidden),
            "{stdout}{stderr}"
        );
    }
    (status.code(), stdout, stderr)
}

pub(crate) async fn try_prints_a_working_section<S: Server>() {
    let harness = Harness::<S>::open().await;
    let token = harness.mint().await;
    let folder = tempfile::tempdir().unwrap();
    let (code, section, report) = try_out(&harness, &folder, SECRET, &token).await;
    assert_eq!(code, Some(0), "{report}");
    assert!(report.contains("active for another "), "{report}");

    fs::write(folder.path().join("introspectd.toml"), &section).unwrap();
    let checked = run(
        program(&folder).args(["check", "--config", "introspectd.toml"]),
        &folder,
        "",
    )
    .await;
    assert!(checked.status.success(), "{checked:?}");
    let gateway = Gateway::start_in(&HashMap::new(), &configuration(&section)).await;
    gateway.clock().set(SystemClock::default().now().seconds());
    assert_eq!(
        gateway.post_introspect(&[("token", &token)]).await.json()["active"],
        true
    );

    harness.revoke_there(&token).await;
    let (code, _, report) = try_out(&harness, &folder, SECRET, &token).await;
    assert_eq!(code, Some(1), "{report}");
    assert!(report.contains("inactive: the server says so"), "{report}");
}

pub(crate) async fn try_with_a_wrong_secret_names_the_credentials<S: Server>() {
    let harness = Harness::<S>::open().await;
    let token = harness.mint().await;
    let folder = tempfile::tempdir().unwrap();
    let (code, section, report) = try_out(&harness, &folder, "another secret", &token).await;
    assert_eq!((code, &*section), (Some(1), ""), "{report}");
    let refusal = format!(
        "refuses our credentials of {CLIENT_ID} (client_secret_basic, status {})",
        S::REFUSAL
    );
    assert!(report.contains(&refusal), "{report}");
}
