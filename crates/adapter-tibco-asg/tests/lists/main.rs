//! Lists of a server's tokens: what is requested, whose tokens are returned, and in which order.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking, its own functions included"
)]

mod harness;

// The counters of coverage under `cargo xtask fuzz`, which builds all tests of a crate.
use introspectd_fuzz as _;

use introspectd_core::{
    BadAnswer, Batch, Failure, Filters, Instant, Listing, Order, Outage, Position, State, Timestamp,
};
use introspectd_simulators::tibco_asg::{
    ACTIVE, CLIENT_SECRET, EXPIRED, INACTIVE, OWNER, OWNER_DN, REFRESH_TOKEN, SCOPE_STRING,
};
use introspectd_simulators::{Answer, Fault};
use serde_json::{Value, json};

use harness::{Adapter, NOW, at, ids, list, list_all, listed, owned_by};

const ALL: &str = "/asg/oauth2/access_token/owners";
const JOHNS: &str = "uid%3Djohn%2Cou%3Downer%2Cdc%3Dtibco%2Cdc%3Dcom";

#[tokio::test]
async fn all_tokens_are_listed_with_their_members() {
    let adapter = Adapter::open().await;
    let batch = list_all(&adapter).await.unwrap();
    assert_eq!(adapter.sent(), [ALL]);
    assert_eq!(batch.next, None);
    assert_eq!(
        listed(&batch),
        ids(&adapter, &[ACTIVE, EXPIRED, INACTIVE, SCOPE_STRING])
    );
    // The oldest is past its end. Of the others the list does not say whether they are good.
    let now = at(NOW);
    let states: Vec<_> = batch
        .records
        .iter()
        .map(|(token, _)| token.state(now))
        .collect();
    assert_eq!(
        states,
        [
            State::Expired,
            State::Unknown,
            State::Unknown,
            State::Unknown
        ]
    );
    let johns = batch
        .records
        .iter()
        .find(|(token, _)| token.sub.as_deref() == Some(OWNER_DN))
        .unwrap();
    assert_eq!(johns.0.client_id.as_deref(), Some(OWNER));
    assert_eq!(johns.0.scope.to_string(), "reviews public");
    assert_eq!(johns.0.exp().unwrap().seconds(), NOW + 3600);
}

#[tokio::test]
async fn lists_contain_no_secrets() {
    let adapter = Adapter::open().await;
    let kept = format!("{:?}", list_all(&adapter).await.unwrap());
    for secret in [
        ACTIVE,
        EXPIRED,
        INACTIVE,
        SCOPE_STRING,
        REFRESH_TOKEN,
        CLIENT_SECRET,
    ] {
        assert!(!kept.contains(secret), "{kept}");
    }
}

#[tokio::test]
async fn owner_lists_use_either_documented_form() {
    let adapter = Adapter::open().await;
    let johns = ids(&adapter, &[SCOPE_STRING]);
    let form_a = &*format!("{ALL}/{JOHNS}");
    let form_b = &*format!("/asg/oauth2/access_token/{JOHNS}");
    let unknown = || Answer::json(400, json!({"error": "invalid_grant"}));
    for (refusals, asked) in [
        (vec![], vec![form_a]),
        (vec![Answer::html(404)], vec![form_a, form_b]),
        (vec![unknown()], vec![form_a, form_b]),
        (
            vec![Answer::html(404), unknown()],
            vec![form_a, form_b, ALL],
        ),
    ] {
        for refusal in refusals {
            adapter.server.next(Fault::Answer(refusal));
        }
        let batch = list(&adapter, owned_by(OWNER_DN), None).await.unwrap();
        assert_eq!(listed(&batch), johns);
        assert_eq!(adapter.sent(), asked);
    }
}

#[tokio::test]
async fn user_filter_is_the_owner_filter() {
    let adapter = Adapter::open().await;
    let user = |owner: Option<&str>, user: &str| Filters {
        owner: owner.map(str::to_owned),
        user_id: Some(user.to_owned()),
        ..Filters::default()
    };
    for filters in [user(None, OWNER_DN), user(Some(OWNER_DN), OWNER_DN)] {
        let batch = list(&adapter, filters, None).await.unwrap();
        assert_eq!(listed(&batch), ids(&adapter, &[SCOPE_STRING]));
        assert_eq!(adapter.sent(), [format!("{ALL}/{JOHNS}")]);
    }
    // No token is of two.
    assert_eq!(
        list(&adapter, user(Some(OWNER), OWNER_DN), None).await,
        Ok(Batch::default())
    );
    assert!(adapter.sent().is_empty());
}

