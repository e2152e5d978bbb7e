//! Lists of two vendors that give them quite differently: Passport in pages that it counts, Apigee
//! as what a search finds, of which each is asked about.

use std::collections::BTreeSet;

use introspectd_core::{
    BadAnswer, Batch, Failure, Filters, Instant, Listing, Order, Outage, Position, Timestamp, Token,
};
use introspectd_simulators::apigee::{APP_ID, CONSUMER_KEY, ORGANIZATION, PASSWORD, USERNAME};
use introspectd_simulators::passport::{ACCOUNT_ID, BEARER};
use introspectd_simulators::{Answer, Fault, apigee, passport};
use introspectd_tests::{Adapter, Apigee, Fixture, NOW, Passport, Sent, basic};
use serde_json::{Value, json};

fn filtered(change: impl FnOnce(&mut Filters)) -> Listing {
    let mut listing = Listing::default();
    change(&mut listing.filters);
    listing
}

fn descending(mut listing: Listing) -> Listing {
    listing.order = Order::Descending;
    listing
}

fn some(text: &str) -> Option<String> {
    Some(text.to_owned())
}

fn tokens(batch: Batch) -> Vec<Token> {
    batch.records.into_iter().map(|(token, _)| token).collect()
}

fn ids(batch: &Batch) -> Vec<&str> {
    batch
        .records
        .iter()
        .map(|(token, _)| token.jti.as_deref().unwrap())
        .collect()
}

/// All batches to the end of the list, with something done after each.
async fn walk<V: Fixture>(
    adapter: &Adapter<V>,
    listing: &Listing,
    mut between: impl FnMut(usize, &Position),
) -> Vec<(Token, Position)> {
    let mut records = Vec::new();
    let mut from = None;
    for step in 0.. {
        let batch = adapter.list(listing, from.as_ref()).await.unwrap();
        records.extend(batch.records);
        let Some(next) = batch.next else { break };
        between(step, &next);
        from = Some(next);
    }
    records
}

fn passport_list(query: &str) -> Sent {
    Sent::get(
        format!("/v1/iam/oauth/tokens?{query}"),
        format!("Bearer {BEARER}"),
    )
}

/// One that was created so many milliseconds after 2027-01-15T08:00:00Z.
fn passport_record(id: &str, millis: i64) -> Value {
    let since_midnight = 8 * 3_600_000 + millis;
    let minutes = since_midnight / 60_000;
    let millis = since_midnight % 60_000;
    let hour = minutes / 60;
    let minute = minutes % 60;
    let second = millis / 1000;
    let milli = millis % 1000;
    json!({
        "token_id": id,
        "created_at": format!("2027-01-15T{hour:02}:{minute:02}:{second:02}.{milli:03}Z"),
        "expires_in": 86_400,
        "roles": [],
    })
}

/// Passport with this many tokens, as many of each age.
async fn full_passport(count: usize) -> Adapter<Passport> {
    let adapter = Adapter::<Passport>::open().await;
    for cast in [
        passport::ACTIVE,
        passport::READER,
        passport::EXPIRED,
        passport::REVOKED,
    ] {
        adapter.server.vendor().remove(cast);
    }
    for n in 0..count {
        let id = format!("old-{n}");
        let age = i64::try_from(n % 100).unwrap();
        adapter
            .server
            .vendor()
            .put(&id, passport_record(&id, age * -100));
    }
    adapter
}

