use std::fmt;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant};

use introspectd_core::{
    Binding, BindingsFailed, Found, Kept, ProviderName, Remembered, Revoked, Timestamp, TokenId,
    TokenValue,
};
use introspectd_keys::Key;
use moka::Expiry;
use moka::notification::RemovalCause;
use moka::ops::compute::{CompResult, Op};
use moka::policy::EvictionPolicy;
use moka::sync::Cache;

use crate::blocking::{BlockingBindings, BlockingRevocations};
use crate::keys::{EntryKey, Keys};
use crate::revocation_map::RevocationMap;

/// Store in memory, at most 32 MiB or some sixty thousand bindings. Over the limit the least
/// recently used are dropped with a warning, and their tokens are inactive.
///
/// At most 150,000 revocations: over the limit those that end first are dropped, and hold at their
/// provider only.
pub struct MemoryBindings {
    keys: Keys,
    bindings: Cache<EntryKey, Held>,
    revocations: RevocationMap,
}

const MAX_BYTES: u64 = 32 * 1024 * 1024;
/// Bytes of an entry apart from its id, generously.
const OVERHEAD: usize = 512;

#[derive(Clone)]
struct Held {
    id: TokenId,
    end: Timestamp,
    /// Time until a day after `end`, by the clock of its insertion; `None` if unknown or unlimited.
    life: Option<Duration>,
}

/// Expiry of entries a day after their end, which only frees memory: whoever finds one judges its
/// end.
struct ByEnd;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

impl MemoryBindings {
    /// Creates an empty store.
    ///
    /// # Errors
    /// Fails if the system provides no random bytes.
    pub fn new() -> io::Result<Self> {
        let keys = Keys::derive(Key::random()?.expose());
        let is_warned = AtomicBool::new(false);
        let bindings = Cache::builder()
            .max_capacity(MAX_BYTES)
            .weigher(|_, held: &Held| {
                u32::try_from(held.id.as_str().len() + OVERHEAD).unwrap_or(u32::MAX)
            })
            // The default policy may refuse a new entry, although its caller was told that it is
            // kept.
            .eviction_policy(EvictionPolicy::lru())
            .expire_after(ByEnd)
            .eviction_listener(move |_, _, cause| {
                if cause == RemovalCause::Size && !is_warned.swap(true, Relaxed) {
                    tracing::warn!(
                        "bindings limit reached; dropping the least recently used; configure \
                            [bindings] path"
                    );
                }
            })
            .build();
        Ok(Self {
            keys,
            bindings,
            revocations: RevocationMap::default(),
        })
    }
}

impl BlockingBindings for MemoryBindings {
    fn find(
        &self,
        provider: &ProviderName,
        token: &TokenValue,
        _: Timestamp,
    ) -> Result<Option<Found>, BindingsFailed> {
        let held = self.bindings.get(&self.keys.entry_key(provider, token));
        Ok(held.map(|Held { id, end, .. }| Found { id, end }))
    }

    fn bind(
        &self,
        provider: &ProviderName,
        binding: &Binding<'_>,
        now: Timestamp,
    ) -> Result<Kept, BindingsFailed> {
        // `Timestamp::MAX` means the wall clock is unusable; expire nothing.
        let is_usable = now != Timestamp::MAX;
        let blocks = |held: &Held| {
            held.id != *binding.id && !binding.replace && (!is_usable || now < held.end)
        };
        let is_limited = is_usable && binding.end != Timestamp::MAX;
        let left = now.until(binding.end).unwrap_or_default();
        let life = is_limited.then(|| left.saturating_add(DAY));
        let outcome = self
            .bindings
            .entry(self.keys.entry_key(provider, binding.token))
            .and_compute_with(|former| match former {
                Some(former) if blocks(former.value()) => Op::Nop,
                Some(_) | None => Op::Put(Held {
                    id: binding.id.clone(),
                    end: binding.end,
                    life,
                }),
            });
        self.bindings.run_pending_tasks();
        Ok(match outcome {
            CompResult::Unchanged(_) => Kept::OtherId,
            CompResult::Inserted(_)
            | CompResult::ReplacedWith(_)
            | CompResult::StillNone(_)
            | CompResult::Removed(_) => Kept::Done,
        })
    }
}

impl Expiry<EntryKey, Held> for ByEnd {
    fn expire_after_create(&self, _: &EntryKey, held: &Held, _: Instant) -> Option<Duration> {
        held.life
    }

    fn expire_after_update(
        &self,
        _: &EntryKey,
        held: &Held,
        _: Instant,
        _: Option<Duration>,
    ) -> Option<Duration> {
        held.life
    }
}

impl BlockingRevocations for MemoryBindings {
    fn remember(
        &self,
        provider: &ProviderName,
        revoked: Revoked<'_>,
        end: Option<Timestamp>,
        now: Timestamp,
    ) {
        self.revocations
            .remember(self.keys.revocation_key(provider, revoked), end, now);
        // There is no file to save them to.
        drop(self.revocations.take_changes());
    }

    fn find(&self, provider: &ProviderName, revoked: Revoked<'_>) -> Option<Remembered> {
        if self.revocations.is_empty() {
            return None;
        }
        self.revocations
            .find(&self.keys.revocation_key(provider, revoked))
    }

    fn save(&self, _: Timestamp) -> Result<(), BindingsFailed> {
        Ok(())
    }
}

impl fmt::Debug for MemoryBindings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MemoryBindings")
    }
}
