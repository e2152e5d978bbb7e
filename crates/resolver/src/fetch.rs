use std::sync::Arc;
use std::time::Duration;

use introspectd_core::ask::Operation;
use introspectd_core::{Clock, Failure, Introspection};
use introspectd_fleet::{Filling, Fleet, Found, Imported, Lease};
use tokio::time::{Instant, timeout_at};

use crate::fact::{Fact, Keep};
use crate::flight::{Origin, Outcome};
use crate::key::{Key, Subject};
use crate::lifetime::lifetime;
use crate::purge_log::PurgeLog;
use crate::revoked::Memory;
use crate::shared;
use crate::slot::ProviderSlot;
use crate::stamp::{Stamp, Tags};

/// Request of one fact, with what its origin is judged by.
pub(crate) struct Fetch {
    pub(crate) slot: Arc<ProviderSlot>,
    pub(crate) subject: Subject,
    pub(crate) key: Key,
    pub(crate) memory: Memory,
    pub(crate) log: Arc<PurgeLog>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) fleet: Option<Arc<Fleet>>,
}

impl Fetch {
    /// Makes a fact of what another replica knows, or of the provider's answer.
    pub(crate) async fn run<K: Keep>(self) -> Outcome<K> {
        let number = self.log.latest();
        if let Some(revoked) = self.memory.answer(&self.slot, &self.subject) {
            let fact = Fact::new(self.slot.name(), revoked);
            return Ok((fact, self.origin(number, Tags::default())));
        }
        match &self.fleet {
            Some(fleet) if !self.slot.entry.provider.is_local() => {
                // Boxed: without a fleet a flight takes no room for it.
                Box::pin(self.share(fleet)).await
            }
            Some(_) | None => self.ask().await,
        }
    }

    /// Looks in the shared tier first, and stores there what the provider answers.
    ///
    /// It ends within the provider's deadline and the share of it that the store may take, also
    /// where another replica was waited for.
    async fn share<K: Keep>(&self, fleet: &Arc<Fleet>) -> Outcome<K> {
        let timeout = self.slot.entry.timeout;
        let until = Instant::now() + timeout + fleet.share_of(timeout);
        let name = shared::name(&self.slot, &self.subject);
        let read = |imported: Imported| self.import(&imported);
        let lease = match fleet.find(&name, timeout, read).await {
            Found::Fact(known) => return Ok(known),
            Found::Lease(lease) => Some(lease),
            Found::Unavailable => None,
        };
        let asked = timeout_at(until, self.ask());
        let outcome = asked.await.unwrap_or(Err(Failure::Timeout));
        if let (Some(lease), Ok((fact, origin))) = (lease, &outcome) {
            self.fill(lease, fact, origin.asked_at);
        }
        outcome
    }

    /// Asks the provider. The fact is as of the latest purge before that.
    async fn ask<K: Keep>(&self) -> Outcome<K> {
        let number = self.log.latest();
        let mut origin = self.origin(number, Tags::default());
        let answer = request(&self.slot, &self.subject).await;
        let mut introspection = self.memory.judge(&self.slot, &self.subject, answer)?;
        if let Introspection::Token(token) = &mut introspection {
            self.slot.complete(token);
            origin.stamp.tags = Tags::of(token, &self.slot.keys);
        }
        Ok((Fact::new(self.slot.name(), introspection), origin))
    }

    /// Reads a fact of another replica; `None` if this one knows better.
    fn import<K: Keep>(&self, imported: &Imported) -> Option<(Fact<K>, Origin)> {
        let fact: Fact<K> = shared::read(&imported.bytes)?;
        let names = fact.record.as_ref().map(|record| record.kept.names());
        let names = names.unwrap_or_default();
        if self
            .memory
            .knows(&self.slot, &self.subject, names.jti.as_deref())
        {
            return None;
        }
        let tags = Tags::of_names(&names, &self.slot.keys);
        let origin = Origin {
            asked_at: imported.asked_at,
            is_shared: true,
            ..self.origin(imported.place, tags)
        };
        let is_purged = self.slot.purges.has_purged(&self.key, &origin.stamp);
        (!is_purged).then_some((fact, origin))
    }

    fn fill<K: Keep>(&self, lease: Lease, fact: &Fact<K>, asked_at: Duration) {
        // Another replica may have the binding that this one lacks.
        if fact.record.is_none() && self.slot.entry.provider.issuance().is_some() {
            return;
        }
        let Some(bytes) = shared::write(fact) else {
            return;
        };
        let validity = fact.record.as_ref().map(|record| &record.validity);
        let times = self.slot.times();
        let Some(life) = lifetime(validity, self.clock.now(), &times, self.key.spread()) else {
            return;
        };
        let age = self.clock.elapsed().saturating_sub(asked_at);
        lease.fill(Filling {
            bytes,
            asked_at,
            life: life.fresh.saturating_sub(age),
            is_record: fact.record.is_some(),
        });
    }

    fn origin(&self, number: u64, tags: Tags) -> Origin {
        Origin {
            stamp: Stamp {
                number,
                slot: self.slot.purges.slot(),
                tags,
            },
            asked_at: self.clock.elapsed(),
            is_shared: false,
        }
    }
}

async fn request(slot: &ProviderSlot, subject: &Subject) -> Result<Introspection, Failure> {
    let provider = &slot.entry.provider;
    match subject {
        Subject::Token(token) => {
            slot.observe(Operation::Introspect, provider.introspect(token))
                .await
        }
        Subject::Id(id) => {
            let records = provider.records().ok_or(Failure::Unsupported)?;
            slot.observe(Operation::Lookup, records.lookup(id)).await
        }
    }
}
