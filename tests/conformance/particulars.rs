//! Behaviour of single vendors.

use introspectd_simulators::{Answer, Fault, apigee, passport, rfc7662, tibco_asg};
use introspectd_tests::{Apigee, Fixture, NOW, Passport, Rfc7662, Room, TibcoAsg};
use serde_json::json;

/// Nothing in an answer of Passport proves which token it is about, so without a binding nothing is
/// asked.
#[tokio::test]
async fn unbound_passport_token_is_inactive_and_never_sent() {
    let room = Room::<Passport>::open().await;
    // The record of an id that is known is none of a token that is spelled the same.
    room.ask(passport::ACTIVE)
        .await
        .assert_active(&Passport::active(), "miss");
    room.server.forget();
    for token in [
        passport::ACTIVE_ACCESS_TOKEN,
        passport::BEARER,
        passport::ACTIVE,
    ] {
        for form in [
            vec![("token", token)],
            vec![("token", token), ("provider", "bank")],
            vec![
                ("token", token),
                ("provider", "bank"),
                ("token_type_hint", "access_token"),
            ],
        ] {
            room.gateway.post_introspect(&form).await.assert_inactive();
        }
    }
    assert_eq!(room.sent(), []);
}

#[tokio::test]
async fn only_passport_looks_up_by_id() {
    let hint = [("token_type_hint", "token_id")];
    let room = Room::<TibcoAsg>::open().await;
    let form = [
        ("token", tibco_asg::ACTIVE),
        ("provider", "legacy"),
        hint[0],
    ];
    room.gateway
        .post_introspect(&form)
        .await
        .assert_problem(501, "unsupported", None);
    assert_eq!(room.sent(), []);
    let room = Room::<Passport>::open().await;
    let form = [("token", passport::ACTIVE), hint[0]];
    room.gateway
        .post_introspect(&form)
        .await
        .assert_problem(400, "invalid_request", None);
    assert_eq!(room.sent(), []);
}

#[tokio::test]
async fn tibco_scopes_can_be_one_string() {
    let room = Room::<TibcoAsg>::open().await;
    let reply = room.ask(tibco_asg::SCOPE_STRING).await.json();
    assert_eq!(reply["scope"], "reviews public");
    assert_eq!(reply["sub"], tibco_asg::OWNER_DN);
    assert_eq!(reply["grant_type"], "password");
}

/// Sends the owner in place of the token, which lists the owner's tokens.
#[tokio::test]
async fn tibco_owner_is_not_a_token() {
    let room = Room::<TibcoAsg>::open().await;
    for owner in [tibco_asg::OWNER, tibco_asg::OWNER_DN] {
        let reply = room.ask(owner).await;
        reply.assert_problem(502, "upstream_error", None);
        assert!(!reply.everything().contains("T1am"), "{reply:?}");
    }
}

#[tokio::test]
async fn only_the_tibco_status_active_is_active() {
    let room = Room::<TibcoAsg>::open_with("", "[cache]\ninactive_ttl = \"0s\"").await;
    for word in [
        "active",
        "ACTIVE",
        " Active",
        "Active ",
        "Activ\u{435}",
        "Inactive",
        "Revoked",
        "",
    ] {
        let mut record = TibcoAsg::minimal(NOW + 60);
        record["status"] = json!(word);
        room.server.next(Fault::Answer(Answer::json(200, record)));
        room.ask(TibcoAsg::ACTIVE).await.assert_inactive();
    }
    room.ask(TibcoAsg::ACTIVE)
        .await
        .assert_active(&TibcoAsg::active(), "miss");
}

#[tokio::test]
async fn only_the_apigee_status_approved_is_active() {
    let room = Room::<Apigee>::open_with("", "[cache]\ninactive_ttl = \"0s\"").await;
    for word in [
        "Approved",
        "APPROVED",
        " approved",
        "approved ",
        "active",
        "revoked",
        "expired",
        "",
    ] {
        let mut record = Apigee::minimal(NOW + 60);
        record["status"] = json!(word);
        room.server.next(Fault::Answer(Answer::json(200, record)));
        room.ask(Apigee::ACTIVE).await.assert_inactive();
    }
    room.ask(Apigee::ACTIVE)
        .await
        .assert_active(&Apigee::active(), "miss");
}

