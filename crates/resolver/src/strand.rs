use std::collections::VecDeque;

use introspectd_core::{
    BadAnswer, Batch, Failure, Listing, Order, Outage, Position, ProviderName, Timestamp, Token,
};
use tokio::sync::SemaphorePermit;
use tokio::time::{Instant, timeout, timeout_at};

use crate::resolver::Asked;

/// The list of one provider, as far as it is known.
pub(crate) struct Strand<'a> {
    asked: &'a Asked,
    /// After the last record that was taken; `None` at the beginning.
    at: Option<Position>,
    /// What comes behind it.
    batch: VecDeque<(Token, Position)>,
    /// Behind all of the batch.
    next: Option<Position>,
    /// Whether it has told of a batch.
    has_told: bool,
    /// Why nothing more is asked for.
    end: Option<End>,
}

enum End {
    Reached,
    Failed(Failure),
}

/// The longest handle in a position: it is a part of a page token, which must fit into the head of a request together
/// with those of many other providers.
const LONGEST_HANDLE: usize = 256;

/// The strand whose record is next in this order; of those with the same time the first.
pub(crate) fn foremost<'s, 'a>(strands: &'s mut [Strand<'a>], order: Order) -> Option<&'s mut Strand<'a>> {
    let begun = strands.iter_mut().filter(|strand| !strand.batch.is_empty());
    begun.min_by(|one, other| match order {
        Order::Ascending => one.created().cmp(&other.created()),
        Order::Descending => other.created().cmp(&one.created()),
    })
}

impl<'a> Strand<'a> {
    pub(crate) fn new(asked: &'a Asked, at: Option<Position>) -> Self {
        Self { asked, at, batch: VecDeque::new(), next: None, has_told: false, end: None }
    }

    pub(crate) fn provider(&self) -> &'a ProviderName {
        &self.asked.entry.name
    }

    /// Whether only the provider can tell what comes next.
    pub(crate) fn is_used_up(&self) -> bool {
        self.batch.is_empty() && self.end.is_none()
    }

    /// Asks for a batch. What is not there by `until` comes with the next page, if there was a batch before: else no page
    /// would ever have one.
    pub(crate) async fn fetch(&mut self, listing: &Listing, until: Instant) {
        let answer = match timeout_at(until, self.asked.list(listing, self.at.as_ref())).await {
            Ok(answer) => answer,
            Err(_) if self.has_told => return,
            Err(_) => {
                tracing::warn!(provider = %self.provider(), "the provider's list takes longer than a page may");
                Err(Failure::Timeout)
            }
        };
        match answer {
            Ok(Batch { records, next }) => {
                (self.batch, self.next, self.has_told) = (records.into(), next, true);
                self.leave_if_empty();
            }
            Err(failure) => self.end = Some(End::Failed(failure)),
        }
    }

    pub(crate) fn take(&mut self) -> Option<(&'a ProviderName, Token)> {
        let (token, after) = self.batch.pop_front()?;
        self.at = Some(after);
        self.leave_if_empty();
        Some((self.provider(), token))
    }

    /// Where the list goes on, if it does, and why it could not be told further.
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

    fn leave_if_empty(&mut self) {
        if self.batch.is_empty() {
            match self.next.take() {
                Some(next) => self.at = Some(next),
                None => self.end = Some(End::Reached),
            }
        }
    }
}

impl Asked {
    async fn list(&self, listing: &Listing, from: Option<&Position>) -> Result<Batch, Failure> {
        // At once, as for other calls: "never" must not be told as "later" where no place is free.
        let lists = self.entry.provider.lists().ok_or(Failure::Unsupported)?;
        let _place = self.list_place().await?;
        let question = async {
            let batch = lists.list(listing, from).await?;
            check(&batch, from)?;
            Ok(batch)
        };
        let mut batch = self.question(question).await?;
        for (token, _) in &mut batch.records {
            self.complete(token);
            self.judge_record(None, token);
        }
        Ok(batch)
    }

    /// A place among the provider's lists, waited for no longer than for one of its answers. Dropping the future, or the
    /// place, frees it for the next one.
    async fn list_place(&self) -> Result<[SemaphorePermit<'_>; 2], Failure> {
        let overloaded = || Failure::outage(Outage::Overloaded);
        let queued = self.list_queue.try_acquire().map_err(|_| overloaded())?;
        let place = timeout(self.entry.timeout, self.lists.acquire()).await;
        let place = place.map_err(|_| overloaded())?.map_err(|_| overloaded())?;
        Ok([place, queued])
    }
}

/// A list that goes on where it began would never end.
fn check(batch: &Batch, from: Option<&Position>) -> Result<(), BadAnswer> {
    let fits = |position: &Position| match position {
        Position::Page { .. } => true,
        Position::After { handle, .. } => handle.len() <= LONGEST_HANDLE,
    };
    if batch.next.is_some() && batch.next.as_ref() == from {
        return Err(BadAnswer::member("next page"));
    }
    if !batch.records.iter().map(|(_, position)| position).chain(&batch.next).all(fits) {
        return Err(BadAnswer::member("id"));
    }
    Ok(())
}
