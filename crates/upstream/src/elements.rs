use std::mem;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Buf, Bytes};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use introspectd_core::{BadAnswer, Failure, HealthRecord};
use serde::de::DeserializeOwned;
use tokio::time::Instant;

use crate::answer::object;
use crate::pool::{Lease, MAX_BODY, Reply};

/// Objects of a JSON array, read one by one as they arrive: an array of any length takes the room
/// of one element, at most 1 MiB, and of what the connection has read ahead. May hold secrets, so
/// it does not print.
///
/// Dropping the value gives up the rest.
pub struct Elements {
    body: Incoming,
    lease: Option<Box<Lease>>,
    /// Bytes that arrived and were not read.
    piece: Bytes,
    cutter: Cutter,
    /// Longest silence of the provider.
    silence: Duration,
    end: Instant,
    health: Option<Arc<HealthRecord>>,
}

/// Longest time of a list, in timeouts of its provider. By default this is half a minute, which
/// leaves our caller, whose client waits for a minute, time to hear of it. A provider with longer
/// lists is given a longer timeout.
const LONGEST: u32 = 15;

impl Elements {
    pub(crate) fn new(reply: Reply, timeout: Duration) -> Self {
        let end = Instant::now() + timeout * LONGEST;
        let Reply { body, lease, .. } = reply;
        Self {
            body,
            lease,
            piece: Bytes::new(),
            cutter: Cutter::default(),
            silence: timeout,
            end,
            health: None,
        }
    }

    /// Lets failures of reading count for the provider's health.
    pub(crate) fn observed_by(&mut self, health: Arc<HealthRecord>) {
        self.health = Some(health);
    }

    /// Returns the next object, read strictly like [`object`]; `None` at the array's end, if
    /// nothing follows it.
    ///
    /// # Errors
    /// [`Failure::Timeout`] where the provider is silent for its timeout, or the list takes 15
    /// times that. Else [`BadAnswer::Truncated`], [`BadAnswer::ElementTooLarge`],
    /// [`BadAnswer::NotAnArray`], or [`BadAnswer::Member`] of an object. After an error there is
    /// nothing more to read.
    pub async fn next<T: DeserializeOwned>(&mut self) -> Result<Option<T>, Failure> {
        let element = self.read().await;
        if let (Err(failure), Some(health)) = (&element, &self.health) {
            health.observe(Err(failure));
        }
        element
    }

    async fn read<T: DeserializeOwned>(&mut self) -> Result<Option<T>, Failure> {
        // A long piece must not keep others from this thread.
        tokio::task::coop::consume_budget().await;
        loop {
            if let Some(element) = self.cutter.cut(&mut self.piece)? {
                return Ok(Some(object(&element).map_err(in_array)?));
            }
            match self.arrival().await? {
                Some(piece) => self.piece = piece,
                None if self.cutter.place == Place::Behind => {
                    if let Some(lease) = self.lease.take() {
                        lease.give_back();
                    }
                    return Ok(None);
                }
                None => return Err(BadAnswer::NotAnArray.into()),
            }
        }
    }

    async fn arrival(&mut self) -> Result<Option<Bytes>, Failure> {
        let now = Instant::now();
        // A timer alone would never end what always arrives at once.
        if now >= self.end {
            return Err(Failure::Timeout);
        }
        let arrival = tokio::time::timeout_at(self.end.min(now + self.silence), self.body.frame());
        match arrival.await.map_err(|_| Failure::Timeout)? {
            // Trailers say nothing.
            Some(Ok(frame)) => Ok(Some(frame.into_data().unwrap_or_default())),
            Some(Err(_)) => Err(BadAnswer::Truncated.into()),
            None => Ok(None),
        }
    }
}

fn in_array(error: BadAnswer) -> BadAnswer {
    if error == BadAnswer::NotAnObject {
        BadAnswer::NotAnArray
    } else {
        error
    }
}

/// Cutter of an array's text into its elements, in whichever pieces it comes. The contents of an
/// element are for its reader to judge: where each of them is JSON, the whole is.
#[derive(Default)]
struct Cutter {
    place: Place,
    /// Text of the current element, without the space before it.
    text: Vec<u8>,
    /// Open brackets in it.
    depth: usize,
    string: Quoted,
}

