use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use introspectd_core::{
    Binding, Bindings, BindingsFailed, Found, Kept, ProviderName, Timestamp, TokenId, TokenValue,
};
use tokio::time::timeout;

use crate::fact::{FactName, Mode, SharedFact, ValueKey};
use crate::fleet::Fleet;
use crate::secret::Keys;
use crate::store::{Down, EntryId};

/// Bindings that all replicas share, sealed like facts.
///
/// They last as long as the store keeps them: one without persistence loses them with its process.
/// That a token has no binding is not shared.
#[derive(Debug)]
pub struct SharedBindings(Arc<Fleet>);

/// Deadline of an operation of the store.
const DEADLINE: Duration = Duration::from_secs(1);

/// Time for which a binding that has ended is still found.
const AFTERLIFE: Duration = Duration::from_secs(24 * 60 * 60);

/// Most attempts to keep a binding that others write at the same time.
const MAX_ATTEMPTS: usize = 8;

/// Binding of a token under one secret.
struct Place {
    key: String,
    value_key: ValueKey,
}

impl SharedBindings {
    /// Keeps bindings in the store of this fleet.
    pub fn new(fleet: Arc<Fleet>) -> Self {
        Self(fleet)
    }

    fn place(&self, keys: &Keys, provider: &ProviderName, token: &TokenValue) -> Option<Place> {
        let name = FactName {
            provider,
            // A binding does not depend on how the provider is configured.
            revision: [0; 16],
            mode: Mode::Binding,
            subject: token.expose(),
        };
        let value_key = name.value_key(keys).ok()?;
        let key = name.store_key(keys, &self.0.settings.prefix, 'b');
        Some(Place { key, value_key })
    }

    async fn store<T>(
        &self,
        operation: impl Future<Output = Result<T, Down>>,
    ) -> Result<T, BindingsFailed> {
        match timeout(DEADLINE, operation).await {
            Ok(Ok(outcome)) => Ok(outcome),
            Ok(Err(Down(reason))) => {
                tracing::error!(%reason, "shared bindings failed");
                Err(BindingsFailed)
            }
            Err(_) => {
                tracing::error!("shared bindings failed: no response in time");
                Err(BindingsFailed)
            }
        }
    }

    /// Values under all secrets, that of the secret in force first, each with its binding.
    async fn look(
        &self,
        provider: &ProviderName,
        token: &TokenValue,
    ) -> Result<Vec<(Place, Option<Vec<u8>>, Option<Found>)>, BindingsFailed> {
        let places: Option<Vec<_>> = self
            .0
            .keyring
            .all()
            .map(|keys| self.place(keys, provider, token))
            .collect();
        let places = places.ok_or(BindingsFailed)?;
        let keys: Vec<&str> = places.iter().map(|place| place.key.as_str()).collect();
        let values = self.store(self.0.store.get(&keys)).await?;
        let seen = places.into_iter().zip(values).map(|(place, value)| {
            let opened = value
                .clone()
                .and_then(|value| place.value_key.open(&place.key, value));
            let found = opened.and_then(|fact| read(&fact.bytes));
            (place, value, found)
        });
        Ok(seen.collect())
    }
}

#[async_trait]
impl Bindings for SharedBindings {
    async fn find(
        &self,
        provider: &ProviderName,
        token: &TokenValue,
        _: Timestamp,
    ) -> Result<Option<Found>, BindingsFailed> {
        let seen = self.look(provider, token).await?;
        Ok(seen.into_iter().find_map(|(_, _, found)| found))
    }

    async fn bind(
        &self,
        provider: &ProviderName,
        binding: &Binding<'_>,
        now: Timestamp,
    ) -> Result<Kept, BindingsFailed> {
        for _ in 0..MAX_ATTEMPTS {
            let seen = self.look(provider, binding.token).await?;
            let known = seen.iter().find_map(|(_, _, found)| found.as_ref());
            let mut end = binding.end;
            if let Some(known) = known.filter(|known| now < known.end) {
                if known.id == *binding.id {
                    end = end.max(known.end);
                } else if !binding.replace {
                    return Ok(Kept::OtherId);
                }
            }
            let Some((place, former, _)) = seen.into_iter().next() else {
                return Err(BindingsFailed);
            };
            let value = place.value_key.seal(&place.key, &fact(binding.id, end));
            let value = value.map_err(|_| BindingsFailed)?;
            let life = now.until(end).unwrap_or_default() + AFTERLIFE;
            let store = &self.0.store;
            let is_kept = match former {
                None => self.store(store.set_new(&place.key, &value, life)).await?,
                Some(former) => {
                    let replaced = store.replace(&place.key, &former, &value, life);
                    self.store(replaced).await?
                }
            };
            if is_kept {
                return Ok(Kept::Done);
            }
        }
        Err(BindingsFailed)
    }
}

/// Puts a binding into the form of a sealed value.
fn fact(id: &TokenId, end: Timestamp) -> SharedFact {
    SharedFact {
        asked_after: EntryId {
            millis: 0,
            sequence: 0,
        },
        asked_at: Duration::ZERO,
        bytes: [end.to_bytes().as_slice(), id.as_str().as_bytes()].concat(),
    }
}

fn read(bytes: &[u8]) -> Option<Found> {
    let (end, id) = bytes.split_first_chunk()?;
    let id = std::str::from_utf8(id).ok()?.to_owned();
    Some(Found {
        id: TokenId::parse(id).ok()?,
        end: Timestamp::from_bytes(*end)?,
    })
}
