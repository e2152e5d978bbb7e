use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use http::Uri;
use introspectd_core::{Clock, Failure, Outage};
use introspectd_jose::{Algorithm, Signer, SigningFailed};
use introspectd_settings::Section;
use secrecy::ExposeSecret;
use serde::Serialize;

use crate::address::Address;
use crate::authorization::{required, try_renewed};
use crate::renewed::Renewed;

/// Client authentication by a signed assertion, `private_key_jwt` (RFC 7523 section 2.2).
#[derive(Debug)]
pub(crate) struct Assertion {
    client_id: String,
    audience: Audience,
    signer: Renewed<Signer>,
}

/// Name of the server in assertions. Servers differ in which one they accept.
#[derive(Debug)]
enum Audience {
    /// Issuer, or a URL.
    Fixed(String),
    /// URL that the request goes to.
    Endpoint,
}

#[derive(Serialize)]
struct Claims<'a> {
    iss: &'a str,
    sub: &'a str,
    aud: &'a str,
    jti: &'a str,
    iat: i64,
    exp: i64,
}

/// Form fields of a client that authenticates by an assertion.
pub(crate) const FIELDS: [&str; 3] = ["client_id", "client_assertion_type", "client_assertion"];
/// Value of `client_assertion_type`.
pub(crate) const TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// Life of an assertion. Each request brings a fresh one, so this bounds how far the clock of the
/// server may be ahead of ours.
const LIFE: Duration = Duration::from_secs(60);

impl Assertion {
    /// Reads `client_id`, `key`, `algorithm`, `kid` and `audience`.
    pub(crate) fn read(table: &mut Section, issuer: Option<&str>) -> Option<Self> {
        let client_id = required(table, "client_id");
        let algorithm = read_algorithm(table);
        let kid = table.text("kid");
        let key = table.required_renewable_secret("key");
        let audience = read_audience(table, issuer);
        let (key, algorithm) = (key?, algorithm?);
        let signer = try_renewed(key, move |pem| {
            let signer = Signer::from_pem(pem.expose_secret(), algorithm);
            let signer = signer.map_err(|error| error.to_string())?;
            Ok(match &kid {
                Some(kid) => signer.with_kid(kid.clone()),
                None => signer,
            })
        });
        match signer {
            Ok(signer) => Some(Self {
                client_id: client_id?,
                audience: audience?,
                signer,
            }),
            Err(error) => {
                let remedy = "Give the PEM text of a private key, and `algorithm` if it is no RSA \
                    key.";
                table.problem("key", format!("cannot be used: {error}"), remedy);
                None
            }
        }
    }

    pub(crate) fn client_id(&self) -> &str {
        &self.client_id
    }

    /// Makes the form fields of one request to this endpoint.
    pub(crate) fn form(
        &self,
        endpoint: &Uri,
        clock: &Arc<dyn Clock>,
    ) -> Result<[(&'static str, String); 3], Failure> {
        let assertion = self.sign(endpoint, clock).map_err(|SigningFailed| {
            tracing::error!("cannot sign a client assertion: the system has no random bytes");
            Failure::outage(Outage::Abandoned)
        })?;
        let [client_id, kind, field] = FIELDS;
        Ok([
            (client_id, self.client_id.clone()),
            (kind, TYPE.to_owned()),
            (field, assertion),
        ])
    }

    fn sign(&self, endpoint: &Uri, clock: &Arc<dyn Clock>) -> Result<String, SigningFailed> {
        let endpoint = endpoint.to_string();
        let now = clock.now().seconds();
        let claims = Claims {
            iss: &self.client_id,
            sub: &self.client_id,
            aud: match &self.audience {
                Audience::Fixed(audience) => audience,
                Audience::Endpoint => &endpoint,
            },
            jti: &random_id()?,
            iat: now,
            exp: now.saturating_add_unsigned(LIFE.as_secs()),
        };
        let claims = serde_json::to_vec(&claims).map_err(|_| SigningFailed)?;
        self.signer.get().sign("JWT", &claims)
    }
}

fn read_algorithm(table: &mut Section) -> Option<Algorithm> {
    let name = table.text_or("algorithm", Algorithm::Rs256.name());
    let algorithm = Algorithm::parse(&name);
    if algorithm.is_none() {
        let known = Algorithm::ALL.map(Algorithm::name).join(", ");
        table.problem(
            "algorithm",
            "is not known",
            format!("Write one of {known}."),
        );
    }
    algorithm
}

fn read_audience(table: &mut Section, issuer: Option<&str>) -> Option<Audience> {
    let text = table.text_or("audience", "issuer");
    match text.as_str() {
        "issuer" => {
            if issuer.is_none() {
                let remedy = "Write the provider's issuer = \"https://as.example\", or audience = \
                    \"endpoint\" or a URL.";
                table.problem("audience", "is the issuer, which is missing", remedy);
            }
            issuer.map(|issuer| Audience::Fixed(issuer.to_owned()))
        }
        "endpoint" => Some(Audience::Endpoint),
        url => match Address::parse(url) {
            Ok(_) => Some(Audience::Fixed(url.to_owned())),
            Err(error) => {
                let remedy = "Write \"issuer\", \"endpoint\" or a URL.";
                table.problem("audience", error.to_string(), remedy);
                None
            }
        },
    }
}

fn random_id() -> Result<String, SigningFailed> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|_| SigningFailed)?;
    let mut text = String::new();
    for byte in bytes {
        let _ = write!(text, "{byte:02x}");
    }
    Ok(text)
}