#[derive(Default, Clone, Copy, PartialEq, Eq)]
enum Place {
    #[default]
    Before,
    /// Inside the array, before the end of its first element.
    First,
    Further,
    Behind,
}

/// State of a string, in which brackets and commas mean nothing.
#[derive(Default, Clone, Copy)]
enum Quoted {
    #[default]
    No,
    Yes,
    Escape,
}

impl Cutter {
    /// Takes from the front of `piece` up to the end of an element; where none ends, all of it.
    fn cut(&mut self, piece: &mut Bytes) -> Result<Option<Vec<u8>>, BadAnswer> {
        loop {
            if self.text.is_empty() {
                skip_space(piece);
            }
            let Some(&first) = piece.first() else {
                return Ok(None);
            };
            match self.place {
                Place::Before if first == b'[' => self.place = Place::First,
                Place::First if first == b']' && self.text.is_empty() => self.place = Place::Behind,
                Place::Before | Place::Behind => return Err(BadAnswer::NotAnArray),
                Place::First | Place::Further => return self.cut_element(piece),
            }
            piece.advance(1);
        }
    }

    fn cut_element(&mut self, piece: &mut Bytes) -> Result<Option<Vec<u8>>, BadAnswer> {
        let end = piece.iter().position(|byte| self.is_ended_by(*byte));
        let part = piece.split_to(end.unwrap_or(piece.len()));
        if self.text.len() + part.len() > MAX_BODY {
            return Err(BadAnswer::ElementTooLarge);
        }
        self.text.extend_from_slice(&part);
        let Ok(mark) = piece.try_get_u8() else {
            return Ok(None);
        };
        self.place = if mark == b']' {
            Place::Behind
        } else {
            Place::Further
        };
        Ok(Some(mem::take(&mut self.text)))
    }

    fn is_ended_by(&mut self, byte: u8) -> bool {
        match (self.string, byte) {
            (Quoted::Escape, _) => self.string = Quoted::Yes,
            (Quoted::Yes, b'\\') => self.string = Quoted::Escape,
            (Quoted::Yes, b'"') => self.string = Quoted::No,
            (Quoted::Yes, _) => {}
            (Quoted::No, b'"') => self.string = Quoted::Yes,
            (Quoted::No, b',' | b']') if self.depth == 0 => return true,
            (Quoted::No, b'[' | b'{') => self.depth += 1,
            (Quoted::No, b']' | b'}') => self.depth = self.depth.saturating_sub(1),
            (Quoted::No, _) => {}
        }
        false
    }
}

/// RFC 8259 section 2.
fn skip_space(piece: &mut Bytes) {
    let text = piece
        .iter()
        .position(|byte| !matches!(byte, b' ' | b'\t' | b'\n' | b'\r'));
    piece.advance(text.unwrap_or(piece.len()));
}

#[cfg(test)]
mod tests {
    use super::*;
    use introspectd_core::Object;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    /// Reads `text` in pieces of these lengths, over and over.
    fn read(text: &[u8], lengths: &[usize]) -> Result<Vec<Object>, BadAnswer> {
        let (mut cutter, mut rest, mut objects) =
            (Cutter::default(), Bytes::copy_from_slice(text), vec![]);
        let mut lengths = lengths.iter().cycle();
        while !rest.is_empty() {
            let mut piece = rest.split_to(rest.len().min(*lengths.next().unwrap()));
            while let Some(element) = cutter.cut(&mut piece)? {
                objects.push(object(&element)?);
            }
            assert!(piece.is_empty());
        }
        if cutter.place == Place::Behind {
            Ok(objects)
        } else {
            Err(BadAnswer::NotAnArray)
        }
    }

