//! Facts, leases and purges of replicas.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use introspectd_core::{Clock, ProviderName, Selector, Target, Timestamp, TokenValue};
use introspectd_fleet::{
    Confirmed, ConfirmedSubject, Counted, FactName, Fault, Filling, Fleet, Found, Imported, Lease,
    Link, LocalPurge, MemoryStore, Mode, Purge, Replica, Revocation, RevokedDigest, SharedMark,
};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

use crate::harness::{TRUST, World};

/// Order of purges of one replica.
#[derive(Default)]
struct Order(Mutex<Vec<Purge>>, Mutex<Vec<Revocation>>);

impl Replica for Order {
    fn apply(&self, purge: &Purge) -> u64 {
        let mut purges = self.0.lock().unwrap();
        purges.push(purge.clone());
        purges.len().try_into().unwrap()
    }

    fn learn(&self, revoked: &[Revocation]) {
        self.1.lock().unwrap().extend_from_slice(revoked);
    }

    fn latest(&self) -> u64 {
        self.0.lock().unwrap().len().try_into().unwrap()
    }
}

struct Member {
    fleet: Arc<Fleet>,
    order: Arc<Order>,
    link: Link,
    following: JoinHandle<()>,
}

impl World {
    async fn join(&self) -> Member {
        let member = self.start(1, None);
        member.settle().await;
        member
    }

    fn start(&self, secret: u8, previous: Option<u8>) -> Member {
        let ((fleet, link), order) = (self.fleet(secret, previous), Arc::<Order>::default());
        let following = tokio::spawn(Arc::clone(&fleet).follow(Arc::clone(&order) as _));
        Member {
            fleet,
            order,
            link,
            following,
        }
    }
}

impl Member {
    /// Waits until facts are exchanged.
    async fn settle(&self) {
        while !(self.fleet.status().is_ready && self.hears()) {
            sleep(Duration::from_millis(10)).await;
        }
    }

    fn hears(&self) -> bool {
        let status = self.fleet.status();
        status.heard <= status.trust
    }

    async fn find(&self, token: &str) -> Found<Imported> {
        self.find_by(token, Some).await
    }

    async fn find_by(
        &self,
        token: &str,
        read: impl Fn(Imported) -> Option<Imported>,
    ) -> Found<Imported> {
        let provider = ProviderName::parse("sso").unwrap();
        let name = FactName {
            provider: &provider,
            revision: [7; 16],
            mode: Mode::Token,
            subject: token,
        };
        self.fleet.find(&name, Duration::from_secs(5), read).await
    }

    async fn fact(&self, token: &str) -> Imported {
        match self.find(token).await {
            Found::Fact(fact) => fact,
            other @ (Found::Lease(_) | Found::Unavailable) => panic!("{other:?}"),
        }
    }

    async fn lease(&self, token: &str) -> Lease {
        match self.find(token).await {
            Found::Lease(lease) => lease,
            other @ (Found::Fact(_) | Found::Unavailable) => panic!("{other:?}"),
        }
    }

    /// Asks the provider, as far as the fleet can tell.
    async fn fill(&self, token: &str, bytes: &[u8], clock: &dyn Clock) {
        let lease = self.lease(token).await;
        lease.fill(Filling {
            bytes: bytes.to_vec(),
            asked_at: clock.elapsed(),
            life: Duration::from_secs(60),
            is_record: true,
        });
        sleep(Duration::from_millis(5)).await;
    }

    fn marks(&self) -> Vec<SharedMark> {
        self.order
            .0
            .lock()
            .unwrap()
            .iter()
            .map(|purge| purge.mark)
            .collect()
    }

    fn token(&self, token: &str) -> SharedMark {
        SharedMark::Token(self.fleet.digests().token(token))
    }

    fn refuses(&self, fact: &Imported, mark: SharedMark) -> bool {
        let place = usize::try_from(fact.place).unwrap();
        self.marks()[place..].contains(&mark)
    }
}

