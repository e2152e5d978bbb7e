//! Every endpoint in one row. 404, 405 with `Allow`, and HEAD follow from the table.

use http::Method;
use introspectd_service::{EndpointName, Operation, Permission};

use crate::body::BodyType;
use crate::call::{Answering, Call, Captures};
use crate::discovery::{Discovery, Document};
use crate::message::Message;
use crate::{forward_auth, v1};

/// Endpoint: name, method, path, permissions of which a caller needs one, and handler.
pub(crate) struct Route {
    pub(crate) name: EndpointName,
    method: &'static str,
    path: &'static str,
    pub(crate) permissions: &'static [Permission],
    pub(crate) endpoint: Endpoint,
}

/// Handler of a route.
#[derive(Clone, Copy)]
pub(crate) enum Endpoint {
    /// `Handler::introspect`, which the table comes too late for.
    Introspect,
    /// `Handler::forward_auth`, whose caller is a proxy.
    Decide,
    /// Public document.
    Document(Document),
    /// Message of another server, which is no caller.
    Message(Message),
    /// Operation of an authenticated caller.
    Operation(Operation, BodyType, for<'a> fn(Call<'a>) -> Answering<'a>),
}

/// Result of a search.
pub(crate) enum Match<'a> {
    Introspect,
    /// Decision by this policy.
    Decide(&'a str),
    Route(&'static Route, Captures<'a>),
    NotAllowed,
    NotFound,
}

impl Match<'_> {
    /// Returns the name of the endpoint; one that takes another method, or none, is `other`.
    #[inline]
    pub(crate) fn endpoint(&self) -> EndpointName {
        match self {
            Self::Introspect => EndpointName::Introspect,
            Self::Decide(_) => EndpointName::ForwardAuth,
            Self::Route(route, _) => route.name,
            Self::NotAllowed | Self::NotFound => EndpointName::Other,
        }
    }

    /// Returns the operation that observers are told of, if the request is refused unread.
    pub(crate) fn operation(&self) -> Operation {
        match self {
            Self::Introspect => Operation::Introspect,
            Self::Decide(_) => Operation::Decide,
            Self::Route(route, _) => match route.endpoint {
                Endpoint::Operation(operation, ..) => operation,
                Endpoint::Message(message) => message.operation(),
                Endpoint::Introspect | Endpoint::Decide | Endpoint::Document(_) => {
                    Operation::Unknown
                }
            },
            Self::NotAllowed | Self::NotFound => Operation::Unknown,
        }
    }
}

/// Stands for every method.
const ANY: &str = "*";

