//! Redis, which the replicas of a fleet share.

use std::process::Command;

use crate::failure::{Failure, Result, Tried};
use crate::lab::Lab;
use crate::process::Process;
use crate::role::{free_port, wait_until_open};

/// Server of Debian's package, with nothing on disk.
pub(crate) struct Redis {
    pub(crate) port: u16,
    _process: Process,
}

impl Redis {
    pub(crate) fn start(lab: &Lab) -> Result<Self> {
        let (port, folder) = (free_port()?, lab.folder("redis")?);
        let mut command = Command::new("redis-server");
        command.args(["--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]);
        command.args(["--port", &port.to_string()]).arg("--dir");
        command.arg(&folder);
        let mut process = Process::start(&command, &folder.join("log"))?;
        wait_until_open(port, &mut process)
            .map_err(|why| Failure::new(format!("redis-server: {why}")))?;
        Ok(Self {
            port,
            _process: process,
        })
    }

    /// Number of keys: one is the stream, the others are facts and leases.
    pub(crate) fn keys(&self) -> Result<u64> {
        let count = ask(self.port, &["DBSIZE"])?;
        count.trim().parse().tried("the number of keys")
    }

    /// Memory that the server has taken for what it holds, in bytes.
    pub(crate) fn memory(&self) -> Result<u64> {
        let text = ask(self.port, &["INFO", "memory"])?;
        let mut lines = text.lines();
        let used = lines.find_map(|line| line.strip_prefix("used_memory:"));
        used.unwrap_or_default()
            .trim()
            .parse()
            .tried("the memory of Redis")
    }
}

/// Runs a command by `redis-cli`, and returns what it prints.
pub(crate) fn ask(port: u16, words: &[&str]) -> Result<String> {
    let mut command = Command::new("redis-cli");
    command.args(["-p", &port.to_string()]).args(words);
    let output = command.output().tried("redis-cli")?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(Failure::new(format!("redis-cli: {}", said.trim())));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
