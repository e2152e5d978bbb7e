//! A token that is judged here: by its issuer's keys, without a request about it.

use std::sync::Arc;

use clap::Args;
use introspectd::Config;
use introspectd_adapter_jwt::{self as jwt, Exposed, Jwt};
use introspectd_core::text::one_line;
use introspectd_core::{Clock, Failure, State, SystemClock, TokenValue};
use introspectd_settings::Environment;
use introspectd_upstream::Outbound;

use super::report::tell;
use super::section::{Section, text};
use super::{Exit, ORIGIN, Outcome, Stopped, block_on, say};

#[derive(Args)]
pub(super) struct JwtArgs {
    /// `iss` of the token: judge it here by its issuer's keys, and ask nobody about it
    #[arg(
        long,
        value_name = "ISSUER",
        conflicts_with = "endpoint",
        requires = "audience"
    )]
    issuer: Option<String>,
    /// Keys of the issuer, a URL or a file [default: found by the issuer's metadata]
    #[arg(long, value_name = "URL|PATH", requires = "issuer")]
    jwks: Option<String>,
    /// Audience of which the token must have one, or "any"
    #[arg(long, value_name = "AUDIENCE", requires = "issuer")]
    audience: Vec<String>,
    /// Demands the type at+jwt
    #[arg(long, requires = "issuer")]
    require_type: bool,
}

impl JwtArgs {
    /// Returns true if the token is to be judged here.
    pub(super) fn are_given(&self) -> bool {
        self.issuer.is_some()
    }

    /// Judges a token. `write` adds keys of the connection to the section.
    pub(super) fn run(
        &self,
        name: &str,
        token: &TokenValue,
        write: impl Fn(&mut Section),
    ) -> Outcome {
        let mut section = self.section();
        write(&mut section);
        let pasted = section.write_public(name);
        let config = Config::parse(&pasted, ORIGIN, &Environment::new());
        let config = config.map_err(|problems| Stopped::usage(problems.to_string()))?;
        let provider = config.providers.into_iter().next();
        let config = provider.and_then(|provider| provider.into_jwt());
        let config = config.ok_or_else(|| Stopped::usage("the arguments describe no issuer"))?;
        let clock = Arc::new(SystemClock::default());
        let judged = block_on(judge(config, token, Arc::clone(&clock)))?;
        let exit = match judged {
            Err((failure, reason)) => {
                tell(&format!("not judged: {failure}\n"));
                if let Some(reason) = reason {
                    tell(&format!("    {}\n", one_line(&reason)));
                }
                return Ok(Exit::Unreachable);
            }
            Ok(Exposed::Bad(reason)) => {
                tell(&format!("inactive: {reason}\n\n"));
                Exit::Refused
            }
            Ok(Exposed::Good(record)) => {
                let state = record.state(clock.now());
                tell(&format!("{}\n\n", state.as_str()));
                if state == State::Active {
                    Exit::Fine
                } else {
                    Exit::Refused
                }
            }
        };
        tell("Section for introspectd.toml:\n\n");
        say(pasted.trim_end())?;
        Ok(exit)
    }

    fn section(&self) -> Section {
        let mut section = Section::default();
        section.key("kind", text("jwt"));
        section.key("issuer", text(self.issuer.as_deref().unwrap_or_default()));
        match &self.jwks {
            None => section.key("discover", "true".to_owned()),
            Some(place) => {
                let is_url = place.starts_with("https://") || place.starts_with("http://");
                let key = if is_url { "url" } else { "file" };
                section.key("jwks", format!("{{ {key} = {} }}", text(place)));
            }
        }
        let audience = match self.audience.as_slice() {
            [any] if any == "any" => text(any),
            some => {
                let some: Vec<_> = some.iter().map(|it| text(it)).collect();
                format!("[{}]", some.join(", "))
            }
        };
        section.key("audience", audience);
        if self.require_type {
            section.key("type", text("require"));
        }
        section
    }
}

/// Judges a token. A failure comes with the reason why the keys could not be fetched, where that is
/// known.
async fn judge(
    config: jwt::Config,
    token: &TokenValue,
    clock: Arc<SystemClock>,
) -> Result<Result<Exposed, (Failure, Option<String>)>, Stopped> {
    let outbound = Outbound::start(Arc::<SystemClock>::clone(&clock));
    let outbound = outbound.map_err(|error| Stopped::unreachable(error.to_string()))?;
    let jwt = Jwt::new(config, clock, &outbound, None);
    let judged = jwt.expose(token).await;
    Ok(judged.map_err(|failure| (failure, jwt.missing_keys())))
}
