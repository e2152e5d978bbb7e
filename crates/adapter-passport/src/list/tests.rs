mod paging;
mod requests;

use super::*;
use proptest::prelude::*;
use serde_json::json;

const SAMPLE: &str = include_str!("../../testdata/list.json");
/// Second of the sample's `first_request_timestamp`.
const NOW: i64 = 1_757_542_990;

fn at(second: i64, nanos: u32) -> Instant {
    Instant {
        second: Timestamp::from_seconds(second).unwrap(),
        nanos,
    }
}

fn position(number: u32, taken: u32) -> Position {
    Position::Page {
        number,
        taken,
        as_of: at(NOW, 800_000_000),
    }
}

fn filtered(change: impl FnOnce(&mut Filters)) -> Listing {
    let mut listing = Listing::default();
    change(&mut listing.filters);
    listing
}

fn read_from(listing: &Listing, from: Option<&Position>, body: &str) -> Result<Batch, BadAnswer> {
    let page = Page::of(listing, from).unwrap().unwrap();
    page.read(body.as_bytes(), Timestamp::from_seconds(NOW + 5).unwrap())
}

fn read_with(change: impl FnOnce(&mut Value)) -> Result<Batch, BadAnswer> {
    let mut list: Value = serde_json::from_str(SAMPLE).unwrap();
    change(&mut list);
    read_from(&Listing::default(), None, &list.to_string())
}

fn ids(batch: &Batch) -> Vec<&str> {
    batch
        .records
        .iter()
        .map(|(token, _)| token.jti.as_deref().unwrap())
        .collect()
}

#[test]
fn vendors_sample_is_read() {
    let batch = read_with(|_| {}).unwrap();
    assert_eq!(
        ids(&batch),
        [
            "249a0a2e-028a-4e15-a841-de9fd4e4cd84",
            "7c9e6679-7425-40de-944b-e07fc1f90ae7"
        ]
    );
    let [(first, after_first), (_, after_second)] = &batch.records[..] else {
        panic!("two")
    };
    assert_eq!(first.iat.unwrap().seconds(), 1_757_542_970);
    assert_eq!(first.scope.iter().count(), 3);
    assert_eq!(
        (after_first, after_second),
        (&position(1, 1), &position(1, 2))
    );
    assert_eq!(batch.next, Some(position(2, 0)));
}

#[test]
fn list_ends_at_the_last_or_an_empty_page() {
    let next = |number: u32, info: Value, tokens: usize| {
        let mut list: Value = serde_json::from_str(SAMPLE).unwrap();
        list["pagination_info"] = info;
        list["tokens"].as_array_mut().unwrap().truncate(tokens);
        read_from(
            &Listing::default(),
            Some(&position(number, 0)),
            &list.to_string(),
        )
        .map(|batch| batch.next)
    };
    let beyond = || Err(BadAnswer::member("total_pages"));
    for (number, info, tokens, expected) in [
        (1, json!({"total_pages": 2}), 2, Ok(Some(position(2, 0)))),
        (2, json!({"total_pages": 2, "current_page": 2}), 2, Ok(None)),
        (1, json!({"total_pages": u32::MAX}), 0, Ok(None)),
        (3, json!({"total_pages": 2}), 0, Ok(None)),
        (3, json!({"total_pages": 2}), 1, beyond()),
        (1, json!({"total_pages": 0}), 1, beyond()),
        (1, json!({}), 0, Ok(None)),
        (1, json!({"total_pages": null}), 1, Ok(Some(position(2, 0)))),
        (u32::MAX, json!({}), 1, beyond()),
        (
            2,
            json!({"current_page": 1}),
            1,
            Err(BadAnswer::member("current_page")),
        ),
    ] {
        assert_eq!(
            next(number, info.clone(), tokens),
            expected,
            "{number} {info} {tokens}"
        );
    }
}

