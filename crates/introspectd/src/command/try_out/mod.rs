//! `introspectd try`: a server's first contact, with the service's own client and reading.

mod credentials;
mod described;
mod diagnosis;
mod finding;
mod jwt;
mod mask;
mod report;
mod response;
mod section;
mod token;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use clap::{Args, ValueEnum};
use http::Uri;
use introspectd::{Config, ProviderConfig};
use introspectd_adapter_rfc7662 as rfc7662;
use introspectd_core::{Clock, Introspection, ProviderName, SystemClock, TokenValue};
use introspectd_settings::Environment;
use introspectd_upstream::{Exchange, Outbound};
use secrecy::ExposeSecret;

use super::{Exit, Outcome, Stopped, block_on, environment, proxies, read_secret, say};
use credentials::{CredentialArgs, Credentials};
use diagnosis::Case;
use jwt::JwtArgs;
use mask::Mask;
use report::{Report, tell};
use section::Section;
use token::Form;

/// Ask an authorization server once about the token on standard input, and diagnose the answer.
///
/// Asks as the service would: the same connection, time limit and reading of the answer. Shows
/// request and answer, with token and secrets masked, and names each fault with its remedy, all on
/// standard error. Where the server gave an answer about the token, standard output has the
/// [providers.…] section to paste into introspectd.toml. Redirects are not followed, and nothing is
/// sent to another server. Options are keys of the configuration by the same name.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Try {
    /// The server's introspection endpoint, used byte for byte as written
    #[arg(
        long,
        value_name = "URL",
        required_unless_present_any = ["issuer", "config"],
        conflicts_with = "config"
    )]
    endpoint: Option<String>,
    /// Configuration with a described provider (kind "http") to ask in place of an endpoint
    #[arg(
        long,
        value_name = "FILE",
        requires = "provider",
        conflicts_with = "issuer"
    )]
    config: Option<PathBuf>,
    /// The described provider
    #[arg(long, value_name = "NAME", requires = "config")]
    provider: Option<String>,
    #[command(flatten)]
    jwt: JwtArgs,
    #[command(flatten)]
    credentials: CredentialArgs,
    #[command(flatten)]
    connection: ConnectionArgs,
    /// Name of the section
    #[arg(long, default_value = "sso")]
    name: String,
}

#[derive(Args)]
struct ConnectionArgs {
    /// PEM file of the authorities that may vouch for the server, in place of the system's
    #[arg(long, value_name = "PATH")]
    ca: Option<PathBuf>,
    /// PEM file of our certificate, for servers that demand one
    #[arg(long, value_name = "PATH", requires = "key")]
    certificate: Option<PathBuf>,
    /// PEM file of its key
    #[arg(long, value_name = "PATH", requires = "certificate")]
    key: Option<PathBuf>,
    /// Lets plain http leave this machine
    #[arg(long)]
    allow_http: bool,
    /// Longest wait for the answer [default: 2s]
    #[arg(long, value_name = "DURATION")]
    timeout: Option<String>,
    /// Reading of an active answer without `exp` [default: refuse]
    #[arg(long, value_enum)]
    missing_exp: Option<MissingExp>,
    /// Longest time that `nbf` may lie ahead of our clock, at most 60s [default: 0s]
    #[arg(long, value_name = "DURATION")]
    clock_skew: Option<String>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum MissingExp {
    Refuse,
    Accept,
}

const EXAMPLES: &str = "\
Examples:
  introspectd try --endpoint https://sso.example/introspect --client-id introspectd \\
    --secret-file sso.secret < token.txt
  introspectd try --endpoint https://sso.internal/introspect --ca internal-ca.pem \\
    --client-id introspectd --secret-file sso.secret < token.txt >> introspectd.toml
  introspectd try --endpoint https://sso.example/introspect --client-id introspectd \\
    --secret-file sso.secret --encoding plain < token.txt
  introspectd try --endpoint https://sso.example/introspect --credentials client_secret_post \\
    --client-id introspectd --secret-file sso.secret < token.txt
  introspectd try --endpoint https://sso.example/introspect --credentials bearer \\
    --secret-file api.token < token.txt
  introspectd try --endpoint https://sso.example/introspect --credentials none \\
    --certificate us.pem --key us.key < token.txt
  introspectd try --endpoint http://127.0.0.1:4445/admin/oauth2/introspect \\
    --credentials none < token.txt
  introspectd try --issuer https://sso.example --audience https://api.example < token.txt
  introspectd try --config introspectd.toml --provider github < token.txt

Exits with 0 if the token is active, 1 if it is not or the server refuses our credentials, 2 for
wrong usage, 3 if the server cannot be reached or gives no answer that the service could use.";

/// Name of the arguments in a message about a key.
const ORIGIN: &str = "the arguments";

impl Try {
    pub(crate) fn run(self) -> Outcome {
        if let (Some(file), Some(provider)) = (&self.config, &self.provider) {
            return described::run(file, provider);
        }
        ProviderName::parse(&self.name)
            .map_err(|error| Stopped::usage(format!("--name: {error}")))?;
        if self.jwt.are_given() {
            let token = read_token()?;
            let write = |section: &mut Section| self.connection.write(section);
            return self.jwt.run(&self.name, &token, write);
        }
        let credentials = self.credentials.complete()?;
        let config = self.config(&credentials)?;
        let token = read_token()?;
        let endpoint: Uri = self
            .endpoint()
            .parse()
            .map_err(|_| Stopped::usage("--endpoint is not a URL"))?;
        let form = Form::of(token.expose());
        let clock = Arc::new(SystemClock::default());
        let began = Instant::now();
        let exchange = block_on(ask(config, &token, Arc::<SystemClock>::clone(&clock)))?;
        let took = began.elapsed();

        let mask = Mask::new(
            token.expose(),
            credentials.user.as_deref(),
            credentials.secret.as_ref(),
        );
        let report = Report { mask: &mask };
        let length = token.expose().chars().count();
        report.request(
            &exchange.sent,
            &format!("{}, {length} characters", form.describe()),
        );
        report.response(exchange.head.as_ref(), exchange.body.as_deref(), took);
        let case = Case {
            endpoint: &endpoint,
            credentials: &credentials,
            has_ca: self.connection.ca.is_some(),
            token: token.expose(),
            form: &form,
            proxies: &proxies(&environment()),
            now: clock.now(),
        };
        let verdict = case.judge(&exchange);
        report.verdict(&verdict);
        if verdict.has_section {
            tell("Section for introspectd.toml:\n\n");
            let (value, comment) =
                section::matching(token.expose(), &form, verdict.exit == Exit::Fine);
            say(self.pasted(&credentials, &value, comment).trim_end())?;
        }
        Ok(verdict.exit)
    }

