//! Records across providers, page by page, while the world goes on.

use std::collections::BTreeSet;

use http::Request;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http_body_util::Full;
use introspectd_simulators::{Answer, Fault, apigee, passport, tibco_asg};
use introspectd_tests::{Gateway, OPS_SECRET, Reply, basic};
use serde_json::{Value, json};

use crate::four::Four;

/// User with tokens at three vendors.
const USER: &str = "jdoe";

impl Four {
    /// `GET /v1/tokens`, as `ops`.
    async fn list(&self, query: &str) -> Reply {
        list_as(&self.gateway, "ops", OPS_SECRET, query).await
    }

    /// One Passport token of this number, with these members and the sample's others.
    fn put_at_the_bank(&self, number: usize, members: &Value) {
        let mut record = self.bank.vendor().record(passport::ACTIVE).unwrap();
        record
            .as_object_mut()
            .unwrap()
            .extend(members.as_object().unwrap().clone());
        record["token_id"] = json!(bank_id(number));
        self.bank.vendor().put(&bank_id(number), record);
    }

    /// Issues a token at the bank, like one of its clients, at the bank's time.
    async fn issue_at_the_bank(&self) {
        let credentials = json!({
            "grant_type": "client_credentials",
            "client_id": passport::CLIENT_ID,
            "client_secret": passport::CLIENT_SECRET,
        });
        let request = Request::post(format!("{}/v1/iam/oauth/tokens", self.bank.base_url()))
            .header(CONTENT_TYPE, "application/json");
        let reply = self
            .gateway
            .send(request.body(Full::from(credentials.to_string())).unwrap())
            .await;
        assert_eq!(reply.status, 200, "{reply:?}");
    }

    /// Gives the user a token at each vendor that can list.
    fn give_the_user_tokens(&self) {
        let mut record = self.bank.vendor().record(passport::READER).unwrap();
        record["user_id"] = json!(USER);
        self.bank.vendor().put(passport::READER, record);
        let mut record = self
            .legacy
            .vendor()
            .record(tibco_asg::SCOPE_STRING)
            .unwrap();
        record["owner"] = json!(USER);
        self.legacy.vendor().put(tibco_asg::SCOPE_STRING, record);
        let mut record = self.apis.vendor().record(apigee::ATTRIBUTES).unwrap();
        record["endUser"] = json!(USER);
        self.apis.vendor().put(apigee::ATTRIBUTES, record);
    }
}

async fn list_as(gateway: &Gateway, caller: &str, secret: &str, query: &str) -> Reply {
    let request = Request::get(format!("http://{}/v1/tokens?{query}", gateway.api()))
        .header(AUTHORIZATION, basic(caller, secret));
    gateway.send(request.body(Full::default()).unwrap()).await
}

fn bank_id(number: usize) -> String {
    format!("00000000-0000-4000-8000-{number:012}")
}

fn next(reply: &Reply) -> Option<String> {
    reply.json()["next_page_token"].as_str().map(str::to_owned)
}

/// Provider and id of each record.
fn ids(reply: &Reply) -> Vec<(String, String)> {
    assert_eq!(reply.status, 200, "{reply:?}");
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let tokens = reply.json()["tokens"].as_array().unwrap().clone();
    tokens
        .iter()
        .map(|record| (text(&record["provider"]), text(&record["jti"])))
        .collect()
}

#[tokio::test]
async fn thousand_tokens_are_each_listed_once_while_others_are_issued() {
    for order in ["created_at", "-created_at"] {
        let four = Four::open().await;
        for number in 0..1000 {
            // Three of them in each millisecond, before the bank's time begins.
            let created = format!("2027-01-15T08:00:00.{:03}Z", 336 - number / 3);
            four.put_at_the_bank(number, &json!({"created_at": created}));
        }
        let mut seen = Vec::new();
        let mut token = String::new();
        let mut issued = 0;
        loop {
            let query = format!("provider=bank&order={order}&page_size=37{token}");
            let page = four.list(&query).await;
            assert_eq!(page.json()["errors"], json!([]));
            seen.extend(ids(&page).into_iter().map(|(_, id)| id));
            let Some(next) = next(&page) else { break };
            token = format!("&page_token={next}");
            for _ in 0..5 {
                four.issue_at_the_bank().await;
                issued += 1;
            }
        }
        assert!(issued > 100, "between the pages");
        let distinct: BTreeSet<_> = seen.iter().cloned().collect();
        assert_eq!(distinct.len(), seen.len(), "none twice, {order}");
        for number in 0..1000 {
            assert!(
                distinct.contains(&bank_id(number)),
                "{number} is missing, {order}"
            );
        }
    }
}

#[tokio::test]
async fn one_request_finds_a_users_tokens_at_three_vendors() {
    let four = Four::open().await;
    four.give_the_user_tokens();
    for query in [
        "user_id=jdoe",
        "owner=jdoe",
        "owner=jdoe&user_id=jdoe",
        "user_id=jdoe&page_size=2",
    ] {
        let page = four.list(query).await;
        let mut found = ids(&page);
        if let Some(next) = next(&page) {
            found.extend(ids(&four.list(&format!("page_token={next}")).await));
        }
        let providers: Vec<_> = found
            .iter()
            .map(|(provider, _)| provider.as_str())
            .collect();
        assert_eq!(providers, ["apis", "bank", "legacy"], "{query}");
        assert_eq!(page.json()["unlisted"], json!(["sso"]), "{query}");
        assert_eq!(page.json()["errors"], json!([]), "{query}");
    }
    assert_eq!(ids(&four.list("owner=jdoe&user_id=other").await), []);
}

