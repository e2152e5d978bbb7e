use introspectd_core::{BadAnswer, Failure, Outage, Unreachable};

use crate::bench::{ACTIVE, Bench};
use crate::client::{Ask, basic};

/// A request for each kind of refusal, and its status.
fn refused(bench: &Bench) -> Vec<(Ask, u16)> {
    bench.bank.fails("b_timeout", Failure::Timeout);
    bench.bank.fails(
        "b_outage",
        Failure::outage(Outage::Unreachable(Unreachable::Refused)),
    );
    bench
        .bank
        .fails("b_overload", Failure::outage(Outage::Overloaded));
    bench.bank.fails("b_bad", BadAnswer::NotAnObject);
    let form = |rest: &str| Ask::form(format!("token={ACTIVE}{rest}"));
    vec![
        (Ask::form(""), 400),
        (form("&token=x"), 400),
        (form("%"), 400),
        (form("&provider=nobody"), 400),
        (form("&token_type_hint=token_id"), 400),
        (Ask::token(&"a".repeat(16 * 1024 + 1)), 400),
        (form("").by(&basic("edge:wrong")), 401),
        (form("").by("Bearer idle-secret"), 403),
        (form("").to("POST", "/nothing"), 404),
        (form("").to("GET", "/introspect"), 405),
        (Ask::form("a".repeat(64 * 1024 + 1)), 413),
        (form("").header("content-type", "text/plain"), 415),
        (form("&token_type_hint=token_id&provider=plain"), 501),
        (Ask::token("b_bad"), 502),
        (Ask::token("b_outage"), 503),
        (Ask::token("b_overload"), 503),
        (Ask::token("b_timeout"), 504),
    ]
}

#[tokio::test]
async fn each_refusal_is_described_in_both_languages() {
    let bench = Bench::start().await;
    let mut told = Vec::new();
    for (ask, status) in refused(&bench) {
        let english = ask.at(&bench).await;
        let spanish = ask
            .clone()
            .header("accept-language", "es-CO,es;q=0.9,en;q=0.5")
            .at(&bench)
            .await;
        assert_eq!(
            (english.status, spanish.status),
            (status, status),
            "{english:#?}"
        );
        assert_eq!(english.header("content-language"), Some("en"));
        assert_eq!(spanish.header("content-language"), Some("es"));
        for reply in [&english, &spanish] {
            assert!(
                reply
                    .header("vary")
                    .unwrap()
                    .eq_ignore_ascii_case("accept-language")
            );
            assert!(!reply.body.contains(ACTIVE));
        }
        assert_eq!(english.json()["error"], spanish.json()["error"]);
        let description = |reply: &crate::client::Reply| reply.json()["error_description"].clone();
        assert_ne!(description(&english), description(&spanish));
        told.push(description(&english));
    }
    let count = told.len();
    told.sort_by_key(ToString::to_string);
    told.dedup();
    assert_eq!(told.len(), count, "each reason has words of its own");
}

#[tokio::test]
async fn preferred_language_is_used() {
    let bench = Bench::start().await;
    for (accepted, language) in [
        ("en", "en"),
        ("es", "es"),
        ("en,es", "en"),
        ("es,en", "es"),
        ("en;q=0.2,es;q=0.7", "es"),
        ("fr", "en"),
        ("*", "en"),
        ("es;q=0", "en"),
    ] {
        let reply = Ask::form("")
            .header("accept-language", accepted)
            .at(&bench)
            .await;
        assert_eq!(
            reply.header("content-language"),
            Some(language),
            "{accepted}"
        );
    }
}
