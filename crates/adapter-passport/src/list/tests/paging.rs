//! A list that is read while its provider issues more tokens.

use introspectd_core::{Listing, Order, Timestamp};
use proptest::prelude::*;
use serde_json::json;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::{NOW, Page};

/// Vendor by its documentation that issues tokens while its list is read.
#[derive(Debug)]
struct Vendor {
    /// Creation time of each token in milliseconds since 1970. Its index is its id.
    created: Vec<i64>,
    now: i64,
    /// Most records per response, whatever is requested.
    largest_page: usize,
    counts_pages: bool,
    tells_as_of: bool,
}

impl Vendor {
    fn answer(&self, query: &[(&str, String)]) -> String {
        let asked = |wanted: &str| {
            query
                .iter()
                .find(|(name, _)| *name == wanted)
                .map(|(_, value)| value)
        };
        let number = |name: &str| asked(name).map(|value| value.parse::<i64>().unwrap());
        let as_of =
            number("page_params.first_request_timestamp.seconds").map_or(self.now, |seconds| {
                seconds * 1000
                    + number("page_params.first_request_timestamp.nanos").unwrap() / 1_000_000
            });
        let mut known: Vec<_> = (0..self.created.len())
            .filter(|id| self.created[*id] <= as_of)
            .collect();
        known.sort_by_key(|id| self.created[*id]);
        if asked("order_params.order_direction").unwrap() == "DESC" {
            known.reverse();
        }
        let size = self
            .largest_page
            .min(asked("page_params.page_size").unwrap().parse().unwrap());
        let page = number("page_params.page_number").unwrap();
        let skipped = size * usize::try_from(page - 1).unwrap();
        let records = known.iter().skip(skipped).take(size).map(|id| {
            let created = formatted(self.created[*id]);
            json!({"token_id": id.to_string(), "created_at": created, "expires_in": 60})
        });
        let mut info = json!({"total_elements": known.len(), "current_page": page});
        if self.counts_pages {
            info["total_pages"] = json!(known.len().div_ceil(size));
        }
        if self.tells_as_of {
            info["first_request_timestamp"] = json!(formatted(as_of));
        }
        json!({"pagination_info": info, "tokens": records.collect::<Vec<_>>()}).to_string()
    }
}

fn formatted(millis: i64) -> String {
    let time = OffsetDateTime::from_unix_timestamp_nanos(i128::from(millis) * 1_000_000).unwrap();
    time.format(&Rfc3339).unwrap()
}

proptest! {
    #[test]
    fn every_record_is_seen_once_while_others_are_issued(
        ages in prop::collection::vec(0i64..4000, 0..140),
        largest_page in 1usize..60,
        counts_pages: bool,
        tells_as_of: bool,
        descending: bool,
        cuts in prop::collection::vec(1usize..30, 1..8),
        issued in prop::collection::vec(0usize..3, 1..8),
    ) {
        let now = NOW * 1000 + 337;
        let created: Vec<_> = ages.iter().map(|age| now - age).collect();
        let mut vendor = Vendor { created, now, largest_page, counts_pages, tells_as_of };
        let mut listing = Listing::default();
        if descending {
            listing.order = Order::Descending;
        }
        let mut from = None;
        let mut seen = Vec::new();
        for step in 0.. {
            let page = Page::of(&listing, from.as_ref()).unwrap().unwrap();
            let asked_at = Timestamp::from_millis(now).unwrap();
            let batch = page.read(vendor.answer(&page.query()).as_bytes(), asked_at).unwrap();
            // Who reads takes all of it, or goes on in its middle.
            let cut = cuts[step % cuts.len()];
            from = if cut < batch.records.len() {
                Some(batch.records[cut - 1].1.clone())
            } else {
                batch.next
            };
            seen.extend(batch.records.into_iter().take(cut).map(|(token, _)| token.jti.unwrap()));
            if from.is_none() {
                break;
            }
            // Our clock has a resolution of one second.
            vendor.now += if tells_as_of { 1 } else { 1000 };
            vendor.created.extend(vec![vendor.now; issued[step % issued.len()]]);
        }
        let mut ids: Vec<usize> = seen.iter().map(|id| id.parse().unwrap()).collect();
        let mut times: Vec<_> = ids.iter().map(|id| vendor.created[*id]).collect();
        if descending {
            times.reverse();
        }
        prop_assert!(times.is_sorted());
        ids.sort_unstable();
        prop_assert_eq!(ids, (0..ages.len()).collect::<Vec<_>>());
    }
}
