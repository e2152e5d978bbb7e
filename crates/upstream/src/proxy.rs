use std::sync::Arc;

use bytes::Bytes;
use http::header::{HOST, PROXY_AUTHORIZATION};
use http::{HeaderValue, Method, Request, StatusCode};
use http_body_util::Empty;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use introspectd_core::ProxyFault;
use introspectd_settings::{Entry, Section};
use tokio::task::AbortHandle;

use crate::address::{Address, InvalidAddress};
use crate::authorization::basic;
use crate::renewed::Renewed;
use crate::resolve::Names;
use crate::tcp::{Socket, open};

/// HTTP proxy by way of which a provider is asked. It resolves the provider's name.
#[derive(Debug)]
pub(crate) struct Proxy {
    host: Box<str>,
    port: u16,
    authorization: Option<Renewed<HeaderValue>>,
}

const REMEDY: &str = "Write proxy = \"http://HOST:PORT\".";
const WITH_CREDENTIALS: &str =
    "Write proxy = { url = \"http://HOST:PORT\", username = \"…\", password = SECRET }.";

/// Most bytes of the head of an answer to CONNECT.
const MAX_HEAD: usize = 16 * 1024;

impl Proxy {
    /// Reads `proxy`, if it is there. A problem stands in the section's ledger.
    pub(crate) fn read(section: &mut Section) -> Option<Arc<Self>> {
        match section.entry("proxy")? {
            Entry::Text(url) => Self::of(section, "proxy", &url, None),
            Entry::Section(mut table) => {
                let url = table.required_text("url", REMEDY);
                let authorization = read_authorization(&mut table);
                let proxy = url.and_then(|url| Self::of(&table, "url", &url, authorization));
                table.finish();
                proxy
            }
        }
    }

    fn of(
        section: &Section,
        key: &str,
        url: &str,
        authorization: Option<Renewed<HeaderValue>>,
    ) -> Option<Arc<Self>> {
        let problem = |what: &str, remedy| {
            section.problem(key, what, remedy);
            None
        };
        let address = match Address::parse(url) {
            Ok(address) => address,
            Err(error @ InvalidAddress::UserInfo) => {
                return problem(&error.to_string(), WITH_CREDENTIALS);
            }
            Err(error) => return problem(&error.to_string(), REMEDY),
        };
        if address.is_https() {
            let what = "is https, which is not spoken to a proxy";
            return problem(
                what,
                "Name the proxy's plain port: the provider's TLS passes it.",
            );
        }
        let uri = address.uri();
        if uri.path() != "/" || address.has_query() {
            return problem("holds a path", "Leave out what follows the port.");
        }
        Some(Arc::new(Self {
            host: uri.host()?.into(),
            port: uri.port_u16().unwrap_or(80),
            authorization,
        }))
    }

    /// Returns `Proxy-Authorization`, marked sensitive.
    pub(crate) fn authorization(&self) -> Option<HeaderValue> {
        let header = self.authorization.as_ref()?;
        Some((*header.get()).clone())
    }

    /// Connects to the proxy.
    pub(crate) async fn connect(&self, names: &Arc<Names>) -> Result<Socket, ProxyFault> {
        let addresses = names.resolve(&self.host).await;
        let addresses = addresses.map_err(|_| ProxyFault::Name)?;
        open(&addresses, self.port).await.map_err(|error| {
            tracing::debug!(%error, "could not connect to a proxy");
            ProxyFault::Unreachable
        })
    }

    /// Has the proxy connect to a server (`CONNECT`, RFC 9110 section 9.3.6), whose bytes then
    /// follow.
    pub(crate) async fn tunnel(&self, socket: Socket, server: &str) -> Result<Socket, ProxyFault> {
        let answer = |_| ProxyFault::Answer;
        let request = self.connect_request(server)?;
        let mut builder = http1::Builder::new();
        builder.max_buf_size(MAX_HEAD);
        let handshake = builder.handshake(TokioIo::new(socket)).await;
        let (mut sender, connection) = handshake.map_err(answer)?;
        let driver = tokio::spawn(connection.with_upgrades());
        // The driver holds the socket: an end of the deadline closes it.
        let _guard = AbortOnDrop(driver.abort_handle());
        let response = sender.send_request(request).await.map_err(answer)?;
        match response.status() {
            status if status.is_success() => {}
            // The server has not been asked yet, so that a 401 is the proxy's, too.
            StatusCode::PROXY_AUTHENTICATION_REQUIRED | StatusCode::UNAUTHORIZED => {
                return Err(ProxyFault::Credentials);
            }
            status => return Err(ProxyFault::Status(status.as_u16())),
        }
        let tunnel = hyper::upgrade::on(response).await.map_err(answer)?;
        let parts = tunnel
            .downcast::<TokioIo<Socket>>()
            .map_err(|_| ProxyFault::Answer)?;
        // A server speaks second in TLS, so these would be the proxy's own.
        if !parts.read_buf.is_empty() {
            return Err(ProxyFault::Answer);
        }
        Ok(parts.io.into_inner())
    }

    fn connect_request(&self, server: &str) -> Result<Request<Empty<Bytes>>, ProxyFault> {
        let mut request = Request::builder()
            .method(Method::CONNECT)
            .uri(server)
            .header(HOST, server);
        if let Some(authorization) = self.authorization() {
            request = request.header(PROXY_AUTHORIZATION, authorization);
        }
        request.body(Empty::new()).map_err(|_| ProxyFault::Answer)
    }
}

struct AbortOnDrop(AbortHandle);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Reads `username` and `password`, both or none.
fn read_authorization(table: &mut Section) -> Option<Renewed<HeaderValue>> {
    if !table.has("username") && !table.has("password") {
        // Both are known keys.
        table.text("username");
        table.secret("password");
        return None;
    }
    let username = table.required_text("username", WITH_CREDENTIALS);
    let password = table.required_renewable_secret("password");
    basic(table, username?, password?)
}
