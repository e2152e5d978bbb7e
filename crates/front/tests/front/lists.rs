//! The records of all providers: `GET /v1/tokens`.

use introspectd_core::{
    Expiry, Failure, Filters, Listing, Order, Outage, Status, Timestamp, Token, Unreachable,
};
use serde_json::{Value, json};

use crate::bench::{Bench, START};
use crate::client::{Ask, Reply};
use crate::provider::{HANDLE, good};

const LISTER: &str = "Bearer idle-secret";
/// Sees `plain` alone.
const NARROW: &str = "Bearer narrow-auditor-secret";

fn list(query: &str) -> Ask {
    Ask::form("")
        .to("GET", &format!("/v1/tokens?{query}"))
        .without("content-type")
        .by(LISTER)
}

fn second(offset: i64) -> Timestamp {
    Timestamp::from_seconds(START + offset).unwrap()
}

fn record(id: &str, created: i64) -> Token {
    Token {
        jti: Some(id.to_owned()),
        iat: Some(second(created)),
        ..good()
    }
}

/// Three providers with records, created in the order of the numbers in their ids.
async fn three() -> Bench {
    let bench = Bench::start().await;
    bench.bank.lists([
        record("b1", -90),
        record("b4", -60),
        record("b5", -50),
        record("b8", -20),
    ]);
    bench
        .plain
        .lists([record("p2", -80), record("p6", -40), record("p9", -10)]);
    bench.loose.lists([record("l3", -70), record("l7", -30)]);
    bench
}

#[track_caller]
fn ids(reply: &Reply) -> Vec<String> {
    assert_eq!(reply.status, 200, "{reply:#?}");
    let id = |record: &Value| record["jti"].as_str().unwrap().to_owned();
    reply.json()["tokens"]
        .as_array()
        .unwrap()
        .iter()
        .map(id)
        .collect()
}

fn next(reply: &Reply) -> Option<String> {
    token(reply, "next_page_token")
}

fn retry(reply: &Reply) -> Option<String> {
    token(reply, "retry_page_token")
}

fn token(reply: &Reply, member: &str) -> Option<String> {
    reply
        .json()
        .get(member)
        .map(|token| token.as_str().unwrap().to_owned())
}

/// All pages to the end.
async fn pages(bench: &Bench, first: &Ask) -> Vec<Reply> {
    let mut pages = vec![first.at(bench).await];
    while let Some(token) = next(pages.last().unwrap()) {
        assert!(pages.len() < 50, "the list does not end");
        pages.push(list(&format!("page_token={token}")).at(bench).await);
    }
    pages
}

#[tokio::test]
async fn records_of_all_providers_are_ordered_by_creation() {
    let bench = three().await;
    let reply = list("").at(&bench).await;
    assert_eq!(
        ids(&reply),
        ["b1", "p2", "l3", "b4", "b5", "p6", "l7", "b8", "p9"]
    );
    assert_eq!(reply.header("x-cache"), None);
    let body = reply.json();
    let members: Vec<_> = body.as_object().unwrap().keys().collect();
    assert_eq!(
        members,
        ["errors", "tokens", "unlisted"],
        "the list is at its end"
    );
    assert_eq!(
        (&body["errors"], &body["unlisted"]),
        (&json!([]), &json!([]))
    );
    let newest_first = list("order=-created_at").at(&bench).await;
    assert_eq!(
        ids(&newest_first),
        ["p9", "b8", "l7", "p6", "b5", "b4", "l3", "p2", "b1"]
    );
}

