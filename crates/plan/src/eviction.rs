//! Residence of tokens in a full cache.
//!
//! Mean-field model of quick_cache's eviction, in the manner of Che's approximation for LRU. New
//! entries pass through a small queue (cold); those that are used there move to a clock (hot),
//! whose hand evicts what was not used for one or two rounds; those that are not leave their hash
//! for a while (remembered), and move to the clock if they are asked about again. With many tokens
//! the times of a round, of the queue and of remembering hardly vary: they are found from the
//! condition that what is there on average is what there is room for.

use crate::popularity::Group;

/// Entries that a cache has room for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Room {
    /// Entries with their facts.
    pub(crate) entries: f64,
    /// Evicted entries whose hash is remembered.
    pub(crate) remembered: f64,
}

impl Room {
    /// Room for whatever comes.
    pub(crate) const ENDLESS: Self = Self {
        entries: f64::INFINITY,
        remembered: 0.0,
    };
}

/// Share of the entries that are in the clock, as quick_cache has it.
const HOT: f64 = 0.97;

/// Times after which the parts of a full cache let go, in seconds.
#[derive(Debug, Clone, Copy)]
struct Times {
    cold: f64,
    hot: f64,
    remembered: f64,
}

/// Shares of time that a token spends in each part of the cache.
#[derive(Debug, Clone, Copy)]
struct Presence {
    cold: f64,
    hot: f64,
    remembered: f64,
    /// Misses a second.
    misses: f64,
}

/// Most rounds of the search. Each takes some 20 µs.
const ROUNDS: usize = 500;
/// Change of the times, as a share of them, at which the search ends.
const PRECISION: f64 = 1e-7;
/// Longest time, in seconds. What would need a longer one has more room than it can fill.
const FOREVER: f64 = 1e12;

/// Returns the misses a second about a token of each group, at a cache with `rate` requests a
/// second, in which a fact of that group lives for so many seconds.
pub(crate) fn misses(groups: &[Group], rate: f64, lives: &[f64], room: Room) -> Vec<f64> {
    let tokens: f64 = groups.iter().map(|group| group.tokens).sum();
    let all = groups.iter().map(|group| group.share * rate).zip(lives);
    if tokens <= room.entries {
        return all
            .map(|(rate, life)| Presence::always(rate, *life).misses)
            .collect();
    }
    let times = balance(groups, rate, lives, room);
    all.map(|(rate, life)| presence(rate, *life, times).misses)
        .collect()
}

/// Finds the times at which each part holds on average what it has room for.
fn balance(groups: &[Group], rate: f64, lives: &[f64], room: Room) -> Times {
    let start = room.entries / rate;
    let mut times = Times {
        cold: start * (1.0 - HOT),
        hot: start,
        remembered: start,
    };
    for _ in 0..ROUNDS {
        let (mut cold, mut hot, mut remembered) = (0.0, 0.0, 0.0);
        for (group, life) in groups.iter().zip(lives) {
            let present = presence(group.share * rate, *life, times);
            cold += group.tokens * present.cold;
            hot += group.tokens * present.hot;
            remembered += group.tokens * present.remembered;
        }
        // The root damps what the parts do to each other.
        let steps = [
            (&mut times.cold, room.entries * (1.0 - HOT) / cold),
            (&mut times.hot, room.entries * HOT / hot),
            (&mut times.remembered, room.remembered / remembered),
        ];
        let mut change: f64 = 0.0;
        for (time, missing) in steps {
            let next = (*time * missing.sqrt().clamp(0.5, 2.0)).min(FOREVER);
            change = change.max((next / *time - 1.0).abs());
            *time = next;
        }
        if change < PRECISION {
            break;
        }
    }
    times
}

/// Follows a token from one entry into the cache to the next, and returns how its time is divided.
///
/// Each use marks an entry, twice at most; one that finds it expired replaces it, and marks it
/// twice. The hand takes a mark away at each round, and evicts what has none.
fn presence(rate: f64, life: f64, times: Times) -> Presence {
    let fresh = rate * life / (1.0 + rate * life);
    let unused = |time: f64| (-rate * time).exp();
    let used = |time: f64| -(-rate * time).exp_m1();
    let marked_once = |time: f64| rate * time * unused(time) * fresh;

    // Rounds in the clock until the eviction of an entry without a mark, and of one with a mark.
    let idle = unused(times.hot);
    let twice = used(times.hot) - marked_once(times.hot);
    let unmarked = 1.0 / idle + twice / (idle * idle);
    let marked = unmarked + 1.0 / idle;

    // Ways into the clock: remembered, or used in the queue once or more often.
    let back = unused(times.cold) * used(times.remembered);
    let once = marked_once(times.cold);
    let often = used(times.cold) - once;
    let hot = ((back + once) * unmarked + often * marked) * times.hot;

    let remembered = back / rate;
    let away = 1.0 / rate;
    let cycle = times.cold + hot + remembered + away;
    if !cycle.is_finite() {
        return Presence::always(rate, life);
    }
    // Expired entries that are replaced: as if a stay in the clock were exponential.
    let stay = hot / (back + once + often);
    let renewals = 1.0 / (life / stay + (1.0 / (rate * stay)).ln_1p()).exp_m1();
    let in_queue = (times.cold - life).max(0.0) * (1.0 - fresh) * rate;
    let replaced = (back + once + often) * renewals + in_queue;
    Presence {
        cold: times.cold / cycle,
        hot: hot / cycle,
        remembered: remembered / cycle,
        misses: ((1.0 + back + replaced) / cycle).min(rate),
    }
}

impl Presence {
    /// Presence of a token that is never evicted.
    fn always(rate: f64, life: f64) -> Self {
        Self {
            cold: 0.0,
            hot: 1.0,
            remembered: 0.0,
            misses: rate / (1.0 + rate * life),
        }
    }
}
