use http::header::{ACCEPT_ENCODING, AUTHORIZATION};
use http::{HeaderName, HeaderValue};
use introspectd_settings::Section;
use introspectd_upstream::{Request, Segment, Target};

use crate::config::template::{Filling, JsonText, Reader, Text, fill};

/// Request of a described server, but for the identifier.
#[derive(Debug)]
pub(crate) struct Ask {
    method: Method,
    pub(crate) target: Target,
    /// Words that name another resource in place of the open segment.
    reserved: Vec<String>,
    query: Vec<(String, Text)>,
    headers: Vec<(HeaderName, Text)>,
    body: Body,
    /// A 401 or 403 is about the token.
    pub(crate) is_refusable: bool,
}

#[derive(Debug)]
enum Body {
    None,
    Form(Vec<(String, Text)>),
    Json(JsonText),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Method {
    Get,
    Post,
    Delete,
}

/// Purpose of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    Introspect,
    Lookup,
    Revoke,
}

/// Media type of an empty body.
const NO_FORM: &str = "application/x-www-form-urlencoded";

impl Purpose {
    fn methods(self) -> &'static [Method] {
        match self {
            Self::Introspect | Self::Lookup => &[Method::Get, Method::Post],
            // What a GET does may be done twice, by whoever is on the way.
            Self::Revoke => &[Method::Post, Method::Delete],
        }
    }

    fn placeholder(self) -> &'static str {
        match self {
            Self::Introspect | Self::Revoke => "{token}",
            Self::Lookup => "{token_id}",
        }
    }
}

impl Method {
    fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Delete => "DELETE",
        }
    }
}

impl Ask {
    /// Reads the keys of a request, without [`Section::finish`].
    pub(crate) fn read(table: &mut Section, purpose: Purpose, allow_http: bool) -> Option<Self> {
        let before = table.ledger().problem_count();
        let placeholder = purpose.placeholder();
        let reader = Reader { placeholder };
        let methods: Vec<_> = purpose.methods().iter().map(|it| it.as_str()).collect();
        let remedy = format!("Write one of {}.", methods.join(", "));
        let method = table.required_parsed("method", &remedy, |text| {
            let known = purpose.methods().iter().copied();
            known
                .into_iter()
                .find(|method| method.as_str() == text)
                .ok_or("is no method of this request")
        });
        let target = Target::read(table, "url", placeholder, allow_http);
        let query = reader.pairs(table, "query");
        let has = (table.has("form"), table.has("json"));
        let form = reader.pairs(table, "form");
        let json = reader.json(table, "json");
        let headers = read_headers(table, reader);
        let reserved = table.texts("reserved").unwrap_or_default();
        let body = match has {
            (true, true) => {
                table.problem("json", "stands beside form", "Remove one of the two.");
                Body::None
            }
            (true, false) => Body::Form(form),
            (false, true) => json.map_or(Body::None, Body::Json),
            (false, false) => Body::None,
        };
        if method == Some(Method::Get) && has != (false, false) {
            let remedy = "Write query in its place, or method = \"POST\".";
            table.problem("method", "has no body, and form or json is one", remedy);
        }
        if table.ledger().problem_count() > before {
            return None;
        }
        let ask = Self {
            method: method?,
            target: target?,
            reserved,
            query,
            headers,
            body,
            is_refusable: false,
        };
        if !ask.target.is_open() && !ask.has(Text::is_open) {
            let what = format!("names no token: {placeholder} stands nowhere in this request");
            let remedy = format!(
                "Write {placeholder} as a segment of the URL's path, or as a value of query, form, \
                 json or headers."
            );
            table.problem("", what, remedy);
            return None;
        }
        Some(ask)
    }

    /// Returns true if the credentials of the provider would stand in this request's way.
    pub(crate) fn has_authorization(&self) -> bool {
        self.headers.iter().any(|(name, _)| name == AUTHORIZATION)
    }

    /// Returns true if the body is a form.
    pub(crate) fn has_form(&self) -> bool {
        matches!(self.body, Body::Form(_))
    }

    /// Returns true if a secret of ours stands in this request.
    pub(crate) fn has_secret(&self) -> bool {
        self.has(Text::is_secret)
    }

    /// Returns true if both would be sent to the same place in the same way.
    pub(crate) fn is_like(&self, other: &Self) -> bool {
        let same = self.target.address().is_same_place(other.target.address());
        same && self.method == other.method
    }