#[tokio::test]
async fn pages_show_every_record_once_and_need_no_more_than_their_token() {
    let bench = three().await;
    for (size, order) in [
        (1, Order::Ascending),
        (2, Order::Descending),
        (4, Order::Ascending),
    ] {
        let word = if order == Order::Ascending {
            "created_at"
        } else {
            "-created_at"
        };
        let all = ids(&list(&format!("order={word}")).at(&bench).await);
        let pages = pages(
            &bench,
            &list(&format!("page_size={size}&order={word}&owner=alice")),
        )
        .await;
        assert!(pages.iter().all(|page| ids(page).len() <= size));
        assert_eq!(pages.iter().flat_map(ids).collect::<Vec<_>>(), all);
        let filters = Filters {
            owner: Some("alice".to_owned()),
            ..Filters::default()
        };
        assert_eq!(
            bench.bank.listed().last(),
            Some(&Listing { filters, order })
        );
    }
    let first = list("page_size=2").at(&bench).await;
    let larger = list(&format!("page_size=3&page_token={}", next(&first).unwrap()))
        .at(&bench)
        .await;
    assert_eq!(ids(&larger), ["l3", "b4", "b5"]);
}

#[tokio::test]
async fn a_record_is_shown_as_it_is_by_its_id_with_its_state() {
    let bench = Bench::start().await;
    let records = [
        Token {
            expiry: Expiry::At(second(10)),
            sub: Some("alice".to_owned()),
            ..record("ends", 1)
        },
        Token {
            status: Status::Revoked,
            ..record("gone", 2)
        },
        Token {
            nbf: Some(second(10)),
            ..record("begins", 3)
        },
        Token {
            status: Status::Unknown,
            ..record("odd", 4)
        },
    ];
    bench.bank.lists(records.clone());
    for token in records {
        bench.bank.knows(&token.jti.clone().unwrap(), token);
    }
    let reply = list("provider=bank").at(&bench).await;
    let ends = json!({
        "state": "active", "sub": "alice", "exp": START + 10, "iat": START + 1, "jti": "ends",
        "provider": "bank",
    });
    assert_eq!(reply.json()["tokens"][0], ends);
    for record in reply.json()["tokens"].as_array().unwrap() {
        let path = format!(
            "/v1/providers/bank/tokens/{}",
            record["jti"].as_str().unwrap()
        );
        let by_id = Ask::form("")
            .to("GET", &path)
            .without("content-type")
            .by("Bearer auditor-secret");
        let by_id = by_id.at(&bench).await;
        assert_eq!(by_id.json(), *record);
        assert_eq!(by_id.cache(), "miss", "a list does not fill the cache");
    }
    bench.clock.advance(10);
    for (state, expected) in [
        ("active", vec!["begins"]),
        ("expired", vec!["ends"]),
        ("revoked", vec!["gone"]),
        ("not_yet_valid", vec![]),
        ("unknown", vec!["odd"]),
    ] {
        assert_eq!(
            ids(&list(&format!("provider=bank&state={state}"))
                .at(&bench)
                .await),
            expected,
            "{state}"
        );
    }
}

#[tokio::test]
async fn a_provider_that_is_down_at_the_second_page_is_named_and_asked_again() {
    let bench = three().await;
    // Its first batch has two records.
    bench.bank.fails_to_list([
        None,
        Some(Failure::Timeout),
        Some(Failure::outage(Outage::Unreachable(Unreachable::Refused))),
    ]);
    let first = list("page_size=3").at(&bench).await;
    assert_eq!(
        (ids(&first), &first.json()["errors"]),
        (vec!["b1".into(), "p2".into(), "l3".into()], &json!([]))
    );
    let second =
        list(&format!("page_token={}", next(&first).unwrap())).header("accept-language", "es");
    let second = second.at(&bench).await;
    assert_eq!(ids(&second), ["p6", "l7", "p9"]);
    let errors = json!([{
        "provider": "bank", "error": "upstream_timeout",
        "error_description": "El servidor de autorizaci\u{f3}n no respondi\u{f3} a tiempo.",
    }]);
    assert_eq!(second.json()["errors"], errors);
    assert_eq!(next(&second), None, "the others are at their end");
    let third = list(&format!("page_token={}", retry(&second).unwrap()))
        .at(&bench)
        .await;
    assert_eq!((ids(&third), next(&third)), (vec![], None));
    assert_eq!(
        third.json()["errors"][0]["error"],
        "temporarily_unavailable"
    );
    let fourth = list(&format!("page_token={}", retry(&third).unwrap()))
        .at(&bench)
        .await;
    assert_eq!(ids(&fourth), ["b4", "b5", "b8"]);
    assert_eq!(
        (next(&fourth), retry(&fourth), &fourth.json()["errors"]),
        (None, None, &json!([]))
    );
}

