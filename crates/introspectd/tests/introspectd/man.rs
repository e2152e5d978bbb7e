use std::fs::{read_dir, read_to_string};
use std::path::Path;
use std::process::Stdio;

use tokio::process::Command;

use crate::program::{Ended, Folder, run, soon};

/// Renders a page as a terminal shows it. Any complaint of groff is an error.
async fn shown(page: &Path) -> String {
    let mut groff = Command::new("groff");
    // -P-c: bold is not written as a letter over itself, -rLL: the width.
    groff
        .args(["-man", "-ww", "-Tutf8", "-P-cbou", "-rLL=100n"])
        .arg(page)
        .stdin(Stdio::null());
    let ended: Ended = soon("groff", groff.output()).await.unwrap().into();
    assert_eq!(ended.stderr, "", "{}", page.display());
    ended.with(0).stdout
}

#[tokio::test]
async fn the_page_of_the_program_names_each_command_and_where_the_client_file_is() {
    let folder = Folder::new();
    let mut command = folder.command();
    command.arg("man");
    let page = folder.write("page", run(command, "").await.with(0).stdout);
    let text = shown(&page).await;
    for part in [
        "introspectd-tokens(1)",
        "EXAMPLES",
        "CLIENT CONFIGURATION FILE",
        "EXIT CODES",
        "client.toml",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
}

#[tokio::test]
async fn each_command_has_a_page_without_a_warning() {
    let folder = Folder::new();
    let mut command = folder.command();
    command.args(["man", "--dir", "."]);
    let ended = run(command, "").await.with(0);
    assert_eq!(ended.output(), "");
    let mut names = Vec::new();
    for entry in read_dir(folder.path("")).unwrap() {
        let path = entry.unwrap().path();
        let text = shown(&path).await;
        for section in ["NAME", "SYNOPSIS", "DESCRIPTION", "OPTIONS", "EXAMPLES"] {
            assert!(
                text.contains(&format!("\n{section}\n")),
                "{section}: {text}"
            );
        }
        assert!(
            read_to_string(&path).unwrap().is_ascii(),
            "{}",
            path.display()
        );
        names.push(path.file_stem().unwrap().to_str().unwrap().to_owned());
    }
    names.sort();
    let mut command = folder.command();
    command.arg("--help");
    let help = run(command, "").await.with(0).stdout;
    for name in [
        "introspectd",
        "introspectd-tokens",
        "introspectd-hash-secret",
        "introspectd-man",
    ] {
        assert!(names.iter().any(|known| known == name), "{names:?}");
    }
    assert!(
        names
            .iter()
            .filter_map(|name| name.strip_prefix("introspectd-"))
            .all(|name| help.contains(name))
    );
}

#[tokio::test]
async fn examples_keep_their_lines() {
    let folder = Folder::new();
    let mut command = folder.command();
    command.args(["man", "--dir", "."]);
    run(command, "").await.with(0);
    let text = shown(&folder.path("introspectd-revoke.1")).await;
    assert!(text.contains("introspectd revoke < token.txt\n"), "{text}");
}

#[tokio::test]
async fn a_folder_that_is_not_there_is_2() {
    let folder = Folder::new();
    let mut command = folder.command();
    command.args(["man", "--dir", "nowhere"]);
    let ended = run(command, "").await.with(2);
    assert!(ended.stderr.contains("nowhere"), "{ended:#?}");
}
