//! One question to introspectd: shown as the curl line that a reader pastes, and sent by ourselves.

use std::net::SocketAddr;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::{ACCEPT_LANGUAGE, AUTHORIZATION, CONTENT_TYPE, HOST};
use http::{Method, Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

/// Request of a step.
pub(crate) struct Ask {
    pub(crate) caller: Caller,
    pub(crate) question: Question,
    pub(crate) language: Option<&'static str>,
}

pub(crate) enum Question {
    /// Form posted to this path. Its names and values need no encoding and no quoting.
    Form { path: &'static str, form: Form },
    /// The same as a query.
    Query { path: &'static str, form: Form },
    /// Request to `/forward-auth`, like a gateway whose client shows this token, or none.
    ForwardAuth {
        policy: &'static str,
        token: Option<&'static str>,
    },
}

type Form = Vec<(&'static str, String)>;

/// Caller of a request.
#[derive(Clone, Copy)]
pub(crate) struct Caller {
    pub(crate) name: &'static str,
    pub(crate) secret: &'static str,
}

/// An API gateway, which may ask about tokens.
pub(crate) const EDGE: Caller = Caller {
    name: "edge",
    secret: "edge-demo-secret",
};
/// An operator, who may also ask about token ids, list tokens and revoke them.
pub(crate) const OPS: Caller = Caller {
    name: "ops",
    secret: "ops-demo-secret",
};

/// Longer than introspectd waits for a provider.
const DEADLINE: Duration = Duration::from_secs(10);

impl Ask {
    /// Introspects this token, as the gateway.
    pub(crate) fn token(token: &str) -> Self {
        Self::introspect(EDGE, vec![("token", token.to_owned())])
    }

    /// Looks up the token with this id.
    pub(crate) fn token_id(caller: Caller, token_id: &str, provider: &str) -> Self {
        let hint = ("token_type_hint", "token_id".to_owned());
        let form = vec![
            ("token", token_id.to_owned()),
            hint,
            ("provider", provider.to_owned()),
        ];
        Self::introspect(caller, form)
    }

    /// Decides if a client that shows this token may pass, as the gateway.
    pub(crate) fn forward_auth(policy: &'static str, token: Option<&'static str>) -> Self {
        Self {
            caller: EDGE,
            question: Question::ForwardAuth { policy, token },
            language: None,
        }
    }

    /// Lists the records of this user's tokens, as the operator.
    pub(crate) fn list(user: &str) -> Self {
        let question = Question::Query {
            path: "/v1/tokens",
            form: vec![("user_id", user.to_owned())],
        };
        Self {
            caller: OPS,
            question,
            language: None,
        }
    }

    /// Revokes this token, as the operator.
    pub(crate) fn revoke(token: &str) -> Self {
        let question = Question::Form {
            path: "/revoke",
            form: vec![("token", token.to_owned())],
        };
        Self {
            caller: OPS,
            question,
            language: None,
        }
    }

    fn introspect(caller: Caller, form: Form) -> Self {
        Self {
            caller,
            question: Question::Form {
                path: "/introspect",
                form,
            },
            language: None,
        }
    }

    pub(crate) fn by(self, caller: Caller) -> Self {
        Self { caller, ..self }
    }

    pub(crate) fn in_language(self, language: &'static str) -> Self {
        Self {
            language: Some(language),
            ..self
        }
    }

    /// The line for a shell. Its `-w` is a line break after the answer.
    pub(crate) fn curl(&self, api: SocketAddr) -> String {
        let Caller { name, secret } = self.caller;
        let mut line = format!(r"curl -i -w '\n' http://{api}{}", self.path());
        match &self.question {
            Question::Form { form, .. } | Question::Query { form, .. } => {
                line += &format!(" -u {name}:{secret}");
                if matches!(self.question, Question::Query { .. }) {
                    line += " -G";
                }
                form.iter()
                    .for_each(|(name, value)| line += &format!(" -d {name}={value}"));
            }
            Question::ForwardAuth { token, .. } => {
                line += &format!(" -H 'X-Introspectd-Caller: Bearer {secret}'");
                token
                    .iter()
                    .for_each(|token| line += &format!(" -H 'Authorization: Bearer {token}'"));
            }
        }
        if let Some(language) = self.language {
            line += &format!(" -H 'Accept-Language: {language}'");
        }
        line
    }

    /// Sends what the curl line would.
    pub(crate) async fn send(&self, api: SocketAddr) -> Result<Response<Bytes>, String> {
        let Caller { name, secret } = self.caller;
        let mut request = Request::builder().header(HOST, api.to_string());
        if let Some(language) = self.language {
            request = request.header(ACCEPT_LANGUAGE, language);
        }
        let basic = format!("Basic {}", STANDARD.encode(format!("{name}:{secret}")));
        let mut target = self.path();
        let mut body = String::new();
        match &self.question {
            Question::Form { form, .. } => {
                body = encoded(form);
                request = request.method(Method::POST).header(AUTHORIZATION, basic);
                request = request.header(CONTENT_TYPE, "application/x-www-form-urlencoded");
            }
            Question::Query { form, .. } => {
                target += &format!("?{}", encoded(form));
                request = request.header(AUTHORIZATION, basic);
            }
            Question::ForwardAuth { token, .. } => {
                request = request.header("x-introspectd-caller", format!("Bearer {secret}"));
                if let Some(token) = token {
                    request = request.header(AUTHORIZATION, format!("Bearer {token}"));
                }
            }
        }
        in_time(async { exchange(api, request.uri(target).body(Full::from(body))?).await }).await
    }

    fn path(&self) -> String {
        match self.question {
            Question::Form { path, .. } | Question::Query { path, .. } => path.to_owned(),
            Question::ForwardAuth { policy, .. } => format!("/forward-auth/{policy}"),
        }
    }
}

fn encoded(form: &Form) -> String {
    let pairs: Vec<String> = form
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    pairs.join("&")
}

/// Asks the admin listener if introspectd is ready.
pub(crate) async fn is_ready(admin: SocketAddr) -> bool {
    let answer = get(admin, "/readyz").await;
    answer.is_ok_and(|answer| answer.status().is_success())
}

/// Reads a metric without labels.
pub(crate) async fn metric(admin: SocketAddr, name: &str) -> Option<f64> {
    let answer = get(admin, "/metrics").await.ok()?;
    let text = String::from_utf8_lossy(answer.body());
    let mut words = text.lines().filter_map(|line| line.split_once(' '));
    words
        .find(|(metric, _)| *metric == name)
        .and_then(|(_, value)| value.parse().ok())
}

async fn get(admin: SocketAddr, path: &str) -> Result<Response<Bytes>, String> {
    let request = Request::builder().uri(path).header(HOST, admin.to_string());
    in_time(async { exchange(admin, request.body(Full::default())?).await }).await
}

type Failure = Box<dyn std::error::Error + Send + Sync>;

async fn in_time<T>(exchange: impl Future<Output = Result<T, Failure>>) -> Result<T, String> {
    match tokio::time::timeout(DEADLINE, exchange).await {
        Ok(outcome) => outcome.map_err(|failure| failure.to_string()),
        Err(_) => Err(format!("no answer within {} seconds", DEADLINE.as_secs())),
    }
}

async fn exchange(
    address: SocketAddr,
    request: Request<Full<Bytes>>,
) -> Result<Response<Bytes>, Failure> {
    let stream = TcpStream::connect(address).await?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    let (head, body) = sender.send_request(request).await?.into_parts();
    Ok(Response::from_parts(head, body.collect().await?.to_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn curl_line_contains_the_whole_request() {
        let ask = Ask::token_id(OPS, "7c9e", "bank").in_language("es");
        assert_eq!(
            ask.curl(([127, 0, 0, 1], 8080).into()),
            r"curl -i -w '\n' http://127.0.0.1:8080/introspect -u ops:ops-demo-secret -d token=7c9e -d token_type_hint=token_id -d provider=bank -H 'Accept-Language: es'"
        );
    }

    #[test]
    fn curl_encodes_queries() {
        assert_eq!(
            Ask::list("jdoe").curl(([127, 0, 0, 1], 8080).into()),
            r"curl -i -w '\n' http://127.0.0.1:8080/v1/tokens -u ops:ops-demo-secret -G -d user_id=jdoe"
        );
    }

    #[test]
    fn gateway_authenticates_beside_its_clients_token() {
        assert_eq!(
            Ask::forward_auth("reviews", Some("T1am")).curl(([127, 0, 0, 1], 8080).into()),
            r"curl -i -w '\n' http://127.0.0.1:8080/forward-auth/reviews -H 'X-Introspectd-Caller: Bearer edge-demo-secret' -H 'Authorization: Bearer T1am'"
        );
    }
}
