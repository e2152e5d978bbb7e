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
    /// Whose tokens: the user or client that a token was issued for.
    pub owner: Option<String>,
    /// To which client they were issued.
    pub client_id: Option<String>,
    /// The end user. Vendors that tell owner and end user apart by one name only take either: see [`Filters::user`].
    pub user_id: Option<String>,
    /// The account, as the vendor calls it.
    pub account_id: Option<String>,
    /// RFC 6749 or 8693 name of the grant.
    pub grant_type: Option<String>,
    /// One of a record's roles.
    pub role: Option<String>,
}

/// Whose tokens are wanted, of a vendor that has one name for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum User<'a> {
    /// Anybody's.
    Any,
    /// Those of one.
    One(&'a str),
    /// Those of two at the same time, which are none.
    Conflicting,
}

impl Filters {
    /// What `owner` and `user_id` mean to a vendor that has one name for both: Passport's `user_id`, TIBCO's `owner`,
    /// Apigee's `enduser`. So one question finds a user's tokens at all of them.
    pub fn user(&self) -> User<'_> {
        match (self.owner.as_deref(), self.user_id.as_deref()) {
            (None, None) => User::Any,
            (Some(one), None) | (None, Some(one)) => User::One(one),
            (Some(one), Some(other)) if one == other => User::One(one),
            (Some(_), Some(_)) => User::Conflicting,
        }
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_owner_and_a_user_are_one_where_a_vendor_has_one_name() {
        let user = |owner: Option<&str>, user: Option<&str>| {
            let (owner, user_id) = (owner.map(str::to_owned), user.map(str::to_owned));
            let filters = Filters { owner, user_id, ..Filters::default() };
            match filters.user() {
                User::Any => "anyone".to_owned(),
                User::One(one) => one.to_owned(),
                User::Conflicting => "nobody".to_owned(),
            }
        };
        assert_eq!(user(None, None), "anyone");
        assert_eq!(user(Some("a"), None), "a");
        assert_eq!(user(None, Some("b")), "b");
        assert_eq!(user(Some("a"), Some("a")), "a");
        assert_eq!(user(Some("a"), Some("b")), "nobody");
    }
}
