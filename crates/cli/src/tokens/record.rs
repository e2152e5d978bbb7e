use introspectd_core::Timestamp;
use introspectd_core::text::rfc3339;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use crate::Stopped;
use crate::connection::strange;

/// One token as the server describes it, read as text.
pub(super) struct Record(Map<String, Value>);

impl Record {
    pub(super) fn read(record: &RawValue) -> Result<Self, Stopped> {
        serde_json::from_str(record.get())
            .map(Self)
            .map_err(|_| strange())
    }

    /// Returns a member as text: a list joined by spaces, another structure as JSON, empty if
    /// absent.
    pub(super) fn text(&self, member: &str) -> String {
        self.0.get(member).map_or_else(String::new, text)
    }

    /// Returns a member as a time in UTC (RFC 3339), or unchanged if it is not one.
    pub(super) fn time(&self, member: &str) -> String {
        let formatted = self
            .seconds(member)
            .and_then(Timestamp::from_seconds)
            .map(rfc3339);
        formatted.unwrap_or_else(|| self.text(member))
    }

    /// Returns a time in seconds since 1970.
    pub(super) fn seconds(&self, member: &str) -> Option<i64> {
        self.0.get(member)?.as_i64()
    }
}

fn text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(text).collect::<Vec<_>>().join(" "),
        Value::Bool(_) | Value::Number(_) | Value::Object(_) => value.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_of_a_record_become_text() {
        let record = r#"{"jti":"i","roles":["a","b"],"details":{"x":[1]},"sub":null,"iat":0,"exp":9e99,"nbf":"x"}"#;
        let raw: Box<RawValue> = serde_json::from_str(record).unwrap();
        let record = Record::read(&raw).unwrap();
        let texts = ["jti", "roles", "details", "sub", "aud"].map(|member| record.text(member));
        assert_eq!(texts, ["i", "a b", r#"{"x":[1]}"#, "", ""]);
        let times = ["iat", "exp", "nbf"].map(|member| record.time(member));
        assert_eq!(times, ["1970-01-01T00:00:00Z", "9e+99", "x"]);
    }

    #[test]
    fn record_that_is_not_an_object_is_an_error() {
        let raw: Box<RawValue> = serde_json::from_str("[1]").unwrap();
        assert!(Record::read(&raw).is_err());
    }
}
