use introspectd_core::{Count, PerThread};

/// Declares an enum of fixed words, in the order in which they are counted.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($variant:ident = $word:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        #[allow(missing_docs, reason = "the words are the documentation")]
        pub enum $name { $($variant),+ }

        impl $name {
            /// All of them, in the order of their numbers.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// Returns the word, as metrics and traces have it.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }
        }
    };
}

words! {
    /// Endpoint that a request came to.
    EndpointName {
        Introspect = "introspect",
        ForwardAuth = "forward_auth",
        ExtAuthz = "ext_authz",
        Revoke = "revoke",
        Tokens = "tokens",
        Record = "record",
        Purge = "purge",
        Explain = "explain",
        Bindings = "bindings",
        Issue = "issue",
        Providers = "providers",
        Events = "events",
        Logout = "backchannel_logout",
        SubjectRevocation = "global_token_revocation",
        Other = "other",
    }
}

words! {
    /// Outcome of a request, in one of a few words.
    OutcomeClass {
        Active = "active",
        Inactive = "inactive",
        Allowed = "allowed",
        Denied = "denied",
        Ok = "ok",
        InvalidRequest = "invalid_request",
        Unauthenticated = "unauthenticated",
        Forbidden = "forbidden",
        RateLimited = "rate_limited",
        Shed = "shed",
        NotFound = "not_found",
        Unsupported = "unsupported",
        UpstreamError = "upstream_error",
        Unavailable = "unavailable",
        Timeout = "timeout",
    }
}

words! {
    /// Part of the cache in a request's answer.
    CacheUse {
        Hit = "hit",
        Coalesced = "coalesced",
        Miss = "miss",
        Stale = "stale",
        None = "none",
    }
}

/// Requests of one caller, or of all unknown ones, by endpoint and outcome.
#[derive(Debug, Default)]
pub struct CallerTally(PerThread<ByEndpoint>);

type ByEndpoint = [[Count; OutcomeClass::ALL.len()]; EndpointName::ALL.len()];

impl CallerTally {
    /// Counts a request.
    #[inline]
    pub fn count(&self, endpoint: EndpointName, class: OutcomeClass) {
        let counts = self.0.here().get(endpoint as usize);
        if let Some(count) = counts.and_then(|counts| counts.get(class as usize)) {
            count.add(1);
        }
    }

    /// Lists the endpoints and outcomes that there were, with the number of requests of each.
    pub fn totals(&self) -> impl Iterator<Item = (EndpointName, OutcomeClass, u64)> {
        let mut totals = [[0_u64; OutcomeClass::ALL.len()]; EndpointName::ALL.len()];
        self.0.each(|counts| {
            let counts = counts.as_flattened();
            for (total, count) in totals.as_flattened_mut().iter_mut().zip(counts) {
                *total = total.wrapping_add(count.get());
            }
        });
        let by_endpoint = EndpointName::ALL.iter().zip(totals);
        let all = by_endpoint.flat_map(|(endpoint, totals)| {
            let by_class = OutcomeClass::ALL.iter().zip(totals);
            by_class.map(|(class, total)| (*endpoint, *class, total))
        });
        all.filter(|(_, _, total)| *total > 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_endpoint_and_outcome_is_counted_apart() {
        let tally = CallerTally::default();
        assert_eq!(tally.totals().count(), 0);
        let all = || {
            EndpointName::ALL
                .iter()
                .flat_map(|it| OutcomeClass::ALL.iter().map(move |class| (*it, *class)))
        };
        for (times, (endpoint, class)) in (1_u64..).zip(all()) {
            (0..times).for_each(|_| tally.count(endpoint, class));
        }
        let expected: Vec<_> = (1_u64..)
            .zip(all())
            .map(|(times, (endpoint, class))| (endpoint, class, times))
            .collect();
        assert_eq!(tally.totals().collect::<Vec<_>>(), expected);
    }
}
