use clap::Args;
use clap::builder::NonEmptyStringValueParser;
use http::Method;
use serde::Deserialize;
use serde_json::{Value, json};

use super::connection::{Connection, refused, strange};
use super::consent::Consent;
use super::{Exit, Outcome, Stopped, read_secret, say};
use crate::client::Content;

/// Purge entries from a running server's cache.
///
/// Prints the number of purged entries, "at least" so many if the server's cache is too large to be
/// counted in time; all of them are purged. Only this server's cache is purged: where several run,
/// purge each. Needs the permission `purge`. At a terminal, --provider and --all ask for
/// confirmation.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub struct Purge {
    #[command(flatten)]
    what: What,
    #[command(flatten)]
    consent: Consent,
    #[command(flatten)]
    connection: Connection,
}

#[derive(Args)]
#[group(required = true, multiple = false)]
struct What {
    /// Purge the token on standard input
    #[arg(long)]
    token: bool,
    /// Purge all tokens of this provider
    #[arg(long, value_name = "NAME", value_parser = NonEmptyStringValueParser::new())]
    provider: Option<String>,
    /// Purge all tokens of this subject
    #[arg(long, value_name = "SUBJECT", value_parser = NonEmptyStringValueParser::new())]
    sub: Option<String>,
    /// Purge all tokens of this client
    #[arg(long, value_name = "ID", value_parser = NonEmptyStringValueParser::new())]
    client_id: Option<String>,
    /// Purge all tokens that this caller may see
    #[arg(long)]
    all: bool,
}

const EXAMPLES: &str = "\
Examples:
  export INTROSPECTD_URL=http://127.0.0.1:8080 INTROSPECTD_CALLER=admin INTROSPECTD_SECRET=…
  introspectd purge --token < token.txt
  introspectd purge --sub 251-20c8104e
  introspectd purge --all --yes --server unix:/run/introspectd/api.sock

Exits with 0 even if nothing was cached, 1 if the server refuses, 3 if it cannot be reached or \
failed.";

#[derive(Deserialize)]
struct Purged {
    purged: u64,
    #[serde(default)]
    estimate: bool,
}

impl Purge {
    pub fn run(self) -> Outcome {
        let client = self.connection.client()?;
        if let Some(question) = self.what.question() {
            self.consent.ask(&question)?;
        }
        let content = Content::Json(self.what.body()?.to_string());
        let answer = client.ask(Method::POST, "/v1/cache/purge", content)?;
        if !answer.status.is_success() {
            return Ok(refused(&answer));
        }
        let Purged { purged, estimate } =
            serde_json::from_slice(&answer.body).map_err(|_| strange())?;
        let entries = if purged == 1 { "entry" } else { "entries" };
        // The purge is complete: only the count is not.
        let at_least = if estimate { "at least " } else { "" };
        say(&format!("purged {at_least}{purged} {entries}"))?;
        Ok(Exit::Fine)
    }
}

impl What {
    /// Returns the question for purges that send many requests to providers at once.
    fn question(&self) -> Option<String> {
        match &self.provider {
            Some(provider) => Some(format!("Purge all tokens of {provider}?")),
            None => self
                .all
                .then(|| "Purge all tokens of all providers?".to_owned()),
        }
    }

    fn body(self) -> Result<Value, Stopped> {
        Ok(match self {
            Self {
                provider: Some(provider),
                ..
            } => json!({"provider": provider}),
            Self { sub: Some(sub), .. } => json!({"sub": sub}),
            Self {
                client_id: Some(client_id),
                ..
            } => json!({"client_id": client_id}),
            Self { token: true, .. } => json!({"token": read_secret("token")?}),
            Self { .. } => json!({"all": self.all}),
        })
    }
}
