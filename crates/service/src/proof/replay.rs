use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use introspectd_core::Timestamp;
use introspectd_fleet::{Down, Fleet};
use introspectd_keys::Key;

use super::confirmation::Thumbprint;
use super::dpop::WINDOW;

/// Proofs that were used, so that none is used twice: here, and in a fleet as far as its store can
/// be reached.
///
/// Only proofs are remembered that fit an active token, each with its key's holder. A holder that
/// makes more than its share loses its own oldest ones, and with them the right to use proofs as
/// old as these: what is not remembered is refused. Where all are too many, the holder with the
/// most of them gives. So a flood of good proofs shortens the time in which its own are good.
pub(crate) struct Replays {
    key: Key,
    shards: Vec<Mutex<Shard>>,
    fleet: Option<Arc<Fleet>>,
}

#[derive(Default)]
struct Shard {
    holders: HashMap<[u8; 16], Holder>,
    /// Proofs of all holders.
    held: usize,
}

/// Holder of a key.
struct Holder {
    /// Proofs made before this are refused, since some of them were forgotten. Seconds since 1970.
    floor: i64,
    /// Times and hashes of proofs, in no order.
    used: Vec<(i64, [u8; 16])>,
}

/// Most proofs of one key that are remembered, about 100 KiB: 34 a second for two minutes.
const MAX_OF_HOLDER: usize = 4096;

/// Locks, so that threads seldom wait for one another.
const SHARDS: usize = 64;

/// Most proofs of a shard, about 24 bytes each: a million in all.
const MAX_OF_SHARD: usize = 16 * 1024;

/// Most holders of a shard, half a million in all. Beyond, a key that is new is refused until
/// others have been silent for two minutes.
const MAX_HOLDERS: usize = MAX_OF_SHARD / 2;

impl Replays {
    /// # Errors
    /// Fails if the system provides no random bytes.
    pub(crate) fn new(fleet: Option<Arc<Fleet>>) -> io::Result<Self> {
        Ok(Self {
            key: Key::random()?,
            shards: std::iter::repeat_with(Mutex::default)
                .take(SHARDS)
                .collect(),
            fleet,
        })
    }

    /// Uses up a proof of this key, and returns true if it is its first use.
    pub(crate) async fn is_first(
        &self,
        holder: &Thumbprint,
        jti: &str,
        issued: Timestamp,
        now: Timestamp,
    ) -> bool {
        if !self.is_first_here(holder, jti, issued, now) {
            return false;
        }
        let Some(fleet) = &self.fleet else {
            return true;
        };
        let end = issued.seconds() + window() - now.seconds();
        let life = Duration::from_secs(u64::try_from(end).unwrap_or(0) + 1);
        match fleet.use_proof(holder.as_bytes(), jti, life).await {
            Ok(is_first) => is_first,
            Err(Down(reason)) => {
                tracing::debug!(%reason, "cannot share which proofs were used");
                true
            }
        }
    }

    fn is_first_here(
        &self,
        holder: &Thumbprint,
        jti: &str,
        issued: Timestamp,
        now: Timestamp,
    ) -> bool {
        let name: [u8; 16] = self.key.hash(holder.as_bytes()).truncated();
        let proof = self.key.parts().fixed(&name).last(jti.as_bytes());
        let shard = usize::from(name[0]) % SHARDS;
        let Some(shard) = self.shards.get(shard) else {
            return false;
        };
        let mut shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
        shard.is_first(name, proof.truncated(), issued.seconds(), now.seconds())
    }
}

fn window() -> i64 {
    i64::try_from(WINDOW.as_secs()).unwrap_or(i64::MAX)
}

impl Shard {
    fn is_first(&mut self, name: [u8; 16], proof: [u8; 16], issued: i64, now: i64) -> bool {
        if self.held >= MAX_OF_SHARD || self.holders.len() >= MAX_HOLDERS {
            self.make_room(now);
        }
        let is_full = self.holders.len() >= MAX_HOLDERS;
        let holder = match self.holders.entry(name) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(_) if is_full => return false,
            Entry::Vacant(place) => place.insert(Holder {
                floor: i64::MIN,
                used: Vec::new(),
            }),
        };
        if issued < holder.floor || holder.used.iter().any(|(_, used)| *used == proof) {
            return false;
        }
        if holder.used.len() >= MAX_OF_HOLDER {
            self.held -= holder.expire(now);
        }
        if holder.used.len() >= MAX_OF_HOLDER {
            self.held -= holder.forget_half();
        }
        // What was forgotten may have been this one.
        if issued < holder.floor {
            return false;
        }
        holder.used.push((issued, proof));
        self.held += 1;
        true
    }

    /// Drops what is past its time, else half of what the holder with the most has.
    fn make_room(&mut self, now: i64) {
        let mut expired = 0;
        self.holders.retain(|_, holder| {
            expired += holder.expire(now);
            !holder.used.is_empty() || holder.floor >= now - window()
        });
        self.held -= expired;
        if self.held < MAX_OF_SHARD {
            return;
        }
        let largest = self.holders.values_mut().max_by_key(|it| it.used.len());
        self.held -= largest.map_or(0, Holder::forget_half);
    }
}