#[tokio::test]
async fn owner_without_tokens_has_an_empty_list() {
    let adapter = Adapter::open().await;
    assert_eq!(
        list(&adapter, owned_by("nobody"), None).await,
        Ok(Batch::default())
    );
    // Also where the server does not know how to list one owner's: the whole list has none of
    // theirs.
    adapter.server.next(Fault::Answer(Answer::html(404)));
    assert_eq!(
        list(&adapter, owned_by("nobody"), None).await,
        Ok(Batch::default())
    );
    assert_eq!(adapter.sent().len(), 1 + 3);
}

#[tokio::test]
async fn owner_unfit_for_a_url_is_filtered_from_all() {
    for owner in [
        r"CN=Doe\, John,OU=Users",
        "a/../b",
        "x;y",
        "owners",
        "OWNERS.",
        "..",
        "",
        "a%2Fb",
        "a\r\nb",
    ] {
        let adapter = Adapter::open().await;
        let mut record = adapter.server.vendor().record(ACTIVE).unwrap();
        record["owner"] = json!(owner);
        adapter.server.vendor().put(ACTIVE, record);
        let batch = list(&adapter, owned_by(owner), None).await.unwrap();
        assert_eq!(listed(&batch), ids(&adapter, &[ACTIVE]), "{owner}");
        assert_eq!(adapter.sent(), [ALL], "{owner}");
    }
}

#[tokio::test]
async fn foreign_tokens_in_an_owners_list_are_left_out() {
    let adapter = Adapter::open().await;
    let everybodys = json!([
        {"id": "a", "owner": "john"}, {"id": "b", "owner": "John"},
        {"id": "c"}, {"id": "d", "owner": ["john"]},
        {"id": "e", "owner": "john", "accessToken": "john"},
    ]);
    adapter
        .server
        .next(Fault::Answer(Answer::json(200, everybodys)));
    assert_eq!(
        listed(&list(&adapter, owned_by("john"), None).await.unwrap()),
        ["a"]
    );
}

#[tokio::test]
async fn token_in_place_of_an_owner_is_not_a_record() {
    let adapter = Adapter::open().await;
    adapter.server.next(Fault::Answer(Answer::html(404)));
    let got = list(&adapter, owned_by(ACTIVE), None).await;
    assert_eq!(got, Err(BadAnswer::NotAnArray.into()));
}

#[tokio::test]
async fn client_filter_is_applied_locally() {
    let adapter = Adapter::open().await;
    let mut record = adapter.server.vendor().record(INACTIVE).unwrap();
    record["client"] = json!("reviews-app");
    adapter.server.vendor().put(INACTIVE, record);
    let filters = Filters {
        client_id: Some("reviews-app".to_owned()),
        ..Filters::default()
    };
    assert_eq!(
        listed(&list(&adapter, filters.clone(), None).await.unwrap()),
        ids(&adapter, &[INACTIVE])
    );
    let johns = Filters {
        owner: Some(OWNER_DN.to_owned()),
        ..filters
    };
    assert_eq!(list(&adapter, johns, None).await, Ok(Batch::default()));
}

#[tokio::test]
async fn unsupported_filters_send_no_request() {
    let adapter = Adapter::open().await;
    let word = || Some("x".to_owned());
    for filters in [
        Filters {
            account_id: word(),
            ..Filters::default()
        },
        Filters {
            grant_type: word(),
            ..owned_by(OWNER)
        },
        Filters {
            role: word(),
            ..Filters::default()
        },
    ] {
        assert_eq!(
            list(&adapter, filters, None).await,
            Err(Failure::Unsupported)
        );
    }
    let as_of = Instant {
        second: Timestamp::MIN,
        nanos: 0,
    };
    let page = Position::Page {
        number: 1,
        taken: 0,
        as_of,
    };
    assert_eq!(
        list(&adapter, Filters::default(), Some(&page)).await,
        Err(Failure::Unsupported)
    );
    assert!(adapter.sent().is_empty());
}

