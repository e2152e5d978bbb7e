use clap::Args;
use clap::builder::NonEmptyStringValueParser;
use http::{Method, StatusCode};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::connection::{Client, Connection, OfProvider, refused, strange};
use super::consent::Consent;
use super::{Exit, Outcome, complain, read_secret, say};
use crate::client::{Answer, Content};

/// Revoke a token at its provider and purge it from the server's cache.
///
/// The token is read from standard input. Needs the permission `revoke`. At a terminal it asks for
/// confirmation. A token that no provider knows counts as revoked.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub struct Revoke {
    #[command(flatten)]
    of: OfProvider,
    /// Revoke the token with this id, in place of the one on standard input; needs --provider
    #[arg(
        long,
        value_name = "ID",
        requires = "provider",
        value_parser = NonEmptyStringValueParser::new()
    )]
    token_id: Option<String>,
    #[command(flatten)]
    consent: Consent,
    #[command(flatten)]
    connection: Connection,
}

const EXAMPLES: &str = "\
Examples:
  export INTROSPECTD_URL=http://127.0.0.1:8080 INTROSPECTD_CALLER=admin INTROSPECTD_SECRET=…
  introspectd revoke < token.txt
  introspectd revoke --provider legacy --yes < token.txt
  introspectd revoke --provider bank --token-id 249a0a2e-028a-4e15-a841-de9fd4e4cd84

Exits with 0 if the token is revoked, 1 if the server refuses or the provider cannot revoke, 3 if
the server cannot be reached or the provider did not confirm: the token may still be active there.";

impl Revoke {
    pub fn run(self) -> Outcome {
        let client = self.connection.client()?;
        let provider = self.of.provider.as_deref();
        match (provider, self.token_id.as_deref()) {
            (Some(provider), Some(id)) => by_id(&client, provider, id, &self.consent),
            _ => by_value(&client, provider, &self.consent),
        }
    }
}

fn by_value(client: &Client, provider: Option<&str>, consent: &Consent) -> Outcome {
    let token = read_secret("token")?;
    let place = provider
        .map(|provider| format!(" at {provider}"))
        .unwrap_or_default();
    consent.ask(&format!("Revoke the token on standard input{place}?"))?;
    let form = Content::form([("token", Some(&*token)), ("provider", provider)]);
    let answer = client.ask(Method::POST, "/revoke", form)?;
    conclude(
        &answer,
        "revoked, or unknown to every provider that this caller may ask",
    )
}

fn by_id(client: &Client, provider: &str, id: &str, consent: &Consent) -> Outcome {
    consent.ask(&format!("Revoke the token with the id {id} at {provider}?"))?;
    let path = format!("/v1/providers/{}/tokens/{}", segment(provider), segment(id));
    let answer = client.ask(Method::DELETE, &path, Content::Nothing)?;
    if answer.status == StatusCode::NOT_FOUND {
        complain(&format!(
            "provider {provider} does not exist, or this caller may not ask it"
        ));
    }
    conclude(&answer, "revoked, or unknown to the provider")
}

/// Encodes text as one segment of a path: everything but RFC 3986's unreserved characters.
fn segment(text: &str) -> String {
    const RESERVED: &AsciiSet = &NON_ALPHANUMERIC
        .remove(b'-')
        .remove(b'.')
        .remove(b'_')
        .remove(b'~');
    utf8_percent_encode(text, RESERVED).to_string()
}

fn conclude(answer: &Answer, done: &str) -> Outcome {
    match answer.status {
        // Any other server's page may be a 200, and has revoked nothing.
        StatusCode::OK if answer.body.is_empty() => {
            say(done)?;
            return Ok(Exit::Fine);
        }
        status if status.is_success() => return Err(strange()),
        _ => {}
    }
    let exit = refused(answer);
    if answer.status.is_server_error() {
        complain(match exit {
            Exit::Unreachable => {
                "the token may still be active at its provider: run this again, or revoke it there"
            }
            Exit::Fine | Exit::Refused | Exit::Usage => {
                "introspectd cannot revoke it this way: revoke it at its provider, or it remains \
                    active there"
            }
        });
    }
    Ok(exit)
}