#[rustfmt::skip]
const TABLE: &[Route] = {
    use BodyType::{Form, None, Object};
    use EndpointName as N;
    use Permission as P;
    &[
        Route::new(N::Introspect, "POST", "/introspect", &[P::Introspect, P::Lookup],
            Endpoint::Introspect),
        Route::new(N::ForwardAuth, ANY, "/forward-auth", &[P::Introspect], Endpoint::Decide),
        Route::new(N::ForwardAuth, ANY, "/forward-auth/{policy}", &[P::Introspect],
            Endpoint::Decide),
        Route::new(N::Other, "GET", "/openapi.json", &[], Endpoint::Document(Document::OpenApi)),
        Route::new(N::Other, "GET", "/.well-known/oauth-authorization-server", &[],
            Endpoint::Document(Document::Metadata)),
        Route::new(N::Other, "GET", "/jwks", &[], Endpoint::Document(Document::Jwks)),
        Route::new(N::Other, "GET", "/.well-known/oauth-protected-resource", &[],
            Endpoint::Document(Document::Resource)),
        Route::new(N::Other, "GET", "/.well-known/oauth-protected-resource/{resource}", &[],
            Endpoint::Document(Document::Resource)),
        Route::new(N::Events, "POST", "/events", &[], Endpoint::Message(Message::Event)),
        Route::new(N::Logout, "POST", "/backchannel-logout", &[],
            Endpoint::Message(Message::Logout)),
        // Of a caller, both; of a transmitter, none.
        Route::new(N::SubjectRevocation, "POST", "/global-token-revocation",
            &[P::Revoke, P::Purge], Endpoint::Message(Message::Revocation)),
        Route::new(N::Revoke, "POST", "/revoke", &[P::Revoke],
            Endpoint::Operation(Operation::Revoke, Form, v1::revoke)),
        Route::new(N::Purge, "POST", "/v1/cache/purge", &[P::Purge],
            Endpoint::Operation(Operation::Purge, Object, v1::purge)),
        Route::new(N::Tokens, "GET", "/v1/tokens", &[P::List],
            Endpoint::Operation(Operation::List, None, v1::list)),
        Route::new(N::Explain, "POST", "/v1/explain", &[P::Explain],
            Endpoint::Operation(Operation::Explain, Form, v1::explain)),
        // Any caller may see its own providers.
        Route::new(N::Providers, "GET", "/v1/providers", &[],
            Endpoint::Operation(Operation::Providers, None, v1::providers)),
        Route::new(N::Bindings, "PUT", "/v1/providers/{provider}/bindings", &[P::Bind],
            Endpoint::Operation(Operation::Bind, Object, v1::bind)),
        Route::new(N::Issue, "POST", "/v1/providers/{provider}/tokens", &[P::Issue],
            Endpoint::Operation(Operation::Issue, Object, v1::issue)),
        Route::new(N::Record, "GET", "/v1/providers/{provider}/tokens/{token_id}", &[P::Lookup],
            Endpoint::Operation(Operation::Lookup, None, v1::lookup)),
        Route::new(N::Record, "DELETE", "/v1/providers/{provider}/tokens/{token_id}", &[P::Revoke],
            Endpoint::Operation(Operation::Revoke, None, v1::revoke_by_id)),
    ]
};

impl Route {
    const fn new(
        name: EndpointName,
        method: &'static str,
        path: &'static str,
        permissions: &'static [Permission],
        endpoint: Endpoint,
    ) -> Self {
        Self {
            name,
            method,
            path,
            permissions,
            endpoint,
        }
    }

    fn takes(&self, method: &Method) -> bool {
        self.method == ANY
            || self.method == method.as_str()
            || self.method == "GET" && method == Method::HEAD
    }
}

/// Finds the route of a request.
#[inline]
pub(crate) fn find<'a>(path: &'a str, method: &Method, discovery: &Discovery) -> Match<'a> {
    match (path, method.as_str()) {
        // First, since gateways send nothing else.
        ("/introspect", "POST") => Match::Introspect,
        _ => search(path, method, discovery),
    }
}

fn search<'a>(path: &'a str, method: &Method, discovery: &Discovery) -> Match<'a> {
    // What follows the policy may be a client's, so these paths have no fixed number of segments.
    if let Some(policy) = forward_auth::policy_in_path(path) {
        return Match::Decide(policy);
    }
    let path = discovery.canonical(path);
    match matching(path).find(|(route, _)| route.takes(method)) {
        Some((route, captures)) => match route.endpoint {
            Endpoint::Introspect => Match::Introspect,
            Endpoint::Decide => Match::NotFound,
            Endpoint::Document(_) | Endpoint::Message(_) | Endpoint::Operation(..) => {
                Match::Route(route, captures)
            }
        },
        None if matching(path).next().is_some() => Match::NotAllowed,
        None => Match::NotFound,
    }
}

/// Lists the methods that a path allows.
pub(crate) fn allowed_methods(path: &str, discovery: &Discovery) -> String {
    let methods: Vec<_> = matching(discovery.canonical(path))
        .map(|(route, _)| with_head(route.method))
        .collect();
    methods.join(", ")
}

fn matching(path: &str) -> impl Iterator<Item = (&'static Route, Captures<'_>)> {
    TABLE
        .iter()
        .filter_map(move |route| Some((route, captured(route.path, path)?)))
}