#[tokio::test]
async fn provider_that_fails_at_its_second_page_is_named_and_retried() {
    let four = Four::open().await;
    four.give_the_user_tokens();
    for number in 0..250 {
        four.put_at_the_bank(number, &json!({"user_id": USER}));
    }
    let mut seen = Vec::new();
    let mut token = String::new();
    let mut failed = 0;
    for page in 0.. {
        assert!(page < 20, "it ends");
        // The second question to the bank, whichever page of ours it is for, and the next one.
        if page == 1 {
            four.bank.always(Fault::Answer(Answer::html(503)));
        }
        if page == 3 {
            four.bank.clear();
        }
        let reply = four
            .list(&format!("user_id={USER}&page_size=60{token}"))
            .await;
        seen.extend(ids(&reply));
        let errors = reply.json()["errors"].clone();
        if errors != json!([]) {
            failed += 1;
            assert_eq!(errors.as_array().unwrap().len(), 1, "{errors}");
            assert_eq!(errors[0]["provider"], json!("bank"));
            assert_eq!(errors[0]["error"], json!("temporarily_unavailable"));
        }
        let retry = || reply.json()["retry_page_token"].as_str().map(str::to_owned);
        match next(&reply).or_else(retry) {
            Some(next) => token = format!("&page_token={next}"),
            None => break,
        }
    }
    assert!(failed >= 1, "it was named");
    let distinct: BTreeSet<_> = seen.iter().cloned().collect();
    assert_eq!(
        (distinct.len(), seen.len()),
        (253, 253),
        "none lost, none twice"
    );
}

#[tokio::test]
async fn confined_list_never_mentions_other_providers() {
    let four = Four::open().await;
    four.give_the_user_tokens();
    for server_is_down in [false, true] {
        if server_is_down {
            four.bank.stop();
            four.apis.stop();
        }
        for query in [
            "",
            "user_id=jdoe",
            "state=active",
            "order=-created_at&page_size=1",
        ] {
            let reply = list_as(&four.gateway, "limited", "limited-secret", query).await;
            assert!(
                ids(&reply).iter().all(|(provider, _)| provider == "legacy"),
                "{query}"
            );
            let everything = reply.everything();
            for other in ["bank", "apis", "sso"] {
                assert!(!everything.contains(other), "{other} in {everything}");
            }
        }
        for other in ["bank", "apis", "sso", "nobody"] {
            let reply = list_as(
                &four.gateway,
                "limited",
                "limited-secret",
                &format!("provider={other}"),
            )
            .await;
            reply.assert_problem(400, "invalid_request", None);
        }
    }
    assert!(four.sent().iter().all(|(name, _)| *name == "legacy"));
}

#[tokio::test]
async fn unlisted_providers_are_named() {
    let four = Four::open().await;
    let reply = four.list("").await;
    assert_eq!(
        reply.json()["unlisted"],
        json!(["apis", "sso"]),
        "Apigee needs an app or an end user"
    );
    for query in [
        "provider=sso",
        "provider=apis",
        "provider=bank&client_id=x",
        "provider=legacy&role=x",
    ] {
        four.list(query)
            .await
            .assert_problem(501, "unsupported", None);
    }
}

/// Presents an id from a list as a token.
#[tokio::test]
async fn listed_id_is_not_a_credential() {
    let four = Four::open().await;
    let listed = ids(&four.list("page_size=200").await);
    assert!(listed.len() > 5);
    for (_, id) in listed {
        four.gateway
            .post_introspect(&[("token", &id)])
            .await
            .assert_inactive();
        let request = Request::get(format!("http://{}/forward-auth", four.gateway.api()))
            .header(
                "x-introspectd-caller",
                basic("edge", introspectd_tests::EDGE_SECRET),
            )
            .header(AUTHORIZATION, format!("Bearer {id}"));
        assert_eq!(
            four.gateway
                .send(request.body(Full::default()).unwrap())
                .await
                .status,
            401
        );
    }
}

/// Searches responses and page tokens for secrets that vendors' lists contain.
#[tokio::test]
async fn secrets_are_never_listed() {
    let four = Four::open().await;
    four.give_the_user_tokens();
    let mut answers = Vec::new();
    for query in [
        "page_size=1",
        "page_size=1&user_id=jdoe",
        "page_size=200&order=-created_at",
    ] {
        let mut token = String::new();
        loop {
            let reply = four.list(&format!("{query}{token}")).await;
            answers.push(reply.everything());
            match next(&reply) {
                Some(next) => token = format!("&page_token={next}"),
                None => break,
            }
        }
    }
    let secrets = [
        tibco_asg::ACTIVE,
        tibco_asg::EXPIRED,
        tibco_asg::INACTIVE,
        tibco_asg::SCOPE_STRING,
        tibco_asg::REFRESH_TOKEN,
        "619307e5-8e20-4997-9045-c083c123e04f",
        apigee::ATTRIBUTES,
        apigee::ACTIVE,
        apigee::CONSUMER_SECRET,
        passport::ACTIVE_ACCESS_TOKEN,
        "Nn5Pt2eO",
    ];
    for secret in secrets {
        for answer in &answers {
            assert!(!answer.contains(secret), "{secret} in {answer}");
        }
    }
}