#[tokio::test]
async fn passport_list_requests_are_exact() {
    let adapter = Adapter::<Passport>::open().await;
    let batch = adapter.list(&Listing::default(), None).await.unwrap();
    assert_eq!(
        ids(&batch),
        [passport::EXPIRED, passport::ACTIVE, passport::READER]
    );
    assert_eq!(batch.next, None);
    let pages = "page_params.page_size=50&page_params.page_number=";
    let order = "order_params.order_key=created_at&order_params.order_direction";
    assert_eq!(
        adapter.sent(),
        [passport_list(&format!("{pages}1&{order}=ASC"))]
    );

    let listing = descending(filtered(|it| {
        it.account_id = some(ACCOUNT_ID);
        it.user_id = some("María & co");
        it.role = some("entity.*");
        it.grant_type = some("password");
    }));
    let as_of = Instant {
        second: Timestamp::from_seconds(NOW).unwrap(),
        nanos: 706_000_000,
    };
    let from = Position::Page {
        number: 3,
        taken: 7,
        as_of,
    };
    assert_eq!(
        adapter.list(&listing, Some(&from)).await,
        Ok(Batch::default())
    );
    let snapshot = "page_params.first_request_timestamp";
    assert_eq!(
        adapter.sent(),
        [passport_list(&format!(
            "{pages}3&{snapshot}.seconds={NOW}&{snapshot}.nanos=706000000&{order}=DESC\
             &account_id={ACCOUNT_ID}&user_id=Mar%C3%ADa%20%26%20co\
             &grant_flow=GRANT_FLOW_PASSWORD&role=entity.%2A"
        ))]
    );
}

#[tokio::test]
async fn passport_tokens_are_each_listed_once_while_others_are_issued() {
    for listing in [Listing::default(), descending(Listing::default())] {
        let adapter = full_passport(1000).await;
        let issue = |step: usize, next: &Position| {
            // Just after the moment as of which the vendor lists.
            let Position::Page { as_of, .. } = next else {
                panic!("{next:?}")
            };
            let millis = (as_of.second.seconds() - NOW) * 1000 + i64::from(as_of.nanos / 1_000_000);
            let id = format!("new-{step}");
            adapter
                .server
                .vendor()
                .put(&id, passport_record(&id, millis + 1));
        };
        let records = walk(&adapter, &listing, issue).await;
        let seen: BTreeSet<_> = records
            .iter()
            .map(|(token, _)| token.jti.clone().unwrap())
            .collect();
        assert_eq!((records.len(), seen.len()), (1000, 1000));
        assert!(seen.iter().all(|id| id.starts_with("old-")));
        let mut times: Vec<_> = records.iter().map(|(token, _)| token.iat).collect();
        if listing.order == Order::Descending {
            times.reverse();
        }
        assert!(times.is_sorted());
        assert_eq!(adapter.sent().len(), 20);
        // A new list has the new ones as well.
        assert_eq!(walk(&adapter, &listing, |_, _| {}).await.len(), 1019);
    }
}

#[tokio::test]
async fn passport_list_continues_within_a_page() {
    let adapter = full_passport(120).await;
    let whole = walk(&adapter, &Listing::default(), |_, _| {}).await;
    for taken in [1, 49, 50, 51, 100, 119] {
        let from = Some(&whole[taken - 1].1);
        let rest = adapter.list(&Listing::default(), from).await.unwrap();
        let rest: Vec<_> = match rest.records.is_empty() {
            true => {
                adapter
                    .list(&Listing::default(), rest.next.as_ref())
                    .await
                    .unwrap()
                    .records
            }
            false => rest.records,
        };
        assert_eq!(rest[0], whole[taken], "{taken}");
    }
    let end = adapter.list(&Listing::default(), Some(&whole[119].1)).await;
    assert_eq!(end, Ok(Batch::default()));
}

/// The record is the same that a look at it by its id shows.
#[tokio::test]
async fn listed_record_equals_the_looked_up_one() {
    let adapter = Adapter::<Passport>::open().await;
    let [_, listed, _] = &tokens(adapter.list(&Listing::default(), None).await.unwrap())[..] else {
        panic!("three")
    };
    let answer = Answer::json(
        200,
        adapter.server.vendor().record(passport::ACTIVE).unwrap(),
    );
    adapter.server.next(Fault::Answer(answer));
    let id = introspectd_core::TokenId::parse(passport::ACTIVE.to_owned()).unwrap();
    let looked_up = adapter
        .provider
        .records()
        .unwrap()
        .lookup(&id)
        .await
        .unwrap();
    assert_eq!(
        looked_up,
        introspectd_core::Introspection::Token(Box::new(listed.clone()))
    );
}

