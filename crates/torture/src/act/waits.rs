//! Samples of what threads wait for a processor (proc_pid_schedstat(5)).

use std::collections::HashMap;
use std::fs;
use std::time::Duration;

use crate::act::Stages;
use crate::stop::Stop;

const EACH: Duration = Duration::from_millis(100);

/// Waiting time of each thread so far, by process and thread.
type Threads = HashMap<(u32, String), Duration>;

/// Tells the oracle until the run is over.
pub(crate) async fn sample(stages: Stages, mut stop: Stop) {
    let own = std::process::id();
    let mut before = Threads::new();
    while stop.pause(EACH).await {
        let mut now = Threads::new();
        read(own, &mut now);
        for stage in stages.all() {
            if let Some(pid) = stage.subject.pid().await {
                read(pid.as_raw_nonzero().get().unsigned_abs(), &mut now);
            }
        }
        let waited = now.iter().map(|(thread, waited)| {
            let before = before.get(thread).copied();
            waited.saturating_sub(before.unwrap_or_default())
        });
        let oracle = &stages.first.oracle;
        oracle.waits.add(oracle.watch.at(), waited.sum());
        before = now;
    }
}

/// Nothing where the process is gone, or the kernel keeps no such times.
fn read(process: u32, threads: &mut Threads) {
    let Ok(tasks) = fs::read_dir(format!("/proc/{process}/task")) else {
        return;
    };
    for task in tasks.filter_map(Result::ok) {
        let text = fs::read_to_string(task.path().join("schedstat")).unwrap_or_default();
        let waited = text.split(' ').nth(1).and_then(|nanos| nanos.parse().ok());
        if let Some(nanos) = waited {
            let name = task.file_name().to_string_lossy().into_owned();
            threads.insert((process, name), Duration::from_nanos(nanos));
        }
    }
}
