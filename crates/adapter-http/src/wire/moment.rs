use introspectd_core::{BadAnswer, Expiry, Timestamp, whole_seconds};
use serde_json::value::RawValue;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::wire::answer::{Answer, unusable};
use crate::wire::condition::{Scalar, equals, is_number};
use crate::wire::pointer::Pointer;

/// Unit of a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Unit {
    /// Seconds since 1970.
    #[default]
    Seconds,
    /// Milliseconds since 1970.
    Millis,
    /// Text of RFC 3339, with its zone.
    Rfc3339,
    /// Seconds from the moment when the server was asked.
    In,
}

/// Time in an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Moment {
    pub(crate) pointer: Pointer,
    pub(crate) unit: Unit,
    /// The number comes as text.
    pub(crate) is_text: bool,
}

/// End of a token in an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct End {
    pub(crate) moment: Moment,
    /// Values that mean no end.
    pub(crate) never: Vec<Scalar>,
    /// Null and absent mean no end.
    pub(crate) may_be_absent: bool,
}

impl Unit {
    pub(crate) fn parse(text: &str) -> Result<Self, &'static str> {
        match text {
            "s" => Ok(Self::Seconds),
            "ms" => Ok(Self::Millis),
            "rfc3339" => Ok(Self::Rfc3339),
            "in" => Ok(Self::In),
            _ => Err("is no unit of time"),
        }
    }
}

impl Moment {
    /// Reads the time of an answer that was asked for at `now`, rounded down to seconds.
    ///
    /// # Errors
    /// [`BadAnswer::Member`] of a wrong type, out of range, or repeated.
    pub(crate) fn read(
        &self,
        answer: &Answer<'_>,
        now: Timestamp,
    ) -> Result<Option<Timestamp>, BadAnswer> {
        let Some(raw) = answer.find(&self.pointer)? else {
            return Ok(None);
        };
        let time = self.time(raw, now);
        time.map(Some).ok_or_else(|| unusable(&self.pointer))
    }

    fn time(&self, raw: &RawValue, now: Timestamp) -> Option<Timestamp> {
        if self.unit == Unit::Rfc3339 {
            let text: String = serde_json::from_str(raw.get()).ok()?;
            let time = OffsetDateTime::parse(&text, &Rfc3339).ok()?;
            return Timestamp::from_seconds(time.unix_timestamp());
        }
        let number = whole_seconds(&self.digits(raw)?)?;
        match self.unit {
            Unit::Seconds => Timestamp::from_seconds(number),
            Unit::Millis => Timestamp::from_millis(number),
            Unit::In => now.plus_seconds(number),
            Unit::Rfc3339 => None,
        }
    }

    /// Returns the number, in the digits that were sent.
    fn digits(&self, raw: &RawValue) -> Option<String> {
        let text = raw.get();
        if !self.is_text {
            return is_number(text).then(|| text.to_owned());
        }
        let text: String = serde_json::from_str(text).ok()?;
        // A number of JSON: no sign before it, no spaces around it.
        (is_number(&text) && serde_json::from_str::<&RawValue>(&text).is_ok()).then_some(text)
    }
}

impl End {
    /// Reads the end of a token.
    ///
    /// # Errors
    /// [`BadAnswer::Member`] of a wrong type, out of range, repeated, or absent where absence does
    /// not mean that there is no end.
    pub(crate) fn read(&self, answer: &Answer<'_>, now: Timestamp) -> Result<Expiry, BadAnswer> {
        let pointer = &self.moment.pointer;
        match answer.find(pointer)? {
            Some(raw) if self.means_never(raw) => Ok(Expiry::Never),
            Some(_) => {
                let end = self.moment.read(answer, now)?;
                end.map(Expiry::At).ok_or_else(|| unusable(pointer))
            }
            None if self.may_be_absent => Ok(Expiry::Never),
            None => Err(unusable(pointer)),
        }
    }

