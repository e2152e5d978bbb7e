use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use thread_local::ThreadLocal;

/// Number that one thread adds to, and any thread reads.
///
/// An addition is a plain load and store: no lock, and no atomic read-modify-write. Of two threads
/// that add at once, one addition may be lost; [`PerThread`] gives each thread a `Count` of its
/// own.
#[derive(Default)]
pub struct Count(AtomicU64);

impl Count {
    /// Adds to the number, modulo 2^64.
    #[inline]
    pub fn add(&self, amount: u64) {
        self.0
            .store(self.0.load(Relaxed).wrapping_add(amount), Relaxed);
    }

    /// Returns the number.
    pub fn get(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

impl fmt::Debug for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.get().fmt(f)
    }
}

/// Counts of which each thread has its own, added up when they are read.
///
/// A thread's counts lie on cache lines that no other thread writes. A thread that ended leaves its
/// counts behind, and the next thread adds to them: there are as many as threads lived at once.
#[derive(Debug, Default)]
pub struct PerThread<T: Send>(ThreadLocal<Apart<T>>);

/// Two lines, since processors fetch them in pairs.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Apart<T>(T);

impl<T: Default + Send + Sync> PerThread<T> {
    /// Returns the counts of this thread.
    #[inline]
    pub fn here(&self) -> &T {
        &self.0.get_or(Apart::default).0
    }

    /// Looks at the counts of each thread.
    pub fn each(&self, mut look: impl FnMut(&T)) {
        self.0.iter().for_each(|Apart(counts)| look(counts));
    }

    /// Adds up a number of each thread, modulo 2^64.
    pub fn sum(&self, number: impl Fn(&T) -> u64) -> u64 {
        let mut sum = 0_u64;
        self.each(|counts| sum = sum.wrapping_add(number(counts)));
        sum
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_lost_when_threads_add_at_once_or_one_after_another() {
        let counts = PerThread::<Count>::default();
        for _ in 0..3 {
            std::thread::scope(|scope| {
                for _ in 0..4 {
                    scope.spawn(|| (0..10_000).for_each(|_| counts.here().add(2)));
                }
            });
        }
        assert_eq!(counts.sum(Count::get), 3 * 4 * 10_000 * 2);
    }

    #[test]
    fn count_prints_its_number() {
        let count = Count::default();
        count.add(3);
        assert_eq!(format!("{count:?}"), "3");
    }

    #[test]
    fn each_thread_writes_cache_lines_of_its_own() {
        let counts = PerThread::<Count>::default();
        let barrier = std::sync::Barrier::new(4);
        let mut places: Vec<_> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..4)
                .map(|_| {
                    scope.spawn(|| {
                        let place = std::ptr::from_ref(counts.here()).addr();
                        barrier.wait();
                        place
                    })
                })
                .collect();
            threads.into_iter().map(|it| it.join().unwrap()).collect()
        });
        places.sort_unstable();
        for pair in places.windows(2) {
            assert!(pair[1] - pair[0] >= 128, "{places:x?}");
        }
    }
}
