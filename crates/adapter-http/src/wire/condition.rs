use std::fmt;

use http::StatusCode;
use introspectd_core::{BadAnswer, whole_seconds};
use serde_json::value::RawValue;

use crate::wire::answer::{Answer, unusable};
use crate::wire::pointer::Pointer;

/// Condition on an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Condition {
    /// Status, exactly.
    Status(StatusCode),
    /// Member with exactly this value.
    Equals(Pointer, Scalar),
    /// Member that is there, or is not; null is not. Its absence says something of a 2xx only.
    Exists(Pointer, bool),
}

/// Value that a member is compared with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Scalar {
    Flag(bool),
    Number(i64),
    Text(String),
}

impl Condition {
    /// Returns true if the condition holds. One on a member holds of no body but a JSON object.
    ///
    /// # Errors
    /// [`BadAnswer::Member`] of a member that is of another type than the value, or repeated.
    pub(crate) fn holds(&self, answer: &Answer<'_>) -> Result<bool, BadAnswer> {
        match self {
            Self::Status(status) => Ok(answer.status == *status),
            Self::Equals(..) | Self::Exists(..) if !answer.is_object() => Ok(false),
            Self::Equals(pointer, wanted) => match answer.find(pointer)? {
                Some(raw) => wanted.is(raw).ok_or_else(|| unusable(pointer)),
                None => Ok(false),
            },
            Self::Exists(pointer, wanted) => {
                let is_there = answer.find(pointer)?.is_some();
                Ok(is_there == *wanted && (is_there || answer.status.is_success()))
            }
        }
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Status(status) => write!(f, "status {}", status.as_u16()),
            Self::Equals(pointer, _) | Self::Exists(pointer, _) => f.write_str(pointer.as_str()),
        }
    }
}

/// Returns true if any of the conditions holds. Each is looked at, so that a wrong type is never
/// overlooked for the order of conditions.
pub(crate) fn any(conditions: &[Condition], answer: &Answer<'_>) -> Result<bool, BadAnswer> {
    let met = conditions.iter().map(|condition| condition.holds(answer));
    met.reduce(|one, other| Ok(one? | other?))
        .unwrap_or(Ok(false))
}

/// Returns true if all of the conditions hold, and there is one.
pub(crate) fn all(conditions: &[Condition], answer: &Answer<'_>) -> Result<bool, BadAnswer> {
    let met = conditions.iter().map(|condition| condition.holds(answer));
    met.reduce(|one, other| Ok(one? & other?))
        .unwrap_or(Ok(false))
}

impl Scalar {
    /// Compares with a member; `None` if that is of another type.
    pub(crate) fn is(&self, raw: &RawValue) -> Option<bool> {
        let text = raw.get();
        match self {
            Self::Flag(wanted) => serde_json::from_str(text)
                .ok()
                .map(|flag: bool| flag == *wanted),
            Self::Text(wanted) => {
                let found: String = serde_json::from_str(text).ok()?;
                Some(found == *wanted)
            }
            Self::Number(wanted) => is_number(text).then(|| equals(text, *wanted)),
        }
    }
}

pub(crate) fn is_number(json: &str) -> bool {
    json.starts_with(|first: char| first == '-' || first.is_ascii_digit())
}

