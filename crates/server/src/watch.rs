use std::sync::Arc;
use std::time::Duration;

use introspectd_core::{Clock, Timestamp};
use tokio::time::{Instant, sleep_until};

use crate::activity::Activity;
use crate::stop::Stop;

/// Limit for a client that sends a head slowly, is idle between requests, or takes nothing of its
/// answers.
pub(crate) const IDLE_TIMEOUT: Duration = Duration::from_secs(30);

/// Tick: interval at which a connection is checked. A timer that every request resets would be
/// exact, but cost each of them more than finding its answer does.
const IDLE_CHECK: Duration = Duration::from_secs(1);

/// Ticks between two checks of a connection that waits for its answer: thousands may wait for a
/// provider that hangs, and a check takes time from others.
const BUSY_TICKS: u32 = 4;

/// Time after its greatest age in which a connection ends between two requests.
const AGE_GRACE: Duration = Duration::from_secs(30);

/// Time for the requests in flight of a connection that closes.
pub(crate) const CLOSE_GRACE: Duration = Duration::from_secs(5);

/// Reason why a connection is to change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Event {
    /// No request for a tick and nothing unsent: the buffers can be freed.
    Rest,
    /// Greatest age reached: the connection ends between two requests.
    Aged,
    /// The connection has to close.
    Close(Close),
}

/// Reason why a connection has to close.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Close {
    /// The server stops: requests in flight may end.
    Stop,
    /// No request for [`IDLE_TIMEOUT`].
    Idle,
    /// The client takes nothing of what is unsent.
    Stalled,
    /// Greatest age and [`AGE_GRACE`] are past.
    Overdue,
    /// The client's certificate has expired.
    Certificate,
    /// Another connection needs its place.
    Evicted,
}

/// Greatest age and certificate's end of a connection.
#[derive(Debug, Clone)]
pub(crate) struct Lifetime {
    pub(crate) ends: Instant,
    pub(crate) certificate_ends: Option<Timestamp>,
    pub(crate) clock: Arc<dyn Clock>,
}

/// Observer of one connection.
pub(crate) struct Watch {
    activity: Arc<Activity>,
    stop: Stop,
    lifetime: Lifetime,
    /// Set if [`Event::Rest`] is wanted.
    pub(crate) may_rest: bool,
    is_aged: bool,
    /// Count of requests at which buffers are kept, because part of a further request has arrived.
    restless: Option<usize>,
    begun: usize,
    taken: usize,
    idle_since: Instant,
    taken_since: Instant,
}

impl Watch {
    pub(crate) fn new(activity: Arc<Activity>, stop: Stop, lifetime: Lifetime) -> Self {
        let now = Instant::now();
        Self {
            may_rest: false,
            activity,
            stop,
            lifetime,
            is_aged: false,
            restless: None,
            begun: 0,
            taken: 0,
            idle_since: now,
            taken_since: now,
        }
    }

    /// Reports no [`Event::Rest`] before the next request: part of it has arrived.
    pub(crate) fn stay_awake(&mut self) {
        self.restless = Some(self.activity.begun());
    }

    /// Resolves once the connection is to change. Cancel-safe.
    pub(crate) async fn next(&mut self) -> Event {
        loop {
            let now = Instant::now();
            if let Some(event) = self.overdue(now) {
                return event;
            }
            let is_busy = !self.activity.is_idle() && !self.activity.has_unsent();
            let ticks = if is_busy { BUSY_TICKS } else { 1 };
            let check = now + IDLE_CHECK * ticks;
            if let Some(event) = self.wait_until(check.min(self.end(now))).await {
                return event;
            }
            if let Some(event) = self.check(Instant::now(), ticks) {
                return event;
            }
        }
    }

    /// Resolves once a connection without buffers has to close. Cancel-safe.
    pub(crate) async fn close_at_rest(&mut self) -> Close {
        loop {
            let now = Instant::now();
            match self.overdue(now) {
                Some(Event::Close(close)) => return close,
                // Closed now, it might cut off a request that is on its way.
                Some(Event::Aged) => self.activity.make_next_answer_last(),
                Some(Event::Rest) | None => {}
            }
            let idle = self.idle_since + IDLE_TIMEOUT;
            if now >= idle {
                return Close::Idle;
            }
            if let Some(Event::Close(close)) = self.wait_until(idle.min(self.end(now))).await {
                return close;
            }
        }
    }

    async fn wait_until(&self, moment: Instant) -> Option<Event> {
        tokio::select! {
            () = self.stop.given() => Some(Event::Close(Close::Stop)),
            () = self.activity.evicted() => Some(Event::Close(Close::Evicted)),
            () = sleep_until(moment) => None,
        }
    }

    /// Moment when the age or the certificate ends next.
    fn end(&self, now: Instant) -> Instant {
        let Lifetime {
            ends,
            certificate_ends,
            clock,
        } = &self.lifetime;
        let age = if self.is_aged {
            *ends + AGE_GRACE
        } else {
            *ends
        };
        let left = certificate_ends.map(|end| clock.now().until(end).unwrap_or_default());
        left.and_then(|left| now.checked_add(left))
            .map_or(age, |end| age.min(end))
    }

    /// Returns true if the client's certificate has expired.
    pub(crate) fn has_expired(&self) -> bool {
        let Lifetime {
            certificate_ends,
            clock,
            ..
        } = &self.lifetime;
        certificate_ends.is_some_and(|end| clock.now() >= end)
    }

    fn overdue(&mut self, now: Instant) -> Option<Event> {
        if self.has_expired() {
            return Some(Event::Close(Close::Certificate));
        }
        let ends = self.lifetime.ends;
        if self.is_aged {
            return (now >= ends + AGE_GRACE).then_some(Event::Close(Close::Overdue));
        }
        self.is_aged = now >= ends;
        self.is_aged.then_some(Event::Aged)
    }

    fn check(&mut self, now: Instant, ticks: u32) -> Option<Event> {
        let (begun, taken) = (self.activity.begun(), self.activity.taken());
        let (has_unsent, is_new) = (self.activity.has_unsent(), begun != self.begun);
        if !has_unsent || taken != self.taken {
            self.taken_since = now;
        }
        if is_new || taken != self.taken || !self.activity.is_idle() {
            self.idle_since = now;
        }
        (self.begun, self.taken) = (begun, taken);
        let is_late = self.activity.advance(ticks);
        if is_late || now - self.taken_since >= IDLE_TIMEOUT {
            return Some(Event::Close(Close::Stalled));
        }
        if now - self.idle_since >= IDLE_TIMEOUT {
            return Some(Event::Close(Close::Idle));
        }
        let may_rest = self.may_rest && self.restless != Some(begun);
        (may_rest && now > self.idle_since && !has_unsent).then_some(Event::Rest)
    }
}
