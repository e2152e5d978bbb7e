use std::pin::pin;
use std::sync::Arc;

use introspectd_core::ask::Meter;
use tokio::time::{Instant, sleep};

use super::around::{Around, Below, Next, Outcome};
use super::budget::Budget;
use super::latencies::Latencies;
use super::queue::Queue;
use crate::request::{Effect, Request};
use crate::stage::Stage;

/// Second request beside one that is slower than 95 of 100. It takes a place of its own, and counts
/// as a retry.
#[derive(Clone)]
pub(super) struct Hedge(Option<Arc<Parts>>);

struct Parts {
    latencies: Latencies,
    queue: Queue,
    budget: Arc<Budget>,
    meter: Arc<Meter>,
}

impl Hedge {
    /// Creates the layer that hedges nothing.
    pub(super) fn off() -> Self {
        Self(None)
    }

    pub(super) fn new(queue: Queue, budget: Arc<Budget>, meter: Arc<Meter>) -> Self {
        Self(Some(Arc::new(Parts {
            latencies: Latencies::default(),
            queue,
            budget,
            meter,
        })))
    }
}

impl Around for Hedge {
    async fn call<S: Below>(self, request: Box<Request>, next: Next<S>) -> Outcome {
        // A list is as slow as it is long.
        let is_fit = request.effect == Effect::None && !request.is_listing;
        let Some(parts) = self.0.filter(|_| is_fit) else {
            return next.send(request).await;
        };
        let began = Instant::now();
        let outcome = parts.send(request, next).await;
        if outcome.is_ok() {
            parts.latencies.record(began.elapsed());
        }
        outcome
    }
}

impl Parts {
    async fn send<S: Below>(&self, request: Box<Request>, next: Next<S>) -> Outcome {
        let mut first = pin!(next.send(request.clone()));
        let Some(usual) = self.latencies.p95() else {
            return first.await;
        };
        tokio::select! {
            biased;
            outcome = &mut first => return outcome,
            () = sleep(usual) => {}
        }
        let Some(_place) = self.queue.try_take() else {
            return first.await;
        };
        if !request.may_go_on() || !self.budget.withdraw() {
            return first.await;
        }
        self.meter.count_retry();
        let mut beside = request;
        beside.resends += 1;
        // The deadline is named by what the first one waits for.
        beside.stage = Stage::default();
        let mut second = pin!(next.send(beside));
        tokio::select! {
            biased;
            outcome = &mut first => match outcome {
                Ok(response) => Ok(response),
                Err(failure) => second.await.map_err(|_| failure),
            },
            outcome = &mut second => match outcome {
                Ok(response) => Ok(response),
                Err(_) => first.await,
            },
        }
    }
}
