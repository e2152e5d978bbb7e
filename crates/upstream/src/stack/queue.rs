use std::sync::Arc;

use introspectd_core::{Failure, Outage};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::around::{Around, Below, Next, Outcome};
use crate::request::Request;
use crate::stage::Stage;

/// Limit of concurrent requests, and the queue before it, shared by all clones of the stack.
///
/// Places are given in the order of arrival. Requests of a list pass: lists have permits of their
/// own in the resolver, so that neither they nor requests about tokens keep the others from the
/// provider.
#[derive(Clone)]
pub(crate) struct Queue {
    places: Arc<Semaphore>,
    waiting: Arc<Semaphore>,
    max_in_flight: u32,
    length: u32,
}

impl Queue {
    pub(crate) fn new(max_in_flight: u32, length: u32) -> Self {
        let permits = |number: u32| Arc::new(Semaphore::new(number as usize));
        Self {
            places: permits(max_in_flight),
            waiting: permits(length),
            max_in_flight,
            length,
        }
    }

    /// Number of places that are taken.
    pub(crate) fn in_flight(&self) -> u64 {
        taken(self.max_in_flight, &self.places)
    }

    /// Number of requests that wait for a place.
    pub(crate) fn queued(&self) -> u64 {
        taken(self.length, &self.waiting)
    }

    /// Takes a place if one is free and nobody waits for it.
    pub(super) fn try_take(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.places).try_acquire_owned().ok()
    }

    async fn take(&self, stage: &Stage) -> Result<OwnedSemaphorePermit, Failure> {
        if let Some(place) = self.try_take() {
            return Ok(place);
        }
        let overloaded = || Failure::outage(Outage::Overloaded);
        let _waits = self.waiting.try_acquire().map_err(|_| overloaded())?;
        stage.wait_for_place();
        let place = Arc::clone(&self.places).acquire_owned().await;
        stage.placed();
        place.map_err(|_| overloaded())
    }
}

fn taken(all: u32, free: &Semaphore) -> u64 {
    u64::from(all).saturating_sub(free.available_permits() as u64)
}

impl Around for Queue {
    async fn call<S: Below>(self, request: Box<Request>, next: Next<S>) -> Outcome {
        if request.is_listing {
            return next.send(request).await;
        }
        let _place = self.take(&request.stage).await?;
        next.send(request).await
    }
}
