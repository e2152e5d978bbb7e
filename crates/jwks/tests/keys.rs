//! Fetching and rotation of keys, with time that passes in leaps.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking, its own functions included"
)]

use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use introspectd_core::ask::{Meter, Operation, Outcome};
use introspectd_core::{Failure, ManualClock, Timestamp};
use introspectd_jose::{Algorithm, JwkSet, Jws, Refusal, Signer};
use introspectd_jwks::{
    Fetch, FileKeys, KeySource, Keys, Lifetimes, NotFetched, NotVerified, Presence,
};
use introspectd_test_log::{Level, Log};
use tokio::sync::Semaphore;

/// Server of keys: what it answers, how often it was asked, and whether it answers at all.
#[derive(Clone)]
struct Issuer(Arc<Shared>);

struct Shared {
    set: Mutex<Result<JwkSet, Failure>>,
    asked: AtomicUsize,
    open: Semaphore,
}

#[async_trait]
impl Fetch<JwkSet> for Issuer {
    async fn fetch(&self) -> Result<JwkSet, NotFetched> {
        self.0.asked.fetch_add(1, SeqCst);
        // Open as long as nobody closes it.
        let permit = self.0.open.acquire().await.unwrap();
        drop(permit);
        Ok(self.0.set.lock().unwrap().clone()?)
    }
}

impl Issuer {
    fn new() -> Self {
        Self(Arc::new(Shared {
            set: Mutex::new(Err(Failure::Timeout)),
            asked: AtomicUsize::new(0),
            open: Semaphore::new(Semaphore::MAX_PERMITS),
        }))
    }

    fn publish(&self, signers: &[&Signer]) {
        let keys = signers.iter().map(|signer| signer.jwk().clone());
        *self.0.set.lock().unwrap() = Ok(keys.collect());
    }

    fn fail(&self) {
        *self.0.set.lock().unwrap() = Err(Failure::Timeout);
    }

    fn asked(&self) -> usize {
        self.0.asked.load(SeqCst)
    }
}

fn keys(issuer: &Issuer) -> (Keys, Arc<ManualClock>) {
    let clock = Arc::new(ManualClock::at(
        Timestamp::from_seconds(1_700_000_000).unwrap(),
    ));
    let lifetimes = Lifetimes {
        refresh: Duration::from_secs(3600),
        max_age: Duration::from_secs(86_400),
    };
    let keys = Keys::new(
        "idp".to_owned(),
        issuer.clone(),
        Arc::clone(&clock) as _,
        lifetimes,
    );
    (keys, clock)
}

fn signer(kid: Option<&str>) -> Signer {
    let pair = rcgen::KeyPair::generate_for(&rcgen::PKCS_ED25519).unwrap();
    let signer = Signer::from_pem(&pair.serialize_pem(), Algorithm::EdDsa).unwrap();
    match kid {
        Some(kid) => signer.with_kid(kid.to_owned()),
        None => signer,
    }
}

fn sign(signer: &Signer) -> String {
    signer.sign("secevent+jwt", b"{}").unwrap()
}

async fn verify(keys: &Keys, token: &str) -> Result<(), NotVerified> {
    let jws = Jws::parse(token).unwrap();
    keys.verify(&jws, &[Algorithm::EdDsa]).await.map(drop)
}

fn later(seconds: u64) -> Result<(), NotVerified> {
    Err(NotVerified::Later {
        retry_after: Duration::from_secs(seconds),
    })
}

fn provisional(refusal: Refusal, seconds: u64) -> Result<(), NotVerified> {
    Err(NotVerified::Provisional {
        refusal,
        retry_after: Duration::from_secs(seconds),
    })
}

const UNKNOWN: Result<(), NotVerified> = Err(NotVerified::Refused(Refusal::UnknownKey));

#[tokio::test]
async fn keys_that_cannot_be_fetched_are_missing_until_they_can() {
    let (issuer, old) = (Issuer::new(), signer(Some("old")));
    let (keys, clock) = keys(&issuer);
    assert_eq!(keys.failure(), None);
    assert_eq!(verify(&keys, &sign(&old)).await, later(10));
    assert_eq!(keys.failure(), Some(Failure::Timeout.into()));
    issuer.publish(&[&old]);
    clock.advance(4);
    assert_eq!(verify(&keys, &sign(&old)).await, later(6));
    assert_eq!(issuer.asked(), 1, "once in 10 s");
    clock.advance(6);
    assert_eq!(verify(&keys, &sign(&old)).await, Ok(()));
    assert_eq!(keys.status().keys, 1);
    assert_eq!(keys.failure(), None);
}