#[tokio::test]
async fn passport_filters_hold_even_if_the_server_ignores_them() {
    let adapter = Adapter::<Passport>::open().await;
    let mut record = adapter.server.vendor().record(passport::ACTIVE).unwrap();
    (record["user_id"], record["roles"]) = (json!("ana"), json!(["auditor"]));
    record["grant_flow"] = json!("GRANT_FLOW_LOGIN");
    adapter.server.vendor().put(passport::ACTIVE, record);
    let everything = Answer::json(200, {
        let records = [passport::ACTIVE, passport::READER]
            .map(|id| adapter.server.vendor().record(id).unwrap());
        json!({"pagination_info": {"total_pages": 1}, "tokens": records})
    });
    // A record without the member cannot be recognized as another user's.
    let both = vec![passport::ACTIVE, passport::READER];
    for (listing, asked, ignored) in [
        (
            filtered(|it| it.user_id = some("ana")),
            vec![passport::ACTIVE],
            both.clone(),
        ),
        (
            filtered(|it| it.user_id = some("eva")),
            vec![],
            vec![passport::READER],
        ),
        (
            filtered(|it| it.role = some("auditor")),
            vec![passport::ACTIVE],
            vec![passport::ACTIVE],
        ),
        (
            filtered(|it| it.grant_type = some("GRANT_FLOW_LOGIN")),
            vec![passport::ACTIVE],
            both.clone(),
        ),
        (
            filtered(|it| it.grant_type = some("password")),
            vec![],
            vec![passport::READER],
        ),
        (filtered(|it| it.account_id = some("other")), vec![], both),
    ] {
        let batch = adapter.list(&listing, None).await.unwrap();
        assert_eq!(ids(&batch), asked, "{listing:?}");
        adapter.server.next(Fault::Answer(everything.clone()));
        let batch = adapter.list(&listing, None).await.unwrap();
        assert_eq!(ids(&batch), ignored, "{listing:?}");
    }
}

#[tokio::test]
async fn unsupported_passport_filters_send_no_request() {
    let adapter = Adapter::<Passport>::open().await;
    assert!(adapter.provider.lists().is_some());
    let long = "ñ".repeat(20_000);
    for listing in [
        filtered(|it| it.client_id = some("gateway")),
        filtered(|it| it.user_id = some(&long)),
    ] {
        assert_eq!(
            adapter.list(&listing, None).await,
            Err(Failure::Unsupported)
        );
    }
    for listing in [
        filtered(|it| it.grant_type = some("refresh_token")),
        filtered(|it| it.user_id = some("")),
        filtered(|it| it.role = some("")),
    ] {
        assert_eq!(adapter.list(&listing, None).await, Ok(Batch::default()));
    }
    let after = Position::After {
        millis: 0,
        handle: "x".to_owned(),
    };
    assert_eq!(
        adapter.list(&Listing::default(), Some(&after)).await,
        Err(Failure::Unsupported)
    );
    assert_eq!(adapter.sent(), []);
}

