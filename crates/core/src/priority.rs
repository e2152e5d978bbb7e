use std::io;

use rustix::process::{getpriority_process, setpriority_process};
use rustix::thread::gettid;
use thread_priority::unix::{
    set_thread_priority_and_policy, thread_native_id, thread_schedule_policy,
};
use thread_priority::{NormalThreadSchedulePolicy, ThreadPriority, ThreadSchedulePolicy};

/// Lowers the priority of the current thread by this much niceness (of 19 at most): it gives way to
/// all other threads of the process.
///
/// Beside a busy thread, one of niceness 10 gets a tenth of a processor, and all that is left.
///
/// # Errors
/// The system's. The thread then goes on as it was.
pub fn give_way(niceness: i32) -> io::Result<()> {
    let this = Some(gettid());
    setpriority_process(this, getpriority_process(this)? + niceness)?;
    Ok(())
}

/// Lets the current thread run only while a processor is free: any other thread that becomes ready
/// interrupts it at once, which even the highest niceness does not allow (`SCHED_IDLE`).
///
/// It may starve on a busy machine, and must hold no lock that a busy thread needs.
///
/// # Errors
/// The system's. The thread then goes on as it was.
pub fn run_while_idle() -> io::Result<()> {
    let policy = ThreadSchedulePolicy::Normal(NormalThreadSchedulePolicy::Idle);
    let set = set_thread_priority_and_policy(thread_native_id(), ThreadPriority::Min, policy);
    // It sets the niceness, too, which fails in a process that itself gives way.
    match thread_schedule_policy() {
        Ok(now) if now == policy => Ok(()),
        Ok(_) | Err(_) => set.map_err(io::Error::other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_current_thread_gives_way() {
        let niceness = || getpriority_process(Some(gettid())).unwrap();
        let before = niceness();
        let lowered = std::thread::spawn(move || {
            give_way(3).unwrap();
            niceness()
        });
        assert_eq!(lowered.join().unwrap(), (before + 3).min(19));
        assert_eq!(niceness(), before);
    }
    /// The 41st field of the status is the policy; the name, in brackets, is the second.
    #[test]
    fn only_the_current_thread_runs_while_idle() {
        let policy = || {
            let stat = std::fs::read_to_string("/proc/thread-self/stat").unwrap();
            let (_, rest) = stat.rsplit_once(')').unwrap();
            rest.split_whitespace().nth(38).unwrap().to_owned()
        };
        let idle = std::thread::spawn(move || {
            run_while_idle().unwrap();
            policy()
        });
        assert_eq!(idle.join().unwrap(), "5", "SCHED_IDLE");
        assert_eq!(policy(), "0", "SCHED_OTHER");
    }
}
