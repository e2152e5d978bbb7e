//! Gate before a provider: its circuit breaker, and the pauses that it asks for.

mod breaker;
mod pause;

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use introspectd_core::ask::BreakerState;
use introspectd_core::{Clock, Failure, Outage};
use tokio::sync::Notify;

use crate::policy::BreakerPolicy;
use crate::stage::Stage;
use breaker::{Breaker, Ticket};
use pause::Pause;

pub(crate) use breaker::Verdict;

// Its own tests run under every order of threads that shuttle tries.
#[cfg(test)]
use shuttle::sync::{Mutex, MutexGuard};
#[cfg(not(test))]
use std::sync::{Mutex, MutexGuard};

/// Gate that each ask passes before it may wait for a place. Written once for each ask.
#[derive(Debug)]
pub(crate) struct Gate {
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
    /// Wakes asks that wait when the gate shuts.
    shuts: Notify,
}

#[derive(Debug)]
struct State {
    breaker: Option<Breaker>,
    pause: Pause,
}

/// Right of an ask to be sent. Dropped without an outcome, as by a caller that goes away, it gives
/// its place back; dropped at the deadline it counts as a timeout.
#[derive(Debug)]
pub(crate) struct Passage {
    pass: Pass,
    stage: Stage,
    is_settled: bool,
}

/// Proof of a passage, by which layers below know whether to send something more.
#[derive(Debug, Clone)]
pub(crate) struct Pass {
    gate: Arc<Gate>,
    /// `None` where there is no breaker.
    ticket: Option<Ticket>,
}

impl Gate {
    pub(crate) fn new(breaker: Option<BreakerPolicy>, clock: Arc<dyn Clock>) -> Self {
        Self {
            clock,
            state: Mutex::new(State {
                breaker: breaker.map(Breaker::new),
                pause: Pause::default(),
            }),
            shuts: Notify::new(),
        }
    }

    /// Lets an ask pass, which is at this stage.
    ///
    /// # Errors
    /// [`Outage::Throttled`] or [`Outage::BreakerOpen`], with the time that is left.
    pub(crate) fn enter(self: &Arc<Self>, stage: Stage) -> Result<Passage, Failure> {
        let now = self.clock.elapsed();
        let mut state = self.lock();
        if let Some(left) = state.pause.left(now) {
            return Err(spared(Outage::Throttled, left));
        }
        let ticket = state.breaker.as_mut().map(|breaker| breaker.admit(now));
        let ticket = ticket.transpose();
        let ticket = ticket.map_err(|left| spared(Outage::BreakerOpen, left))?;
        let gate = Arc::clone(self);
        Ok(Passage {
            pass: Pass { gate, ticket },
            stage,
            is_settled: false,
        })
    }

    /// Keeps to the wait that an answer named.
    pub(crate) fn pause(&self, wait: Duration) {
        let has_begun = self.lock().pause.ask_for(wait, self.clock.elapsed());
        if has_begun {
            self.shuts.notify_waiters();
        }
    }

    /// State of the breaker; `Closed` where there is none.
    pub(crate) fn breaker(&self) -> BreakerState {
        let now = self.clock.elapsed();
        let state = self.lock();
        let breaker = state.breaker.as_ref();
        breaker.map_or(BreakerState::Closed, |breaker| breaker.state(now))
    }

    /// Returns true during a pause that the provider asked for.
    pub(crate) fn is_paused(&self) -> bool {
        self.lock().pause.left(self.clock.elapsed()).is_some()
    }

    fn settle(&self, ticket: Ticket, verdict: Verdict) {
        let now = self.clock.elapsed();
        let has_shut = {
            let mut state = self.lock();
            let Some(breaker) = &mut state.breaker else {
                return;
            };
            let before = breaker.state(now);
            breaker.settle(ticket, verdict, now);
            before != BreakerState::Open && breaker.state(now) == BreakerState::Open
        };
        if has_shut {
            self.shuts.notify_waiters();
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn spared(outage: Outage, left: Duration) -> Failure {
    Failure::Unavailable {
        outage,
        retry_after: Some(left),
    }
}

impl Pass {
    /// Returns true unless the gate has shut since. What may pass then are probes.
    pub(crate) fn holds(&self) -> bool {
        self.refusal().is_none()
    }

    fn refusal(&self) -> Option<Failure> {
        let now = self.gate.clock.elapsed();
        let state = self.gate.lock();
        if let Some(left) = state.pause.left(now) {
            return Some(spared(Outage::Throttled, left));
        }
        let (breaker, ticket) = (state.breaker.as_ref()?, self.ticket?);
        (!breaker.is_current(ticket)).then(|| spared(Outage::BreakerOpen, breaker.left(now)))
    }
}

impl Passage {
    pub(crate) fn pass(&self) -> Pass {
        self.pass.clone()
    }

    /// Waits until the gate shuts while the ask waits for a place or a retry, and returns why. What
    /// waits would else be sent to a provider that is to be spared.
    pub(crate) async fn shut(&self) -> Failure {
        loop {
            // Before the look, so that a gate that shuts in between is seen.
            let shuts = self.pass.gate.shuts.notified();
            if self.stage.is_waiting()
                && let Some(refusal) = self.pass.refusal()
            {
                return refusal;
            }
            shuts.await;
        }
    }

    /// Tells the breaker what became of the ask.
    pub(crate) fn settle(mut self, verdict: Verdict) {
        self.give_back(verdict);
    }

    fn give_back(&mut self, verdict: Verdict) {
        if std::mem::replace(&mut self.is_settled, true) {
            return;
        }
        if let Some(ticket) = self.pass.ticket {
            self.pass.gate.settle(ticket, verdict);
        }
    }
}

impl Drop for Passage {
    fn drop(&mut self) {
        self.give_back(if self.stage.is_over() && !self.stage.is_waiting() {
            Verdict::Failed
        } else {
            Verdict::Unknown
        });
    }
}

#[cfg(test)]
mod tests;
