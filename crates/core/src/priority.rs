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
    let (this, niceness) = (Some(gettid()), getpriority_process(Some(gettid()))?);
    let policy = ThreadSchedulePolicy::Normal(NormalThreadSchedulePolicy::Idle);
    let set = set_thread_priority_and_policy(thread_native_id(), ThreadPriority::Min, policy);
    // It sets the niceness to zero, too, which fails in a process that itself gives way, or takes
    // that from it.
    setpriority_process(this, niceness)?;
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

    /// The 19th field of the status is the niceness, the 41st the policy; the name, in brackets, is
    /// the second.
    #[test]
    fn only_the_current_thread_runs_while_idle_and_keeps_its_niceness() {
        let field = |number: usize| {
            let stat = std::fs::read_to_string("/proc/thread-self/stat").unwrap();
            let (_, rest) = stat.rsplit_once(')').unwrap();
            rest.split_whitespace().nth(number - 3).unwrap().to_owned()
        };
        let idle = std::thread::spawn(move || {
            give_way(3).unwrap();
            let niceness = field(19);
            run_while_idle().unwrap();
            assert_eq!(field(19), niceness);
            field(41)
        });
        assert_eq!(idle.join().unwrap(), "5", "SCHED_IDLE");
        assert_eq!(field(41), "0", "SCHED_OTHER");
    }
}
