//! Members of an answer, read one by one: an error in one that only describes costs that one.

use std::borrow::Cow;

use introspectd_core::{BadAnswer, Json, Members, RawMembers};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use serde_json::value::RawValue;

/// Reads a member that only describes (`#[serde(default, deserialize_with = "described")]`). An
/// unreadable one, such as a lone surrogate, counts as absent.
///
/// # Errors
/// Fails if the text is not JSON.
pub fn described<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    let raw = Box::<RawValue>::deserialize(deserializer)?;
    Ok(serde_json::from_str(raw.get())
        .ok()
        .filter(|value: &Value| !value.is_null()))
}

/// Members of an object that were not read yet.
#[derive(Debug)]
pub struct Unread<'a>(RawMembers<'a>);

impl<'a> Unread<'a> {
    /// Takes an object apart.
    ///
    /// # Errors
    /// [`BadAnswer::NotUtf8`] and [`BadAnswer::NotAnObject`].
    pub fn of(body: &'a [u8]) -> Result<Self, BadAnswer> {
        // Names are read as bytes, so that what is no UTF-8 would be left out instead of refused.
        let text = std::str::from_utf8(body).map_err(|_| BadAnswer::NotUtf8)?;
        // Serde would also take an array's items for members.
        if !text.trim_ascii_start().starts_with('{') {
            return Err(BadAnswer::NotAnObject);
        }
        serde_json::from_str(text)
            .map(Self)
            .map_err(|_| BadAnswer::NotAnObject)
    }

    /// Returns all members, as they were sent.
    pub fn into_raw(self) -> RawMembers<'a> {
        self.0
    }

    /// Takes a member that decides, as it was sent; null counts as absent.
    ///
    /// # Errors
    /// [`BadAnswer::Member`] if it appears twice.
    pub fn raw(&mut self, name: &'static str) -> Result<Option<&'a RawValue>, BadAnswer> {
        if self.0.repeated.iter().any(|repeated| repeated == name) {
            return Err(BadAnswer::member(name));
        }
        Ok(self
            .0
            .members
            .remove(name)
            .filter(|raw| raw.get() != "null"))
    }

    /// Takes a member that decides, of this type.
    ///
    /// # Errors
    /// [`BadAnswer::Member`] if it is of another type or appears twice.
    pub fn take<T: DeserializeOwned>(
        &mut self,
        name: &'static str,
    ) -> Result<Option<T>, BadAnswer> {
        let read =
            |raw: &RawValue| serde_json::from_str(raw.get()).map_err(|_| BadAnswer::member(name));
        self.raw(name)?.map(read).transpose()
    }

    /// Takes a member that only describes, if it can be read.
    ///
    /// # Errors
    /// [`BadAnswer::Member`] if it appears twice.
    pub fn describing(&mut self, name: &'static str) -> Result<Option<Json>, BadAnswer> {
        Ok(self.raw(name)?.and_then(Json::read))
    }

    /// Takes the others, null included. Of those that only describe, unreadable ones are dropped,
    /// and the last of several counts.
    ///
    /// # Errors
    /// [`BadAnswer::Member`] of one that `decides` and cannot be read or appears twice.
    pub fn rest(self, decides: impl Fn(&str) -> bool) -> Result<Members, BadAnswer> {
        let RawMembers { members, repeated } = self.0;
        if let Some(name) = repeated.iter().find(|name| decides(name)) {
            return Err(BadAnswer::member(name));
        }
        let read = |(name, raw): (Cow<'_, str>, _)| match Json::read(raw) {
            Some(value) => Some(Ok((name.into_owned(), value))),
            None if decides(&name) => Some(Err(BadAnswer::member(&name))),
            None => None,
        };
        members.into_iter().filter_map(read).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn only_an_object_is_taken_apart() {
        for none in [
            "",
            "[1]",
            "null",
            "{",
            r#"{"a":1} x"#,
            r#"{"a":}"#,
            r#"{"a":"\x"}"#,
        ] {
            assert_eq!(
                Unread::of(none.as_bytes()).err(),
                Some(BadAnswer::NotAnObject),
                "{none}"
            );
        }
        for bytes in [
            &b"{\"a\xff\":1}"[..],
            b"{\"a\":\"\xff\"}",
            b"{\"a\":{\"b\":\"\xed\xa0\x80\"}}",
        ] {
            assert_eq!(Unread::of(bytes).err(), Some(BadAnswer::NotUtf8));
        }
    }

    #[test]
    fn a_lone_surrogate_costs_a_member_that_describes_and_the_answer_where_it_decides() {
        let body = br#"{"sub":"\ud800","name":"\ud800","deep":{"a":["\udfff"]},"\ud800":1,"x":2}"#;
        let mut unread = Unread::of(body).unwrap();
        assert_eq!(unread.take::<String>("sub"), Err(BadAnswer::member("sub")));
        assert_eq!(
            unread.rest(|_| false).unwrap(),
            json!({"x": 2}).as_object().unwrap().clone().into()
        );
        let decides = Unread::of(body).unwrap().rest(|name| name == "deep");
        assert_eq!(decides, Err(BadAnswer::member("deep")));
        let described =
            |json: &str| described(&mut serde_json::Deserializer::from_str(json)).unwrap();
        assert_eq!(described(r#"["\ud800"]"#), None);
        assert_eq!(described("null"), None);
        assert_eq!(described(r#"{"a":1}"#), Some(json!({"a": 1})));
    }

    #[test]
    fn a_member_that_decides_stands_once() {
        let body = br#"{"exp":1,"exp":2,"x":1,"x":2}"#;
        let mut unread = Unread::of(body).unwrap();
        assert_eq!(unread.take::<i64>("exp"), Err(BadAnswer::member("exp")));
        assert_eq!(unread.rest(|name| name == "x"), Err(BadAnswer::member("x")));
    }

    /// Members are taken only from what serde_json calls an object.
    #[test]
    fn any_body_is_an_object_or_refused() {
        let seeds: [&[u8]; 2] = [
            b"{\"active\":true,\"exp\":1.5e9}",
            b"{\"a\":{\"b\":[null]}}",
        ];
        introspectd_fuzz::check!(&seeds, |bytes: &[u8]| {
            let Ok(mut members) = Unread::of(bytes) else {
                return;
            };
            // Members that are not read may hold what serde_json refuses.
            if let Ok(value) = serde_json::from_slice::<Value>(bytes) {
                assert!(value.is_object());
            }
            let _ = members.take::<bool>("active");
            let _ = members.describing("exp");
            let _ = members.rest(|_| false);
        });
    }
}