/// Compares a number in any spelling. A number is whole if it and its negation, each rounded down,
/// add up to nothing.
pub(crate) fn equals(digits: &str, wanted: i64) -> bool {
    let negated = digits
        .strip_prefix('-')
        .map_or_else(|| format!("-{digits}"), str::to_owned);
    whole_seconds(digits) == Some(wanted)
        && whole_seconds(&negated).and_then(i64::checked_neg) == Some(wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holds(condition: &Condition, status: u16, body: &str) -> Result<bool, BadAnswer> {
        let status = StatusCode::from_u16(status).unwrap();
        condition.holds(&Answer::new(status, body.as_bytes()))
    }

    fn equals_to(value: Scalar) -> Condition {
        Condition::Equals(Pointer::parse("/a").unwrap(), value)
    }

    #[test]
    fn value_is_compared_within_its_type() {
        let flag = equals_to(Scalar::Flag(true));
        assert_eq!(holds(&flag, 200, r#"{"a":true}"#), Ok(true));
        assert_eq!(holds(&flag, 200, r#"{"a":false}"#), Ok(false));
        assert_eq!(holds(&flag, 200, r#"{"a":null}"#), Ok(false));
        assert_eq!(holds(&flag, 200, "{}"), Ok(false));
        for wrong in ["\"true\"", "1", "[true]", "{}"] {
            let body = format!(r#"{{"a":{wrong}}}"#);
            assert_eq!(
                holds(&flag, 200, &body),
                Err(BadAnswer::member("/a")),
                "{wrong}"
            );
        }
        let text = equals_to(Scalar::Text("ok".to_owned()));
        assert_eq!(holds(&text, 200, r#"{"a":"o\u006b"}"#), Ok(true));
        assert_eq!(holds(&text, 200, r#"{"a":"OK"}"#), Ok(false));
        assert!(holds(&text, 200, r#"{"a":"\ud800"}"#).is_err());
        assert!(holds(&text, 200, r#"{"a":0}"#).is_err());
    }

    #[test]
    fn number_is_compared_in_any_spelling() {
        for (digits, wanted, equal) in [
            ("1", 1, true),
            ("1.0", 1, true),
            ("10e-1", 1, true),
            ("-1", -1, true),
            ("-1.0", -1, true),
            ("0", 0, true),
            ("-0", 0, true),
            ("0.0", 0, true),
            ("1.5", 1, false),
            ("-0.5", -1, false),
            ("0.1", 0, false),
            ("1e400", 1, false),
            ("2", 1, false),
        ] {
            assert_eq!(equals(digits, wanted), equal, "{digits}");
        }
        let number = equals_to(Scalar::Number(1));
        assert!(holds(&number, 200, r#"{"a":"1"}"#).is_err());
    }

    #[test]
    fn condition_on_a_member_holds_of_objects_only() {
        let absent = Condition::Exists(Pointer::parse("/a").unwrap(), false);
        assert_eq!(holds(&absent, 200, "{}"), Ok(true));
        assert_eq!(holds(&absent, 200, r#"{"a":null}"#), Ok(true));
        assert_eq!(holds(&absent, 200, r#"{"a":0}"#), Ok(false));
        let present = Condition::Exists(Pointer::parse("/a").unwrap(), true);
        for status in [200, 400] {
            assert_eq!(holds(&present, status, r#"{"a":0}"#), Ok(true));
            assert_eq!(holds(&present, status, "{}"), Ok(false));
        }
        // An error of any other kind lacks the member as well.
        assert_eq!(holds(&absent, 404, "{}"), Ok(false));
        for body in ["", "[]", "<html>", "{"] {
            assert_eq!(holds(&absent, 200, body), Ok(false), "{body}");
        }
    }

    #[test]
    fn wrong_type_counts_wherever_its_condition_stands() {
        let wrong = equals_to(Scalar::Flag(true));
        let met = Condition::Status(StatusCode::OK);
        let unmet = Condition::Status(StatusCode::CREATED);
        let answer = Answer::new(StatusCode::OK, br#"{"a":"true"}"#);
        for pair in [
            [&met, &wrong],
            [&wrong, &met],
            [&unmet, &wrong],
            [&wrong, &unmet],
        ] {
            let pair = pair.map(Clone::clone);
            assert!(any(&pair, &answer).is_err() && all(&pair, &answer).is_err());
        }
        assert_eq!(
            (any(&[], &answer), all(&[], &answer)),
            (Ok(false), Ok(false))
        );
        assert_eq!(any(&[unmet.clone(), met.clone()], &answer), Ok(true));
        assert_eq!(all(&[unmet.clone(), met.clone()], &answer), Ok(false));
        let both = [met.clone(), met];
        assert_eq!(
            (any(&both, &answer), all(&both, &answer)),
            (Ok(true), Ok(true))
        );
        let neither = [unmet.clone(), unmet];
        assert_eq!(
            (any(&neither, &answer), all(&neither, &answer)),
            (Ok(false), Ok(false))
        );
    }
}
