//! The oracle against truths that are known: it must find what is wrong, and nothing else.

mod configurations;
mod failures;
mod keys;

use std::sync::Mutex;

use super::*;
use crate::cast::Scope;
use crate::oracle::forgetting::{Cause, Effect};
use crate::oracle::moment::Moment;
use crate::oracle::terms::{Rates, Sharing};

const TERMS: Terms = Terms {
    timeout: Duration::from_secs(2),
    ttl: Duration::from_secs(2),
    stale: Duration::from_secs(3),
    inactive_ttl: Duration::from_secs(1),
    lag: Duration::from_secs(8),
    slack: Duration::from_secs(1),
    is_shared: false,
    rates: Rates {
        tight: 5,
        generous: 500,
    },
    sharing: None,
};
/// Wall time at the start of the run.
const START: u64 = 1_800_000_000;
/// End of the token: a hundred seconds into the run.
const END: u64 = 100;

fn token(change: impl FnOnce(&mut crate::oracle::token::History)) -> Arc<Token> {
    let token = Token {
        provider: Which::Sso,
        value: "sso_1".to_owned(),
        id: "1".to_owned(),
        mark: "1".to_owned(),
        scope: Scope::Orders,
        exp: START + END,
        nbf: Some(START),
        key: None,
        history: Mutex::default(),
    };
    token.note(|history| history.known = Some(Duration::ZERO));
    token.note(change);
    Arc::new(token)
}

fn at(seconds: f64) -> Moment {
    let at = Duration::from_secs_f64(seconds);
    Moment {
        at,
        wall: Duration::from_secs(START) + at,
    }
}

fn seconds(seconds: u64) -> Option<Duration> {
    Some(Duration::from_secs(seconds))
}

/// Judges an answer to a request that was sent then and answered 10 ms later.
struct Case {
    question: Question,
    circumstances: Circumstances,
    sent: f64,
    took: f64,
}

impl Case {
    fn about(token: Option<Arc<Token>>, sent: f64) -> Self {
        Self {
            question: Question {
                replica: Replica(0),
                caller: Caller::Edge,
                decides: false,
                provider: Which::Sso,
                token,
            },
            circumstances: Circumstances {
                configurations: vec![Variant::FIRST],
                ..Circumstances::default()
            },
            sent,
            took: 0.01,
        }
    }

    fn broken(&self, seen: &Seen) -> Option<Rule> {
        self.broken_by(seen, &TERMS)
    }

    fn broken_by(&self, seen: &Seen, terms: &Terms) -> Option<Rule> {
        let exchange = Exchange {
            sent: at(self.sent),
            received: at(self.sent + self.took),
        };
        judge(&self.question, &exchange, seen, &self.circumstances, terms)
            .err()
            .map(|finding| finding.rule)
    }

    #[track_caller]
    fn expect(&self, active: Option<Rule>, inactive: Option<Rule>) {
        assert_eq!(self.broken(&ACTIVE), active, "active");
        assert_eq!(self.broken(&Seen::Inactive), inactive, "inactive");
    }
}

const ACTIVE: Seen = Seen::Active(None);
const WRONG_ACTIVE: Option<Rule> = Some(Rule::WrongActive);
const WRONG_INACTIVE: Option<Rule> = Some(Rule::WrongInactive);

fn failed((status, name): (u16, &str)) -> Seen {
    Seen::Failed {
        status,
        name: name.to_owned(),
        retry_after: true,
    }
}

fn spell(kind: Kind, from: u64, to: Option<u64>) -> Spell {
    Spell {
        kind,
        provider: Some(Which::Sso),
        from: Duration::from_secs(from),
        to: to.map(Duration::from_secs),
    }
}

#[test]
fn good_token_is_active_and_never_inactive() {
    Case::about(Some(token(|_| {})), 5.0).expect(None, WRONG_INACTIVE);
}

#[test]
fn made_up_token_is_never_active() {
    Case::about(None, 5.0).expect(WRONG_ACTIVE, None);
}

#[test]
fn token_of_a_provider_that_the_caller_may_not_see_is_never_active() {
    let mut case = Case::about(Some(token(|_| {})), 5.0);
    case.question.caller = Caller::Branch;
    case.expect(WRONG_ACTIVE, None);
}

