//! Judgement of one answer. A pure function of the question, the answer and what is known.

mod states;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use crate::cast::{Caller, Replica, Variant, WELL, Which};
use crate::oracle::finding::{Finding, Rule};
use crate::oracle::forgetting::Forgetting;
use crate::oracle::moment::Exchange;
use crate::oracle::seen::Seen;
use crate::oracle::terms::Terms;
use crate::oracle::token::Token;
use crate::oracle::weather::{Kind, Spell, TIMEOUT, UNAVAILABLE, UPSTREAM};
use states::{forgettings, possible, story};

/// A request about a token.
#[derive(Clone, Debug)]
pub(crate) struct Question {
    pub(crate) replica: Replica,
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
    /// All faults so far of the process that was asked, and of its way to Redis.
    pub(crate) own: Vec<Spell>,
    /// Events after which the provider's facts were not used any more.
    pub(crate) forgettings: Vec<Forgetting>,
    /// Least and greatest seconds that the process's clock was ahead, during the exchange.
    pub(crate) clock: (i64, i64),
    /// The same, reaching back over the life of an inactive fact.
    pub(crate) clock_before: (i64, i64),
    /// Configurations by which it may have been answered.
    pub(crate) configurations: Vec<Variant>,
    /// Time that the threads of the process, of its providers and of its clients waited for a
    /// processor, in sum, since a request that this one waited for may have begun.
    pub(crate) waited: Duration,
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
        Seen::Lost { why, is_fresh } => {
            let excused = may_be_lost(question, exchange, *is_fresh, circumstances, terms);
            return if excused {
                Ok(())
            } else {
                Err(lost(exchange, why, circumstances))
            };
        }
        Seen::Odd(what) => return Err(Finding::new(Rule::Odd, what)),
        Seen::Failed { .. } => explained(question, exchange, seen, circumstances, terms)?,
        // A bucket of at least one request a second has room for one again after a second.
        Seen::Limited(seconds) if *seconds != 1 => {
            let story = format!("429 with Retry-After: {seconds}");
            return Err(Finding::new(Rule::WrongName, story));
        }
        Seen::Unknown | Seen::Forbidden | Seen::Limited(_) => {}
        Seen::Active(_) | Seen::Inactive | Seen::Insufficient => {}
    }
    in_time(question, exchange, circumstances, terms)?;
    admitted(question.caller, seen, &circumstances.configurations)?;
    decided(question, exchange, seen, circumstances, terms)
}

/// Time that the machine and not the process is to blame for.
///
/// On a machine that others use, too: what threads verifiably waited for a processor. On a machine
/// of its own the process answers for all its delays, but for operators' calls, which give way to
/// callers by design.
fn forgiven(question: &Question, circumstances: &Circumstances, terms: &Terms) -> Duration {
    if terms.is_shared || question.caller == Caller::Operator {
        circumstances.waited
    } else {
        Duration::ZERO
    }
}

/// Returns true if a request may remain without an answer.
fn may_be_lost(
    question: &Question,
    exchange: &Exchange,
    is_fresh: bool,
    circumstances: &Circumstances,
    terms: &Terms,
) -> bool {
    let waited = circumstances.waited.min(terms.timeout);
    let by_spell = circumstances.spells.iter().any(|spell| match spell.kind {
        Kind::Down => true,
        // A drain answers what came before it. What threads waited may have kept a request that
        // was sent before from coming.
        Kind::Stopping => exchange.sent.at + waited >= spell.from,
        // Connections on which no caller is known make room for others, until the process has
        // noticed that the crowd is gone.
        Kind::Crowded => {
            let from = exchange.sent.at.saturating_sub(waited);
            is_fresh && spell.is_on_between(from, exchange.received.at)
        }
        Kind::Hangs
        | Kind::Cut
        | Kind::Lies
        | Kind::Flaps
        | Kind::Throttles
        | Kind::Fails
        | Kind::Estranged
        | Kind::Turns
        | Kind::DiskFull
        | Kind::Redis
        | Kind::Way
        | Kind::Starved => false,
    });
    // Who asks gives up in the end, and may do so while the call gives way to others.
    let bound = deadline(question, terms) + terms.slack;
    let gave_way = question.caller == Caller::Operator
        && exchange.delay() > bound
        && exchange.delay() <= bound + circumstances.waited;
    by_spell || gave_way
}