/// Uses attributes named `status` and `scope`, which are the API owner's and neither of the two.
#[tokio::test]
async fn apigee_attributes_stay_below_their_name() {
    let room = Room::<Apigee>::open().await;
    let reply = room.ask(apigee::ATTRIBUTES).await.json();
    assert_eq!(reply["scope"], "read write admin");
    assert_eq!(
        reply["details"]["attributes"],
        json!([
            {"name": "tier", "value": "gold"},
            {"name": "status", "value": "revoked"},
            {"name": "scope", "value": "everything"},
        ])
    );
    assert_eq!(
        reply["details"]["apiProducts"],
        json!(["weather", "PremiumWeatherAPI"])
    );
    assert_eq!(reply["details"]["appId"], apigee::APP_ID);
    assert_eq!(reply.get("status"), None);
}

#[tokio::test]
async fn both_apigee_404_codes_mean_an_unknown_token() {
    for code in [apigee::NOT_FOUND_CODE, apigee::OTHER_NOT_FOUND_CODE] {
        let room = Room::<Apigee>::open().await;
        room.server.next(Fault::Answer(apigee::not_found(code)));
        room.ask(Apigee::ACTIVE).await.assert_inactive();
    }
}

#[tokio::test]
async fn rfc7662_token_without_exp_is_active_only_if_accepted() {
    let endless = Answer::json(200, json!({"active": true}));
    let room = Room::<Rfc7662>::open().await;
    room.server.next(Fault::Answer(endless.clone()));
    room.ask(Rfc7662::ACTIVE)
        .await
        .assert_problem(502, "upstream_error", None);
    let room = Room::<Rfc7662>::open_with("missing_exp = \"accept\"", "").await;
    room.server.next(Fault::Answer(endless));
    let reply = room.ask(Rfc7662::ACTIVE).await;
    reply.assert_active(&json!({"active": true, "provider": "sso"}), "miss");
}

#[tokio::test]
async fn rfc7662_token_starts_at_its_nbf_second() {
    let room = Room::<Rfc7662>::open_with("", "[cache]\nttl = \"0s\"\ninactive_ttl = \"0s\"").await;
    room.gateway.clock().set(NOW + 3599);
    room.ask(rfc7662::NOT_YET).await.assert_inactive();
    let mut record = Rfc7662::record();
    record["nbf"] = json!(NOW + 10);
    room.server.always(Fault::Answer(Answer::json(200, record)));
    room.gateway.clock().set(NOW + 9);
    room.ask(Rfc7662::ACTIVE).await.assert_inactive();
    room.gateway.clock().set(NOW + 10);
    assert_eq!(room.ask(Rfc7662::ACTIVE).await.json()["active"], true);
}

/// Not even by the server that is asked: the answer could then be about anything.
#[tokio::test]
async fn extensions_never_replace_our_members() {
    let room = Room::<Rfc7662>::open().await;
    let mut record = Rfc7662::record();
    record["provider"] = json!("bank");
    record["details"] = json!({"x": 1});
    record["roles"] = json!(["clerk"]);
    record["x"] = json!(null);
    room.server.next(Fault::Answer(Answer::json(200, record)));
    let reply = room.ask(Rfc7662::ACTIVE).await;
    let text = String::from_utf8(reply.body.to_vec()).unwrap();
    assert_eq!(text.matches("\"provider\"").count(), 1, "{text}");
    let reply = reply.json();
    assert_eq!(reply["provider"], "sso");
    assert_eq!(reply["details"], json!({"x": 1}));
    assert_eq!(reply["roles"], json!(["clerk"]));
    assert_eq!(reply.get("x"), Some(&json!(null)));
}

#[tokio::test]
async fn configured_issuer_replaces_a_missing_one() {
    let room = Room::<TibcoAsg>::open_with("issuer = \"https://asg.example\"", "").await;
    assert_eq!(
        room.ask(TibcoAsg::ACTIVE).await.json()["iss"],
        "https://asg.example"
    );
    let room = Room::<Rfc7662>::open_with("issuer = \"https://other.example\"", "").await;
    assert_eq!(
        room.ask(Rfc7662::ACTIVE).await.json()["iss"],
        rfc7662::ISSUER
    );
}
