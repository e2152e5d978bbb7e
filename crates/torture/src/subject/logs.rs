//! Reader of the process's log, which stops reading when it is told to.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::ChildStderr;
use tokio::sync::watch;

/// Log of the process: its last lines.
#[derive(Clone)]
pub(crate) struct Logs {
    reads: Arc<watch::Sender<bool>>,
    lines: Arc<Mutex<VecDeque<String>>>,
}

impl Default for Logs {
    fn default() -> Self {
        Self {
            reads: Arc::new(watch::Sender::new(true)),
            lines: Arc::default(),
        }
    }
}

/// Lines that are kept.
const KEPT: usize = 20;

impl Logs {
    /// Reads this pipe until its end.
    pub(crate) fn read(&self, pipe: ChildStderr) {
        let logs = self.clone();
        let mut reads = self.reads.subscribe();
        tokio::spawn(async move {
            let mut lines = BufReader::new(pipe).lines();
            // The sender lives as long as `logs`.
            while reads.wait_for(|reads| *reads).await.is_ok() {
                let Ok(Some(line)) = lines.next_line().await else {
                    return;
                };
                let mut last = logs.lines.lock().unwrap_or_else(PoisonError::into_inner);
                last.push_back(line);
                if last.len() > KEPT {
                    last.pop_front();
                }
            }
        });
    }

    /// Stops reading, or goes on.
    pub(crate) fn stall(&self, stalled: bool) {
        self.reads.send_replace(!stalled);
    }

    /// The last lines, as one.
    pub(crate) fn last_words(&self) -> String {
        let lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        lines
            .iter()
            .rev()
            .take(3)
            .rev()
            .cloned()
            .collect::<Vec<_>>()
            .join(" / ")
    }
}
