//! Request, response and verdict, written to standard error: standard output has the section alone.

use std::fmt::Write as _;
use std::io::{self, Write};
use std::time::Duration;

use http::header::{HOST, SET_COOKIE};
use http::{HeaderMap, HeaderName, HeaderValue, Version};
use introspectd_upstream::{Head, MASK, Sent};

use introspectd_core::text::indented;
use introspectd_core::text::{harmless, one_line};

use super::diagnosis::Verdict;
use super::finding::Weight;
use super::mask::Mask;

/// Most characters of a body that are shown.
const MAX_SHOWN: usize = 4000;

/// Writes the lines of a report, with what the server said masked and harmless.
pub(super) struct Report<'a> {
    pub(super) mask: &'a Mask,
}

impl Report<'_> {
    /// Writes the request. `form` describes the token.
    pub(super) fn request(&self, sent: &Sent, form: &str) {
        let mut text = format!("{} {}\n", sent.method, one_line(&sent.uri.to_string()));
        if let Some(host) = sent.uri.authority() {
            let _ = writeln!(text, "  {HOST}: {host}");
        }
        self.headers(&mut text, &sent.headers);
        let _ = write!(
            text,
            "\n  {}\n  (token: {})\n\n",
            sent.form,
            one_line(&self.mask.apply(form))
        );
        tell(&text);
    }

    pub(super) fn response(&self, head: Option<&Head>, body: Option<&[u8]>, took: Duration) {
        let Some(head) = head else { return };
        let version = if head.version == Version::HTTP_2 {
            "HTTP/2"
        } else {
            "HTTP/1.1"
        };
        let mut text = format!("{version} {} after {} ms\n", head.status, took.as_millis());
        self.headers(&mut text, &head.headers);
        if let Some(body) = body {
            text.push('\n');
            self.body(&mut text, body);
        }
        text.push('\n');
        tell(&text);
    }

    fn headers(&self, text: &mut String, headers: &HeaderMap) {
        for (name, value) in headers {
            let _ = writeln!(text, "  {name}: {}", one_line(&self.value(name, value)));
        }
    }

    fn value(&self, name: &HeaderName, value: &HeaderValue) -> String {
        if name == SET_COOKIE {
            return MASK.to_owned();
        }
        self.mask.apply(&String::from_utf8_lossy(value.as_bytes()))
    }

    fn body(&self, text: &mut String, body: &[u8]) {
        // Masked whole: a secret must not be cut in two.
        let masked = self.mask.apply(&String::from_utf8_lossy(body));
        let is_object = masked.trim_start().starts_with('{');
        let shown = if is_object { indented(&masked) } else { masked };
        let shown = harmless(&shown);
        let end = shown
            .char_indices()
            .nth(MAX_SHOWN)
            .map_or(shown.len(), |(end, _)| end);
        let (shown, rest) = shown.split_at_checked(end).unwrap_or((&shown, ""));
        for line in shown.lines() {
            let _ = writeln!(text, "  {line}");
        }
        if !rest.is_empty() {
            let _ = writeln!(text, "  … ({} bytes in all)", body.len());
        }
    }

    pub(super) fn verdict(&self, verdict: &Verdict) {
        let mut text = format!("{}\n", one_line(&verdict.headline));
        for finding in &verdict.findings {
            let weight = match finding.weight {
                Weight::Fault => "wrong",
                Weight::Cause => "possible cause",
                Weight::Note => "note",
            };
            let (what, remedy) = (
                self.mask.apply(&finding.what),
                self.mask.apply(&finding.remedy),
            );
            let _ = write!(
                text,
                "{weight}: {}\n    {}\n",
                one_line(&what),
                one_line(&remedy)
            );
        }
        text.push('\n');
        tell(&text);
    }
}

/// Writes to standard error. A failure is ignored: the exit code carries the result.
pub(super) fn tell(text: &str) {
    let _ = io::stderr().write_all(text.as_bytes());
}
