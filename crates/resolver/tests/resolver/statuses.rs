//! Status of providers and of the cache, as operators see it.

use std::time::Duration;

use introspectd_core::ask::Gauges;
use introspectd_core::{Capabilities, Failure, Health, Selector, Target};
use introspectd_resolver::{CacheLimits, Keep, Lookup, PoolStatus, Unmatched};

use crate::harness::{Bench, Can, Fake, LIMITS, at, good, name, prefix, upstream, value};

#[tokio::test]
async fn status_of_a_provider_is_its_own() {
    let (able, unable) = (Fake::new(), Fake::that(Can::default()));
    let entries = vec![
        upstream("able", &able, Some(prefix("a"))),
        upstream("unable", &unable, Some(prefix("u"))),
    ];
    let bench = Bench::new(entries, &Unmatched::Reject, LIMITS);
    able.script("a", Failure::Timeout);
    bench.clock.advance(7);
    bench.ask("a").await;
    bench.ask("u").await;
    let resolver = &bench.resolver;
    assert_eq!(resolver.revision(), 1);
    assert_eq!(resolver.provider("able"), Some(&name("able")));
    assert_eq!(resolver.provider("Able"), None);
    let [able, unable] = &resolver.providers().collect::<Vec<_>>()[..] else {
        panic!("two");
    };
    assert_eq!((able.name, able.kind), (&name("able"), "fake"));
    let only = Capabilities {
        introspect: true,
        lookup: false,
        revoke: false,
        revoke_by_id: false,
        list: false,
        bind: false,
        issue: false,
    };
    assert_eq!(unable.capabilities, only);
    assert_eq!(
        able.capabilities,
        Capabilities {
            lookup: true,
            ..only
        }
    );
    assert_eq!(able.last_failure, Some((Failure::Timeout, at(7))));
    assert_eq!(unable.last_failure, None);
    assert_eq!(
        (able.health, able.gauges),
        (Health::Good, Gauges::default())
    );
    assert_eq!(able.lookups.total(Lookup::Absent), 1);
}

#[test]
fn every_result_of_a_lookup_has_its_word() {
    let words = Lookup::ALL.map(Lookup::as_str);
    let expected = ["hit", "coalesced", "stale", "absent", "expired", "purged"];
    assert_eq!(words, expected);
}

#[tokio::test]
async fn pools_tell_what_is_in_them_and_what_made_room() {
    const TOKENS: usize = 2000;
    let limits = CacheLimits {
        max_bytes: 800_000,
        ..LIMITS
    };
    let (bench, fake) = Bench::single(limits);
    let pools = || bench.resolver.pools();
    let [active, inactive] = pools();
    let empty = |name, max_bytes| PoolStatus {
        name,
        entries: 0,
        bytes: 0,
        max_bytes,
        evictions: 0,
    };
    assert_eq!(active, empty("active", 700_000));
    assert_eq!(inactive, empty("inactive", 100_000));
    for number in 0..TOKENS {
        let token = format!("real-{number}");
        fake.script(&token, good());
        bench.ask(&token).await;
        bench.ask(&format!("made-up-{number}")).await;
    }
    for pool in pools() {
        assert!(pool.bytes > pool.max_bytes / 2 && pool.bytes <= pool.max_bytes);
        assert_eq!(
            pool.entries + usize::try_from(pool.evictions).unwrap(),
            TOKENS
        );
        assert!(pool.entries > 100 && pool.evictions > 100, "{pool:?}");
    }
}

#[tokio::test]
async fn purged_entries_add_up() {
    let (bench, fake) = Bench::single(LIMITS);
    let resolver = &bench.resolver;
    for token in ["t", "u", "v"] {
        fake.script(token, good());
        bench.ask(token).await;
    }
    assert_eq!(resolver.purged(), 0);
    resolver.purge_token(&value("t"));
    assert_eq!(resolver.purged(), 1);
    resolver.purge_token(&value("t"));
    assert_eq!(resolver.purged(), 1);
    let token = Selector::new(Target::Token(value("u")));
    let patience = Duration::from_secs(30);
    let purged = resolver.purge_counted(&token, patience).await.unwrap();
    assert_eq!((purged.count, resolver.purged()), (1, 2));
    let all = Selector::new(Target::All);
    let purged = resolver.purge_counted(&all, patience).await.unwrap();
    assert_eq!((purged.count, resolver.purged()), (1, 3));
}

#[test]
fn whole_record_weighs_its_texts() {
    let mut token = good();
    assert_eq!(Keep::size(&token), 0);
    assert_eq!(token.names().jti, None);
    token.jti = Some("id".to_owned());
    assert_eq!(Keep::size(&token), 2);
    assert_eq!(token.names().jti.as_deref(), Some("id"));
    let kept: introspectd_core::Token = Keep::keep(&name("as"), token.clone());
    assert_eq!(kept, token);
}
