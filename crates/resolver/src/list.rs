use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::future::join_all;
use introspectd_core::{Failure, Listing, Position, ProviderName, State, Token};
use tokio::time::Instant;

use crate::cursor::{Cursor, next_in_order};
use crate::fact::Keep;
use crate::resolver::Resolver;

/// Records that a page is requested for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wanted<'a> {
    /// Listing that the providers are asked for.
    pub listing: &'a Listing,
    /// State that the records are in now; `None` for any.
    pub state: Option<State>,
    /// Most records.
    pub size: usize,
}

/// Positions of the providers whose lists continue: `None` at the beginning.
pub type Positions = BTreeMap<ProviderName, Option<Position>>;

/// Merged records of several providers.
#[derive(Debug, Clone, PartialEq)]
pub struct Page<'a> {
    /// Records by creation time, in the requested order; of the same second, in the order of their
    /// providers' configuration. A record without a time counts as older than all others.
    ///
    /// A short or empty page is not the end: `next` decides.
    pub records: Vec<Listed<'a>>,
    /// Providers that failed. The rest of their lists comes on a later page, out of order: with
    /// `next` if there is one, else with `retry`.
    pub failures: Vec<(&'a ProviderName, Failure)>,
    /// Providers without a list, or without one for these filters.
    pub unlisted: Vec<&'a ProviderName>,
    /// Positions of the next page; empty if no provider that answered has more, so that a client
    /// that follows it reaches an end whatever fails.
    pub next: Positions,
    /// Positions of the failed providers if only they are left: the rest of the same list.
    pub retry: Positions,
}

/// Record on a page.
#[derive(Debug, Clone, PartialEq)]
pub struct Listed<'a> {
    /// Provider of the record.
    pub provider: &'a ProviderName,
    /// Record itself.
    pub token: Token,
    /// State of the token when the page was made.
    pub state: State,
}

/// Most rounds of requests for one page. A filter by a rare state, or vendors with small pages,
/// gives a short page instead of one that takes minutes.
const MAX_ROUNDS: usize = 20;

/// Deadline of a page, below the minute that clients wait.
const PAGE_DEADLINE: Duration = Duration::from_secs(45);

/// Approximate bytes of a page, which the last record may exceed.
const MAX_BYTES: usize = 8 * 1024 * 1024;

impl<K: Keep> Resolver<K> {
    /// Lists one page of the records of the providers in `from`. Lists do not reach the cache: they
    /// say less about a token than its own record.
    ///
    /// A provider that fails hides nothing of the others: it is reported, and its list continues
    /// where it was. Holds the page and one batch of each provider. Takes 45 s at most, and returns
    /// what is known by then.
    pub async fn list(&self, wanted: &Wanted<'_>, from: &Positions) -> Page<'_> {
        let known = self.table.slots().iter().filter_map(|slot| {
            let position = from.get(slot.name())?;
            Some(Cursor::new(slot, &self.memory, position.clone()))
        });
        let mut cursors: Vec<_> = known.collect();
        let mut records = Records {
            listed: Vec::new(),
            most: wanted.size,
            bytes: 0,
        };
        let until = Instant::now() + PAGE_DEADLINE;
        for _ in 0..MAX_ROUNDS {
            let used_up = cursors.iter_mut().filter(|cursor| cursor.needs_batch());
            let fetching: Vec<_> = used_up
                .map(|cursor| cursor.fetch(wanted.listing, until))
                .collect();
            if fetching.is_empty() || records.are_enough() || Instant::now() >= until {
                break;
            }
            join_all(fetching).await;
            self.merge(&mut cursors, wanted, &mut records);
        }
        Page::of(records.listed, cursors)
    }

    /// Takes records until the page is full, or a provider needs a batch.
    fn merge<'a>(
        &self,
        cursors: &mut [Cursor<'a>],
        wanted: &Wanted<'_>,
        records: &mut Records<'a>,
    ) {
        while !records.are_enough() && !cursors.iter().any(Cursor::needs_batch) {
            let Some((provider, token)) =
                next_in_order(cursors, wanted.listing.order).and_then(Cursor::take)
            else {
                return;
            };
            let state = token.state(self.clock.now());
            if wanted.state.is_none_or(|wanted| wanted == state) {
                records.bytes += token.size();
                records.listed.push(Listed {
                    provider,
                    token,
                    state,
                });
            }
        }
    }
}

/// Records of an unfinished page.
struct Records<'a> {
    listed: Vec<Listed<'a>>,
    most: usize,
    /// Approximate size.
    bytes: usize,
}

impl Records<'_> {
    fn are_enough(&self) -> bool {
        self.listed.len() >= self.most || self.bytes >= MAX_BYTES
    }
}

impl<'a> Page<'a> {
    fn of(records: Vec<Listed<'a>>, cursors: Vec<Cursor<'a>>) -> Self {
        let mut page = Self {
            records,
            failures: Vec::new(),
            unlisted: Vec::new(),
            next: Positions::new(),
            retry: Positions::new(),
        };
        // A provider without a list is named on every page, and alone makes no further one.
        let (mut goes_on, mut unable) = (false, Positions::new());
        for cursor in cursors {
            let provider = cursor.provider();
            let (position, failure) = cursor.into_next();
            let kept = match failure {
                None => {
                    goes_on |= position.is_some();
                    &mut page.next
                }
                Some(Failure::Unsupported) => {
                    page.unlisted.push(provider);
                    &mut unable
                }
                Some(failure) => {
                    page.failures.push((provider, failure));
                    &mut page.retry
                }
            };
            kept.extend(position.map(|position| (provider.clone(), position)));
        }
        if goes_on {
            page.next.append(&mut page.retry);
            page.next.append(&mut unable);
        }
        page
    }
}