impl Holder {
    /// Drops proofs that are too old to be used again, and returns their number.
    fn expire(&mut self, now: i64) -> usize {
        let before = self.used.len();
        self.used.retain(|(issued, _)| *issued >= now - window());
        before - self.used.len()
    }

    /// Drops the older half of the proofs, or more, and returns their number. From then on, proofs
    /// as old as these are refused.
    fn forget_half(&mut self) -> usize {
        let before = self.used.len();
        self.used.sort_unstable();
        let middle = self
            .used
            .get(before / 2)
            .map_or(i64::MIN, |(issued, _)| *issued);
        self.floor = self.floor.max(middle.saturating_add(1));
        self.used.retain(|(issued, _)| *issued >= self.floor);
        before - self.used.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_700_000_000;

    fn name(number: u16) -> [u8; 16] {
        let mut name = [0; 16];
        name[..2].copy_from_slice(&number.to_be_bytes());
        name
    }

    fn proof(number: u32) -> [u8; 16] {
        let mut proof = [1; 16];
        proof[..4].copy_from_slice(&number.to_be_bytes());
        proof
    }

    #[test]
    fn proof_is_used_once_by_its_holder() {
        let mut shard = Shard::default();
        assert!(shard.is_first(name(1), proof(1), NOW, NOW));
        assert!(!shard.is_first(name(1), proof(1), NOW, NOW));
        assert!(!shard.is_first(name(1), proof(1), NOW, NOW + 60));
        assert!(shard.is_first(name(1), proof(2), NOW, NOW));
        assert!(shard.is_first(name(2), proof(1), NOW, NOW));
    }

    /// Proofs that were forgotten are refused: nothing passes twice, and all of others pass.
    #[test]
    fn flood_of_one_holder_is_its_own_loss() {
        let mut shard = Shard::default();
        assert!(shard.is_first(name(2), proof(0), NOW, NOW));
        let mut used = Vec::new();
        for number in 0..20_000 {
            let issued = NOW + i64::from(number % 10);
            if shard.is_first(name(1), proof(number), issued, NOW) {
                used.push((number, issued));
            }
        }
        assert!(used.len() > MAX_OF_HOLDER, "{}", used.len());
        assert!(shard.held <= MAX_OF_HOLDER + 1);
        for (number, issued) in used {
            assert!(!shard.is_first(name(1), proof(number), issued, NOW));
        }
        // A later second is good again, and others never were refused.
        assert!(shard.is_first(name(1), proof(20_000), NOW + 11, NOW));
        assert!(shard.is_first(name(2), proof(1), NOW, NOW));
    }

    #[test]
    fn flood_of_many_holders_costs_those_with_most() {
        let mut shard = Shard::default();
        assert!(shard.is_first(name(999), proof(0), NOW, NOW));
        for holder in 0..40 {
            for number in 0..1000 {
                let issued = NOW + i64::from(number / 100);
                shard.is_first(name(holder), proof(number), issued, NOW);
            }
        }
        assert!(shard.held <= MAX_OF_SHARD, "{}", shard.held);
        assert!(!shard.is_first(name(999), proof(0), NOW, NOW));
        assert!(shard.is_first(name(999), proof(1), NOW, NOW));
        let held: usize = shard.holders.values().map(|it| it.used.len()).sum();
        assert_eq!(held, shard.held);
    }

    #[test]
    fn too_many_holders_are_refused_until_others_are_silent() {
        let mut shard = Shard::default();
        for holder in 0..8 * 1024 {
            assert!(shard.is_first(name(holder), proof(0), NOW, NOW));
        }
        assert!(!shard.is_first(name(8 * 1024), proof(0), NOW, NOW));
        assert!(shard.is_first(name(0), proof(1), NOW, NOW));
        assert!(shard.is_first(name(8 * 1024), proof(0), NOW + 130, NOW + 130));
        assert_eq!((shard.held, shard.holders.len()), (1, 1));
    }

    #[tokio::test]
    async fn proofs_of_a_process_are_told_apart_by_key_and_id() {
        let replays = Replays::new(None).unwrap();
        let now = Timestamp::from_seconds(NOW).unwrap();
        let (one, other) = (Thumbprint::from([1; 32]), Thumbprint::from([2; 32]));
        assert!(replays.is_first(&one, "a", now, now).await);
        assert!(!replays.is_first(&one, "a", now, now).await);
        assert!(replays.is_first(&one, "b", now, now).await);
        assert!(replays.is_first(&other, "a", now, now).await);
    }
}
