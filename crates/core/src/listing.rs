use crate::{Timestamp, Token};

/// Request for a provider's records: filters and order.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Listing {
    /// Conditions that every record meets.
    pub filters: Filters,
    /// Order by creation time.
    pub order: Order,
}

/// Conditions on a record, all of which must hold. A filter that the vendor's call takes is sent to
/// it, any other is applied to the result. One about a value that the vendor's records do not have
/// is [`Failure::Unsupported`](crate::Failure::Unsupported): matches could not be
/// determined.
///
/// The state is no filter here: it changes with time, so the caller of the list applies it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Filters {
    /// Owner: the user or client that a token was issued for.
    pub owner: Option<String>,
    /// Client that a token was issued to.
    pub client_id: Option<String>,
    /// End user. Vendors with one name for owner and end user take either: see [`Filters::user`].
    pub user_id: Option<String>,
    /// Account, in the vendor's sense.
    pub account_id: Option<String>,
    /// RFC 6749 or 8693 name of the grant.
    pub grant_type: Option<String>,
    /// Role that the record has.
    pub role: Option<String>,
}

/// User filter of a vendor with one name for owner and end user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum User<'a> {
    /// Tokens of any user.
    Any,
    /// Tokens of one user.
    One(&'a str),
    /// Tokens of two users at once, which do not exist.
    Conflicting,
}

impl Filters {
    /// Combines `owner` and `user_id` for a vendor with one name for both, so that one request
    /// finds a user's tokens at every vendor.
    pub fn user(&self) -> User<'_> {
        match (self.owner.as_deref(), self.user_id.as_deref()) {
            (None, None) => User::Any,
            (Some(one), None) | (None, Some(one)) => User::One(one),
            (Some(one), Some(other)) if one == other => User::One(one),
            (Some(_), Some(_)) => User::Conflicting,
        }
    }
}

/// Order of records by creation time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Order {
    /// Oldest first.
    #[default]
    Ascending,
    /// Newest first.
    Descending,
}

/// Batch of a provider's records, in the requested order.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Batch {
    /// Records that the adapter reads at once, each with the position after it.
    pub records: Vec<(Token, Position)>,
    /// Position after the last record, filtered ones included; `None` at the end of the list.
    pub next: Option<Position>,
}

/// Position in a list. Clients hold it in a page token, so it never contains a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Position {
    /// Position in numbered pages.
    Page {
        /// Page number, from 1.
        number: u32,
        /// Number of its records already returned.
        taken: u32,
        /// Moment that the vendor lists as of, so that pages do not shift while tokens are issued.
        as_of: Instant,
    },
    /// Position after a record, in the order of the list.
    After {
        /// Creation time in milliseconds since 1970.
        millis: i64,
        /// Tie-breaker of records of the same time: the id, or a hash of the token.
        handle: String,
    },
}

/// Moment in the vendor's precision.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Instant {
    /// Whole seconds.
    pub second: Timestamp,
    /// Nanoseconds within the second, below 1,000,000,000.
    pub nanos: u32,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn owner_and_user_filters_combine_to_one_user() {
        let user = |owner: Option<&str>, user: Option<&str>| {
            let owner = owner.map(str::to_owned);
            let user_id = user.map(str::to_owned);
            let filters = Filters {
                owner,
                user_id,
                ..Filters::default()
            };
            match filters.user() {
                User::Any => "any".to_owned(),
                User::One(one) => one.to_owned(),
                User::Conflicting => "conflicting".to_owned(),
            }
        };
        assert_eq!(user(None, None), "any");
        assert_eq!(user(Some("a"), None), "a");
        assert_eq!(user(None, Some("b")), "b");
        assert_eq!(user(Some("a"), Some("a")), "a");
        assert_eq!(user(Some("a"), Some("b")), "conflicting");
    }
}