    #[test]
    fn strictly_an_array_of_objects() {
        for (text, count) in [
            ("[]", 0),
            (" [ \n]\r\t ", 0),
            ("[{}]", 1),
            (r#" [ {"a":[{}, "]"]} ,{"b":"\"},{"}, {"c":"\\"} ] "#, 3),
        ] {
            assert_eq!(read(text.as_bytes(), &[1]).unwrap().len(), count, "{text}");
        }
        for text in [
            "",
            " ",
            "{}",
            "null",
            "[",
            "[{}",
            "[{},",
            "[{}]]",
            "[{}] x",
            "[{}][]",
            "[,]",
            "[,{}]",
            "[{},]",
            "[{},,{}]",
            "[{} {}]",
            "[1]",
            "[[{}]]",
            r#"[{"a":1]}]"#,
            r#"[{"a":]}]"#,
            "[}]",
            "[{}}]",
            "[\u{c}{}]",
            "\u{feff}[]",
            r#"["#,
            r#"[{"a":"]"#,
            "[{}]\0",
        ] {
            assert!(read(text.as_bytes(), &[1]).is_err(), "{text}");
        }
    }

    #[test]
    fn an_element_may_have_one_mebibyte_and_not_a_byte_more() {
        let list = |filler: usize| format!(r#"[{{}}, {{"f":"{}"}} ]"#, "x".repeat(filler));
        // Eight bytes are not filler, and one is the space before the bracket.
        assert_eq!(
            read(list(MAX_BODY - 9).as_bytes(), &[4096]).unwrap().len(),
            2
        );
        for lengths in [1000, 10_000_000] {
            let read = read(list(MAX_BODY - 8).as_bytes(), &[lengths]);
            assert_eq!(read, Err(BadAnswer::ElementTooLarge));
        }
    }

    #[test]
    fn space_between_elements_takes_no_room() {
        let space = " ".repeat(2 * MAX_BODY);
        let list = format!("{space}[{space}{{}},{space}{{}}]{space}");
        assert_eq!(read(list.as_bytes(), &[4096]).unwrap().len(), 2);
    }

    fn any_value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<i64>().prop_map(Value::from),
            any::<String>().prop_map(Value::from),
            r#"[\[\]{}",\\ a]{0,12}"#.prop_map(Value::from),
        ];
        leaf.prop_recursive(3, 20, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::btree_map(r#"[\[\]{}",\\ a]{0,4}"#, inner, 0..4)
                    .prop_map(|members| members.into_iter().collect()),
            ]
        })
    }

    proptest! {
        #[test]
        fn an_array_is_read_as_if_it_were_whole(
            values in prop::collection::vec(any_value(), 0..5),
            lengths in prop::collection::vec(1usize..20, 1..8),
        ) {
            let objects: Vec<_> = values.into_iter().map(|value| json!({"v": value})).collect();
            let text = json!(objects).to_string();
            prop_assert_eq!(
                read(text.as_bytes(), &lengths).unwrap(),
                serde_json::from_str::<Vec<Object>>(&text).unwrap()
            );
        }

        #[test]
        fn what_is_no_array_of_objects_is_refused_as_if_it_were_whole(
            text in r#"\[?([\[\]{}":,\\ 1]|\{\}|"a":|,\{){0,12}\]?"#,
            lengths in prop::collection::vec(1usize..20, 1..8),
        ) {
            let whole = serde_json::from_str::<Vec<Object>>(&text).ok();
            prop_assert_eq!(read(text.as_bytes(), &lengths).ok(), whole);
        }

        #[test]
        fn no_text_makes_it_panic(text: Vec<u8>, length in 1usize..20) {
            let _ = read(&text, &[length]);
        }
    }

    /// Differential: a cut array has the elements that serde_json finds, however it arrives.
    #[test]
    fn any_list_is_cut_as_others_read_it() {
        let seeds: [&[u8]; 3] = [
            b"[{\"a\":1},{\"b\":[\"}\\\"\"]}]",
            b"[]",
            b" [ { } , { } ] ",
        ];
        introspectd_fuzz::check!(&seeds, |bytes: &[u8]| {
            let whole = read(bytes, &[usize::MAX]);
            assert_eq!(whole.is_ok(), read(bytes, &[1]).is_ok());
            if let (Ok(ours), Ok(theirs)) = (whole, serde_json::from_slice::<Vec<Value>>(bytes)) {
                assert_eq!(ours.len(), theirs.len());
            }
        });
    }
}
