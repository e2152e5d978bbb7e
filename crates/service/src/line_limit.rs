use std::fmt;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};

use serde::{Serialize, Serializer};

/// Most refusals with lines, in a second. Each has at most one in the log and one in the audit log.
const MAX_REFUSALS: u32 = 500;

/// Share of refusals that come in floods in [`MAX_REFUSALS`]: of unknown callers, and of too many
/// requests. A flood of them hides no refused token.
const MAX_OF_FLOODS: u32 = MAX_REFUSALS / 2;

/// Kinds that are counted apart, by the outcome of their events. Any other is the last one.
const KINDS: [&str; 11] = [
    "invalid_client",
    "access_denied",
    "rate_limited",
    "missing_token",
    "invalid_token",
    "inactive",
    "insufficient_scope",
    "not_found",
    "upstream_error",
    "temporarily_unavailable",
    "other",
];

/// Limit on the lines that refusals cause in log and audit log: how many of the current second had
/// lines, and how many of which kind were left out.
#[derive(Debug, Default)]
pub(crate) struct LineLimit {
    admitted: AtomicU32,
    left_out: [AtomicU64; KINDS.len()],
}

/// Refusals of a second without lines, by kind.
#[derive(Debug, PartialEq, Eq)]
pub struct LeftOut([u64; KINDS.len()]);

impl LineLimit {
    /// Returns true if a refusal may have lines; counts it if not. It does not block.
    pub(crate) fn admits(&self, is_flood: bool, kind: &str) -> bool {
        let max = if is_flood {
            MAX_OF_FLOODS
        } else {
            MAX_REFUSALS
        };
        let admit = |admitted: u32| (admitted < max).then_some(admitted + 1);
        let is_admitted = self.admitted.fetch_update(Relaxed, Relaxed, admit).is_ok();
        if !is_admitted {
            let place = KINDS
                .iter()
                .position(|known| *known == kind)
                .unwrap_or(KINDS.len() - 1);
            if let Some(count) = self.left_out.get(place) {
                count.fetch_add(1, Relaxed);
            }
        }
        is_admitted
    }

    /// Begins the next second. Returns the refusals that the last one left out, if there are any.
    pub(crate) fn begin_second(&self) -> Option<LeftOut> {
        self.admitted.store(0, Relaxed);
        let left_out = LeftOut(std::array::from_fn(|place| {
            self.left_out
                .get(place)
                .map_or(0, |count| count.swap(0, Relaxed))
        }));
        (left_out.total() > 0).then_some(left_out)
    }
}

impl LeftOut {
    /// Returns their number.
    pub fn total(&self) -> u64 {
        self.0.iter().sum()
    }

    fn kinds(&self) -> impl Iterator<Item = (&'static str, u64)> {
        KINDS
            .into_iter()
            .zip(self.0)
            .filter(|(_, count)| *count > 0)
    }
}

impl Serialize for LeftOut {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.kinds())
    }
}

/// Writes `invalid_client=17 inactive=4`.
impl fmt::Display for LeftOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, (kind, count)) in self.kinds().enumerate() {
            let space = if place == 0 { "" } else { " " };
            write!(f, "{space}{kind}={count}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_over_the_limit_are_counted_by_kind_until_the_next_second() {
        let limit = LineLimit::default();
        for _ in 0..MAX_REFUSALS {
            assert!(limit.admits(false, "inactive"));
        }
        for kind in ["inactive", "inactive", "invalid_client", "of another time"] {
            assert!(!limit.admits(false, kind));
        }
        let left_out = limit.begin_second().unwrap();
        assert_eq!(left_out.to_string(), "invalid_client=1 inactive=2 other=1");
        let json = serde_json::to_string(&left_out).unwrap();
        assert_eq!(json, r#"{"invalid_client":1,"inactive":2,"other":1}"#);
        assert!(limit.admits(false, "inactive"));
        assert_eq!(limit.begin_second(), None);
    }

    #[test]
    fn unknown_callers_leave_half_to_known_ones() {
        let limit = LineLimit::default();
        let strangers = (0..10_000)
            .filter(|_| limit.admits(true, "invalid_client"))
            .count();
        let known = (0..10_000)
            .filter(|_| limit.admits(false, "inactive"))
            .count();
        assert_eq!((strangers, known), (250, 250));
    }
}
