use introspectd_settings::{AnyValue, Section, resembling};

use crate::wire::claims::{Claims, List, TEXTS};
use crate::wire::condition::Scalar;
use crate::wire::moment::{End, Moment, Unit};
use crate::wire::pointer::{self, Pointer};

/// Reads a required pointer.
pub(crate) fn pointer(table: &mut Section, key: &str) -> Option<Pointer> {
    table.required_parsed(key, pointer::REMEDY, Pointer::parse)
}

const CLAIMS: [&str; 6] = ["exp", "nbf", "iat", "scope", "aud", "roles"];

/// Reads the claims.
pub(crate) fn read(section: &mut Section) -> Claims {
    let mut table = section.section("claims");
    let mut claims = Claims::default();
    for name in table.keys() {
        let text = TEXTS.iter().find(|(known, _)| *known == name);
        match (name.as_str(), text) {
            ("exp", _) => claims.exp = claim(&mut table, &name, end),
            ("nbf", _) => claims.nbf = claim(&mut table, &name, moment),
            ("iat", _) => claims.iat = claim(&mut table, &name, moment),
            ("scope", _) => claims.scope = claim(&mut table, &name, list),
            ("aud", _) => claims.aud = claim(&mut table, &name, list),
            ("roles", _) => claims.roles = claim(&mut table, &name, list),
            (_, Some((_, text))) => {
                let pointer = claim(&mut table, &name, |_, pointer| Some(pointer));
                claims.texts.extend(pointer.map(|pointer| (*text, pointer)));
            }
            (_, None) => {
                let known = CLAIMS.into_iter().chain(TEXTS.map(|(name, _)| name));
                let remedy = match resembling(&name, known.clone()) {
                    Some(nearest) => format!("Did you mean `{nearest}`?"),
                    None => format!("Claims: {}.", known.collect::<Vec<_>>().join(", ")),
                };
                table.problem(&name, "is no claim", remedy);
            }
        }
    }
    claims
}

/// Reads a claim: a pointer, or a table with one and further keys, which `complete` reads.
fn claim<T>(
    table: &mut Section,
    name: &str,
    complete: impl FnOnce(&mut Section, Pointer) -> Option<T>,
) -> Option<T> {
    if table.has_table(name) {
        let mut long = table.section(name);
        let pointer = pointer(&mut long, "pointer");
        let read = pointer.and_then(|pointer| complete(&mut long, pointer));
        long.finish();
        return read;
    }
    let pointer = pointer(table, name)?;
    let mut short = table.section("");
    complete(&mut short, pointer)
}

fn moment(table: &mut Section, pointer: Pointer) -> Option<Moment> {
    let remedy = "Write \"s\", \"ms\", \"rfc3339\", or \"in\" for seconds from now.";
    let unit = table
        .parsed("unit", remedy, Unit::parse)
        .unwrap_or_default();
    let remedy = "Write as = \"string\" if the number comes as text; else remove it.";
    let is_text = table.parsed("as", remedy, |text| match text {
        "string" => Ok(true),
        _ => Err("is no form of a number"),
    });
    if is_text.is_some() && unit == Unit::Rfc3339 {
        table.problem("as", "is for numbers, and rfc3339 is none", "Remove it.");
    }
    Some(Moment {
        pointer,
        unit,
        is_text: is_text.unwrap_or_default(),
    })
}

fn end(table: &mut Section, pointer: Pointer) -> Option<End> {
    let moment = moment(table, pointer)?;
    let mut never = Vec::new();
    match table.any("never") {
        None => {}
        Some(AnyValue::List(mut items)) => {
            for (place, value) in items.items() {
                never.extend(scalar(&items, &place, value));
            }
        }
        Some(_) => table.problem("never", "expected a list", "Write never = [0]."),
    }
    let remedy = "Write absent = \"never\", or remove it: a token without it is then refused.";
    let may_be_absent = table.parsed("absent", remedy, |text| match text {
        "never" => Ok(true),
        _ => Err("must be \"never\""),
    });
    Some(End {
        moment,
        never,
        may_be_absent: may_be_absent.unwrap_or_default(),
    })
}

fn list(table: &mut Section, pointer: Pointer) -> Option<List> {
    let remedy = "Write the text between two items, such as \",\" or \" \".";
    let separator = table.parsed("separator", remedy, |text| match text {
        "" => Err("is empty"),
        text => Ok(text.to_owned()),
    });
    Some(List { pointer, separator })
}

/// Reads a value that members are compared with.
pub(crate) fn scalar(table: &Section, key: &str, value: AnyValue) -> Option<Scalar> {
    match value {
        AnyValue::Flag(flag) => Some(Scalar::Flag(flag)),
        AnyValue::Number(number) => Some(Scalar::Number(number)),
        AnyValue::Text(text) => Some(Scalar::Text(text)),
        AnyValue::Float(_) | AnyValue::List(_) | AnyValue::Table(_) => {
            let what = "expected true, false, a whole number or a string";
            table.problem(key, what, "Write one of these.");
            None
        }
    }
}
