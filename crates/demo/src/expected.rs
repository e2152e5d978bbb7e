//! Documented answers, and differences from them.

use std::fmt;

use bytes::Bytes;
use http::Response;
use serde_json::{Map, Value, json};

/// Documented answer.
pub(crate) struct Expected {
    pub(crate) status: u16,
    /// `X-Cache`, where the answer is one about a token.
    pub(crate) cache: Option<&'static str>,
    /// Another header that must be there, and is worth a look.
    pub(crate) header: Option<&'static str>,
    pub(crate) body: Body,
}

pub(crate) enum Body {
    /// `{"active":false}`, byte for byte.
    Inactive,
    /// Exactly these members.
    Active(Value),
    /// Exactly these records, in this order, these providers that cannot list them, and no
    /// failures.
    List {
        records: Vec<Value>,
        unlisted: Vec<&'static str>,
    },
    /// None: it is done.
    Done,
    /// None, and these headers, which tell the application who its client is.
    Identity(Vec<(&'static str, String)>),
    /// Exactly this `error`, described in this language.
    Error {
        error: &'static str,
        language: &'static str,
    },
}

impl Expected {
    pub(crate) fn active(members: Value) -> Self {
        Self {
            status: 200,
            cache: Some("miss"),
            header: None,
            body: Body::Active(members),
        }
    }

    pub(crate) fn identity(headers: Vec<(&'static str, String)>) -> Self {
        Self {
            status: 200,
            cache: Some("hit"),
            header: None,
            body: Body::Identity(headers),
        }
    }

    pub(crate) fn list(records: Vec<Value>, unlisted: Vec<&'static str>) -> Self {
        Self {
            status: 200,
            cache: None,
            header: None,
            body: Body::List { records, unlisted },
        }
    }

    pub(crate) fn done() -> Self {
        Self {
            status: 200,
            cache: None,
            header: None,
            body: Body::Done,
        }
    }

    pub(crate) fn inactive() -> Self {
        Self {
            status: 200,
            cache: Some("miss"),
            header: None,
            body: Body::Inactive,
        }
    }

    pub(crate) fn error(status: u16, error: &'static str) -> Self {
        Self {
            status,
            cache: None,
            header: None,
            body: Body::Error {
                error,
                language: "en",
            },
        }
    }

    pub(crate) fn cached(self) -> Self {
        Self {
            cache: Some("hit"),
            ..self
        }
    }

    pub(crate) fn with_header(self, name: &'static str) -> Self {
        Self {
            header: Some(name),
            ..self
        }
    }

    pub(crate) fn in_language(self, language: &'static str) -> Self {
        let Body::Error { error, .. } = self.body else {
            return self;
        };
        Self {
            body: Body::Error { error, language },
            ..self
        }
    }

    /// Lists the differences between an answer and this, one a line.
    pub(crate) fn differences(&self, answer: &Response<Bytes>) -> Vec<String> {
        let mut found = Differences::default();
        found.compare("status", &self.status, &answer.status().as_u16());
        let is_empty = matches!(self.body, Body::Identity(_) | Body::Done);
        let media_type = if is_empty { "" } else { "application/json" };
        found.compare("Content-Type", &media_type, &header(answer, "content-type"));
        found.compare(
            "Cache-Control",
            &"no-store",
            &header(answer, "cache-control"),
        );
        found.compare(
            "X-Cache",
            &self.cache.unwrap_or_default(),
            &header(answer, "x-cache"),
        );
        if let Some(name) = self.header {
            found.ensure(!header(answer, name).is_empty(), || {
                format!("expected a header {name}, got none")
            });
        }
        match &self.body {
            Body::Inactive => {
                found.compare("body", &INACTIVE, &String::from_utf8_lossy(answer.body()))
            }
            Body::Active(members) => found.compare_members(members, &object(answer)),
            Body::List { records, unlisted } => {
                found.compare_list(records, unlisted, &object(answer))
            }
            Body::Done => found.compare("body", &"", &String::from_utf8_lossy(answer.body())),
            Body::Identity(headers) => {
                for (name, value) in headers {
                    found.ensure(answer.headers().contains_key(*name), || {
                        format!("expected a header {name}")
                    });
                    found.compare(name, value, &header(answer, name));
                }
                found.compare("body", &"", &String::from_utf8_lossy(answer.body()));
            }
            Body::Error { error, language } => {
                let body = object(answer);
                let text = |name: &str| {
                    body.get(name)
                        .and_then(Value::as_str)
                        .unwrap_or_default()
                        .to_owned()
                };
                found.compare("error", error, &text("error"));
                found.ensure(!text("error_description").is_empty(), || {
                    "expected an error_description, got none".to_owned()
                });
                found.ensure(body.len() == 2, || {
                    format!("expected two members, got {}", body.len())
                });
                found.compare(
                    "Content-Language",
                    language,
                    &header(answer, "content-language"),
                );
            }
        }
        found.0
    }
}

/// Text that announces the answer to a reader.
impl fmt::Display for Expected {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.body {
            Body::Inactive => write!(to, "{} {INACTIVE}", self.status),
            Body::Active(_) => write!(to, "{} {{\"active\":true, …}}", self.status),
            Body::List { records, .. } => {
                write!(to, "{} with {} records", self.status, records.len())
            }
            Body::Done => write!(to, "{} and no body", self.status),
            Body::Identity(_) => write!(to, "{} with X-Auth-Subject, X-Auth-Scope, …", self.status),
            Body::Error { error, .. } => write!(to, "{} {error}", self.status),
        }?;
        match self.cache {
            Some(cache) if cache != "miss" => write!(to, ", X-Cache: {cache}")?,
            Some(_) | None => {}
        }
        self.header
            .map_or(Ok(()), |name| write!(to, ", with {name}"))
    }
}

const INACTIVE: &str = r#"{"active":false}"#;

/// A header's value, empty where there is none.
pub(crate) fn header<'a>(answer: &'a Response<Bytes>, name: &str) -> &'a str {
    answer
        .headers()
        .get(name)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default()
}

