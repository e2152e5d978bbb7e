//! No request for a page is endless, and none takes more than its share of a provider.

use futures_util::future::join_all;
use introspectd_core::{Failure, Outage, Token};
use introspectd_resolver::{Page, Positions};
use tokio::time::Instant;

use crate::harness::{TIMEOUT, name, poll_once};
use crate::listers::{ListBench, Lister, after, ids, record};

const OVERLOADED: Failure = Failure::outage(Outage::Overloaded);

async fn timed<T>(future: impl Future<Output = T>) -> (T, u64) {
    let began = Instant::now();
    let outcome = future.await;
    (outcome, began.elapsed().as_secs())
}

fn failures(page: &Page<'_>) -> Vec<(String, Failure)> {
    page.failures
        .iter()
        .map(|(name, failure)| (name.to_string(), failure.clone()))
        .collect()
}

#[tokio::test(start_paused = true)]
async fn a_page_that_takes_too_long_is_short_and_goes_on() {
    let slow = Lister::of(&[("a1", 1), ("a2", 2), ("a3", 3)], 1).that_takes(20);
    let lists = ListBench::new(vec![slow, Lister::of(&[("b1", 1), ("b9", 9)], 9)]);
    let (first, seconds) = timed(lists.page(9, &lists.beginning())).await;
    assert_eq!(
        (ids(&first), seconds),
        (vec!["a1".to_owned(), "b1".into(), "a2".into()], 45)
    );
    assert_eq!(first.failures, []);
    assert_eq!(
        first.next,
        Positions::from([(name("a"), Some(after(2))), (name("b"), Some(after(1)))])
    );
    let second = lists.page(9, &first.next).await;
    assert_eq!(
        (ids(&second), second.next),
        (vec!["a3".to_owned(), "b9".into()], Positions::new())
    );
}

#[tokio::test(start_paused = true)]
async fn a_list_that_takes_longer_than_a_page_is_told_and_hides_nothing_of_the_others() {
    let endless = Lister::of(&[("a1", 1)], 9).that_takes(1000);
    let lists = ListBench::new(vec![endless, Lister::of(&[("b1", 1), ("b2", 2)], 1)]);
    let (page, seconds) = timed(lists.page(9, &lists.beginning())).await;
    assert_eq!((ids(&page), seconds), (vec!["b1".to_owned()], 45));
    assert_eq!(failures(&page), [("a".to_owned(), Failure::Timeout)]);
    assert_eq!(
        page.next,
        Positions::from([(name("a"), None), (name("b"), Some(after(1)))])
    );
}

#[tokio::test(start_paused = true)]
async fn a_provider_makes_four_lists_at_once_and_others_wait() {
    let lists = ListBench::new(vec![Lister::of(&[("a1", 1)], 9).that_takes(10)]);
    let beginning = lists.beginning();
    let (pages, seconds) = timed(join_all((0..8).map(|_| lists.page(9, &beginning)))).await;
    assert!(pages.iter().all(|page| ids(page) == ["a1"]));
    assert_eq!(seconds, 20);
}

/// No longer than one of the provider's answers may take, however long its lists do.
#[tokio::test(start_paused = true)]
async fn a_wait_for_a_place_ends_in_the_providers_timeout() {
    let lists = ListBench::new(vec![Lister::of(&[("a1", 1)], 9).that_takes(44)]);
    let beginning = lists.beginning();
    let (pages, seconds) = timed(async {
        let mut others: Vec<_> = (0..4)
            .map(|_| Box::pin(lists.page(9, &beginning)))
            .collect();
        for other in &mut others {
            assert!(poll_once(other).await.is_pending());
        }
        let (fifth, waited) = timed(lists.page(9, &beginning)).await;
        assert_eq!(
            (failures(&fifth), waited),
            (vec![("a".to_owned(), OVERLOADED)], TIMEOUT.as_secs())
        );
        join_all(others).await
    })
    .await;
    assert_eq!((pages.iter().flat_map(ids).count(), seconds), (4, 44));
}

#[tokio::test(start_paused = true)]
async fn a_request_too_many_for_the_queue_fails_at_once() {
    let lists = ListBench::new(vec![Lister::of(&[("a1", 1)], 9).that_takes(5)]);
    let beginning = lists.beginning();
    let mut waiting: Vec<_> = (0..20)
        .map(|_| Box::pin(lists.page(9, &beginning)))
        .collect();
    for page in &mut waiting {
        assert!(poll_once(page).await.is_pending());
    }
    let (refused, seconds) = timed(lists.page(9, &beginning)).await;
    assert_eq!(
        (failures(&refused), seconds),
        (vec![("a".to_owned(), OVERLOADED)], 0)
    );
    // Whoever goes away leaves the queue, or the place.
    waiting.truncate(4);
    drop(waiting.remove(0));
    let (page, seconds) = timed(lists.page(9, &beginning)).await;
    assert_eq!((ids(&page), seconds), (vec!["a1".to_owned()], 5));
}

#[tokio::test]
async fn a_page_of_large_records_is_short_and_goes_on() {
    let large = |id: &str| {
        Some(Token {
            sub: Some("x".repeat(1 << 20)),
            ..record(id, 1)
        })
    };
    let lists = ListBench::new(vec![Lister::new(
        (0..20).map(|place| large(&place.to_string())).collect(),
        4,
    )]);
    let page = lists.page(200, &lists.beginning()).await;
    assert_eq!(
        page.next,
        Positions::from([(name("a"), Some(after(page.records.len())))])
    );
    assert!(
        (7..=8).contains(&page.records.len()),
        "{}",
        page.records.len()
    );
    assert_eq!(
        lists
            .pages(std::iter::repeat(200), 3)
            .await
            .iter()
            .flat_map(ids)
            .count(),
        20
    );
}
