//! wrk: 64 keep-alive connections that ask again as soon as they are answered.

use std::fs;
use std::process::Command;
use std::time::Duration;

use crate::answer::Endpoint;
use crate::failure::{Failure, Result, Tried};
use crate::lab::Lab;
use crate::process::Process;
use crate::running::Running;

const SCRIPT: &str = include_str!("wrk.lua");

/// Tokens to request: see `wrk.lua`.
#[derive(Debug, Clone)]
pub(crate) struct Tokens {
    pub(crate) kind: Kind,
    pub(crate) prefix: String,
    pub(crate) count: u64,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Kind {
    Kept,
    Built,
    New,
    Mixed,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Kept => "kept",
            Self::Built => "built",
            Self::New => "new",
            Self::Mixed => "mixed",
        }
    }
}

/// Summary that it prints.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Summary {
    pub(crate) requests: u64,
    pub(crate) elapsed: Duration,
    pub(crate) bytes: u64,
    pub(crate) median: Duration,
    pub(crate) p99: Duration,
    /// Answers with a status of 400 or above.
    pub(crate) refused: u64,
    /// Connections that could not be opened, broke, or waited too long.
    pub(crate) broken: u64,
}

/// Loads a server.
pub(crate) fn run(lab: &Lab, running: &Running, tokens: &Tokens, seconds: u64) -> Result<Summary> {
    let folder = lab.folder("wrk")?;
    let script = folder.join("wrk.lua");
    fs::write(&script, script_for(running.endpoint)).tried(script.display())?;
    let mut command = Command::new("wrk");
    command
        .args(["-t2", "-c64", &format!("-d{seconds}s"), "--latency", "-s"])
        .arg(script);
    command.args([&running.url(), "--", &tokens.prefix]);
    command.args([&tokens.count.to_string(), tokens.kind.name(), &lab.prefix()]);
    let mut process = Process::start(&command, &folder.join("log"))?;
    process
        .wait(Duration::from_secs(seconds + 60))
        .map_err(|why| Failure::new(format!("wrk: {why}")))?;
    let summary = parse(&process.output());
    let summary =
        summary.ok_or_else(|| Failure::new(format!("wrk said: {}", process.last_words())));
    drop(process);
    let _ = fs::remove_dir_all(folder);
    summary
}

fn script_for(endpoint: Endpoint) -> String {
    let quoted = |text: &str| format!("\"{}\"", text.escape_default());
    SCRIPT
        .replace("@BEFORE@", &quoted(&endpoint.before()))
        .replace("@AFTER@", &quoted(endpoint.after()))
}

fn parse(output: &str) -> Option<Summary> {
    let line = output
        .lines()
        .find_map(|line| line.strip_prefix("RESULT "))?;
    let field = |name: &str| {
        let word = line
            .split(' ')
            .find_map(|word| word.strip_prefix(name)?.strip_prefix('='))?;
        word.parse::<u64>().ok()
    };
    Some(Summary {
        requests: field("requests")?,
        elapsed: Duration::from_micros(field("us")?),
        bytes: field("bytes")?,
        median: Duration::from_micros(field("p50")?),
        p99: Duration::from_micros(field("p99")?),
        refused: field("refused")?,
        broken: field("broken")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn script_sends_its_request() {
        let script = script_for(Endpoint::ForwardAuth);
        assert!(
            script.contains(r#"= "GET /forward-auth/orders HTTP/1.1\r\nHost"#),
            "{script}"
        );
        assert!(
            script.contains(r#"Bearer ", "\r\n\r\n""#) && !script.contains('@'),
            "{script}"
        );
    }

    #[test]
    fn last_line_is_read() {
        let output = "Running 2s test @ http://127.0.0.1:1/\n  2 threads and 64 connections\n\
                      RESULT requests=200000 us=2000100 bytes=123800000 p50=301 p99=4100 \
                      refused=3 broken=0\n";
        let summary = parse(output).unwrap();
        assert_eq!(
            (
                summary.requests,
                summary.bytes,
                summary.refused,
                summary.broken
            ),
            (200_000, 123_800_000, 3, 0)
        );
        assert_eq!(summary.elapsed, Duration::from_micros(2_000_100));
        assert_eq!(summary.p99, Duration::from_micros(4100));
    }

    #[test]
    fn truncated_output_is_no_result() {
        assert_eq!(parse("RESULT requests=1 us=2"), None);
        assert_eq!(parse("unable to connect"), None);
    }
}
