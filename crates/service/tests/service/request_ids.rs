//! Ids of requests, settled before a provider is asked, so that lines about that bear them.

use std::future::pending;
use std::iter::empty;
use std::sync::Arc;

use bytes::Bytes;
use introspectd_core::ask::Context;
use introspectd_core::{ProviderName, Selection, TokenId};
use introspectd_service::operation::{BindRequest, bind, explain, issue, list, lookup, revoke};
use introspectd_service::{Details, Parameters, Permission};

use crate::harness::{caller, query, service};

/// Returns the id of a request that proposes one, once its operation is over.
async fn settled(proposed: &str, operation: impl Future) -> Option<String> {
    let context = Context::new(None, Some(proposed.to_owned()));
    context.clone().scope(operation).await;
    context.request_id().map(str::to_owned)
}

fn binding(token: &str) -> BindRequest {
    BindRequest {
        token: token.to_owned(),
        token_id: "id-1".to_owned(),
        replace: false,
    }
}

#[tokio::test]
async fn proposed_id_is_settled_by_every_operation_that_asks() {
    let (service, details) = (service(), &mut Details::default());
    let caller = Arc::new(caller(&Permission::ALL, Selection::All));
    let bank = &ProviderName::parse("bank").unwrap();
    let id = TokenId::parse("id-1".to_owned()).unwrap();
    let all = Parameters::read(empty()).unwrap();
    let proposed = Some("req-1".to_owned());

    let revokes = revoke(&service, &caller, query("b_good"), details);
    assert_eq!(settled("req-1", revokes).await, proposed);
    let explains = explain(&service, &caller, query("b_good"), None, details);
    assert_eq!(settled("req-1", explains).await, proposed);
    let binds = bind(&service, bank, binding("b_good"), details);
    assert_eq!(settled("req-1", binds).await, proposed);
    let looks_up = lookup(&service, bank, id, details);
    assert_eq!(settled("req-1", looks_up).await, proposed);
    let lists = list(&service, &caller, all, pending(), details);
    assert_eq!(settled("req-1", lists).await, proposed);
}

#[tokio::test]
async fn id_that_could_show_a_secret_is_replaced() {
    let (service, details) = (service(), &mut Details::default());
    let caller = Arc::new(caller(&Permission::ALL, Selection::All));
    let bank = &ProviderName::parse("bank").unwrap();

    let revokes = revoke(&service, &caller, query("b_good"), details);
    let id = settled("for-b_good", revokes).await.unwrap();
    assert!(!id.contains("b_good"), "{id}");
    let binds = bind(&service, bank, binding("b_good"), details);
    let id = settled("for-b_good", binds).await.unwrap();
    assert!(!id.contains("b_good"), "{id}");
    // Whatever is in the body is the provider's to read.
    let issues = issue(&service, bank, Bytes::new(), details);
    let id = settled("req-1", issues).await.unwrap();
    assert_ne!(id, "req-1");
}
