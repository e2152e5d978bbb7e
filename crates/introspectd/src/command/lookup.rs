use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use clap::Args;
use http::{HeaderValue, Method, StatusCode};
use serde::Deserialize;

use super::{Exit, Outcome, Stopped, block_on, complain, environment, read_secret, say};
use crate::client::{Ask, Server};

/// Ask a running server about a token, which is read from standard input.
///
/// Prints the server's answer. Exits with 0 if the token is active, 1 if it is not or the server
/// refuses, 3 if the server cannot be reached or has an error of its own.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Lookup {
    /// Ask this provider only
    #[arg(long, value_name = "NAME")]
    provider: Option<String>,
    /// Standard input holds a token id; needs --provider and the permission `lookup`
    #[arg(long, requires = "provider")]
    token_id: bool,
    #[command(flatten)]
    connection: Connection,
}

/// Which server to ask, and who asks.
#[derive(Args)]
struct Connection {
    /// http://HOST:PORT or unix:PATH [environment: INTROSPECTD_URL; default: http://127.0.0.1:8080]
    #[arg(long, value_name = "URL")]
    server: Option<String>,
    /// The caller's name [environment: INTROSPECTD_CALLER]
    #[arg(long, value_name = "NAME")]
    caller: Option<String>,
    /// A file with the caller's secret [environment: INTROSPECTD_SECRET holds the secret itself]
    #[arg(long, value_name = "FILE")]
    secret_file: Option<PathBuf>,
}

const EXAMPLES: &str = "\
Examples:
  export INTROSPECTD_URL=http://127.0.0.1:8080 INTROSPECTD_CALLER=edge INTROSPECTD_SECRET=…
  introspectd lookup < token.txt
  introspectd lookup --server unix:/run/introspectd/api.sock < token.txt
  echo 249a0a2e-028a-4e15-a841-de9fd4e4cd84 | introspectd lookup --token-id --provider bank";

impl Lookup {
    pub(crate) fn run(self) -> Outcome {
        let (server, authorization) = self.connection.resolve()?;
        let token = read_secret(if self.token_id { "token id" } else { "token" })?;
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.append_pair("token", &token);
        form.extend_pairs(self.provider.as_ref().map(|provider| ("provider", provider)));
        form.extend_pairs(self.token_id.then_some(("token_type_hint", "token_id")));
        let form = form.finish();
        block_on(async {
            let ask = Ask { method: Method::POST, path: "/introspect", authorization, form: Some(form) };
            let (status, body) = server.ask(ask).await?;
            conclude(status, &body)
        })
    }
}

fn conclude(status: StatusCode, body: &Bytes) -> Outcome {
    #[derive(Deserialize)]
    struct Verdict {
        active: bool,
    }
    let text = String::from_utf8_lossy(body);
    if status.is_success() {
        let verdict: Verdict = serde_json::from_slice(body).map_err(|_| {
            Stopped::unreachable("what answers there is no introspectd: check the server's URL")
        })?;
        say(&text);
        return Ok(if verdict.active { Exit::Fine } else { Exit::Refused });
    }
    complain(&format!("the server answers {status}: {text}"));
    Ok(if status.is_server_error() { Exit::Unreachable } else { Exit::Refused })
}

impl Connection {
    fn resolve(self) -> Result<(Server, Option<HeaderValue>), Stopped> {
        let mut environment = environment();
        let url = self.server.or_else(|| environment.remove("INTROSPECTD_URL"));
        let server =
            Server::parse(url.as_deref().unwrap_or("http://127.0.0.1:8080")).map_err(Stopped::usage)?;
        let caller = self.caller.or_else(|| environment.remove("INTROSPECTD_CALLER"));
        let secret = match self.secret_file {
            None => environment.remove("INTROSPECTD_SECRET"),
            Some(path) => {
                let read = std::fs::read_to_string(&path);
                let text = read
                    .map_err(|error| Stopped::usage(format!("{} cannot be read: {error}", path.display())))?;
                Some(text.trim_end_matches(['\r', '\n']).to_owned())
            }
        };
        let authorization = match (caller, secret) {
            (None, None) => return Ok((server, None)),
            (None, Some(secret)) => format!("Bearer {secret}"),
            (Some(caller), Some(secret)) => basic(&caller, &secret),
            (Some(_), None) => {
                return Err(Stopped::usage(
                    "the caller has no secret: set INTROSPECTD_SECRET or give --secret-file",
                ));
            }
        };
        let authorization = HeaderValue::try_from(authorization)
            .map_err(|_| Stopped::usage("the secret holds a line break or another control character"))?;
        Ok((server, Some(authorization)))
    }
}

/// RFC 6749 section 2.3.1: form-encoded inside.
fn basic(caller: &str, secret: &str) -> String {
    let encode = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    format!("Basic {}", STANDARD.encode(format!("{}:{}", encode(caller), encode(secret))))
}
