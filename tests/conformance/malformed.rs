//! Malformed records of vendors.

use introspectd_simulators::{Answer, Fault};
use introspectd_tests::{Fixture, NOW, Room};
use serde_json::{Value, json};

use crate::breaks::{answer, fails_with};

pub(crate) async fn missing_required_member<V: Fixture>() {
    fails_with::<V>(V::REQUIRED.iter().map(|member| {
        let mut record = V::record();
        record
            .as_object_mut()
            .expect("an object")
            .remove(*member)
            .expect("a member of the sample");
        Answer::json(200, record)
    }))
    .await;
}

pub(crate) async fn deciding_member_of_a_wrong_type<V: Fixture>() {
    fails_with::<V>(V::wrong().into_iter().map(|(member, value)| {
        let mut record = V::record();
        record[member] = value;
        Answer::json(200, record)
    }))
    .await;
}

/// Repeats members: equal, different, and spelled another way. A server between us and the vendor
/// may have read the other one.
pub(crate) async fn repeated_deciding_member<V: Fixture>() {
    for member in V::DECIDING {
        let mut sample = V::record();
        let value = sample
            .get(*member)
            .cloned()
            .unwrap_or_else(|| json!(["other"]));
        sample[*member] = value.clone();
        let escaped: String = member
            .chars()
            .map(|c| format!("\\u{:04x}", u32::from(c)))
            .collect();
        fails_with::<V>([
            answer(with(&sample, member, &value)),
            answer(with(&sample, member, &Value::Null)),
            answer(with(&sample, &escaped, &value)),
        ])
        .await;
    }
}

pub(crate) async fn about_another_token<V: Fixture>() {
    fails_with::<V>(
        V::about_another()
            .into_iter()
            .map(|record| Answer::json(200, record)),
    )
    .await;
    // The test's own records are about the right one.
    let room = Room::<V>::open().await;
    room.server
        .next(Fault::Answer(Answer::json(200, V::minimal(NOW + 60))));
    room.ask(V::ACTIVE)
        .await
        .assert_active(&V::minimal_active(NOW + 60), "miss");
}

/// The record as JSON, with one more member at its end.
fn with(record: &Value, member: &str, value: &Value) -> String {
    let text = record.to_string();
    format!(
        "{},\"{member}\":{value}}}",
        text.strip_suffix('}').expect("an object")
    )
}
