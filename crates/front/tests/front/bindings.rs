//! Tokens that are bound to records, and issued by way of us.

use introspectd_core::{BindingsFailed, Failure};
use serde_json::json;

use crate::bench::{Bench, soon};
use crate::client::{Ask, Reply};
use crate::provider::good;

fn ask(method: &'static str, path: &str, body: &serde_json::Value) -> Ask {
    let ask = Ask::form(body.to_string())
        .to(method, path)
        .by("Bearer trusted-secret");
    ask.header("content-type", "application/json")
}

fn bind(token: &str, id: &str) -> Ask {
    ask(
        "PUT",
        "/v1/providers/bank/bindings",
        &json!({"token": token, "token_id": id}),
    )
}

fn issue() -> Ask {
    ask("POST", "/v1/providers/bank/tokens", &json!({}))
}

#[track_caller]
fn tells(reply: &Reply, status: u16, error: &str, text: &str) {
    reply.refuses(status, error);
    assert!(reply.body.contains(text), "{reply:#?}");
}

#[tokio::test]
async fn failed_bindings_store_is_our_outage() {
    let bench = Bench::start().await;
    let failed = || Failure::from(BindingsFailed);
    bench.bank.fails("i", failed());
    bench.bank.fails("b_t", failed());
    bench.bank.fails("{}", failed());
    for reply in [
        Ask::token("b_t").at(&bench).await,
        bind("b_t", "i").at(&bench).await,
    ] {
        tells(
            &reply,
            503,
            "temporarily_unavailable",
            "Temporarily unavailable; retry later.",
        );
    }
    tells(
        &issue().at(&bench).await,
        503,
        "temporarily_unavailable",
        "was issued but could not be bound",
    );
    let spanish = issue().header("accept-language", "es").at(&bench).await;
    tells(
        &spanish,
        503,
        "temporarily_unavailable",
        "no se pudo vincular",
    );
    assert_eq!(spanish.header("retry-after"), Some("1"));
}

#[tokio::test]
async fn missing_record_differs_from_missing_path() {
    let bench = Bench::start().await;
    tells(
        &bind("b_t", "i").at(&bench).await,
        404,
        "not_found",
        "no active token with this token_id",
    );
    let path = ask(
        "PUT",
        "/v1/providers/nobody/bindings",
        &json!({"token": "t", "token_id": "i"}),
    );
    tells(&path.at(&bench).await, 404, "not_found", "Not found.");
    tells(
        &bind("i", "i").at(&bench).await,
        400,
        "invalid_request",
        "are the same",
    );
    assert_eq!(bench.bank.asked(), ["bind i"]);
}

/// The request was begun, and a vendor may have done its part.
#[tokio::test]
async fn begun_request_ends_although_its_client_leaves() {
    let bench = Bench::start().await;
    bench.bank.knows("i", good());
    bench.bank.hold();
    let (address, request) = (bench.address, bind("b_t", "i").request());
    let client = tokio::spawn(crate::client::exchange(address, request));
    bench.bank.arrived(1).await;
    client.abort();
    assert!(client.await.is_err());
    bench.bank.release();
    soon("the binding", async {
        while !Ask::token("b_t").at(&bench).await.is_active() {}
    })
    .await;
}
