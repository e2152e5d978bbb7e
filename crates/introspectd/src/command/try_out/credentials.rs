//! Credentials of our client, and reasons for their refusal.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use introspectd_files::{MAX_SECRET, START};
use secrecy::{ExposeSecret, SecretString};

use super::super::Stopped;
use super::finding::{Finding, cause, fault};
use super::section::{Section, text};

/// Arguments named as the keys of a provider's `credentials`.
#[derive(Args)]
pub(super) struct CredentialArgs {
    /// The id of our client at the server
    #[arg(long, value_name = "ID")]
    client_id: Option<String>,
    /// A file with the secret: `client_secret`, `password` (basic) or `token` (bearer)
    #[arg(long, value_name = "FILE")]
    pub(super) secret_file: Option<PathBuf>,
    /// The type of the credentials
    #[arg(long, value_name = "TYPE", value_enum, default_value_t = Type::ClientSecretBasic)]
    credentials: Type,
    /// Encoding of id and secret in HTTP Basic: form-urlencoded (RFC 6749 2.3.1), or as they are
    /// [default: form]
    #[arg(long, value_enum)]
    encoding: Option<Encoding>,
    /// The user's name, for basic
    #[arg(long, value_name = "NAME")]
    username: Option<String>,
    /// Token endpoint, for client_credentials
    #[arg(long, value_name = "URL")]
    token_endpoint: Option<String>,
    /// Authentication at the token endpoint [default: basic]
    #[arg(long, value_enum)]
    client_auth: Option<ClientAuth>,
    /// Scope of the token that is fetched there
    #[arg(long)]
    scope: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
enum Type {
    ClientSecretBasic,
    ClientSecretPost,
    ClientCredentials,
    Basic,
    Bearer,
    None,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Encoding {
    Form,
    Plain,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum ClientAuth {
    Basic,
    Post,
}

/// Complete credentials. They do not print.
pub(super) struct Credentials {
    kind: Type,
    encoding: Option<Encoding>,
    /// Client id or user name.
    pub(super) user: Option<String>,
    pub(super) secret: Option<SecretString>,
    /// Other keys of the configuration, with their values.
    others: Vec<(&'static str, String)>,
}

impl CredentialArgs {
    /// Reads the secret, and refuses what does not fit the type.
    pub(super) fn complete(&self) -> Result<Credentials, Stopped> {
        let kind = self.credentials;
        if kind == Type::ClientSecretBasic && self.client_id.is_none() && self.secret_file.is_none()
        {
            return Err(Stopped::usage(
                "missing credentials: give --client-id and --secret-file, or --credentials none",
            ));
        }
        let is_client = matches!(
            kind,
            Type::ClientSecretBasic | Type::ClientSecretPost | Type::ClientCredentials
        );
        let (is_basic, is_grant) = (kind == Type::Basic, kind == Type::ClientCredentials);
        kind.judge("--client-id", self.client_id.is_some(), is_client)?;
        kind.judge("--username", self.username.is_some(), is_basic)?;
        kind.judge(
            "--secret-file",
            self.secret_file.is_some(),
            kind != Type::None,
        )?;
        kind.judge("--token-endpoint", self.token_endpoint.is_some(), is_grant)?;
        kind.may("--client-auth", self.client_auth.is_some(), is_grant)?;
        kind.may("--scope", self.scope.is_some(), is_grant)?;
        let has_encoding = matches!(kind, Type::ClientSecretBasic | Type::ClientCredentials);
        kind.may("--encoding", self.encoding.is_some(), has_encoding)?;
        let others = [
            ("token_endpoint", self.token_endpoint.clone()),
            ("client_auth", self.client_auth.map(|it| word(&it))),
            ("scope", self.scope.clone()),
            ("encoding", self.encoding.map(|it| word(&it))),
        ];
        Ok(Credentials {
            kind,
            encoding: self.encoding,
            user: self.client_id.clone().or_else(|| self.username.clone()),
            secret: self.secret()?,
            others: others
                .into_iter()
                .filter_map(|(key, value)| Some((key, value?)))
                .collect(),
        })
    }

    fn secret(&self) -> Result<Option<SecretString>, Stopped> {
        let Some(file) = &self.secret_file else {
            return Ok(None);
        };
        let read = introspectd_files::read_text(file, MAX_SECRET, START);
        let secret = read.map_err(|error| {
            Stopped::usage(format!("{} cannot be read: {error}", file.display()))
        })?;
        // As everywhere, a line break at its end is none of it.
        let secret = secret.trim_end_matches(['\r', '\n']);
        if secret.is_empty() {
            return Err(Stopped::usage(format!("{} is empty", file.display())));
        }
        Ok(Some(secret.to_owned().into()))
    }
}

fn word(value: &impl ValueEnum) -> String {
    value
        .to_possible_value()
        .map(|value| value.get_name().to_owned())
        .unwrap_or_default()
}

impl Type {
    fn judge(self, flag: &str, is_given: bool, is_needed: bool) -> Result<(), Stopped> {
        if is_needed && !is_given {
            return Err(Stopped::usage(format!(
                "--credentials {} needs {flag}",
                word(&self)
            )));
        }
        self.may(flag, is_given, is_needed)
    }

    fn may(self, flag: &str, is_given: bool, is_known: bool) -> Result<(), Stopped> {
        if is_given && !is_known {
            return Err(Stopped::usage(format!(
                "--credentials {} does not take {flag}",
                word(&self)
            )));
        }
        Ok(())
    }
}

impl Credentials {
    /// Writes the keys. `source` is the value of the secret's key.
    pub(super) fn write(&self, section: &mut Section, source: &str) {
        section.credential("type", text(&word(&self.kind)));
        let (user, secret) = match self.kind {
            Type::ClientSecretBasic | Type::ClientSecretPost | Type::ClientCredentials => {
                ("client_id", "client_secret")
            }
            Type::Basic => ("username", "password"),
            Type::Bearer | Type::None => ("", "token"),
        };
        if let Some(name) = &self.user {
            section.credential(user, text(name));
        }
        if self.secret.is_some() {
            section.credential(secret, source.to_owned());
        }
        for (key, value) in &self.others {
            section.credential(key, text(value));
        }
    }

    /// Client id, where there is one.
    pub(super) fn client_id(&self) -> Option<&str> {
        self.user.as_deref().filter(|_| self.kind != Type::Basic)
    }

    /// Reasons for a refusal. `challenge` is the server's `WWW-Authenticate`.
    pub(super) fn refused(&self, status: u16, challenge: Option<&str>) -> Vec<Finding> {
        let mut findings = vec![self.refusal(status)];
        findings.extend(self.encoding_matters());
        findings.extend(self.secret.as_ref().and_then(oddity));
        let asks_for = |scheme: &str| {
            challenge.is_some_and(|it| {
                it.get(..scheme.len())
                    .is_some_and(|it| it.eq_ignore_ascii_case(scheme))
            })
        };
        match self.kind {
            Type::ClientSecretBasic | Type::Basic if asks_for("Bearer") => findings.push(cause(
                "the server asks for a bearer token in place of HTTP Basic",
                "Try --credentials bearer, or client_credentials, with what it issues for \
                    introspection.",
            )),
            Type::ClientSecretBasic => findings.push(cause(
                "the server may expect the secret in the form (token_endpoint_auth_method \
                    client_secret_post)",
                "Try --credentials client_secret_post.",
            )),
            Type::ClientSecretPost => findings.push(cause(
                "the server may expect HTTP Basic (token_endpoint_auth_method client_secret_basic)",
                "Try --credentials client_secret_basic.",
            )),
            Type::ClientCredentials | Type::Basic | Type::Bearer | Type::None => {}
        }
        if status == 403 {
            findings.push(cause(
                "the server may know our client and not let it introspect",
                "Give the client the right to introspect at the server. Some, such as \
                    django-oauth-toolkit, say 403 to wrong credentials.",
            ));
        }
        findings
    }

    fn refusal(&self, status: u16) -> Finding {
        let whom = self
            .user
            .as_ref()
            .map(|user| format!(" of {user}"))
            .unwrap_or_default();
        if self.kind == Type::None {
            return fault(
                format!("the server asks for credentials (status {status})"),
                "Give --client-id and --secret-file, or --certificate and --key where it knows \
                    clients by these.",
            );
        }
        let what = format!(
            "the server refuses our credentials{whom} ({}, status {status})",
            word(&self.kind)
        );
        fault(
            what,
            match self.kind {
                Type::Bearer | Type::ClientCredentials => {
                    "Check that our own token is live, and good for introspection at the server."
                }
                Type::ClientSecretBasic | Type::ClientSecretPost | Type::Basic | Type::None => {
                    "Compare id and secret with those of the client at the server; it must be \
                        confidential, and registered for this type of credentials."
                }
            },
        )
    }

    /// Suspicion that the server wants the other encoding, if it makes a difference.
    pub(super) fn encoding_matters(&self) -> Option<Finding> {
        let form_encoded =
            |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
        let changes = |text: &str| form_encoded(text) != text;
        let secret = self.secret.as_ref().map(ExposeSecret::expose_secret);
        if !secret.into_iter().chain(self.user.as_deref()).any(changes) {
            return None;
        }
        match (self.kind, self.encoding) {
            (Type::ClientSecretBasic, Some(Encoding::Plain)) => Some(cause(
                "the id or the secret holds characters that form-urlencoding changes, and both \
                    were sent as they are",
                "Run it again without --encoding plain: RFC 6749 section 2.3.1 wants them \
                    form-urlencoded.",
            )),
            (Type::ClientSecretBasic, Some(Encoding::Form) | None) => Some(cause(
                "the id or the secret holds characters that form-urlencoding changes, and both \
                    were sent form-urlencoded",
                "Try --encoding plain: some servers compare them as they are, against RFC 6749 \
                    section 2.3.1.",
            )),
            (Type::Basic, _) => Some(cause(
                "the name or the password holds characters that form-urlencoding changes, and \
                    both were sent as they are",
                "Try --credentials client_secret_basic, which form-urlencodes them (RFC 6749 \
                    section 2.3.1).",
            )),
            (Type::ClientSecretPost | Type::ClientCredentials | Type::Bearer | Type::None, _) => {
                None
            }
        }
    }
}

/// Suspicion that the file holds more than the secret.
fn oddity(secret: &SecretString) -> Option<Finding> {
    let secret = secret.expose_secret();
    let remedy = "Write the secret alone into the file of --secret-file: printf %s SECRET > FILE.";
    let what = if secret.contains(['\n', '\r']) {
        "the secret holds a line break"
    } else if secret.starts_with('\u{feff}') {
        "the secret's file begins with a byte order mark"
    } else if secret.trim() != secret {
        "the secret begins or ends with white space"
    } else if secret.len() > 1
        && ['"', '\'']
            .iter()
            .any(|it| secret.starts_with(*it) && secret.ends_with(*it))
    {
        "the secret is in quotes"
    } else {
        return None;
    };
    Some(cause(what, remedy))
}
