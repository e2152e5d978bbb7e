use std::sync::Arc;

use http::{HeaderName, HeaderValue};
use introspectd_settings::Section;
use secrecy::ExposeSecret;

use crate::address::Address;
use crate::authorization::{UNFIT, renewed, secret_value};
use crate::connect::Origin;
use crate::renewed::Renewed;
use crate::request::Request;

/// Headers of the configuration for every request to a provider. Their values are secrets.
#[derive(Debug, Clone)]
pub(crate) struct Headers {
    values: Arc<[(HeaderName, Renewed<HeaderValue>)]>,
    /// Origins of the configured addresses.
    origins: Arc<[Origin]>,
    /// True if only requests to these origins have the headers.
    is_confined: bool,
}

/// Reason why a name cannot be configured.
struct Forbidden {
    what: &'static str,
    remedy: &'static str,
}

impl Headers {
    /// Reads `headers = { NAME = SECRET }` of a provider with these addresses.
    pub(crate) fn read(section: &mut Section, addresses: &[&Address]) -> Self {
        let mut table = section.section("headers");
        let mut values = Vec::new();
        for key in table.keys() {
            let name = judge(&key).and_then(|name| {
                let is_known = values.iter().any(|(known, _)| *known == name);
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
                Some(value) => values.push((name, value)),
                None => table.problem(&key, UNFIT, "Check for line breaks."),
            }
        }
        table.finish();
        let origins = addresses.iter().filter_map(|it| Origin::of(it.uri()));
        Self {
            values: values.into(),
            origins: origins.collect(),
            is_confined: false,
        }
    }

    /// Returns the headers for requests that are no asks: to a `token_endpoint`, and for documents.
    /// They go to the origins of the configured addresses alone: metadata may name any server, and
    /// that one is not to learn the key of a gateway.
    pub(crate) fn confined(&self) -> Self {
        Self {
            is_confined: true,
            ..self.clone()
        }
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &HeaderName> {
        self.values.iter().map(|(name, _)| name)
    }

    /// Adds the headers that hold now. One that the request sets itself stays.
    pub(crate) fn add_to(&self, request: &mut Request) {
        if self.is_confined && !self.origins.iter().any(|it| it.is_of(&request.uri)) {
            return;
        }
        for (name, value) in &*self.values {
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