    fn means_never(&self, raw: &RawValue) -> bool {
        self.never.iter().any(|never| match never {
            Scalar::Number(number) => self
                .moment
                .digits(raw)
                .is_some_and(|digits| equals(&digits, *number)),
            Scalar::Text(_) | Scalar::Flag(_) => never.is(raw) == Some(true),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::StatusCode;
    use proptest::prelude::*;

    const NOW: i64 = 1_800_000_000;

    fn moment(unit: Unit, is_text: bool) -> Moment {
        let pointer = Pointer::parse("/t").unwrap();
        Moment {
            pointer,
            unit,
            is_text,
        }
    }

    fn read(unit: Unit, is_text: bool, json: &str) -> Result<Option<i64>, BadAnswer> {
        let body = format!(r#"{{"t":{json}}}"#);
        let answer = Answer::new(StatusCode::OK, body.as_bytes());
        let now = Timestamp::from_seconds(NOW).unwrap();
        let time = moment(unit, is_text).read(&answer, now)?;
        Ok(time.map(Timestamp::seconds))
    }

    fn bad<T>() -> Result<T, BadAnswer> {
        Err(BadAnswer::member("/t"))
    }

    #[test]
    fn each_unit_is_rounded_down() {
        for (unit, json, seconds) in [
            (Unit::Seconds, "1800000000", 1_800_000_000),
            (Unit::Seconds, "1.8000000009e9", 1_800_000_000),
            (Unit::Seconds, "-1", -1),
            (Unit::Millis, "1800000000999", 1_800_000_000),
            (Unit::Millis, "-1", -1),
            (Unit::In, "60", NOW + 60),
            (Unit::In, "0", NOW),
            (Unit::In, "-5", NOW - 5),
            (Unit::In, "59.9", NOW + 59),
            (Unit::Rfc3339, "\"2027-01-15T08:00:00Z\"", 1_800_000_000),
            (
                Unit::Rfc3339,
                "\"2027-01-15T09:00:00.999+01:00\"",
                1_800_000_000,
            ),
            (
                Unit::Rfc3339,
                "\"2021-10-15T00:00:00.000000+00:00\"",
                1_634_256_000,
            ),
            (Unit::Rfc3339, "\"1969-12-31T23:59:59.5Z\"", -1),
        ] {
            assert_eq!(read(unit, false, json), Ok(Some(seconds)), "{json}");
        }
    }

    #[test]
    fn time_of_a_wrong_type_or_out_of_range_is_no_time_and_not_absent() {
        for (unit, json) in [
            (Unit::Seconds, "\"1800000000\""),
            (Unit::Seconds, "true"),
            (Unit::Seconds, "[1800000000]"),
            (Unit::Seconds, "1800000000000000"),
            (Unit::Seconds, "1e400"),
            (Unit::Millis, "\"1800000000000\""),
            (Unit::In, "\"60\""),
            (Unit::In, "9223372036854775807"),
            (Unit::Rfc3339, "1800000000"),
            (Unit::Rfc3339, "\"\""),
            (Unit::Rfc3339, "\"2027-01-15\""),
            (Unit::Rfc3339, "\"2027-01-15T08:00:00\""),
            (Unit::Rfc3339, "\"2027-02-30T08:00:00Z\""),
            (Unit::Rfc3339, "\"soon\""),
        ] {
            assert_eq!(read(unit, false, json), bad(), "{json}");
        }
        assert_eq!(read(Unit::Seconds, false, "null"), Ok(None));
    }

    #[test]
    fn number_as_text_is_read_where_it_is_said() {
        assert_eq!(read(Unit::Seconds, true, "\"1800000000\""), Ok(Some(NOW)));
        assert_eq!(read(Unit::In, true, "\"60\""), Ok(Some(NOW + 60)));
        for json in [
            "1800000000",
            "\"\"",
            "\" 1\"",
            "\"1 \"",
            "\"+1\"",
            "\"01\"",
            "\"0x1\"",
            "\"1_000\"",
            "\"1800000000s\"",
            "\"--1\"",
            "\"1,2\"",
        ] {
            assert_eq!(read(Unit::Seconds, true, json), bad(), "{json}");
        }
    }

    fn end(
        json: &str,
        never: &[Scalar],
        may_be_absent: bool,
        is_text: bool,
    ) -> Result<Expiry, BadAnswer> {
        let body = format!(r#"{{{json}}}"#);
        let answer = Answer::new(StatusCode::OK, body.as_bytes());
        let end = End {
            moment: moment(Unit::Seconds, is_text),
            never: never.to_vec(),
            may_be_absent,
        };
        end.read(&answer, Timestamp::from_seconds(NOW).unwrap())
    }

    #[test]
    fn no_end_is_only_what_is_said_to_mean_it() {
        let zero = [Scalar::Number(0)];
        assert_eq!(end(r#""t":0"#, &zero, false, false), Ok(Expiry::Never));
        assert_eq!(end(r#""t":0.0"#, &zero, false, false), Ok(Expiry::Never));
        assert_eq!(end(r#""t":"0""#, &zero, false, true), Ok(Expiry::Never));
        assert_eq!(end(r#""t":"0""#, &zero, false, false), bad());
        let at = |seconds| Ok(Expiry::At(Timestamp::from_seconds(seconds).unwrap()));
        assert_eq!(end(r#""t":0"#, &[], false, false), at(0));
        assert_eq!(end(r#""t":0.5"#, &zero, false, false), at(0));
        assert_eq!(end(r#""t":-1"#, &zero, false, false), at(-1));
        for none in ["", r#""t":null"#] {
            assert_eq!(end(none, &zero, false, false), bad());
            assert_eq!(end(none, &[], true, false), Ok(Expiry::Never));
        }
        let word = [Scalar::Text("never".to_owned())];
        assert_eq!(
            end(r#""t":"never""#, &word, false, false),
            Ok(Expiry::Never)
        );
        assert_eq!(end(r#""t":"Never""#, &word, true, false), bad());
    }

    proptest! {
        #[test]
        fn milliseconds_are_seconds_to_the_second(
            millis in -62_135_596_800_000i64..253_402_300_799_999,
        ) {
            let read = read(Unit::Millis, false, &millis.to_string());
            prop_assert_eq!(read, Ok(Some(millis.div_euclid(1000))));
        }

        #[test]
        fn times_of_rfc_3339_are_read_as_they_were_written(
            seconds in 0i64..253_402_300_799,
            nanos in 0u32..1_000_000_000,
        ) {
            let time = OffsetDateTime::from_unix_timestamp(seconds).unwrap();
            let text = time.replace_nanosecond(nanos).unwrap().format(&Rfc3339).unwrap();
            let read = read(Unit::Rfc3339, false, &format!("\"{text}\""));
            prop_assert_eq!(read, Ok(Some(seconds)));
        }

        #[test]
        fn any_json_is_a_time_absent_or_refused(
            json in r#"[0-9.eE+-]{1,12}|"[0-9TZ:.+-]{0,30}"|true|null|\[\]|\{\}"#,
        ) {
            for unit in [Unit::Seconds, Unit::Millis, Unit::In, Unit::Rfc3339] {
                for is_text in [false, true] {
                    let read = read(unit, is_text, &json);
                    prop_assert_eq!(json == "null", read == Ok(None));
                }
            }
        }
    }
}
