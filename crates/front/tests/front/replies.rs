use std::sync::Arc;

use futures_util::future::join3;
use introspectd_core::{Audience, Expiry, ScopeSet, Status, Timestamp, Token};
use serde_json::json;

use crate::bench::{ACTIVE, Bench, START, UNKNOWN};
use crate::client::Ask;
use crate::provider::good;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_seconds(START + seconds).unwrap()
}

#[tokio::test]
async fn an_inactive_token_is_one_answer_byte_for_byte() {
    let bench = Bench::start().await;
    let revoked = Token::new(Status::Revoked, Expiry::Never);
    let expired = Token::new(Status::Good, Expiry::At(at(0)));
    let to_come = Token {
        nbf: Some(at(1)),
        ..good()
    };
    bench.bank.knows("b_revoked", revoked);
    bench.bank.knows("b_expired", expired);
    bench.bank.knows("b_to-come", to_come);
    for token in [
        UNKNOWN,
        "b_revoked",
        "b_expired",
        "b_to-come",
        "of-no-provider",
        ".",
        "%00",
        "%0d%0a",
    ] {
        let reply = Ask::token(token).at(&bench).await;
        assert_eq!(
            (reply.status, reply.body.as_str()),
            (200, "{\"active\":false}"),
            "{token}"
        );
        assert_eq!(reply.header("content-length"), Some("16"));
    }
}

#[tokio::test]
async fn active_token_is_answered_with_the_names_of_the_standard() {
    let bench = Bench::start().await;
    let text = |text: &str| Some(text.to_owned());
    let mut token = Token::new(Status::Good, Expiry::At(at(60)));
    (token.iat, token.nbf) = (Some(at(-60)), Some(at(-50)));
    token.scope = ScopeSet::from_spaced("b a b");
    (token.client_id, token.username, token.sub) = (text("c"), text("u"), text("s"));
    (token.iss, token.jti) = (text("i"), text("j"));
    (token.token_type, token.grant_type) = (text("Bearer"), text("password"));
    token.aud = Some(Audience::One("x".to_owned()));
    token.roles = vec!["r".to_owned()];
    token.details = json!({"app": "a"}).as_object().unwrap().clone().into();
    bench.bank.knows("b_full", token);
    assert_eq!(
        Ask::token("b_full").at(&bench).await.json(),
        json!({
            "active": true, "scope": "b a", "client_id": "c", "username": "u",
            "token_type": "Bearer", "exp": START + 60, "iat": START - 60, "nbf": START - 50,
            "sub": "s", "aud": "x", "iss": "i", "jti": "j", "provider": "bank", "roles": ["r"],
            "grant_type": "password", "details": {"app": "a"},
        })
    );
    let bare = Ask::token(ACTIVE).at(&bench).await;
    assert_eq!(
        bare.json(),
        json!({"active": true, "provider": "bank"}),
        "what is unknown is absent"
    );
}

#[tokio::test]
async fn cached_fact_is_judged_at_each_request() {
    let bench = Bench::start().await;
    bench
        .bank
        .knows("b_short", Token::new(Status::Good, Expiry::At(at(10))));
    bench.bank.knows(
        "b_soon",
        Token {
            nbf: Some(at(5)),
            ..good()
        },
    );
    let see = async |token: &str| {
        let reply = Ask::token(token).at(&bench).await;
        (reply.is_active(), reply.cache().to_owned())
    };
    assert_eq!(see("b_short").await, (true, "miss".to_owned()));
    bench.clock.advance(5);
    assert_eq!(see("b_short").await, (true, "hit".to_owned()));
    assert_eq!(see("b_soon").await, (true, "miss".to_owned()));
    bench.clock.advance(5);
    assert!(!see("b_short").await.0);
    assert_eq!(see("b_soon").await, (true, "hit".to_owned()));
}

#[tokio::test]
async fn reply_says_how_the_cache_served() {
    let bench = Bench::start().await;
    for (token, first, second) in [
        (ACTIVE, "miss", "hit"),
        (UNKNOWN, "miss", "hit"),
        ("none", "miss", "miss"),
    ] {
        for expected in [first, second] {
            assert_eq!(
                Ask::token(token).at(&bench).await.cache(),
                expected,
                "{token}"
            );
        }
    }
    bench.bank.hold();
    let ask = Ask::token("b_both");
    let bank = Arc::clone(&bench.bank);
    let release = async {
        bank.arrived(3).await;
        bank.release();
    };
    let (one, other, ()) = join3(ask.past_sockets(&bench), ask.past_sockets(&bench), release).await;
    assert_eq!((one.cache(), other.cache()), ("miss", "coalesced"));
    assert_eq!(bench.bank.asked().len(), 3);
}

#[tokio::test]
async fn a_provider_parameter_narrows_and_never_widens() {
    let bench = Bench::start().await;
    bench.plain.knows(ACTIVE, good());
    bench.loose.knows("free", good());
    let see = async |form: &str| Ask::form(form.to_owned()).at(&bench).await.is_active();
    assert!(see(&format!("token={ACTIVE}&provider=bank")).await);
    assert!(
        !see(&format!("token={ACTIVE}&provider=plain")).await,
        "routing would not send it there"
    );
    assert_eq!(bench.plain.asked().len(), 0);
    assert!(!see("token=free").await);
    assert_eq!(bench.loose.asked().len(), 0);
    assert!(
        see("token=free&provider=loose").await,
        "without a match it is meant by its name"
    );
}

#[tokio::test]
async fn only_one_hint_means_something() {
    let bench = Bench::start().await;
    for hint in ["access_token", "refresh_token", "anything", "", "TOKEN_ID"] {
        let ask = Ask::form(format!("token={ACTIVE}&token_type_hint={hint}&unknown=1"));
        assert!(ask.at(&bench).await.is_active(), "{hint}");
    }
    assert_eq!(bench.bank.asked(), [ACTIVE]);
    bench.loose.knows("the-id", good());
    let ask = Ask::form("token=the-id&token_type_hint=token_id&provider=loose");
    assert!(ask.at(&bench).await.is_active());
    assert_eq!(bench.loose.asked(), ["id the-id"]);
    Ask::form("token=the-id&provider=loose").at(&bench).await;
    assert_eq!(
        bench.loose.asked().len(),
        2,
        "a fact about an id is none about a token"
    );
}
