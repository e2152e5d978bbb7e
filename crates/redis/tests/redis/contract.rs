use std::time::{Duration, Instant};

use introspectd_fleet::{EntryId, Kept, Reading, Store, Stream, Taken};
use introspectd_redis::RedisStore;
use introspectd_redis_lab::until;

use crate::harness::{LIFE, append, texts};

/// Holds what every deployment must do.
pub(crate) async fn holds(store: &RedisStore) {
    values(store).await;
    leases(store).await;
    looks_that_take_a_lease(store).await;
    streams(store).await;
    trimming(store).await;
    waiting(store).await;
}

async fn values(store: &RedisStore) {
    // In a cluster, these are in different slots, and likely on different nodes.
    let keys: Vec<String> = (0..20).map(|number| format!("lab:f:{number}")).collect();
    let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
    assert_eq!(store.get(&keys).await.unwrap(), vec![None; 20]);
    assert_eq!(store.get(&[]).await.unwrap(), Vec::<Option<Vec<u8>>>::new());
    let any_bytes: Vec<u8> = (0..=255).collect();
    for key in &keys[..10] {
        assert!(store.set_new(key, &any_bytes, LIFE).await.unwrap());
        assert!(!store.set_new(key, b"other", LIFE).await.unwrap());
    }
    let mut expected = vec![Some(any_bytes.clone()); 10];
    expected.resize(20, None);
    assert_eq!(store.get(&keys).await.unwrap(), expected);

    let key = keys[0];
    assert!(!store.replace(key, b"no", b"new", LIFE).await.unwrap());
    assert!(store.replace(key, &any_bytes, b"new", LIFE).await.unwrap());
    assert!(
        !store
            .replace("lab:f:none", b"", b"new", LIFE)
            .await
            .unwrap()
    );
    store.delete(key, b"no").await.unwrap();
    assert_eq!(store.get(&[key]).await.unwrap(), [Some(b"new".to_vec())]);
    store.delete(key, b"new").await.unwrap();
    assert_eq!(store.get(&[key]).await.unwrap(), [None]);

    let short = Duration::from_millis(30);
    assert!(store.set_new(key, b"short", short).await.unwrap());
    assert!(store.replace(key, b"short", b"short", short).await.unwrap());
    until("the value expires", async || {
        store.get(&[key]).await.unwrap() == [None]
    })
    .await;
    // Less than what Redis can count is a short life, not an error.
    assert!(store.set_new(key, b"", Duration::ZERO).await.unwrap());
}

async fn leases(store: &RedisStore) {
    let (lease, key) = ("lab:{a}:l", "lab:{a}:f");
    assert!(!store.fill(lease, b"me", key, b"fact", LIFE).await.unwrap());
    assert!(store.set_new(lease, b"me", LIFE).await.unwrap());
    assert!(!store.fill(lease, b"him", key, b"fact", LIFE).await.unwrap());
    assert_eq!(store.get(&[key]).await.unwrap(), [None]);
    assert!(store.fill(lease, b"me", key, b"fact", LIFE).await.unwrap());
    let values = store.get(&[lease, key]).await.unwrap();
    assert_eq!(values, [None, Some(b"fact".to_vec())]);
}

async fn looks_that_take_a_lease(store: &RedisStore) {
    let keys = ["lab:f:b", "lab:u:{lab:f:b}"];
    let lease = "lab:l:{lab:f:b}";
    let take = async |value: &[u8]| store.take(&keys, lease, value, LIFE).await.unwrap();
    assert_eq!(take(b"me").await, Taken::Lease);
    let held = |fact: Option<&[u8]>, lease: Option<&[u8]>| Taken::Values {
        values: vec![None, fact.map(<[u8]>::to_vec)],
        lease: lease.map(<[u8]>::to_vec),
    };
    assert_eq!(take(b"him").await, held(None, Some(b"me")));
    let any_bytes: Vec<u8> = (0..=255).collect();
    assert!(store.set_new(keys[1], &any_bytes, LIFE).await.unwrap());
    assert_eq!(take(b"him").await, held(Some(&any_bytes), Some(b"me")));
    store.delete(lease, b"me").await.unwrap();
    assert_eq!(take(b"him").await, held(Some(&any_bytes), None));
    store.delete(keys[1], &any_bytes).await.unwrap();
    let short = Duration::from_millis(30);
    let taken = store.take(&keys, lease, b"him", short).await.unwrap();
    assert_eq!(taken, Taken::Lease);
    until("the lease ends by itself", async || {
        take(b"her").await == Taken::Lease
    })
    .await;
}