#[tokio::test]
async fn failed_page_is_retried_without_loss() {
    let adapter = full_passport(120).await;
    let first = adapter.list(&Listing::default(), None).await.unwrap();
    for (fault, failure) in [
        (
            Fault::Answer(Answer::empty(503)),
            Failure::outage(Outage::Status(503)),
        ),
        (
            Fault::Answer(Answer::html(200)),
            BadAnswer::NotAnObject.into(),
        ),
        (
            Fault::Answer(Answer::json(400, json!({"code": "BAD_REQUEST"}))),
            BadAnswer::Status(400).into(),
        ),
        (
            Fault::Answer(Answer::json(200, passport_record("x", 0))),
            BadAnswer::member("pagination_info").into(),
        ),
        (
            Fault::Answer(Answer::empty(401)),
            BadAnswer::Credentials(401).into(),
        ),
        (Fault::HangUp, Failure::outage(Outage::Closed)),
        (Fault::Truncate, BadAnswer::Truncated.into()),
        (Fault::Oversize(1024 * 1024 + 1), BadAnswer::TooLarge.into()),
    ] {
        adapter.server.next(fault);
        let second = adapter.list(&Listing::default(), first.next.as_ref()).await;
        assert_eq!(second, Err(failure));
    }
    let second = adapter
        .list(&Listing::default(), first.next.as_ref())
        .await
        .unwrap();
    assert_eq!((first.records.len(), second.records.len()), (50, 50));
    let seen: BTreeSet<_> = ids(&first).into_iter().chain(ids(&second)).collect();
    assert_eq!(seen.len(), 100);
}

#[tokio::test]
async fn invalid_record_invalidates_its_page() {
    let adapter = Adapter::<Passport>::open().await;
    adapter.server.vendor().put(
        "odd",
        json!({"token_id": "odd", "created_at": "2027-01-15T08:00:00.000Z"}),
    );
    let listed = adapter.list(&Listing::default(), None).await;
    assert_eq!(listed, Err(BadAnswer::member("expires_in").into()));
}

#[tokio::test]
async fn access_token_in_passports_list_is_not_shown() {
    let adapter = Adapter::<Passport>::open().await;
    let secret = passport::ACTIVE_ACCESS_TOKEN;
    let mut record = adapter.server.vendor().record(passport::ACTIVE).unwrap();
    (record["access_token"], record["roles"]) = (json!(secret), json!(["admin", secret]));
    record["scopes"] = json!(["a", secret]);
    adapter.server.vendor().put(passport::ACTIVE, record);
    let batch = adapter.list(&Listing::default(), None).await.unwrap();
    assert!(!format!("{batch:?}").contains(secret));
    let shown = tokens(batch)
        .into_iter()
        .find(|token| token.jti.as_deref() == Some(passport::ACTIVE));
    assert_eq!(shown.unwrap().roles, ["admin"]);
}

fn apigee_search(query: &str) -> Sent {
    let target = format!("/v1/o/{ORGANIZATION}/oauth2/search?{query}");
    Sent::get(target, basic(USERNAME, PASSWORD))
}

/// Apigee with this many tokens of an end user, none of the known app.
async fn full_apigee(count: usize) -> Adapter<Apigee> {
    let adapter = Adapter::<Apigee>::open().await;
    for n in 0..count {
        put(
            &adapter,
            &apigee_token(n),
            "ana",
            i64::try_from(n % 100).unwrap(),
        );
    }
    adapter
}

fn apigee_token(n: usize) -> String {
    format!("{n:028}")
}

fn put(adapter: &Adapter<Apigee>, token: &str, end_user: &str, age: i64) {
    let issued = (NOW - age) * 1000 + 337;
    let mut record = Apigee::record();
    for (member, value) in [
        ("token", json!(token)),
        ("app", json!("app2")),
        ("endUser", json!(end_user)),
        ("issuedAt", json!(issued)),
        ("createdAt", json!(issued)),
        ("scope", json!(token.get(20..))),
    ] {
        record[member] = value;
    }
    adapter.server.vendor().put(token, record);
}

