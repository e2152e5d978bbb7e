//! The management API's answers in XML, for clients that accept nothing better.

use serde_json::Value;

use crate::{Answer, Recorded};

/// The answer, in XML if it is JSON and the request accepts XML but not JSON. Only the error's form
/// is documented.
pub(super) fn in_accepted_format(request: &Recorded, answer: Answer) -> Answer {
    let accept = request.header("accept").unwrap_or_default();
    let refuses_json =
        accept.contains("application/xml") && !accept.contains("json") && !accept.contains("*/*");
    match serde_json::from_slice(&answer.body) {
        Ok(Value::Object(members)) if refuses_json => {
            let root = if answer.status < 300 {
                "AccessToken"
            } else {
                "Error"
            };
            let elements: String = members
                .iter()
                .map(|(name, value)| element(&capitalized(name), value))
                .collect();
            Answer::text(
                answer.status,
                "application/xml",
                format!("<{root}>{elements}</{root}>"),
            )
        }
        _ => answer,
    }
}

fn element(name: &str, value: &Value) -> String {
    match value {
        Value::Null => format!("<{name}/>"),
        Value::Array(items) if items.is_empty() => format!("<{name}/>"),
        Value::Array(items) => {
            let items: String = items.iter().map(|item| element("Item", item)).collect();
            format!("<{name}>{items}</{name}>")
        }
        Value::Object(members) => {
            let members: String = members
                .iter()
                .map(|(name, value)| element(&capitalized(name), value))
                .collect();
            format!("<{name}>{members}</{name}>")
        }
        Value::String(text) => format!("<{name}>{}</{name}>", escaped(text)),
        Value::Bool(_) | Value::Number(_) => format!("<{name}>{value}</{name}>"),
    }
}

fn capitalized(name: &str) -> String {
    let mut letters = name.chars();
    letters
        .next()
        .map(|first| first.to_ascii_uppercase())
        .into_iter()
        .chain(letters)
        .collect()
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}
