use std::sync::Arc;
use std::time::Duration;

use introspectd_core::{Selector, Target};
use tokio::time::sleep;

use crate::counts::Counted;
use crate::fleet::{Fleet, Order, Replica};
use crate::index::{Gap, Sequel};
use crate::message::{Message, Opened};
use crate::purge::{LocalPurge, Purge, SharedMark};
use crate::recent::Recent;
use crate::secret::Keys;
use crate::store::{Down, Entry, EntryId, Kept, Reading, Stream};
use crate::time::Backoff;

/// Deadline of an operation of the background work.
const DEADLINE: Duration = Duration::from_secs(1);

/// Most entries of the stream of revocations, each of one or more.
const MAX_REVOCATIONS: u64 = 100_000;

/// Pauses after failures, from the first to the longest.
const MIN_PAUSE: Duration = Duration::from_millis(50);
const MAX_PAUSE: Duration = Duration::from_secs(1);

/// Result of a reading.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum News {
    /// Nothing that was written since the reading before.
    Nothing,
    /// Entries that their authors have just written.
    Written,
}

/// Following of the stream by one replica.
struct Follower {
    fleet: Arc<Fleet>,
    replica: Arc<dyn Replica>,
    /// Moment at which the last reading was requested, if it reached the end of the stream.
    read_at: Option<Duration>,
    /// Moment of the last new entry, or of the last heartbeat that was asked for.
    stirred_at: Duration,
    /// Times the interval until a heartbeat of ours, drawn anew for each.
    patience: f64,
    /// Moment of our last purge, until an entry after it shows to all if it was deleted.
    purged_at: Option<Duration>,
    is_failing: bool,
    /// True once the revocations of before the start are remembered.
    has_learned: bool,
    /// True once an entry of an unknown secret was logged.
    has_met_foreign: bool,
    recent: Recent,
}

impl Fleet {
    /// Puts the purges of all replicas in force at this one, publishes its own, and keeps the
    /// fleet hearing. Never returns; its owner drops it.
    pub async fn follow(self: Arc<Self>, replica: Arc<dyn Replica>) {
        let now = self.clock.elapsed();
        let follower = Follower {
            fleet: Arc::clone(&self),
            replica,
            read_at: None,
            stirred_at: now,
            patience: patience(),
            purged_at: None,
            is_failing: false,
            has_learned: false,
            has_met_foreign: false,
            recent: Recent::default(),
        };
        tokio::join!(follower.run(), self.write());
    }

    /// Writes what is published, in its order.
    async fn write(&self) {
        let mut number = 0_u64;
        let mut before = None;
        let mut backoff = Backoff::new(MIN_PAUSE, MAX_PAUSE);
        loop {
            let batch = self.outbox.next().await;
            let purges: Vec<_> = batch.0.iter().map(|pending| &pending.purge).collect();
            match self.append(number + 1, before, &purges).await {
                Ok(id) => {
                    number += 1;
                    before = Some(id);
                    backoff.reset();
                    for _ in &purges {
                        self.counts.add(Counted::Published);
                    }
                    self.outbox.written(number, batch);
                }
                Err(Down(_)) => {
                    // It may be there all the same: the same number is written again.
                    self.outbox.put_back(batch);
                    sleep(backoff.pause()).await;
                }
            }
        }
    }

    /// Appends purges to the stream, and their revocations to that of revocations before: who reads
    /// the purge has a replica's memory, and who starts later reads the other.
    async fn append(
        &self,
        number: u64,
        before: Option<EntryId>,
        purges: &[&LocalPurge],
    ) -> Result<EntryId, Down> {
        let revoking = purges.iter().filter(|purge| !purge.revoked.is_empty());
        let revoking: Vec<_> = revoking.copied().collect();
        if !revoking.is_empty() {
            let sealed = self.sealed(number, before, &revoking)?;
            let kept = Kept::Entries(MAX_REVOCATIONS);
            let appended = self.store.append(Stream::Revocations, &sealed, kept);
            self.within(DEADLINE, appended).await?;
        }
        let sealed = self.sealed(number, before, purges)?;
        let kept = Kept::Time(self.settings.keep);
        let appended = self.store.append(Stream::Purges, &sealed, kept);
        self.within(DEADLINE, appended).await
    }

