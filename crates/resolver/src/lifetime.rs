use std::time::Duration;

use introspectd_core::{State, Timestamp, Validity};

use crate::limits::CacheTimes;

/// Times of a fact's reuse, counted from its request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Lifetime {
    /// Reuse without a request.
    pub(crate) fresh: Duration,
    /// Reuse if the provider fails. At least `fresh`.
    pub(crate) kept: Duration,
}

/// Lifetime of a fact at `now`; `None` if it may not be reused.
///
/// An active token's is bounded by `ttl` and the token's end; any other by `inactive_ttl`, and it
/// never stands in for a failing provider. A token that is not yet valid is reused until its start:
/// `ttl` then bounds how long it may be active. A status that is unknown is reused until the
/// record's end, by which an adapter says when it may know better. `spread` shortens a lifetime by
/// up to a tenth, so that tokens fetched together do not expire together.
pub(crate) fn lifetime(
    validity: Option<&Validity>,
    now: Timestamp,
    times: &CacheTimes,
    spread: u8,
) -> Option<Lifetime> {
    let (ttl, grace, rest) = match validity.map(|validity| (validity.state(now), validity)) {
        Some((State::Active, validity)) => {
            let rest = match validity.exp() {
                Some(end) => now.until(end)?,
                None => times.without_end.unwrap_or(Duration::MAX),
            };
            (times.ttl, times.stale_if_error, rest)
        }
        Some((State::NotYetValid, validity)) => (
            times.inactive_ttl,
            Duration::ZERO,
            until(now, validity.nbf)?,
        ),
        Some((State::Unknown, validity)) => (
            times.inactive_ttl,
            Duration::ZERO,
            until(now, validity.exp())?,
        ),
        Some((State::Expired | State::Revoked, _)) | None => {
            (times.inactive_ttl, Duration::ZERO, Duration::MAX)
        }
    };
    let fresh = ttl.min(rest);
    let fresh = fresh - (fresh / 10) * u32::from(spread) / 255;
    (!fresh.is_zero()).then(|| Lifetime {
        fresh,
        kept: fresh.saturating_add(grace).min(rest),
    })
}

/// Time until a moment that may never come.
fn until(now: Timestamp, moment: Option<Timestamp>) -> Option<Duration> {
    moment.map_or(Some(Duration::MAX), |moment| now.until(moment))
}

#[cfg(test)]
mod tests {
    use super::*;
    use introspectd_core::{Expiry, Status};
    use proptest::prelude::*;

    const TIMES: CacheTimes = CacheTimes {
        ttl: Duration::from_secs(60),
        inactive_ttl: Duration::from_secs(5),
        stale_if_error: Duration::from_secs(300),
        without_end: None,
    };

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_seconds(seconds).unwrap()
    }

    fn token(status: Status, expiry: Expiry) -> Option<Validity> {
        Some(Validity {
            status,
            expiry,
            nbf: None,
        })
    }

    fn of(validity: Option<Validity>) -> Option<(u64, u64)> {
        lifetime(validity.as_ref(), at(1000), &TIMES, 0)
            .map(|life| (life.fresh.as_secs(), life.kept.as_secs()))
    }

    #[test]
    fn end_of_the_token_bounds_every_lifetime() {
        assert_eq!(
            of(token(Status::Good, Expiry::At(at(1010)))),
            Some((10, 10))
        );
        assert_eq!(
            of(token(Status::Good, Expiry::At(at(1100)))),
            Some((60, 100))
        );
        assert_eq!(
            of(token(Status::Good, Expiry::At(at(9999)))),
            Some((60, 360))
        );
        assert_eq!(of(token(Status::Good, Expiry::Never)), Some((60, 360)));
    }

    #[test]
    fn fact_of_a_token_without_end_is_used_for_its_lifetime_at_most() {
        let times = |seconds| CacheTimes {
            without_end: Some(Duration::from_secs(seconds)),
            ..TIMES
        };
        let of = |expiry, seconds| {
            let validity = token(Status::Good, expiry);
            let life = lifetime(validity.as_ref(), at(1000), &times(seconds), 0).unwrap();
            (life.fresh.as_secs(), life.kept.as_secs())
        };
        assert_eq!(of(Expiry::Never, 20), (20, 20));
        assert_eq!(of(Expiry::Never, 100), (60, 100));
        assert_eq!(of(Expiry::Never, 1000), (60, 360));
        assert_eq!(of(Expiry::At(at(9999)), 20), (60, 360));
    }

    #[test]
    fn inactive_facts_have_the_inactive_ttl_and_are_never_stale() {
        for inactive in [
            None,
            token(Status::Revoked, Expiry::At(at(9999))),
            token(Status::Good, Expiry::At(at(1000))),
            token(Status::Good, Expiry::At(at(1))),
        ] {
            assert_eq!(of(inactive), Some((5, 5)));
        }
    }

    #[test]
    fn unknown_status_is_cached_until_the_end_of_the_record() {
        for (end, kept) in [(1003, Some((3, 3))), (1100, Some((5, 5))), (1000, None)] {
            let unknown = token(Status::Unknown, Expiry::At(at(end)));
            assert_eq!(of(unknown), kept);
        }
        let endless = token(Status::Unknown, Expiry::Never);
        assert_eq!(of(endless), Some((5, 5)));
    }

    #[test]
    fn token_not_yet_valid_is_cached_until_its_start() {
        for (start, kept) in [(1003, 3), (1100, 5)] {
            let early = Validity {
                status: Status::Good,
                expiry: Expiry::Never,
                nbf: Some(at(start)),
            };
            assert_eq!(of(Some(early)), Some((kept, kept)));
        }
    }

    #[test]
    fn zero_ttl_caches_nothing() {
        let times = CacheTimes {
            ttl: Duration::ZERO,
            inactive_ttl: Duration::ZERO,
            ..TIMES
        };
        assert_eq!(
            lifetime(
                token(Status::Good, Expiry::Never).as_ref(),
                at(0),
                &times,
                0
            ),
            None
        );
        assert_eq!(lifetime(None, at(0), &times, 0), None);
    }

    proptest! {
        #[test]
        fn jitter_shortens_by_a_tenth_at_most(spread: u8, end in 1001i64..5000) {
            let token = token(Status::Good, Expiry::At(at(end)));
            let plain = lifetime(token.as_ref(), at(1000), &TIMES, 0).unwrap().fresh;
            let jittered = lifetime(token.as_ref(), at(1000), &TIMES, spread).unwrap();
            prop_assert!(jittered.fresh <= plain && jittered.fresh >= plain * 9 / 10);
            prop_assert!(jittered.fresh <= jittered.kept);
            let unforgiving = CacheTimes { stale_if_error: Duration::ZERO, ..TIMES };
            let unforgiven = lifetime(token.as_ref(), at(1000), &unforgiving, spread).unwrap();
            prop_assert_eq!(unforgiven.fresh, unforgiven.kept);
            prop_assert!(jittered.kept <= Duration::from_secs(u64::try_from(end - 1000).unwrap()));
        }
    }
}
