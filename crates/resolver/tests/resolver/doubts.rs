//! Answers that are taken back after they were given.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use introspectd_core::{
    Doubt, DoubtHandler, Failure, Health, Introspection, Outage, Provider, TokenValue,
};
use introspectd_resolver::{Source, Unmatched};

use crate::harness::{Bench, Fake, LIMITS, Seen, active, good, upstream, within};

/// A provider whose answers can be doubted: the handlers are those of its questions, in order.
#[derive(Debug)]
struct Doubtful {
    fake: Arc<Fake>,
    handlers: Mutex<Vec<DoubtHandler>>,
}

#[async_trait]
impl Provider for Doubtful {
    fn health(&self) -> Health {
        Health::Good
    }

    async fn introspect(&self, token: &TokenValue) -> Result<Introspection, Failure> {
        self.handlers
            .lock()
            .unwrap()
            .push(DoubtHandler::current().expect("a handler"));
        self.fake.introspect(token).await
    }
}

impl Doubtful {
    fn bench() -> (Bench, Arc<Self>) {
        let fake = Fake::new();
        let doubtful = Arc::new(Self {
            fake: Arc::clone(&fake),
            handlers: Mutex::default(),
        });
        let mut entry = upstream("as", &fake, None);
        entry.provider = Arc::<Self>::clone(&doubtful);
        (
            Bench::new(vec![entry], &Unmatched::AskAll, LIMITS),
            doubtful,
        )
    }

    fn raise(&self, question: usize, doubt: Doubt) {
        let handler = self.handlers.lock().unwrap()[question].clone();
        handler.raise(doubt);
    }
}

#[tokio::test]
async fn a_doubted_fact_is_asked_about_again_and_no_other() {
    for doubt in [Doubt::Surplus, Doubt::Misplaced] {
        let (bench, provider) = Doubtful::bench();
        for token in ["one", "two"] {
            provider.fake.script(token, good());
            bench.ask(token).await;
        }
        bench.ask("unknown").await;
        provider.raise(0, doubt);
        assert_eq!(bench.ask("two").await, active(Source::Hit));
        assert_eq!(bench.ask("unknown").await, Seen::Inactive(Source::Hit));
        assert_eq!(bench.ask("one").await, active(Source::Miss));
        assert_eq!(bench.ask("one").await, active(Source::Hit));
        provider.raise(2, doubt);
        assert_eq!(bench.ask("unknown").await, Seen::Inactive(Source::Miss));
    }
}

#[tokio::test]
async fn an_answer_that_may_be_anothers_reaches_no_waiter() {
    let (bench, provider) = Doubtful::bench();
    provider.fake.script("t", good());
    provider.fake.hold();
    let first = bench.asking("t").await;
    let second = bench.asking("t").await;
    provider.fake.arrived(1).await;
    provider.raise(0, Doubt::Misplaced);
    provider.fake.script("t", Introspection::Inactive);
    provider.fake.release();
    assert_eq!(within(first).await.unwrap(), Seen::Inactive(Source::Miss));
    assert_eq!(
        within(second).await.unwrap(),
        Seen::Inactive(Source::Coalesced)
    );
    assert_eq!(provider.fake.questions(), 2);
}

#[tokio::test]
async fn an_answer_that_is_none_but_its_own_is_given_and_not_kept() {
    let (bench, provider) = Doubtful::bench();
    provider.fake.script("t", good());
    provider.fake.hold();
    let asked = bench.asking("t").await;
    provider.fake.arrived(1).await;
    provider.raise(0, Doubt::Surplus);
    provider.fake.release();
    assert_eq!(within(asked).await.unwrap(), active(Source::Miss));
    assert_eq!(bench.ask("t").await, active(Source::Miss));
    assert_eq!(bench.ask("t").await, active(Source::Hit));
}

#[tokio::test]
async fn requests_whose_answers_are_all_doubted_end() {
    let (bench, provider) = Doubtful::bench();
    provider.fake.script("t", good());
    provider.fake.hold();
    let asked = bench.asking("t").await;
    for question in 0..4 {
        provider.fake.arrived(question + 1).await;
        provider.raise(question, Doubt::Misplaced);
        provider.fake.release();
        if question < 3 {
            provider.fake.hold();
        }
    }
    assert_eq!(
        within(asked).await.unwrap(),
        Seen::Fails(Failure::outage(Outage::Purged))
    );
    // A doubt may come long after all that it was about.
    let handlers = std::mem::take(&mut *provider.handlers.lock().unwrap());
    drop(bench);
    handlers
        .iter()
        .for_each(|handler| handler.raise(Doubt::Misplaced));
}
