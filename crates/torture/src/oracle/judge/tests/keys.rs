//! JWTs, whose state is that of the key that signed them.

use super::*;
use crate::oracle::key::KeyLife;

/// A token that its issuer signed at the start of the run, by a key with this life.
fn jwt(live: impl FnOnce(&KeyLife)) -> Option<Arc<Token>> {
    let key = KeyLife::from_the_start();
    live(&key);
    Some(Arc::new(Token {
        provider: Which::Corp,
        value: "a.b.c".to_owned(),
        key: Some(Arc::new(key)),
        id: "1".to_owned(),
        mark: "1".to_owned(),
        scope: Scope::Orders,
        exp: START + END,
        nbf: Some(START),
        history: Mutex::new(token(|_| {}).history()),
    }))
}

fn about(token: Option<Arc<Token>>, sent: f64) -> Case {
    let mut case = Case::about(token, sent);
    case.question.provider = Which::Corp;
    case
}

fn withdrawn(key: &KeyLife) {
    key.withdrawing(Duration::from_secs(30));
    key.withdrawn(Duration::from_secs(31));
}

fn forgetting(begun: u64, cause: Cause) -> Forgetting {
    Forgetting {
        begun: Duration::from_secs(begun),
        done: Effect::only(Replica(0), Duration::from_secs(begun + 1)),
        cause,
    }
}

#[test]
fn good_jwt_is_never_inactive() {
    about(jwt(|_| {}), 5.0).expect(None, WRONG_INACTIVE);
}

#[test]
fn forged_jwt_is_never_active() {
    about(None, 5.0).expect(Some(Rule::ForgedActive), None);
    let forged = token(|history| history.known = None);
    about(Some(forged), 5.0).expect(Some(Rule::ForgedActive), None);
}

#[test]
fn key_may_be_unknown_until_it_can_be_fetched() {
    let hasty = || jwt(|key| key.published(Duration::from_secs(5)));
    about(hasty(), 14.9).expect(None, None);
    about(hasty(), 15.1).expect(None, WRONG_INACTIVE);
    // What was inactive until a moment of the clock, which was set back since.
    let mut case = about(hasty(), 15.1);
    case.circumstances.clock_before = (0, 90);
    case.expect(None, None);
}

#[test]
fn withdrawn_key_is_refused_once_no_set_and_no_fact_can_be_older() {
    about(jwt(withdrawn), 29.0).expect(None, WRONG_INACTIVE);
    about(jwt(withdrawn), 30.0).expect(None, None);
    let longest = TERMS.timeout + TERMS.ttl + TERMS.stale;
    let last = 31.0 + longest.as_secs_f64();
    for max_age in [12_u32, 20] {
        let mut case = about(jwt(withdrawn), last + f64::from(max_age));
        let variant = Variant {
            corp_max_age: max_age.into(),
            ..Variant::FIRST
        };
        case.circumstances.configurations = vec![variant];
        case.expect(None, None);
        case.sent += 0.1;
        case.expect(WRONG_ACTIVE, None);
    }
}

#[test]
fn purge_forgets_no_key_and_a_new_process_has_none() {
    let mut case = about(jwt(withdrawn), 33.0);
    case.circumstances.forgettings = vec![forgetting(31, Cause::Purge)];
    case.expect(None, None);
    for cause in [Cause::Reload, Cause::Restart] {
        case.circumstances.forgettings = vec![forgetting(30, cause)];
        case.expect(None, None);
        case.circumstances.forgettings = vec![forgetting(31, cause)];
        case.expect(WRONG_ACTIVE, None);
    }
}

#[test]
fn keys_that_cannot_be_had_are_503_for_as_long_as_nobody_may_fetch_them_again() {
    let mut case = about(jwt(|_| {}), 50.0);
    case.circumstances.spells = vec![spell(Kind::Flaps, 40, None)];
    assert_eq!(case.broken(&failed(UNAVAILABLE)), None);
    for other in [UPSTREAM, TIMEOUT] {
        assert_eq!(case.broken(&failed(other)), Some(Rule::Unexplained));
    }
    assert_eq!(TERMS.lag(Which::Corp), Duration::from_secs(12));
    assert_eq!(TERMS.lag(Which::Sso), TERMS.lag);
}