#[test]
fn moment_of_the_list_comes_from_vendor_request_or_records() {
    let as_of = |info: Value| {
        let batch = read_with(|list| list["pagination_info"] = info)?;
        match batch.records.first().unwrap().1 {
            Position::Page { as_of, .. } => Ok(as_of),
            Position::After { .. } => panic!("a page"),
        }
    };
    let moment = |text: &str| as_of(json!({"first_request_timestamp": text}));
    assert_eq!(moment("2023-03-29T02:12:15"), Ok(at(1_680_055_935, 0)));
    assert_eq!(
        moment("2025-10-09T18:02:18.706Z"),
        Ok(at(1_760_032_938, 706_000_000))
    );
    assert_eq!(
        moment("2025-10-10T07:51:36.8Z"),
        Ok(at(1_760_082_696, 800_000_000))
    );
    let plural = json!({"first_request_timestamps": "2025-10-10T07:51:36.8Z"});
    assert_eq!(as_of(plural), Ok(at(1_760_082_696, 800_000_000)));
    // Ours, to its last moment, or the newest record's where our clock is behind.
    assert_eq!(as_of(json!({})), Ok(at(NOW + 5, 999_999_999)));
    let ahead = read_with(|list| {
        list["pagination_info"] = json!({});
        list["tokens"][1]["created_at"] = json!("2030-01-01T00:00:00.5Z");
    });
    assert_eq!(
        ahead.unwrap().next,
        Some(Position::Page {
            number: 2,
            taken: 0,
            as_of: at(1_893_456_000, 999_999_999)
        })
    );
    for unusable in [json!("soon"), json!(""), json!(NOW)] {
        let read = as_of(json!({"first_request_timestamp": unusable}));
        assert_eq!(
            read,
            Err(BadAnswer::member("first_request_timestamp")),
            "{unusable}"
        );
    }
}

#[test]
fn returned_records_are_not_repeated() {
    let listing = Listing::default();
    let shown = |taken| read_from(&listing, Some(&position(1, taken)), SAMPLE).unwrap();
    assert_eq!(ids(&shown(1)), ["7c9e6679-7425-40de-944b-e07fc1f90ae7"]);
    assert_eq!(shown(1).records[0].1, position(1, 2));
    for all in [2, u32::MAX] {
        assert_eq!(
            shown(all),
            Batch {
                records: Vec::new(),
                next: Some(position(2, 0))
            }
        );
    }
}

#[test]
fn records_that_contradict_the_filters_are_left_out() {
    let mut list: Value = serde_json::from_str(SAMPLE).unwrap();
    for (member, value) in [
        ("account_id", "a"),
        ("user_id", "u"),
        ("grant_flow", "GRANT_FLOW_PASSWORD"),
    ] {
        list["tokens"][0][member] = json!(value);
    }
    let shown = |listing: Listing| {
        let batch = read_from(&listing, None, &list.to_string()).unwrap();
        assert_eq!(batch.next, Some(position(2, 0)));
        batch
            .records
            .into_iter()
            .map(|(_, position)| position)
            .collect::<Vec<_>>()
    };
    let first = position(1, 1);
    let second = position(1, 2);
    let some = |text: &str| Some(text.to_owned());
    for (listing, expected) in [
        (
            filtered(|it| it.account_id = some("a")),
            vec![&first, &second],
        ),
        (filtered(|it| it.account_id = some("b")), vec![&second]),
        (filtered(|it| it.user_id = some("A")), vec![&second]),
        (
            filtered(|it| it.grant_type = some("password")),
            vec![&first, &second],
        ),
        (
            filtered(|it| it.grant_type = some("client_credentials")),
            vec![&second],
        ),
        (
            filtered(|it| it.role = some("entity.client_credentials")),
            vec![&first, &second],
        ),
        (filtered(|it| it.role = some("entity.*")), vec![]),
    ] {
        assert_eq!(
            shown(listing.clone()).iter().collect::<Vec<_>>(),
            expected,
            "{listing:?}"
        );
    }
    list["tokens"][0]["user_id"] = json!(5);
    let read = |listing| read_from(&listing, None, &list.to_string()).map(drop);
    assert_eq!(
        read(filtered(|it| it.user_id = some("5"))),
        Err(BadAnswer::member("user_id"))
    );
    assert_eq!(read(Listing::default()), Ok(()));
}

