//! Lines of the log about requests: what operators did, and who was refused.

use std::sync::Arc;

use introspectd_core::{ProviderName, Selection};
use introspectd_service::refusal::{CallerFault, ClientFault, Refusal};
use introspectd_service::{
    Caller, Details, EndpointName, Headline, Identity, Log, Operation, Outcome, RequestContext,
    Service,
};
use introspectd_test_log::{self as test_log, Level};

use crate::harness::{caller, service};

fn logging() -> Service {
    service().with_observers(vec![Arc::new(Log)])
}

/// Publishes the end of a request of a caller.
fn publish(
    service: &Service,
    operation: Operation,
    outcome: Outcome<'_>,
    caller: Option<&Caller>,
    details: Details,
) {
    let identity = Identity::default();
    let context = RequestContext {
        origin: &"test",
        caller,
        policy: None,
        begun: service.begin(EndpointName::Other),
        identity: &identity,
    };
    let headline = Headline {
        operation,
        outcome,
        source: None,
        context,
    };
    drop(service.publish(headline, || details));
}

#[test]
fn completed_request_is_logged_if_it_is_an_operators() {
    let log = test_log::Log::start(Level::TRACE);
    let (service, edge) = (logging(), caller(&[], Selection::All));
    let purged = || Details {
        provider: ProviderName::parse("bank").ok(),
        selector: Some(("sub", Some("alice".to_owned()))),
        count: Some(7),
        ..Details::default()
    };
    let by = Some(&edge);
    publish(&service, Operation::Purge, Outcome::Done, by, purged());
    let line = log.take();
    let expected = "INFO introspectd_service::log: operator request completed origin=test \
        caller=\"edge\" call=\"purge\" provider=\"bank\"";
    assert!(line.contains(expected), "{line}");
    assert!(line.contains("selector=\"sub\" count=7"), "{line}");
    assert!(!line.contains("alice"), "{line}");
    for (operation, outcome) in [
        (Operation::Providers, Outcome::Done),
        (Operation::Purge, Outcome::Abandoned),
    ] {
        publish(&service, operation, outcome, by, purged());
        assert_eq!(log.take(), "", "{operation:?}");
    }
}

#[test]
fn refusal_is_logged_for_operators_if_it_is_its_callers_fault_and_else_for_debugging() {
    let log = test_log::Log::start(Level::TRACE);
    let (service, edge) = (logging(), caller(&[], Selection::All));
    let denied: Refusal = CallerFault::AccessDenied.into();
    let missing: Refusal = ClientFault::MissingToken.into();
    for (refusal, level) in [(&denied, "INFO"), (&missing, "DEBUG")] {
        let outcome = Outcome::Refused(refusal);
        publish(
            &service,
            Operation::Decide,
            outcome,
            Some(&edge),
            Details::default(),
        );
        let line = log.take();
        let code = refusal.code();
        let expected = format!(
            "{level} introspectd_service::refusals: refused a request origin=test \
            caller=\"edge\" error=\"{code}\""
        );
        assert!(line.contains(&expected), "{line}");
    }
}

#[test]
fn refusals_without_lines_are_summed_up_once_a_second() {
    let service = logging();
    let unknown: Refusal = CallerFault::Unauthenticated.into();
    let refuse = || {
        let outcome = Outcome::Refused(&unknown);
        let details = Details::default();
        publish(&service, Operation::Introspect, outcome, None, details);
    };
    let log = test_log::Log::start(Level::INFO);
    (0..300).for_each(|_| refuse());
    assert_eq!(log.take().lines().count(), 250);
    service.begin_second();
    let line = log.take();
    assert!(
        line.contains("WARN") && line.contains("count=50 outcomes=invalid_client=50"),
        "{line}"
    );
    service.begin_second();
    assert_eq!(log.take(), "");
}

#[test]
fn refusal_without_a_line_takes_no_place_of_others() {
    let service = logging();
    let missing: Refusal = ClientFault::MissingToken.into();
    let log = test_log::Log::start(Level::INFO);
    for _ in 0..1000 {
        let outcome = Outcome::Refused(&missing);
        let details = Details::default();
        publish(&service, Operation::Decide, outcome, None, details);
    }
    service.begin_second();
    assert_eq!(log.take(), "");
}