    fn sealed(
        &self,
        number: u64,
        before: Option<EntryId>,
        purges: &[&LocalPurge],
    ) -> Result<Vec<Vec<u8>>, Down> {
        let seal = |keys: &Keys| {
            let digests =
                |purge: &&LocalPurge| Purge::of(&purge.selector, &purge.revoked, &keys.digests);
            let message = Message {
                author: self.author,
                number,
                before,
                purges: purges.iter().map(digests).collect(),
            };
            message.seal(keys)
        };
        let sealed: Result<Vec<_>, _> = self.keyring.all().map(seal).collect();
        sealed.map_err(|error| Down(error.to_string()))
    }
}

impl Follower {
    async fn run(mut self) {
        let mut backoff = Backoff::new(MIN_PAUSE, MAX_PAUSE);
        loop {
            let turned = self.turn().await;
            if turned.is_err() || self.fleet.order().is_ready {
                self.fleet.is_starting.send_if_modified(std::mem::take);
            }
            match turned {
                Ok(()) => {
                    backoff.reset();
                    if std::mem::take(&mut self.is_failing) {
                        tracing::info!("shared cache can be used again");
                    }
                }
                Err(Down(reason)) => {
                    if !std::mem::replace(&mut self.is_failing, true) {
                        tracing::warn!(%reason, "shared cache failed; going on without it");
                    }
                    sleep(backoff.pause()).await;
                }
            }
        }
    }

    /// Waits for news, and reads them.
    async fn turn(&mut self) -> Result<(), Down> {
        if !self.has_learned {
            self.learn().await?;
            self.has_learned = true;
        }
        let trust = self.fleet.settings.trust;
        let last = self.fleet.order().index.last();
        let is_ready = self.fleet.order().is_ready;
        if let (Some(last), true) = (last, is_ready) {
            let wait = trust / 8;
            let news = self.fleet.store.wait(Stream::Purges, last, wait);
            self.fleet.within(wait + DEADLINE, news).await?;
        }
        let sent = self.fleet.clock.elapsed();
        let reading = self.fleet.store.read(Stream::Purges, last);
        let reading = self.fleet.within(DEADLINE, reading).await?;
        let received = self.fleet.clock.elapsed();
        self.fleet.store_clock.note(sent, received, reading.time);
        let before = self.read_at.take();
        let news = self.take(last, &reading, received);
        if reading.entries.len() < Reading::MAX_ENTRIES && self.fleet.order().index.last() >= last {
            self.read_at = Some(sent);
        }
        if let (News::Written, Some(before)) = (news, before) {
            // The reading before did not have them: whoever took them was in charge since then.
            self.fleet.hearing.heard(before);
            self.stirred_at = received;
            self.patience = patience();
        }
        self.beat(received);
        if self.fleet.order().index.last().is_none() {
            // Until somebody has written to an empty stream, there is nothing to wait after.
            sleep(MIN_PAUSE).await;
        }
        Ok(())
    }

    /// Remembers the revocations of before the start, so that a provider that goes on showing what
    /// it has revoked is not believed.
    async fn learn(&self) -> Result<(), Down> {
        let mut last = None;
        loop {
            let read = self.fleet.store.read(Stream::Revocations, last);
            let reading = self.fleet.within(DEADLINE, read).await?;
            for entry in &reading.entries {
                match Opened::read(&entry.sealed, &self.fleet.keyring) {
                    Opened::Message(message) | Opened::Former(message) => {
                        let purges = message.purges.iter();
                        purges.for_each(|purge| self.replica.learn(&purge.revoked));
                    }
                    Opened::ForeignHeartbeat | Opened::Foreign => {
                        self.fleet.counts.add(Counted::Foreign);
                    }
                }
            }
            if reading.entries.len() < Reading::MAX_ENTRIES {
                return Ok(());
            }
            last = reading.entries.last().map(|entry| entry.id);
        }
    }

