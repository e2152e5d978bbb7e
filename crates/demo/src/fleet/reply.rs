//! Answers of replicas, as the show judges and prints them.

use std::time::Duration;

use bytes::Bytes;
use http::Response;
use serde_json::Value;

use crate::expected::header;

/// Answer of a replica.
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) cache: String,
    pub(super) is_active: Option<bool>,
    /// Error with its description.
    pub(super) error: Option<String>,
    pub(super) took: Duration,
}

impl Reply {
    pub(super) fn read(answer: &Response<Bytes>, took: Duration) -> Self {
        let body: Value = serde_json::from_slice(answer.body()).unwrap_or_default();
        let text = |name: &str| body.get(name).and_then(Value::as_str).map(str::to_owned);
        let description = text("error_description").unwrap_or_default();
        Self {
            status: answer.status().as_u16(),
            cache: header(answer, "x-cache").to_owned(),
            is_active: body.get("active").and_then(Value::as_bool),
            error: text("error").map(|error| format!("{error}: {description}")),
            took,
        }
    }

    /// Returns the reply in one line.
    pub(super) fn shown(&self) -> String {
        let mut shown = format!("HTTP {}", self.status);
        if let Some(is_active) = self.is_active {
            shown += &format!("  {{\"active\":{is_active}}}");
        }
        if !self.cache.is_empty() {
            shown += &format!("  X-Cache: {}", self.cache);
        }
        if let Some(error) = &self.error {
            shown += &format!("  {error}");
        }
        format!("{shown}  ({})", millis(self.took))
    }
}

/// Prints a time in milliseconds.
pub(super) fn millis(time: Duration) -> String {
    format!("{:.1} ms", time.as_secs_f64() * 1000.0)
}