#[tokio::test]
async fn apigee_search_requests_are_exact() {
    let adapter = Adapter::<Apigee>::open().await;
    let batch = adapter
        .list(&filtered(|it| it.client_id = some(APP_ID)), None)
        .await
        .unwrap();
    assert_eq!((batch.records.len(), batch.next), (3, None));
    let live = [apigee::ACTIVE, apigee::ATTRIBUTES, apigee::NEVER_EXPIRES];
    let mut sent = adapter.sent();
    assert_eq!(
        sent.remove(0),
        apigee_search(&format!("app={APP_ID}&limit=100"))
    );
    sent.sort_by(|a, b| a.target.cmp(&b.target));
    assert_eq!(sent, live.map(Apigee::question));

    put(&adapter, "a+b/c=d", "Ana & Eva", 0);
    put(&adapter, "a+b", "Ana & Eva", 0);
    let listing = filtered(|it| it.owner = some("Ana & Eva"));
    // What no URL can hold cannot be asked for, and is inactive whenever it is presented.
    assert_eq!(adapter.list(&listing, None).await.unwrap().records.len(), 1);
    let search = apigee_search("enduser=Ana%20%26%20Eva&limit=100");
    assert_eq!(adapter.sent(), [search, Apigee::question("a%2Bb")]);
}

#[tokio::test]
async fn apigee_tokens_are_each_listed_once_while_others_are_issued() {
    for listing in [Listing::default(), descending(Listing::default())] {
        let listing = Listing {
            filters: filtered(|it| it.user_id = some("ana")).filters,
            ..listing
        };
        let adapter = full_apigee(250).await;
        // The search goes on where it ended, with a token in its query, since the vendor knows no
        // other way.
        let first = adapter.list(&listing, None).await.unwrap();
        let sent = adapter.sent();
        let searches: Vec<_> = sent
            .into_iter()
            .filter(|sent| sent.target.contains("search"))
            .collect();
        let start =
            |n: usize| apigee_search(&format!("enduser=ana&limit=100&start={}", apigee_token(n)));
        assert_eq!(
            searches,
            [
                apigee_search("enduser=ana&limit=100"),
                start(100),
                start(200)
            ]
        );
        assert_eq!(first.records.len(), 200);

        let issue =
            |step: usize, _: &Position| put(&adapter, &apigee_token(900 + step), "ana", -60);
        let records = walk(&adapter, &listing, issue).await;
        let scopes: BTreeSet<_> = records
            .iter()
            .map(|(token, _)| token.scope.to_string())
            .collect();
        assert_eq!(scopes.len(), records.len());
        let old = scopes
            .iter()
            .filter(|scope| scope.as_str() < "00000900")
            .count();
        assert_eq!(old, 250);
        let mut times: Vec<_> = records.iter().map(|(token, _)| token.iat).collect();
        if listing.order == Order::Descending {
            times.reverse();
        }
        assert!(times.is_sorted());
    }
}

