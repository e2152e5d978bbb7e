use introspectd_core::ask::Context;
use introspectd_core::{Failure, Selection, TokenId};
use introspectd_service::operation::{Subject, TokenQuery, bearer_token, decide, introspect};
use introspectd_service::refusal::{
    CallerFault, ClientFault, Inactive, InvalidRequest, Missing, Refusal,
};
use introspectd_service::{NoEvidence, Permission, Presented, Scheme};

use crate::harness::{caller, policy, query, service};

#[tokio::test]
async fn introspection_is_active_inactive_or_refused() {
    let (service, caller) = (service(), caller(&[Permission::Introspect], Selection::All));
    let active = introspect(&service, &caller, query("b_good"), Context::default)
        .await
        .unwrap();
    assert!(active.has_record());
    let body = active.into_body().unwrap();
    assert_eq!(
        &*body,
        br#"{"active":true,"scope":"read","sub":"s\"1","provider":"bank"}"#
    );
    let inactive = introspect(&service, &caller, query("b_other"), Context::default)
        .await
        .unwrap();
    // Without a record its id may be a token in the wrong place, and is not written.
    assert!(!inactive.is_active() && !inactive.has_record());
    assert_eq!(inactive.inactive(), Inactive::NotKnown);
    let refused = introspect(&service, &caller, query("b_slow"), Context::default)
        .await
        .err()
        .unwrap();
    assert_eq!(
        (refused.code(), refused),
        ("upstream_timeout", Failure::Timeout.into())
    );
}

#[tokio::test]
async fn introspection_by_id_needs_the_permission_to_look_up_and_a_provider() {
    let by_id = || TokenQuery {
        subject: Subject::Id(TokenId::parse("1".to_owned()).unwrap()),
        provider: None,
    };
    let asks = caller(&[Permission::Introspect], Selection::All);
    let refused = introspect(&service(), &asks, by_id(), Context::default)
        .await
        .err()
        .unwrap();
    assert_eq!(refused, CallerFault::AccessDenied.into());
    let looks_up = caller(&[Permission::Lookup], Selection::All);
    let refused = introspect(&service(), &looks_up, by_id(), Context::default)
        .await
        .err()
        .unwrap();
    assert_eq!(refused, InvalidRequest::ProviderNeeded.into());
}

#[tokio::test]
async fn provider_of_others_is_as_unknown_as_one_that_does_not_exist() {
    let service = service();
    let confined = caller(&[Permission::Introspect], Selection::Only([].into()));
    for name in ["bank", "nowhere"] {
        let query = TokenQuery {
            provider: Some(name.to_owned()),
            ..query("b_good")
        };
        let refused = introspect(&service, &confined, query, Context::default)
            .await
            .err()
            .unwrap();
        assert_eq!(refused, InvalidRequest::UnknownProvider.into(), "{name}");
    }
    let unnamed = introspect(&service, &confined, query("b_good"), Context::default)
        .await
        .unwrap();
    assert!(!unnamed.is_active());
}

#[tokio::test]
async fn decision_shares_the_claims_or_names_what_is_missing() {
    let (service, caller) = (service(), caller(&[Permission::Introspect], Selection::All));
    let token = || Presented {
        scheme: Scheme::Bearer,
        token: bearer_token("b_good").unwrap(),
    };
    let allowed = decide(
        &service,
        &caller,
        &policy("read"),
        token(),
        &NoEvidence,
        Context::default,
    )
    .await
    .ok()
    .unwrap();
    let claims = allowed.answer.claims();
    assert_eq!((&*claims.sub(), &*claims.scope()), ("s\"1", "read"));
    assert_eq!(&*allowed.answer.share(&claims.provider()), b"bank");
    let refused = decide(
        &service,
        &caller,
        &policy("write"),
        token(),
        &NoEvidence,
        Context::default,
    )
    .await
    .err()
    .unwrap();
    let missing = Missing {
        scope: true,
        ..Missing::default()
    };
    let expected = ClientFault::InsufficientScope {
        scope: "write".into(),
        missing,
        scheme: Scheme::Bearer,
    };
    assert_eq!(refused, Refusal::Client(expected));
}

#[test]
fn text_that_could_be_two_tokens_is_none() {
    for text in ["", "a b", "a,b", "a;b", "\"a\"", "a\n"] {
        assert_eq!(
            bearer_token(text).err(),
            Some(ClientFault::InvalidToken(Inactive::Malformed)),
            "{text:?}"
        );
    }
}
