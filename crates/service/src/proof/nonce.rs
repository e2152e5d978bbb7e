use std::io;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use constant_time_eq::constant_time_eq_16;
use introspectd_core::Timestamp;
use introspectd_fleet::Fleet;
use introspectd_keys::Key;

/// Nonces of ours, which proofs have to contain (RFC 9449 section 9).
///
/// None is remembered: each is a time and a keyed hash of it, by a key that a fleet shares, or of
/// this process alone.
pub(crate) struct Nonces {
    key: Key,
    fleet: Option<Arc<Fleet>>,
}

/// Farthest that a nonce may come from the future: clocks of replicas differ.
const MAX_AHEAD: i64 = 60;

/// Bytes of the time in front of the hash.
const TIME: usize = 5;

impl Nonces {
    /// # Errors
    /// Fails if the system provides no random bytes.
    pub(crate) fn new(fleet: Option<Arc<Fleet>>) -> io::Result<Self> {
        let key = Key::random()?;
        Ok(Self { key, fleet })
    }

    /// Makes the nonce of this second.
    pub(crate) fn make(&self, now: Timestamp) -> String {
        let key = self
            .fleet
            .as_ref()
            .map_or(&self.key, |fleet| fleet.nonce_key());
        let time = now.to_bytes();
        URL_SAFE_NO_PAD.encode([&time[..], &hash(key, &time)].concat())
    }

    /// Returns the age of a nonce that this server or its fleet made at most `period` ago.
    pub(crate) fn age(&self, nonce: &str, now: Timestamp, period: Duration) -> Option<Duration> {
        let bytes = URL_SAFE_NO_PAD.decode(nonce).ok()?;
        let (time, shown) = bytes.split_first_chunk::<TIME>()?;
        let shown: &[u8; 16] = shown.try_into().ok()?;
        let is_ours = |key: &Key| constant_time_eq_16(&hash(key, time), shown);
        let is_made_here = match &self.fleet {
            None => is_ours(&self.key),
            Some(fleet) => fleet.nonce_keys().any(is_ours),
        };
        let made = Timestamp::from_bytes(*time).filter(|_| is_made_here)?;
        let age = now.seconds().saturating_sub(made.seconds());
        if age < -MAX_AHEAD {
            return None;
        }
        let age = Duration::from_secs(u64::try_from(age).unwrap_or(0));
        (age < period).then_some(age)
    }
}

fn hash(key: &Key, time: &[u8; TIME]) -> [u8; 16] {
    key.parts().fixed(time).end().truncated()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PERIOD: Duration = Duration::from_secs(300);

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_seconds(seconds).unwrap()
    }

    #[test]
    fn nonce_is_good_for_its_period_and_with_its_key_only() {
        let nonces = Nonces::new(None).unwrap();
        let nonce = nonces.make(at(1000));
        let age = |now| nonces.age(&nonce, at(now), PERIOD).map(|age| age.as_secs());
        assert_eq!(age(1000), Some(0));
        assert_eq!(age(1299), Some(299));
        assert_eq!(age(1300), None);
        assert_eq!(age(940), Some(0));
        assert_eq!(age(939), None);
        let other = Nonces::new(None).unwrap();
        assert_eq!(other.age(&nonce, at(1000), PERIOD), None);
    }

    #[test]
    fn nonce_with_any_bit_changed_is_not_ours() {
        let nonces = Nonces::new(None).unwrap();
        let bytes = URL_SAFE_NO_PAD.decode(nonces.make(at(1000))).unwrap();
        for bit in 0..bytes.len() * 8 {
            let mut forged = bytes.clone();
            forged[bit / 8] ^= 1 << (bit % 8);
            let forged = URL_SAFE_NO_PAD.encode(forged);
            assert_eq!(nonces.age(&forged, at(1000), PERIOD), None, "bit {bit}");
        }
        for text in ["", "x", "AAAA", &URL_SAFE_NO_PAD.encode(&bytes[..20])] {
            assert_eq!(nonces.age(text, at(1000), PERIOD), None, "{text}");
        }
    }

    #[test]
    fn any_text_is_a_nonce_or_none() {
        let nonces = || Nonces {
            key: Key::from([7; 32]),
            fleet: None,
        };
        let sample = nonces().make(at(1000));
        introspectd_fuzz::check!(&[sample.as_bytes()], |bytes: &[u8]| {
            let text = String::from_utf8_lossy(bytes);
            let is_ours = nonces().age(&text, at(1000), PERIOD).is_some();
            assert_eq!(is_ours, text == sample);
        });
    }
}
