//! Keys of an issuer: fetched, replaced, and missing.

use introspectd_simulators::jwt::{AUDIENCE, Issuer};
use introspectd_simulators::{Answer, Fault, Recorded, Simulator};
use introspectd_tests::{Gateway, NOW};
use serde_json::{Value, json};

use crate::jwt::{House, ISSUER, active, provider};

const PATIENT: &str = "[cache]\ninactive_ttl = \"10m\"";

fn is_active(reply: &introspectd_tests::Reply) -> bool {
    assert_eq!(reply.status, 200);
    reply.json()["active"] == json!(true)
}

#[tokio::test]
async fn unknown_key_has_the_set_fetched_once_in_ten_seconds_and_is_inactive() {
    let house = House::open_with("", PATIENT).await;
    assert!(is_active(&house.ask(&house.fresh()).await));
    house.issuer.vendor().rotate();
    let token = house.fresh();
    for _ in 0..50 {
        house.ask(&house.fresh()).await.assert_inactive();
    }
    house.ask(&token).await.assert_inactive();
    house.gateway.clock().advance(9);
    house.ask(&token).await.assert_inactive();
    assert_eq!(house.fetches(), 1, "the one at the start counts");
    house.gateway.clock().advance(1);
    let reply = house.ask(&token).await;
    assert!(
        is_active(&reply),
        "not cached past the time of the next fetch"
    );
    assert_eq!(house.fetches(), 2);
}

#[tokio::test]
async fn made_up_keys_cost_the_issuer_one_fetch_in_ten_seconds() {
    let house = House::open_with("", PATIENT).await;
    assert!(is_active(&house.ask(&house.fresh()).await));
    for second in 0..30 {
        for number in 0..20 {
            let header = json!({"kid": format!("{second}-{number}")});
            let token = house.issuer.vendor().mint_as(&header, &house.claims());
            house.ask(&token).await.assert_inactive();
        }
        assert!(is_active(&house.ask(&house.fresh()).await));
        house.gateway.clock().advance(1);
    }
    assert_eq!(house.fetches(), 3);
}

#[tokio::test]
async fn set_that_is_fetched_replaces_the_one_before() {
    let house = House::open().await;
    let cached = house.fresh();
    assert!(is_active(&house.ask(&cached).await));
    let old = house.fresh();
    house.issuer.vendor().rotate();
    house.gateway.clock().advance(10);
    assert!(is_active(&house.ask(&house.fresh()).await));
    house.ask(&old).await.assert_inactive();
    assert!(
        is_active(&house.ask(&cached).await),
        "a fact, until its ttl is over"
    );
    house.gateway.clock().advance(60);
    house.ask(&cached).await.assert_inactive();
}

#[tokio::test]
async fn keys_that_cannot_be_had_are_an_outage_and_no_inactive_token() {
    let issuer = Simulator::start(Issuer::new(ISSUER)).await.unwrap();
    issuer.always(Fault::Answer(Answer::html(404)));
    let house = House::before(issuer, "", "").await;
    let token = house.fresh();
    let reply = house.ask(&token).await;
    reply.assert_problem(503, "temporarily_unavailable", Some("10"));
    house.gateway.clock().advance(4);
    let reply = house.ask(&token).await;
    reply.assert_problem(503, "temporarily_unavailable", Some("6"));
    assert_eq!(provider(&house.gateway).await["health"], json!("failing"));
    for bad in ["a.b.c", "opaque"] {
        house.ask(bad).await.assert_inactive();
    }
    house.issuer.clear();
    house.gateway.clock().advance(6);
    assert!(is_active(&house.ask(&token).await));
    assert_eq!(provider(&house.gateway).await["health"], json!("good"));
}

#[tokio::test]
async fn failed_fetch_keeps_the_keys_for_their_time_and_says_nothing_of_others() {
    let house = House::open_with("jwks_max_age = \"1h\"", "").await;
    assert!(is_active(&house.ask(&house.fresh()).await));
    for fault in [
        Fault::HangUp,
        Fault::Answer(Answer::html(200)),
        Fault::Answer(Answer::json(200, json!({"keys": 1}))),
        Fault::Answer(Answer::redirect("/elsewhere")),
    ] {
        house.issuer.always(fault);
        house.gateway.clock().advance(10);
        assert!(is_active(&house.ask(&house.fresh()).await));
        let unknown = house
            .issuer
            .vendor()
            .mint_as(&json!({"kid": "x"}), &house.claims());
        let reply = house.ask(&unknown).await;
        reply.assert_problem(503, "temporarily_unavailable", Some("10"));
    }
    house.gateway.clock().set(NOW);
    house.gateway.clock().advance(3570);
    let claims = house.issuer.vendor().claims(NOW + 3570);
    let reply = house.ask(&house.mint(&claims)).await;
    reply.assert_problem(503, "temporarily_unavailable", Some("10"));
}

#[tokio::test]
async fn empty_set_takes_all_keys_back_and_is_no_word_about_tokens() {
    let house = House::open().await;
    assert!(is_active(&house.ask(&house.fresh()).await));
    house.issuer.vendor().publish_keys(Vec::new());
    house.gateway.clock().advance(10);
    let unknown = house
        .issuer
        .vendor()
        .mint_as(&json!({"kid": "x"}), &house.claims());
    for token in [unknown, house.fresh()] {
        let reply = house.ask(&token).await;
        reply.assert_problem(503, "temporarily_unavailable", Some("10"));
    }
}