    fn has(&self, is_such: fn(&Text) -> bool) -> bool {
        let of_body = match &self.body {
            Body::None => false,
            Body::Form(form) => form.iter().any(|(_, text)| is_such(text)),
            Body::Json(json) => json.has(is_such),
        };
        of_body
            || self.query.iter().any(|(_, text)| is_such(text))
            || self.headers.iter().any(|(_, text)| is_such(text))
    }

    /// Builds the request about this identifier; `None` if it is unfit for its place.
    pub(crate) fn request(&self, identifier: &str) -> Option<Request> {
        let has_open_header = self.headers.iter().any(|(_, text)| text.is_open());
        if has_open_header && !identifier.bytes().all(is_of_a_credential) {
            return None;
        }
        let reserved: Vec<_> = self.reserved.iter().map(String::as_str).collect();
        self.build(Filling::Identifier(identifier), &reserved)
    }

    /// Builds the request as it may be shown.
    pub(crate) fn shown(&self, mask: &str) -> Option<Request> {
        self.build(Filling::Mask(mask), &[])
    }

    fn build(&self, filling: Filling<'_>, reserved: &[&str]) -> Option<Request> {
        let (Filling::Identifier(identifier) | Filling::Mask(identifier)) = filling;
        let segment = match self.target.is_open() {
            true => Some(Segment::parse(identifier, reserved).ok()?),
            false => None,
        };
        let query = fill(&self.query, filling);
        let query: Vec<_> = query
            .iter()
            .map(|(name, value)| (*name, &**value))
            .collect();
        let uri = self.target.uri(segment.as_ref(), &query).ok()?;
        let mut request = match self.method {
            Method::Get => Request::get(uri),
            Method::Post => Request::post(uri),
            Method::Delete => Request::delete(uri),
        };
        request = match &self.body {
            Body::None if self.method == Method::Post => request.empty(NO_FORM),
            Body::None => request,
            Body::Form(form) => {
                let form = fill(form, filling);
                let form: Vec<_> = form.iter().map(|(name, value)| (*name, &**value)).collect();
                request.form(&form)
            }
            Body::Json(json) => request.json(json.fill(filling).to_string()),
        };
        for (name, text) in &self.headers {
            let mut value = HeaderValue::try_from(text.fill(filling)).ok()?;
            value.set_sensitive(true);
            request = request.header(name.clone(), value);
        }
        Some(match self.is_refusable {
            true => request.refusable(),
            false => request,
        })
    }
}

/// Returns true for a byte that ends no credential in a header: no space, comma or quote, beyond
/// which a server could read another parameter.
fn is_of_a_credential(byte: u8) -> bool {
    byte.is_ascii_graphic() && !matches!(byte, b',' | b';' | b'"' | b'\\')
}

fn read_headers(section: &mut Section, reader: Reader) -> Vec<(HeaderName, Text)> {
    let mut table = section.section("headers");
    let mut headers = Vec::new();
    for name in table.keys() {
        let Ok(header) = HeaderName::from_bytes(name.as_bytes()) else {
            table.problem(&name, "is no name of a header", "Correct the name.");
            continue;
        };
        if is_ours(&header) {
            let what = "is a header that the connection or the body decides";
            table.problem(&name, what, "Remove it.");
            continue;
        }
        if headers.iter().any(|(other, _)| *other == header) {
            table.problem(&name, "stands there twice", "Remove one of the two.");
        }
        let Some(text) = reader.header(&mut table, &name) else {
            continue;
        };
        let is_sendable = match &text {
            Text::Fixed(text) => HeaderValue::from_str(text).is_ok(),
            Text::Open { before, after } => {
                HeaderValue::from_str(before).is_ok() && HeaderValue::from_str(after).is_ok()
            }
            Text::Secret(_) => true,
        };
        if !is_sendable {
            let what = "holds a character that no header can carry";
            table.problem(&name, what, "Check for line breaks.");
            continue;
        }
        headers.push((header, text));
    }
    headers
}

/// Headers that a description cannot set: those of the connection, of the message and of the body.
fn is_ours(name: &HeaderName) -> bool {
    const NAMES: [&str; 7] = [
        "host",
        "connection",
        "keep-alive",
        "te",
        "trailer",
        "upgrade",
        "expect",
    ];
    const PREFIXES: [&str; 4] = ["content-", "transfer-", "proxy-", "trace"];
    *name == ACCEPT_ENCODING
        || NAMES.contains(&name.as_str())
        || PREFIXES
            .iter()
            .any(|prefix| name.as_str().starts_with(prefix))
}