fn object(answer: &Response<Bytes>) -> Map<String, Value> {
    serde_json::from_slice(answer.body()).unwrap_or_default()
}

#[derive(Default)]
struct Differences(Vec<String>);

impl Differences {
    /// Compares as texts: a JSON string keeps its quotes, so that it differs from a number.
    fn compare(&mut self, what: &str, expected: &impl ToString, got: &impl ToString) {
        let expected = expected.to_string();
        let got = got.to_string();
        self.ensure(expected == got, || {
            let named = |text: String| {
                if text.is_empty() {
                    "none".to_owned()
                } else {
                    text
                }
            };
            format!(
                "{what}: expected {}, got {}",
                named(expected.clone()),
                named(got.clone())
            )
        });
    }

    fn compare_members(&mut self, expected: &Value, got: &Map<String, Value>) {
        let nothing = Map::new();
        let expected = expected.as_object().unwrap_or(&nothing);
        for (name, value) in expected {
            match got.get(name) {
                Some(got) => self.compare(name, value, got),
                None => self.0.push(format!("{name}: expected {value}, got none")),
            }
        }
        for (name, value) in got.iter().filter(|(name, _)| !expected.contains_key(*name)) {
            self.0.push(format!("{name}: expected none, got {value}"));
        }
    }

    fn compare_list(&mut self, records: &[Value], unlisted: &[&str], got: &Map<String, Value>) {
        let listed = got
            .get("tokens")
            .and_then(Value::as_array)
            .map(Vec::as_slice)
            .unwrap_or_default();
        self.compare("records", &records.len(), &listed.len());
        for (expected, got) in records.iter().zip(listed) {
            self.compare_members(expected, got.as_object().unwrap_or(&Map::new()));
        }
        let rest = json!({"tokens": listed, "errors": [], "unlisted": unlisted});
        self.compare_members(&rest, got);
    }

    fn ensure(&mut self, holds: bool, difference: impl FnOnce() -> String) {
        if !holds {
            self.0.push(difference());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn answer(status: u16, cache: &str, body: &'static str) -> Response<Bytes> {
        Response::builder()
            .status(status)
            .header("content-type", "application/json")
            .header("cache-control", "no-store")
            .header("x-cache", cache)
            .body(Bytes::from_static(body.as_bytes()))
            .unwrap()
    }

    #[test]
    fn inactive_answer_is_exact_to_the_byte() {
        let expected = Expected::inactive();
        assert!(
            expected
                .differences(&answer(200, "miss", r#"{"active":false}"#))
                .is_empty()
        );
        for other in [
            r#"{"active": false}"#,
            r#"{"active":false,"x":1}"#,
            "{\"active\":false}\n",
            "",
        ] {
            assert_eq!(
                expected.differences(&answer(200, "miss", other)).len(),
                1,
                "{other}"
            );
        }
    }

    #[test]
    fn every_difference_is_reported() {
        let expected = Expected::active(json!({"active": true, "exp": 2, "sub": "s"})).cached();
        let got = answer(503, "miss", r#"{"active":true,"exp":3,"extra":1}"#);
        assert_eq!(
            expected.differences(&got),
            [
                "status: expected 200, got 503",
                "X-Cache: expected hit, got miss",
                "exp: expected 2, got 3",
                "sub: expected \"s\", got none",
                "extra: expected none, got 1",
            ]
        );
    }

    #[test]
    fn invalid_json_has_no_members() {
        assert!(
            !Expected::error(503, "e")
                .differences(&answer(503, "", "<html>"))
                .is_empty()
        );
    }
}
