use http::StatusCode;
use introspectd_settings::{Entry, Section};

use super::claims::{pointer, scalar};
use crate::wire::condition::Condition;

/// Conditions of one key.
#[derive(Debug, Default)]
pub(crate) struct Conditions {
    pub(crate) list: Vec<Condition>,
    /// Statuses 401 and 403 among them, each with whether it is said never to be about our
    /// credentials.
    refusals: Vec<(StatusCode, bool)>,
}

/// Meaning of conditions that are met.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Meaning {
    Active,
    Inactive,
    Done,
}

const CONDITION: &str = "Write { status = N }, { pointer = \"/x\", equals = VALUE } or { pointer = \
                         \"/x\", exists = true }.";

impl Conditions {
    /// Returns true if a 401 or 403 means something.
    pub(crate) fn name_refusals(&self) -> bool {
        !self.refusals.is_empty()
    }

    /// Notes a problem with a 401 or 403 that could be about a credential of ours: wrong ones
    /// would make every token inactive.
    pub(crate) fn check_refusals(&self, section: &Section, key: &str, has_ours: bool) {
        let mut doubtful = self
            .refusals
            .iter()
            .filter(|(_, is_never_ours)| !is_never_ours);
        if let (true, Some((status, _))) = (has_ours, doubtful.next_back()) {
            let what = format!(
                "takes status {} for an answer about the token, while the request carries a \
                 credential of ours that may be what is refused",
                status.as_u16()
            );
            let remedy = "Remove it, so that wrong credentials are a failure and not an inactive \
                          token; or, if the server never refuses them with this status, add \
                          never_ours = true to the condition.";
            section.problem(key, what, remedy);
        }
    }
}

/// Reads the conditions under `key`.
pub(crate) fn conditions(section: &mut Section, key: &str, meaning: Meaning) -> Conditions {
    let mut conditions = Conditions::default();
    let before = section.ledger().problem_count();
    for (place, entry) in section.entries(key).into_iter().enumerate() {
        match entry {
            Entry::Section(table) => condition(table, meaning, &mut conditions),
            Entry::Text(_) => {
                section.problem(&format!("{key}[{place}]"), "expected a table", CONDITION);
            }
        }
    }
    if conditions.list.is_empty() && section.ledger().problem_count() == before {
        let what = if section.has(key) {
            "is empty"
        } else {
            "is missing"
        };
        section.problem(key, what, CONDITION);
    }
    conditions
}

fn condition(mut table: Section, meaning: Meaning, conditions: &mut Conditions) {
    let before = table.ledger().problem_count();
    let keys = ["status", "equals", "exists"];
    let given: Vec<_> = keys.into_iter().filter(|key| table.has(key)).collect();
    let read = match given.as_slice() {
        ["status"] => status(&mut table, meaning, conditions),
        ["equals"] => {
            let pointer = pointer(&mut table, "pointer");
            let value = table
                .any("equals")
                .and_then(|value| scalar(&table, "equals", value));
            pointer
                .zip(value)
                .map(|(pointer, value)| Condition::Equals(pointer, value))
        }
        ["exists"] => {
            let pointer = pointer(&mut table, "pointer");
            let is_there = table.flag("exists", true);
            pointer.map(|pointer| Condition::Exists(pointer, is_there))
        }
        [] | [..] => {
            for key in ["status", "pointer", "equals", "exists"] {
                table.any(key);
            }
            table.problem(
                "",
                "needs exactly one of status, equals and exists",
                CONDITION,
            );
            None
        }
    };
    let has_problem = table.ledger().problem_count() > before;
    table.finish();
    conditions.list.extend(read.filter(|_| !has_problem));
}

fn status(table: &mut Section, meaning: Meaning, conditions: &mut Conditions) -> Option<Condition> {
    let number = table.optional_number("status", 100..=599)?;
    let status = StatusCode::from_u16(u16::try_from(number).ok()?).ok()?;
    let refused = |what: &str, remedy: &str| table.problem("status", what, remedy);
    match status.as_u16() {
        200..=299 => {}
        _ if meaning == Meaning::Active => {
            refused("is no success", "Write a status from 200 to 299.");
        }
        // Proxies and overload, not the token.
        407 | 408 | 425 | 429 | 100..=399 | 500..=599 => refused(
            "says nothing about any token: it is always a failure",
            "Write a status from 200 to 299, or from 400 on, other than 407, 408, 425 and 429.",
        ),
        401 | 403 => {
            let is_never_ours = table.flag("never_ours", false);
            conditions.refusals.push((status, is_never_ours));
        }
        _ => {}
    }
    Some(Condition::Status(status))
}