#[tokio::test]
async fn unsupported_apigee_filters_send_no_request() {
    let adapter = Adapter::<Apigee>::open().await;
    assert!(adapter.provider.lists().is_some());
    let long = "ñ".repeat(20_000);
    for listing in [
        Listing::default(),
        filtered(|it| it.grant_type = some("password")),
        filtered(|it| it.client_id = some(CONSUMER_KEY)),
        filtered(|it| (it.user_id, it.role) = (some("ana"), some("admin"))),
        filtered(|it| (it.user_id, it.account_id) = (some("ana"), some("1"))),
        filtered(|it| it.user_id = some(&long)),
    ] {
        assert_eq!(
            adapter.list(&listing, None).await,
            Err(Failure::Unsupported),
            "{listing:?}"
        );
    }
    for listing in [
        filtered(|it| (it.user_id, it.owner) = (some("ana"), some("eva"))),
        filtered(|it| (it.client_id, it.user_id) = (some(APP_ID), some(""))),
    ] {
        assert_eq!(adapter.list(&listing, None).await, Ok(Batch::default()));
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
    let of_user = filtered(|it| it.user_id = some("ana"));
    assert_eq!(
        adapter.list(&of_user, Some(&page)).await,
        Err(Failure::Unsupported)
    );
    assert_eq!(adapter.sent(), []);
}

#[tokio::test]
async fn other_apigee_filters_are_applied_locally() {
    let adapter = full_apigee(3).await;
    let vendor = adapter.server.vendor();
    let mut record = vendor.record(&apigee_token(1)).unwrap();
    (record["clientId"], record["grantType"]) = (json!("another key"), json!("client_credential"));
    vendor.put(&apigee_token(1), record);
    for (listing, found) in [
        (filtered(|it| it.user_id = some("ana")), 3),
        (
            filtered(|it| (it.user_id, it.client_id) = (some("ana"), some(CONSUMER_KEY))),
            2,
        ),
        (
            filtered(|it| (it.user_id, it.client_id) = (some("ana"), some("another key"))),
            1,
        ),
        (
            filtered(|it| (it.user_id, it.grant_type) = (some("ana"), some("client_credentials"))),
            1,
        ),
        (
            filtered(|it| (it.user_id, it.grant_type) = (some("ana"), some("implicit"))),
            0,
        ),
        (
            filtered(|it| (it.user_id, it.client_id) = (some("ana"), some(APP_ID))),
            0,
        ),
        (
            filtered(|it| it.client_id = some("00000000-0000-0000-0000-000000000000")),
            0,
        ),
        (filtered(|it| it.owner = some("eva")), 0),
    ] {
        let batch = adapter.list(&listing, None).await.unwrap();
        assert_eq!(
            (batch.records.len(), batch.next),
            (found, None),
            "{listing:?}"
        );
    }
}

#[tokio::test]
async fn too_many_apigee_tokens_are_refused_before_their_lookup() {
    let adapter = full_apigee(501).await;
    let of_user = filtered(|it| it.user_id = some("ana"));
    let listed = adapter.list(&of_user, None).await;
    assert_eq!(listed, Err(BadAnswer::TooMany(500).into()));
    assert_eq!(adapter.sent().len(), 6);
    adapter.server.vendor().remove(&apigee_token(7));
    assert_eq!(walk(&adapter, &of_user, |_, _| {}).await.len(), 500);
}

#[tokio::test]
async fn circular_search_ends() {
    let adapter = full_apigee(2).await;
    let of_user = filtered(|it| it.user_id = some("ana"));
    let circle =
        json!({"list": [apigee_token(0), apigee_token(1)], "meta": {"next": apigee_token(0)}});
    for _ in 0..3 {
        adapter
            .server
            .next(Fault::Answer(Answer::json(200, circle.clone())));
    }
    let listed = adapter.list(&of_user, None).await;
    // The third one would have been taken for a record's.
    assert_eq!(listed, Err(BadAnswer::member("token").into()));
    adapter.server.clear();
    assert_eq!(adapter.list(&of_user, None).await.unwrap().records.len(), 2);
}

#[tokio::test]
async fn vanished_token_is_left_out_and_any_other_failure_fails_the_list() {
    let adapter = full_apigee(20).await;
    let of_user = filtered(|it| it.user_id = some("ana"));
    let found = |next: &str| {
        let list: Vec<_> = (0..20).map(apigee_token).collect();
        Fault::Answer(Answer::json(
            200,
            json!({"list": list, "meta": {"next": next}}),
        ))
    };
    adapter.server.vendor().remove(&apigee_token(7));
    adapter.server.next(found(""));
    assert_eq!(
        adapter.list(&of_user, None).await.unwrap().records.len(),
        19
    );
    for (answer, failure) in [
        (Answer::html(404), BadAnswer::UndocumentedError(404).into()),
        (Answer::empty(403), BadAnswer::Credentials(403).into()),
        (Answer::empty(500), BadAnswer::Status(500).into()),
        (
            Answer::retry_after(429, 9),
            Failure::Unavailable {
                outage: Outage::Status(429),
                retry_after: Some(std::time::Duration::from_secs(9)),
            },
        ),
        (
            Answer::json(200, Apigee::record()),
            BadAnswer::OtherToken.into(),
        ),
        (
            Answer::json(200, json!({"count": 42})),
            BadAnswer::member("token").into(),
        ),
    ] {
        // A server of its own: questions that a failed list gave up may still arrive, and would
        // take the next answer.
        let adapter = full_apigee(20).await;
        adapter.server.vendor().put_answer(&apigee_token(7), answer);
        adapter.server.next(found(""));
        assert_eq!(adapter.list(&of_user, None).await, Err(failure));
    }
    adapter.server.next(found(&apigee_token(3)));
    // Over a connection that was used before, the question is asked again once.
    adapter.server.next(Fault::HangUp);
    adapter.server.next(Fault::HangUp);
    let listed = adapter.list(&of_user, None).await;
    assert_eq!(listed, Err(Failure::outage(Outage::Closed)));
}

#[tokio::test]
async fn invalid_search_response_is_not_an_empty_list() {
    let code =
        |code: &str| json!({"code": format!("keymanagement.service.{code}"), "contexts": []});
    for (answer, failure) in [
        (
            Answer::json(400, code("UnsupportedOperationSearch")),
            BadAnswer::UndocumentedError(400),
        ),
        (
            Answer::json(400, code("parameters_missing")),
            BadAnswer::UndocumentedError(400),
        ),
        (Answer::html(404), BadAnswer::UndocumentedError(404)),
        (Answer::html(200), BadAnswer::NotAnObject),
        (
            Answer::json(200, json!([apigee::ACTIVE])),
            BadAnswer::NotAnObject,
        ),
        (
            Answer::json(200, json!({"list": [apigee::ACTIVE]})),
            BadAnswer::member("meta"),
        ),
        (Answer::empty(204), BadAnswer::Status(204)),
        (Answer::empty(403), BadAnswer::Credentials(403)),
    ] {
        let adapter = Adapter::<Apigee>::open().await;
        adapter.server.next(Fault::Answer(answer));
        let listed = adapter
            .list(&filtered(|it| it.user_id = some("ana")), None)
            .await;
        assert_eq!(listed, Err(failure.into()));
        assert_eq!(adapter.sent().len(), 1);
    }
}

#[tokio::test]
async fn apigee_lists_and_positions_contain_no_tokens() {
    let adapter = full_apigee(120).await;
    let mut record = adapter.server.vendor().record(&apigee_token(5)).unwrap();
    for member in ["createdBy", "app", "clientId", "scope"] {
        record[member] = json!(apigee_token(5));
    }
    record["attributes"] = json!([{"name": "t", "value": apigee_token(5)}]);
    adapter.server.vendor().put(&apigee_token(5), record);
    let records = walk(
        &adapter,
        &filtered(|it| it.user_id = some("ana")),
        |_, _| {},
    )
    .await;
    assert_eq!(records.len(), 120);
    let shown = format!("{records:?}");
    for token in (0..120).map(apigee_token) {
        assert!(!shown.contains(&token), "{token}");
    }
    assert!(!shown.contains("Nn5Pt2eO"));
    assert!(records.iter().all(|(token, _)| token.jti.is_none()));
}

#[tokio::test]
async fn records_of_a_list_are_requested_eight_at_once() {
    let adapter = full_apigee(40).await;
    let of_user = filtered(|it| it.user_id = some("ana"));
    let listing = adapter.list(&of_user, None);
    tokio::pin!(listing);
    let list: Vec<_> = (0..40).map(apigee_token).collect();
    adapter.server.next(Fault::Answer(Answer::json(
        200,
        json!({"list": list, "meta": {}}),
    )));
    // Let the search pass, and hold what comes after it.
    let search = adapter.server.gate();
    tokio::select! {
        () = search.arrived(1) => {}
        listed = &mut listing => panic!("{listed:?}"),
    }
    let records = adapter.server.gate();
    search.open();
    tokio::select! {
        () = records.arrived(8) => {}
        listed = &mut listing => panic!("{listed:?}"),
    }
    assert_eq!((adapter.server.count(), records.waiting()), (9, 8));
    records.open();
    assert_eq!(listing.await.unwrap().records.len(), 40);
}
