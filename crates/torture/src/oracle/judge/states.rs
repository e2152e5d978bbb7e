//! States that a token may have had during an exchange.

use std::time::Duration;

use super::{Circumstances, Question, Terms};
use crate::cast::{Variant, Which};
use crate::oracle::forgetting::{Cause, Effect, Forgetting};
use crate::oracle::moment::Exchange;
use crate::oracle::token::History;
use crate::oracle::weather::{Kind, Spell};

/// States that a token may have had during an exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Possible {
    pub(super) active: bool,
    pub(super) inactive: bool,
}

pub(super) fn possible(
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
        && token.key.is_none()
        && history
            .known
            .is_none_or(|known| sent.at <= known + terms.timeout + terms.inactive_ttl);
    let key = token.key.as_ref().map(|key| key.span());
    let unsettled = key.is_some_and(|key| sent.at <= key.settled + moved(circumstances, terms));
    let key_ending = key.and_then(|key| key.withdrawing);
    let inactive = known_after(sent.at)
        || early
        || unsettled
        || key_ending.is_some_and(|ending| ending <= received.at)
        || history.ending.is_some_and(|ending| ending <= received.at)
        || token.exp <= seconds(received.wall, fast_before)
        || token
            .nbf
            .is_some_and(|nbf| nbf > seconds(sent.wall, slow_before));

    let longest = terms.timeout + ttl(question, circumstances, terms) + terms.stale;
    let outlived = history.ended_there.is_some_and(|ended| {
        ended + longest < sent.at
            || forgettings(question, circumstances)
                .any(|it| it.rules_out(ended, question.replica, sent.at))
    });
    // A purge forgets facts, and no keys.
    let key_outlived = key.and_then(|key| key.withdrawn).is_some_and(|ended| {
        ended + max_age(circumstances) + longest < sent.at
            || forgettings(question, circumstances).any(|it| {
                it.cause != Cause::Purge && it.rules_out(ended, question.replica, sent.at)
            })
    });
    let active = !(known_after(received.at)
        || outlived
        || key_outlived
        || ended_here(question, &history, circumstances, terms)
            .is_some_and(|ended| ended <= sent.at)
        || token.exp <= seconds(sent.wall, slow)
        || token
            .nbf
            .is_some_and(|nbf| nbf > seconds(received.wall, fast)));
    Possible { active, inactive }
}

/// Moment from which a revocation by introspectd is in force at the replica that was asked.
fn ended_here(
    question: &Question,
    history: &History,
    circumstances: &Circumstances,
    terms: &Terms,
) -> Option<Duration> {
    let ended = history.ended_here.iter().filter_map(|effect| {
        let reach = terms.sharing.as_ref().map(|sharing| sharing.reach);
        match reach {
            Some(reach) if effect.by != question.replica => {
                effect.elsewhere?;
                learned(effect.done, reach, &circumstances.own)
            }
            Some(_) | None => effect.at(question.replica),
        }
    });
    ended.min()
}

/// Moment from which a replica surely knows of a revocation that another one has done, and of which
/// only Redis can tell it: once it was well for this time, unless Redis had forgotten before.
fn learned(done: Duration, reach: Duration, own: &[Spell]) -> Option<Duration> {
    let mut from = done;
    loop {
        let in_the_way = own.iter().filter(|it| it.is_on_between(from, from + reach));
        let last = in_the_way.max_by_key(|spell| spell.to.unwrap_or(Duration::MAX));
        let Some(last) = last else {
            return Some(from + reach);
        };
        let over = last.to?;
        let may_have_lost =
            |spell: &Spell| spell.kind == Kind::Redis && spell.is_on_between(done, over);
        if own.iter().any(may_have_lost) {
            return None;
        }
        from = over + Duration::from_millis(1);
    }
}

/// Longest reuse of an active fact. A provider whose `ttl` changed began without facts.
fn ttl(question: &Question, circumstances: &Circumstances, terms: &Terms) -> Duration {
    let configured = circumstances
        .configurations
        .iter()
        .map(|variant| Duration::from_secs(variant.legacy_ttl));
    match question.provider {
        Which::Legacy => configured.max().unwrap_or(terms.ttl),
        Which::Bank | Which::Apis | Which::Sso | Which::Corp => terms.ttl,
    }
}

/// Longest use of keys. A provider whose `jwks_max_age` changed began without keys.
fn max_age(circumstances: &Circumstances) -> Duration {
    let configurations = circumstances.configurations.iter();
    let longest = configurations.map(|variant| variant.corp_max_age).max();
    Duration::from_secs(longest.unwrap_or(Variant::FIRST.corp_max_age))
}

/// Time for which a key may seem unknown beyond its own: what was inactive until a moment of the
/// clock is so for longer where the clock was set back since.
fn moved(circumstances: &Circumstances, terms: &Terms) -> Duration {
    let (least, greatest) = circumstances.clock_before;
    if least == greatest {
        Duration::ZERO
    } else {
        terms.inactive_ttl
    }
}

/// Whole seconds of a clock that is ahead by so many.
fn seconds(wall: Duration, ahead: i64) -> u64 {
    wall.as_secs().saturating_add_signed(ahead)
}

/// Events after which the facts about this token were not used any more.
pub(super) fn forgettings(
    question: &Question,
    circumstances: &Circumstances,
) -> impl Iterator<Item = Forgetting> {
    let own = question.token.as_ref().map(|token| token.history().purges);
    let own = own.unwrap_or_default();
    circumstances.forgettings.clone().into_iter().chain(own)
}

/// Times that decided, relative to the request.
pub(super) fn story(question: &Question, exchange: &Exchange) -> String {
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
    let told = |effects: &mut dyn Iterator<Item = &Effect>| {
        let told = effects.map(|effect| {
            let reach = effect
                .elsewhere
                .map_or("and nowhere else", |_| "and then everywhere");
            format!(
                "{} at replica {} {reach}",
                before(Some(effect.done)),
                effect.by.0
            )
        });
        told.collect::<Vec<_>>().join(", ")
    };
    let left = i128::from(token.exp) - i128::from(sent.wall.as_secs());
    format!(
        "{} of {:?}, as {:?}, at {:.3} s at replica {}: known {}, revocation begun {}, revoked \
            there {}, here [{}], purged [{}], {left} s left",
        token.mark,
        token.provider,
        question.caller,
        sent.at.as_secs_f64(),
        question.replica.0,
        before(history.known),
        before(history.ending),
        before(history.ended_there),
        told(&mut history.ended_here.iter()),
        told(&mut history.purges.iter().map(|purge| &purge.done)),
    )
}
