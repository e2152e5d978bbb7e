//! Messages that are acted upon once in a fleet.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking, its own functions included"
)]

// The counters of coverage under `cargo xtask fuzz`, which builds all tests of a crate.
use introspectd_fuzz as _;

use std::sync::Arc;
use std::time::Duration;

use introspectd_core::{Clock, ManualClock, Timestamp};
use introspectd_fleet::{Down, Fault, Fleet, FleetSecret, FleetSettings, Link, MemoryStore};
use tokio::runtime::Handle;

const NAME: [&str; 3] = ["event", "https://idp.example", "jti-1"];
const LIFE: Duration = Duration::from_secs(60);

fn fleet(link: Link, clock: &Arc<ManualClock>, secrets: (&[u8], Option<&[u8]>)) -> Fleet {
    let settings = FleetSettings {
        prefix: "p".to_owned(),
        share: 0.2,
        trust: Duration::from_secs(2),
        keep: LIFE,
    };
    let secret = |bytes| FleetSecret::new(bytes).unwrap();
    let (current, previous) = (secret(secrets.0), secrets.1.map(secret));
    let clock: Arc<dyn Clock> = Arc::clone(clock) as _;
    let runtime = Handle::current();
    Fleet::new(
        Arc::new(link),
        &current,
        previous.as_ref(),
        settings,
        clock,
        runtime,
    )
    .unwrap()
}

const SECRET: &[u8] = b"0123456789abcdef0123456789abcdef";
const OTHER: &[u8] = b"fedcba9876543210fedcba9876543210";

fn world() -> (MemoryStore, Arc<ManualClock>) {
    let clock = Arc::new(ManualClock::at(
        Timestamp::from_seconds(1_700_000_000).unwrap(),
    ));
    (MemoryStore::new(Arc::clone(&clock) as _), clock)
}

#[tokio::test(start_paused = true)]
async fn message_is_known_to_all_replicas_for_its_life_and_shows_nothing() {
    let (store, clock) = world();
    let one = fleet(store.link(), &clock, (SECRET, None));
    let other = fleet(store.link(), &clock, (SECRET, None));
    assert_eq!(one.has_seen(&NAME).await, Ok(false));
    one.note_seen(&NAME, LIFE).await.unwrap();
    assert_eq!(other.has_seen(&NAME).await, Ok(true));
    for unlike in [
        ["logout", "https://idp.example", "jti-1"],
        ["event", "https://idp.examplej", "ti-1"],
    ] {
        assert_eq!(other.has_seen(&unlike).await, Ok(false));
    }
    let dump: Vec<u8> = store.dump().concat();
    let dump = String::from_utf8_lossy(&dump);
    assert!(!dump.contains("jti-1") && !dump.contains("idp"), "{dump}");
    clock.advance(61);
    assert_eq!(other.has_seen(&NAME).await, Ok(false));
}

#[tokio::test(start_paused = true)]
async fn message_is_known_while_the_secret_rotates() {
    let (store, clock) = world();
    let old = fleet(store.link(), &clock, (SECRET, None));
    old.note_seen(&NAME, LIFE).await.unwrap();
    let rotating = fleet(store.link(), &clock, (OTHER, Some(SECRET)));
    assert_eq!(rotating.has_seen(&NAME).await, Ok(true));
    let stranger = fleet(store.link(), &clock, (OTHER, None));
    assert_eq!(stranger.has_seen(&NAME).await, Ok(false));
}

#[tokio::test(start_paused = true)]
async fn whoever_writes_without_the_secret_hides_no_message() {
    let (store, clock) = world();
    let fleet = fleet(store.link(), &clock, (SECRET, None));
    fleet.note_seen(&NAME, LIFE).await.unwrap();
    store.tamper(|_, value| *value = b"seen".to_vec());
    assert_eq!(fleet.has_seen(&NAME).await, Ok(false));
}

#[tokio::test(start_paused = true)]
async fn store_that_is_down_says_so() {
    let (store, clock) = world();
    let link = store.link();
    let fleet = fleet(link.clone(), &clock, (SECRET, None));
    for fault in [Fault::Refused, Fault::Hanging] {
        link.set_fault(Some(fault));
        assert!(matches!(fleet.has_seen(&NAME).await, Err(Down(_))));
        assert!(matches!(fleet.note_seen(&NAME, LIFE).await, Err(Down(_))));
    }
}

#[tokio::test(start_paused = true)]
async fn proof_is_used_once_in_the_fleet_and_its_holder_is_not_shown() {
    let (store, clock) = world();
    let one = fleet(store.link(), &clock, (SECRET, None));
    let other = fleet(store.link(), &clock, (SECRET, None));
    let (mine, yours) = ([7; 32], [8; 32]);
    assert_eq!(one.use_proof(&mine, "jti-1", LIFE).await, Ok(true));
    assert_eq!(other.use_proof(&mine, "jti-1", LIFE).await, Ok(false));
    assert_eq!(other.use_proof(&yours, "jti-1", LIFE).await, Ok(true));
    assert_eq!(other.use_proof(&mine, "jti-2", LIFE).await, Ok(true));
    let dump: Vec<u8> = store.dump().concat();
    assert!(!String::from_utf8_lossy(&dump).contains("jti"));
    // Whoever writes to the store has no proof accepted twice.
    store.tamper(|_, value| *value = b"x".to_vec());
    assert_eq!(one.use_proof(&mine, "jti-1", LIFE).await, Ok(false));
    clock.advance(61);
    assert_eq!(one.use_proof(&mine, "jti-1", LIFE).await, Ok(true));
}

#[tokio::test(start_paused = true)]
async fn proof_is_used_once_while_the_secret_rotates() {
    let (store, clock) = world();
    let old = fleet(store.link(), &clock, (SECRET, Some(OTHER)));
    let new = fleet(store.link(), &clock, (OTHER, Some(SECRET)));
    assert_eq!(old.use_proof(&[7; 32], "a", LIFE).await, Ok(true));
    assert_eq!(new.use_proof(&[7; 32], "a", LIFE).await, Ok(false));
    assert_eq!(new.use_proof(&[7; 32], "b", LIFE).await, Ok(true));
    assert_eq!(old.use_proof(&[7; 32], "b", LIFE).await, Ok(false));
}

/// A client waits meanwhile, so a store that hangs is not asked again and again.
#[tokio::test(start_paused = true)]
async fn store_that_hangs_costs_a_proof_little_and_then_nothing() {
    let (store, clock) = world();
    let link = store.link();
    let fleet = fleet(link.clone(), &clock, (SECRET, None));
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
    let (store, clock) = world();
    let old = fleet(store.link(), &clock, (SECRET, None));
    let new = fleet(store.link(), &clock, (OTHER, Some(SECRET)));
    let made_by_old = old.nonce_key().hash(b"x");
    assert!(new.nonce_keys().any(|key| key.hash(b"x") == made_by_old));
    assert!(new.nonce_key().hash(b"x") != made_by_old);
}