#[test]
fn token_ends_in_the_second_of_its_end() {
    let end = END as f64;
    Case::about(Some(token(|_| {})), end - 0.02).expect(None, WRONG_INACTIVE);
    // Sent before its end, answered after it: either is right.
    Case::about(Some(token(|_| {})), end - 0.005).expect(None, None);
    Case::about(Some(token(|_| {})), end).expect(WRONG_ACTIVE, None);
}

#[test]
fn clock_that_may_be_ahead_excuses_both() {
    let mut case = Case::about(Some(token(|_| {})), 50.0);
    case.circumstances.clock = (0, 90);
    case.circumstances.clock_before = (0, 90);
    case.expect(None, None);
    // It is surely ahead.
    case.circumstances.clock = (90, 90);
    case.expect(WRONG_ACTIVE, None);
}

#[test]
fn confirmed_revocation_holds_from_its_answer_on() {
    let revoked = || {
        Some(token(|history| {
            history.ending = seconds(10);
            history.ended_here = vec![Effect::only(Replica(0), Duration::from_secs(11))];
        }))
    };
    Case::about(revoked(), 9.0).expect(None, WRONG_INACTIVE);
    Case::about(revoked(), 10.5).expect(None, None);
    Case::about(revoked(), 11.0).expect(WRONG_ACTIVE, None);
}

#[test]
fn revocation_at_another_replica_holds_once_this_one_was_well_for_long_enough() {
    let terms = Terms {
        sharing: Some(Sharing {
            reach: Duration::from_secs(2),
            share: Duration::from_secs(1),
            publish: Duration::from_secs(5),
        }),
        ..TERMS
    };
    let is_wrong = |sent, own: &[Spell]| {
        let revoked = token(|history| {
            history.ending = seconds(10);
            history.ended_here = vec![Effect {
                by: Replica(1),
                done: Duration::from_secs(11),
                elsewhere: seconds(13),
            }];
        });
        let mut case = Case::about(Some(revoked), sent);
        case.circumstances.own = own.to_vec();
        case.broken_by(&ACTIVE, &terms) == WRONG_ACTIVE
    };
    assert!(!is_wrong(12.9, &[]));
    assert!(is_wrong(13.0, &[]));
    // Its way was cut when it happened, and for two seconds after that it may not know.
    let cut = [spell(Kind::Way, 10, Some(20))];
    assert!(!is_wrong(21.9, &cut));
    assert!(is_wrong(22.1, &cut));
    assert!(!is_wrong(90.0, &[spell(Kind::Down, 12, None)]));
    // What Redis lost before it was heard, nobody tells.
    let redis = spell(Kind::Redis, 15, Some(16));
    assert!(!is_wrong(90.0, &[spell(Kind::Way, 10, Some(20)), redis]));
    assert!(is_wrong(90.0, &[redis]));
}

#[test]
fn revocation_at_the_provider_is_seen_when_no_fact_can_be_older() {
    let revoked = || {
        Some(token(|history| {
            history.ending = seconds(10);
            history.ended_there = seconds(10);
        }))
    };
    Case::about(revoked(), 17.0).expect(None, None);
    Case::about(revoked(), 17.1).expect(WRONG_ACTIVE, None);
    // A purge that began after it and was confirmed before the request.
    let mut purged = Case::about(revoked(), 12.0);
    let forgetting = |begun, done| Forgetting {
        begun: Duration::from_secs(begun),
        done: Effect::only(Replica(0), Duration::from_secs(done)),
        cause: Cause::Purge,
    };
    purged.circumstances.forgettings = vec![forgetting(10, 11)];
    purged.expect(WRONG_ACTIVE, None);
    purged.circumstances.forgettings = vec![forgetting(9, 11), forgetting(11, 13)];
    purged.expect(None, None);
}

#[test]
fn token_asked_about_too_early_may_be_inactive_for_a_while() {
    let early = || {
        Some(token(|history| {
            history.known = seconds(10);
            history.asked_early = true;
        }))
    };
    Case::about(early(), 9.0).expect(WRONG_ACTIVE, None);
    Case::about(early(), 13.0).expect(None, None);
    Case::about(early(), 13.1).expect(None, WRONG_INACTIVE);
}

#[test]
fn answer_about_another_token_is_found() {
    let case = Case::about(Some(token(|_| {})), 5.0);
    let seen = |mark: &str| Seen::Active(Some(mark.to_owned()));
    assert_eq!(case.broken(&seen("1")), None);
    assert_eq!(case.broken(&seen("2")), Some(Rule::ForeignAnswer));
}
