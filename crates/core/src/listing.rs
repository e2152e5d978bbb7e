use crate::{Timestamp, Token};

/// Which records of a provider are wanted, and in which order.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Listing {
    /// Which of them.
    pub filters: Filters,
    /// By when they were created.
    pub order: Order,
}

/// What is asked of a record, all of it at once. Where the vendor's call takes a filter it is handed on, else it is
/// applied to what comes back; a filter about something that the vendor's records do not tell is
/// [`Failure::Unsupported`](crate::Failure::Unsupported), since nobody could say which records are meant.
///
/// The state is not among them: it changes with time, and whoever lists judges it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Filters {
    /// Whose tokens: a record's `sub`.
    pub owner: Option<String>,
    /// To which client they were issued.
    pub client_id: Option<String>,
    /// The end user, as the vendor calls it.
    pub user_id: Option<String>,
    /// The account, as the vendor calls it.
    pub account_id: Option<String>,
    /// RFC 6749 or 8693 name of the grant.
    pub grant_type: Option<String>,
    /// One of a record's roles.
    pub role: Option<String>,
}

/// By when records were created.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Order {
    /// The oldest first.
    #[default]
    Ascending,
    /// The newest first.
    Descending,
}

/// Some records of a provider, in the order that was asked for.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Batch {
    /// As many as its adapter takes at once, each with where the list goes on after it.
    pub records: Vec<(Token, Position)>,
    /// Where it goes on after all of them, also after those that a filter left out. `None` at the end of the list.
    pub next: Option<Position>,
}

/// Where a list goes on. It stands in a client's page token, so it never holds a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Position {
    /// In the pages of a vendor that counts them.
    Page {
        /// From 1.
        number: u32,
        /// How many of its records were taken.
        taken: u32,
        /// As of which moment the vendor lists, so that pages do not shift while tokens are issued.
        as_of: Instant,
    },
    /// After a record, in the order of the list.
    After {
        /// When it was created, in milliseconds since 1970.
        millis: i64,
        /// What tells it from others of the same time: its id, or a hash of its token.
        handle: String,
    },
}

/// A moment as exact as a vendor gives it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Instant {
    /// The whole seconds of it.
    pub second: Timestamp,
    /// And the rest, below 1,000,000,000.
    pub nanos: u32,
}