#[tokio::test]
async fn key_that_everybody_knows_proves_nothing() {
    let issuer = Simulator::start(Issuer::new(ISSUER)).await.unwrap();
    let mut leaked = issuer.vendor().jwks()["keys"][0].clone();
    leaked["d"] = json!("AAAA");
    let symmetric = json!({"kty": "oct", "kid": "s", "k": "c2VjcmV0"});
    let mut encrypts = leaked.clone();
    encrypts["use"] = json!("enc");
    encrypts["d"] = Value::Null;
    let other = Issuer::new(ISSUER).jwks()["keys"][0].clone();
    issuer
        .vendor()
        .publish_keys(vec![leaked, symmetric, encrypts, other]);
    let house = House::before(issuer, "", "").await;
    house.ask(&house.fresh()).await.assert_inactive();
    assert_eq!(provider(&house.gateway).await["health"], json!("good"));
}

#[tokio::test]
async fn keys_are_discovered_by_the_issuer_s_metadata() {
    let issuer = Simulator::start(Issuer::new("")).await.unwrap();
    let url = issuer.base_url();
    issuer.vendor().rename(&url);
    let gateway = Gateway::start(&format!(
        "[providers.corp]\nkind = \"jwt\"\nissuer = \"{url}\"\ndiscover = true\n\
         audience = \"{AUDIENCE}\"\ntimeout = \"60s\""
    ))
    .await;
    let house = House { issuer, gateway };
    let claims = house.claims();
    let token = house.mint(&claims);
    house
        .ask(&token)
        .await
        .assert_active(&active(claims), "miss");
    // Metadata of another issuer names no keys of this one.
    house.issuer.vendor().rename("https://mallory.example.com");
    house.gateway.clock().advance(10);
    let mut claims = house.claims();
    claims["iss"] = json!(url);
    let unknown = house.issuer.vendor().mint_as(&json!({"kid": "x"}), &claims);
    let reply = house.ask(&unknown).await;
    reply.assert_problem(503, "temporarily_unavailable", Some("10"));
}

#[tokio::test]
async fn configured_headers_never_reach_another_host_that_the_metadata_names() {
    let issuer = Simulator::start(Issuer::new("")).await.unwrap();
    let other = Simulator::start(Issuer::new("")).await.unwrap();
    let url = issuer.base_url();
    issuer.vendor().rename(&url);
    let has_key = |request: &Recorded| {
        let mut headers = request.headers.iter();
        headers.any(|(name, value)| name == "x-api-key" && value == "k3y")
    };
    for (jwks_server, is_same) in [(&issuer, true), (&other, false)] {
        let jwks = format!("{}/jwks", jwks_server.base_url());
        let metadata = json!({"issuer": url, "jwks_uri": jwks});
        issuer.next(Fault::Answer(Answer::json(200, metadata)));
        let gateway = Gateway::start(&format!(
            "[providers.corp]\nkind = \"jwt\"\nissuer = \"{url}\"\ndiscover = true\n\
             audience = \"{AUDIENCE}\"\ntimeout = \"60s\"\n\
             headers = {{ X-Api-Key = {{ literal = \"k3y\" }} }}"
        ))
        .await;
        let vendor = jwks_server.vendor();
        let mut claims = vendor.claims(NOW);
        claims["iss"] = json!(url);
        let reply = gateway
            .post_introspect(&[("token", &vendor.mint(&claims))])
            .await;
        assert!(is_active(&reply));
        let requests = issuer.requests();
        assert!(
            requests.iter().all(has_key),
            "metadata and keys of the issuer"
        );
        let fetches = jwks_server.requests();
        let keys = fetches.iter().rfind(|it| it.path() == "/jwks");
        assert_eq!(has_key(keys.unwrap()), is_same);
    }
}

#[tokio::test]
async fn keys_of_a_file_are_read_again_when_it_changes() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("jwks.json");
    let issuer = Simulator::start(Issuer::new(ISSUER)).await.unwrap();
    let publish = |issuer: &Issuer| std::fs::write(&file, issuer.jwks().to_string()).unwrap();
    publish(issuer.vendor());
    let path = file.display();
    let gateway = Gateway::start(&format!(
        "[providers.corp]\nkind = \"jwt\"\nissuer = \"{ISSUER}\"\njwks = {{ file = \"{path}\" }}\n\
         audience = [\"{AUDIENCE}\"]"
    ))
    .await;
    let house = House { issuer, gateway };
    assert!(is_active(&house.ask(&house.fresh()).await));
    let old = house.fresh();
    house.issuer.vendor().renew();
    let new = house.fresh();
    house.ask(&new).await.assert_inactive();
    house.issuer.vendor().publish_both();
    publish(house.issuer.vendor());
    house.gateway.clock().advance(10);
    assert!(is_active(&house.ask(&new).await));
    assert!(is_active(&house.ask(&old).await));
    assert_eq!(house.fetches(), 0);
}
