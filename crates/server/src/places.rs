use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::timeout;

use crate::activity::Activity;
use crate::lane::Lane;

/// Age after which a connection that never authenticated makes room even while it is busy.
const BUSY_STRANGER: Duration = Duration::from_secs(10);

/// Pause between two attempts to make room.
const RETRY: Duration = Duration::from_millis(100);

/// Limit of connections that are open at once, shared by any number of listeners.
///
/// At the limit, a further connection takes the place of the oldest idle one on which no caller has
/// authenticated; where there is none, it waits, and those behind it wait in the backlog.
#[derive(Debug)]
pub struct Places {
    limit: usize,
    open: Mutex<Open>,
    freed: Notify,
}

#[derive(Debug, Default)]
struct Open {
    count: usize,
    next: u64,
    /// Connections on which no caller has authenticated, in the order of their arrival.
    strangers: BTreeMap<u64, Arc<Activity>>,
}

/// Place of one open connection, free again once it is dropped.
#[derive(Debug)]
pub(crate) struct Place(Arc<Held>);

/// Handle by which a request marks its connection as authenticated.
#[derive(Debug, Clone, Default)]
pub struct Standing(Option<Arc<Held>>);

#[derive(Debug)]
struct Held {
    places: Arc<Places>,
    number: u64,
    activity: Arc<Activity>,
}

impl Places {
    /// Creates room for `limit` connections, at least one.
    pub fn new(limit: usize) -> Arc<Self> {
        Arc::new(Self {
            limit: limit.max(1),
            open: Mutex::default(),
            freed: Notify::new(),
        })
    }

    /// Takes a place, as soon as one is free. Cancel-safe.
    pub(crate) async fn take(self: &Arc<Self>) -> Place {
        loop {
            if let Some(place) = self.try_take() {
                return place;
            }
            self.make_room();
            // A connection may become idle without leaving, so this looks again in any case.
            let _ = timeout(RETRY, self.freed.notified()).await;
        }
    }

    fn try_take(self: &Arc<Self>) -> Option<Place> {
        let mut open = self.open();
        if open.count >= self.limit {
            return None;
        }
        open.count += 1;
        let number = open.next;
        open.next += 1;
        let activity = Activity::new();
        open.strangers.insert(number, Arc::clone(&activity));
        drop(open);
        Some(Place(Arc::new(Held {
            places: Arc::clone(self),
            number,
            activity,
        })))
    }

    /// Asks the oldest idle connection that never authenticated to close, if there is one.
    pub(crate) fn make_room(&self) {
        let mut open = self.open();
        let idle = open
            .strangers
            .iter()
            .find(|(_, activity)| activity.is_idle());
        let is_old = |activity: &Activity| activity.accepted.elapsed() >= BUSY_STRANGER;
        let oldest = || {
            open.strangers
                .iter()
                .next()
                .filter(|(_, activity)| is_old(activity))
        };
        let Some(number) = idle.or_else(oldest).map(|(number, _)| *number) else {
            return;
        };
        // Taken out, so that the next attempt asks another one.
        if let Some(activity) = open.strangers.remove(&number) {
            activity.evict();
        }
    }

    fn open(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Place {
    pub(crate) fn standing(&self) -> Standing {
        Standing(Some(Arc::clone(&self.0)))
    }

    pub(crate) fn activity(&self) -> &Arc<Activity> {
        &self.0.activity
    }
}

impl Standing {
    /// Marks the connection as authenticated: it keeps its place.
    pub fn recognize(&self) {
        if let Some(held) = self.0.as_ref().filter(|held| held.activity.recognize()) {
            held.places.open().strangers.remove(&held.number);
        }
    }
}

impl Standing {
    /// Moves the connection to the threads of a lane, if a caller has authenticated on it.
    ///
    /// A request over HTTP/1.1 moves along once it awaits something; one over HTTP/2 ends where it
    /// began.
    pub fn serve_on(&self, lane: Lane) {
        if let Some(held) = &self.0
            && !held.activity.lane.is(lane)
            && held.activity.is_recognized()
        {
            held.activity.lane.set(lane);
        }
    }

    /// Resolves once the client has hung up; never without a connection. Cancel-safe.
    pub async fn hung_up(&self) {
        match &self.0 {
            Some(held) => held.activity.hung_up().await,
            None => std::future::pending().await,
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let Held { places, number, .. } = &*self.0;
        let mut open = places.open();
        open.count = open.count.saturating_sub(1);
        open.strangers.remove(number);
        drop(open);
        places.freed.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt;

    fn is_evicted(place: &Place) -> bool {
        place.activity().evicted().now_or_never().is_some()
    }

    #[tokio::test(start_paused = true)]
    async fn oldest_idle_stranger_makes_room_for_a_new_connection() {
        let places = Places::new(3);
        let (known, busy, idle) = (
            places.take().await,
            places.take().await,
            places.take().await,
        );
        known.standing().recognize();
        let _in_flight = busy.activity().begin();
        let mut waiting = Box::pin(places.take());
        assert!(
            waiting.as_mut().now_or_never().is_none(),
            "there is no place yet"
        );
        assert!(!is_evicted(&known) && !is_evicted(&busy) && is_evicted(&idle));
        drop(idle);
        waiting.await;
    }

    #[tokio::test(start_paused = true)]
    async fn stranger_that_is_busy_for_long_makes_room_after_idle_ones() {
        let places = Places::new(2);
        let (busy, known) = (places.take().await, places.take().await);
        known.standing().recognize();
        let _in_flight = busy.activity().begin();
        places.make_room();
        assert!(!is_evicted(&busy));
        tokio::time::advance(BUSY_STRANGER).await;
        places.make_room();
        assert!(is_evicted(&busy));
        assert!(!is_evicted(&known));
    }

    #[tokio::test(start_paused = true)]
    async fn connection_waits_while_all_others_have_authenticated() {
        let places = Places::new(1);
        let known = places.take().await;
        known.standing().recognize();
        assert!(
            timeout(Duration::from_secs(3600), places.take())
                .await
                .is_err()
        );
        drop(known);
        places.take().await;
    }
}
