use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use http::{Extensions, Request};

/// Limit of requests in flight, over all connections of the listeners that share it.
///
/// Each thread has a few places of its own, so that a request writes no memory that other threads
/// write; only a thread that has filled these takes from the common rest, and once that is used up,
/// from the others' own. So a request is refused if `limit` are in flight, and not before.
#[derive(Debug)]
pub struct Requests {
    threads: Box<[Arc<Share>]>,
    common: Arc<Common>,
}

/// Places of one thread, and its way to the common ones. In a line of the processor's cache of its
/// own.
#[derive(Debug)]
#[repr(align(128))]
struct Share {
    taken: AtomicUsize,
    own: usize,
    common: Arc<Common>,
}

#[derive(Debug)]
#[repr(align(128))]
struct Common {
    free: AtomicUsize,
    all: usize,
}

/// Place of a request in flight, free again once it is dropped.
#[derive(Debug)]
pub(crate) struct InPlace {
    share: Arc<Share>,
    is_common: bool,
}

/// Mark of a request over the limit of requests in flight.
#[derive(Debug, Clone, Copy)]
pub struct Shed(());

/// Most places that a thread has of its own: more than cached answers ever take.
const MAX_OWN: usize = 64;

/// Share of the limit that all threads' own places take at most.
const OWN_SHARE: usize = 8;

impl Requests {
    /// Creates room for `limit` requests in flight, at least one, on so many threads.
    pub fn new(limit: usize, threads: NonZeroUsize) -> Arc<Self> {
        let (limit, threads) = (limit.max(1), threads.get());
        let own = (limit / OWN_SHARE / threads).min(MAX_OWN);
        let all = limit - own * threads;
        let free = AtomicUsize::new(all);
        let common = Arc::new(Common { free, all });
        let share = || {
            Arc::new(Share {
                taken: AtomicUsize::new(0),
                own,
                common: Arc::clone(&common),
            })
        };
        Arc::new(Self {
            threads: std::iter::repeat_with(share).take(threads).collect(),
            common,
        })
    }

    /// Returns the number of requests in flight.
    pub fn in_flight(&self) -> usize {
        let free = self.common.free.load(Relaxed);
        let own = self.threads.iter().map(|share| share.taken.load(Relaxed));
        own.sum::<usize>() + self.common.all.saturating_sub(free)
    }

    /// Takes a place for a request; marks the request where there is none.
    #[inline]
    pub(crate) fn take<B>(&self, request: &mut Request<B>) -> Option<InPlace> {
        let place = self.try_take(thread());
        if place.is_none() {
            request.extensions_mut().insert(Shed(()));
        }
        place
    }

    #[inline]
    fn try_take(&self, thread: usize) -> Option<InPlace> {
        self.share(thread)
            .and_then(Share::try_take)
            .or_else(|| self.try_take_of_others())
    }

    /// Takes an own place of any thread.
    #[cold]
    fn try_take_of_others(&self) -> Option<InPlace> {
        self.threads.iter().find_map(Share::try_take_own)
    }

    /// Share of the thread of this number. Where there are more threads, some have one together.
    fn share(&self, thread: usize) -> Option<&Arc<Share>> {
        self.threads.get(thread % self.threads.len().max(1))
    }
}

/// Number of the current thread among those that have served a request.
fn thread() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    thread_local! {
        static NUMBER: usize = NEXT.fetch_add(1, Relaxed);
    }
    NUMBER.with(|number| *number)
}

impl Share {
    /// Takes an own place, or a common one.
    #[inline]
    fn try_take(self: &Arc<Self>) -> Option<InPlace> {
        if let Some(own) = self.try_take_own() {
            return Some(own);
        }
        let free = &self.common.free;
        let take = |free: usize| free.checked_sub(1);
        free.fetch_update(Relaxed, Relaxed, take).ok()?;
        Some(InPlace {
            share: Arc::clone(self),
            is_common: true,
        })
    }

    #[inline]
    fn try_take_own(self: &Arc<Self>) -> Option<InPlace> {
        let more = |taken: usize| (taken < self.own).then_some(taken + 1);
        self.taken.fetch_update(Relaxed, Relaxed, more).ok()?;
        Some(InPlace {
            share: Arc::clone(self),
            is_common: false,
        })
    }
}

impl Drop for InPlace {
    fn drop(&mut self) {
        if self.is_common {
            self.share.common.free.fetch_add(1, Relaxed);
        } else {
            self.share.taken.fetch_sub(1, Relaxed);
        }
    }
}

impl Shed {
    /// Returns true if a request bears the mark: it is to be refused, and nothing of it read.
    pub fn marks(extensions: &Extensions) -> bool {
        extensions.get::<Self>().is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn requests(limit: usize, workers: usize) -> Arc<Requests> {
        Requests::new(limit, NonZeroUsize::new(workers).unwrap())
    }

    fn fill(requests: &Requests, worker: usize) -> Vec<InPlace> {
        std::iter::from_fn(|| requests.try_take(worker)).collect()
    }

    #[test]
    fn request_without_a_place_is_marked() {
        let requests = requests(1, 1);
        let (mut first, mut second) = (Request::new(()), Request::new(()));
        let place = requests.take(&mut first);
        assert!(requests.take(&mut second).is_none());
        assert!(!Shed::marks(first.extensions()) && Shed::marks(second.extensions()));
        drop(place);
        assert!(requests.take(&mut first).is_some());
    }

    #[test]
    fn limit_is_exact_whichever_thread_asks() {
        for limit in [1, 20, 8192] {
            for worker in 0..4 {
                let requests = requests(limit, 4);
                assert_eq!(fill(&requests, worker).len(), limit);
            }
        }
    }

    #[test]
    fn own_places_are_taken_first_and_those_of_others_last() {
        let requests = requests(8192, 4);
        let taken = |worker: usize| requests.share(worker).unwrap().taken.load(Relaxed);
        let mut places: Vec<_> = (0..64).map(|_| requests.try_take(0)).collect();
        assert_eq!(
            (taken(0), requests.common.free.load(Relaxed)),
            (64, 8192 - 4 * 64)
        );
        places.extend((0..8192 - 4 * 64).map(|_| requests.try_take(0)));
        assert_eq!((taken(1), taken(2), taken(3)), (0, 0, 0));
        let others: Vec<_> = (1..4).flat_map(|worker| fill(&requests, worker)).collect();
        assert_eq!(others.len(), 3 * 64);
        assert_eq!(requests.in_flight(), 8192);
        drop((places, others));
        assert_eq!(requests.in_flight(), 0);
    }

    proptest! {
        #[test]
        fn limit_is_never_exceeded(
            limit in 1usize..300,
            workers in 1usize..9,
            steps in prop::collection::vec((0usize..9, any::<bool>()), 0..600),
        ) {
            let requests = requests(limit, workers);
            let mut held = Vec::new();
            for (worker, is_taken) in steps {
                if is_taken {
                    let place = requests.try_take(worker % workers);
                    prop_assert_eq!(place.is_some(), held.len() < limit);
                    held.extend(place);
                } else if !held.is_empty() {
                    held.swap_remove(worker % held.len());
                }
                prop_assert!(held.len() <= limit);
                prop_assert_eq!(requests.in_flight(), held.len());
            }
            drop(held);
            prop_assert_eq!(fill(&requests, 0).len(), limit);
        }
    }
}
