//! One page of the records of several providers.

use std::sync::Arc;
use std::time::Duration;

use introspectd_core::{BadAnswer, Expiry, Failure, Filters, State, Status, Token};
use introspectd_resolver::{Page, Positions, ProviderEntry};

use crate::harness::{at, failures_of_the_provider, good, name};
use crate::listers::{ListBench, Lister, after, entry, ids, names, record};

#[tokio::test]
async fn records_of_several_providers_come_by_when_they_were_created() {
    let listers = || {
        vec![
            Lister::of(&[("a1", 1), ("a5", 5), ("a5-later", 5)], 2),
            Lister::of(&[("b2", 2), ("b5", 5), ("b9", 9)], 1),
        ]
    };
    let lists = ListBench::new(listers());
    let page = lists.page(200, &lists.beginning()).await;
    assert_eq!(ids(&page), ["a1", "b2", "a5", "a5-later", "b5", "b9"]);
    assert_eq!(page.next, Positions::new());
    assert_eq!((page.failures, page.unlisted), (vec![], vec![]));

    let reversed = |mut lister: Lister| {
        lister.places.reverse();
        lister
    };
    let lists = ListBench::new(listers().into_iter().map(reversed).collect()).descending();
    let page = lists.page(200, &lists.beginning()).await;
    assert_eq!(ids(&page), ["b9", "a5-later", "a5", "b5", "b2", "a1"]);
}

#[tokio::test]
async fn a_record_without_a_time_counts_as_the_oldest() {
    let untimed = |id: &str| {
        Some(Token {
            iat: None,
            ..record(id, 0)
        })
    };
    let lists = ListBench::new(vec![
        Lister::of(&[("a1", 1), ("a2", 2)], 9),
        Lister::new(vec![untimed("b"), Some(record("b1", 1))], 9),
    ]);
    assert_eq!(
        ids(&lists.page(9, &lists.beginning()).await),
        ["b", "a1", "b1", "a2"]
    );
}

#[tokio::test]
async fn next_page_continues_after_the_last_record() {
    let lists = ListBench::new(vec![
        Lister::of(&[("a1", 1), ("a3", 3), ("a4", 4)], 9),
        Lister::of(&[("b2", 2)], 9),
    ]);
    let first = lists.page(2, &lists.beginning()).await;
    assert_eq!(ids(&first), ["a1", "b2"]);
    assert_eq!(
        first.next,
        Positions::from([(name("a"), Some(after(1)))]),
        "the list of b has ended"
    );
    let second = lists.page(2, &first.next).await;
    assert_eq!(ids(&second), ["a3", "a4"]);
    assert_eq!(second.next, Positions::new());
    assert_eq!(lists.listers[1].asked().len(), 1);
}

#[tokio::test]
async fn full_page_sends_no_further_request() {
    let lists = ListBench::new(vec![Lister::of(&[("a1", 1), ("a2", 2)], 1)]);
    let page = lists.page(1, &lists.beginning()).await;
    assert_eq!(ids(&page), ["a1"]);
    assert_eq!(page.next, Positions::from([(name("a"), Some(after(1)))]));
    assert_eq!(lists.listers[0].asked().len(), 1);
    assert_eq!(
        lists.page(0, &lists.beginning()).await.next,
        lists.beginning()
    );
    assert_eq!(lists.listers[0].asked().len(), 1);
}

#[tokio::test]
async fn only_named_providers_get_the_listing() {
    let mut lists = ListBench::new(vec![
        Lister::of(&[("a1", 1)], 9),
        Lister::of(&[("b1", 1)], 9),
    ])
    .descending();
    lists.listing.filters = Filters {
        owner: Some("alice".to_owned()),
        ..Filters::default()
    };
    let from = Positions::from([(name("b"), None), (name("gone"), Some(after(7)))]);
    let page = lists.page(9, &from).await;
    assert_eq!(ids(&page), ["b1"]);
    assert_eq!(page.next, Positions::new());
    assert_eq!(lists.listers[0].asked(), []);
    assert_eq!(lists.listers[1].asked(), [(lists.listing.clone(), None)]);
}

