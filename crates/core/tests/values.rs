//! Values as other crates see them: names, scopes, members, audiences, sizes.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking, its own functions included"
)]

// The counters of coverage under `cargo xtask fuzz`, which builds all tests of a crate.
use introspectd_fuzz as _;

use std::borrow::Borrow;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

use introspectd_core::{
    Audience, BadAnswer, Clock, CreationKey, Doubt, DoubtHandler, Expiry, Failure, Found, Json,
    ManualClock, Members, Order, Outage, ProviderName, Scope, ScopeSet, Status, SystemClock,
    Timestamp, Token, TokenId, TokenValue, Unreachable, Window, decides_use,
};
use serde_json::value::RawValue;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_seconds(seconds).unwrap()
}

fn json(text: &str) -> Option<Json> {
    Json::read(&RawValue::from_string(text.to_owned()).unwrap())
}

fn members(text: &str) -> Members {
    match json(text) {
        Some(Json::Object(members)) => members,
        other => panic!("{other:?}"),
    }
}

#[test]
fn provider_name_is_letters_digits_and_two_marks() {
    let longest = "a".repeat(64);
    for name in ["a", "Bank_2-x", "9", "_", "-", &longest] {
        let parsed = ProviderName::parse(name).unwrap();
        let borrowed: &str = parsed.borrow();
        assert_eq!((parsed.as_str(), borrowed), (name, name));
        assert_eq!(parsed.to_string(), name);
        assert_eq!(format!("{parsed:?}"), name);
    }
    for none in ["", "a b", "a.b", "\u{e9}", "a/b", &"a".repeat(65)] {
        assert!(ProviderName::parse(none).is_err(), "{none}");
    }
}

#[test]
fn granted_scopes_cover_what_is_required() {
    let scope = |text| Scope::parse(text).unwrap();
    let granted = ScopeSet::from_spaced("read iam.mfa.*");
    for (required, covered) in [
        ("read", true),
        ("write", false),
        ("iam.mfa.totp", true),
        ("iam.mfa", false),
        ("iam.mfa.", false),
        ("iam.mfax", false),
    ] {
        assert_eq!(granted.covers(&scope(required)), covered, "{required}");
        let text = granted.to_string();
        let is_covered = scope(required).is_covered_by(&text);
        assert_eq!(is_covered, covered, "{required}");
    }
    let texts: Vec<String> = granted.iter().map(|it| format!("{it:?}")).collect();
    assert_eq!(texts, ["read", "iam.mfa.*"]);
    assert!(!granted.is_empty());
    assert!(ScopeSet::default().is_empty());
    let texts = "read".len() + "iam.mfa.*".len();
    assert_eq!(granted.size(), 2 * size_of::<Scope>() + texts);
}

#[test]
fn members_are_what_was_read() {
    let mut read = members(r#"{"b":null,"a":true,"c":false,"d":[1,"x"],"e":{"f":-7}}"#);
    assert!(!read.is_empty());
    let names: Vec<&str> = read.iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["a", "b", "c", "d", "e"]);
    assert_eq!(read.get("a"), Some(&Json::Bool(true)));
    assert_eq!(read.get("b"), Some(&Json::Null));
    assert_eq!(read.get("c"), Some(&Json::Bool(false)));
    read.insert("a".to_owned(), Json::Null);
    assert_eq!(read.remove("a"), Some(Json::Null));
    assert_eq!(read.remove("a"), None);
    assert_eq!(read.into_iter().count(), 4);
    assert!(Members::default().is_empty());
    assert_eq!(json("-7").unwrap().as_i64(), Some(-7));
    assert_eq!(json("7.5").unwrap().as_i64(), None);
    assert_eq!(json("\"7\"").unwrap().as_i64(), None);
}

#[test]
fn object_that_we_wrote_is_read_two_levels_deeper() {
    let nested = |depth: usize| {
        let text = format!("{}1{}", "{\"a\":".repeat(depth), "}".repeat(depth));
        RawValue::from_string(text).unwrap()
    };
    let deepest = (1..100)
        .take_while(|depth| Json::read(&nested(*depth)).is_some())
        .count();
    let deeper = Members::read_written(&nested(deepest + 2));
    assert!(deeper.is_some_and(|read| !read.is_empty()));
    assert!(Members::read_written(&nested(deepest + 3)).is_none());
    let list = RawValue::from_string("[]".to_owned()).unwrap();
    assert!(Members::read_written(&list).is_none());
}

