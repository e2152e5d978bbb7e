//! Behaviour of both stores, and of each alone.

use introspectd_bindings::{BlockingBindings, MemoryBindings, StoredBindings};
use introspectd_core::{Binding, Found, Kept, ProviderName, Timestamp};

use crate::given::{DAY, NONE, NOW, Place, at, bank, bind, find, id, keep, missing, pair, token};

fn each(check: impl Fn(&dyn BlockingBindings)) {
    check(&MemoryBindings::new().unwrap());
    check(&Place::new().open());
}

#[test]
fn only_the_bound_token_finds_its_id() {
    each(|bindings| {
        bind(bindings, 1);
        bind(bindings, 2);
        assert_eq!(missing(bindings, 1..3), NONE);
        let find = |provider: &str, text: &str| {
            bindings
                .find(
                    &ProviderName::parse(provider).unwrap(),
                    &token(text),
                    at(NOW),
                )
                .unwrap()
        };
        for (provider, text) in [
            ("bank", "secret-of-3"),
            ("bank", "secret-of-"),
            ("bank", "secret-of-1 "),
            ("bank", pair(1).1.as_str()),
            ("other", "secret-of-1"),
            ("ban", "ksecret-of-1"),
            ("banks", "ecret-of-1"),
        ] {
            assert_eq!(find(provider, text), None, "{provider} {text}");
        }
    });
}

#[test]
fn binding_expires_with_its_token() {
    each(|bindings| {
        bind(bindings, 1);
        let (token, id) = pair(1);
        let find_at = |now| find(bindings, &token, now);
        assert_eq!(find_at(at(NOW + 3599)), Some(id.clone()));
        assert_eq!(find_at(at(NOW + 3600)), None);
        assert_eq!(find_at(Timestamp::MAX), None);
        // As what it was, it is found on.
        let found = bindings.find(&bank(), &token, at(NOW + 3600 + DAY / 2));
        let end = at(NOW + 3600);
        assert_eq!(found, Ok(Some(Found { id, end })));
    });
}

#[test]
fn unusable_clock_expires_no_binding() {
    each(|bindings| {
        bind(bindings, 1);
        let (token, id) = pair(2);
        let _ = keep(bindings, &token, &id, at(NOW + 3600), Timestamp::MAX).unwrap();
        assert_eq!(missing(bindings, 1..3), NONE);
    });
}

#[test]
fn last_binding_of_a_token_wins() {
    each(|bindings| {
        let (token, first) = pair(1);
        bind(bindings, 1);
        let _ = keep(bindings, &token, &id("other"), at(NOW + 60), at(NOW)).unwrap();
        assert_eq!(find(bindings, &token, at(NOW + 59)), Some(id("other")));
        assert_eq!(find(bindings, &token, at(NOW + 60)), None);
        let _ = keep(bindings, &token, &first, at(NOW + 5 * DAY), at(NOW)).unwrap();
        // At a time when the previous one would be swept.
        let _ = keep(
            bindings,
            &pair(2).0,
            &id("2"),
            at(NOW + 9 * DAY),
            at(NOW + 2 * DAY),
        )
        .unwrap();
        assert_eq!(find(bindings, &token, at(NOW + 4 * DAY)), Some(first));
    });
}

#[test]
fn rebinding_to_another_id_requires_replace() {
    each(|bindings| {
        bind(bindings, 1);
        let (token, first) = pair(1);
        let second = id("other");
        let try_to = |id, replace, now| {
            let binding = Binding {
                token: &token,
                id,
                end: at(NOW + 7200),
                replace,
            };
            bindings.bind(&bank(), &binding, now).unwrap()
        };
        let found = || find(bindings, &token, at(NOW));
        assert_eq!(try_to(&second, false, at(NOW)), Kept::OtherId);
        assert_eq!(try_to(&second, false, Timestamp::MAX), Kept::OtherId);
        assert_eq!(found(), Some(first.clone()));
        assert_eq!(try_to(&first, false, at(NOW)), Kept::Done);
        assert_eq!(try_to(&second, true, at(NOW)), Kept::Done);
        assert_eq!(found().as_ref(), Some(&second));
        assert_eq!(
            try_to(&first, false, at(NOW + 7200)),
            Kept::Done,
            "an expired binding does not block"
        );
    });
}