fn lost(exchange: &Exchange, why: &str, circumstances: &Circumstances) -> Finding {
    let kinds = circumstances.spells.iter().map(|spell| spell.kind);
    let kinds: BTreeSet<Kind> = kinds.collect();
    let story = format!(
        "{why}, at {:.3} s, after {:?}, near {kinds:?}",
        exchange.sent.at.as_secs_f64(),
        exchange.delay()
    );
    Finding::new(Rule::Lost, story)
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
    // What is asked twice is asked again when a connection that was used before ends.
    let is_repeated = question.caller != Caller::Operator;
    // Whatever keeps keys from being fetched, they are not there.
    let is_possible = failure == UNAVAILABLE || !question.provider.is_local();
    let by_spell = circumstances.spells.iter().any(|spell| {
        is_possible
            && spell.kind.names().contains(&failure)
            && (during(spell) || failure == UNAVAILABLE)
            && !(matches!(spell.kind, Kind::Turns | Kind::Redis | Kind::Way) && is_repeated)
    });
    // Two purges in a row may take the answer away from whoever waits for it.
    let by_purge = failure == UNAVAILABLE
        && forgettings(question, circumstances)
            .any(|it| it.refuses(question.replica, exchange.sent.at, exchange.received.at));
    // A request that a healthy provider does not answer in time was waiting for a processor for
    // most of that time, on one thread or another: here, there, or on the way. Half of it is the
    // most that can be asked for, since threads also wait for others of their own process.
    let may_be_late = match failure {
        TIMEOUT => true,
        UNAVAILABLE => question.caller == Caller::Operator || question.provider.is_local(),
        _ => false,
    };
    let by_machine = may_be_late && forgiven(question, circumstances, terms) >= terms.timeout / 2;
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

/// Time in which a request must be answered on a machine without delays.
fn deadline(question: &Question, terms: &Terms) -> Duration {
    let Some(sharing) = terms.sharing else {
        return terms.timeout;
    };
    match (question.caller, question.provider) {
        // The provider is asked first, then the others are told.
        (Caller::Operator, _) => terms.timeout + sharing.publish,
        (_, WELL) => sharing.share,
        // Facts of one that asks nobody are not shared.
        (_, Which::Corp) => terms.timeout,
        (_, Which::Bank | Which::Legacy | Which::Apis) => terms.timeout + sharing.share,
    }
}

fn in_time(
    question: &Question,
    exchange: &Exchange,
    circumstances: &Circumstances,
    terms: &Terms,
) -> Result<(), Finding> {
    let bound = deadline(question, terms) + terms.slack + forgiven(question, circumstances, terms);
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
fn admitted(caller: Caller, seen: &Seen, configurations: &[Variant]) -> Result<(), Finding> {
    let may_be_there = || configurations.iter().any(|variant| variant.guest);
    let may_be_gone = || configurations.iter().any(|variant| !variant.guest);
    let wrong = |expected: &str| {
        let story = format!(
            "{caller:?} must be {expected}, and was answered: {}",
            seen.word()
        );
        Err(Finding::new(Rule::WrongAdmission, story))
    };
    let refused = matches!(seen, Seen::Unknown | Seen::Forbidden | Seen::Limited(_));
    match caller {
        Caller::Stranger if *seen != Seen::Unknown => wrong("unknown"),
        Caller::Clerk if *seen != Seen::Forbidden => wrong("forbidden"),
        Caller::Stranger | Caller::Clerk => Ok(()),
        Caller::Guest if *seen == Seen::Unknown && may_be_gone() => Ok(()),
        Caller::Guest if refused => wrong("let in"),
        Caller::Guest if !may_be_there() => wrong("unknown"),
        Caller::Guest => Ok(()),
        Caller::Metered if matches!(seen, Seen::Unknown | Seen::Forbidden) => wrong("known"),
        Caller::Metered => Ok(()),
        Caller::Edge | Caller::Branch | Caller::Sidecar | Caller::Operator if refused => {
            wrong("let in")
        }
        Caller::Edge | Caller::Branch | Caller::Sidecar | Caller::Operator => Ok(()),
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
    let asks_for_it = |variant: &Variant| {
        let token = question.token.as_ref();
        token.is_some_and(|token| token.scope == variant.orders)
    };
    let mut configurations = circumstances.configurations.iter();
    let may_pass = configurations.clone().any(asks_for_it);
    let may_fail = !configurations.all(asks_for_it);
    match seen {
        Seen::Active(_) | Seen::Insufficient if !possible.active => Err(Finding::new(
            wrong_active(question),
            story(question, exchange),
        )),
        Seen::Inactive if !possible.inactive => {
            Err(Finding::new(Rule::WrongInactive, story(question, exchange)))
        }
        Seen::Active(_) if question.decides && !may_pass => Err(Finding::new(
            Rule::WrongPolicy,
            "a token without the scope passed",
        )),
        Seen::Insufficient if !question.decides || !may_fail => Err(Finding::new(
            Rule::WrongPolicy,
            "a token with the scope was refused",
        )),
        Seen::Active(mark) => recognized(question, mark.as_deref()),
        Seen::Inactive
        | Seen::Insufficient
        | Seen::Unknown
        | Seen::Forbidden
        | Seen::Limited(_)
        | Seen::Failed { .. }
        | Seen::Lost { .. }
        | Seen::Odd(_) => Ok(()),
    }
}

fn wrong_active(question: &Question) -> Rule {
    let token = question.token.as_ref();
    let is_signed = token.is_some_and(|token| token.key.is_some());
    if question.provider.is_local() && !is_signed {
        Rule::ForgedActive
    } else {
        Rule::WrongActive
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

#[cfg(test)]
mod tests;
