//! Renewal cycles of one token: from a request to its provider to the next one.
//!
//! Requests are a Poisson process. A fact lives for a time from when its provider was asked, so a
//! cycle lasts for this time, and then until the next request: `life + 1 / rate` on average. Of the
//! `1 + rate * life` requests in it, one is sent on to the provider.

/// Answers to the requests about a token, each second.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Flow {
    /// Answered by the replica's own cache.
    pub(crate) own: f64,
    /// Answered by the shared tier.
    pub(crate) shared: f64,
    /// Answered by the provider's answer to another request.
    pub(crate) coalesced: f64,
    /// Asked of the provider.
    pub(crate) asked: f64,
    /// Looked up in the shared tier, whatever was found.
    pub(crate) lookups: f64,
    /// Lookups that found another replica's lease.
    pub(crate) waits: f64,
}

/// Times of a fact, in seconds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Times {
    /// Reuse, from when the provider was asked.
    pub(crate) life: f64,
    /// Answer of the provider.
    pub(crate) latency: f64,
}

impl Times {
    /// Time after a request to the provider in which no other is sent.
    pub(crate) fn busy(self) -> f64 {
        self.life.max(self.latency)
    }
}

impl Flow {
    /// Flow of so many tokens or replicas that are alike.
    pub(crate) fn times(self, number: f64) -> Self {
        Self {
            own: number * self.own,
            shared: number * self.shared,
            coalesced: number * self.coalesced,
            asked: number * self.asked,
            lookups: number * self.lookups,
            waits: number * self.waits,
        }
    }

    pub(crate) fn plus(self, other: Self) -> Self {
        Self {
            own: self.own + other.own,
            shared: self.shared + other.shared,
            coalesced: self.coalesced + other.coalesced,
            asked: self.asked + other.asked,
            lookups: self.lookups + other.lookups,
            waits: self.waits + other.waits,
        }
    }

    /// All requests a second.
    pub(crate) fn all(&self) -> f64 {
        self.own + self.shared + self.coalesced + self.asked
    }
}

/// Flow of a token at a replica that shares nothing, for `rate` requests a second, of which
/// `misses` are not in its cache.
pub(crate) fn alone(rate: f64, misses: f64, times: Times) -> Flow {
    let coalesced = (misses * rate * times.latency).min(rate - misses);
    Flow {
        own: rate - misses - coalesced,
        coalesced,
        asked: misses,
        ..Flow::default()
    }
}

/// Flow of a token at all replicas that share their facts, for `rate` requests a second, of which
/// `misses` at each replica are not in its own cache.
pub(crate) fn shared(rate: f64, misses: f64, replicas: f64, times: Times) -> Flow {
    let asked = 1.0 / (times.busy() + 1.0 / rate);
    let coalesced = asked * rate * times.latency;
    let lookups = replicas * misses;
    let waits = asked * (concerned(rate, times.latency, replicas) - 1.0);
    let hits = (rate - asked - coalesced).max(0.0);
    let found = (lookups - waits - asked).clamp(0.0, hits);
    Flow {
        own: hits - found,
        shared: found,
        coalesced,
        asked,
        lookups,
        waits,
    }
}

/// Mean life of a fact in a replica's own cache if replicas share their facts: what is left of it
/// when it is looked up.
///
/// Defined by its effect where nothing is evicted: each replica that gets a request while the fact
/// lives looks it up once.
pub(crate) fn life_of_copies(rate: f64, replicas: f64, times: Times) -> f64 {
    let requests = 1.0 + rate * times.busy();
    let lookups = concerned(rate, times.busy(), replicas);
    (requests / lookups - 1.0).max(0.0) * replicas / rate
}

/// Replicas that get a request within a time from when one of them asked, itself included.
fn concerned(rate: f64, time: f64, replicas: f64) -> f64 {
    1.0 - (replicas - 1.0) * (-rate / replicas * time).exp_m1()
}
