use std::fmt;
use std::fs;
use std::time::Duration;

use introspectd_core::Timestamp;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;
use rustix::process::{Resource, getrlimit};
use rustix::time::{ClockId, clock_gettime};

use crate::family::{counter, gauge, one};

/// Metrics of the process itself, by the names that Prometheus' client libraries give them.
///
/// What the system does not report has no value; `/proc` is Linux's.
#[derive(Debug, Clone, Copy)]
pub struct Process {
    /// Start of the process.
    pub started: Timestamp,
}

impl Collector for Process {
    fn encode(&self, mut to: DescriptorEncoder<'_>) -> fmt::Result {
        let to = &mut to;
        counter(
            to,
            "process_cpu_seconds",
            "Processor time of the process, in user and system mode",
            one(cpu_time().as_secs_f64()),
        )?;
        gauge(
            to,
            "process_resident_memory_bytes",
            "Resident memory of the process",
            resident_memory().into_iter().flat_map(one),
        )?;
        gauge(
            to,
            "process_open_fds",
            "Open file descriptors",
            open_descriptors().into_iter().flat_map(one),
        )?;
        gauge(
            to,
            "process_max_fds",
            "Limit of open file descriptors",
            getrlimit(Resource::Nofile)
                .current
                .into_iter()
                .flat_map(one),
        )?;
        gauge(
            to,
            "process_start_time_seconds",
            "Start of the process, in seconds since 1970",
            one(self.started.seconds()),
        )
    }
}

fn cpu_time() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(
        time.tv_sec.try_into().unwrap_or(0),
        time.tv_nsec.try_into().unwrap_or(0),
    )
}

fn resident_memory() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: u64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kibibytes * 1024)
}

/// Counts the descriptors, without the one that looks.
fn open_descriptors() -> Option<u64> {
    let entries = fs::read_dir("/proc/self/fd").ok()?;
    Some((entries.count() as u64).saturating_sub(1))
}
