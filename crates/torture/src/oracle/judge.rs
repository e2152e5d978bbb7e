//! Judgement of one answer. A pure function of the question, the answer and what is known.

use std::sync::Arc;
use std::time::Duration;

use crate::cast::{Caller, Which};
use crate::oracle::finding::{Finding, Rule};
use crate::oracle::forgetting::Forgetting;
use crate::oracle::moment::Exchange;
use crate::oracle::seen::Seen;
use crate::oracle::token::Token;
use crate::oracle::weather::{Kind, Spell, TIMEOUT, UNAVAILABLE, UPSTREAM};

/// Times that the configuration of the tortured process fixes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Terms {
    /// Deadline of a request to a provider.
    pub(crate) timeout: Duration,
    /// Longest reuse of an active fact.
    pub(crate) ttl: Duration,
    /// Further reuse while the provider fails.
    pub(crate) stale: Duration,
    /// Longest reuse of an inactive fact.
    pub(crate) inactive_ttl: Duration,
    /// A provider may stay closed to requests for so long after its fault is over.
    pub(crate) lag: Duration,
    /// Delay that is the machine's and not the process's.
    pub(crate) slack: Duration,
    /// Set if others take the processors for seconds, so that a 504 needs no fault.
    pub(crate) is_shared: bool,
}

/// A request about a token.
#[derive(Clone, Debug)]
pub(crate) struct Question {
    pub(crate) caller: Caller,
    /// Decisions of the policy `orders`, and not the token's record.
    pub(crate) decides: bool,
    /// Provider to which the token is routed.
    pub(crate) provider: Which,
    /// `None`: a made-up token that no provider ever knew.
    pub(crate) token: Option<Arc<Token>>,
}

/// All that bears on one exchange.
#[derive(Clone, Debug, Default)]
pub(crate) struct Circumstances {
    /// Faults of the provider, the process and the machine during the exchange or shortly before.
    pub(crate) spells: Vec<Spell>,
    /// Events after which the provider's facts were not used any more.
    pub(crate) forgettings: Vec<Forgetting>,
    /// Least and greatest seconds that the process's clock was ahead, during the exchange.
    pub(crate) clock: (i64, i64),
    /// The same, reaching back over the life of an inactive fact.
    pub(crate) clock_before: (i64, i64),
    /// The caller that reloads take away and give back may have been there, and may not.
    pub(crate) guest: Presence,
}

/// Presence of a caller during an exchange.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Presence {
    pub(crate) may_be_there: bool,
    pub(crate) may_be_gone: bool,
}

/// States that a token may have had during an exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Possible {
    active: bool,
    inactive: bool,
}

/// Judges an answer.
pub(crate) fn judge(
    question: &Question,
    exchange: &Exchange,
    seen: &Seen,
    circumstances: &Circumstances,
    terms: &Terms,
) -> Result<(), Finding> {
    match seen {
        Seen::Lost(why) => return lost(exchange, why, circumstances),
        Seen::Odd(what) => return Err(Finding::new(Rule::Odd, what)),
        Seen::Failed { .. } => explained(question, exchange, seen, circumstances, terms)?,
        Seen::Unknown | Seen::Forbidden | Seen::Limited => {}
        Seen::Active(_) | Seen::Inactive | Seen::Insufficient => {}
    }
    in_time(exchange, circumstances, terms)?;
    admitted(question.caller, seen, circumstances.guest)?;
    decided(question, exchange, seen, circumstances, terms)
}

fn lost(exchange: &Exchange, why: &str, circumstances: &Circumstances) -> Result<(), Finding> {
    let excused = circumstances.spells.iter().any(|spell| match spell.kind {
        Kind::Down => true,
        // A drain answers what came before it.
        Kind::Stopping => exchange.sent.at >= spell.from,
        Kind::Hangs
        | Kind::Cut
        | Kind::Lies
        | Kind::Flaps
        | Kind::Throttles
        | Kind::Fails
        | Kind::Estranged
        | Kind::Crowded
        | Kind::DiskFull
        | Kind::Starved => false,
    });
    if excused {
        return Ok(());
    }
    let story = format!("{why}, at {:.3} s", exchange.sent.at.as_secs_f64());
    Err(Finding::new(Rule::Lost, story))
}