fn of_token(token: &str) -> LocalPurge {
    let token = TokenValue::parse(token.to_owned()).unwrap();
    LocalPurge {
        selector: Selector::new(Target::Token(token)),
        revoked: Vec::new(),
    }
}

#[tokio::test(start_paused = true)]
async fn fact_of_one_replica_is_known_to_the_others_with_its_age() {
    let world = World::new();
    let (a, b) = (world.join().await, world.join().await);
    let asked_at = world.clock.elapsed();
    a.fill("token", b"active", &*world.clock).await;
    sleep(Duration::from_secs(3)).await;
    let fact = b.fact("token").await;
    assert_eq!(fact.bytes, b"active");
    assert!(fact.asked_at <= asked_at && fact.asked_at + Duration::from_millis(50) >= asked_at);
    assert_eq!(a.fleet.total(Counted::Stored), 1);
}

#[tokio::test(start_paused = true)]
async fn replica_that_has_just_started_knows_the_facts_of_the_others() {
    let world = World::at(Duration::ZERO);
    let one = world.join().await;
    one.fill("token", b"answer", &*world.clock).await;
    let fresh = world.start(1, None);
    assert_eq!(fresh.fact("token").await.bytes, b"answer");
}

#[tokio::test(start_paused = true)]
async fn start_without_a_store_costs_no_more_than_its_share() {
    for (fault, most) in [(Fault::Refused, 10), (Fault::Hanging, 1010)] {
        let world = World::at(Duration::ZERO);
        let fresh = world.start(1, None);
        fresh.link.set_fault(Some(fault));
        let begun = Instant::now();
        assert!(matches!(fresh.find("token").await, Found::Unavailable));
        assert!(begun.elapsed() <= Duration::from_millis(most), "{fault:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn fact_that_a_replica_refuses_is_asked_for_again_and_replaced() {
    let world = World::new();
    let (a, b) = (world.join().await, world.join().await);
    a.fill("token", b"purged", &*world.clock).await;
    let Found::Lease(lease) = b.find_by("token", |_| None).await else {
        panic!("a refused fact counts as missing");
    };
    lease.fill(Filling {
        bytes: b"fresh".to_vec(),
        asked_at: world.clock.elapsed(),
        life: Duration::from_secs(60),
        is_record: true,
    });
    sleep(Duration::from_millis(5)).await;
    assert_eq!(a.fact("token").await.bytes, b"fresh");
}

#[tokio::test(start_paused = true)]
async fn one_replica_asks_while_the_others_wait() {
    let world = World::new();
    let (a, b) = (world.join().await, world.join().await);
    let lease = a.lease("token").await;
    let waiting = async { (b.fact("token").await, world.clock.elapsed()) };
    let asking = async {
        // Longer than a lease lives without renewal.
        sleep(Duration::from_secs(3)).await;
        let filled_at = world.clock.elapsed();
        let life = Duration::from_secs(60);
        lease.fill(Filling {
            bytes: vec![1],
            asked_at: filled_at,
            life,
            is_record: true,
        });
        filled_at
    };
    let ((fact, found_at), filled_at) = tokio::join!(waiting, asking);
    assert_eq!(fact.bytes, [1]);
    assert!(found_at - filled_at < Duration::from_millis(100));
}

#[tokio::test(start_paused = true)]
async fn lease_of_a_replica_that_died_costs_a_second() {
    let world = World::new();
    let (a, b) = (world.join().await, world.join().await);
    let lease = a.lease("token").await;
    a.link.set_fault(Some(Fault::Refused));
    let begun = world.clock.elapsed();
    b.lease("token").await;
    assert!(world.clock.elapsed() - begun <= Duration::from_millis(1100));
    drop(lease);
}

#[tokio::test(start_paused = true)]
async fn lease_that_is_dropped_is_free_at_once() {
    let world = World::new();
    let (a, b) = (world.join().await, world.join().await);
    drop(a.lease("token").await);
    let begun = world.clock.elapsed();
    b.lease("token").await;
    assert!(world.clock.elapsed() - begun <= Duration::from_millis(50));
}

#[tokio::test(start_paused = true)]
async fn purge_reaches_every_replica_before_it_is_confirmed_to_more_than_a_hop() {
    let world = World::new();
    let (a, b) = (world.join().await, world.join().await);
    a.fleet.publish(of_token("token")).await.unwrap();
    sleep(Duration::from_millis(5)).await;
    for member in [&a, &b] {
        assert_eq!(member.marks(), [a.token("token")]);
    }
}

#[tokio::test(start_paused = true)]
async fn fill_that_began_before_a_purge_is_refused_everywhere() {
    let world = World::new();
    let (a, b) = (world.join().await, world.join().await);
    let lease = a.lease("token").await;
    b.fleet.publish(of_token("token")).await.unwrap();
    sleep(Duration::from_millis(5)).await;
    let asked_at = world.clock.elapsed();
    let life = Duration::from_secs(60);
    lease.fill(Filling {
        bytes: vec![1],
        asked_at,
        life,
        is_record: true,
    });
    sleep(Duration::from_millis(5)).await;
    for member in [&a, &b] {
        let fact = member.fact("token").await;
        assert!(member.refuses(&fact, a.token("token")));
    }
}

#[tokio::test(start_paused = true)]
async fn purge_that_cannot_be_written_fails_and_is_written_later() {
    let world = World::new();
    let (a, b) = (world.join().await, world.join().await);
    for fault in [Fault::Refused, Fault::Hanging, Fault::Deaf] {
        let earlier = b.marks().len();
        a.link.set_fault(Some(fault));
        let begun = world.clock.elapsed();
        a.fleet.publish(of_token("token")).await.unwrap_err();
        let took = world.clock.elapsed() - begun;
        assert!(took <= Duration::from_millis(5010), "{fault:?}: {took:?}");
        a.link.set_fault(None);
        sleep(Duration::from_secs(3)).await;
        assert!(b.marks().len() > earlier, "{fault:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn replica_that_hears_nothing_trusts_its_facts_for_so_long_only() {
    let world = World::new();
    let (a, b) = (world.join().await, world.join().await);
    let millis = |time: Duration| u64::try_from(time.as_millis()).unwrap();
    for fault in [Fault::Refused, Fault::Hanging, Fault::Deaf] {
        b.settle().await;
        b.link.set_fault(Some(fault));
        let cut_at = world.clock.elapsed();
        let asked_at = millis(cut_at) - 10_000;
        let trusts = || {
            b.fleet
                .hearing()
                .trusts(asked_at, millis(world.clock.elapsed()))
        };
        assert!(trusts());
        sleep(TRUST + Duration::from_millis(100)).await;
        assert!(!trusts(), "{fault:?}");
        assert!(matches!(b.find("any").await, Found::Unavailable));
        b.link.set_fault(None);
        b.settle().await;
        assert!(trusts(), "{fault:?}");
    }
    assert!(a.hears());
}

/// A former primary still answers, and takes no writes any more.
#[tokio::test(start_paused = true)]
async fn stream_that_takes_no_entries_is_not_heard() {
    let world = World::new();
    let a = world.join().await;
    let now = || u64::try_from(world.clock.elapsed().as_millis()).unwrap();
    a.following.abort();
    sleep(TRUST * 2).await;
    assert!(!a.fleet.hearing().trusts(0, now()));
}

#[tokio::test(start_paused = true)]
async fn lost_stream_drops_all_facts_everywhere() {
    for lose in [
        (|store| store.flush()) as fn(&MemoryStore),
        |store| store.lose_last(1),
        |store| store.lose_last(1000),
    ] {
        let world = World::new();
        let (a, b) = (world.join().await, world.join().await);
        a.fill("token", b"active", &*world.clock).await;
        lose(&world.store);
        sleep(Duration::from_secs(2)).await;
        for member in [&a, &b] {
            assert!(member.marks().contains(&SharedMark::All));
            member.settle().await;
        }
        match b.find("token").await {
            Found::Fact(fact) => assert!(b.refuses(&fact, SharedMark::All)),
            Found::Lease(_) => {}
            Found::Unavailable => panic!("healed by now"),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn revocation_that_a_lost_stream_held_reaches_who_had_not_read_it() {
    let world = World::new();
    let (a, b) = (world.join().await, world.join().await);
    b.link.set_fault(Some(Fault::Refused));
    let token = TokenValue::parse("token".to_owned()).unwrap();
    let revoked = Confirmed {
        provider: ProviderName::parse("sso").unwrap(),
        subject: ConfirmedSubject::Token(token),
        end: None,
    };
    let purge = LocalPurge {
        revoked: vec![revoked],
        ..of_token("token")
    };
    a.fleet.publish(purge).await.unwrap();
    world.store.flush();
    sleep(TRUST).await;
    b.link.set_fault(None);
    sleep(TRUST * 2).await;
    let digest = RevokedDigest::Token(b.fleet.digests().token("token"));
    let purges = b.order.0.lock().unwrap();
    let mut revoked = purges.iter().flat_map(|purge| &purge.revoked);
    assert!(revoked.any(|it| it.revoked == digest), "{purges:?}");
}

#[tokio::test(start_paused = true)]
async fn deleted_purge_is_noticed_by_who_had_not_read_it() {
    let world = World::new();
    let (a, b) = (world.join().await, world.join().await);
    // Deaf while the entry is there.
    b.link.set_fault(Some(Fault::Hanging));
    sleep(Duration::from_millis(10)).await;
    a.fleet.publish(of_token("token")).await.unwrap();
    world.store.delete_from_end(0);
    b.link.set_fault(None);
    sleep(TRUST * 2).await;
    assert!(b.marks().contains(&SharedMark::All), "{:?}", b.marks());
}

#[tokio::test(start_paused = true)]
async fn values_of_others_are_misses() {
    let world = World::new();
    let (a, b) = (world.join().await, world.join().await);
    a.fill("token", b"active", &*world.clock).await;
    world.store.tamper(|_, value| value[20] ^= 1);
    assert!(matches!(b.find("token").await, Found::Lease(_)));
    assert!(b.fleet.total(Counted::Tampered) > 0);
}

#[tokio::test(start_paused = true)]
async fn lease_of_nobody_makes_no_replica_wait() {
    let world = World::new();
    let a = world.join().await;
    let lease = a.lease("token").await;
    sleep(Duration::from_millis(5)).await;
    world.store.tamper(|_, value| value[3] ^= 1);
    let begun = world.clock.elapsed();
    assert!(matches!(a.find("token").await, Found::Unavailable));
    assert!(world.clock.elapsed() - begun < Duration::from_millis(50));
    drop(lease);
}

#[tokio::test(start_paused = true)]
async fn garbage_in_the_stream_is_a_purge_of_everything() {
    let world = World::new();
    let a = world.join().await;
    for garbage in [
        b"garbage".as_slice(),
        b"",
        b"pxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
    ] {
        let earlier = a.marks().len();
        world.store.append_foreign(garbage);
        sleep(Duration::from_millis(500)).await;
        assert_eq!(a.marks()[earlier..], [SharedMark::All]);
    }
}

#[tokio::test(start_paused = true)]
async fn replica_with_another_secret_shares_nothing_but_the_fact_of_a_purge() {
    let world = World::new();
    let a = world.join().await;
    let odd = world.start(9, None);
    sleep(Duration::from_secs(3)).await;
    a.fill("token", b"active", &*world.clock).await;
    assert!(!matches!(odd.find("token").await, Found::Fact(_)));
    a.fleet.publish(of_token("token")).await.unwrap();
    odd.fleet.publish(of_token("other")).await.unwrap();
    sleep(Duration::from_millis(5)).await;
    assert_eq!(odd.marks()[0], SharedMark::All);
    assert_eq!(*a.marks().last().unwrap(), SharedMark::All);
}

#[tokio::test(start_paused = true)]
async fn rotation_loses_no_purge() {
    // Not reached yet; knows the next; uses the next; done.
    let states = [(1, None), (1, Some(2)), (2, Some(1)), (2, None)];
    for (one, other) in [
        (0, 1),
        (1, 0),
        (1, 2),
        (2, 1),
        (2, 3),
        (3, 2),
        (0, 2),
        (2, 0),
    ] {
        let world = World::new();
        let start = |state: usize| world.start(states[state].0, states[state].1);
        let (a, b) = (start(one), start(other));
        a.settle().await;
        b.settle().await;
        let earlier = b.marks().len();
        a.fleet.publish(of_token("token")).await.unwrap();
        sleep(Duration::from_millis(5)).await;
        let marks = b.marks();
        let selects = |mark: &SharedMark| *mark == SharedMark::All || *mark == b.token("token");
        assert!(marks[earlier..].iter().any(selects), "{one} {other}");
        // Exact, but from a replica that has only the former one.
        assert_eq!(
            marks[earlier..].contains(&SharedMark::All),
            (one, other) == (0, 2),
            "{one} {other}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn facts_of_the_former_secret_are_read_while_it_rotates() {
    let world = World::new();
    let (a, b) = (world.start(1, None), world.start(2, Some(1)));
    a.settle().await;
    b.settle().await;
    a.fill("token", b"active", &*world.clock).await;
    assert_eq!(b.fact("token").await.bytes, b"active");
}

#[tokio::test(start_paused = true)]
async fn replica_that_starts_later_learns_what_was_revoked() {
    let world = World::new();
    let token = TokenValue::parse("token".to_owned()).unwrap();
    for secrets in [(1, None), (2, Some(1))] {
        let a = world.start(1, Some(2));
        a.settle().await;
        let confirmed = Confirmed {
            provider: ProviderName::parse("sso").unwrap(),
            subject: ConfirmedSubject::Token(token.clone()),
            end: Timestamp::from_seconds(2_000_000),
        };
        let revoked = vec![confirmed];
        a.fleet
            .publish(LocalPurge {
                revoked,
                ..of_token("token")
            })
            .await
            .unwrap();
        // Past the time that purges are kept for.
        sleep(Duration::from_secs(200)).await;
        let late = world.start(secrets.0, secrets.1);
        late.settle().await;
        let learned = late.order.1.lock().unwrap().clone();
        let digest = RevokedDigest::Token(late.fleet.digests().token("token"));
        assert!(learned.iter().any(|it| it.revoked == digest), "{secrets:?}");
        a.following.abort();
        late.following.abort();
    }
}

#[tokio::test(start_paused = true)]
async fn dump_shows_nothing() {
    let world = World::new();
    let a = world.join().await;
    a.fill("the-secret-token", b"claims of alice", &*world.clock)
        .await;
    a.fleet.publish(of_token("the-secret-token")).await.unwrap();
    for bytes in world.store.dump() {
        let text = String::from_utf8_lossy(&bytes);
        for secret in ["secret", "token", "claims", "alice", "sso"] {
            assert!(!text.contains(secret), "{text}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn made_up_tokens_are_shared_up_to_a_bound() {
    let world = World::new();
    let a = world.join().await;
    for nth in 0..1500 {
        let lease = a.lease(&format!("made-up-{nth}")).await;
        let life = Duration::from_secs(5);
        lease.fill(Filling {
            bytes: vec![],
            asked_at: world.clock.elapsed(),
            life,
            is_record: false,
        });
        tokio::task::yield_now().await;
    }
    sleep(Duration::from_millis(50)).await;
    let keys = world.store.keys();
    let count = |kind: &str| keys.iter().filter(|key| key.starts_with(kind)).count();
    assert_eq!((count("p:f:"), count("p:l:")), (0, 0));
    assert!(count("p:u:") <= 2000, "{}", count("p:u:"));
    let seconds = 1 + u64::try_from(keys.len()).unwrap() / 1000;
    assert!(a.fleet.total(Counted::Stored) <= seconds * 1000);
}