#[tokio::test]
async fn where_all_providers_are_down_each_is_named_and_the_list_can_go_on() {
    let bench = three().await;
    for provider in [&bench.bank, &bench.plain, &bench.loose] {
        provider.fails_to_list([Some(Failure::Timeout)]);
    }
    let reply = list("").at(&bench).await;
    assert_eq!(
        (
            ids(&reply).len(),
            reply.json()["errors"].as_array().unwrap().len()
        ),
        (0, 3)
    );
    assert_eq!(next(&reply), None);
    let again = list(&format!("page_token={}", retry(&reply).unwrap()))
        .at(&bench)
        .await;
    assert_eq!((ids(&again).len(), retry(&again)), (9, None));
}

#[tokio::test]
async fn a_list_with_one_provider_down_comes_to_an_end() {
    let bench = three().await;
    bench
        .bank
        .fails_to_list([(); 50].map(|()| Some(Failure::Timeout)));
    let pages = pages(&bench, &list("page_size=1")).await;
    assert_eq!(
        pages.iter().flat_map(ids).collect::<Vec<_>>(),
        ["p2", "l3", "p6", "l7", "p9"]
    );
    let (last, others) = pages.split_last().unwrap();
    assert!(
        others.iter().all(|page| retry(page).is_none()),
        "while others have more it is asked with them"
    );
    let asked = [bench.plain.listed().len(), bench.loose.listed().len()];
    let again = list(&format!("page_token={}", retry(last).unwrap()))
        .at(&bench)
        .await;
    assert_eq!((ids(&again), next(&again)), (vec![], None));
    assert!(retry(&again).is_some());
    assert_eq!(
        [bench.plain.listed().len(), bench.loose.listed().len()],
        asked,
        "at the failed one alone"
    );
    list(&format!("page_token={}", retry(&again).unwrap()))
        .by(NARROW)
        .at(&bench)
        .await
        .refuses(400, "invalid_request");
}

#[tokio::test]
async fn provider_without_lists_is_named_and_refused_if_it_is_the_only_one() {
    let bench = Bench::start().await;
    bench.bank.lists([record("b1", 1), record("b2", 2)]);
    bench.loose.lists([]);
    bench
        .loose
        .fails_to_list([(); 4].map(|()| Some(Failure::Unsupported)));
    for page in pages(&bench, &list("page_size=1")).await {
        assert_eq!(
            (ids(&page).len(), &page.json()["unlisted"]),
            (1, &json!(["plain", "loose"]))
        );
        assert_eq!(page.json()["errors"], json!([]));
    }
    list("provider=plain")
        .at(&bench)
        .await
        .refuses(501, "unsupported");
    list("provider=loose")
        .at(&bench)
        .await
        .refuses(501, "unsupported");
}

#[tokio::test]
async fn a_list_takes_its_permission() {
    let bench = three().await;
    list("")
        .by("Bearer operator-secret")
        .at(&bench)
        .await
        .refuses(403, "access_denied");
    list("")
        .by("Bearer wrong")
        .at(&bench)
        .await
        .refuses(401, "invalid_client");
    list("page_size=0")
        .by("Bearer wrong")
        .at(&bench)
        .await
        .refuses(401, "invalid_client");
    assert_eq!(bench.bank.listed(), []);
}

