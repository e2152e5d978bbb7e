//! State of a simulator shared by its connections: the vendor, and the script of faults.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::gate::Hold;
use crate::{Answer, Fault, Recorded};

/// Vendor's protocol and records, without connections and faults.
pub trait Vendor: Send + Sync + 'static {
    /// The vendor's normal answer.
    fn answer(&self, request: &Recorded) -> Answer;
}

impl<V: Vendor + ?Sized> Vendor for Arc<V> {
    fn answer(&self, request: &Recorded) -> Answer {
        self.as_ref().answer(request)
    }
}

/// The vendor and its script.
pub(crate) struct Stage<V> {
    pub(crate) vendor: V,
    script: Mutex<Script>,
}

/// Requests so far, and faults of the next ones.
#[derive(Default)]
pub(crate) struct Script {
    pub(crate) recorded: Vec<Recorded>,
    pub(crate) next: VecDeque<Fault>,
    pub(crate) always: Option<Fault>,
    pub(crate) hold: Option<Arc<Hold>>,
}

/// Faults that one request meets before the vendor sees it.
pub(crate) struct Treatment {
    pub(crate) hold: Option<Arc<Hold>>,
    pub(crate) fault: Option<Fault>,
}

impl<V> Stage<V> {
    pub(crate) fn new(vendor: V) -> Self {
        Self {
            vendor,
            script: Mutex::default(),
        }
    }

    /// Records a request and says what it meets. One lock, so that the order of arrival is also
    /// that of the faults.
    pub(crate) fn received(&self, request: Recorded) -> Treatment {
        let mut script = self.script();
        script.recorded.push(request);
        let fault = script.next.pop_front().or_else(|| script.always.clone());
        Treatment {
            hold: script.hold.clone(),
            fault,
        }
    }

    pub(crate) fn script(&self) -> MutexGuard<'_, Script> {
        locked(&self.script)
    }
}

pub(crate) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