#[test]
fn size_of_a_token_counts_every_text() {
    let mut token = Token::new(Status::Good, Expiry::At(at(200)));
    assert_eq!(token.exp(), Some(at(200)));
    let mut size = token.size();
    assert!(size >= size_of::<Token>());
    let mut grows_by = |change: &dyn Fn(&mut Token), bytes: usize| {
        change(&mut token);
        assert_eq!(token.size(), size + bytes);
        size += bytes;
    };
    let string = size_of::<String>();
    grows_by(&|token| token.sub = Some("12345".to_owned()), 5);
    grows_by(&|token| token.jti = Some("1234567".to_owned()), 7);
    let scope = size_of::<Scope>() + 3;
    grows_by(&|token| token.scope = ScopeSet::from_spaced("abc"), scope);
    grows_by(&|token| token.roles = vec!["ab".to_owned()], string + 2);
    let audience = |token: &mut Token| token.aud = Some(Audience::One("abcd".to_owned()));
    grows_by(&audience, string + 4);
    let member = size_of::<Json>() + 24;
    grows_by(
        &|token| token.details = members(r#"{"ab":"xyz"}"#),
        member + 2 + 3,
    );
    let nested = 2 * size_of::<Json>() + 24 + 1 + 2;
    grows_by(&|token| token.extensions = members(r#"{"a":[12]}"#), nested);
}

#[test]
fn audience_is_one_or_many() {
    assert_eq!(Audience::One("a".to_owned()).as_slice(), ["a"]);
    let many = vec!["a".to_owned(), "b".to_owned()];
    assert_eq!(Audience::Many(many).as_slice(), ["a", "b"]);
}

#[test]
fn members_that_name_a_use_decide_it() {
    for name in [
        "cnf",
        "token_use",
        "typ",
        "token_usage",
        "purpose",
        "tokenName",
    ] {
        assert!(decides_use(name), "{name}");
    }
    for name in ["", "sub", "Typ", "cnf2"] {
        assert!(!decides_use(name), "{name}");
    }
}

#[test]
fn token_and_its_id_are_bounded_texts() {
    assert_eq!(TokenValue::MAX_BYTES, 16 * 1024);
    assert_eq!(TokenId::parse("id".to_owned()).unwrap().as_str(), "id");
}

#[test]
fn clock_moves_by_whole_seconds_and_never_by_the_wall_alone() {
    let clock = ManualClock::at(at(1000));
    assert_eq!(clock.elapsed(), Duration::ZERO);
    clock.advance(7);
    assert_eq!(clock.now(), at(1007));
    assert_eq!(clock.elapsed(), Duration::from_secs(7));
    clock.set(at(3));
    assert_eq!(clock.now(), at(3));
    assert_eq!(clock.elapsed(), Duration::from_secs(7));
    assert_eq!(Timestamp::from_millis(1999), Some(at(1)));
    assert_eq!(Timestamp::from_millis(-1), Some(at(-1)));
    assert_eq!(format!("{:?}", at(5)), "5s");

    let system = SystemClock::default();
    let earlier = system.elapsed();
    while system.elapsed() == earlier {
        std::hint::spin_loop();
    }
    assert!(system.elapsed() > earlier);
}

#[test]
fn doubt_reaches_the_handler_around_it() {
    assert!(DoubtHandler::current().is_none());
    let raised = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&raised);
    let handler = DoubtHandler::new(move |_| {
        count.fetch_add(1, SeqCst);
    });
    assert_eq!(format!("{handler:?}"), "DoubtHandler");
    let runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = { runtime }.build().unwrap();
    let raise = async { DoubtHandler::current().unwrap().raise(Doubt::Surplus) };
    runtime.block_on(handler.scope(raise));
    assert_eq!(raised.load(SeqCst), 1);
}

#[test]
fn stale_fact_stands_in_for_what_cannot_depend_on_the_token() {
    let unreachable = Failure::outage(Outage::Unreachable(Unreachable::Refused));
    for failure in [Failure::Timeout, Failure::ConnectTimeout, unreachable] {
        assert!(failure.allows_stale(), "{failure:?}");
    }
    for failure in [BadAnswer::NotUtf8.into(), Failure::Unsupported] {
        assert!(!failure.allows_stale(), "{failure:?}");
    }
}

/// The window counts the bytes of what it holds, and no others.
#[test]
fn window_holds_two_hundred_records_or_four_megabytes() {
    let offered = |count: i64, bytes: usize| {
        let mut window = Window::after(None, Order::Ascending).unwrap();
        for millis in 0..count {
            // Twice: a record that is sent again takes no more.
            for handle in [millis.to_string(), millis.to_string()] {
                let mut token = Token::new(Status::Good, Expiry::Never);
                token.sub = Some("x".repeat(bytes));
                window.offer(CreationKey { millis, handle }, token);
            }
        }
        window.into_batch().records.len()
    };
    assert_eq!(offered(199, 10), 199);
    assert_eq!(offered(201, 10), 200);
    assert_eq!(offered(5, 1 << 20), 3);
    assert_eq!(offered(3, 4 << 20), 1);
}

#[test]
fn binding_ends_with_its_very_second() {
    let id = TokenId::parse("id".to_owned()).unwrap();
    let found = Found {
        id: id.clone(),
        end: at(100),
    };
    assert_eq!(found.clone().unless_ended(at(99)), Some(id));
    for ended in [100, 101] {
        assert_eq!(found.clone().unless_ended(at(ended)), None, "{ended}");
    }
}
