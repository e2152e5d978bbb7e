//! A list that is read while its provider issues more tokens.

use introspectd_core::{CreationKey, Order, Window};
use proptest::prelude::*;
use serde_json::json;

use super::{handle, record, value};

proptest! {
    #[test]
    fn every_record_is_seen_once_while_others_are_issued(
        millis in prop::collection::vec(0i64..3000, 0..260),
        descending: bool,
        cuts in prop::collection::vec(1usize..200, 1..6),
        issued in 0usize..3,
    ) {
        let order = if descending { Order::Descending } else { Order::Ascending };
        let mut created = millis.clone();
        let mut from = None;
        let mut seen = Vec::new();
        for step in 0.. {
            let mut window = Window::after(from.as_ref(), order).unwrap();
            for (id, millis) in created.iter().enumerate() {
                let mut token = record(Some(millis.div_euclid(1000)), json!(millis));
                token.jti = Some(id.to_string());
                let handle = handle(&value(&format!("token {id}")));
                window.offer(CreationKey { millis: super::millis(&token), handle }, token);
            }
            let batch = window.into_batch();
            // A reader takes the whole batch, or continues in its middle.
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
            // Tokens issued during the list, for a limited number of steps.
            if step < 5 {
                created.extend(vec![3000; issued]);
            }
        }
        let mut ids: Vec<usize> = seen.iter().map(|id| id.parse().unwrap()).collect();
        let mut times: Vec<_> = ids.iter().map(|id| created[*id]).collect();
        if descending {
            times.reverse();
        }
        prop_assert!(times.is_sorted());
        ids.sort_unstable();
        prop_assert!(ids.windows(2).all(|pair| pair[0] != pair[1]));
        let old: Vec<_> = ids.into_iter().filter(|id| *id < millis.len()).collect();
        prop_assert_eq!(old, (0..millis.len()).collect::<Vec<_>>());
    }
}
