//! The oracle: it knows the true state of each token at each time, and judges every answer.

pub(crate) mod finding;
pub(crate) mod forgetting;
pub(crate) mod judge;
pub(crate) mod key;
pub(crate) mod meter;
pub(crate) mod moment;
pub(crate) mod seen;
pub(crate) mod tally;
pub(crate) mod terms;
pub(crate) mod token;
pub(crate) mod waits;
pub(crate) mod weather;

mod changes;
mod fetching;
mod journal;
mod knowledge;

pub(crate) use knowledge::Oracle;

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Entries of each list that are kept: far more than one exchange can overlap.
const KEPT: usize = 256;

fn keep_latest<T>(list: &mut Vec<T>) {
    if list.len() > KEPT {
        list.drain(..KEPT / 2);
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
