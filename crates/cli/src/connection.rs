//! Connection options and refusals that the client commands share.

use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use clap::Args;
use clap::builder::NonEmptyStringValueParser;
use http::{HeaderValue, Method, StatusCode};
use introspectd_files::{MAX_SECRET, START};
use secrecy::{ExposeSecret, SecretString};

use super::client_file::ClientFile;
use super::{Exit, Stopped, block_on, complain, environment};
use crate::client::{Answer, Ask, Content, Server};

/// Server and caller options. Missing ones come from the environment, else from the client
/// configuration file.
#[derive(Args)]
pub(crate) struct Connection {
    /// http://HOST:PORT or unix:PATH [environment: INTROSPECTD_URL; default: http://127.0.0.1:8080]
    #[arg(long, value_name = "URL")]
    server: Option<String>,
    /// Name of the caller [environment: INTROSPECTD_CALLER]
    #[arg(long, value_name = "NAME")]
    caller: Option<String>,
    /// File with the caller's secret [environment: INTROSPECTD_SECRET holds the secret itself]
    #[arg(long, value_name = "FILE")]
    secret_file: Option<PathBuf>,
}

/// Option that names the provider of a token.
#[derive(Args)]
pub(crate) struct OfProvider {
    /// Provider of the token; a token of any other is inactive
    #[arg(long, value_name = "NAME", value_parser = NonEmptyStringValueParser::new())]
    pub(crate) provider: Option<String>,
}

/// Server with the credentials of a caller.
pub(crate) struct Client {
    server: Server,
    authorization: Option<HeaderValue>,
}

pub(crate) const DEFAULT_SERVER: &str = "http://127.0.0.1:8080";

impl Connection {
    /// Resolves server and credentials: arguments override the environment, which overrides the
    /// file.
    pub(crate) fn client(self) -> Result<Client, Stopped> {
        let mut environment = environment();
        let file = ClientFile::find(&environment)?;
        let url = self
            .server
            .or_else(|| environment.remove("INTROSPECTD_URL"));
        let server = match (url, file.server) {
            (None, Some(server)) => server,
            (url, _) => {
                Server::parse(url.as_deref().unwrap_or(DEFAULT_SERVER)).map_err(Stopped::usage)?
            }
        };
        let caller = self
            .caller
            .or_else(|| environment.remove("INTROSPECTD_CALLER"))
            .or(file.caller);
        let secret = match self.secret_file {
            None => environment
                .remove("INTROSPECTD_SECRET")
                .map(SecretString::from)
                .or(file.secret),
            Some(path) => Some(secret_in(&path)?),
        };
        // A line break at its end is not part of the secret, wherever it comes from.
        let secret = secret
            .as_ref()
            .map(|it| it.expose_secret().trim_end_matches(['\r', '\n']));
        let authorization = match (caller, secret) {
            (None, None) => {
                return Ok(Client {
                    server,
                    authorization: None,
                });
            }
            (None, Some(secret)) => format!("Bearer {secret}"),
            (Some(caller), Some(secret)) => basic(&caller, secret),
            (Some(_), None) => {
                return Err(Stopped::usage(
                    "the caller has no secret: set INTROSPECTD_SECRET, give --secret-file, or \
                        write `secret` into the client configuration file",
                ));
            }
        };
        let mut authorization = HeaderValue::try_from(authorization).map_err(|_| {
            Stopped::usage("the secret contains a line break or another control character")
        })?;
        authorization.set_sensitive(true);
        Ok(Client {
            server,
            authorization: Some(authorization),
        })
    }
}

fn secret_in(path: &Path) -> Result<SecretString, Stopped> {
    let read = introspectd_files::read_text(path, MAX_SECRET, START);
    let text = read
        .map_err(|error| Stopped::usage(format!("{} cannot be read: {error}", path.display())))?;
    Ok(text.into())
}

/// Builds HTTP Basic credentials, form-encoded inside (RFC 6749 section 2.3.1).
fn basic(caller: &str, secret: &str) -> String {
    let encode = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    format!(
        "Basic {}",
        STANDARD.encode(format!("{}:{}", encode(caller), encode(secret)))
    )
}

impl Client {
    pub(crate) fn ask(
        &self,
        method: Method,
        path: &str,
        content: Content,
    ) -> Result<Answer, Stopped> {
        let ask = Ask {
            method,
            path,
            authorization: self.authorization.clone(),
            content,
        };
        block_on(self.server.ask(ask))
    }
}

/// Prints the server's refusal, and returns the exit of the command.
pub(crate) fn refused(answer: &Answer) -> Exit {
    let Stopped { exit, message } = refusal(answer);
    complain(&message);
    exit
}

/// Converts an unsuccessful response into an error.
pub(crate) fn refusal(answer: &Answer) -> Stopped {
    let message = format!(
        "the server answers {}: {}",
        answer.status,
        String::from_utf8_lossy(&answer.body)
    );
    let exit = match answer.status {
        // The provider does not support the operation: a retry changes nothing.
        StatusCode::NOT_IMPLEMENTED => Exit::Refused,
        status if status.is_server_error() => Exit::Unreachable,
        _ => Exit::Refused,
    };
    Stopped { exit, message }
}

/// Error of a response that introspectd does not give.
pub(crate) fn strange() -> Stopped {
    Stopped::unreachable("unexpected response; is this an introspectd server? Check --server.")
}
