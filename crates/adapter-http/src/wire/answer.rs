use http::StatusCode;
use introspectd_core::{BadAnswer, RawMembers};
use introspectd_upstream::Unread;
use serde_json::value::RawValue;

use crate::wire::pointer::{Pointer, place};

/// Answer of a described server, whose members are read where a pointer leads.
pub(crate) struct Answer<'a> {
    pub(crate) status: StatusCode,
    /// Members of the body, or the reason why it is no JSON object.
    members: Result<RawMembers<'a>, BadAnswer>,
}

impl<'a> Answer<'a> {
    pub(crate) fn new(status: StatusCode, body: &'a [u8]) -> Self {
        Self {
            status,
            members: Unread::of(body).map(Unread::into_raw),
        }
    }

    /// Returns true if the body is a JSON object.
    pub(crate) fn is_object(&self) -> bool {
        self.members.is_ok()
    }

    /// Finds what a pointer names, as it was sent. Null counts as absent, and so does what null, or
    /// nothing, leads to.
    ///
    /// # Errors
    /// The reason why the body is no object; [`BadAnswer::Member`] if the way leads through a
    /// repeated name, through text, a number or a boolean, or through an array by no place.
    pub(crate) fn find(&self, pointer: &Pointer) -> Result<Option<&'a RawValue>, BadAnswer> {
        let members = self.members.as_ref().map_err(Clone::clone)?;
        let mut found = member(members, pointer.first(), pointer)?;
        for name in pointer.rest() {
            let Some(outer) = found else {
                return Ok(None);
            };
            found = within(outer, name, pointer)?;
        }
        Ok(found.filter(|raw| raw.get() != "null"))
    }
}

fn member<'a>(
    members: &RawMembers<'a>,
    name: &str,
    pointer: &Pointer,
) -> Result<Option<&'a RawValue>, BadAnswer> {
    if members.repeated.iter().any(|repeated| repeated == name) {
        return Err(unusable(pointer));
    }
    Ok(members.members.get(name).copied())
}

fn within<'a>(
    outer: &'a RawValue,
    name: &str,
    pointer: &Pointer,
) -> Result<Option<&'a RawValue>, BadAnswer> {
    let text = outer.get();
    match text.bytes().next() {
        Some(b'n') => Ok(None),
        Some(b'{') => {
            let members = serde_json::from_str(text).map_err(|_| unusable(pointer))?;
            member(&members, name, pointer)
        }
        Some(b'[') => {
            let items: Vec<&RawValue> =
                serde_json::from_str(text).map_err(|_| unusable(pointer))?;
            let place = place(name).ok_or_else(|| unusable(pointer))?;
            Ok(items.get(place).copied())
        }
        _ => Err(unusable(pointer)),
    }
}

/// Reason why an answer is none: what this pointer names.
pub(crate) fn unusable(pointer: &Pointer) -> BadAnswer {
    BadAnswer::member(pointer.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    fn find(body: &str, pointer: &str) -> Result<Option<String>, BadAnswer> {
        let answer = Answer::new(StatusCode::OK, body.as_bytes());
        let found = answer.find(&Pointer::parse(pointer).unwrap())?;
        Ok(found.map(|raw| raw.get().to_owned()))
    }

    #[test]
    fn member_is_found_where_the_pointer_leads() {
        let body = r#"{"a":{"b":[10,{"c":"x"}],"":1,"m~n":2,"s/t":3},"n":null}"#;
        for (pointer, found) in [
            ("/a/b/0", Some("10")),
            ("/a/b/1/c", Some("\"x\"")),
            ("/a/", Some("1")),
            ("/a/m~0n", Some("2")),
            ("/a/s~1t", Some("3")),
            ("/a/b/2", None),
            ("/a/x", None),
            ("/x/y/z", None),
            ("/n", None),
            ("/n/x", None),
        ] {
            assert_eq!(
                find(body, pointer),
                Ok(found.map(str::to_owned)),
                "{pointer}"
            );
        }
    }

    #[test]
    fn way_through_a_value_of_another_type_is_no_absence() {
        let body = r#"{"text":"x","number":1,"flag":true,"list":[1]}"#;
        for pointer in [
            "/text/a",
            "/number/a",
            "/flag/a",
            "/list/a",
            "/list/-",
            "/list/00",
        ] {
            assert_eq!(find(body, pointer), Err(BadAnswer::member(pointer)));
        }
    }

    #[test]
    fn repeated_name_on_the_way_makes_the_answer_invalid() {
        for (body, pointer) in [
            (r#"{"a":1,"a":1}"#, "/a"),
            (r#"{"a":{"b":1},"a":{"b":1}}"#, "/a/b"),
            (r#"{"a":{"b":1,"\u0062":2}}"#, "/a/b"),
        ] {
            assert_eq!(
                find(body, pointer),
                Err(BadAnswer::member(pointer)),
                "{body}"
            );
        }
        assert_eq!(
            find(r#"{"x":1,"x":2,"a":3}"#, "/a"),
            Ok(Some("3".to_owned()))
        );
    }

    #[test]
    fn only_an_object_is_an_answer() {
        for body in ["", "[]", "null", "{", "<html>", r#"{"a":1}{"#] {
            assert_eq!(find(body, "/a"), Err(BadAnswer::NotAnObject), "{body}");
        }
    }

    fn any_value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![Just(json!(1)), Just(json!("x")), Just(json!(true))];
        leaf.prop_recursive(4, 24, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::btree_map("[a-c~/0-2]{0,2}", inner, 0..4)
                    .prop_map(|members| members.into_iter().collect()),
            ]
        })
    }

    proptest! {
        #[test]
        fn pointer_finds_what_serde_json_finds(
            value in any_value(),
            pointer in "(/([a-c0-2]|~[01]){0,2}){1,4}",
        ) {
            let body = json!({"a": value, "b": [value], "": value}).to_string();
            let theirs: Value = serde_json::from_str(&body).unwrap();
            let theirs = theirs.pointer(&pointer).map(Value::to_string);
            match find(&body, &pointer) {
                Ok(ours) => prop_assert_eq!(ours, theirs),
                Err(_) => prop_assert_eq!(theirs, None),
            }
        }
    }

    /// Differential: whatever the body, what is found is what serde_json finds there.
    #[test]
    fn any_body_is_searched_as_others_search_it() {
        let seeds: [&[u8]; 3] = [
            b"{\"a\":{\"b\":[1,2]}}",
            b"{\"a\":null,\"a\":1}",
            b"{\"a\":[{\"b\":\"\\ud800\"}]}",
        ];
        introspectd_fuzz::check!(&seeds, |bytes: &[u8]| {
            let answer = Answer::new(StatusCode::OK, bytes);
            for pointer in ["/a", "/a/b", "/a/0", "/a/b/1", "/a/0/b"] {
                let Ok(found) = answer.find(&Pointer::parse(pointer).unwrap()) else {
                    continue;
                };
                let Ok(theirs) = serde_json::from_slice::<Value>(bytes) else {
                    continue;
                };
                let theirs = theirs.pointer(pointer).filter(|value| !value.is_null());
                let ours = found.map(|raw| serde_json::from_str::<Value>(raw.get()).unwrap());
                assert_eq!(ours.as_ref(), theirs, "{pointer}");
            }
        });
    }
}
