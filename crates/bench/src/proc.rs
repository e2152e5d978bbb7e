//! Kernel's figures of a process and its descendants.

use std::fs;
use std::time::Duration;

/// Memory of a group of processes, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct Memory {
    /// Pages that several processes share count once for each.
    pub(crate) resident: u64,
    /// Shared pages are divided among those who share them.
    pub(crate) proportional: u64,
}

/// User and system time of this process and all its descendants that live.
pub(crate) fn cpu(root: u32) -> Duration {
    let ticks: u64 = family(root)
        .into_iter()
        .filter_map(|process| ticks(&fs::read_to_string(format!("/proc/{process}/stat")).ok()?))
        .sum();
    // In milliseconds first, so that nothing is lost to rounding: a tick is ten of them nearly
    // everywhere.
    Duration::from_millis(ticks * 1000 / rustix::param::clock_ticks_per_second().max(1))
}

/// Memory of this process and all its descendants.
pub(crate) fn memory(root: u32) -> Memory {
    let each = family(root).into_iter().filter_map(|process| {
        rollup(&fs::read_to_string(format!("/proc/{process}/smaps_rollup")).ok()?)
    });
    each.fold(Memory::default(), |sum, one| Memory {
        resident: sum.resident + one.resident,
        proportional: sum.proportional + one.proportional,
    })
}

/// Number of open descriptors of the process.
pub(crate) fn descriptors(process: u32) -> usize {
    fs::read_dir(format!("/proc/{process}/fd")).map_or(0, Iterator::count)
}

fn family(root: u32) -> Vec<u32> {
    let mut found = vec![root];
    let mut next = 0;
    while let Some(&process) = found.get(next) {
        next += 1;
        let tasks = fs::read_dir(format!("/proc/{process}/task"))
            .into_iter()
            .flatten()
            .flatten();
        for task in tasks {
            let children = fs::read_to_string(task.path().join("children")).unwrap_or_default();
            found.extend(
                children
                    .split_whitespace()
                    .filter_map(|child| child.parse::<u32>().ok()),
            );
        }
    }
    found
}

/// Fields 14 and 15 of `/proc/PID/stat`. The second, the program's name, may hold spaces and
/// parentheses.
fn ticks(stat: &str) -> Option<u64> {
    let (_, rest) = stat.rsplit_once(')')?;
    let mut fields = rest.split_whitespace().skip(11);
    let user: u64 = fields.next()?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    Some(user + system)
}

fn rollup(smaps: &str) -> Option<Memory> {
    let field = |name: &str| {
        let line = smaps.lines().find_map(|line| line.strip_prefix(name))?;
        line.split_whitespace()
            .next()?
            .parse::<u64>()
            .ok()
            .map(|kibibytes| kibibytes * 1024)
    };
    Some(Memory {
        resident: field("Rss:")?,
        proportional: field("Pss:")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn process_name_with_parentheses_is_skipped() {
        let stat =
            "4242 (a (b) c) S 1 4242 4242 0 -1 4194560 900 0 0 0 123 45 0 0 20 0 3 0 5000 1 2";
        assert_eq!(ticks(stat), Some(168));
        assert_eq!(ticks("4242 (cut off) S 1"), None);
        assert_eq!(ticks(""), None);
    }

    #[test]
    fn memory_is_reported_in_bytes() {
        let smaps = "5581-7ffd ---p 00000000 00:00 0    [rollup]\n\
                     Rss:                2048 kB\nPss:                1024 \
                     kB\nPss_Dirty:           512 kB\n";
        assert_eq!(
            rollup(smaps),
            Some(Memory {
                resident: 2_097_152,
                proportional: 1_048_576
            })
        );
        assert_eq!(rollup("Rss: 1 kB\n"), None);
    }

    #[test]
    fn own_process_has_memory_and_descriptors() {
        assert!(memory(std::process::id()).proportional > 0);
        assert!(descriptors(std::process::id()) > 0);
        assert_eq!(
            family(std::process::id()).first(),
            Some(&std::process::id())
        );
    }
}
