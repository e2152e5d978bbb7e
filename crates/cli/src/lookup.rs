use clap::Args;
use http::Method;
use serde::Deserialize;

use super::connection::{Connection, OfProvider, refused, strange};
use super::screen::say_json;
use super::{Exit, Outcome, read_secret};
use crate::client::Content;

/// Introspect the token on standard input at a running server.
///
/// Prints the server's answer, indented at a terminal. Exits with 0 if the token is active, 1 if it
/// is not or the server refuses, 3 if the server cannot be reached or failed.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub struct Lookup {
    #[command(flatten)]
    of: OfProvider,
    /// Standard input holds a token id; needs --provider and the permission `lookup`
    #[arg(long, requires = "provider")]
    token_id: bool,
    #[command(flatten)]
    connection: Connection,
}

const EXAMPLES: &str = "\
Examples:
  export INTROSPECTD_URL=http://127.0.0.1:8080 INTROSPECTD_CALLER=edge INTROSPECTD_SECRET=…
  introspectd lookup < token.txt
  introspectd lookup --server unix:/run/introspectd/api.sock < token.txt
  echo 249a0a2e-028a-4e15-a841-de9fd4e4cd84 | introspectd lookup --token-id --provider bank";

#[derive(Deserialize)]
struct Verdict {
    active: bool,
}

impl Lookup {
    pub fn run(self) -> Outcome {
        let client = self.connection.client()?;
        let token = read_secret(if self.token_id { "token id" } else { "token" })?;
        let hint = self.token_id.then_some("token_id");
        let form = [
            ("token", Some(&*token)),
            ("provider", self.of.provider.as_deref()),
            ("token_type_hint", hint),
        ];
        let answer = client.ask(Method::POST, "/introspect", Content::form(form))?;
        if !answer.status.is_success() {
            return Ok(refused(&answer));
        }
        let verdict: Verdict = serde_json::from_slice(&answer.body).map_err(|_| strange())?;
        say_json(&answer.body)?;
        Ok(if verdict.active {
            Exit::Fine
        } else {
            Exit::Refused
        })
    }
}