#[tokio::test]
async fn a_state_is_judged_by_our_clock_and_counts_for_the_position() {
    let places = [
        Token {
            expiry: Expiry::At(at(10)),
            ..record("ends", 1)
        },
        Token {
            status: Status::Revoked,
            ..record("gone", 2)
        },
        record("good", 3),
        Token {
            nbf: Some(at(10)),
            ..record("begins", 4)
        },
        Token {
            status: Status::Unknown,
            ..record("odd", 5)
        },
    ];
    let mut lists = ListBench::new(vec![Lister::new(places.into_iter().map(Some).collect(), 2)]);
    let states =
        |page: &Page<'_>| -> Vec<_> { page.records.iter().map(|listed| listed.state).collect() };
    use State::{Active, Expired, NotYetValid, Revoked, Unknown};
    let page = lists.page(9, &lists.beginning()).await;
    assert_eq!(
        states(&page),
        [Active, Revoked, Active, NotYetValid, Unknown]
    );
    lists.clock.advance(10);
    let page = lists.page(9, &lists.beginning()).await;
    assert_eq!(states(&page), [Expired, Revoked, Active, Active, Unknown]);

    lists.state = Some(Active);
    let first = lists.page(1, &lists.beginning()).await;
    assert_eq!(ids(&first), ["good"]);
    assert_eq!(first.next, Positions::from([(name("a"), Some(after(3)))]));
    let second = lists.page(9, &first.next).await;
    assert_eq!(
        (ids(&second), second.next),
        (vec!["begins".to_owned()], Positions::new())
    );
}

#[tokio::test]
async fn a_provider_that_fails_is_told_and_hides_nothing_of_the_others() {
    for failure in failures_of_the_provider() {
        let lists = ListBench::new(vec![
            Lister::of(&[("a1", 1), ("a4", 4)], 1).that_fails([None, Some(failure.clone())]),
            Lister::of(&[("b2", 2), ("b3", 3), ("b5", 5)], 1),
        ]);
        let first = lists.page(3, &lists.beginning()).await;
        assert_eq!(ids(&first), ["a1", "b2", "b3"]);
        assert_eq!(first.failures, [(&name("a"), failure)]);
        let next = Positions::from([(name("a"), Some(after(1))), (name("b"), Some(after(2)))]);
        assert_eq!(first.next, next);
        let second = lists.page(9, &first.next).await;
        assert_eq!(
            (ids(&second), second.failures),
            (vec!["a4".to_owned(), "b5".to_owned()], vec![])
        );
        assert_eq!(second.next, Positions::new());
    }
}

#[tokio::test]
async fn where_all_fail_there_is_no_next_page_and_a_retry_asks_again() {
    let down = || Lister::of(&[("x", 1)], 9).that_fails([Some(Failure::Timeout)]);
    let lists = ListBench::new(vec![down(), down()]);
    let page = lists.page(9, &lists.beginning()).await;
    assert_eq!((page.records, page.failures.len()), (vec![], 2));
    assert_eq!(
        (page.next, &page.retry),
        (Positions::new(), &lists.beginning())
    );
    let again = lists.page(9, &page.retry).await;
    assert_eq!(
        (again.records.len(), again.next, again.retry),
        (2, Positions::new(), Positions::new())
    );
}

/// A failed provider continues with the others, and alone once they are at their end.
#[tokio::test]
async fn a_list_with_one_provider_down_comes_to_an_end() {
    let down = Lister::of(&[("a1", 1)], 9).that_fails([(); 9].map(|()| Some(Failure::Timeout)));
    let lists = ListBench::new(vec![
        down,
        Lister::of(&[("b1", 1), ("b2", 2), ("b3", 3)], 1),
        Lister::unable(),
    ]);
    let next = |page: &Page<'_>| Some(page.next.clone()).filter(|next| !next.is_empty());
    let pages = lists.followed(std::iter::repeat(1), 9, next).await;
    assert_eq!(
        pages.iter().flat_map(ids).collect::<Vec<_>>(),
        ["b1", "b2", "b3"]
    );
    assert_eq!(pages.len(), 3);
    for page in &pages {
        assert_eq!(page.failures, [(&name("a"), Failure::Timeout)]);
    }
    let left = Positions::from([(name("a"), None)]);
    let retries: Vec<_> = pages.iter().map(|page| page.retry.clone()).collect();
    assert_eq!(retries, [Positions::new(), Positions::new(), left.clone()]);
    // At it alone.
    let again = lists.page(9, &left).await;
    assert_eq!(
        (again.next, again.retry, again.unlisted),
        (Positions::new(), left, vec![])
    );
    assert_eq!(lists.listers[1].asked().len(), 3);
}

