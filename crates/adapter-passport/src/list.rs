use introspectd_core::{
    BadAnswer, Batch, Failure, Filters, Instant, Listing, Order, Position, Timestamp, Token,
    TokenValue, User,
};
use introspectd_upstream::{described, object};
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::wire;

/// Records per page. The vendor's maximum is undocumented, so this equals our own page size; fewer
/// records are accepted. Each may have 20 KiB before the response is too large.
const PAGE_SIZE: &str = "50";

/// Page request of "List token information",
/// <https://docs.passportfintech.com/EN/list-token-information>.
#[derive(Debug)]
pub(crate) struct Page<'a> {
    filters: &'a Filters,
    user: Option<&'a str>,
    grant_flow: Option<&'static str>,
    order: Order,
    /// Page number, from 1.
    number: u32,
    /// Number of its records already returned.
    taken: u32,
    /// Moment of the list; `None` at its beginning, where the vendor chooses it.
    as_of: Option<Instant>,
}

/// Page response. `tokens` are records of "Retrieve token information": one invalid record makes
/// the whole page invalid, since a list that silently lacks a token would be taken for complete.
#[derive(Deserialize)]
struct List {
    pagination_info: Box<RawValue>,
    tokens: Vec<Box<RawValue>>,
}

/// Response part "Pagination", <https://docs.passportfintech.com/EN/pagination>. An older example
/// has no members in it.
#[derive(Deserialize)]
struct PaginationInfo {
    /// Time in the format of `created_at`. The page's table of fields has the name in the plural.
    #[serde(alias = "first_request_timestamps")]
    first_request_timestamp: Option<String>,
    total_pages: Option<u32>,
    current_page: Option<u32>,
}

/// Undocumented members of a record, beyond those of a [`Token`].
#[derive(Deserialize)]
struct Undocumented {
    #[serde(default, deserialize_with = "described")]
    account_id: Option<Value>,
    #[serde(default, deserialize_with = "described")]
    user_id: Option<Value>,
    #[serde(default, deserialize_with = "described")]
    grant_flow: Option<Value>,
    /// Secret, known from the creation of tokens. Read to redact it everywhere else.
    #[serde(default, deserialize_with = "described")]
    access_token: Option<Value>,
}

