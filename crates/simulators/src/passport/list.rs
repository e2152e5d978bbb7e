//! The list of all tokens, page by page. Defaults, limits and the snapshot by time are assumed.

use std::time::{Duration, SystemTime};

use serde_json::{Value, json};
use time::OffsetDateTime;

use super::ACCOUNT_ID;
use super::errors::{Refusal, refusal};
use crate::clock::rfc3339_millis;
use crate::{Answer, Recorded};

const PAGE_SIZE: usize = 10;
const LARGEST_PAGE: usize = 100;
const GRANT_FLOWS: [&str; 4] = [
    "GRANT_FLOW_CLIENT_CREDENTIALS",
    "GRANT_FLOW_PASSWORD",
    "GRANT_FLOW_ENTITY_SETUP",
    "GRANT_FLOW_LOGIN",
];

/// Page requested by the query.
struct Page {
    size: usize,
    /// Page number, from 1.
    number: usize,
    /// Tokens created later are left out.
    snapshot: SystemTime,
    descending: bool,
    filters: Vec<(String, String)>,
}

/// The page of `records` that `request` asks for, or 400.
pub(super) fn answer(request: &Recorded, mut records: Vec<Value>, now: SystemTime) -> Answer {
    let Some(page) = Page::asked(request, now) else {
        return refusal(request, Refusal::Malformed);
    };
    let snapshot = rfc3339_millis(page.snapshot);
    records.retain(|record| created_at(record) <= snapshot.as_str());
    records.retain(|record| {
        page.filters
            .iter()
            .all(|(name, value)| matches(record, name, value))
    });
    records.sort_by(|a, b| created_at(a).cmp(created_at(b)));
    if page.descending {
        records.reverse();
    }
    let total = records.len();
    let skipped = page.size.saturating_mul(page.number - 1);
    let tokens: Vec<Value> = records.into_iter().skip(skipped).take(page.size).collect();
    let pagination = json!({
        "total_elements": total,
        "first_request_timestamp": trimmed(&snapshot),
        "total_pages": total.div_ceil(page.size),
        "current_page": page.number,
    });
    Answer::json(
        200,
        json!({"pagination_info": pagination, "tokens": tokens}),
    )
}

impl Page {
    fn asked(request: &Recorded, now: SystemTime) -> Option<Self> {
        let mut page = Self {
            size: PAGE_SIZE,
            number: 1,
            snapshot: now,
            descending: false,
            filters: Vec::new(),
        };
        let mut second = None;
        let mut nanos = 0;
        for (name, value) in request.query() {
            match name.as_str() {
                "page_params.page_size" => {
                    page.size = value
                        .parse()
                        .ok()
                        .filter(|n| (1..=LARGEST_PAGE).contains(n))?
                }
                "page_params.page_number" => {
                    page.number = value.parse().ok().filter(|n| *n >= 1)?
                }
                "page_params.first_request_timestamp.seconds" => {
                    second = Some(OffsetDateTime::from_unix_timestamp(value.parse().ok()?).ok()?);
                }
                "page_params.first_request_timestamp.nanos" => {
                    nanos = value.parse().ok().filter(|nanos| *nanos < 1_000_000_000)?
                }
                "order_params.order_key" => (value == "created_at").then_some(())?,
                "order_params.order_direction" => {
                    page.descending = match value.as_str() {
                        "DESC" => true,
                        "ASC" | "ORDER_DIRECTION_ENUM_UNSPECIFIED" => false,
                        _ => return None,
                    }
                }
                "grant_flow" if !GRANT_FLOWS.contains(&value.as_str()) => return None,
                "account_id" | "user_id" | "role" | "grant_flow" => {
                    page.filters.push((name, value))
                }
                _ => return None,
            }
        }
        if let Some(second) = second {
            page.snapshot = SystemTime::from(second) + Duration::from_nanos(nanos);
        }
        Some(page)
    }
}

/// Records have the six documented members; one that was put here may name account, user and flow
/// as well.
fn matches(record: &Value, filter: &str, wanted: &str) -> bool {
    let member = |name: &str| record.get(name).and_then(Value::as_str);
    match filter {
        "role" => record
            .get("roles")
            .and_then(Value::as_array)
            .is_some_and(|roles| roles.contains(&json!(wanted))),
        "account_id" => member("account_id").unwrap_or(ACCOUNT_ID) == wanted,
        "grant_flow" => member("grant_flow").unwrap_or("GRANT_FLOW_CLIENT_CREDENTIALS") == wanted,
        name => member(name) == Some(wanted),
    }
}

fn created_at(record: &Value) -> &str {
    record
        .get("created_at")
        .and_then(Value::as_str)
        .unwrap_or_default()
}

/// Trims the zeros at the end of the fraction, like the vendor's lists.
fn trimmed(timestamp: &str) -> String {
    format!(
        "{}Z",
        timestamp
            .trim_end_matches('Z')
            .trim_end_matches('0')
            .trim_end_matches('.')
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_fractions_are_trimmed() {
        assert_eq!(
            trimmed("2025-10-10T07:51:36.800Z"),
            "2025-10-10T07:51:36.8Z"
        );
        assert_eq!(trimmed("2025-10-10T07:51:30.000Z"), "2025-10-10T07:51:30Z");
    }
}
