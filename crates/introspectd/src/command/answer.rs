//! `introspectd check --answer`: what an answer of a described provider would become.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use http::StatusCode;
use introspectd::Config;
use introspectd_adapter_http as described;
use introspectd_cli::screen::say_json;
use introspectd_core::text::harmless;
use introspectd_core::{
    Clock, Failure, Introspection, ProviderName, State, SystemClock, Timestamp, TokenValue,
};
use introspectd_resolver::Keep as _;
use introspectd_service::KeptAnswer;
use serde_json::{Value, json};

use super::{Exit, Outcome, Stopped, environment, read_secret, say};

/// Arguments about an answer.
#[derive(Args)]
pub(crate) struct AnswerArgs {
    /// Body of an answer: print what it would become, without asking anybody
    #[arg(long, value_name = "FILE", requires_all = ["provider", "status"],
          conflicts_with = "running")]
    answer: Option<PathBuf>,
    /// Described provider (kind "http") that gave the answer
    #[arg(long, value_name = "NAME", requires = "answer")]
    provider: Option<String>,
    /// Status of the answer
    #[arg(long, value_name = "NUMBER", requires = "answer",
          value_parser = clap::value_parser!(u16).range(100..=599))]
    status: Option<u16>,
    /// Reads the token that was asked about from standard input, so that `about` is compared
    #[arg(long, value_name = "-", requires = "answer", value_parser = ["-"])]
    token: Option<String>,
    /// Print JSON
    #[arg(long, requires = "answer")]
    json: bool,
}

/// Outcome of an answer.
pub(super) struct Judged {
    /// `active`, `inactive` or `failure`.
    verdict: &'static str,
    /// Reply to an introspection.
    reply: Value,
    /// Reason, where there is one.
    reason: Option<String>,
    pub(super) exit: Exit,
}

impl AnswerArgs {
    /// Returns the outcome, if the arguments name an answer.
    pub(crate) fn run(&self, file: &Path) -> Option<Outcome> {
        let (answer, provider) = (self.answer.as_ref()?, self.provider.as_ref()?);
        let status = StatusCode::from_u16(self.status?).ok()?;
        Some(self.judge(file, answer, provider, status))
    }

    fn judge(&self, file: &Path, answer: &Path, provider: &str, status: StatusCode) -> Outcome {
        let (name, config) = load(file, provider)?;
        let body = std::fs::read(answer).map_err(|error| {
            Stopped::usage(format!(
                "--answer: cannot read {}: {error}",
                answer.display()
            ))
        })?;
        let token = match &self.token {
            Some(_) => {
                let token = TokenValue::parse(read_secret("token")?);
                Some(token.map_err(|error| Stopped::usage(error.to_string()))?)
            }
            None => None,
        };
        let now = SystemClock::default().now();
        let read = config.judge(status, &body, token.as_ref(), now);
        let judged = Judged::of(read, &name, now, config.lifetime());
        if self.json {
            judged.say_json()?;
            return Ok(judged.exit);
        }
        judged.say()?;
        if self.token.is_none() && judged.exit != Exit::Unreachable {
            say("# Without --token - nothing is compared with the presented token.")?;
        }
        Ok(judged.exit)
    }
}

/// Loads a described provider of a configuration.
pub(super) fn load(
    file: &Path,
    wanted: &str,
) -> Result<(ProviderName, described::Config), Stopped> {
    let loaded = Config::load(file, &environment());
    let (config, _) = loaded.map_err(|problems| Stopped::usage(problems.to_string()))?;
    let mut providers = config.providers.into_iter();
    let provider = providers
        .find(|provider| provider.name().to_string() == wanted)
        .ok_or_else(|| Stopped::usage(format!("--provider: there is no provider {wanted:?}")))?;
    let (name, kind) = (provider.name().clone(), provider.kind());
    let described = provider.into_described().ok_or_else(|| {
        let what = format!("--provider: {wanted} is of kind \"{kind}\", which is not described");
        Stopped::usage(format!("{what}; name one of kind \"http\""))
    })?;
    Ok((name, described))
}

impl Judged {
    /// Judges an answer at `now`. `lifetime` is that of tokens without an end.
    pub(super) fn of(
        read: Result<Introspection, Failure>,
        name: &ProviderName,
        now: Timestamp,
        lifetime: Option<Duration>,
    ) -> Self {
        let inactive = |reason: Option<String>| Self {
            verdict: "inactive",
            reply: json!({"active": false}),
            reason,
            exit: Exit::Refused,
        };
        match read {
            Err(failure) => {
                let error = if matches!(failure, Failure::BadAnswer(_)) {
                    "upstream_error"
                } else {
                    "temporarily_unavailable"
                };
                Self {
                    verdict: "failure",
                    reply: json!({"error": error}),
                    reason: Some(failure.to_string()),
                    exit: Exit::Unreachable,
                }
            }
            Ok(Introspection::Inactive) => inactive(None),
            Ok(Introspection::Token(token)) => match token.state(now) {
                State::Active => {
                    let end = token.exp();
                    let body = KeptAnswer::keep(name, *token).into_body(now);
                    let lifetime = lifetime.filter(|_| end.is_none());
                    Self {
                        verdict: "active",
                        reply: serde_json::from_slice(&body).unwrap_or_default(),
                        reason: lifetime
                            .map(|life| format!("without an end, so used for {life:?} at most")),
                        exit: Exit::Fine,
                    }
                }
                state @ (State::Expired | State::Revoked | State::NotYetValid | State::Unknown) => {
                    inactive(Some(state.as_str().to_owned()))
                }
            },
        }
    }

    /// Prints it for people.
    pub(super) fn say(&self) -> Result<(), Stopped> {
        say(&match &self.reason {
            Some(reason) => format!("{}: {reason}", self.verdict),
            None => self.verdict.to_owned(),
        })?;
        let reply = serde_json::to_string_pretty(&self.reply).unwrap_or_default();
        say(&harmless(&reply))
    }

    fn say_json(&self) -> Result<(), Stopped> {
        let mut shown = json!({"verdict": self.verdict, "reply": self.reply});
        if let (Some(reason), Some(members)) = (&self.reason, shown.as_object_mut()) {
            members.insert("reason".to_owned(), reason.as_str().into());
        }
        say_json(shown.to_string().as_bytes())
    }
}
