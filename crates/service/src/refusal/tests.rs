use introspectd_core::Outage;

use super::*;

fn refusals() -> [(Refusal, &'static str, Option<&'static str>); 7] {
    let missing = Missing {
        scope: true,
        aud: true,
        ..Missing::default()
    };
    let insufficient = ClientFault::InsufficientScope {
        scope: "read".into(),
        missing,
        scheme: Scheme::Bearer,
    };
    let excess = CallerFault::RateLimited { retry_after: 7 };
    [
        (
            CallerFault::UnauthenticatedProxy.into(),
            "invalid_client",
            None,
        ),
        (excess.into(), "rate_limited", None),
        (
            ServiceFault::Shed.into(),
            "temporarily_unavailable",
            Some("shed"),
        ),
        (
            ClientFault::InvalidToken(Inactive::Revoked).into(),
            "invalid_token",
            Some("revoked"),
        ),
        (insufficient.into(), "insufficient_scope", Some("scope,aud")),
        (RecordFault::NoSuchToken.into(), "not_found", None),
        (
            RecordFault::BoundToOtherId.into(),
            "conflict",
            Some("bound_to_another_id"),
        ),
    ]
}

#[test]
fn reason_says_what_the_code_leaves_open() {
    for (refusal, code, reason) in refusals() {
        assert_eq!(
            (refusal.code(), refusal.reason().as_deref()),
            (code, reason)
        );
    }
}

#[test]
fn who_is_at_fault_is_told_apart() {
    let are = |is: fn(&Refusal) -> bool| refusals().map(|(refusal, ..)| u8::from(is(&refusal)));
    assert_eq!(are(Refusal::is_of_stranger), [1, 0, 0, 0, 0, 0, 0]);
    assert_eq!(are(Refusal::is_of_caller), [1, 1, 0, 0, 0, 0, 0]);
    assert_eq!(are(Refusal::is_of_too_many), [0, 1, 1, 0, 0, 0, 0]);
    let inactive = refusals().map(|(refusal, ..)| refusal.inactive());
    assert_eq!(
        inactive.into_iter().flatten().collect::<Vec<_>>(),
        [Inactive::Revoked]
    );
}

#[test]
fn outage_is_the_providers_unless_it_is_ours() {
    assert!(is_ours(Outage::Overloaded) && is_ours(Outage::NotSaved));
    assert!(!is_ours(Outage::Closed) && !is_ours(Outage::Status(503)));
}