/// Adds HEAD to GET (RFC 9110 section 9.1).
fn with_head(method: &'static str) -> &'static str {
    if method == "GET" { "GET, HEAD" } else { method }
}

/// Matches a path with a pattern, segment by segment.
fn captured<'a>(pattern: &str, path: &'a str) -> Option<Captures<'a>> {
    let mut captures = Captures::default();
    let (mut expected, mut given) = (pattern.split('/'), path.split('/'));
    loop {
        match (expected.next(), given.next()) {
            (None, None) => return Some(captures),
            // All segments of the resource's own path.
            (Some("{resource}"), Some(_)) => return Some(captures),
            (Some("{provider}"), Some(segment)) => captures.provider = Some(segment),
            (Some("{token_id}"), Some(segment)) => captures.token_id = Some(segment),
            (Some(expected), Some(given)) if expected == given => {}
            _ => return None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allow(method: &Method, path: &str) -> Option<String> {
        let discovery = Discovery::new(None);
        let is_refused = matches!(find(path, method, &discovery), Match::NotAllowed);
        is_refused.then(|| allowed_methods(path, &discovery))
    }

    #[test]
    fn other_methods_are_told_those_of_the_path() {
        let record = "/v1/providers/bank/tokens/1";
        for (path, expected) in [
            ("/introspect", "POST"),
            ("/v1/tokens", "GET, HEAD"),
            (record, "GET, HEAD, DELETE"),
            ("/openapi.json", "GET, HEAD"),
        ] {
            for method in [Method::OPTIONS, Method::PATCH] {
                assert_eq!(allow(&method, path).as_deref(), Some(expected), "{path}");
            }
        }
    }

    #[test]
    fn get_takes_head() {
        assert!(matches!(
            find("/v1/tokens", &Method::HEAD, &Discovery::new(None)),
            Match::Route(..)
        ));
        assert_eq!(allow(&Method::HEAD, "/revoke").as_deref(), Some("POST"));
    }

    #[test]
    fn variable_segments_are_captured_as_sent() {
        let Match::Route(_, captures) = find(
            "/v1/providers/a%2f/tokens/",
            &Method::GET,
            &Discovery::new(None),
        ) else {
            panic!("not found");
        };
        assert_eq!(
            captures,
            Captures {
                provider: Some("a%2f"),
                token_id: Some("")
            }
        );
    }

    #[test]
    fn any_path_is_found_by_its_segments() {
        let seeds: [&[u8]; 3] = [
            b"/v1/providers/bank/tokens/1",
            b"/v1/providers/bank/bindings",
            b"/.well-known/oauth-protected-resource/orders/x",
        ];
        introspectd_fuzz::check!(&seeds, |bytes: &[u8]| {
            let path = String::from_utf8_lossy(bytes);
            let discovery = Discovery::new(None);
            for method in [Method::GET, Method::PUT, Method::DELETE] {
                let Match::Route(route, captures) = find(&path, &method, &discovery) else {
                    continue;
                };
                assert!(route.takes(&method));
                if route.path.ends_with("{resource}") {
                    let fixed = route.path.trim_end_matches("{resource}");
                    assert!(path.starts_with(fixed), "{path}");
                    continue;
                }
                let segments = route.path.split('/').map(|segment| match segment {
                    "{provider}" => captures.provider.unwrap(),
                    "{token_id}" => captures.token_id.unwrap(),
                    fixed => fixed,
                });
                assert!(path.split('/').eq(segments), "{path} {}", route.path);
            }
        });
    }

    #[test]
    fn any_other_path_is_not_found() {
        for path in [
            "",
            "/",
            "*",
            "/introspect/",
            "//revoke",
            "/v1",
            "/v1/tokens/",
            "/revoke/x",
            "revoke",
        ] {
            assert!(
                matches!(
                    find(path, &Method::GET, &Discovery::new(None)),
                    Match::NotFound
                ),
                "{path}"
            );
        }
    }
}
