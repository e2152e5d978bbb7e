//! Messages that are acted upon once in a fleet.

// The counters of coverage under `cargo xtask fuzz`, which builds all tests of a crate.
use introspectd_fuzz as _;

use std::sync::Arc;
use std::time::Duration;

use introspectd_core::{ManualClock, Timestamp};
use introspectd_fleet::{Down, Fault, Fleet};

use crate::harness::World;

const NAME: [&str; 3] = ["event", "https://idp.example", "jti-1"];
const LIFE: Duration = Duration::from_secs(60);

const SECRET: u8 = 1;
const OTHER: u8 = 2;

fn world() -> (World, Arc<ManualClock>) {
    let clock = Arc::new(ManualClock::at(
        Timestamp::from_seconds(1_700_000_000).unwrap(),
    ));
    (World::by(Arc::clone(&clock) as _), clock)
}

fn fleet(world: &World, secret: u8, previous: Option<u8>) -> Arc<Fleet> {
    let (fleet, _link) = world.fleet(secret, previous);
    fleet
}

#[tokio::test(start_paused = true)]
async fn message_is_known_to_all_replicas_for_its_life_and_shows_nothing() {
    let (world, clock) = world();
    let one = fleet(&world, SECRET, None);
    let other = fleet(&world, SECRET, None);
    assert_eq!(one.has_seen(&NAME).await, Ok(false));
    one.note_seen(&NAME, LIFE).await.unwrap();
    assert_eq!(other.has_seen(&NAME).await, Ok(true));
    for unlike in [
        ["logout", "https://idp.example", "jti-1"],
        ["event", "https://idp.examplej", "ti-1"],
    ] {
        assert_eq!(other.has_seen(&unlike).await, Ok(false));
    }
    let dump: Vec<u8> = world.store.dump().concat();
    let dump = String::from_utf8_lossy(&dump);
    assert!(!dump.contains("jti-1") && !dump.contains("idp"), "{dump}");
    clock.advance(61);
    assert_eq!(other.has_seen(&NAME).await, Ok(false));
}

#[tokio::test(start_paused = true)]
async fn message_is_known_while_the_secret_rotates() {
    let (world, _clock) = world();
    let old = fleet(&world, SECRET, None);
    old.note_seen(&NAME, LIFE).await.unwrap();
    let rotating = fleet(&world, OTHER, Some(SECRET));
    assert_eq!(rotating.has_seen(&NAME).await, Ok(true));
    let stranger = fleet(&world, OTHER, None);
    assert_eq!(stranger.has_seen(&NAME).await, Ok(false));
}

#[tokio::test(start_paused = true)]
async fn whoever_writes_without_the_secret_hides_no_message() {
    let (world, _clock) = world();
    let fleet = fleet(&world, SECRET, None);
    fleet.note_seen(&NAME, LIFE).await.unwrap();
    world.store.tamper(|_, value| *value = b"seen".to_vec());
    assert_eq!(fleet.has_seen(&NAME).await, Ok(false));
}

#[tokio::test(start_paused = true)]
async fn store_that_is_down_says_so() {
    let (world, _clock) = world();
    let (fleet, link) = world.fleet(SECRET, None);
    for fault in [Fault::Refused, Fault::Hanging] {
        link.set_fault(Some(fault));
        assert!(matches!(fleet.has_seen(&NAME).await, Err(Down(_))));
        assert!(matches!(fleet.note_seen(&NAME, LIFE).await, Err(Down(_))));
    }
}

#[tokio::test(start_paused = true)]
async fn proof_is_used_once_in_the_fleet_and_its_holder_is_not_shown() {
    let (world, clock) = world();
    let one = fleet(&world, SECRET, None);
    let other = fleet(&world, SECRET, None);
    let (mine, yours) = ([7; 32], [8; 32]);
    assert_eq!(one.use_proof(&mine, "jti-1", LIFE).await, Ok(true));
    assert_eq!(other.use_proof(&mine, "jti-1", LIFE).await, Ok(false));
    assert_eq!(other.use_proof(&yours, "jti-1", LIFE).await, Ok(true));
    assert_eq!(other.use_proof(&mine, "jti-2", LIFE).await, Ok(true));
    let dump: Vec<u8> = world.store.dump().concat();
    assert!(!String::from_utf8_lossy(&dump).contains("jti"));
    // Whoever writes to the store has no proof accepted twice.
    world.store.tamper(|_, value| *value = b"x".to_vec());
    assert_eq!(one.use_proof(&mine, "jti-1", LIFE).await, Ok(false));
    clock.advance(61);
    assert_eq!(one.use_proof(&mine, "jti-1", LIFE).await, Ok(true));
}

#[tokio::test(start_paused = true)]
async fn proof_is_used_once_while_the_secret_rotates() {
    let (world, _clock) = world();
    let old = fleet(&world, SECRET, Some(OTHER));
    let new = fleet(&world, OTHER, Some(SECRET));
    assert_eq!(old.use_proof(&[7; 32], "a", LIFE).await, Ok(true));
    assert_eq!(new.use_proof(&[7; 32], "a", LIFE).await, Ok(false));
    assert_eq!(new.use_proof(&[7; 32], "b", LIFE).await, Ok(true));
    assert_eq!(old.use_proof(&[7; 32], "b", LIFE).await, Ok(false));
}

/// A client waits meanwhile, so a store that hangs is not asked again and again.
#[tokio::test(start_paused = true)]
async fn store_that_hangs_costs_a_proof_little_and_then_nothing() {
    let (world, clock) = world();
    let (fleet, link) = world.fleet(SECRET, None);
    link.set_fault(Some(Fault::Hanging));
    let begun = tokio::time::Instant::now();
    for number in 0..100 {
        let used = fleet.use_proof(&[7; 32], &number.to_string(), LIFE).await;
        assert!(matches!(used, Err(Down(_))));
    }
    assert!(begun.elapsed() <= Duration::from_millis(200));
    link.set_fault(None);
    clock.advance(2);
    assert_eq!(fleet.use_proof(&[7; 32], "a", LIFE).await, Ok(true));
}

#[tokio::test(start_paused = true)]
async fn nonces_of_all_replicas_have_one_key() {
    let (world, _clock) = world();
    let old = fleet(&world, SECRET, None);
    let new = fleet(&world, OTHER, Some(SECRET));
    let made_by_old = old.nonce_key().hash(b"x");
    assert!(new.nonce_keys().any(|key| key.hash(b"x") == made_by_old));
    assert!(new.nonce_key().hash(b"x") != made_by_old);
}