/// A failure must be one of the three, with its headers, and a fault must explain it.
fn explained(
    question: &Question,
    exchange: &Exchange,
    seen: &Seen,
    circumstances: &Circumstances,
    terms: &Terms,
) -> Result<(), Finding> {
    let Seen::Failed {
        status,
        name,
        retry_after,
    } = seen
    else {
        return Ok(());
    };
    let failure = (*status, name.as_str());
    if ![UPSTREAM, UNAVAILABLE, TIMEOUT].contains(&failure) {
        let story = format!("status {status} with the name {name:?}");
        return Err(Finding::new(Rule::WrongName, story));
    }
    if failure == UNAVAILABLE && !retry_after {
        return Err(Finding::new(Rule::WrongName, "503 without Retry-After"));
    }
    // A flight that began during a fault may be joined a moment later, and ends by its timeout.
    let during = |spell: &Spell| {
        spell
            .to
            .is_none_or(|to| to + terms.timeout >= exchange.sent.at)
    };
    let by_spell = circumstances.spells.iter().any(|spell| {
        spell.kind.names().contains(&failure) && (during(spell) || failure == UNAVAILABLE)
    });
    // Two purges in a row may take the answer away from whoever waits for it.
    let by_purge = failure == UNAVAILABLE
        && all_forgettings(question, circumstances)
            .any(|it| it.overlaps(exchange.sent.at, exchange.received.at));
    let by_machine = terms.is_shared && failure == TIMEOUT;
    if by_spell || by_purge || by_machine {
        return Ok(());
    }
    let story = format!(
        "{status} {name} of {:?}, as {:?}, at {:.3} s, after {:?}",
        question.provider,
        question.caller,
        exchange.sent.at.as_secs_f64(),
        exchange.delay()
    );
    Err(Finding::new(Rule::Unexplained, story))
}

fn in_time(
    exchange: &Exchange,
    circumstances: &Circumstances,
    terms: &Terms,
) -> Result<(), Finding> {
    let bound = terms.timeout + terms.slack;
    let excused = circumstances
        .spells
        .iter()
        .any(|spell| matches!(spell.kind, Kind::Down | Kind::Stopping | Kind::Starved));
    if exchange.delay() <= bound || excused {
        return Ok(());
    }
    let story = format!("{:?}, the bound is {bound:?}", exchange.delay());
    Err(Finding::new(Rule::Late, story))
}

/// Callers are let in as the configuration says, whatever the weather.
fn admitted(caller: Caller, seen: &Seen, guest: Presence) -> Result<(), Finding> {
    let wrong = |expected: &str| {
        let story = format!(
            "{caller:?} must be {expected}, and was answered: {}",
            seen.word()
        );
        Err(Finding::new(Rule::WrongAdmission, story))
    };
    let refused = matches!(seen, Seen::Unknown | Seen::Forbidden | Seen::Limited);
    match caller {
        Caller::Stranger if *seen != Seen::Unknown => wrong("unknown"),
        Caller::Clerk if *seen != Seen::Forbidden => wrong("forbidden"),
        Caller::Stranger | Caller::Clerk => Ok(()),
        Caller::Guest if *seen == Seen::Unknown && !guest.may_be_gone => wrong("known"),
        Caller::Guest if *seen != Seen::Unknown && !guest.may_be_there => wrong("unknown"),
        Caller::Guest => Ok(()),
        Caller::Metered if matches!(seen, Seen::Unknown | Seen::Forbidden) => wrong("known"),
        Caller::Metered => Ok(()),
        Caller::Edge | Caller::Branch | Caller::Sidecar if refused => wrong("let in"),
        Caller::Edge | Caller::Branch | Caller::Sidecar => Ok(()),
    }
}

