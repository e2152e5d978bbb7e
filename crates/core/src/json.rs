//! JSON with numbers as they were sent: `serde_json::Value` rounds them to 64 bits, and its
//! `arbitrary_precision` breaks untagged and flattened structs in the whole program.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fmt;

use serde::de::{self, Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;

/// Deepest nesting that is read. Real responses nest a few levels; each costs another pass.
const MAX_DEPTH: usize = 64;

/// JSON value whose numbers keep their digits.
#[derive(Debug, Clone, PartialEq)]
pub enum Json {
    /// The literal `null`.
    Null,
    /// The literal `true` or `false`.
    Bool(bool),
    /// A number, in the digits that were sent.
    Number(Box<str>),
    /// A string, unescaped.
    String(String),
    /// An array of values.
    Array(Vec<Self>),
    /// An object, see [`Members`].
    Object(Members),
}

/// Members of a JSON object by name. The last one of a repeated name counts.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Members(BTreeMap<String, Json>);

/// Members of a JSON object as unparsed text.
#[derive(Debug, Default)]
pub struct RawMembers<'a> {
    /// Last member of each name. A member whose name is not Unicode (a lone surrogate) is left out.
    pub members: BTreeMap<Cow<'a, str>, &'a RawValue>,
    /// Names that occur more than once.
    pub repeated: Vec<String>,
}

impl Json {
    /// Reads a value; `None` if a string in it is not Unicode (a lone surrogate) or it is nested
    /// too deep.
    pub fn read(raw: &RawValue) -> Option<Self> {
        Self::at(MAX_DEPTH, raw)
    }

    fn at(depth: usize, raw: &RawValue) -> Option<Self> {
        let text = raw.get();
        let depth = depth.checked_sub(1)?;
        match text.bytes().next()? {
            b'n' => Some(Self::Null),
            b't' => Some(Self::Bool(true)),
            b'f' => Some(Self::Bool(false)),
            b'"' => serde_json::from_str(text).ok().map(Self::String),
            b'[' => {
                let items: Vec<&RawValue> = serde_json::from_str(text).ok()?;
                items
                    .into_iter()
                    .map(|item| Self::at(depth, item))
                    .collect::<Option<_>>()
                    .map(Self::Array)
            }
            b'{' => {
                let object: RawMembers<'_> = serde_json::from_str(text).ok()?;
                let member = |(name, raw): (Cow<'_, str>, _)| {
                    Some((name.into_owned(), Self::at(depth, raw)?))
                };
                let members = object
                    .members
                    .into_iter()
                    .map(member)
                    .collect::<Option<_>>();
                members.map(Members).map(Self::Object)
            }
            _ => Some(Self::Number(text.into())),
        }
    }

    /// Returns the text of a string.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::String(text) => Some(text),
            Self::Null | Self::Bool(_) | Self::Number(_) | Self::Array(_) | Self::Object(_) => None,
        }
    }

    /// Returns a 64-bit integer that is spelled without fraction and exponent.
    pub fn as_i64(&self) -> Option<i64> {
        match self {
            Self::Number(digits) => digits.parse().ok(),
            Self::Null | Self::Bool(_) | Self::String(_) | Self::Array(_) | Self::Object(_) => None,
        }
    }

    /// Approximate heap size in bytes.
    pub(crate) fn size(&self) -> usize {
        size_of::<Self>()
            + match self {
                Self::Null | Self::Bool(_) => 0,
                Self::Number(text) => text.len(),
                Self::String(text) => text.len(),
                Self::Array(items) => items.iter().map(Self::size).sum(),
                Self::Object(members) => members.size(),
            }
    }
}

impl Members {
    /// Reads an object that we wrote, with values of [`Json::read`] at most two levels deeper.
    pub fn read_written(raw: &RawValue) -> Option<Self> {
        match Json::at(MAX_DEPTH + 2, raw)? {
            Json::Object(members) => Some(members),
            Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) | Json::Array(_) => None,
        }
    }

    /// Returns true if there are no members.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns the member of this name.
    pub fn get(&self, name: &str) -> Option<&Json> {
        self.0.get(name)
    }

    /// Adds a member, replacing one of the same name.
    pub fn insert(&mut self, name: String, value: Json) {
        self.0.insert(name, value);
    }

    /// Removes a member and returns it.
    pub fn remove(&mut self, name: &str) -> Option<Json> {
        self.0.remove(name)
    }

    /// Keeps the members for which `keep` returns true.
    pub fn retain(&mut self, keep: impl FnMut(&String, &mut Json) -> bool) {
        self.0.retain(keep);
    }

    /// Iterates over the members, sorted by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Json)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value))
    }

    pub(crate) fn size(&self) -> usize {
        // A map's node costs about three pointers beside name and value.
        self.0
            .iter()
            .map(|(name, value)| name.len() + 24 + value.size())
            .sum()
    }
}

