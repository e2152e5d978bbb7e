use std::time::Duration;

use introspectd_keys::Key;

use crate::time::millis;

/// Life of a lease. A holder that dies costs the others this time.
pub(crate) const LEASE_LIFE: Duration = Duration::from_secs(1);

/// Interval at which a holder renews its lease.
pub(crate) const LEASE_RENEWAL: Duration = Duration::from_millis(300);

/// Value of a lease: who holds it and until when, by the store's clock, signed so that nobody
/// without the secret can make a replica wait.
pub(crate) struct LeaseValue {
    nonce: [u8; 16],
    until: Duration,
}

impl LeaseValue {
    pub(crate) fn new(nonce: [u8; 16], now: Duration) -> Self {
        Self {
            nonce,
            until: now + LEASE_LIFE,
        }
    }

    /// Writes the value for its key in the store.
    pub(crate) fn sign(&self, store_key: &str, keys: &Key) -> Vec<u8> {
        let until = millis(self.until).to_le_bytes();
        let tag: [u8; 16] = tag(store_key, &self.nonce, until, keys);
        [&self.nonce, until.as_slice(), &tag].concat()
    }

    /// Returns true if this value is a lease of its key that has not ended, by the store's clock.
    pub(crate) fn is_held(value: &[u8], store_key: &str, keys: &Key, now: Duration) -> bool {
        let parts = value.split_first_chunk::<16>().and_then(|(nonce, rest)| {
            let (until, tag) = rest.split_first_chunk::<8>()?;
            Some((nonce, until, tag))
        });
        parts.is_some_and(|(nonce, until, shown)| {
            let real = tag(store_key, nonce, *until, keys);
            let ends = Duration::from_millis(u64::from_le_bytes(*until));
            // A holder cannot reach further into the future than its own life.
            real.as_slice() == shown && now < ends && ends <= now + LEASE_LIFE * 2
        })
    }
}

fn tag(store_key: &str, nonce: &[u8; 16], until: [u8; 8], keys: &Key) -> [u8; 16] {
    let parts = keys.parts().fixed(nonce).fixed(&until);
    parts.last(store_key.as_bytes()).truncated()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lease_is_held_by_who_has_the_secret_until_its_end() {
        let (keys, others) = (Key::from([1; 32]), Key::from([2; 32]));
        let now = Duration::from_secs(100);
        let value = LeaseValue::new([7; 16], now).sign("k", &keys);
        let held =
            |key, keys, at| LeaseValue::is_held(&value, key, keys, Duration::from_millis(at));
        assert!(held("k", &keys, 100_000) && held("k", &keys, 100_999));
        assert!(!held("k", &keys, 101_000), "ended");
        assert!(!held("k", &keys, 98_999), "of another time");
        assert!(!held("j", &keys, 100_000), "of another fact");
        assert!(!held("k", &others, 100_000), "of another secret");
        for bit in 0..value.len() * 8 {
            let mut forged = value.clone();
            forged[bit / 8] ^= 1 << (bit % 8);
            assert!(!LeaseValue::is_held(&forged, "k", &keys, now), "bit {bit}");
        }
        assert!(!LeaseValue::is_held(b"", "k", &keys, now));
    }
}
