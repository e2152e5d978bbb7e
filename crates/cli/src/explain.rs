use clap::Args;
use clap::builder::NonEmptyStringValueParser;
use http::Method;
use serde::Deserialize;

use super::connection::{Connection, OfProvider, refused, strange};
use super::screen::say_json;
use super::{Exit, Outcome, read_secret};
use crate::client::Content;

/// Explain the decision of a running server about the token on standard input.
///
/// Prints the server's answer: the provider and why it was chosen, the cache entry, the provider's
/// response, and the decision with its reason. The token is not in it. Needs the permission
/// `explain`.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub struct Explain {
    #[command(flatten)]
    of: OfProvider,
    /// Standard input holds a token id; needs --provider and the permission `lookup`
    #[arg(long, requires = "provider")]
    token_id: bool,
    /// Include the decision of /forward-auth by this policy
    #[arg(
        long,
        value_name = "NAME",
        conflicts_with = "token_id",
        value_parser = NonEmptyStringValueParser::new(),
    )]
    policy: Option<String>,
    #[command(flatten)]
    connection: Connection,
}

const EXAMPLES: &str = "\
Examples:
  export INTROSPECTD_URL=http://127.0.0.1:8080 INTROSPECTD_CALLER=admin INTROSPECTD_SECRET=…
  introspectd explain < token.txt
  introspectd explain --policy orders < token.txt
  echo 249a0a2e-028a-4e15-a841-de9fd4e4cd84 | introspectd explain --token-id --provider bank

Exits with 0 if the token is active (and enough for the policy), 1 if it is not or the server \
refuses,
3 if the server cannot be reached, has an error of its own, or a provider failed.";

#[derive(Deserialize)]
struct Explained {
    decision: Decision,
    policy: Option<Judged>,
}

/// Decision about the token. Neither active nor inactive if a provider failed.
#[derive(Deserialize)]
struct Decision {
    active: Option<bool>,
    error: Option<String>,
}

/// Decision of `/forward-auth`.
#[derive(Deserialize)]
struct Judged {
    status: u16,
}

impl Explain {
    pub fn run(self) -> Outcome {
        let client = self.connection.client()?;
        let token = read_secret(if self.token_id { "token id" } else { "token" })?;
        let form = [
            ("token", Some(&*token)),
            ("provider", self.of.provider.as_deref()),
            ("token_type_hint", self.token_id.then_some("token_id")),
            ("policy", self.policy.as_deref()),
        ];
        let answer = client.ask(Method::POST, "/v1/explain", Content::form(form))?;
        if !answer.status.is_success() {
            return Ok(refused(&answer));
        }
        let explained: Explained = serde_json::from_slice(&answer.body).map_err(|_| strange())?;
        let exit = explained.exit().ok_or_else(strange)?;
        say_json(&answer.body)?;
        Ok(exit)
    }
}

impl Explained {
    fn exit(&self) -> Option<Exit> {
        match (self.decision.active, self.decision.error.as_deref()) {
            (Some(true), _) => Some(self.policy.as_ref().map_or(Exit::Fine, Judged::exit)),
            // As where the server itself answers 501.
            (Some(false), _) | (None, Some("unsupported")) => Some(Exit::Refused),
            (None, Some(_)) => Some(Exit::Unreachable),
            (None, None) => None,
        }
    }
}

impl Judged {
    fn exit(&self) -> Exit {
        match self.status {
            200..300 => Exit::Fine,
            500.. => Exit::Unreachable,
            _ => Exit::Refused,
        }
    }
}
