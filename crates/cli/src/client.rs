//! HTTP client for a running introspectd, over TCP or a Unix socket.

use std::path::PathBuf;
use std::time::Duration;

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HOST, RETRY_AFTER};
use http::{HeaderValue, Method, Request, StatusCode, Uri};
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};

use crate::Stopped;

/// Deadline of a request, longer than any provider's usual one, so that the server's own answer
/// arrives.
const DEADLINE: Duration = Duration::from_secs(60);

/// Limit of a response, far more than a page of 200 records.
const MAX_BODY: usize = 64 << 20;

/// Address of an introspectd.
#[derive(Debug, PartialEq)]
pub(crate) enum Server {
    Tcp(String),
    Unix(PathBuf),
}

/// Request to a server.
#[derive(Default)]
pub(crate) struct Ask<'a> {
    pub(crate) method: Method,
    pub(crate) path: &'a str,
    pub(crate) authorization: Option<HeaderValue>,
    pub(crate) content: Content,
}

#[derive(Default)]
pub(crate) enum Content {
    #[default]
    Nothing,
    Form(String),
    Json(String),
}

pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    /// Pause before a retry, if the server gives one in seconds.
    pub(crate) retry_after: Option<Duration>,
    pub(crate) body: Bytes,
}

impl Content {
    /// Encodes the parameters that have a value as a form.
    pub(crate) fn form<'a>(
        parameters: impl IntoIterator<Item = (&'a str, Option<&'a str>)>,
    ) -> Self {
        let given = parameters
            .into_iter()
            .filter_map(|(name, value)| Some((name, value?)));
        Self::Form(
            form_urlencoded::Serializer::new(String::new())
                .extend_pairs(given)
                .finish(),
        )
    }
}

impl Server {
    pub(crate) fn parse(url: &str) -> Result<Self, String> {
        if let Some(path) = url.strip_prefix("unix:") {
            return Ok(Self::Unix(path.into()));
        }
        // Not repeated: it may hold a password.
        if url.contains('@') {
            return Err("a server's URL cannot hold a user name or password: write \
                http://HOST:PORT, and give caller and secret separately"
                .to_owned());
        }
        let uri: Option<Uri> = url.parse().ok();
        let authority = uri
            .as_ref()
            .filter(|uri| uri.scheme_str() == Some("http") && matches!(uri.path(), "" | "/"))
            .and_then(Uri::authority);
        match authority {
            Some(authority) if authority.port().is_some() => Ok(Self::Tcp(authority.to_string())),
            Some(authority) => Ok(Self::Tcp(format!("{authority}:80"))),
            None => Err(format!(
                "{url:?} is not a server: write http://HOST:PORT or unix:PATH"
            )),
        }
    }

    pub(crate) async fn ask(&self, ask: Ask<'_>) -> Result<Answer, Stopped> {
        let exchange = async {
            match self {
                Self::Tcp(address) => {
                    exchange(TcpStream::connect(address).await?, address, ask).await
                }
                Self::Unix(path) => {
                    exchange(UnixStream::connect(path).await?, "localhost", ask).await
                }
            }
        };
        match tokio::time::timeout(DEADLINE, exchange).await {
            Ok(answer) => answer.map_err(|error| {
                Stopped::unreachable(format!("{} cannot be reached: {error}", self.name()))
            }),
            Err(_) => Err(Stopped::unreachable(format!(
                "{} gave no answer in time",
                self.name()
            ))),
        }
    }

    fn name(&self) -> String {
        match self {
            Self::Tcp(address) => address.clone(),
            Self::Unix(path) => path.display().to_string(),
        }
    }
}

async fn exchange(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    host: &str,
    ask: Ask<'_>,
) -> Result<Answer, Box<dyn std::error::Error + Send + Sync>> {
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    let mut request = Request::builder()
        .method(ask.method)
        .uri(ask.path)
        .header(HOST, host);
    if let Some(authorization) = ask.authorization {
        request = request.header(AUTHORIZATION, authorization);
    }
    let (content_type, body) = match ask.content {
        Content::Nothing => (None, String::new()),
        Content::Form(form) => (Some("application/x-www-form-urlencoded"), form),
        Content::Json(json) => (Some("application/json"), json),
    };
    if let Some(content_type) = content_type {
        request = request.header(CONTENT_TYPE, content_type);
    }
    let request = request.body(Full::<Bytes>::from(body))?;
    let response = sender.send_request(request).await?;
    let (head, body) = response.into_parts();
    let retry_after = head
        .headers
        .get(RETRY_AFTER)
        .and_then(|value| value.to_str().ok()?.parse().ok());
    let body = Limited::new(body, MAX_BODY).collect().await?.to_bytes();
    Ok(Answer {
        status: head.status,
        retry_after: retry_after.map(Duration::from_secs),
        body,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers() {
        assert_eq!(
            Server::parse("http://h:1/"),
            Ok(Server::Tcp("h:1".to_owned()))
        );
        assert_eq!(
            Server::parse("http://[::1]"),
            Ok(Server::Tcp("[::1]:80".to_owned()))
        );
        assert_eq!(Server::parse("unix:/x"), Ok(Server::Unix("/x".into())));
        for bad in ["", "h:1", "https://h", "http://h/introspect", "ftp://h"] {
            assert!(Server::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_password_in_a_url_is_refused_and_not_repeated() {
        for url in [
            "http://admin:geheim@h:1",
            "https://admin:geheim@h",
            "geheim@h",
        ] {
            let refusal = Server::parse(url).unwrap_err();
            assert!(
                refusal.contains("http://HOST:PORT") && !refusal.contains("geheim"),
                "{refusal}"
            );
        }
    }
}
