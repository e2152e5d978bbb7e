use std::time::Duration;

use introspectd_core::{BadAnswer, Failure, Outage, Unreachable};

use crate::bench::{ACTIVE, Bench, TTL};
use crate::client::Ask;
use crate::provider::good;

fn outage(outage: Outage, retry_after: Option<u64>) -> Failure {
    Failure::Unavailable {
        outage,
        retry_after: retry_after.map(Duration::from_secs),
    }
}

#[tokio::test]
async fn each_failure_has_its_status_and_error() {
    let bench = Bench::start().await;
    let bad = |answer: BadAnswer| Failure::from(answer);
    for (failure, status, error) in [
        (Failure::Timeout, 504, "upstream_timeout"),
        (Failure::ConnectTimeout, 504, "upstream_timeout"),
        (
            outage(Outage::Unreachable(Unreachable::Refused), None),
            503,
            "temporarily_unavailable",
        ),
        (outage(Outage::Closed, None), 503, "temporarily_unavailable"),
        (
            outage(Outage::Status(429), Some(17)),
            503,
            "temporarily_unavailable",
        ),
        (
            outage(Outage::Status(502), None),
            503,
            "temporarily_unavailable",
        ),
        (
            outage(Outage::Status(503), None),
            503,
            "temporarily_unavailable",
        ),
        (
            outage(Outage::Status(504), None),
            503,
            "temporarily_unavailable",
        ),
        (
            outage(Outage::Overloaded, None),
            503,
            "temporarily_unavailable",
        ),
        (
            outage(Outage::Abandoned, None),
            503,
            "temporarily_unavailable",
        ),
        (bad(BadAnswer::Credentials(401)), 502, "upstream_error"),
        (bad(BadAnswer::Credentials(403)), 502, "upstream_error"),
        (bad(BadAnswer::Status(500)), 502, "upstream_error"),
        (bad(BadAnswer::Status(418)), 502, "upstream_error"),
        (bad(BadAnswer::Redirect(302)), 502, "upstream_error"),
        (bad(BadAnswer::TooLarge), 502, "upstream_error"),
        (bad(BadAnswer::NotHttp), 502, "upstream_error"),
        (bad(BadAnswer::Truncated), 502, "upstream_error"),
        (bad(BadAnswer::NotAnObject), 502, "upstream_error"),
        (bad(BadAnswer::member("exp")), 502, "upstream_error"),
        (
            bad(BadAnswer::UndocumentedError(400)),
            502,
            "upstream_error",
        ),
        (bad(BadAnswer::OtherToken), 502, "upstream_error"),
        (bad(BadAnswer::Grant), 502, "upstream_error"),
        (
            bad(BadAnswer::GrantMember("expires_in")),
            502,
            "upstream_error",
        ),
        (bad(BadAnswer::Compressed), 502, "upstream_error"),
    ] {
        bench.bank.fails("b_x", failure.clone());
        let reply = Ask::token("b_x").at(&bench).await;
        reply.refuses(status, error);
        if let Failure::Unavailable { retry_after, .. } = failure {
            let seconds = retry_after.map_or(1, |duration| duration.as_secs());
            assert_eq!(
                reply.header("retry-after"),
                Some(seconds.to_string().as_str())
            );
        }
    }
}

#[tokio::test]
async fn failure_is_not_cached() {
    let bench = Bench::start().await;
    bench.bank.fails("b_x", Failure::Timeout);
    Ask::token("b_x")
        .at(&bench)
        .await
        .refuses(504, "upstream_timeout");
    bench.bank.knows("b_x", good());
    let reply = Ask::token("b_x").at(&bench).await;
    assert!(reply.is_active());
    assert_eq!(reply.cache(), "miss");
}

#[tokio::test]
async fn provider_without_lookup_is_unsupported() {
    let bench = Bench::start().await;
    let ask = Ask::form("token=x&token_type_hint=token_id&provider=plain");
    ask.at(&bench).await.refuses(501, "unsupported");
    assert_eq!(bench.plain.asked().len(), 0);
}

#[tokio::test]
async fn an_older_fact_stands_in_for_an_outage_and_is_marked() {
    let bench = Bench::start().await;
    assert!(Ask::token(ACTIVE).at(&bench).await.is_active());
    bench.clock.advance(TTL + 1);
    bench.bank.fails(
        ACTIVE,
        outage(Outage::Unreachable(Unreachable::Refused), None),
    );
    let reply = Ask::token(ACTIVE).at(&bench).await;
    assert!(reply.is_active());
    assert_eq!(reply.cache(), "stale");
    bench.bank.fails(ACTIVE, BadAnswer::OtherToken);
    Ask::token(ACTIVE)
        .at(&bench)
        .await
        .refuses(502, "upstream_error");
}
