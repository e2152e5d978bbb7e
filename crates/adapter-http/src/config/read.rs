//! Keys that say how answers are read.

use std::time::Duration;

use introspectd_settings::Section;

use super::claims;
use super::conditions::{self, Conditions, Meaning};
use crate::wire::Reading;
use crate::wire::claims::{Claims, Pinned, Requirement, TEXTS, Text};
use crate::wire::condition::Condition;
use crate::wire::pointer::{self, Pointer};

/// Reading, and what its keys say beyond it.
pub(crate) struct Described {
    active: Vec<Condition>,
    pub(crate) inactive: Conditions,
    about: Option<Pointer>,
    claims: Claims,
    require: Vec<Requirement>,
    details: Vec<Pointer>,
    secrets: Vec<Pointer>,
    pub(crate) lifetime: Option<Duration>,
    /// The answer may be about a token of any application.
    pub(crate) is_any_application: bool,
}

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

impl Described {
    pub(crate) fn into_reading(self) -> Reading {
        Reading {
            active: self.active,
            inactive: self.inactive.list,
            about: self.about,
            claims: self.claims,
            require: self.require,
            details: self.details,
            secrets: self.secrets,
        }
    }
}

/// Reads the keys of a provider's section that say how answers are read.
pub(crate) fn reading(section: &mut Section, has_lookup: bool) -> Option<Described> {
    let before = section.ledger().problem_count();
    let active = conditions::conditions(section, "active", Meaning::Active);
    let inactive = conditions::conditions(section, "inactive", Meaning::Inactive);
    if let Some(both) = active.list.iter().find(|it| inactive.list.contains(it)) {
        let what = format!("has a condition of active ({both}), so that no answer is either");
        section.problem("inactive", what, "Remove it from one of the two.");
    }
    let about = read_about(section);
    let claims = claims::read(section);
    let require = read_require(section, &claims);
    let is_any = section.flag("any_application", false);
    if require.is_empty() && about.is_none() && !is_any {
        let remedy = "Write require = { aud = [\"…\"] } or { client_id = […] }; or about = { \
                      pointer = \"…\" } if the answer repeats the token; or any_application = true \
                      if a token of any application is as good.";
        section.problem(
            "require",
            "is missing: the answer may be about another application's token",
            remedy,
        );
    }
    let lifetime = read_lifetime(section, &claims);
    let details = pointers(section, "details");
    let secrets = pointers(section, "secrets");
    check_secrets(section, &claims, &details, &secrets);
    let is_named = claims.texts.iter().any(|(text, _)| *text == Text::Jti);
    if has_lookup && !is_named {
        let what = "needs claims.jti, by which its answer is known to be about the token id";
        section.problem("lookup", what, "Write claims = { jti = \"…\", … }.");
    }
    if section.ledger().problem_count() > before {
        return None;
    }
    Some(Described {
        active: active.list,
        inactive,
        about,
        claims,
        require,
        details,
        secrets,
        lifetime,
        is_any_application: is_any,
    })
}

fn pointers(section: &mut Section, key: &str) -> Vec<Pointer> {
    let texts = section.texts(key).unwrap_or_default();
    let read = texts.iter().filter_map(|text| match Pointer::parse(text) {
        Ok(pointer) => Some(pointer),
        Err(error) => {
            section.item_problem(key, text, error.to_string(), pointer::REMEDY);
            None
        }
    });
    read.collect()
}

fn read_about(section: &mut Section) -> Option<Pointer> {
    let is_present = section.has("about");
    let mut table = section.section("about");
    if !is_present {
        return None;
    }
    let about = claims::pointer(&mut table, "pointer");
    table.finish();
    about
}

fn read_lifetime(section: &mut Section, claims: &Claims) -> Option<Duration> {
    if section.has("lifetime") {
        let bounds = Duration::from_secs(1)..=DAY;
        return Some(section.duration("lifetime", DAY, bounds));
    }
    section.any("lifetime");
    let reason = match &claims.exp {
        None => "no exp is mapped",
        Some(end) if end.may_be_absent || !end.never.is_empty() => {
            "exp may mean that there is no end"
        }
        Some(_) => return None,
    };
    let what = format!("is missing: {reason}");
    let remedy = "Write lifetime = \"5m\", the longest that such an answer is used for.";
    section.problem("lifetime", what, remedy);
    None
}

fn check_secrets(section: &Section, claims: &Claims, details: &[Pointer], secrets: &[Pointer]) {
    let is_secret = |pointer: &Pointer| secrets.iter().any(|it| it.names_to(pointer).is_some());
    for (name, pointer) in claims.pointers() {
        if is_secret(pointer) {
            let key = format!("claims.{name}");
            section.problem(&key, "is one of secrets", "Remove it from one of the two.");
        }
    }
    for (place, pointer) in details.iter().enumerate() {
        if is_secret(pointer) {
            let text = pointer.as_str();
            let remedy = "Remove it from one of the two.";
            section.item_problem("details", text, "is one of secrets", remedy);
        }
        let earlier = details.iter().take(place);
        if earlier.clone().any(|other| other.last() == pointer.last()) {
            let what = format!("names `{}` twice", pointer.last());
            section.item_problem("details", pointer.as_str(), what, "Remove one of the two.");
        }
    }
}

fn read_require(section: &mut Section, claims: &Claims) -> Vec<Requirement> {
    let mut table = section.section("require");
    let mut require = Vec::new();
    for name in table.keys() {
        let text = TEXTS.iter().find(|(known, _)| *known == name);
        let claim = match (name.as_str(), text) {
            ("aud", _) => Some(Pinned::Aud),
            (_, Some((_, text))) => Some(Pinned::Text(*text)),
            (_, None) => None,
        };
        let values = table.texts(&name);
        let Some(claim) = claim else {
            let remedy = "Require aud, client_id or another claim that is text; scopes and roles \
                          are for policies.";
            table.problem(&name, "cannot be required", remedy);
            continue;
        };
        if !claims.pointers().any(|(mapped, _)| mapped == name) {
            let remedy = format!("Write claims = {{ {name} = \"…\", … }}.");
            table.problem(&name, "is required, and not among claims", remedy);
        }
        match values {
            Some(values) if values.is_empty() => {
                table.problem(
                    &name,
                    "is empty, so that no token would do",
                    "Name a value.",
                );
            }
            Some(values) => require.push(Requirement { claim, values }),
            None => {}
        }
    }
    require
}
