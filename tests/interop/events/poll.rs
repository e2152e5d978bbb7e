use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::interval;

use super::harness::{AUTHORIZED, Harness};

const POLLED: &str = r#"
jwks = { url = "BASE/t/jwks" }
poll = { url = "BASE/poll", interval = "100ms", credentials = { type = "basic", username = "poller", password = { literal = "poll-secret" } } }
"#;

/// Waits until the transmitter knows what became of so many events.
async fn polled(harness: &Harness, count: usize) -> Value {
    let mut ticks = interval(Duration::from_millis(20));
    for _ in 0..1500 {
        ticks.tick().await;
        let polled = harness.polled().await;
        let known = polled["acked"].as_array().unwrap().len()
            + polled["refused"].as_object().unwrap().len();
        if known >= count {
            return polled;
        }
    }
    panic!("{}", harness.polled().await);
}

#[tokio::test]
async fn polled_events_purge_and_are_acknowledged_or_refused() {
    let harness = Harness::open(POLLED).await;
    harness.warm().await;
    let good = harness.mint(&harness.event("good")).await;
    let mut other = harness.event("other");
    other.claims["aud"] = json!("https://other.example");
    let other = harness.mint(&other).await;
    let swapped = harness.mint(&harness.event("swapped")).await;
    let queue = json!({"good": good, "other": other, "under-another-jti": swapped, "junk": "x"});
    harness.tell("/set", &json!({"queue": queue})).await;
    let polled = polled(&harness, 4).await;
    assert_eq!(polled["acked"], json!(["good"]));
    for (jti, err) in [
        ("other", "invalid_audience"),
        ("under-another-jti", "invalid_request"),
        ("junk", "invalid_request"),
    ] {
        assert_eq!(polled["refused"][jti]["err"], err, "{polled}");
        assert!(
            polled["refused"][jti]["description"].is_string(),
            "{polled}"
        );
    }
    assert_eq!(harness.cached().await, [false, true]);
    // It is not to be pushed as well.
    let pushed = harness.push_text(good, Some(AUTHORIZED)).await;
    assert_eq!(pushed.status, 400, "{pushed:?}");
}

#[tokio::test]
async fn event_whose_key_is_missing_is_polled_again_until_it_is_there() {
    let harness = Harness::open(POLLED).await;
    harness.warm().await;
    let mut event = harness.event("late");
    event.header["kid"] = json!("new");
    event.key = "new";
    let set = harness.mint(&event).await;
    harness.tell("/set", &json!({"queue": {"late": set}})).await;
    while harness.counted("postponed").await < 2 {
        tokio::task::yield_now().await;
    }
    assert_eq!(harness.polled().await, json!({"acked": [], "refused": {}}));
    assert_eq!(harness.cached().await, [true, true]);
    harness.gateway.clock().advance(10);
    assert_eq!(polled(&harness, 1).await["acked"], json!(["late"]));
    assert_eq!(harness.cached().await, [false, true]);
}
