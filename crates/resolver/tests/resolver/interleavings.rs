//! Any order of events: after a purge returned, no hit and no waiter serves an earlier fact.

use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;

use introspectd_core::{Introspection, Selector, Target, Token, TokenId};
use proptest::prelude::*;

use crate::harness::{Bench, Fake, LIMITS, Seen, UNCACHED, good, name, poll_once, value};

/// Next event. A waiter that is polled late is a worker that the system did not let run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Event {
    /// The first or second waiter asks, or looks for its answer.
    Poll(usize),
    /// Requests are answered, and each answer reaches the cache.
    Land,
    /// The provider's answer becomes "inactive", and a purge is answered.
    Purge,
    /// Another caller asks, and takes only what is ready.
    Look,
}

const EVENTS: [Event; 5] = [
    Event::Poll(0),
    Event::Poll(1),
    Event::Land,
    Event::Purge,
    Event::Look,
];

type Asking<'a> = Pin<Box<dyn Future<Output = Seen> + 'a>>;

/// Selectors of the token `text`, whose record is [`record`].
fn targets(text: &str) -> Vec<Target> {
    vec![
        Target::Token(value(text)),
        Target::Record {
            provider: name("as"),
            id: TokenId::parse(format!("id of {text}")).unwrap(),
        },
        Target::Subject(format!("subject of {text}")),
        Target::Client(format!("client of {text}")),
        Target::Provider(name("as")),
        Target::All,
    ]
}

fn record(text: &str) -> Token {
    Token {
        jti: Some(format!("id of {text}")),
        sub: Some(format!("subject of {text}")),
        client_id: Some(format!("client of {text}")),
        ..good()
    }
}

struct World {
    bench: Bench,
    provider: Arc<Fake>,
}

impl World {
    /// Plays the events with a token of this name, which no other play has.
    async fn play(&self, events: &[Event], text: &str, target: &Target) {
        self.provider.script(text, record(text));
        self.provider.hold();
        let mut waiters: [Option<Asking<'_>>; 2] = [None, None];
        let mut is_purged = false;
        for event in events {
            match event {
                Event::Poll(number) => {
                    let waiter = &mut waiters[*number];
                    let asking = waiter.get_or_insert_with(|| Box::pin(self.bench.ask(text)));
                    if let Poll::Ready(seen) = poll_once(asking).await {
                        *waiter = None;
                        self.check(&seen, is_purged, events, target);
                    }
                }
                Event::Land => self.provider.land().await,
                Event::Purge => {
                    self.provider.script(text, Introspection::Inactive);
                    self.bench.resolver.purge(&Selector::new(target.clone()));
                    is_purged = true;
                }
                Event::Look => {
                    let mut asking: Asking<'_> = Box::pin(self.bench.ask(text));
                    if let Poll::Ready(seen) = poll_once(&mut asking).await {
                        self.check(&seen, is_purged, events, target);
                    }
                }
            }
        }
        self.provider.release();
        for waiter in waiters.into_iter().flatten() {
            let seen = waiter.await;
            self.check(&seen, is_purged, events, target);
        }
    }

    fn check(&self, seen: &Seen, is_purged: bool, events: &[Event], target: &Target) {
        let is_active = matches!(seen, Seen::Active(..));
        assert!(
            !(is_purged && is_active),
            "{seen:?} after {target:?} in {events:?}"
        );
    }
}

fn worlds() -> [World; 2] {
    [LIMITS, UNCACHED].map(|limits| {
        let (bench, provider) = Bench::single(limits);
        World { bench, provider }
    })
}

#[tokio::test]
async fn no_order_of_few_events_serves_a_purged_fact() {
    const LENGTH: u32 = 6;
    for world in worlds() {
        for number in 0..EVENTS.len().pow(LENGTH) {
            let digit = |place| EVENTS[number / EVENTS.len().pow(place) % EVENTS.len()];
            let events: Vec<_> = (0..LENGTH).map(digit).collect();
            if !events.contains(&Event::Purge) {
                continue;
            }
            let text = format!("{number}");
            let targets = targets(&text);
            world
                .play(&events, &text, &targets[number % targets.len()])
                .await;
        }
    }
}

proptest! {
    #[test]
    fn no_order_of_many_events_serves_a_purged_fact(
        plays in prop::collection::vec(
            (prop::collection::vec(prop::sample::select(EVENTS.to_vec()), 1..30), 0usize..6),
            1..8,
        ),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(async {
            for world in worlds() {
                for (number, (events, target)) in plays.iter().enumerate() {
                    let text = number.to_string();
                    world.play(events, &text, &targets(&text)[*target]).await;
                }
            }
        });
    }
}
