use std::pin::Pin;
use std::sync::Arc;

use introspectd_core::Timestamp;

use crate::event::{Event, Headline};
use crate::line_limit::{LeftOut, LineLimit};

/// Receiver of events: log, audit log, metrics.
///
/// An event is classified once, by [`Headline`] and [`Refusal`](crate::Refusal); an observer reads
/// the classification and needs no list of refusals of its own.
pub trait Observer: Send + Sync {
    /// Returns true if it counts: it gets the headline of every request, active tokens and refusals
    /// over the limit included.
    fn counts(&self) -> bool {
        false
    }

    /// Counts a request. It must not block or allocate.
    fn count(&self, _headline: &Headline<'_>) {}

    /// Returns true if it wants the event with this headline. It must be cheap and must not block.
    fn wants(&self, headline: &Headline<'_>) -> bool;

    /// Takes an event that it wants. It must not block.
    fn observe(&self, event: &Event<'_>) -> Observed;

    /// Takes the number of refusals of the last second that the limit kept from it.
    fn observe_left_out(&self, _left_out: &LeftOut, _time: Timestamp) {}
}

/// Completion of a record that the reply waits for.
pub type Pending = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Result of one observer.
pub enum Observed {
    /// Nothing that bears the request's id.
    Unrecorded,
    /// A record that bears the request's id.
    Recorded,
    /// The same; the reply waits until it is complete.
    Pending(Pending),
}

/// Result of all observers.
#[derive(Default)]
pub struct Published {
    /// Id of the request, if a record bears it.
    pub request_id: Option<String>,
    pending: Vec<Pending>,
}

impl Published {
    /// Waits for the records that the reply has to wait for, and returns the request's id.
    pub async fn completed(self) -> Option<String> {
        for pending in self.pending {
            pending.await;
        }
        self.request_id
    }
}

/// Observers of all events, and the limit on refusals that their lines share.
#[derive(Default)]
pub(crate) struct Observers {
    all: Vec<Arc<dyn Observer>>,
    counting: Vec<Arc<dyn Observer>>,
    limit: LineLimit,
}

impl Observers {
    pub(crate) fn new(all: Vec<Arc<dyn Observer>>) -> Self {
        let counting = all
            .iter()
            .filter(|it| it.counts())
            .map(Arc::clone)
            .collect();
        Self {
            all,
            counting,
            limit: LineLimit::default(),
        }
    }

    /// Counts a request that passed. Free without an observer that counts.
    #[inline]
    pub(crate) fn count<'a>(&self, headline: impl FnOnce() -> Headline<'a>) {
        if !self.counting.is_empty() {
            let headline = headline();
            self.counting.iter().for_each(|it| it.count(&headline));
        }
    }

    /// Publishes an event. `with_event` builds it, if an observer wants it.
    pub(crate) fn publish(
        &self,
        headline: Headline<'_>,
        with_event: impl FnOnce(&mut dyn FnMut(&Event<'_>)),
    ) -> Published {
        self.count(|| headline);
        let mut published = Published::default();
        let mut wanting = self.all.iter().filter(|it| it.wants(&headline)).peekable();
        if wanting.peek().is_none() {
            return published;
        }
        let (is_flood, kind) = (headline.is_flood(), headline.outcome.as_str());
        if headline.is_refusal() && !self.limit.admits(is_flood, kind) {
            return published;
        }
        with_event(&mut |event| {
            for observer in wanting.by_ref() {
                let pending = match observer.observe(event) {
                    Observed::Unrecorded => continue,
                    Observed::Recorded => None,
                    Observed::Pending(pending) => Some(pending),
                };
                published.pending.extend(pending);
                published.request_id = Some(event.request_id.to_owned());
            }
        });
        published
    }

    /// Begins another second of the limit on refusals.
    pub(crate) fn begin_second(&self, time: Timestamp) {
        let Some(left_out) = self.limit.begin_second() else {
            return;
        };
        self.all
            .iter()
            .for_each(|observer| observer.observe_left_out(&left_out, time));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

    use crate::event::{Details, Operation, Outcome, RequestContext};
    use crate::identity::Begun;
    use crate::refusal::{ClientFault, Refusal};
    use crate::tally::EndpointName;
    use std::time::Duration;

    /// Counts requests, as metrics do, and writes no lines.
    #[derive(Default)]
    struct Counter(AtomicUsize);

    /// Writes a line for each recorded event.
    #[derive(Default)]
    struct Lines(AtomicUsize);

    impl Observer for Counter {
        fn counts(&self) -> bool {
            true
        }

        fn count(&self, _: &Headline<'_>) {
            self.0.fetch_add(1, Relaxed);
        }

        fn wants(&self, _: &Headline<'_>) -> bool {
            false
        }

        fn observe(&self, _: &Event<'_>) -> Observed {
            Observed::Unrecorded
        }
    }

    impl Observer for Lines {
        fn wants(&self, headline: &Headline<'_>) -> bool {
            headline.is_recorded()
        }

        fn observe(&self, _: &Event<'_>) -> Observed {
            self.0.fetch_add(1, Relaxed);
            Observed::Recorded
        }
    }

    fn headline(outcome: Outcome<'_>) -> Headline<'_> {
        let context = RequestContext {
            origin: &"test",
            caller: None,
            policy: None,
            begun: Begun {
                endpoint: EndpointName::Other,
                at: Duration::ZERO,
            },
            identity: Box::leak(Box::default()),
        };
        Headline {
            operation: Operation::Decide,
            outcome,
            source: None,
            context,
        }
    }

    fn publish(observers: &Observers, headline: Headline<'_>) -> Published {
        observers.publish(headline, |observe| {
            let (details, time) = (&Details::default(), Timestamp::MIN);
            observe(&Event {
                headline,
                details,
                fingerprint: None,
                request_id: "r-1",
                trace_id: None,
                time,
            });
        })
    }

    #[test]
    fn counter_sees_every_request_and_lines_are_limited() {
        let (counter, lines) = (Arc::new(Counter::default()), Arc::new(Lines::default()));
        let observers = Observers::new(vec![Arc::clone(&counter) as _, Arc::clone(&lines) as _]);
        let refusal: Refusal = ClientFault::MissingToken.into();
        for _ in 0..1000 {
            publish(&observers, headline(Outcome::Refused(&refusal)));
        }
        observers.count(|| headline(Outcome::Done));
        assert_eq!(counter.0.load(Relaxed), 1001);
        assert_eq!(
            lines.0.load(Relaxed),
            250,
            "lines about strangers in a second"
        );
    }

    #[test]
    fn only_a_recorded_event_bears_the_id_of_its_request() {
        let observers = Observers::new(vec![Arc::new(Lines::default())]);
        let refusal: Refusal = ClientFault::MissingToken.into();
        let refused = publish(&observers, headline(Outcome::Refused(&refusal)));
        assert_eq!(refused.request_id.as_deref(), Some("r-1"));
        assert_eq!(
            publish(&observers, headline(Outcome::Done)).request_id,
            None
        );
    }
}
