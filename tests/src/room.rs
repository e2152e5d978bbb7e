use http::header::AUTHORIZATION;
use http_body_util::Full;
use introspectd_simulators::{Recorded, Simulator};

use crate::{Fixture, Gateway, OPS_SECRET, Reply, basic, form_body, now};

/// So long that no busy machine makes a timeout where none is meant.
const PATIENT: &str = "timeout = \"60s\"";

/// A gateway before one vendor's simulator.
pub struct Room<V: Fixture> {
    pub server: Simulator<V::Server>,
    /// The gateway, with this vendor as its only provider.
    pub gateway: Gateway,
}

/// A request as it reached a vendor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sent {
    pub method: &'static str,
    pub target: String,
    /// The names of all headers, sorted.
    pub headers: Vec<String>,
    pub authorization: Option<String>,
    pub content_type: Option<String>,
    pub body: String,
}

impl<V: Fixture> Room<V> {
    /// Opens a room with the vendor's usual configuration.
    pub async fn open() -> Self {
        Self::open_with(PATIENT, "").await
    }

    /// Opens a room with further lines in the provider's section, and further sections.
    pub async fn open_with(lines: &str, sections: &str) -> Self {
        let server = Simulator::start(V::server(now()))
            .await
            .expect("a free port");
        let provider = V::section(&server.base_url());
        let name = V::PROVIDER;
        let routing = format!("[routing]\nunmatched = \"{name}\"");
        let gateway = Gateway::start(&format!(
            "{routing}\n{sections}\n[providers.{name}]\n{provider}\n{lines}"
        ))
        .await;
        Self { server, gateway }
    }

    /// Asks about a token, or for the vendor that is asked by id, about an id.
    pub async fn ask(&self, identifier: &str) -> Reply {
        self.gateway.post_introspect(&V::form(identifier)).await
    }

    /// Has it taken back, as `ops`.
    pub async fn revoke(&self, identifier: &str) -> Reply {
        let caller = basic("ops", OPS_SECRET);
        let request = V::revoke(self.gateway.api(), identifier).header(AUTHORIZATION, caller);
        let form = form_body(&V::form(identifier));
        self.gateway
            .send(request.body(Full::from(form)).expect("a request"))
            .await
    }

    /// Requests to the vendor since the start or the last call.
    pub fn sent(&self) -> Vec<Sent> {
        let sent = self.server.requests().iter().map(Sent::from).collect();
        self.server.forget();
        sent
    }
}

impl Sent {
    /// A GET with nothing but what it needs.
    pub fn get(target: String, authorization: String) -> Self {
        Self {
            method: "GET",
            target,
            headers: names(&[
                "accept",
                "accept-encoding",
                "authorization",
                "host",
                "user-agent",
            ]),
            authorization: Some(authorization),
            content_type: None,
            body: String::new(),
        }
    }

    /// A DELETE with nothing but what it needs.
    pub fn delete(target: String, authorization: String) -> Self {
        Self {
            method: "DELETE",
            ..Self::get(target, authorization)
        }
    }

    /// A form with nothing but what it needs.
    pub fn form(target: String, authorization: String, body: String) -> Self {
        Self::post(
            target,
            authorization,
            "application/x-www-form-urlencoded",
            body,
        )
    }

    /// A POST with nothing but what it needs, of a body that may be empty.
    pub fn post(target: String, authorization: String, content_type: &str, body: String) -> Self {
        let headers = [
            "accept",
            "accept-encoding",
            "authorization",
            "content-length",
            "content-type",
            "host",
            "user-agent",
        ];
        Self {
            method: "POST",
            target,
            headers: names(&headers),
            authorization: Some(authorization),
            content_type: Some(content_type.to_owned()),
            body,
        }
    }
}

impl From<&Recorded> for Sent {
    fn from(request: &Recorded) -> Self {
        assert_eq!(request.header("accept"), Some("application/json"));
        assert_eq!(request.header("accept-encoding"), Some("identity"));
        let mut headers: Vec<_> = request
            .headers
            .iter()
            .map(|(name, _)| name.clone())
            .collect();
        headers.sort();
        Self {
            method: match request.method.as_str() {
                "GET" => "GET",
                "POST" => "POST",
                "DELETE" => "DELETE",
                other => panic!("{other} was sent"),
            },
            target: request.target.clone(),
            headers,
            authorization: request.header("authorization").map(str::to_owned),
            content_type: request.header("content-type").map(str::to_owned),
            body: String::from_utf8(request.body.clone()).expect("text"),
        }
    }
}

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}
