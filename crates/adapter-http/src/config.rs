mod ask;
mod claims;
mod conditions;
mod read;
mod template;

use std::time::Duration;

use http::StatusCode;
use introspectd_core::{Failure, Introspection, Timestamp, TokenValue};
use introspectd_settings::Section;
use introspectd_upstream::{Connection, CredentialPlace, Dialect, judge_status};

use crate::wire::condition::Condition;
use crate::wire::{self, Asked, Reading};
use ask::Purpose;
use conditions::{Conditions, Meaning, conditions};

pub(crate) use ask::Ask;

/// Keys of a described provider's section: its requests, how their answers are read, and the
/// common ones.
#[derive(Debug)]
pub struct Config {
    pub(crate) connection: Connection,
    pub(crate) introspect: Ask,
    pub(crate) lookup: Option<Ask>,
    pub(crate) revoke: Option<Revoke>,
    pub(crate) reading: Reading,
    lifetime: Option<Duration>,
    is_any_application: bool,
}

/// Described revocation.
#[derive(Debug)]
pub(crate) struct Revoke {
    pub(crate) ask: Ask,
    /// Conditions of which any says that the token is not active any more.
    pub(crate) done: Vec<Condition>,
}

impl Config {
    /// Deadline of each call to the provider.
    pub fn timeout(&self) -> Duration {
        self.connection.timeout()
    }

    /// Longest reuse of a fact whose token has no end.
    pub fn lifetime(&self) -> Option<Duration> {
        self.lifetime
    }

    /// Returns true if tokens of other applications are as good (`any_application = true`).
    pub fn accepts_any_application(&self) -> bool {
        self.is_any_application
    }

    /// Judges an answer as the service would, without a request. Without the token, nothing is said
    /// of which one the answer is about.
    ///
    /// # Errors
    /// A [`Failure`] if the answer says nothing about the token.
    pub fn judge(
        &self,
        status: StatusCode,
        body: &[u8],
        token: Option<&TokenValue>,
        now: Timestamp,
    ) -> Result<Introspection, Failure> {
        judge_status(status, self.introspect.is_refusable)?;
        let asked = token.map_or(Asked::Unknown, Asked::Token);
        Ok(wire::read(status, body, asked, &self.reading, now)?)
    }

    /// Reads the keys of a provider's section; `None` if there is a problem.
    pub fn read(section: &mut Section) -> Option<Self> {
        let before = section.ledger().problem_count();
        let allow_http = Connection::read_allow_http(section);
        if !section.has("request") {
            let remedy = "Write request = { method = \"…\", url = \"…\", … }.";
            section.problem("request", "is missing", remedy);
        }
        let read_ask = |section: &mut Section, key: &str, purpose| {
            let is_present = section.has(key);
            let mut table = section.section(key);
            let ask = is_present.then(|| Ask::read(&mut table, purpose, allow_http));
            (ask.flatten(), table)
        };
        let (introspect, table) = read_ask(section, "request", Purpose::Introspect);
        table.finish();
        let (lookup, table) = read_ask(section, "lookup", Purpose::Lookup);
        if section.has("lookup") {
            table.finish();
        }
        let (revoke, mut table) = read_ask(section, "revoke", Purpose::Revoke);
        let mut done = Conditions::default();
        if section.has("revoke") {
            done = conditions(&mut table, "done", Meaning::Done);
            table.finish();
        }

        let asks: Vec<_> = [&introspect, &lookup, &revoke]
            .into_iter()
            .flatten()
            .collect();
        let addresses: Vec<_> = asks.iter().map(|ask| ask.target.address()).collect();
        let is_form = introspect.as_ref().is_some_and(Ask::has_form);
        let dialect = if is_form {
            Dialect::FormEndpoint
        } else {
            Dialect::JsonEndpoint
        };
        let connection = Connection::read_addressed(section, &addresses, dialect, allow_http);
        let reading = read::reading(section, lookup.is_some());
        if section.ledger().problem_count() > before {
            return None;
        }
        let (connection, mut introspect, reading) = (connection?, introspect?, reading?);
        let named = [
            ("request", Some(&introspect)),
            ("lookup", lookup.as_ref()),
            ("revoke", revoke.as_ref()),
        ];
        for (key, ask) in named {
            if let Some(ask) = ask {
                check_credentials(section, key, ask, connection.credential_place());
            }
        }
        if let Some(revoke) = &revoke
            && revoke.is_like(&introspect)
        {
            let remedy = "Write the server's request that revokes.";
            section.problem(
                "revoke.url",
                "is asked like request, with the same method",
                remedy,
            );
        }
        // What is refused may be a credential of ours, which says nothing about any token.
        let brings_ours = connection.brings_credentials();
        let is_ours = |ask: &Ask| brings_ours || ask.has_secret();
        let asks = [Some(&introspect), lookup.as_ref()];
        let has_ours = asks.into_iter().flatten().any(is_ours);
        reading
            .inactive
            .check_refusals(section, "inactive", has_ours);
        done.check_refusals(section, "revoke.done", revoke.as_ref().is_some_and(is_ours));

        introspect.is_refusable = reading.inactive.name_refusals();
        let lookup = lookup.map(|mut ask| {
            ask.is_refusable = introspect.is_refusable;
            ask
        });
        let revoke = revoke.map(|mut ask| {
            ask.is_refusable = done.name_refusals();
            Revoke {
                ask,
                done: done.list,
            }
        });
        if section.ledger().problem_count() > before {
            return None;
        }
        Some(Self {
            connection,
            introspect,
            lookup,
            revoke,
            lifetime: reading.lifetime,
            is_any_application: reading.is_any_application,
            reading: reading.into_reading(),
        })
    }
}

fn check_credentials(section: &Section, key: &str, ask: &Ask, place: CredentialPlace) {
    match place {
        CredentialPlace::Header if ask.has_authorization() => section.problem(
            &format!("{key}.headers.Authorization"),
            "stands where credentials are sent",
            "Remove it, or write credentials = { type = \"none\" }.",
        ),
        CredentialPlace::Form if !ask.has_form() => section.problem(
            key,
            "has no form, in which client_secret_post would stand",
            "Write a form, or choose another type of credentials.",
        ),
        CredentialPlace::Header | CredentialPlace::Form | CredentialPlace::Nowhere => {}
    }
}

#[cfg(test)]
mod tests;
