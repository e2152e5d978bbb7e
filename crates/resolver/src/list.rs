use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::future::join_all;
use introspectd_core::{Failure, Listing, Position, ProviderName, State, Token};
use tokio::time::Instant;

use crate::fact::Keep;
use crate::resolver::Resolver;
use crate::strand::{Strand, foremost};

/// Which records a page is to have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wanted<'a> {
    /// What the providers are asked for.
    pub listing: &'a Listing,
    /// If given, only records that are in this state now.
    pub state: Option<State>,
    /// How many records at most.
    pub size: usize,
}

/// The providers whose lists go on, and where: `None` at the beginning.
pub type Positions = BTreeMap<ProviderName, Option<Position>>;

/// Records of several providers, merged.
#[derive(Debug, Clone, PartialEq)]
pub struct Page<'a> {
    /// By when they were created, in the order that was asked for; of the same second, by the order of their
    /// providers' configuration. A record without that time counts as older than all others.
    ///
    /// Fewer than were wanted, even none, do not mean the end: `next` tells.
    pub records: Vec<Listed<'a>>,
    /// The providers that did not say how their list goes on. What they have yet to tell comes on a later page, out of
    /// order: with `next` if there is one, else with `retry`.
    pub failures: Vec<(&'a ProviderName, Failure)>,
    /// The providers that have no list, or none for these filters.
    pub unlisted: Vec<&'a ProviderName>,
    /// Where the next page goes on; empty where no provider that answered has more. So whoever follows it comes to an
    /// end, whatever fails.
    pub next: Positions,
    /// Where the providers that failed go on, if only they are left: the rest of the same list.
    pub retry: Positions,
}

/// A record on a page.
#[derive(Debug, Clone, PartialEq)]
pub struct Listed<'a> {
    /// Whose it is.
    pub provider: &'a ProviderName,
    /// What it says.
    pub token: Token,
    /// What the token was when the page was made.
    pub state: State,
}

/// How often in a row providers are asked for one page. Who filters by a state that few records have, or asks vendors
/// with small pages, gets a short page in place of one that takes minutes.
const MOST_ROUNDS: usize = 20;

/// How long these take together, since our caller's client waits for a minute.
const LONGEST: Duration = Duration::from_secs(45);

/// A page of large records has fewer of them, about so many bytes and the last one.
const MOST_BYTES: usize = 8 * 1024 * 1024;

impl<K: Keep> Resolver<K> {
    /// One page of the records that the providers in `from` have. What comes nowhere near the cache: a list says less
    /// of a token than the token's own record.
    ///
    /// A provider that fails hides nothing of the others: it is told, and its list goes on where it was. No more is held
    /// than the page, and one batch of each provider. It takes 45 s at most: the page then has what is known.
    pub async fn list(&self, wanted: &Wanted<'_>, from: &Positions) -> Page<'_> {
        let known = self.providers.iter().filter_map(|asked| {
            let position = from.get(&asked.entry.name)?;
            Some(Strand::new(asked, position.clone()))
        });
        let mut strands: Vec<_> = known.collect();
        let mut records = Records { listed: Vec::new(), most: wanted.size, bytes: 0 };
        let until = Instant::now() + LONGEST;
        for _ in 0..MOST_ROUNDS {
            let used_up = strands.iter_mut().filter(|strand| strand.is_used_up());
            let fetching: Vec<_> = used_up.map(|strand| strand.fetch(wanted.listing, until)).collect();
            if fetching.is_empty() || records.are_enough() || Instant::now() >= until {
                break;
            }
            join_all(fetching).await;
            self.merge(&mut strands, wanted, &mut records);
        }
        Page::of(records.listed, strands)
    }

    /// Takes records until the page is full, or what comes next is not known.
    fn merge<'a>(&self, strands: &mut [Strand<'a>], wanted: &Wanted<'_>, records: &mut Records<'a>) {
        while !records.are_enough() && !strands.iter().any(Strand::is_used_up) {
            let Some((provider, token)) = foremost(strands, wanted.listing.order).and_then(Strand::take)
            else {
                return;
            };
            let state = token.state(self.clock.now());
            if wanted.state.is_none_or(|wanted| wanted == state) {
                records.bytes += token.size();
                records.listed.push(Listed { provider, token, state });
            }
        }
    }
}

/// Of a page under way.
struct Records<'a> {
    listed: Vec<Listed<'a>>,
    most: usize,
    /// About.
    bytes: usize,
}

impl Records<'_> {
    fn are_enough(&self) -> bool {
        self.listed.len() >= self.most || self.bytes >= MOST_BYTES
    }
}

impl<'a> Page<'a> {
    fn of(records: Vec<Listed<'a>>, strands: Vec<Strand<'a>>) -> Self {
        let mut page = Self {
            records,
            failures: Vec::new(),
            unlisted: Vec::new(),
            next: Positions::new(),
            retry: Positions::new(),
        };
        // Whoever has no list is named on every page, and keeps none alive.
        let (mut goes_on, mut unable) = (false, Positions::new());
        for strand in strands {
            let provider = strand.provider();
            let (position, failure) = strand.into_next();
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
