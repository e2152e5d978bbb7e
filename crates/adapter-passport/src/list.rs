use introspectd_core::{
    BadAnswer, Batch, Failure, Filters, Instant, Listing, Order, Position, Timestamp, Token, TokenValue, User,
};
use introspectd_upstream::{described, object};
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::wire;

/// The vendor's maximum is not documented, so it is no more than we show on a page ourselves. A server that gives fewer
/// at once is followed all the same; of this many, each may have 20 KiB before the answer is too large.
const PAGE_SIZE: &str = "50";

/// One page of "List token information", <https://docs.passportfintech.com/EN/list-token-information>.
#[derive(Debug)]
pub(crate) struct Page<'a> {
    filters: &'a Filters,
    user: Option<&'a str>,
    grant_flow: Option<&'static str>,
    order: Order,
    /// From 1.
    number: u32,
    /// How many of its records were taken before.
    taken: u32,
    /// `None` for the beginning of a list: then the vendor says as of when it lists.
    as_of: Option<Instant>,
}

/// The page. `tokens` are records as in "Retrieve token information": one that is no usable record makes the whole page
/// no answer, since a list that silently lacks a token would be taken for all of them.
#[derive(Deserialize)]
struct List {
    pagination_info: Box<RawValue>,
    tokens: Vec<Box<RawValue>>,
}

/// "Pagination", <https://docs.passportfintech.com/EN/pagination>. An older example has none of the members.
#[derive(Deserialize)]
struct PaginationInfo {
    /// As `created_at`. The page's table of fields has it in the plural.
    #[serde(alias = "first_request_timestamps")]
    first_request_timestamp: Option<String>,
    total_pages: Option<u32>,
    current_page: Option<u32>,
}

/// What a record may say beyond that which becomes a [`Token`]. None of it is documented.
#[derive(Deserialize)]
struct Undocumented {
    #[serde(default, deserialize_with = "described")]
    account_id: Option<Value>,
    #[serde(default, deserialize_with = "described")]
    user_id: Option<Value>,
    #[serde(default, deserialize_with = "described")]
    grant_flow: Option<Value>,
    /// A secret, known from the creation of tokens. Read to be recognized wherever else it stands.
    #[serde(default, deserialize_with = "described")]
    access_token: Option<Value>,
}

impl<'a> Page<'a> {
    /// The page that comes next. `None` where no record can be meant: of two users, or of an empty name (which a
    /// server may take for no filter at all), and a grant that is none of the vendor's was never used.
    ///
    /// # Errors
    /// [`Failure::Unsupported`] where records do not tell what is asked of them, or the position is of another kind.
    pub(crate) fn of(listing: &'a Listing, from: Option<&Position>) -> Result<Option<Self>, Failure> {
        let filters = &listing.filters;
        let Filters { owner: _, user_id: _, client_id, account_id, grant_type, role } = filters;
        if client_id.is_some() {
            return Err(Failure::Unsupported);
        }
        let user = match filters.user() {
            User::Any => None,
            User::One(user) => Some(user),
            User::Conflicting => return Ok(None),
        };
        let (number, taken, as_of) = match from {
            None => (1, 0, None),
            Some(Position::Page { number, taken, as_of }) => (*number, *taken, Some(*as_of)),
            Some(Position::After { .. }) => return Err(Failure::Unsupported),
        };
        let grant_flow = grant_type.as_deref().map(grant_flow);
        let is_empty = |filter: Option<&str>| filter == Some("");
        if grant_flow == Some(None)
            || [user, account_id.as_deref(), role.as_deref()].into_iter().any(is_empty)
        {
            return Ok(None);
        }
        let (grant_flow, order) = (grant_flow.flatten(), listing.order);
        Ok(Some(Self { filters, user, grant_flow, order, number, taken, as_of }))
    }

    /// What is asked, by the vendor's names.
    pub(crate) fn query(&self) -> Vec<(&'static str, String)> {
        let direction = match self.order {
            Order::Ascending => "ASC",
            Order::Descending => "DESC",
        };
        let mut query = vec![
            ("page_params.page_size", PAGE_SIZE.to_owned()),
            ("page_params.page_number", self.number.to_string()),
        ];
        if let Some(Instant { second, nanos }) = self.as_of {
            query.push(("page_params.first_request_timestamp.seconds", second.seconds().to_string()));
            query.push(("page_params.first_request_timestamp.nanos", nanos.to_string()));
        }
        query.push(("order_params.order_key", "created_at".to_owned()));
        query.push(("order_params.order_direction", direction.to_owned()));
        let filters = [
            ("account_id", self.filters.account_id.as_deref()),
            ("user_id", self.user),
            ("grant_flow", self.grant_flow),
            ("role", self.filters.role.as_deref()),
        ];
        query.extend(filters.into_iter().filter_map(|(name, value)| Some((name, value?.to_owned()))));
        query
    }

