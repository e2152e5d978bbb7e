use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use http::{HeaderValue, StatusCode, Uri};
use introspectd_core::{BadAnswer, Clock, Failure};
use introspectd_settings::Section;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use tokio::sync::{Mutex, MutexGuard};

use crate::address::Address;
use crate::answer::screen;
use crate::client::{Http, Question};
use crate::connection::{Dialect, read_address};
use crate::credentials::{basic_header, encode, read_client, read_encoding, sensitive};

/// A bearer token of our own, by the grant `client_credentials` (RFC 6749 section 4.4).
///
/// It is renewed before it ends and after a 401, by one flight for all who wait: they share its
/// outcome, good or bad. A flight whose task is dropped leaves no outcome, and the next one flies.
pub(crate) struct Grant {
    request: GrantRequest,
    clock: Arc<dyn Clock>,
    held: ArcSwapOption<Held>,
    renewal: Mutex<()>,
    /// How many renewals have ended; whoever waited through one takes its outcome.
    renewals: AtomicU64,
    last_failure: std::sync::Mutex<Option<Failure>>,
}

/// A token in hand.
pub(crate) struct Held {
    header: HeaderValue,
    /// By [`Clock::elapsed`]. `None`: the server did not say, so it serves until a 401.
    ends: Option<Ends>,
}

struct Ends {
    renew_from: Duration,
    at: Duration,
}

/// How the token is asked for.
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

impl Grant {
    pub(crate) fn new(request: GrantRequest, clock: Arc<dyn Clock>) -> Self {
        Self {
            request,
            clock,
            held: ArcSwapOption::empty(),
            renewal: Mutex::new(()),
            renewals: AtomicU64::new(0),
            last_failure: std::sync::Mutex::new(None),
        }
    }

    /// The token to use now. While a renewal before the end is under way, the old one serves.
    pub(crate) async fn bearer(&self, http: &Http) -> Result<Arc<Held>, Failure> {
        let now = self.clock.elapsed();
        match self.held.load_full() {
            Some(held) if held.is_fresh(now) => Ok(held),
            Some(held) if held.is_usable(now) => match self.renewal.try_lock() {
                Ok(turn) => self.renew(http, turn).await.or(Ok(held)),
                Err(_) => Ok(held),
            },
            _ => self.renew_or_share(http).await,
        }
    }

    /// Another token than the one that was refused.
    pub(crate) async fn after_refusal(&self, refused: &Arc<Held>, http: &Http) -> Result<Arc<Held>, Failure> {
        match self.held.load_full() {
            Some(held) if !Arc::ptr_eq(&held, refused) => Ok(held),
            _ => self.renew_or_share(http).await,
        }
    }

    async fn renew_or_share(&self, http: &Http) -> Result<Arc<Held>, Failure> {
        let seen = self.renewals.load(Ordering::Acquire);
        let turn = self.renewal.lock().await;
        if self.renewals.load(Ordering::Acquire) == seen {
            return self.renew(http, turn).await;
        }
        drop(turn);
        let failure = self.last_failure.lock().unwrap_or_else(PoisonError::into_inner).clone();
        match (failure, self.held.load_full()) {
            (None, Some(held)) => Ok(held),
            (Some(failure), _) => Err(failure),
            (None, None) => Err(BadAnswer::Grant.into()),
        }
    }

    async fn renew(&self, http: &Http, turn: MutexGuard<'_, ()>) -> Result<Arc<Held>, Failure> {
        let asked_at = self.clock.elapsed();
        let outcome = self.request.send(http, asked_at).await.map(Arc::new);
        if let Ok(held) = &outcome {
            self.held.store(Some(Arc::clone(held)));
        }
        *self.last_failure.lock().unwrap_or_else(PoisonError::into_inner) = outcome.as_ref().err().cloned();
        self.renewals.fetch_add(1, Ordering::Release);
        drop(turn);
        match &outcome {
            Ok(_) => tracing::debug!("renewed our credential"),
            Err(failure) => tracing::warn!(%failure, "could not renew our credential"),
        }
        outcome
    }
}

impl Held {
    pub(crate) fn header(&self) -> &HeaderValue {
        &self.header
    }

    fn is_fresh(&self, now: Duration) -> bool {
        self.ends.as_ref().is_none_or(|ends| now < ends.renew_from)
    }

    fn is_usable(&self, now: Duration) -> bool {
        self.ends.as_ref().is_none_or(|ends| now < ends.at)
    }
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
                let endpoint = read_address(table, "token_endpoint", allow_http);
                let form = read_form(table, client_id.as_deref(), client_secret.as_ref());
                (endpoint.and_then(|endpoint| endpoint.uri().ok()), form)
            }
        };
        Some(Self { endpoint: endpoint?, client_id: client_id?, client_secret: client_secret?, form: form? })
    }

    async fn send(&self, http: &Http, asked_at: Duration) -> Result<Held, Failure> {
        let (question, authorization) = self.question()?;
        let (status, headers, body) = http.send(question, authorization).await?;
        if matches!(status.as_u16(), 400 | 401 | 403) {
            return Err(BadAnswer::Grant.into());
        }
        screen(status, &headers)?;
        if status != StatusCode::OK && status != StatusCode::CREATED {
            return Err(BadAnswer::Status(status.as_u16()).into());
        }
        Ok(Held::read(&body, asked_at)?)
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
                Ok((Question::form(self.endpoint.clone(), form.finish()), basic.as_ref()))
            }
            GrantForm::Json => {
                let body = JsonGrant {
                    client_id: &self.client_id,
                    client_secret: secret,
                    grant_type: "client_credentials",
                };
                let body = serde_json::to_vec(&body).map_err(|_| BadAnswer::Grant)?;
                Ok((Question::json(self.endpoint.clone(), body), None))
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
    let basic = if in_form.unwrap_or(false) {
        None
    } else {
        Some(basic_header(&encode(id?, encoded), &encode(secret?.expose_secret(), encoded))?)
    };
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
    expires_in: Option<u32>,
}

impl Held {
    fn read(body: &[u8], asked_at: Duration) -> Result<Self, BadAnswer> {
        let answer: GrantAnswer = serde_json::from_slice(body).map_err(|_| BadAnswer::Grant)?;
        let token = answer.access_token.expose_secret();
        let header = sensitive("Bearer", token).filter(|_| !token.is_empty()).ok_or(BadAnswer::Grant)?;
        let ends = answer.expires_in.map(|seconds| {
            let life = Duration::from_secs(seconds.into());
            let margin = (life / 5).min(Duration::from_secs(30));
            Ends { renew_from: asked_at + life - margin, at: asked_at + life }
        });
        Ok(Self { header, ends })
    }
}

impl fmt::Debug for Grant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.request.fmt(f)
    }
}

impl fmt::Debug for GrantRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Grant").field("endpoint", &self.endpoint).field("client_id", &self.client_id).finish()
    }
}
