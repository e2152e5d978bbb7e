use std::collections::VecDeque;

use introspectd_core::ask::Operation;
use introspectd_core::{
    BadAnswer, Batch, Failure, Listing, Order, Outage, Position, ProviderName, Timestamp, Token,
};
use tokio::sync::SemaphorePermit;
use tokio::time::{Instant, timeout, timeout_at};

use crate::revoked::Memory;
use crate::slot::ProviderSlot;

/// Cursor in the list of one provider, with the batch that follows it.
pub(crate) struct Cursor<'a> {
    slot: &'a ProviderSlot,
    memory: &'a Memory,
    /// Position after the last record that was taken; `None` at the beginning.
    at: Option<Position>,
    /// Records that follow it.
    batch: VecDeque<(Token, Position)>,
    /// Position after the batch.
    next: Option<Position>,
    /// True once the provider has delivered a batch.
    has_delivered: bool,
    /// Reason why no further batch is requested.
    end: Option<End>,
}

enum End {
    Reached,
    Failed(Failure),
}

/// Longest handle in a position: it is part of a page token, which must fit into a request's head
/// together with those of many other providers.
const MAX_HANDLE_BYTES: usize = 256;

/// Returns the cursor whose record is next in this order; of those with the same time the first.
pub(crate) fn next_in_order<'s, 'a>(
    cursors: &'s mut [Cursor<'a>],
    order: Order,
) -> Option<&'s mut Cursor<'a>> {
    let with_records = cursors.iter_mut().filter(|cursor| !cursor.batch.is_empty());
    with_records.min_by(|one, other| match order {
        Order::Ascending => one.created().cmp(&other.created()),
        Order::Descending => other.created().cmp(&one.created()),
    })
}

impl<'a> Cursor<'a> {
    pub(crate) fn new(slot: &'a ProviderSlot, memory: &'a Memory, at: Option<Position>) -> Self {
        Self {
            slot,
            memory,
            at,
            batch: VecDeque::new(),
            next: None,
            has_delivered: false,
            end: None,
        }
    }

    pub(crate) fn provider(&self) -> &'a ProviderName {
        self.slot.name()
    }

    /// Returns true if only the provider knows what comes next.
    pub(crate) fn needs_batch(&self) -> bool {
        self.batch.is_empty() && self.end.is_none()
    }

    /// Requests a batch. One that is late is left to the next page if the provider has delivered
    /// before; else no page would ever have one.
    pub(crate) async fn fetch(&mut self, listing: &Listing, until: Instant) {
        let answer = match timeout_at(
            until,
            list(self.slot, self.memory, listing, self.at.as_ref()),
        )
        .await
        {
            Ok(answer) => answer,
            Err(_) if self.has_delivered => return,
            Err(_) => {
                tracing::warn!(
                    provider = %self.provider(),
                    "provider list exceeded the deadline of a page"
                );
                Err(Failure::Timeout)
            }
        };
        match answer {
            Ok(Batch { records, next }) => {
                self.batch = records.into();
                self.next = next;
                self.has_delivered = true;
                self.advance();
            }
            Err(failure) => self.end = Some(End::Failed(failure)),
        }
    }

    pub(crate) fn take(&mut self) -> Option<(&'a ProviderName, Token)> {
        let (token, after) = self.batch.pop_front()?;
        self.at = Some(after);
        self.advance();
        Some((self.provider(), token))
    }

    /// Returns where the list continues, if it does, and why it could not be read further.
    pub(crate) fn into_next(self) -> (Option<Option<Position>>, Option<Failure>) {
        match self.end {
            None => (Some(self.at), None),
            Some(End::Reached) => (None, None),
            Some(End::Failed(failure)) => (Some(self.at), Some(failure)),
        }
    }

    fn created(&self) -> Option<Timestamp> {
        self.batch.front().and_then(|(token, _)| token.iat)
    }

    /// Moves past a batch that is used up.
    fn advance(&mut self) {
        if self.batch.is_empty() {
            match self.next.take() {
                Some(next) => self.at = Some(next),
                None => self.end = Some(End::Reached),
            }
        }
    }
}

async fn list(
    slot: &ProviderSlot,
    memory: &Memory,
    listing: &Listing,
    from: Option<&Position>,
) -> Result<Batch, Failure> {
    // Before a permit, without which "never" would seem transient.
    let lists = slot.entry.provider.lists().ok_or(Failure::Unsupported)?;
    let _permits = permits(slot).await?;
    let request = async {
        let batch = lists.list(listing, from).await?;
        check(&batch, from)?;
        Ok(batch)
    };
    let mut batch = slot.observe(Operation::List, request).await?;
    for (token, _) in &mut batch.records {
        slot.complete(token);
        memory.judge_record(slot, None, token);
    }
    Ok(batch)
}

/// Waits for a permit among the provider's lists, no longer than for one of its answers. Dropping
/// the future or the permits frees them.
async fn permits(slot: &ProviderSlot) -> Result<[SemaphorePermit<'_>; 2], Failure> {
    let overloaded = || Failure::outage(Outage::Overloaded);
    let queued = slot.list_queue.try_acquire().map_err(|_| overloaded())?;
    let running = timeout(slot.entry.timeout, slot.lists.acquire()).await;
    let running = running
        .map_err(|_| overloaded())?
        .map_err(|_| overloaded())?;
    Ok([running, queued])
}

/// Refuses a batch that continues where it began, since its list would never end, and one with a
/// handle too long.
fn check(batch: &Batch, from: Option<&Position>) -> Result<(), BadAnswer> {
    let fits = |position: &Position| match position {
        Position::Page { .. } => true,
        Position::After { handle, .. } => handle.len() <= MAX_HANDLE_BYTES,
    };
    if batch.next.is_some() && batch.next.as_ref() == from {
        return Err(BadAnswer::member("next page"));
    }
    if !batch
        .records
        .iter()
        .map(|(_, position)| position)
        .chain(&batch.next)
        .all(fits)
    {
        return Err(BadAnswer::member("id"));
    }
    Ok(())
}
