use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use introspectd_core::{Selector, Target};
use tokio::sync::{Notify, oneshot};

use crate::purge::LocalPurge;

/// Purges of this replica on their way into the stream: they wait to be written, and once written
/// to be read back. None is given up.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    state: Mutex<State>,
    work: Notify,
}

#[derive(Debug, Default)]
struct State {
    waiting: VecDeque<Pending>,
    /// Written, by their number, and not read back yet.
    written: VecDeque<(u64, Vec<Pending>)>,
    beat_is_due: bool,
    /// Highest number that was read back.
    read_back: u64,
}

/// Purge, and who waits for it.
#[derive(Debug)]
pub(crate) struct Pending {
    pub(crate) purge: LocalPurge,
    done: Option<oneshot::Sender<()>>,
}

/// Purges of one entry.
#[derive(Debug)]
pub(crate) struct Batch(pub(crate) Vec<Pending>);

/// Most purges that wait. Past it one purge of everything takes the place of all.
const MAX_WAITING: usize = 16_384;

/// Most purges of an entry.
const MAX_BATCH: usize = 256;

impl Outbox {
    /// Adds a purge. The receiver resolves once it was read back.
    pub(crate) fn push(&self, purge: LocalPurge) -> oneshot::Receiver<()> {
        let (done, receiver) = oneshot::channel();
        let mut state = self.lock();
        if state.waiting.len() >= MAX_WAITING {
            tracing::warn!("too many purges wait for the shared cache; publishing a purge of all");
            state.waiting.clear();
            state.waiting.push_back(Pending {
                purge: LocalPurge {
                    selector: Selector::new(Target::All),
                    revoked: Vec::new(),
                },
                done: None,
            });
        }
        let done = Some(done);
        state.waiting.push_back(Pending { purge, done });
        drop(state);
        self.work.notify_one();
        receiver
    }

    /// Asks for a heartbeat.
    pub(crate) fn want_beat(&self) {
        self.lock().beat_is_due = true;
        self.work.notify_one();
    }

    /// Waits for something to write; an empty batch is a heartbeat.
    pub(crate) async fn next(&self) -> Batch {
        loop {
            if let Some(batch) = self.take() {
                return batch;
            }
            self.work.notified().await;
        }
    }

    fn take(&self) -> Option<Batch> {
        let mut state = self.lock();
        if state.waiting.is_empty() && !state.beat_is_due {
            return None;
        }
        state.beat_is_due = false;
        let count = state.waiting.len().min(MAX_BATCH);
        Some(Batch(state.waiting.drain(..count).collect()))
    }

    /// Returns what could not be written, to be written next.
    pub(crate) fn put_back(&self, Batch(batch): Batch) {
        let mut state = self.lock();
        state.beat_is_due |= batch.is_empty();
        batch
            .into_iter()
            .rev()
            .for_each(|pending| state.waiting.push_front(pending));
    }

    /// Notes that a batch is in the stream, under this number.
    pub(crate) fn written(&self, number: u64, Batch(batch): Batch) {
        let mut state = self.lock();
        if number <= state.read_back {
            // The reader was faster than the writer's response.
            resolve(batch);
        } else if !batch.is_empty() {
            state.written.push_back((number, batch));
        }
    }

    /// Resolves what was written under this number or a lower one.
    pub(crate) fn read_back(&self, number: u64) {
        let mut state = self.lock();
        state.read_back = state.read_back.max(number);
        while let Some((_, batch)) = state
            .written
            .pop_front_if(|(written, _)| *written <= number)
        {
            resolve(batch);
        }
    }

    /// Writes again what was not read back: the stream may have lost it.
    pub(crate) fn rewrite(&self) {
        let mut state = self.lock();
        while let Some((_, batch)) = state.written.pop_back() {
            batch
                .into_iter()
                .rev()
                .for_each(|pending| state.waiting.push_front(pending));
        }
        drop(state);
        self.work.notify_one();
    }

    /// Number of purges that wait to be written.
    pub(crate) fn pending(&self) -> usize {
        self.lock().waiting.len()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn resolve(batch: Vec<Pending>) {
    let done = batch.into_iter().filter_map(|pending| pending.done);
    // Whoever waited may have left.
    done.for_each(|done| {
        let _ = done.send(());
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn purge() -> LocalPurge {
        LocalPurge {
            selector: Selector::new(Target::Subject("s".to_owned())),
            revoked: Vec::new(),
        }
    }

    #[test]
    fn purge_is_done_once_its_entry_was_read_back() {
        let outbox = Outbox::default();
        let mut done = outbox.push(purge());
        let batch = outbox.take().unwrap();
        outbox.written(3, batch);
        outbox.read_back(2);
        assert!(done.try_recv().is_err());
        outbox.read_back(3);
        assert_eq!(done.try_recv(), Ok(()));
        assert!(outbox.take().is_none());
    }

    #[test]
    fn lost_entry_is_written_again_in_its_order() {
        let outbox = Outbox::default();
        let _first = outbox.push(purge());
        let batch = outbox.take().unwrap();
        outbox.written(1, batch);
        let _second = outbox.push(LocalPurge {
            selector: Selector::new(Target::All),
            revoked: Vec::new(),
        });
        outbox.rewrite();
        let Batch(again) = outbox.take().unwrap();
        let targets: Vec<_> = again.iter().map(|it| &it.purge.selector.target).collect();
        assert!(
            matches!(targets[..], [Target::Subject(_), Target::All]),
            "{targets:?}"
        );
    }

    #[test]
    fn heartbeat_is_a_batch_without_purges() {
        let outbox = Outbox::default();
        assert!(outbox.take().is_none());
        outbox.want_beat();
        let batch = outbox.take().unwrap();
        assert!(batch.0.is_empty());
        outbox.put_back(batch);
        assert!(outbox.take().is_some_and(|batch| batch.0.is_empty()));
    }

    #[test]
    fn endless_purges_become_one_of_everything() {
        let outbox = Outbox::default();
        let mut all: Vec<_> = (0..=MAX_WAITING).map(|_| outbox.push(purge())).collect();
        assert_eq!(outbox.pending(), 2);
        let Batch(batch) = outbox.take().unwrap();
        assert!(matches!(batch[0].purge.selector.target, Target::All));
        assert!(all[0].try_recv().is_err());
    }
}
