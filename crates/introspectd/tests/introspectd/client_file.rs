//! Server and caller of the client commands, from arguments, environment and file.

use std::fs::{Permissions, create_dir_all, set_permissions};
use std::os::unix::fs::PermissionsExt;

use introspectd_simulators::{Recorded, Simulator, Vendor};

use crate::asking::{Asking, page};
use crate::client::basic;

fn lookup<'a>() -> Asking<'a> {
    Asking::new("lookup")
}

/// A file that names this server, and a caller with a secret.
fn file(server: &Simulator<impl Vendor>) -> String {
    format!(
        "server = {:?}\ncaller = \"filed\"\nsecret = {{ file = \"filed.secret\" }}\n",
        server.base_url()
    )
}

fn authorization(request: &Recorded) -> &str {
    request.header("authorization").unwrap()
}

#[tokio::test]
async fn the_users_file_is_found_where_others_of_its_kind_are() {
    let server = page().await;
    for (variable, folder) in [
        ("HOME", "home/.config/introspectd"),
        ("XDG_CONFIG_HOME", "xdg/introspectd"),
    ] {
        let lookup = lookup();
        let home = lookup
            .folder
            .path(if variable == "HOME" { "home" } else { "xdg" });
        create_dir_all(lookup.folder.path(folder)).unwrap();
        lookup
            .folder
            .write(&format!("{folder}/client.toml"), file(&server));
        lookup.folder.write("filed.secret", "geheim\n");
        lookup
            .env(variable, home.to_str().unwrap())
            .of("x")
            .await
            .with(3);
        assert_eq!(
            authorization(&server.requests().pop().unwrap()),
            basic("filed", "geheim")
        );
    }
    assert_eq!(server.count(), 2);
}

#[tokio::test]
async fn arguments_win_over_the_environment_and_this_over_the_file() {
    let (filed, other) = (page().await, page().await);
    let url = other.base_url();
    let lookup = |words: &'static [&'static str]| {
        let lookup = lookup()
            .env("INTROSPECTD_CLIENT_CONFIG", "client.toml")
            .with(words);
        lookup.folder.write("client.toml", file(&filed));
        lookup.folder.write("filed.secret", "geheim");
        lookup.folder.write("given.secret", "given-secret");
        lookup
    };
    let environment = [
        ("INTROSPECTD_CALLER", "set"),
        ("INTROSPECTD_SECRET", "set-secret"),
    ];
    lookup(&[])
        .env(environment[0].0, "set")
        .of("x")
        .await
        .with(3);
    assert_eq!(
        authorization(&filed.requests().pop().unwrap()),
        basic("set", "geheim")
    );
    let set = environment
        .iter()
        .fold(lookup(&[]), |asking, (name, value)| asking.env(name, value));
    set.at(&url).of("x").await.with(3);
    assert_eq!(
        authorization(&other.requests().pop().unwrap()),
        basic("set", "set-secret")
    );
    let given = lookup(&["--caller", "given", "--secret-file", "given.secret"]);
    let given = environment
        .iter()
        .fold(given, |asking, (name, value)| asking.env(name, value));
    given.of("x").await.with(3);
    assert_eq!(
        authorization(&filed.requests().pop().unwrap()),
        basic("given", "given-secret")
    );
}

#[tokio::test]
async fn a_file_that_is_named_must_be_there_and_another_need_not() {
    let server = page().await;
    let url = server.base_url();
    let ended = lookup()
        .at(&url)
        .env("INTROSPECTD_CLIENT_CONFIG", "no.toml")
        .of("x")
        .await
        .with(2);
    assert!(
        ended.stderr.contains("no.toml") && ended.stderr.contains("INTROSPECTD_CLIENT_CONFIG"),
        "{ended:#?}"
    );
    assert_eq!(server.count(), 0);
    lookup()
        .at(&url)
        .env("HOME", "/no/such/folder")
        .of("x")
        .await
        .with(3);
    assert_eq!(server.count(), 1);
}

#[tokio::test]
async fn problem_in_the_file_is_2_with_a_remedy() {
    let server = page().await;
    let url = server.base_url();
    let lookup = lookup()
        .at(&url)
        .env("INTROSPECTD_CLIENT_CONFIG", "client.toml");
    let path = lookup.folder.write(
        "client.toml",
        "sever = 'x'\nsecret = { literal = 'geheim' }\n",
    );
    set_permissions(path, Permissions::from_mode(0o644)).unwrap();
    let ended = lookup.of("x").await.with(2);
    for text in ["2 problems", "client.toml", "`server`", "chmod 600"] {
        assert!(ended.stderr.contains(text), "{text}: {ended:#?}");
    }
    assert!(!ended.stderr.contains("geheim"), "{ended:#?}");
    assert_eq!(server.count(), 0);
}