impl<'a> Page<'a> {
    /// Creates the request of the next page; `None` if no record can match: two users, an empty
    /// name (which a server may ignore), or a grant that is not the vendor's.
    ///
    /// # Errors
    /// [`Failure::Unsupported`] for a filter on a member that records lack, or a position of
    /// another kind.
    pub(crate) fn of(
        listing: &'a Listing,
        from: Option<&Position>,
    ) -> Result<Option<Self>, Failure> {
        let filters = &listing.filters;
        let Filters {
            owner: _,
            user_id: _,
            client_id,
            account_id,
            grant_type,
            role,
        } = filters;
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
            Some(Position::Page {
                number,
                taken,
                as_of,
            }) => (*number, *taken, Some(*as_of)),
            Some(Position::After { .. }) => return Err(Failure::Unsupported),
        };
        let grant_flow = grant_type.as_deref().map(grant_flow);
        let is_empty = |filter: Option<&str>| filter == Some("");
        if grant_flow == Some(None)
            || [user, account_id.as_deref(), role.as_deref()]
                .into_iter()
                .any(is_empty)
        {
            return Ok(None);
        }
        let grant_flow = grant_flow.flatten();
        let order = listing.order;
        Ok(Some(Self {
            filters,
            user,
            grant_flow,
            order,
            number,
            taken,
            as_of,
        }))
    }

    /// Query parameters in the vendor's names.
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
            query.push((
                "page_params.first_request_timestamp.seconds",
                second.seconds().to_string(),
            ));
            query.push((
                "page_params.first_request_timestamp.nanos",
                nanos.to_string(),
            ));
        }
        query.push(("order_params.order_key", "created_at".to_owned()));
        query.push(("order_params.order_direction", direction.to_owned()));
        let filters = [
            ("account_id", self.filters.account_id.as_deref()),
            ("user_id", self.user),
            ("grant_flow", self.grant_flow),
            ("role", self.filters.role.as_deref()),
        ];
        query.extend(
            filters
                .into_iter()
                .filter_map(|(name, value)| Some((name, value?.to_owned()))),
        );
        query
    }

    /// Reads the page requested at `asked_at`.
    pub(crate) fn read(&self, body: &[u8], asked_at: Timestamp) -> Result<Batch, BadAnswer> {
        let list: List = object(body)?;
        let info: PaginationInfo = object(list.pagination_info.get().as_bytes())?;
        if info
            .current_page
            .is_some_and(|current| current != self.number)
        {
            return Err(BadAnswer::member("current_page"));
        }
        let mut records = Vec::new();
        for (taken, record) in (1u32..).zip(&list.tokens) {
            let (token, members) = read_record(record)?;
            let matches = self.matches(&token, &members)?;
            records.push((taken, token, matches));
        }
        let as_of = self.as_of(&info, records.iter().map(|(_, token, _)| token), asked_at)?;
        let next = self.next(&info, list.tokens.is_empty(), as_of)?;
        let number = self.number;
        let records = records
            .into_iter()
            .filter(|(taken, _, matches)| *matches && *taken > self.taken)
            .map(|(taken, token, _)| {
                (
                    token,
                    Position::Page {
                        number,
                        taken,
                        as_of,
                    },
                )
            })
            .collect();
        Ok(Batch { records, next })
    }

    /// Checks the filters against the record's members, if present: a server may ignore filters.
    fn matches(&self, token: &Token, members: &Undocumented) -> Result<bool, BadAnswer> {
        if self
            .filters
            .role
            .as_ref()
            .is_some_and(|role| !token.roles.contains(role))
        {
            return Ok(false);
        }
        for (name, wanted, value) in [
            (
                "account_id",
                self.filters.account_id.as_deref(),
                &members.account_id,
            ),
            ("user_id", self.user, &members.user_id),
            ("grant_flow", self.grant_flow, &members.grant_flow),
        ] {
            let (Some(wanted), Some(value)) = (wanted, value) else {
                continue;
            };
            if value.as_str().ok_or_else(|| BadAnswer::member(name))? != wanted {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Determines the moment of the list. If the vendor does not return it, it is the time of the
    /// first request, or of the newest record: a record of that second shown twice is better than
    /// one skipped.
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
        let second = tokens
            .filter_map(|token| token.iat)
            .fold(asked_at, Timestamp::max);
        Ok(Instant {
            second,
            nanos: 999_999_999,
        })
    }

    /// Position of the next page. Without a page count an empty page ends the list, since a server
    /// may return fewer records than requested.
    fn next(
        &self,
        info: &PaginationInfo,
        is_empty: bool,
        as_of: Instant,
    ) -> Result<Option<Position>, BadAnswer> {
        let has_next = match info.total_pages {
            // The count misses this page, and may miss more.
            Some(total) if total < self.number && !is_empty => {
                return Err(BadAnswer::member("total_pages"));
            }
            // Pages count from the start: none follows an empty one, whatever the count.
            Some(total) => self.number < total && !is_empty,
            None => !is_empty,
        };
        if !has_next {
            return Ok(None);
        }
        let number = self
            .number
            .checked_add(1)
            .ok_or_else(|| BadAnswer::member("total_pages"))?;
        Ok(Some(Position::Page {
            number,
            taken: 0,
            as_of,
        }))
    }
}

fn read_record(record: &RawValue) -> Result<(Token, Undocumented), BadAnswer> {
    let body = record.get().as_bytes();
    let token = wire::read_listed(body)?;
    let mut members: Undocumented = object(body)?;
    let secret = match members.access_token.take() {
        Some(Value::String(text)) => TokenValue::parse(text).ok(),
        Some(_) | None => None,
    };
    Ok((
        secret
            .into_iter()
            .fold(token, |token, secret| token.redact(&secret)),
        members,
    ))
}

/// Vendor's name of a grant, from the RFC 6749 name (two have one) or from its own.
fn grant_flow(grant_type: &str) -> Option<&'static str> {
    match grant_type {
        "client_credentials" | "GRANT_FLOW_CLIENT_CREDENTIALS" => {
            Some("GRANT_FLOW_CLIENT_CREDENTIALS")
        }
        "password" | "GRANT_FLOW_PASSWORD" => Some("GRANT_FLOW_PASSWORD"),
        "GRANT_FLOW_ENTITY_SETUP" => Some("GRANT_FLOW_ENTITY_SETUP"),
        "GRANT_FLOW_LOGIN" => Some("GRANT_FLOW_LOGIN"),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
