//! Unix sockets as the configuration describes them.

use std::fs;
use std::os::unix::fs::MetadataExt;

use crate::check::{check, in_force, problems};
use crate::program::{Ended, Folder, run};
use crate::server::{SERVE, Server};

fn listening(folder: &Folder, keys: &str) -> String {
    let socket = format!("unix:{}", folder.path("api.sock").display());
    format!(
        "[listen]\napi = {{ address = {socket:?}, caller = \"sidecar\"{keys} }}\nadmin = \
            \"127.0.0.1:0\"\n"
    )
}

async fn failed(folder: &Folder) -> Ended {
    let mut command = folder.command();
    command.args(SERVE);
    run(command, "").await
}

#[tokio::test]
async fn configuration_limits_who_may_connect() {
    let folder = Folder::new();
    let own = fs::metadata(folder.path("")).unwrap();
    let (owner, group) = if own.uid() == 0 {
        (54_321, 54_322)
    } else {
        (own.uid(), own.gid())
    };
    let keys = format!(", mode = \"620\", owner = \"{owner}\", group = \"{group}\"");
    folder.write("introspectd.toml", listening(&folder, &keys));
    let server = Server::start_in(folder, &[]).await;
    let file = fs::metadata(server.socket()).unwrap();
    assert_eq!(
        (file.mode() & 0o777, file.uid(), file.gid()),
        (0o620, owner, group)
    );
}

#[tokio::test]
async fn effective_access_is_shown() {
    let toml = r#"
        [listen]
        api = [
            "127.0.0.1:8080", "unix:/run/a.sock",
            { address = "unix:/run/b.sock", mode = "0600", owner = "root", group = "0" },
        ]
        admin = { address = "unix:/run/admin.sock" }
    "#;
    let ended = check(toml, &[]).await.with(0);
    for (key, value, origin) in [
        ("listen.api[1].mode", "\"660\"", "default"),
        ("listen.api[2].mode", "\"0600\"", "introspectd.toml:5"),
        ("listen.api[2].owner", "\"root\"", "introspectd.toml:5"),
        ("listen.api[2].group", "\"0\"", "introspectd.toml:5"),
        ("listen.admin[0].mode", "\"660\"", "default"),
    ] {
        assert_eq!(in_force(&ended, key), (value, origin), "{key}");
    }
    assert!(
        !ended.stdout.contains("listen.api[0].mode"),
        "{}",
        ended.stdout
    );
}

#[tokio::test]
async fn all_problems_of_a_sockets_access_are_reported_at_once() {
    let toml = r#"
        [listen]
        api = [
            { address = "unix:/run/a.sock", mode = "999", owner = "no-such-user", group = "no-such-group" },
            { address = "127.0.0.1:0", mode = "660", owner = "root", group = "root" },
            { address = "unix:/run/b.sock", mode = "1777" },
        ]
        admin = { address = "unix:/run/c.sock", mode = 660 }
    "#;
    let problems = problems(&check(toml, &[]).await.with(2));
    let expected = [
        ("listen.api[0].mode", "not a file mode", "\"660\""),
        (
            "listen.api[0].owner",
            "\"no-such-user\" is not a user",
            "number",
        ),
        (
            "listen.api[0].group",
            "\"no-such-group\" is not a group",
            "number",
        ),
        ("listen.api[1].mode", "on TCP", "Leave it out"),
        ("listen.api[1].owner", "on TCP", "Leave it out"),
        ("listen.api[1].group", "on TCP", "Leave it out"),
        ("listen.api[2].mode", "not a file mode", "\"660\""),
        ("listen.admin[0].mode", "the number 660", "quotes"),
    ];
    for (key, what, remedy) in expected {
        let told = problems
            .iter()
            .find(|told| told.key == key)
            .unwrap_or_else(|| panic!("{key}: {problems:#?}"));
        assert!(
            told.what.contains(what) && told.remedy.contains(remedy),
            "{told:#?}"
        );
        told.assert_line(toml);
    }
    assert_eq!(problems.len(), expected.len(), "{problems:#?}");
}

#[tokio::test]
async fn a_file_that_is_no_socket_stops_the_start_and_is_left_alone() {
    let folder = Folder::new();
    folder.write("introspectd.toml", listening(&folder, ""));
    let precious = folder.write("api.sock", "precious");
    let ended = failed(&folder).await.with(2);
    assert!(
        ended
            .stderr
            .contains("api.sock: the path is a file that is not a socket"),
        "{}",
        ended.stderr
    );
    assert_eq!(fs::read_to_string(precious).unwrap(), "precious");
}

#[tokio::test]
async fn socket_in_use_stops_the_start_with_the_cause() {
    let folder = Folder::new();
    folder.write("introspectd.toml", listening(&folder, ""));
    let server = Server::start_in(folder, &[]).await;
    let ended = failed(&server.folder).await.with(2);
    assert!(
        ended
            .stderr
            .contains("api.sock: another process listens on it"),
        "{}",
        ended.stderr
    );
    assert!(server.socket().exists());
}
