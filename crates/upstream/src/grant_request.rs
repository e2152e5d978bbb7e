use std::fmt;
use std::time::Duration;

use http::uri::Scheme;
use http::{HeaderValue, StatusCode, Uri};
use introspectd_core::{BadAnswer, Failure};
use introspectd_settings::Section;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};

use crate::address::Address;
use crate::answer::object;
use crate::authorization::{client_basic, read_client, read_encoding, sensitive};
use crate::dialect::Dialect;
use crate::pool::{Effect, Pool, Question, Stage};

/// How a token of our own is asked for.
pub(crate) struct GrantRequest {
    endpoint: Uri,
    client_id: String,
    client_secret: SecretString,
    form: GrantForm,
}

enum GrantForm {
    /// The client authenticates by HTTP Basic, or in the form.
    Urlencoded { scope: Option<String>, basic: Option<HeaderValue> },
    /// Passport: all in a JSON body (page "Access tokens").
    Json,
}

/// A token as it was issued.
pub(crate) struct Issued {
    /// `Authorization`, marked sensitive.
    pub(crate) header: HeaderValue,
    /// `None`: the server did not say.
    pub(crate) life: Option<Duration>,
}

impl GrantRequest {
    pub(crate) fn read(
        table: &mut Section,
        dialect: Dialect,
        address: Option<&Address>,
        allow_http: bool,
    ) -> Option<Self> {
        let (client_id, client_secret) = read_client(table);
        let (endpoint, form) = match dialect {
            Dialect::RestWithJsonGrant(path) => {
                (address.and_then(|address| address.below(path).ok()), Some(GrantForm::Json))
            }
            Dialect::Rest | Dialect::FormEndpoint => {
                let endpoint = Address::read(table, "token_endpoint", allow_http);
                let form = read_form(table, client_id.as_deref(), client_secret.as_ref());
                (endpoint.and_then(|endpoint| endpoint.uri().ok()), form)
            }
        };
        Some(Self { endpoint: endpoint?, client_id: client_id?, client_secret: client_secret?, form: form? })
    }

    pub(crate) fn is_https(&self) -> bool {
        self.endpoint.scheme() == Some(&Scheme::HTTPS)
    }

    pub(crate) async fn send(&self, pool: &Pool, stage: &Stage) -> Result<Issued, Failure> {
        let (mut question, authorization) = self.question()?;
        question.stage = stage.clone();
        let received = pool.send(question, authorization).await?;
        let status = received.status;
        if matches!(status.as_u16(), 400 | 401 | 403) {
            return Err(BadAnswer::Grant.into());
        }
        received.screen()?;
        if status != StatusCode::OK && status != StatusCode::CREATED {
            return Err(BadAnswer::Status(status.as_u16()).into());
        }
        Ok(Issued::read(&received.body)?)
    }

    fn question(&self) -> Result<(Question, Option<&HeaderValue>), Failure> {
        let secret = self.client_secret.expose_secret();
        match &self.form {
            GrantForm::Urlencoded { scope, basic } => {
                let mut form = form_urlencoded::Serializer::new(String::new());
                form.append_pair("grant_type", "client_credentials");
                form.extend_pairs(scope.as_ref().map(|scope| ("scope", scope)));
                if basic.is_none() {
                    form.append_pair("client_id", &self.client_id).append_pair("client_secret", secret);
                }
                Ok((Question::form(self.endpoint.clone(), form.finish(), Effect::Change), basic.as_ref()))
            }
            GrantForm::Json => {
                let body = JsonGrant {
                    client_id: &self.client_id,
                    client_secret: secret,
                    grant_type: "client_credentials",
                };
                let body = serde_json::to_vec(&body).map_err(|_| BadAnswer::Grant)?;
                Ok((Question::json(self.endpoint.clone(), body, Effect::Change), None))
            }
        }
    }
}

fn read_form(table: &mut Section, id: Option<&str>, secret: Option<&SecretString>) -> Option<GrantForm> {
    let scope = table.text("scope");
    let encoded = read_encoding(table);
    let in_form = table.parsed("client_auth", "Write \"basic\" or \"post\".", |text| match text {
        "basic" => Ok(false),
        "post" => Ok(true),
        _ => Err("is no way to authenticate a client"),
    });
    let basic =
        if in_form.unwrap_or(false) { None } else { Some(client_basic(table, id?, secret?, encoded)?) };
    Some(GrantForm::Urlencoded { scope, basic })
}

#[derive(Serialize)]
struct JsonGrant<'a> {
    client_id: &'a str,
    client_secret: &'a str,
    grant_type: &'a str,
}

/// RFC 6749 section 5.1. `expires_in`: seconds; absent or null where the server does not say.
#[derive(Deserialize)]
struct GrantAnswer {
    access_token: SecretString,
    expires_in: Option<Seconds>,
}

/// A number, or the same in a string, as Apigee's and Azure's token endpoints write it.
#[derive(Deserialize)]
#[serde(untagged)]
enum Seconds {
    Number(u32),
    Text(String),
}

impl Seconds {
    fn read(self) -> Result<u32, BadAnswer> {
        match self {
            Self::Number(seconds) => Ok(seconds),
            Self::Text(text) => text.parse().map_err(|_| BadAnswer::Grant),
        }
    }
}

impl Issued {
    fn read(body: &[u8]) -> Result<Self, BadAnswer> {
        let answer: GrantAnswer = object(body).map_err(|_| BadAnswer::Grant)?;
        let token = answer.access_token.expose_secret();
        let header = sensitive("Bearer", token).filter(|_| !token.is_empty()).ok_or(BadAnswer::Grant)?;
        let seconds = answer.expires_in.map(Seconds::read).transpose()?;
        Ok(Self { header, life: seconds.map(|seconds| Duration::from_secs(seconds.into())) })
    }
}

impl fmt::Debug for GrantRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Grant").field("endpoint", &self.endpoint).field("client_id", &self.client_id).finish()
    }
}