#[tokio::test]
async fn unknown_key_has_the_set_fetched_at_most_once_in_ten_seconds() {
    let (issuer, old, new) = (Issuer::new(), signer(Some("old")), signer(Some("new")));
    let (keys, clock) = keys(&issuer);
    issuer.publish(&[&old]);
    assert_eq!(verify(&keys, &sign(&old)).await, Ok(()));
    issuer.publish(&[&new]);
    for _ in 0..100 {
        let unknown = provisional(Refusal::UnknownKey, 10);
        assert_eq!(verify(&keys, &sign(&new)).await, unknown);
    }
    assert_eq!(issuer.asked(), 1);
    clock.advance(10);
    assert_eq!(verify(&keys, &sign(&new)).await, Ok(()));
    assert_eq!(issuer.asked(), 2);
    clock.advance(10);
    assert_eq!(
        verify(&keys, &sign(&old)).await,
        UNKNOWN,
        "replaced, not merged"
    );
    assert_eq!(
        verify(&keys, &sign(&signer(Some("made-up")))).await,
        provisional(Refusal::UnknownKey, 10)
    );
    assert_eq!(issuer.asked(), 3);
}

#[tokio::test]
async fn failed_fetch_keeps_the_set_for_a_day_and_says_nothing_of_unknown_keys() {
    let (issuer, old) = (Issuer::new(), signer(Some("old")));
    let (keys, clock) = keys(&issuer);
    issuer.publish(&[&old]);
    assert_eq!(verify(&keys, &sign(&old)).await, Ok(()));
    issuer.fail();
    clock.advance(86_400);
    assert_eq!(verify(&keys, &sign(&old)).await, Ok(()));
    assert_eq!(verify(&keys, &sign(&signer(Some("new")))).await, later(10));
    clock.advance(1);
    assert_eq!(verify(&keys, &sign(&old)).await, later(9), "too old");
    issuer.publish(&[&old]);
    clock.advance(9);
    assert_eq!(verify(&keys, &sign(&old)).await, Ok(()));
}

#[tokio::test]
async fn signature_without_a_kid_is_tried_with_newer_keys_and_then_refused() {
    let (issuer, old, new) = (Issuer::new(), signer(None), signer(None));
    let (keys, clock) = keys(&issuer);
    issuer.publish(&[&old]);
    assert_eq!(verify(&keys, &sign(&old)).await, Ok(()));
    let forged = provisional(Refusal::Signature, 10);
    assert_eq!(verify(&keys, &sign(&new)).await, forged);
    issuer.publish(&[&new]);
    clock.advance(10);
    assert_eq!(verify(&keys, &sign(&new)).await, Ok(()));
    assert_eq!(issuer.asked(), 2);
    issuer.fail();
    clock.advance(10);
    assert_eq!(verify(&keys, &sign(&old)).await, later(10), "may be newer");
    clock.advance(4);
    assert_eq!(verify(&keys, &sign(&old)).await, later(6));
    assert_eq!(verify(&keys, &sign(&new)).await, Ok(()));
}

#[tokio::test]
async fn empty_set_replaces_the_keys_and_leaves_none() {
    let (issuer, old) = (Issuer::new(), signer(Some("old")));
    let (keys, clock) = keys(&issuer);
    assert_eq!(keys.status().presence, Presence::Awaited);
    issuer.publish(&[&old]);
    assert_eq!(verify(&keys, &sign(&old)).await, Ok(()));
    assert_eq!(keys.status().presence, Presence::Present);
    issuer.publish(&[]);
    clock.advance(10);
    assert_eq!(verify(&keys, &sign(&signer(Some("x")))).await, later(10));
    assert_eq!(verify(&keys, &sign(&old)).await, later(10), "not kept");
    assert_eq!(keys.status().presence, Presence::Missing);
}

#[test]
fn set_is_fetched_twice_in_its_life_and_once_an_hour() {
    for (max_age, refresh) in [(1000, 500), (86_400_000, 3_600_000)] {
        let lifetimes = Lifetimes::within(Duration::from_millis(max_age));
        assert_eq!(lifetimes.refresh, Duration::from_millis(refresh));
    }
}

