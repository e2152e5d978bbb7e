//! Bindings in the store of a fleet.

use std::time::Duration;

use introspectd_core::{Binding, Bindings, Kept, ProviderName, Timestamp, TokenId, TokenValue};
use introspectd_fleet::{Fault, Link, SharedBindings};
use tokio::time::sleep;

use crate::harness::World;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_seconds(1_000_000 + seconds).unwrap()
}

/// World whose time begins with [`at`] 0.
fn world() -> World {
    World::at(Duration::ZERO)
}

fn replica(world: &World, secret: u8, previous: Option<u8>) -> (SharedBindings, Link) {
    let (fleet, link) = world.fleet(secret, previous);
    (SharedBindings::new(fleet), link)
}

async fn bind(bindings: &SharedBindings, id: &str, end: i64, replace: bool) -> Option<Kept> {
    let (provider, token) = names();
    let id = TokenId::parse(id.to_owned()).unwrap();
    let binding = Binding {
        token: &token,
        id: &id,
        end: at(end),
        replace,
    };
    bindings.bind(&provider, &binding, at(0)).await.ok()
}

async fn find(bindings: &SharedBindings) -> Option<(String, Timestamp)> {
    let (provider, token) = names();
    let found = bindings.find(&provider, &token, at(0)).await.unwrap()?;
    Some((found.id.as_str().to_owned(), found.end))
}

fn names() -> (ProviderName, TokenValue) {
    let token = TokenValue::parse("the-token".to_owned()).unwrap();
    (ProviderName::parse("bank").unwrap(), token)
}

#[tokio::test(start_paused = true)]
async fn binding_of_one_replica_is_found_by_another_until_a_day_after_its_end() {
    let world = world();
    let ((a, _), (b, _)) = (replica(&world, 1, None), replica(&world, 1, None));
    assert_eq!(find(&b).await, None);
    assert_eq!(bind(&a, "one", 100, false).await, Some(Kept::Done));
    assert_eq!(find(&b).await, Some(("one".to_owned(), at(100))));
    for bytes in world.store.dump() {
        let text = String::from_utf8_lossy(&bytes);
        assert!(
            !["one", "the-token", "bank"]
                .iter()
                .any(|secret| text.contains(secret))
        );
    }
    sleep(Duration::from_secs(100 + 24 * 60 * 60)).await;
    assert_eq!(find(&b).await, None);
}

#[tokio::test(start_paused = true)]
async fn other_id_needs_to_replace_and_the_latest_end_of_one_id_counts() {
    let world = world();
    let ((a, _), (b, _)) = (replica(&world, 1, None), replica(&world, 1, None));
    assert_eq!(bind(&a, "one", 100, false).await, Some(Kept::Done));
    assert_eq!(bind(&b, "one", 50, false).await, Some(Kept::Done));
    assert_eq!(find(&a).await, Some(("one".to_owned(), at(100))));
    assert_eq!(bind(&b, "two", 200, false).await, Some(Kept::OtherId));
    assert_eq!(bind(&b, "two", 200, true).await, Some(Kept::Done));
    assert_eq!(find(&a).await, Some(("two".to_owned(), at(200))));
}

#[tokio::test(start_paused = true)]
async fn first_of_concurrent_writers_wins() {
    let world = world();
    let ((a, _), (b, _)) = (replica(&world, 1, None), replica(&world, 1, None));
    let both = tokio::join!(bind(&a, "one", 100, false), bind(&b, "two", 100, false));
    let kept = match find(&a).await.unwrap().0.as_str() {
        "one" => (Some(Kept::Done), Some(Kept::OtherId)),
        _ => (Some(Kept::OtherId), Some(Kept::Done)),
    };
    assert_eq!(both, kept);
}

#[tokio::test(start_paused = true)]
async fn binding_survives_the_rotation_of_the_secret() {
    let world = world();
    let ((a, _), (b, _)) = (replica(&world, 1, None), replica(&world, 2, Some(1)));
    assert_eq!(bind(&a, "one", 100, false).await, Some(Kept::Done));
    assert_eq!(find(&b).await, Some(("one".to_owned(), at(100))));
    assert_eq!(bind(&b, "two", 100, false).await, Some(Kept::OtherId));
}

#[tokio::test(start_paused = true)]
async fn failing_store_is_no_missing_binding() {
    let world = world();
    let (a, link) = replica(&world, 1, None);
    let (provider, token) = names();
    for fault in [Fault::Refused, Fault::Hanging, Fault::Deaf] {
        link.set_fault(Some(fault));
        assert!(a.find(&provider, &token, at(0)).await.is_err(), "{fault:?}");
        assert_eq!(bind(&a, "one", 100, false).await, None, "{fault:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn garbled_binding_is_none_and_can_be_written_again() {
    let world = world();
    let (a, _) = replica(&world, 1, None);
    assert_eq!(bind(&a, "one", 100, false).await, Some(Kept::Done));
    world.store.tamper(|_, value| value[20] ^= 1);
    assert_eq!(find(&a).await, None);
    assert_eq!(bind(&a, "two", 100, false).await, Some(Kept::Done));
    assert_eq!(find(&a).await, Some(("two".to_owned(), at(100))));
}