    /// Puts new entries in force.
    fn take(&mut self, last: Option<EntryId>, reading: &Reading, now: Duration) -> News {
        let mut entries = reading.entries.as_slice();
        if let Some(last) = last {
            match entries.split_first() {
                Some((first, rest)) if first.id == last => entries = rest,
                Some(_) | None => {
                    *self.fleet.order() = Order::default();
                    self.lose("the last entry that was read is gone");
                    return News::Nothing;
                }
            }
        }
        let mut news = News::Nothing;
        for entry in entries {
            if self.enter(entry, now) == News::Written {
                news = News::Written;
            }
        }
        let is_end = reading.entries.len() < Reading::MAX_ENTRIES;
        if is_end && let Some(revoked) = self.recent.take_owed() {
            self.fleet.publish_later(LocalPurge {
                selector: Selector::new(Target::All),
                revoked,
            });
        }
        let mut order = self.fleet.order();
        // An empty stream has no place for a fact: the first heartbeat makes one.
        if is_end && order.index.last().is_some() && !order.is_ready {
            order.is_ready = true;
            drop(order);
            tracing::info!("shared cache is in use");
        }
        news
    }

    fn enter(&mut self, entry: &Entry, now: Duration) -> News {
        let (message, place) = match Opened::read(&entry.sealed, &self.fleet.keyring) {
            Opened::Message(message) => {
                for purge in &message.purges {
                    self.recent.note(&purge.revoked);
                }
                let place = self.apply(&message.purges);
                (Some(message), place)
            }
            Opened::Former(message) => {
                // Digests of the former secret select nothing here: all facts of those providers.
                let widened = message.purges.iter().map(|purge| Purge {
                    mark: SharedMark::All,
                    ..purge.clone()
                });
                let place = self.apply(&widened.collect::<Vec<_>>());
                (Some(message), place)
            }
            Opened::ForeignHeartbeat => {
                self.note_foreign();
                (None, self.replica.latest())
            }
            Opened::Foreign => {
                self.note_foreign();
                (None, self.replica.apply(&Purge::EVERYTHING))
            }
        };
        let mut order = self.fleet.order();
        let checked = message
            .as_ref()
            .map(|message| order.index.check(entry.id, message));
        // After the purge is in force: what is asked from here on counts as asked after it.
        order.index.push(entry.id, place);
        let is_ready = order.is_ready;
        drop(order);
        if let Some(message) = &message {
            self.note_own(message, now);
        }
        match checked {
            Some(Ok(Sequel::New)) => News::Written,
            Some(Ok(Sequel::Repeated)) | None => News::Nothing,
            Some(Err(Gap)) => {
                self.fleet.order().index.forget_places();
                if is_ready {
                    self.lose("entries of the stream are missing");
                }
                let place = self.replica.apply(&Purge::EVERYTHING);
                self.fleet.order().index.push(entry.id, place);
                News::Written
            }
        }
    }

    fn note_foreign(&mut self) {
        self.fleet.counts.add(Counted::Foreign);
        if !std::mem::replace(&mut self.has_met_foreign, true) {
            tracing::warn!(
                "shared cache has entries of an unknown secret: all replicas of a prefix need the \
                    same `secret`"
            );
        }
    }

    /// Notes an entry that this replica wrote.
    fn note_own(&mut self, message: &Message, now: Duration) {
        if message.author == self.fleet.author {
            self.fleet.outbox.read_back(message.number);
            self.purged_at = (!message.purges.is_empty()).then_some(now);
        }
    }

    fn apply(&self, purges: &[Purge]) -> u64 {
        let latest = self.replica.latest();
        purges.iter().fold(latest, |_, purge| {
            self.fleet.counts.add(Counted::Purge);
            self.replica.apply(purge)
        })
    }

    /// Drops every fact. The others are told to, and what was revoked, once the rest of the stream
    /// was read.
    fn lose(&mut self, why: &'static str) {
        tracing::warn!(why, "shared cache lost purges; dropping all cached facts");
        self.fleet.counts.add(Counted::Gap);
        self.replica.apply(&Purge::EVERYTHING);
        self.fleet.outbox.rewrite();
        self.recent.lose();
    }

    /// Asks for a heartbeat where nobody wrote for a while.
    fn beat(&mut self, now: Duration) {
        let patience = (self.fleet.settings.trust / 4).mul_f64(self.patience);
        let is_empty = self.fleet.order().index.last().is_none();
        let is_over = |since: Duration| now.saturating_sub(since) >= patience;
        if is_empty || is_over(self.stirred_at) || self.purged_at.is_some_and(is_over) {
            self.fleet.outbox.want_beat();
            self.purged_at = None;
            self.stirred_at = now;
            self.patience = 1.0;
        }
    }
}

/// Draws a factor from one to one and a half, so that of many replicas a few write.
fn patience() -> f64 {
    1.0 + fastrand::f64() / 2.0
}