#[test]
fn invalid_lists_are_refused() {
    let member = |name| Err(BadAnswer::member(name));
    for (member_of, wrong, expected) in [
        ("pagination_info", json!(null), Err(BadAnswer::NotAnObject)),
        (
            "pagination_info",
            json!([null, 1, 1]),
            Err(BadAnswer::NotAnObject),
        ),
        (
            "pagination_info",
            json!({"total_pages": "2"}),
            member("total_pages"),
        ),
        (
            "pagination_info",
            json!({"total_pages": -1}),
            member("total_pages"),
        ),
        (
            "pagination_info",
            json!({"current_page": 1.5}),
            member("current_page"),
        ),
        ("tokens", json!(null), member("tokens")),
        ("tokens", json!({}), member("tokens")),
        ("tokens", json!([null]), Err(BadAnswer::NotAnObject)),
        ("tokens", json!(["x"]), Err(BadAnswer::NotAnObject)),
        (
            "tokens",
            json!([["x", "2025-09-10T22:22:50Z", 86400]]),
            Err(BadAnswer::NotAnObject),
        ),
        ("tokens", json!([{"token_id": "x"}]), member("created_at")),
    ] {
        let read = read_with(|list| list[member_of] = wrong.clone());
        assert_eq!(read, expected, "{member_of} {wrong}");
    }
    for (name, wrong) in [
        ("token_id", json!("")),
        ("token_id", json!(1)),
        ("expires_in", json!("1")),
    ] {
        let read = read_with(|list| list["tokens"][1][name] = wrong.clone());
        assert_eq!(read, member(name), "{name} {wrong}");
    }
    for body in [
        "",
        "[]",
        "null",
        "<html>",
        SAMPLE.trim_end().strip_suffix('}').unwrap(),
    ] {
        assert_eq!(
            read_from(&Listing::default(), None, body),
            Err(BadAnswer::NotAnObject),
            "{body}"
        );
    }
    let record = include_str!("../../testdata/retrieve.json");
    assert_eq!(
        read_from(&Listing::default(), None, record),
        member("pagination_info")
    );
    let doubled = SAMPLE.replacen('{', r#"{"tokens": [],"#, 1);
    assert_eq!(
        read_from(&Listing::default(), None, &doubled),
        member("tokens")
    );
}

/// A page goes on behind the position that it was asked from, so that every list ends.
#[test]
fn any_page_is_read_or_refused() {
    let listing = Listing::default();
    introspectd_fuzz::check!(&[SAMPLE.as_bytes()], |bytes: &[u8]| {
        for (number, taken) in [(1, 0), (1, 1)] {
            let from = position(number, taken);
            let page = Page::of(&listing, Some(&from)).unwrap().unwrap();
            let Ok(Batch { records, next }) = page.read(bytes, Timestamp::MAX) else {
                continue;
            };
            let after: Vec<_> = records.into_iter().map(|(_, after)| after).collect();
            let count = u32::try_from(after.len()).unwrap();
            let expected = (taken + 1..=taken + count).map(|taken| position(number, taken));
            assert_eq!(after, expected.collect::<Vec<_>>());
            assert!(next.is_none_or(|next| next == position(number + 1, 0)));
        }
    });
}

proptest! {
    #[test]
    fn access_tokens_are_never_kept(secret in "[a-f0-9]{16,64}", place in 0usize..5) {
        let batch = read_with(|list| {
            let record = &mut list["tokens"][1];
            record["access_token"] = json!(secret);
            match place {
                0 => record["roles"] = json!([secret]),
                1 => record["scopes"] = json!(["a", secret]),
                2 => record["token_type"] = json!(secret),
                3 => record["token_id"] = json!(secret),
                _ => {}
            }
        });
        let kept = format!("{:?}", batch.unwrap());
        prop_assert!(!kept.contains(&secret));
    }
}
