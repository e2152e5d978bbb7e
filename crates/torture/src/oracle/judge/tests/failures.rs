//! Failures: which fault explains which name, and how long an answer may take.

use super::*;

fn lost(why: &str, is_fresh: bool) -> Seen {
    Seen::Lost {
        why: why.to_owned(),
        is_fresh,
    }
}

#[test]
fn failure_needs_a_fault_that_explains_its_name() {
    let mut case = Case::about(Some(token(|_| {})), 50.0);
    let unexplained = Some(Rule::Unexplained);
    for failure in [UPSTREAM, UNAVAILABLE, TIMEOUT] {
        assert_eq!(case.broken(&failed(failure)), unexplained, "{failure:?}");
    }
    case.circumstances.spells = vec![spell(Kind::Lies, 40, None)];
    assert_eq!(case.broken(&failed(UPSTREAM)), None);
    assert_eq!(case.broken(&failed(TIMEOUT)), unexplained);
    // Over: the provider may still be closed to requests, and lies no more.
    case.circumstances.spells = vec![spell(Kind::Lies, 40, Some(45))];
    assert_eq!(case.broken(&failed(UNAVAILABLE)), None);
    assert_eq!(case.broken(&failed(UPSTREAM)), unexplained);
}

#[test]
fn failure_has_the_headers_and_the_name_of_its_status() {
    let mut case = Case::about(Some(token(|_| {})), 50.0);
    case.circumstances.spells = vec![spell(Kind::Flaps, 40, None)];
    let without = Seen::Failed {
        status: 503,
        name: UNAVAILABLE.1.to_owned(),
        retry_after: false,
    };
    for seen in [
        without,
        failed((502, "temporarily_unavailable")),
        failed((500, "server_error")),
    ] {
        assert_eq!(case.broken(&seen), Some(Rule::WrongName), "{seen:?}");
    }
}

#[test]
fn answer_comes_within_its_bound() {
    let mut case = Case::about(Some(token(|_| {})), 50.0);
    case.took = 3.0;
    assert_eq!(case.broken(&ACTIVE), None);
    case.took = 3.1;
    assert_eq!(case.broken(&ACTIVE), Some(Rule::Late));
    case.circumstances.spells = vec![spell(Kind::Starved, 51, Some(52))];
    assert_eq!(case.broken(&ACTIVE), None);
}

#[test]
fn request_is_lost_only_while_the_process_is_down() {
    let lost = lost("reset", true);
    let mut case = Case::about(Some(token(|_| {})), 50.0);
    assert_eq!(case.broken(&lost), Some(Rule::Lost));
    case.circumstances.spells = vec![spell(Kind::Cut, 40, None)];
    assert_eq!(case.broken(&lost), Some(Rule::Lost));
    case.circumstances.spells = vec![spell(Kind::Down, 49, Some(51))];
    assert_eq!(case.broken(&lost), None);
    // What was sent before a drain began is answered.
    case.circumstances.spells = vec![spell(Kind::Stopping, 51, Some(52))];
    assert_eq!(case.broken(&lost), Some(Rule::Lost));
    case.circumstances.spells = vec![spell(Kind::Stopping, 50, Some(52))];
    assert_eq!(case.broken(&lost), None);
    // It may not have come before, if threads waited for so long.
    case.circumstances.spells = vec![spell(Kind::Stopping, 51, Some(52))];
    case.circumstances.waited = Duration::from_secs(1);
    assert_eq!(case.broken(&lost), None);
}

#[test]
fn purge_may_refuse_who_waits_and_a_reload_may_not() {
    for (cause, expected) in [
        (Cause::Purge, None),
        (Cause::Reload, Some(Rule::Unexplained)),
        (Cause::Restart, Some(Rule::Unexplained)),
    ] {
        let mut case = Case::about(Some(token(|_| {})), 50.0);
        case.circumstances.forgettings = vec![Forgetting {
            begun: Duration::from_secs(49),
            done: Effect::only(Replica(0), Duration::from_secs(51)),
            cause,
        }];
        assert_eq!(case.broken(&failed(UNAVAILABLE)), expected, "{cause:?}");
        assert_eq!(case.broken(&failed(TIMEOUT)), Some(Rule::Unexplained));
    }
}

/// Connections on which no caller is known make room for others at the limit.
#[test]
fn crowd_takes_the_place_of_a_fresh_connection_and_of_no_other() {
    let mut case = Case::about(Some(token(|_| {})), 50.0);
    case.circumstances.spells = vec![spell(Kind::Crowded, 49, Some(51))];
    assert_eq!(case.broken(&lost("reset", true)), None);
    assert_eq!(case.broken(&lost("reset", false)), Some(Rule::Lost));
    case.circumstances.spells = vec![spell(Kind::Crowded, 48, Some(49))];
    assert_eq!(case.broken(&lost("reset", true)), Some(Rule::Lost));
}

/// A machine that others use, too, excuses no more than what threads verifiably waited.
#[test]
fn machine_excuses_a_timeout_by_what_threads_waited() {
    let shared = Terms {
        is_shared: true,
        ..TERMS
    };
    let mut case = Case::about(Some(token(|_| {})), 50.0);
    let unexplained = Some(Rule::Unexplained);
    case.circumstances.waited = Duration::from_millis(999);
    assert_eq!(case.broken_by(&failed(TIMEOUT), &shared), unexplained);
    case.circumstances.waited = Duration::from_secs(1);
    assert_eq!(case.broken_by(&failed(TIMEOUT), &shared), None);
    assert_eq!(case.broken_by(&failed(UPSTREAM), &shared), unexplained);
    assert_eq!(case.broken_by(&failed(UNAVAILABLE), &shared), unexplained);
    assert_eq!(case.broken(&failed(TIMEOUT)), unexplained);
    case.took = 4.0;
    assert_eq!(case.broken_by(&ACTIVE, &shared), None);
    assert_eq!(case.broken(&ACTIVE), Some(Rule::Late));
    case.took = 4.1;
    assert_eq!(case.broken_by(&ACTIVE, &shared), Some(Rule::Late));
}

/// Calls of operators give way to callers, and to whoever else wants a processor.
#[test]
fn operator_may_give_up_on_a_call_that_verifiably_gave_way() {
    let lost = lost("timed out", true);
    let mut case = Case::about(Some(token(|_| {})), 50.0);
    case.took = 15.0;
    case.circumstances.waited = Duration::from_secs(12);
    assert_eq!(case.broken(&lost), Some(Rule::Lost));
    case.question.caller = Caller::Operator;
    assert_eq!(case.broken(&lost), None);
    case.circumstances.waited = Duration::from_secs(11);
    assert_eq!(case.broken(&lost), Some(Rule::Lost));
    // It ended before anything can have given way.
    case.circumstances.waited = Duration::from_secs(12);
    case.took = 1.0;
    assert_eq!(case.broken(&lost), Some(Rule::Lost));
}