#[tokio::test]
async fn provider_without_a_list_is_named_on_every_page_and_makes_no_further_one() {
    let not_so =
        Lister::of(&[("c1", 1)], 9).that_fails([(); 3].map(|()| Some(Failure::Unsupported)));
    let lists = ListBench::new(vec![
        Lister::of(&[("a1", 1), ("a2", 2)], 9),
        Lister::unable(),
        not_so,
    ]);
    let first = lists.page(1, &lists.beginning()).await;
    assert_eq!(
        (ids(&first), names(first.unlisted)),
        (vec!["a1".to_owned()], ["b", "c"].into())
    );
    let second = lists.page(1, &first.next).await;
    assert_eq!(
        (ids(&second), names(second.unlisted)),
        (vec!["a2".to_owned()], ["b", "c"].into())
    );
    assert_eq!(second.next, Positions::new());
    assert_eq!((first.failures, second.failures), (vec![], vec![]));
    assert_eq!(lists.listers[1].asked(), []);
    let failures: Vec<_> = lists
        .resolver
        .providers()
        .map(|it| it.last_failure)
        .collect();
    assert_eq!(failures, [None, None, None]);
}

#[tokio::test]
async fn failed_list_is_the_last_failure_of_its_provider() {
    let lists = ListBench::new(vec![
        Lister::of(&[], 9).that_fails([Some(Failure::Timeout)]),
    ]);
    lists.page(9, &lists.beginning()).await;
    let status = lists.resolver.providers().next().unwrap();
    assert_eq!(status.last_failure, Some((Failure::Timeout, at(0))));
}

#[tokio::test]
async fn the_issuer_is_the_records_own_or_else_the_configured_one() {
    let own = Token {
        iss: Some("own".to_owned()),
        ..good()
    };
    let lister = Arc::new(Lister::new(vec![Some(own), Some(good())], 9));
    let issuer = Some("configured".to_owned());
    let entries = vec![ProviderEntry {
        issuer,
        clock_skew: Duration::ZERO,
        ..entry('a', &lister)
    }];
    let lists = ListBench::with_entries(entries, vec![lister]);
    let page = lists.page(9, &lists.beginning()).await;
    let issuers: Vec<_> = page
        .records
        .iter()
        .map(|it| it.token.iss.as_deref().unwrap())
        .collect();
    assert_eq!(issuers, ["own", "configured"]);
}

#[tokio::test]
async fn a_page_that_takes_too_many_questions_is_short() {
    let mut lists = ListBench::new(vec![Lister::new(vec![Some(record("a", 1)); 50], 1)]);
    lists.state = Some(State::Revoked);
    let first = lists.page(9, &lists.beginning()).await;
    assert_eq!(
        (first.records, lists.listers[0].asked().len()),
        (vec![], 20)
    );
    assert_eq!(first.next, Positions::from([(name("a"), Some(after(20)))]));
    assert_eq!(lists.pages(std::iter::repeat(9), 3).await.len(), 3);
}

#[tokio::test]
async fn a_list_that_goes_on_where_it_began_is_no_answer() {
    let stuck = Lister::new(vec![None; 5], 0);
    let lists = ListBench::new(vec![stuck, Lister::of(&[("b1", 1)], 9)]);
    let from = Positions::from([(name("a"), Some(after(3))), (name("b"), None)]);
    let page = lists.page(9, &from).await;
    assert_eq!(
        page.failures,
        [(&name("a"), BadAnswer::member("next page").into())]
    );
    assert_eq!(
        (ids(&page), lists.listers[0].asked().len()),
        (vec!["b1".to_owned()], 1)
    );
    assert_eq!(
        (page.next, page.retry),
        (
            Positions::new(),
            Positions::from([(name("a"), Some(after(3)))])
        )
    );
}

#[tokio::test]
async fn a_position_that_fits_into_no_page_token_is_no_answer() {
    for (length, failures) in [(256, 0), (257, 1)] {
        for lister in [Lister::of(&[("a1", 1)], 9), Lister::new(vec![None; 2], 1)] {
            let lists = ListBench::new(vec![lister.with_handles("h".repeat(length))]);
            assert_eq!(
                lists.page(1, &lists.beginning()).await.failures.len(),
                failures
            );
        }
    }
}
