use std::fmt;
use std::time::Duration;

use http::uri::Scheme;
use http::{HeaderValue, StatusCode, Uri};
use introspectd_core::{BadAnswer, Failure};
use introspectd_settings::{Secret, Section};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::address::Address;
use crate::answer::object;
use crate::authorization::{client_basic, read_client, read_encoding, renewed, sensitive};
use crate::dialect::Dialect;
use crate::headers::Headers;
use crate::pool::Pool;
use crate::renewed::Renewed;
use crate::request::Request;
use crate::stage::Stage;

/// Request for a token of our own.
pub(crate) struct GrantRequest {
    endpoint: Uri,
    form: GrantForm,
}

enum GrantForm {
    /// RFC 6749 section 4.4.2.
    Urlencoded {
        scope: Option<String>,
        client: ClientAuth,
    },
    /// Passport: all in a JSON body (page "Access tokens").
    Json(Client),
}

/// Client authentication, RFC 6749 section 2.3.1.
enum ClientAuth {
    Basic(Renewed<HeaderValue>),
    Post(Client),
}

struct Client {
    id: String,
    secret: Renewed<SecretString>,
}

/// Issued token.
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
        let (id, secret) = read_client(table);
        let client = id.zip(secret);
        let (endpoint, form) = match dialect {
            Dialect::RestWithJsonGrant(path) => {
                let endpoint = address.and_then(|address| address.below(path).ok());
                let client = client.and_then(|(id, secret)| Client::new(id, secret));
                (endpoint, client.map(GrantForm::Json))
            }
            Dialect::Rest | Dialect::FormEndpoint | Dialect::JsonEndpoint => {
                let endpoint = Address::read(table, "token_endpoint", allow_http);
                (
                    endpoint.map(|endpoint| endpoint.uri().clone()),
                    read_form(table, client),
                )
            }
        };
        Some(Self {
            endpoint: endpoint?,
            form: form?,
        })
    }

    pub(crate) fn is_https(&self) -> bool {
        self.endpoint.scheme() == Some(&Scheme::HTTPS)
    }

    pub(crate) async fn send(
        &self,
        pool: &Pool,
        headers: &Headers,
        stage: &Stage,
    ) -> Result<Issued, Failure> {
        let mut request = self.request()?;
        headers.add_to(&mut request);
        request.stage = stage.clone();
        let received = pool.send(request).await?;
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

    fn request(&self) -> Result<Request, Failure> {
        let request = Request::post(self.endpoint.clone());
        match &self.form {
            GrantForm::Urlencoded { scope, client } => {
                let mut form = vec![("grant_type", "client_credentials")];
                form.extend(scope.as_ref().map(|scope| ("scope", scope.as_str())));
                let mut request = request.form(&form);
                match client {
                    ClientAuth::Basic(header) => {
                        request.authorization = Some((*header.get()).clone())
                    }
                    ClientAuth::Post(Client { id, secret }) => {
                        let secret = secret.get();
                        request.add_to_form(&[
                            ("client_id", id),
                            ("client_secret", secret.expose_secret()),
                        ]);
                    }
                }
                Ok(request)
            }
            GrantForm::Json(Client { id, secret }) => {
                let secret = secret.get();
                let body = JsonGrant {
                    client_id: id,
                    client_secret: secret.expose_secret(),
                    grant_type: "client_credentials",
                };
                let body = serde_json::to_vec(&body).map_err(|_| BadAnswer::Grant)?;
                Ok(request.json(body))
            }
        }
    }
}

impl Client {
    fn new(id: String, secret: Secret) -> Option<Self> {
        Some(Self {
            id,
            secret: renewed(secret, |secret| Some(secret.clone()))?,
        })
    }
}

fn read_form(table: &mut Section, client: Option<(String, Secret)>) -> Option<GrantForm> {
    let scope = table.text("scope");
    let encoded = read_encoding(table);
    let in_form = table.parsed(
        "client_auth",
        "Write \"basic\" or \"post\".",
        |text| match text {
            "basic" => Ok(false),
            "post" => Ok(true),
            _ => Err("is no way to authenticate a client"),
        },
    );
    let (id, secret) = client?;
    let client = if in_form.unwrap_or(false) {
        ClientAuth::Post(Client::new(id, secret)?)
    } else {
        ClientAuth::Basic(client_basic(table, &id, secret, encoded)?)
    };
    Some(GrantForm::Urlencoded { scope, client })
}

#[derive(Serialize)]
struct JsonGrant<'a> {
    client_id: &'a str,
    client_secret: &'a str,
    grant_type: &'a str,
}

/// RFC 6749 section 5.1.
#[derive(Deserialize)]
struct GrantAnswer {
    access_token: SecretString,
    /// Seconds; absent or null where the server does not say. A number of any size and spelling, or
    /// the same in a string, as the token endpoints of Apigee and Azure write it. WSO2 says "never"
    /// by one of 16 digits, others by -1.
    expires_in: Option<Box<RawValue>>,
}

/// Longest life that a grant is believed to have. A server that issues longer ones may revoke them
/// sooner.
const MAX_LIFE: f64 = 86_400.0;

fn life(seconds: &RawValue) -> Result<Duration, BadAnswer> {
    let unusable = BadAnswer::GrantMember("expires_in");
    let text = seconds.get();
    let number = text
        .strip_prefix('"')
        .and_then(|text| text.strip_suffix('"'))
        .unwrap_or(text)
        .trim();
    // `f64` also reads words.
    if !number.contains(|c: char| c.is_ascii_digit()) {
        return Err(unusable);
    }
    let seconds: f64 = number.parse().map_err(|_| unusable.clone())?;
    Duration::try_from_secs_f64(seconds.clamp(0.0, MAX_LIFE)).map_err(|_| unusable)
}

impl Issued {
    fn read(body: &[u8]) -> Result<Self, BadAnswer> {
        let unusable = || BadAnswer::GrantMember("access_token");
        let answer: GrantAnswer = object(body).map_err(|error| {
            let is_end = error == BadAnswer::member("expires_in");
            if is_end {
                BadAnswer::GrantMember("expires_in")
            } else {
                unusable()
            }
        })?;
        let token = answer.access_token.expose_secret();
        let header = sensitive("Bearer", token)
            .filter(|_| !token.is_empty())
            .ok_or_else(unusable)?;
        Ok(Self {
            header,
            life: answer.expires_in.as_deref().map(life).transpose()?,
        })
    }
}

impl fmt::Debug for GrantRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Grant")
            .field("endpoint", &self.endpoint)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_answer_is_a_token_with_a_bounded_life_or_refused() {
        let seeds: [&[u8]; 2] = [
            br#"{"access_token":"t","token_type":"Bearer","expires_in":3600}"#,
            br#"{"access_token":"t","expires_in":"1e3"}"#,
        ];
        introspectd_fuzz::check!(&seeds, |bytes: &[u8]| {
            if let Ok(issued) = Issued::read(bytes) {
                assert!(issued.header.is_sensitive());
                let most = Duration::from_secs_f64(MAX_LIFE);
                assert!(issued.life.is_none_or(|life| life <= most));
            }
        });
    }
}
