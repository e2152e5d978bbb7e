//! `introspectd plan`, and the blocks of `docs/scaling.md`.

use std::path::Path;
use std::process::Stdio;

use serde_json::Value;
use tokio::process::Command;

use crate::deployment::read;
use crate::program::{Ended, Folder, run};

const MILLION: &str = "--rate 1e6 --tokens 5e7 --zipf 0.9 --ttl 60s --replicas 200 \
                       --provider-latency 80ms";

async fn plan(arguments: &str) -> Ended {
    let mut command = Folder::new().command();
    command.current_dir("/").arg("plan");
    command.args(arguments.split_whitespace());
    run(command, "").await
}

#[tokio::test]
async fn page_shows_what_its_commands_print() {
    let page = read("docs/scaling.md");
    let blocks: Vec<_> = page.split("```console\n$ ").skip(1).collect();
    assert!(blocks.len() > 5, "{} blocks", blocks.len());
    for block in blocks {
        let block = block.split_once("```").unwrap().0;
        let (line, output) = block.split_once('\n').unwrap();
        let printed = shell(line).await.with(0);
        assert_eq!(printed.output(), output, "{line}");
    }
}

/// Runs a line as a reader would who pastes it.
async fn shell(line: &str) -> Ended {
    let program = Path::new(env!("CARGO_BIN_EXE_introspectd"));
    let path = std::env::var("PATH").unwrap();
    let path = format!("{}:{path}", program.parent().unwrap().display());
    let mut shell = Command::new("/bin/sh");
    shell.args(["-c", line]).env_clear().env("PATH", path);
    shell.stdout(Stdio::piped()).stderr(Stdio::piped());
    run(shell, "").await
}

#[tokio::test]
async fn json_has_the_figures_of_the_table() {
    let table = plan(MILLION).await.with(0).stdout;
    let json = plan(&format!("{MILLION} --json")).await.with(0).stdout;
    let json: Value = serde_json::from_str(&json).unwrap();
    let percent = |name: &str| {
        let share = json["healthy"][name].as_f64().unwrap();
        format!("{:.1} %", 100.0 * share)
    };
    for name in [
        "hit_ratio",
        "own_hit_ratio",
        "shared_hit_ratio",
        "miss_ratio",
    ] {
        assert!(table.contains(&percent(name)), "{name}: {table}");
    }
    assert_eq!(json["replica"]["requests"], 5000);
    assert_eq!(json["revocation_seconds"]["worst"], 3.0);
    let down = &json["redis_down"]["provider_requests"];
    assert!(down.as_f64() > json["healthy"]["provider_requests"].as_f64());
    let shards = json["redis"]["shards"].as_u64().unwrap();
    assert!(
        table.contains(&format!("{shards}  of 100,000/s")),
        "{table}"
    );
}

#[tokio::test]
async fn fleet_that_shares_nothing_has_no_redis_to_lose() {
    let ended = plan("--rate 500 --tokens 20000 --no-shared").await.with(0);
    assert!(!ended.stdout.contains("Redis"), "{}", ended.stdout);
    let json = plan("--rate 500 --tokens 20000 --no-shared --json").await;
    let json: Value = serde_json::from_str(&json.with(0).stdout).unwrap();
    for member in ["redis", "redis_down"] {
        assert_eq!(json[member], Value::Null);
    }
    assert_eq!(json["revocation_seconds"]["heard"], Value::Null);
}

#[tokio::test]
async fn fleet_that_cannot_work_as_planned_is_shown_the_remedy() {
    for (arguments, remedy) in [
        (
            "--rate 1e5 --tokens 1e6 --max-bytes 1MiB",
            "Try --max-bytes ",
        ),
        ("--rate 1e6 --tokens 1e9", "max_in_flight"),
        ("--rate 10 --tokens 10 --ttl 50ms", "Raise --ttl."),
        (
            "--rate 10 --tokens 10 --replicas 200 --revocations 1000",
            "Lower --replicas or --revocations.",
        ),
    ] {
        let printed = plan(arguments).await.with(0).stdout;
        let (_, limits) = printed.split_once("\nLimits\n").unwrap();
        assert!(limits.contains(remedy), "{limits}");
    }
    let printed = plan("--rate 10 --tokens 10").await.with(0).stdout;
    assert!(!printed.contains("Limits"), "{printed}");
}

#[tokio::test]
async fn argument_that_means_nothing_is_2_and_says_what_to_give() {
    for (arguments, remedy) in [
        ("", "--rate"),
        ("--rate fast", "such as 5000 or 1e6"),
        ("--rate 0", "such as 5000 or 1e6"),
        ("--rate NaN", "such as 5000 or 1e6"),
        ("--tokens 1.5", "a whole number from 1 to 1e12"),
        ("--tokens 1e13", "a whole number from 1 to 1e12"),
        ("--zipf 6", "from 0 to 5"),
        ("--ttl 0s", "such as 60s"),
        ("--ttl 60", "such as 60s"),
        ("--replicas 0", "1..=100000"),
        ("--provider-latency 2m", "up to 60s"),
        ("--trust 100ms", "at least 500ms"),
        ("--max-bytes 1KiB", "at least 64KiB"),
        ("--answer-bytes 0", "2..=1048576"),
        ("--revocations many", "such as 10, or 0"),
        ("--shard-memory 1", "at least 1MiB"),
        ("--rate 1 --tokens 1 --no-shared --trust 2s", "--no-shared"),
    ] {
        let ended = plan(arguments).await.with(2);
        assert!(ended.stderr.contains(remedy), "{arguments}: {ended:#?}");
        assert_eq!(ended.stdout, "", "{arguments}");
    }
}