#[test]
fn one_of_several_racing_writers_wins() {
    each(|bindings| {
        for round in 0..20 {
            let (token, _) = pair(round);
            let write = |writer: u32| {
                let id = id(&format!("of-{writer}"));
                let binding = Binding {
                    token: &token,
                    id: &id,
                    end: at(NOW + 60),
                    replace: false,
                };
                (bindings.bind(&bank(), &binding, at(NOW)).unwrap(), id)
            };
            let outcomes: Vec<_> = std::thread::scope(|scope| {
                let writers: Vec<_> = (0..4)
                    .map(|writer| scope.spawn(move || write(writer)))
                    .collect();
                writers
                    .into_iter()
                    .map(|writer| writer.join().unwrap())
                    .collect()
            });
            let won: Vec<_> = outcomes
                .iter()
                .filter(|(kept, _)| *kept == Kept::Done)
                .collect();
            assert_eq!(won.len(), 1, "{outcomes:?}");
            assert_eq!(find(bindings, &token, at(NOW)), Some(won[0].1.clone()));
        }
    });
}

#[test]
fn bindings_survive_reopening() {
    let place = Place::new();
    for round in 0..5 {
        let bindings = place.open();
        assert_eq!(missing(&bindings, 0..round * 10), NONE, "round {round}");
        (round * 10..(round + 1) * 10).for_each(|number| bind(&bindings, number));
    }
}

/// Searches at a time before the end, since an expired binding is never found.
#[test]
fn opening_removes_bindings_a_day_after_their_end() {
    let kept = |opened: Timestamp| {
        let place = Place::new();
        bind(&place.open(), 1);
        let bindings = StoredBindings::open(&place.file(), None, opened).unwrap();
        missing(&bindings, 1..2).is_empty()
    };
    assert!(kept(at(NOW + 3600 + DAY - 1)));
    assert!(!kept(at(NOW + 3600 + DAY)));
    assert!(kept(Timestamp::MAX), "an unusable clock expires nothing");
}

#[test]
fn binding_removes_some_that_ended_a_day_ago() {
    let place = Place::new();
    let bindings = place.open();
    (0..20).for_each(|number| bind(&bindings, number));
    let later = NOW + 3600 + DAY;
    let (token, id) = pair(20);
    let _ = keep(&bindings, &token, &id, at(later + 60), at(later)).unwrap();
    assert_eq!(missing(&bindings, 0..21).len(), 16);
    let _ = keep(&bindings, &token, &id, at(later + 60), at(later)).unwrap();
    assert_eq!(missing(&bindings, 0..21).len(), 20);
    assert_eq!(find(&bindings, &token, at(later)), Some(id));
}

#[test]
fn file_does_not_grow_with_ended_bindings() {
    let place = Place::new();
    let fill = |from: u32, now: i64| {
        let bindings = StoredBindings::open(&place.file(), None, at(now)).unwrap();
        for number in from..from + 300 {
            let (token, id) = pair(number);
            let _ = keep(&bindings, &token, &id, at(now + 60), at(now)).unwrap();
        }
        drop(bindings);
        place.bytes().len()
    };
    let first = fill(0, NOW);
    let sizes: Vec<_> = (1..5)
        .map(|round| fill(round * 300, NOW + i64::from(round) * 2 * DAY))
        .collect();
    assert!(
        sizes.iter().all(|size| *size <= first * 3 / 2),
        "{first} and then {sizes:?}"
    );
}

/// Uses ids of the largest size, 16 KiB.
#[test]
fn memory_limit_drops_the_least_recently_used() {
    let bindings = MemoryBindings::new().unwrap();
    let long = id(&"x".repeat(16 * 1024));
    let bound = 2500;
    for number in 0..bound {
        let end = at(NOW + 3600 + i64::from(number));
        let _ = keep(&bindings, &pair(number).0, &long, end, at(NOW)).unwrap();
    }
    let is_kept = |number| find(&bindings, &pair(number).0, at(NOW)).is_some();
    let kept: Vec<_> = (0..bound).filter(|number| is_kept(*number)).collect();
    assert!((1500..2048).contains(&kept.len()), "{}", kept.len());
    assert_eq!(
        kept,
        (bound - u32::try_from(kept.len()).unwrap()..bound).collect::<Vec<_>>()
    );
}

#[test]
fn tokens_are_neither_stored_nor_printed() {
    let place = Place::new();
    let bindings = place.open();
    bind(&bindings, 1);
    let contains = |text: &str| {
        place
            .bytes()
            .windows(text.len())
            .any(|part| part == text.as_bytes())
    };
    assert!(
        contains(pair(1).1.as_str()),
        "the id is stored, or this test would prove nothing"
    );
    assert!(!contains("secret-of-1"));
    let bare = blake3::hash(b"secret-of-1");
    assert!(
        !place
            .bytes()
            .windows(32)
            .any(|part| part == bare.as_bytes()),
        "an unkeyed hash is stored"
    );
    for printed in [
        format!("{bindings:?}"),
        format!("{:?}", MemoryBindings::new().unwrap()),
    ] {
        assert!(
            !printed.contains("secret") && !printed.contains('['),
            "{printed}"
        );
    }
}
