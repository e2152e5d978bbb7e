use crate::program::{Folder, run};

async fn printed(arguments: &[&str], code: i32) -> String {
    let mut command = Folder::new().command();
    command.current_dir("/").args(arguments);
    let ended = run(command, "").await.with(code);
    if code == 0 {
        ended.stdout
    } else {
        ended.stderr
    }
}

#[tokio::test]
async fn each_command_explains_itself_with_examples() {
    for (command, needed) in [
        ("serve", &["--config", "SIGTERM"][..]),
        ("check", &["--config", "masked"]),
        (
            "try",
            &[
                "--endpoint",
                "--client-id",
                "--secret-file",
                "--ca",
                "--encoding",
                "standard input",
                "masked",
            ],
        ),
        (
            "try",
            &[
                "client_secret_post",
                "--credentials none",
                "--certificate",
                "--missing-exp",
                "[providers.…]",
            ],
        ),
        (
            "lookup",
            &[
                "--provider",
                "--token-id",
                "--server",
                "--caller",
                "--secret-file",
                "standard input",
            ],
        ),
        (
            "lookup",
            &[
                "INTROSPECTD_URL",
                "INTROSPECTD_CALLER",
                "INTROSPECTD_SECRET",
                "unix:PATH",
            ],
        ),
        (
            "revoke",
            &[
                "--provider",
                "--token-id",
                "--yes",
                "--server",
                "--secret-file",
                "standard input",
                "terminal",
            ],
        ),
        (
            "purge",
            &[
                "--token",
                "--provider",
                "--sub",
                "--client-id",
                "--all",
                "--yes",
                "--caller",
                "standard input",
            ],
        ),
        (
            "tokens",
            &[
                "--provider",
                "--state",
                "--order",
                "--page-token",
                "--all",
                "--format",
                "jsonl",
                "spreadsheet",
                "--secret-file",
            ],
        ),
        (
            "explain",
            &[
                "--provider",
                "--token-id",
                "--policy",
                "standard input",
                "`explain`",
            ],
        ),
        ("hash-secret", &["standard input", "sha256"]),
        (
            "plan",
            &[
                "--rate",
                "--tokens",
                "--provider-latency",
                "--no-shared",
                "--json",
                "`[cache] ttl`",
            ],
        ),
        ("health", &["--admin", "127.0.0.1:9090", "unix:PATH"]),
        (
            "completions",
            &["bash", "zsh", "fish", "elvish", "powershell"],
        ),
        ("man", &["--dir"]),
    ] {
        let help = printed(&[command, "--help"], 0).await;
        for text in needed.iter().chain(&["Examples:", "Usage:"]) {
            assert!(
                help.contains(text),
                "{command} does not tell {text}: {help}"
            );
        }
        assert!(help.contains(&format!("introspectd {command}")), "{help}");
    }
}

#[tokio::test]
async fn the_program_names_its_commands_and_exit_codes() {
    let help = printed(&["--help"], 0).await;
    for text in [
        "serve",
        "check",
        "try",
        "lookup",
        "tokens",
        "revoke",
        "purge",
        "explain",
        "hash-secret",
        "health",
        "plan",
        "completions",
        "man",
        "Examples:",
        "client.toml",
        "INTROSPECTD_CLIENT_CONFIG",
        "Exit codes:",
    ] {
        assert!(help.contains(text), "{text}: {help}");
    }
    assert!(
        printed(&["--version"], 0)
            .await
            .contains(env!("CARGO_PKG_VERSION"))
    );
}

#[tokio::test]
async fn wrong_usage_ends_with_2_and_a_hint() {
    assert!(printed(&["lokup"], 2).await.contains("lookup"));
    assert!(printed(&["serve"], 2).await.contains("--config"));
    printed(&[], 2).await;
}
