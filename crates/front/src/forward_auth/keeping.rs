//! Time for which a gateway may keep a decision that lets a request pass.

use http::header::{CACHE_CONTROL, VARY};
use http::{HeaderMap, HeaderName, HeaderValue};
use introspectd_service::KeptBy;

/// Whole seconds for which a decision stays within what is promised of revocation and expiry.
pub(super) const X_INTROSPECTD_MAX_AGE: HeaderName =
    HeaderName::from_static("x-introspectd-max-age");

/// Adds the headers that say how long the decision may be kept.
pub(super) fn add(headers: &mut HeaderMap, seconds: u32, kept_by: KeptBy) {
    headers.insert(X_INTROSPECTD_MAX_AGE, max_age(seconds));
    let no_store = HeaderValue::from_static("no-store");
    let cache_control = match kept_by {
        // A proxy that kept it would let a token pass that is revoked or expired.
        KeptBy::Nobody => no_store,
        KeptBy::Proxy => {
            headers.insert(VARY, HeaderValue::from_static("authorization, dpop"));
            HeaderValue::try_from(format!("private, max-age={seconds}")).unwrap_or(no_store)
        }
    };
    headers.insert(CACHE_CONTROL, cache_control);
}

/// Returns a number of seconds as a header's value. Without a cache, none is allocated.
pub(super) fn max_age(seconds: u32) -> HeaderValue {
    if seconds == 0 {
        HeaderValue::from_static("0")
    } else {
        HeaderValue::from(seconds)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(seconds: u32, kept_by: KeptBy) -> HeaderMap {
        let mut headers = HeaderMap::new();
        add(&mut headers, seconds, kept_by);
        headers
    }

    #[test]
    fn decision_is_stored_nowhere_unless_the_policy_says_so() {
        let plain = headers(59, KeptBy::Nobody);
        assert_eq!(plain["cache-control"], "no-store");
        assert_eq!(plain["x-introspectd-max-age"], "59");
        assert!(!plain.contains_key("vary"));
    }

    #[test]
    fn private_cache_has_its_time_and_tells_clients_apart() {
        for (seconds, control) in [(0, "private, max-age=0"), (60, "private, max-age=60")] {
            let kept = headers(seconds, KeptBy::Proxy);
            assert_eq!(kept["cache-control"], control);
            assert_eq!(kept["x-introspectd-max-age"], seconds.to_string());
            assert_eq!(kept["vary"], "authorization, dpop");
        }
    }
}