#[tokio::test]
async fn fetches_are_counted_by_their_outcome() {
    let (issuer, old) = (Issuer::new(), signer(Some("old")));
    let meter = Arc::<Meter>::default();
    let clock = Arc::new(ManualClock::at(
        Timestamp::from_seconds(1_700_000_000).unwrap(),
    ));
    let keys = Keys::counted_by(
        Arc::clone(&meter),
        "idp".to_owned(),
        issuer.clone(),
        Arc::clone(&clock) as _,
        Lifetimes::default(),
    );
    assert_eq!(verify(&keys, &sign(&old)).await, later(10));
    issuer.publish(&[&old]);
    clock.advance(10);
    assert_eq!(verify(&keys, &sign(&old)).await, Ok(()));
    for outcome in [Outcome::Timeout, Outcome::Ok] {
        assert_eq!(meter.asks(Operation::Jwks, outcome), 1);
    }
}

#[tokio::test]
async fn keys_of_a_file_are_read_again_when_it_changes() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("jwks.json");
    let publish = |signers: &[&Signer]| {
        let set: JwkSet = signers.iter().map(|signer| signer.jwk().clone()).collect();
        std::fs::write(&file, serde_json::to_string(&set).unwrap()).unwrap();
    };
    let (old, new) = (signer(Some("old")), signer(Some("newer")));
    let open = || FileKeys::open("idp".to_owned(), file.clone());
    assert!(open().is_err());
    publish(&[]);
    assert_eq!(open().unwrap_err(), "it has no key");
    publish(&[&old]);
    let keys = open().unwrap();
    let verify = async |signer: &Signer| {
        let token = sign(signer);
        let jws = Jws::parse(&token).unwrap();
        keys.verify(&jws, &[Algorithm::EdDsa]).await.map(drop)
    };
    assert_eq!(verify(&old).await, Ok(()));
    assert_eq!(verify(&new).await, UNKNOWN);
    publish(&[&new]);
    assert_eq!(verify(&new).await, Ok(()));
    assert_eq!(verify(&old).await, UNKNOWN, "replaced, not merged");
    std::fs::write(&file, "no JSON").unwrap();
    assert_eq!(verify(&new).await, Ok(()), "the former keys hold");
    publish(&[]);
    assert_eq!(verify(&new).await, later(10), "no keys");
    assert_eq!(keys.status().presence, Presence::Missing);
}

#[tokio::test]
async fn forged_signature_of_a_known_key_fetches_nothing() {
    let (issuer, old, forger) = (Issuer::new(), signer(Some("old")), signer(Some("old")));
    let (keys, clock) = keys(&issuer);
    issuer.publish(&[&old]);
    assert_eq!(verify(&keys, &sign(&old)).await, Ok(()));
    clock.advance(3600);
    let forged = Err(NotVerified::Refused(Refusal::Signature));
    assert_eq!(verify(&keys, &sign(&forger)).await, forged);
    assert_eq!(issuer.asked(), 1);
}

#[tokio::test]
async fn concurrent_signatures_share_one_fetch_also_when_their_client_leaves() {
    let (issuer, old) = (Issuer::new(), signer(Some("old")));
    let (keys, _clock) = keys(&issuer);
    issuer.publish(&[&old]);
    issuer.0.open.forget_permits(Semaphore::MAX_PERMITS);
    let token = Arc::new(sign(&old));
    let verifying: Vec<_> = (0..8)
        .map(|_| {
            let (keys, token) = (keys.clone(), Arc::clone(&token));
            tokio::spawn(async move { verify(&keys, &token).await })
        })
        .collect();
    while issuer.asked() == 0 {
        tokio::task::yield_now().await;
    }
    let mut verifying = verifying.into_iter();
    verifying.next().unwrap().abort();
    issuer.0.open.add_permits(1000);
    for verified in verifying {
        assert_eq!(verified.await.unwrap(), Ok(()));
    }
    assert_eq!(issuer.asked(), 1);
}