    /// The records of the page that was asked for at this time.
    pub(crate) fn read(&self, body: &[u8], asked_at: Timestamp) -> Result<Batch, BadAnswer> {
        let list: List = object(body)?;
        let info: PaginationInfo = object(list.pagination_info.get().as_bytes())?;
        if info.current_page.is_some_and(|current| current != self.number) {
            return Err(BadAnswer::member("current_page"));
        }
        let mut records = Vec::new();
        for (taken, record) in (1u32..).zip(&list.tokens) {
            let (token, told) = read_record(record)?;
            let is_meant = self.is_meant(&token, &told)?;
            records.push((taken, token, is_meant));
        }
        let as_of = self.as_of(&info, records.iter().map(|(_, token, _)| token), asked_at)?;
        let next = self.next(&info, list.tokens.is_empty(), as_of)?;
        let number = self.number;
        let records = records
            .into_iter()
            .filter(|(taken, _, is_meant)| *is_meant && *taken > self.taken)
            .map(|(taken, token, _)| (token, Position::Page { number, taken, as_of }))
            .collect();
        Ok(Batch { records, next })
    }

    /// Whether the filters are about this record, as far as it tells: a server may ignore them.
    fn is_meant(&self, token: &Token, told: &Undocumented) -> Result<bool, BadAnswer> {
        if self.filters.role.as_ref().is_some_and(|role| !token.roles.contains(role)) {
            return Ok(false);
        }
        for (name, wanted, value) in [
            ("account_id", self.filters.account_id.as_deref(), &told.account_id),
            ("user_id", self.user, &told.user_id),
            ("grant_flow", self.grant_flow, &told.grant_flow),
        ] {
            let (Some(wanted), Some(value)) = (wanted, value) else { continue };
            if value.as_str().ok_or_else(|| BadAnswer::member(name))? != wanted {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// As of when the pages of this list are. Without a word of the vendor it is the time of our first question, or of
    /// the newest record that is there already: to show a record of that second twice is better than to skip one.
    fn as_of<'t>(
        &self,
        info: &PaginationInfo,
        tokens: impl Iterator<Item = &'t Token>,
        asked_at: Timestamp,
    ) -> Result<Instant, BadAnswer> {
        if let Some(as_of) = self.as_of {
            return Ok(as_of);
        }
        if let Some(text) = &info.first_request_timestamp {
            return wire::instant(text).ok_or_else(|| BadAnswer::member("first_request_timestamp"));
        }
        let second = tokens.filter_map(|token| token.iat).fold(asked_at, Timestamp::max);
        Ok(Instant { second, nanos: 999_999_999 })
    }

    /// The page after this one. Without a number of pages it is the empty one that ends the list, since a server may
    /// give fewer records at once than it was asked for.
    fn next(
        &self,
        info: &PaginationInfo,
        is_empty: bool,
        as_of: Instant,
    ) -> Result<Option<Position>, BadAnswer> {
        let goes_on = match info.total_pages {
            // It has a page that it does not count, and may have more of them.
            Some(total) if total < self.number && !is_empty => return Err(BadAnswer::member("total_pages")),
            // Pages are counted from the list's start: behind an empty one there is none, whatever the number says.
            Some(total) => self.number < total && !is_empty,
            None => !is_empty,
        };
        if !goes_on {
            return Ok(None);
        }
        let number = self.number.checked_add(1).ok_or_else(|| BadAnswer::member("total_pages"))?;
        Ok(Some(Position::Page { number, taken: 0, as_of }))
    }
}

fn read_record(record: &RawValue) -> Result<(Token, Undocumented), BadAnswer> {
    let body = record.get().as_bytes();
    let token = wire::read_listed(body)?;
    let mut told: Undocumented = object(body)?;
    let secret = match told.access_token.take() {
        Some(Value::String(text)) => TokenValue::parse(text).ok(),
        Some(_) | None => None,
    };
    Ok((secret.into_iter().fold(token, |token, secret| token.redact(&secret)), told))
}

/// The vendor's name of a grant: by that of RFC 6749, which two of them have, or by its own. There are no more.
fn grant_flow(grant_type: &str) -> Option<&'static str> {
    match grant_type {
        "client_credentials" | "GRANT_FLOW_CLIENT_CREDENTIALS" => Some("GRANT_FLOW_CLIENT_CREDENTIALS"),
        "password" | "GRANT_FLOW_PASSWORD" => Some("GRANT_FLOW_PASSWORD"),
        "GRANT_FLOW_ENTITY_SETUP" => Some("GRANT_FLOW_ENTITY_SETUP"),
        "GRANT_FLOW_LOGIN" => Some("GRANT_FLOW_LOGIN"),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