async fn streams(store: &RedisStore) {
    let empty = store.read(Stream::Purges, None).await.unwrap();
    assert_eq!(empty.entries, []);
    assert!(empty.time > Duration::from_secs(1_700_000_000));

    let first = append(store, "first").await.unwrap();
    let sealed = [b"a\0\r\n\xff".to_vec(), Vec::new()];
    let keep = Kept::Time(LIFE);
    let second = store.append(Stream::Purges, &sealed, keep).await.unwrap();
    assert!(second > first);

    let all = store.read(Stream::Purges, None).await.unwrap();
    let ids: Vec<EntryId> = all.entries.iter().map(|entry| entry.id).collect();
    assert_eq!(ids, [first, second]);
    assert_eq!(all.entries[0].sealed, [b"first"]);
    assert_eq!(all.entries[1].sealed, sealed);
    assert!(all.time.as_millis() >= u128::from(second.millis));

    let rest = store.read(Stream::Purges, Some(second)).await.unwrap();
    assert_eq!(rest.entries, all.entries[1..]);
    let others = store.read(Stream::Revocations, None).await.unwrap();
    assert_eq!(others.entries, []);
}

async fn trimming(store: &RedisStore) {
    let text = [vec![0; 500]];
    let keep = Kept::Entries(20);
    for _ in 0..200 {
        store
            .append(Stream::Revocations, &text, keep)
            .await
            .unwrap();
    }
    let kept = store.read(Stream::Revocations, None).await.unwrap().entries;
    assert!((20..200).contains(&kept.len()), "{} entries", kept.len());
    // Entries that are older than the time go, whole blocks of them at a time; younger ones stay.
    let long = Kept::Time(LIFE);
    let last = store
        .append(Stream::Revocations, &text, long)
        .await
        .unwrap();
    let after = store.read(Stream::Revocations, None).await.unwrap().entries;
    assert_eq!(after.len(), kept.len() + 1);
    let short = Kept::Time(Duration::from_millis(1));
    until("the old entries go", async || {
        store
            .append(Stream::Revocations, &text, short)
            .await
            .unwrap();
        let left = store.read(Stream::Revocations, None).await.unwrap().entries;
        left[0].id > last && left.len() < kept.len()
    })
    .await;

    let most = Reading::MAX_ENTRIES + 1;
    let appends = (0..most).map(|_| store.append(Stream::Revocations, &text, long));
    futures_util::future::try_join_all(appends).await.unwrap();
    let page = store.read(Stream::Revocations, None).await.unwrap().entries;
    assert_eq!(page.len(), Reading::MAX_ENTRIES);
}

async fn waiting(store: &RedisStore) {
    let last = append(store, "before").await.unwrap();
    let long = Duration::from_secs(20);
    let began = Instant::now();
    let (waited, appended) = tokio::join!(store.wait(Stream::Purges, last, long), async {
        // Commands do not wait behind the wait.
        texts(store).await.unwrap();
        append(store, "awaited").await
    });
    waited.unwrap();
    let last = appended.unwrap();
    assert!(began.elapsed() < Duration::from_secs(5));
    // An entry that is there already is not waited for.
    let before = EntryId {
        millis: last.millis - 1,
        sequence: 0,
    };
    store.wait(Stream::Purges, before, long).await.unwrap();
    assert!(began.elapsed() < Duration::from_secs(5));

    let short = Duration::from_millis(50);
    let began = Instant::now();
    store.wait(Stream::Purges, last, short).await.unwrap();
    assert!(began.elapsed() >= short);
    store
        .wait(Stream::Purges, last, Duration::ZERO)
        .await
        .unwrap();

    // Longer than the half second after which the crate gives up by itself.
    let began = Instant::now();
    let patience = Duration::from_millis(700);
    store.wait(Stream::Purges, last, patience).await.unwrap();
    assert!(began.elapsed() >= patience);

    // A wait that is dropped holds up neither the next one nor a command.
    let dropped = tokio::time::timeout(short, store.wait(Stream::Purges, last, long));
    assert!(dropped.await.is_err());
    let began = Instant::now();
    store.wait(Stream::Purges, last, short).await.unwrap();
    texts(store).await.unwrap();
    assert!(began.elapsed() < Duration::from_secs(1));
}