#[tokio::test]
async fn a_caller_sees_nothing_of_providers_that_are_not_its_own() {
    let bench = three().await;
    bench
        .bank
        .fails_to_list([Some(Failure::Timeout), Some(Failure::Unsupported)]);
    for _ in 0..2 {
        let reply = list("").by(NARROW).at(&bench).await;
        assert_eq!(ids(&reply), ["p2", "p6", "p9"]);
        assert_eq!(
            (&reply.json()["errors"], &reply.json()["unlisted"]),
            (&json!([]), &json!([]))
        );
        assert_eq!(next(&reply), None);
    }
    assert_eq!(bench.bank.listed(), []);
    let hidden = list("provider=bank").by(NARROW).at(&bench).await;
    hidden.refuses(400, "invalid_request");
    let unknown = list("provider=nobody").by(NARROW).at(&bench).await;
    assert_eq!((hidden.body, hidden.status), (unknown.body, unknown.status));
    let own = list("provider=plain&page_size=1")
        .by(NARROW)
        .at(&bench)
        .await;
    assert_eq!(ids(&own), ["p2"]);
}

#[tokio::test]
async fn invalid_parameter_is_refused_with_the_valid_values() {
    let bench = three().await;
    for (query, word) in [
        ("page_size=0", "from 1 to 200"),
        ("page_size=201", "from 1 to 200"),
        ("page_size=x", "from 1 to 200"),
        ("state=valid", "not_yet_valid"),
        ("order=exp", "-created_at"),
        ("owner=", "1 to 512 bytes"),
        ("owner=a&owner=a", "more than once"),
        ("ownr=a", "client_id"),
        ("owner=%zz", "form-encoded"),
        ("provider=nobody", "no provider"),
        ("page_token=", "restart the listing"),
        ("page_token=abc", "restart the listing"),
    ] {
        let reply = list(query).at(&bench).await;
        reply.refuses(400, "invalid_request");
        assert!(reply.body.contains(word), "{query}: {reply:#?}");
    }
    assert_eq!(bench.bank.listed(), []);
}

#[tokio::test]
async fn a_page_token_is_for_its_caller_its_process_and_its_list() {
    let (bench, other) = (three().await, three().await);
    let first = list("page_size=1&owner=alice").at(&bench).await;
    let token = next(&first).unwrap();
    let query = format!("page_token={token}");
    for refused in [
        list(&query).by(NARROW).at(&bench).await,
        list(&query).at(&other).await,
        list(&format!("{query}&owner=bob")).at(&bench).await,
        list(&format!("{query}&order=-created_at")).at(&bench).await,
        list(&format!("{query}&provider=bank")).at(&bench).await,
        list(&format!("{query}A")).at(&bench).await,
    ] {
        refused.refuses(400, "invalid_request");
    }
    let again = list(&format!("{query}&owner=alice&order=created_at"))
        .at(&bench)
        .await;
    assert_eq!(ids(&again), ["p2"]);
    assert_eq!(
        ids(&list(&query).at(&bench).await),
        ["p2"],
        "a page can be asked for twice"
    );
}

#[tokio::test]
async fn a_page_token_shows_nothing_of_what_is_in_it() {
    use base64::Engine as _;
    let bench = three().await;
    let token = next(&list("page_size=1&owner=alice").at(&bench).await).unwrap();
    let bytes = base64::engine::general_purpose::URL_SAFE_NO_PAD
        .decode(&token)
        .unwrap();
    for text in [HANDLE, "bank", "alice", "idle"] {
        assert!(!String::from_utf8_lossy(&bytes).contains(text), "{text}");
    }
}

#[tokio::test]
async fn lists_take_only_get() {
    let bench = three().await;
    let head = Ask::form("")
        .to("HEAD", "/v1/tokens")
        .without("content-type")
        .by(LISTER)
        .at(&bench)
        .await;
    assert_eq!((head.status, &*head.body), (200, ""));
    let post = Ask::form("")
        .to("POST", "/v1/tokens")
        .by(LISTER)
        .at(&bench)
        .await;
    post.refuses(405, "method_not_allowed");
    assert_eq!(post.header("allow"), Some("GET, HEAD"));
    list("")
        .to("GET", "/v1/tokens/x")
        .at(&bench)
        .await
        .refuses(404, "not_found");
}
