use std::error::Error as _;
use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::client::conn::http1;
use introspectd_core::{Doubt, DoubtHandler};

use super::trust::Trust;
use crate::connect::Probe;

/// HTTP/1.1 connection, held by one exchange at a time.
#[derive(Debug)]
pub(crate) struct Link {
    pub(super) sender: http1::SendRequest<Full<Bytes>>,
    pub(super) probe: Probe,
    pub(super) answers: Arc<Answers>,
    /// Longest of its exchanges so far.
    pub(super) slowest: Duration,
}

/// Last answers of a connection, to be withdrawn should their place on it turn out to be wrong.
#[derive(Debug)]
pub(crate) struct Answers {
    last: Mutex<Last>,
    trust: Arc<Trust>,
}

#[derive(Debug, Default)]
struct Last {
    has_any: bool,
    /// Listener of the current exchange, or the last one.
    current: Option<Answer>,
    /// Listener of the previous exchange, until an answer to the current one begins.
    previous: Option<Answer>,
}

#[derive(Debug)]
struct Answer {
    handler: Option<DoubtHandler>,
    doubt: Doubt,
}

impl Link {
    /// Returns true if a request may be sent now.
    pub(super) fn is_usable(&self) -> bool {
        self.sender.is_ready() && !self.sender.is_closed()
    }
}

impl Answers {
    pub(super) fn new(trust: Arc<Trust>) -> Self {
        Self {
            last: Mutex::default(),
            trust,
        }
    }

    /// Sets the listener for doubts about the next answer.
    pub(super) fn expect(&self, handler: Option<DoubtHandler>) {
        let mut last = self.lock();
        let doubt = if mem::replace(&mut last.has_any, true) {
            Doubt::Misplaced
        } else {
            Doubt::Surplus
        };
        last.previous = last.current.replace(Answer { handler, doubt });
    }

    /// Records that the request was not sent: the previous answer is the last one.
    pub(super) fn expect_none(&self) {
        let mut last = self.lock();
        last.current = last.previous.take();
    }

    /// Records that the expected answer has begun as one should, so the previous one had ended.
    pub(super) fn begun(&self) {
        self.lock().previous = None;
    }

    /// Withdraws the answer before the one that did not begin as it should.
    pub(super) fn doubt_previous(&self) {
        let previous = self.lock().previous.take();
        if previous.is_some() {
            self.trust.lose();
        }
        previous.iter().for_each(Answer::raise);
    }

    /// Withdraws the last answer.
    pub(super) fn doubt(&self) {
        let Last {
            current, previous, ..
        } = mem::take(&mut *self.lock());
        self.trust.lose();
        current.iter().chain(&previous).for_each(Answer::raise);
    }

    fn lock(&self) -> MutexGuard<'_, Last> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Answer {
    fn raise(&self) {
        if let Some(handler) = &self.handler {
            handler.raise(self.doubt);
        }
    }
}

/// Returns true if hyper closed a connection for surplus bytes. Its error has no name for that:
/// this is the one without any known cause, and a test holds it.
pub(super) fn is_unasked(error: &hyper::Error) -> bool {
    let named = error.is_parse()
        || error.is_user()
        || error.is_canceled()
        || error.is_closed()
        || error.is_incomplete_message()
        || error.is_body_write_aborted()
        || error.is_shutdown()
        || error.is_timeout();
    let cause = error.source();
    let cause_is_unasked = || {
        cause
            .and_then(|cause| cause.downcast_ref())
            .is_some_and(is_unasked)
    };
    !named && cause.is_none() || error.is_canceled() && cause_is_unasked()
}