#[tokio::test]
async fn failed_list_is_not_an_empty_list() {
    let unknown = json!({"error": "invalid_grant"});
    for (fault, failure) in [
        (
            Fault::Answer(Answer::json(200, json!({}))),
            BadAnswer::NotAnArray.into(),
        ),
        (
            Fault::Answer(Answer::json(200, Value::Null)),
            BadAnswer::NotAnArray.into(),
        ),
        (
            Fault::Answer(Answer::empty(200)),
            BadAnswer::NotAnArray.into(),
        ),
        (
            Fault::Answer(Answer::html(200)),
            BadAnswer::NotAnArray.into(),
        ),
        (
            Fault::Answer(Answer::json(200, json!([{}]))),
            BadAnswer::member("id").into(),
        ),
        (
            Fault::Answer(Answer::empty(204)),
            BadAnswer::Status(204).into(),
        ),
        (
            Fault::Answer(Answer::html(404)),
            BadAnswer::Status(404).into(),
        ),
        (
            Fault::Answer(Answer::json(400, unknown)),
            BadAnswer::Status(400).into(),
        ),
        (
            Fault::Answer(Answer::html(401)),
            BadAnswer::Credentials(401).into(),
        ),
        (
            Fault::Answer(Answer::html(500)),
            BadAnswer::Status(500).into(),
        ),
        (
            Fault::Answer(Answer::redirect("/")),
            BadAnswer::Redirect(302).into(),
        ),
        (Fault::Truncate, BadAnswer::Truncated.into()),
        (Fault::HangUp, Failure::outage(Outage::Closed)),
    ] {
        let adapter = Adapter::open().await;
        adapter.server.always(fault.clone());
        assert_eq!(list_all(&adapter).await, Err(failure), "{fault:?}");
    }
    // Any other error of an owner's list is reported at once.
    for (answer, failure) in [
        (Answer::html(403), BadAnswer::Credentials(403).into()),
        (Answer::empty(204), BadAnswer::Status(204).into()),
        (Answer::empty(503), Failure::outage(Outage::Status(503))),
    ] {
        let adapter = Adapter::open().await;
        adapter.server.next(Fault::Answer(answer));
        assert_eq!(list(&adapter, owned_by(OWNER), None).await, Err(failure));
        assert_eq!(adapter.sent().len(), 1);
    }
}

#[tokio::test]
async fn paging_meets_each_record_once_in_order() {
    const RECORDS: i64 = 450;
    let adapter = Adapter::open().await;
    // Seven of each time, the least of all without any, and in no order.
    let records = (0..RECORDS).map(|number| {
        let number = number * 101 % RECORDS;
        let created = (number >= 7).then_some(NOW * 1000 + number / 7);
        let token = format!("hidden-{number}");
        json!({"id": number.to_string(), "accessToken": token, "createdOn": created})
    });
    let answer = Answer::json(200, records.collect());
    adapter.server.always(Fault::Answer(answer));
    for order in [Order::Ascending, Order::Descending] {
        let listing = Listing {
            filters: Filters::default(),
            order,
        };
        let mut from = None;
        let mut numbers = Vec::new();
        let mut batches = 0;
        loop {
            let batch = adapter.list(&listing, from.as_ref()).await.unwrap();
            assert!(!format!("{batch:?}").contains("hidden"));
            numbers.extend(batch.records.iter().map(|(token, _)| jti(token)));
            batches += 1;
            // Each record's position is where the list goes on after it.
            let (_, middle) = &batch.records[batch.records.len() / 2];
            let rest = adapter.list(&listing, Some(middle)).await.unwrap();
            assert_eq!(rest.records[0], batch.records[batch.records.len() / 2 + 1]);
            from = batch.next;
            if from.is_none() {
                break;
            }
        }
        assert_eq!(batches, 3);
        let mut times: Vec<_> = numbers.iter().map(|number| number / 7).collect();
        if order == Order::Descending {
            times.reverse();
        }
        assert!(times.is_sorted());
        numbers.sort_unstable();
        assert_eq!(numbers, (0..RECORDS).collect::<Vec<_>>());
    }
}

fn jti(token: &introspectd_core::Token) -> i64 {
    token.jti.as_deref().unwrap().parse().unwrap()
}