#[tokio::test]
async fn signature_that_joins_a_fetch_is_refused_for_good_only_if_no_newer_key_may_help() {
    let (issuer, old) = (Issuer::new(), signer(Some("old")));
    let (keys, _clock) = keys(&issuer);
    issuer.publish(&[&old]);
    issuer.0.open.forget_permits(Semaphore::MAX_PERMITS);
    let start = |token: String| {
        let keys = keys.clone();
        tokio::spawn(async move { verify(&keys, &token).await })
    };
    let first = start(sign(&old));
    while issuer.asked() == 0 {
        tokio::task::yield_now().await;
    }
    let forged = start(sign(&signer(Some("old"))));
    let unknown = start(sign(&signer(Some("new"))));
    // All on one thread: each of them runs until it waits for the fetch.
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    issuer.0.open.add_permits(1000);
    assert_eq!(first.await.unwrap(), Ok(()));
    let refused = Err(NotVerified::Refused(Refusal::Signature));
    assert_eq!(forged.await.unwrap(), refused);
    let undecided = provisional(Refusal::UnknownKey, 10);
    assert_eq!(unknown.await.unwrap(), undecided, "it began before");
    assert_eq!(issuer.asked(), 1);
}

#[tokio::test]
async fn key_that_is_not_used_is_logged_and_one_that_everybody_knows_as_an_error() {
    let log = Log::start(Level::INFO);
    let (issuer, old) = (Issuer::new(), signer(Some("old")));
    let (keys, _clock) = keys(&issuer);
    let set = br#"{"keys":[{"kty":"oct","k":"AAAA"},
        {"kty":"OKP","crv":"Ed25519","d":"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A",
        "x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#;
    *issuer.0.set.lock().unwrap() = Ok(JwkSet::parse(set).unwrap());
    assert_eq!(verify(&keys, &sign(&old)).await, later(10));
    let text = log.text();
    let line = |place: &str| text.lines().find(|line| line.contains(place)).unwrap();
    assert!(line("keys fetched").contains("keys=0"), "{text}");
    assert!(line("place=0").contains(" WARN "), "{text}");
    assert!(line("place=1").contains("ERROR "), "{text}");
}

#[tokio::test]
async fn keys_of_either_source_verify_and_tell_their_state() {
    let (issuer, old) = (Issuer::new(), signer(Some("old")));
    issuer.publish(&[&old]);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("jwks.json");
    let set: JwkSet = [old.jwk().clone()].into_iter().collect();
    std::fs::write(&file, serde_json::to_string(&set).unwrap()).unwrap();
    let of_file = FileKeys::open("idp".to_owned(), file).unwrap();
    assert_eq!(format!("{of_file:?}"), "FileKeys { .. }");
    let (fetched, clock) = keys(&issuer);
    let fetched = KeySource::fetched(fetched);
    let token = sign(&old);
    let jws = Jws::parse(&token).unwrap();
    for source in [&fetched, &KeySource::File(Box::new(of_file))] {
        let verified = source.verify(&jws, &[Algorithm::EdDsa]).await;
        assert!(verified.is_ok());
        assert_eq!(source.status().keys, 1);
        assert_eq!(source.status().presence, Presence::Present);
        assert_eq!(source.failure(), None);
    }
    issuer.fail();
    clock.advance(86_401);
    assert!(fetched.verify(&jws, &[Algorithm::EdDsa]).await.is_err());
    assert_eq!(fetched.failure(), Some(Failure::Timeout.to_string()));
}

#[tokio::test(start_paused = true)]
async fn keys_are_fetched_in_the_background_and_again_after_a_failure() {
    let (issuer, old) = (Issuer::new(), signer(Some("old")));
    let (keys, clock) = keys(&issuer);
    let refreshing = keys.refresh_on(&tokio::runtime::Handle::current());
    let pass = async |seconds: u32| {
        clock.advance(seconds);
        tokio::time::sleep(Duration::from_secs(seconds.into())).await;
        for _ in 0..10 {
            tokio::task::yield_now().await;
        }
    };
    pass(1).await;
    assert_eq!((issuer.asked(), keys.status().keys), (1, 0));
    issuer.publish(&[&old]);
    pass(10).await;
    assert_eq!((issuer.asked(), keys.status().keys), (2, 1));
    pass(3600).await;
    assert_eq!(issuer.asked(), 3);
    drop(refreshing);
    pass(3600).await;
    assert_eq!(issuer.asked(), 3, "ended");
}
