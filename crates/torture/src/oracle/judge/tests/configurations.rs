//! Callers, policies and times, while one configuration replaces another.

use super::*;

#[test]
fn policy_decides_by_the_scope_of_the_token() {
    let mut case = Case::about(Some(token(|_| {})), 5.0);
    case.question.decides = true;
    assert_eq!(case.broken(&Seen::Insufficient), Some(Rule::WrongPolicy));
    let other = Variant {
        orders: Scope::Bills,
        ..Variant::FIRST
    };
    case.circumstances.configurations = vec![other];
    assert_eq!(case.broken(&Seen::Insufficient), None);
    assert_eq!(case.broken(&ACTIVE), Some(Rule::WrongPolicy));
    // While one replaces the other, either decides.
    case.circumstances.configurations = vec![Variant::FIRST, other];
    assert_eq!(case.broken(&Seen::Insufficient), None);
    assert_eq!(case.broken(&ACTIVE), None);
    // A record has no policy.
    case.question.decides = false;
    assert_eq!(case.broken(&Seen::Insufficient), Some(Rule::WrongPolicy));
}

#[test]
fn callers_are_let_in_as_configured() {
    let wrong = Some(Rule::WrongAdmission);
    let there = Variant::FIRST;
    let gone = Variant {
        guest: false,
        ..there
    };
    let limited = Seen::Limited(1);
    for (caller, configurations, seen, expected) in [
        (Caller::Edge, vec![there, gone], Seen::Unknown, wrong),
        (Caller::Edge, vec![there, gone], limited.clone(), wrong),
        (Caller::Stranger, vec![there], Seen::Unknown, None),
        (Caller::Stranger, vec![there], Seen::Inactive, wrong),
        (Caller::Clerk, vec![there], Seen::Forbidden, None),
        (Caller::Clerk, vec![there], ACTIVE, wrong),
        (Caller::Guest, vec![there], ACTIVE, None),
        (Caller::Guest, vec![there], Seen::Unknown, wrong),
        (Caller::Guest, vec![there], limited.clone(), wrong),
        (Caller::Guest, vec![gone], ACTIVE, wrong),
        (Caller::Guest, vec![gone], Seen::Unknown, None),
        (Caller::Guest, vec![gone, there], ACTIVE, None),
        (Caller::Guest, vec![gone, there], Seen::Unknown, None),
        (Caller::Guest, vec![gone, there], Seen::Forbidden, wrong),
        (Caller::Metered, vec![there], limited, None),
        (Caller::Metered, vec![there], Seen::Unknown, wrong),
    ] {
        let mut case = Case::about(Some(token(|_| {})), 5.0);
        case.question.caller = caller;
        case.circumstances.configurations = configurations.clone();
        assert_eq!(
            case.broken(&seen),
            expected,
            "{caller:?} {configurations:?} {seen:?}"
        );
    }
}

#[test]
fn limited_caller_may_come_back_after_a_second() {
    let mut case = Case::about(Some(token(|_| {})), 5.0);
    case.question.caller = Caller::Metered;
    assert_eq!(case.broken(&Seen::Limited(1)), None);
    for seconds in [0, 2] {
        let broken = case.broken(&Seen::Limited(seconds));
        assert_eq!(broken, Some(Rule::WrongName), "{seconds}");
    }
}

#[test]
fn shorter_reuse_of_a_provider_counts_once_it_is_in_force() {
    let shorter = Variant {
        legacy_ttl: 1,
        ..Variant::FIRST
    };
    for (provider, configurations, expected) in [
        (Which::Legacy, vec![Variant::FIRST], None),
        (Which::Legacy, vec![Variant::FIRST, shorter], None),
        (Which::Legacy, vec![shorter], WRONG_ACTIVE),
        (Which::Bank, vec![shorter], None),
    ] {
        let token = token(|history| {
            history.ending = seconds(10);
            history.ended_there = seconds(10);
        });
        let mut case = Case::about(Some(token), 16.5);
        case.question.provider = provider;
        case.circumstances.configurations = configurations.clone();
        case.expect(expected, None);
    }
}