/// The answer itself against the states that the token may have had.
fn decided(
    question: &Question,
    exchange: &Exchange,
    seen: &Seen,
    circumstances: &Circumstances,
    terms: &Terms,
) -> Result<(), Finding> {
    let possible = possible(question, exchange, circumstances, terms);
    let passes = question.token.as_ref().is_some_and(|token| token.passes);
    match seen {
        Seen::Active(_) | Seen::Insufficient if !possible.active => {
            Err(Finding::new(Rule::WrongActive, story(question, exchange)))
        }
        Seen::Inactive if !possible.inactive => {
            Err(Finding::new(Rule::WrongInactive, story(question, exchange)))
        }
        Seen::Active(_) if question.decides && !passes => Err(Finding::new(
            Rule::WrongPolicy,
            "a token without the scope passed",
        )),
        Seen::Insufficient if !question.decides || passes => Err(Finding::new(
            Rule::WrongPolicy,
            "a token with the scope was refused",
        )),
        Seen::Active(mark) => recognized(question, mark.as_deref()),
        Seen::Inactive
        | Seen::Insufficient
        | Seen::Unknown
        | Seen::Forbidden
        | Seen::Limited
        | Seen::Failed { .. }
        | Seen::Lost(_)
        | Seen::Odd(_) => Ok(()),
    }
}

fn recognized(question: &Question, mark: Option<&str>) -> Result<(), Finding> {
    let (Some(mark), Some(token)) = (mark, &question.token) else {
        return Ok(());
    };
    if mark == token.mark {
        return Ok(());
    }
    let story = format!("{mark:?} in place of {:?}", token.mark);
    Err(Finding::new(Rule::ForeignAnswer, story))
}

fn possible(
    question: &Question,
    exchange: &Exchange,
    circumstances: &Circumstances,
    terms: &Terms,
) -> Possible {
    let inactive_only = Possible {
        active: false,
        inactive: true,
    };
    let Some(token) = &question.token else {
        return inactive_only;
    };
    if !question.caller.sees(question.provider) {
        return inactive_only;
    }
    let (sent, received) = (exchange.sent, exchange.received);
    let history = token.history();
    let (slow, fast) = circumstances.clock;
    let (slow_before, fast_before) = circumstances.clock_before;

    let known_after = |moment| history.known.is_none_or(|known| known > moment);
    let early = history.asked_early
        && history
            .known
            .is_none_or(|known| sent.at <= known + terms.timeout + terms.inactive_ttl);
    let inactive = known_after(sent.at)
        || early
        || history.ending.is_some_and(|ending| ending <= received.at)
        || token.exp <= seconds(received.wall, fast_before)
        || token
            .nbf
            .is_some_and(|nbf| nbf > seconds(sent.wall, slow_before));

    let longest = terms.timeout + terms.ttl + terms.stale;
    let outlived = history.ended_there.is_some_and(|ended| {
        ended + longest < sent.at
            || all_forgettings(question, circumstances).any(|it| it.rules_out(ended, sent.at))
    });
    let active = !(known_after(received.at)
        || outlived
        || history.ended_here.is_some_and(|ended| ended <= sent.at)
        || token.exp <= seconds(sent.wall, slow)
        || token
            .nbf
            .is_some_and(|nbf| nbf > seconds(received.wall, fast)));
    Possible { active, inactive }
}

/// Whole seconds of a clock that is ahead by so many.
fn seconds(wall: Duration, ahead: i64) -> u64 {
    wall.as_secs().saturating_add_signed(ahead)
}

fn all_forgettings(
    question: &Question,
    circumstances: &Circumstances,
) -> impl Iterator<Item = Forgetting> {
    let own = question.token.as_ref().map(|token| token.history().purges);
    let own = own.unwrap_or_default();
    circumstances.forgettings.clone().into_iter().chain(own)
}

/// Times that decided, relative to the request.
fn story(question: &Question, exchange: &Exchange) -> String {
    let Some(token) = &question.token else {
        return format!(
            "a made-up token of {:?}, as {:?}",
            question.provider, question.caller
        );
    };
    let history = token.history();
    let sent = exchange.sent;
    let before = |moment: Option<Duration>| match moment {
        Some(moment) => format!("{:.3} s ago", sent.at.as_secs_f64() - moment.as_secs_f64()),
        None => "never".to_owned(),
    };
    let left = i128::from(token.exp) - i128::from(sent.wall.as_secs());
    format!(
        "{} of {:?}, as {:?}, at {:.3} s: known {}, revocation begun {}, revoked there {}, here \
            {}, {left} s left",
        token.mark,
        token.provider,
        question.caller,
        sent.at.as_secs_f64(),
        before(history.known),
        before(history.ending),
        before(history.ended_there),
        before(history.ended_here),
    )
}

#[cfg(test)]
mod tests;
