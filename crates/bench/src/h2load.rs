//! h2load: 64 connections over HTTP/2 that repeat one request as soon as it is answered.

use std::fs;
use std::process::Command;
use std::time::Duration;

use crate::answer::BASIC;
use crate::envoy::{CHECK, PROXY};
use crate::failure::{Failure, Result, Tried};
use crate::lab::Lab;
use crate::process::Process;

/// Summary that it prints.
#[derive(Debug, PartialEq)]
pub(crate) struct Summary {
    /// Answered with a status of success.
    pub(crate) requests: u64,
    /// Answered otherwise, or not at all.
    pub(crate) failed: u64,
    /// Bytes of all answers' bodies.
    pub(crate) data: u64,
}

/// Sends this gRPC frame for so long.
pub(crate) fn run(lab: &Lab, port: u16, frame: &[u8], seconds: u64) -> Result<Summary> {
    let folder = lab.folder("h2load")?;
    let data = folder.join("data");
    fs::write(&data, frame).tried(data.display())?;
    let mut command = Command::new("h2load");
    command
        .args(["-t2", "-c64", "-m1", &format!("-D{seconds}"), "-d"])
        .arg(data);
    command.args(["-H", "content-type: application/grpc", "-H", "te: trailers"]);
    command.args([
        "-H",
        &format!("{PROXY}: {BASIC}"),
        &format!("http://127.0.0.1:{port}/{CHECK}"),
    ]);
    let mut process = Process::start(&command, &folder.join("log"))?;
    process
        .wait(Duration::from_secs(seconds + 60))
        .map_err(|why| Failure::new(format!("h2load: {why}")))?;
    let summary = parse(&process.output());
    let summary =
        summary.ok_or_else(|| Failure::new(format!("h2load said: {}", process.last_words())));
    drop(process);
    let _ = fs::remove_dir_all(folder);
    summary
}

fn parse(output: &str) -> Option<Summary> {
    let line = |name: &str| output.lines().find_map(|line| line.strip_prefix(name));
    let count = |text: &str, what: &str| {
        let part = text
            .split(", ")
            .map(str::trim)
            .find_map(|part| part.strip_suffix(what))?;
        part.trim().parse::<u64>().ok()
    };
    let requests = line("requests:")?;
    let statuses = line("status codes:")?;
    let traffic = line("traffic:")?;
    let failed = ["failed", "errored", "timeout"].map(|what| count(requests, what));
    let failed = failed.into_iter().sum::<Option<u64>>()?;
    let others = ["3xx", "4xx", "5xx"].map(|what| count(statuses, what));
    let others = others.into_iter().sum::<Option<u64>>()?;
    // "1.50MB (1572864) data": the number that is exact.
    let (_, data) = traffic.rsplit_once('(')?;
    let data = data.strip_suffix(") data")?.parse().ok()?;
    Some(Summary {
        requests: count(statuses, "2xx")?,
        failed: failed.max(others),
        data,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const OUTPUT: &str = "finished in 3.00s, 30123.33 req/s, 21.50MB/s\n\
        requests: 90370 total, 90434 started, 90370 done, 90368 succeeded, 2 failed, 0 errored, 0 \
        timeout\n\
        status codes: 90368 2xx, 0 3xx, 2 4xx, 0 5xx\n\
        traffic: 64.50MB (67633152) total, 2.10MB (2202009) headers (space savings 92.31%), \
        60.00MB (62914560) data\n";

    #[test]
    fn report_is_read() {
        let expected = Summary {
            requests: 90_368,
            failed: 2,
            data: 62_914_560,
        };
        assert_eq!(parse(OUTPUT), Some(expected));
    }

    #[test]
    fn truncated_output_is_no_result() {
        assert_eq!(parse("requests: 1 total"), None);
        assert_eq!(parse(""), None);
    }
}