impl FromIterator<(String, Json)> for Members {
    fn from_iter<T: IntoIterator<Item = (String, Json)>>(members: T) -> Self {
        Self(members.into_iter().collect())
    }
}

impl IntoIterator for Members {
    type Item = (String, Json);
    type IntoIter = std::collections::btree_map::IntoIter<String, Json>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

/// Conversion of values that the program made itself, whose numbers are exact.
impl From<Value> for Json {
    fn from(value: Value) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Bool(flag) => Self::Bool(flag),
            Value::Number(number) => Self::Number(number.to_string().into()),
            Value::String(text) => Self::String(text),
            Value::Array(items) => Self::Array(items.into_iter().map(Self::from).collect()),
            Value::Object(members) => Self::Object(members.into()),
        }
    }
}

impl From<serde_json::Map<String, Value>> for Members {
    fn from(members: serde_json::Map<String, Value>) -> Self {
        members
            .into_iter()
            .map(|(name, value)| (name, value.into()))
            .collect()
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for RawMembers<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Collector;

        impl<'de> Visitor<'de> for Collector {
            type Value = RawMembers<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut object = RawMembers::default();
                while let Some(Name(name)) = map.next_key()? {
                    let value: &RawValue = map.next_value()?;
                    let Some(name) = name else { continue };
                    match object.members.entry(name) {
                        Entry::Vacant(first) => drop(first.insert(value)),
                        Entry::Occupied(mut earlier) => {
                            object.repeated.push(earlier.key().to_string());
                            earlier.insert(value);
                        }
                    }
                }
                Ok(object)
            }
        }

        deserializer.deserialize_map(Collector)
    }
}

/// Name of a member; `None` if it is not Unicode.
struct Name<'a>(Option<Cow<'a, str>>);

impl<'de: 'a, 'a> Deserialize<'de> for Name<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Bytes;

        impl<'de> Visitor<'de> for Bytes {
            type Value = Name<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a name")
            }

            fn visit_borrowed_bytes<E: de::Error>(self, name: &'de [u8]) -> Result<Name<'de>, E> {
                Ok(Name(std::str::from_utf8(name).ok().map(Cow::from)))
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Name<'de>, E> {
                Ok(Name(Some(text.to_owned().into())))
            }

            fn visit_bytes<E: de::Error>(self, name: &[u8]) -> Result<Name<'de>, E> {
                let name = std::str::from_utf8(name).ok();
                Ok(Name(name.map(|name| name.to_owned().into())))
            }
        }

        // As bytes: read as text, one lone surrogate would fail the whole object.
        deserializer.deserialize_bytes(Bytes)
    }
}

/// Whole seconds of a JSON number in any spelling, rounded down; `None` if it is not a number or
/// out of range.
pub fn whole_seconds(json: &str) -> Option<i64> {
    let (is_negative, digits) = json
        .strip_prefix('-')
        .map_or((false, json), |digits| (true, digits));
    if !digits.starts_with(|first: char| first.is_ascii_digit()) {
        return None;
    }
    // How nearly all servers write it.
    if let Ok(seconds) = json.parse() {
        return Some(seconds);
    }
    let (mantissa, exponent) = match digits.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok()?),
        None => (digits, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits: Cow<'_, str> = if fraction.is_empty() {
        whole.into()
    } else {
        [whole, fraction].concat().into()
    };
    let leading = digits.len() - digits.trim_start_matches('0').len();
    let significant = digits.get(leading..)?;
    // Position of the decimal point among the significant digits.
    let point =
        i64::try_from(whole.len()).ok()? - i64::try_from(leading).ok()? + i64::from(exponent);
    let places = usize::try_from(point.max(0)).ok()?;
    let (kept, dropped) = significant
        .split_at_checked(places)
        .unwrap_or((significant, ""));
    let missing = places - kept.len();
    let magnitude = match kept {
        "" => 0,
        // Nineteen digits hold every number of 64 bits.
        _ if places > 19 => return None,
        _ => kept.parse::<i128>().ok()? * 10_i128.pow(u32::try_from(missing).ok()?),
    };
    let is_rounded = dropped.bytes().any(|digit| digit != b'0');
    let seconds = if is_negative {
        -magnitude - i128::from(is_rounded)
    } else {
        magnitude
    };
    seconds.try_into().ok()
}

#[cfg(test)]
mod tests;
