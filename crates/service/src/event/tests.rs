use super::*;
use crate::access::Permissions;
use crate::refusal::{CallerFault, ClientFault, EventFault, RequestFault, ServiceFault};
use crate::signing::SignedAs;
use crate::tally::EndpointName;
use introspectd_core::Failure;
use std::sync::Arc;
use std::time::Duration;

const DONE: Outcome<'_> = Outcome::Done;

/// Headline of a stranger's request.
fn headline(operation: Operation, outcome: Outcome<'_>) -> Headline<'_> {
    let context = RequestContext {
        origin: &"test",
        caller: None,
        policy: None,
        begun: Begun {
            endpoint: EndpointName::Other,
            at: Duration::ZERO,
        },
        identity: Box::leak(Box::<Identity<'_>>::default()),
    };
    Headline {
        operation,
        outcome,
        source: None,
        context,
    }
}

fn reason(outcome: Outcome<'_>, details: &Details) -> Option<String> {
    let event = Event {
        headline: headline(Operation::Introspect, outcome),
        details,
        fingerprint: None,
        request_id: "r-1",
        trace_id: None,
        time: Timestamp::MIN,
    };
    event.reason().map(Cow::into_owned)
}

fn selecting(name: &'static str, value: Option<&str>) -> Details {
    Details {
        selector: Some((name, value.map(str::to_owned))),
        ..Details::default()
    }
}

#[test]
fn only_security_relevant_events_are_recorded() {
    let of_request = RequestFault::TooLarge.into();
    let of_caller = CallerFault::Unauthenticated.into();
    let of_client = ClientFault::MissingToken.into();
    let of_message = EventFault::NotAuthenticated.into();
    for (operation, outcome, is_recorded) in [
        (Operation::Introspect, DONE, false),
        (Operation::Decide, DONE, false),
        (Operation::Introspect, Outcome::Refused(&of_request), false),
        (Operation::Introspect, Outcome::Refused(&of_caller), true),
        (Operation::Decide, Outcome::Refused(&of_client), true),
        (Operation::Purge, Outcome::Refused(&of_request), true),
        (Operation::IntrospectById, DONE, true),
        (Operation::ReceiveEvent, DONE, true),
        (Operation::ReceiveEvent, Outcome::Refused(&of_message), true),
        (Operation::IntrospectById, Outcome::Abandoned, true),
    ] {
        let headline = headline(operation, outcome);
        assert_eq!(
            headline.is_recorded(),
            is_recorded,
            "{operation:?} {outcome:?}"
        );
    }
}

#[test]
fn reply_waits_for_the_record_of_what_an_operator_did_or_tried() {
    let failed = Failure::Timeout.into();
    let denied = CallerFault::AccessDenied.into();
    for (operation, outcome, is_awaited) in [
        (Operation::Revoke, DONE, true),
        (Operation::Revoke, Outcome::Refused(&failed), true),
        (Operation::Revoke, Outcome::Refused(&denied), false),
        (Operation::Revoke, Outcome::Abandoned, false),
        (Operation::IntrospectById, DONE, false),
        (Operation::Introspect, DONE, false),
    ] {
        let headline = headline(operation, outcome);
        assert_eq!(
            headline.is_awaited(),
            is_awaited,
            "{operation:?} {outcome:?}"
        );
    }
}

#[test]
fn event_is_a_refusal_or_what_was_done() {
    let shed = ServiceFault::Shed.into();
    let failed = Failure::Timeout.into();
    for (operation, outcome, name) in [
        (Operation::Revoke, DONE, "revoked"),
        (Operation::Revoke, Outcome::Refused(&failed), "revoked"),
        (Operation::Revoke, Outcome::Refused(&shed), REFUSED),
        (Operation::Decide, Outcome::Refused(&failed), REFUSED),
    ] {
        let headline = headline(operation, outcome);
        assert_eq!(headline.event_name(), name, "{operation:?} {outcome:?}");
    }
}

#[test]
fn strangers_and_excess_come_in_floods() {
    let edge = Caller {
        name: "edge".to_owned(),
        permissions: Permissions::of([]),
        secrets: Vec::new(),
        certificate: None,
        tally: Arc::default(),
        rate: None,
        signed: SignedAs::default(),
    };
    let limited = CallerFault::RateLimited { retry_after: 1 }.into();
    let denied = CallerFault::AccessDenied.into();
    for (caller, refusal, is_flood) in [
        (None, &denied, true),
        (Some(&edge), &limited, true),
        (Some(&edge), &denied, false),
    ] {
        let mut headline = headline(Operation::Introspect, Outcome::Refused(refusal));
        headline.context.caller = caller;
        assert_eq!(headline.is_flood(), is_flood, "{refusal:?}");
    }
}

#[test]
fn reason_is_why_a_token_is_inactive_or_a_request_refused() {
    let details = Details::default();
    let unrouted = Details {
        is_unrouted: true,
        ..Details::default()
    };
    let invalid = ClientFault::InvalidToken(Inactive::Expired).into();
    let timeout = Failure::Timeout.into();
    let not_known = Outcome::Inactive(Inactive::NotKnown);
    for (outcome, details, expected) in [
        (DONE, &details, None),
        (not_known, &details, Some("inactive")),
        (not_known, &unrouted, Some("no_provider")),
        (
            Outcome::Inactive(Inactive::Revoked),
            &unrouted,
            Some("revoked"),
        ),
        (Outcome::Refused(&invalid), &details, Some("expired")),
    ] {
        assert_eq!(reason(outcome, details).as_deref(), expected);
    }
    let timed_out = Some(Failure::Timeout.to_string());
    assert_eq!(reason(Outcome::Refused(&timeout), &details), timed_out);
}

#[test]
fn only_the_name_of_a_provider_is_shown_of_a_selector() {
    let bank = selecting("provider", Some("bank"));
    assert_eq!(
        (bank.shown_value(), bank.hidden_value()),
        (Some("bank"), None)
    );
    let alice = selecting("sub", Some("alice"));
    assert_eq!(
        (alice.shown_value(), alice.hidden_value()),
        (None, Some("alice"))
    );
    let all = selecting("all", None);
    assert_eq!((all.shown_value(), all.hidden_value()), (None, None));
}

#[test]
fn id_without_a_record_counts_as_a_token() {
    let id = TokenId::parse("an-id".to_owned()).unwrap();
    let mut details = Details::default();
    details.note_id(&id, false);
    let token = details.token.as_ref().map(TokenValue::expose);
    assert_eq!((token, &details.token_id), (Some("an-id"), &None));
    details.note_id(&id, true);
    assert!(details.token.is_none());
    assert_eq!(details.token_id, Some(id));
}
