//! Any providers and failures: walking the pages shows every record once, and ends.

use introspectd_core::{Failure, Token};
use introspectd_resolver::Page;
use proptest::prelude::*;

use crate::listers::{ListBench, Lister, ids, record};

/// Records and behaviour of one provider.
#[derive(Debug, Clone)]
struct Scripted {
    /// Creation times of the records; `None` where a filter hides one.
    times: Vec<Option<i64>>,
    at_once: usize,
    /// Failures among the first answers.
    failures: Vec<bool>,
}

fn scripted() -> impl Strategy<Value = Scripted> {
    let time = prop_oneof![4 => (0i64..20).prop_map(Some), 1 => Just(None)];
    let failures = prop::collection::vec(prop::bool::weighted(0.3), 0..8);
    (prop::collection::vec(time, 0..40), 1usize..8, failures).prop_map(
        |(times, at_once, failures)| Scripted {
            times,
            at_once,
            failures,
        },
    )
}

impl Scripted {
    fn sort(&mut self, descending: bool) {
        self.times
            .sort_by_key(|time| time.map(|time| if descending { -time } else { time }));
    }

    fn lister(&self, called: usize) -> Lister {
        let place = |(place, time): (usize, &Option<i64>)| -> Option<Token> {
            time.map(|time| record(&format!("{called}-{place}"), time))
        };
        let failures = self
            .failures
            .iter()
            .map(|fails| fails.then_some(Failure::Timeout));
        Lister::new(
            self.times.iter().enumerate().map(place).collect(),
            self.at_once,
        )
        .that_fails(failures)
    }

    /// Time and place of each record.
    fn records(&self, called: usize) -> impl Iterator<Item = (i64, usize, usize)> {
        self.times
            .iter()
            .enumerate()
            .filter_map(move |(place, time)| Some(((*time)?, called, place)))
    }
}

/// The ids on all pages, in their order. A page may be short, so there may be one for each
/// question.
fn walk(providers: &[Scripted], sizes: &[usize], descending: bool) -> Vec<String> {
    let listers = providers
        .iter()
        .enumerate()
        .map(|(called, it)| it.lister(called))
        .collect();
    let mut lists = ListBench::new(listers);
    if descending {
        lists = lists.descending();
    }
    let most = most_pages(providers);
    let walking = async {
        let pages = lists.pages(sizes.iter().copied().cycle(), most).await;
        for (page, size) in pages.iter().zip(sizes.iter().cycle()) {
            assert!(page.records.len() <= *size);
        }
        pages.iter().flat_map(ids).collect()
    };
    tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap()
        .block_on(walking)
}

/// A page may be short, so there may be one for each question.
fn most_pages(providers: &[Scripted]) -> usize {
    providers
        .iter()
        .map(|it| it.times.len() + it.failures.len() + 2)
        .sum()
}

fn sizes() -> impl Strategy<Value = Vec<usize>> {
    prop::collection::vec(1usize..12, 1..5)
}

fn id((_, called, place): &(i64, usize, usize)) -> String {
    format!("{called}-{place}")
}

proptest! {
    /// Some answer nothing but failures, for ever.
    #[test]
    fn following_next_pages_ends(
        providers in prop::collection::vec((scripted(), any::<bool>()), 1..4),
        size in 1usize..12,
    ) {
        let lister = |(called, (it, is_down)): (usize, &(Scripted, bool))| {
            let lister = it.lister(called);
            if *is_down {
                lister.that_fails([(); 1000].map(|()| Some(Failure::Timeout)))
            } else {
                lister
            }
        };
        let lists = ListBench::new(providers.iter().enumerate().map(lister).collect());
        let scripts: Vec<_> = providers.iter().map(|(it, _)| it.clone()).collect();
        let next = |page: &Page<'_>| Some(page.next.clone()).filter(|next| !next.is_empty());
        let walking = async {
            let pages = lists.followed(std::iter::repeat(size), most_pages(&scripts), next).await;
            let last = pages.last().unwrap();
            assert_eq!(last.retry.len(), last.failures.len());
            assert!(pages.iter().all(|page| page.next.is_empty() || page.retry.is_empty()));
        };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
        runtime.unwrap().block_on(walking);
    }

    #[test]
    fn every_record_is_on_exactly_one_page_despite_failures(
        providers in prop::collection::vec(scripted(), 1..4),
        sizes in sizes(),
        descending: bool,
    ) {
        let mut seen = walk(&providers, &sizes, descending);
        let records = providers.iter().enumerate().flat_map(|(called, it)| it.records(called));
        let mut expected: Vec<_> = records.map(|it| id(&it)).collect();
        seen.sort();
        expected.sort();
        prop_assert_eq!(seen, expected);
    }

    #[test]
    fn where_nothing_fails_all_pages_together_are_in_order(
        mut providers in prop::collection::vec(scripted(), 1..4),
        sizes in sizes(),
        descending: bool,
    ) {
        for provider in &mut providers {
            provider.sort(descending);
            provider.failures.clear();
        }
        let seen = walk(&providers, &sizes, descending);
        let mut expected: Vec<_> =
            providers.iter().enumerate().flat_map(|(called, it)| it.records(called)).collect();
        expected.sort_by_key(|(time, called, place)| {
            (if descending { -time } else { *time }, *called, *place)
        });
        prop_assert_eq!(seen, expected.iter().map(id).collect::<Vec<_>>());
    }
}