    /// Endpoint as written; clap demands it unless there is an issuer or a configuration.
    fn endpoint(&self) -> &str {
        self.endpoint.as_deref().unwrap_or_default()
    }

    /// Reads the arguments as the equivalent configuration.
    fn config(&self, credentials: &Credentials) -> Result<ProviderConfig, Stopped> {
        // The secret comes by a made-up environment: a pipe's is gone when it was read.
        const SECRET: &str = "SECRET";
        let secret = credentials
            .secret
            .as_ref()
            .map(|it| (SECRET.to_owned(), it.expose_secret().to_owned()));
        let environment: Environment = secret.into_iter().collect();
        let text = self
            .section(credentials, &format!("{{ env = \"{SECRET}\" }}"))
            .write(&self.name, None);
        let config = Config::parse(&text, ORIGIN, &environment);
        let config = config.map_err(|problems| Stopped::usage(problems.to_string()))?;
        let provider = config.providers.into_iter().next();
        provider.ok_or_else(|| Stopped::usage("the arguments describe no server"))
    }

    fn pasted(&self, credentials: &Credentials, matching: &str, comment: &str) -> String {
        let file = self.credentials.secret_file.as_deref();
        let source = file
            .map(|file| section::secret_source(file, &self.name))
            .unwrap_or_default();
        self.section(credentials, &source)
            .write(&self.name, Some((matching, comment)))
    }

    fn section(&self, credentials: &Credentials, source: &str) -> Section {
        let mut section = Section::default();
        section.key("kind", section::text("rfc7662"));
        section.key("introspection_endpoint", section::text(self.endpoint()));
        credentials.write(&mut section, source);
        self.connection.write(&mut section);
        section
    }
}

impl ConnectionArgs {
    fn write(&self, section: &mut Section) {
        for (key, value) in [("timeout", &self.timeout), ("clock_skew", &self.clock_skew)] {
            if let Some(value) = value {
                section.key(key, section::text(value));
            }
        }
        match self.missing_exp {
            Some(MissingExp::Accept) => section.key("missing_exp", section::text("accept")),
            Some(MissingExp::Refuse) | None => {}
        }
        if self.allow_http {
            section.key("allow_http", "true".to_owned());
        }
        section.tls("ca", self.ca.as_ref());
        section.tls("certificate", self.certificate.as_ref());
        section.tls("key", self.key.as_ref());
    }
}

fn read_token() -> Result<TokenValue, Stopped> {
    let token = TokenValue::parse(read_secret("token")?);
    token.map_err(|error| Stopped::usage(error.to_string()))
}

async fn ask(
    config: ProviderConfig,
    token: &TokenValue,
    clock: Arc<SystemClock>,
) -> Result<Exchange<Introspection>, Stopped> {
    let outbound = Outbound::start(Arc::<SystemClock>::clone(&clock));
    let outbound = outbound.map_err(|error| Stopped::unreachable(error.to_string()))?;
    let skew = config.clock_skew();
    let config = config.into_rfc7662();
    let config = config.ok_or_else(|| Stopped::usage("the arguments describe no server"))?;
    let server = rfc7662::Rfc7662::new(config, clock, &outbound);
    let exchange = server.expose(token).await;
    let mut exchange = exchange.map_err(|failure| Stopped::unreachable(failure.to_string()))?;
    if let Ok(Introspection::Token(token)) = &mut exchange.outcome {
        token.allow_skew(skew);
    }
    Ok(exchange)
}
