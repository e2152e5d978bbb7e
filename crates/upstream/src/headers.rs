use http::{HeaderName, HeaderValue};
use introspectd_settings::Section;
use secrecy::ExposeSecret;

use crate::authorization::{UNFIT, renewed, secret_value};
use crate::renewed::Renewed;
use crate::request::Request;

/// Headers of the configuration for every request to a provider. Their values are secrets.
#[derive(Debug, Default)]
pub(crate) struct Headers(Vec<(HeaderName, Renewed<HeaderValue>)>);

/// Reason why a name cannot be configured.
struct Forbidden {
    what: &'static str,
    remedy: &'static str,
}

impl Headers {
    /// Reads `headers = { NAME = SECRET }`.
    pub(crate) fn read(section: &mut Section) -> Self {
        let mut table = section.section("headers");
        let mut headers = Self::default();
        for key in table.keys() {
            let name = judge(&key).and_then(|name| {
                let is_known = headers.names().any(|known| *known == name);
                (!is_known).then_some(name).ok_or(Forbidden {
                    what: "is there twice, in another case",
                    remedy: "Remove one of the two.",
                })
            });
            let secret = table.required_renewable_secret(&key);
            let name = match name {
                Ok(name) => name,
                Err(Forbidden { what, remedy }) => {
                    table.problem(&key, what, remedy);
                    continue;
                }
            };
            let Some(secret) = secret else { continue };
            match renewed(secret, |value| secret_value(value.expose_secret())) {
                Some(value) => headers.0.push((name, value)),
                None => table.problem(&key, UNFIT, "Check for line breaks."),
            }
        }
        table.finish();
        headers
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &HeaderName> {
        self.0.iter().map(|(name, _)| name)
    }

    /// Adds the headers that hold now. One that the request sets itself stays.
    pub(crate) fn add_to(&self, request: &mut Request) {
        for (name, value) in &self.0 {
            let entry = request.headers.entry(name);
            entry.or_insert_with(|| (*value.get()).clone());
        }
    }
}

/// Reads a name. What frames a message is ours: a second `Content-Length` or `Transfer-Encoding`
/// would let one request pass for two.
fn judge(name: &str) -> Result<HeaderName, Forbidden> {
    let name: HeaderName = name.parse().map_err(|_| Forbidden {
        what: "is no name of a header",
        remedy: "Write letters, digits and hyphens.",
    })?;
    let text = name.as_str();
    let begins = |with: &[&str]| with.iter().any(|prefix| text.starts_with(prefix));
    if text == "authorization" {
        return Err(Forbidden {
            what: "cannot be set by headers",
            remedy: "Use credentials in its place.",
        });
    }
    if text == "host" {
        return Err(Forbidden {
            what: "cannot be set by headers",
            remedy: "Remove it: the address says the host.",
        });
    }
    if begins(&["proxy-"]) {
        return Err(Forbidden {
            what: "cannot be set by headers",
            remedy: "Use proxy = { url = \"…\", username = \"…\", password = SECRET }.",
        });
    }
    let ours = [
        "accept-encoding",
        "connection",
        "expect",
        "keep-alive",
        "te",
        "trailer",
        "upgrade",
        "traceparent",
    ];
    if begins(&["content-", "transfer-"]) || ours.contains(&text) {
        return Err(Forbidden {
            what: "cannot be set by headers",
            remedy: "Remove it: each request sets its own.",
        });
    }
    Ok(name)
}
