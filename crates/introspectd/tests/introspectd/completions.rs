use std::process::Stdio;

use tokio::process::Command;

use crate::program::{Folder, run, soon};

async fn script(shell: &str) -> String {
    let mut command = Folder::new().command();
    command.current_dir("/").args(["completions", shell]);
    run(command, "").await.with(0).stdout
}

/// Completions that bash offers for the last of these words.
async fn offered(folder: &Folder, words: &str) -> Vec<String> {
    let quoted: Vec<_> = words.split(' ').map(|word| format!("'{word}'")).collect();
    let last = quoted.len() - 1;
    let line = format!(
        r#"source introspectd.bash
        COMP_WORDS=({words}) COMP_CWORD={last}
        function=$(complete -p introspectd | sed 's/.* -F \([^ ]*\) .*/\1/')
        "$function" introspectd {word} {previous}
        printf '%s\n' "${{COMPREPLY[@]}}""#,
        words = quoted.join(" "),
        word = quoted[last],
        previous = quoted[last - 1],
    );
    let mut bash = Command::new("bash");
    bash.args(["--norc", "--noprofile", "-eu", "-c", &line])
        .current_dir(folder.path(""));
    let output = soon("bash", bash.stdin(Stdio::null()).output())
        .await
        .unwrap();
    assert!(
        output.status.success() && output.stderr.is_empty(),
        "{words}: {output:?}"
    );
    String::from_utf8(output.stdout)
        .unwrap()
        .lines()
        .map(str::to_owned)
        .collect()
}

#[tokio::test]
async fn bash_completes_commands_options_and_values() {
    let folder = Folder::new();
    folder.write("introspectd.bash", script("bash").await);
    assert_eq!(offered(&folder, "introspectd tok").await, ["tokens"]);
    assert_eq!(
        offered(&folder, "introspectd tokens --page-s").await,
        ["--page-size"]
    );
    let states = offered(&folder, "introspectd tokens --state ").await;
    assert_eq!(
        states,
        ["active", "expired", "revoked", "not_yet_valid", "unknown"]
    );
    assert_eq!(offered(&folder, "introspectd completions z").await, ["zsh"]);
}

#[tokio::test]
async fn each_shell_has_a_script_of_its_own() {
    for (shell, mark) in [
        ("bash", "complete -F"),
        ("zsh", "#compdef introspectd"),
        ("fish", "complete -c introspectd"),
        ("elvish", "edit:completion"),
        ("powershell", "Register-ArgumentCompleter"),
    ] {
        let script = script(shell).await;
        assert!(
            script.contains(mark) && script.contains("tokens"),
            "{shell}: {script}"
        );
    }
}

#[tokio::test]
async fn another_shell_is_wrong_usage() {
    let mut command = Folder::new().command();
    command.current_dir("/").args(["completions", "cmd"]);
    let ended = run(command, "").await.with(2);
    assert!(ended.stderr.contains("powershell"), "{ended:#?}");
}
