//! Apigee Edge adapter: introspects and revokes tokens, and lists those of an app or end user.

mod config;
mod list;
mod wire;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::{StreamExt, TryStreamExt, stream};
use http::Uri;
use introspectd_core::ask::{Gauges, Meter};
use introspectd_core::{
    BadAnswer, Batch, Clock, CreationKey, Failure, Health, Introspection, Listing, Lists, Position,
    Provider, Revocation, TokenValue, Window,
};
use introspectd_upstream::{Address, Outbound, Request, Segment, Upstream};

use list::{Search, Values, millis};

pub use config::Config;

/// Organization of an Apigee Edge.
#[derive(Debug)]
pub struct Apigee {
    upstream: Upstream,
    address: Address,
    /// Path of "Get an access token",
    /// <http://apigee.com/docs/api/api_methods/109-get-an-access-token>.
    tokens: String,
    /// Path of the search for tokens by app and end user.
    search: String,
    /// Query that turns a token's address into its revocation.
    revocation: &'static str,
}

/// Content type of the empty body of "Approve or revoke an access token",
/// <http://apigee.com/docs/api/api_methods/115-approve-an-access-token>.
const OCTETS: &str = "application/octet-stream";

/// Deadline of a list, which is hundreds of requests.
const LIST_TIME: Duration = Duration::from_secs(30);

/// Concurrent requests of a list.
const LIST_WIDTH: usize = 8;

impl Apigee {
    /// Creates the provider from its configuration.
    pub fn new(config: Config, clock: Arc<dyn Clock>, outbound: &Outbound) -> Self {
        let address = config.connection.address.clone();
        let tokens = format!("/v1/o/{}/oauth2/accesstokens", config.organization);
        let search = format!("/v1/o/{}/oauth2/search", config.organization);
        let revocation = if config.cascade {
            "action=revoke&cascade=true"
        } else {
            "action=revoke"
        };
        let upstream = Upstream::new(config.connection, clock, outbound);
        Self {
            upstream,
            address,
            tokens,
            search,
            revocation,
        }
    }

    /// Reads the record of a token by a request to its address.
    async fn record(
        &self,
        token: &TokenValue,
        request: impl FnOnce(Uri) -> Request,
    ) -> Result<Introspection, Failure> {
        // An empty token or one with `..` would count the tokens, list live ones, or show a
        // consumer's secret.
        let uri = Segment::parse(token.expose(), &[])
            .and_then(|it| self.address.with_segment(&self.tokens, &it));
        let Ok(uri) = uri else {
            return Ok(Introspection::Inactive);
        };
        let response = self.upstream.send(request(uri)).await?;
        Ok(wire::read(response.status, &response.body, token)?)
    }

    /// Finds token values, which is all that a search returns.
    async fn search(&self, search: &Search<'_>) -> Result<Values, Failure> {
        let mut values = Values::default();
        let mut start = None;
        loop {
            let uri = self
                .address
                .with_query(&self.search, &search.query(start.as_ref()));
            let unfit = || {
                start
                    .as_ref()
                    .map_or(Failure::Unsupported, |_| BadAnswer::member("next").into())
            };
            let response = self
                .upstream
                .send(Request::get(uri.map_err(|_| unfit())?).listing())
                .await?;
            start = values.read(response.status, &response.body)?;
            if start.is_none() {
                return Ok(values);
            }
        }
    }

    /// Adds the records of these tokens to the window. A token that has disappeared has none, nor
    /// has one that does not fit in a URL, which therefore is inactive whenever presented.
    async fn add_records(
        &self,
        values: Values,
        search: &Search<'_>,
        window: &mut Window,
    ) -> Result<(), Failure> {
        let questions = values.into_handled().map(async |(handle, value)| {
            let answer = self
                .record(&value, |uri| Request::get(uri).listing())
                .await?;
            Ok::<_, Failure>((handle, answer))
        });
        let mut answers = stream::iter(questions).buffer_unordered(LIST_WIDTH);
        while let Some((handle, answer)) = answers.try_next().await? {
            match answer {
                Introspection::Token(token) if search.matches(&token) => {
                    window.offer(
                        CreationKey {
                            millis: millis(&token),
                            handle,
                        },
                        *token,
                    );
                }
                Introspection::Token(_) | Introspection::Inactive => {}
            }
        }
        Ok(())
    }
}

#[async_trait]
impl Provider for Apigee {
    fn health(&self) -> Health {
        self.upstream.health()
    }

    fn gauges(&self) -> Gauges {
        self.upstream.gauges()
    }

    fn meter(&self) -> Arc<Meter> {
        self.upstream.meter()
    }

    async fn introspect(&self, token: &TokenValue) -> Result<Introspection, Failure> {
        self.record(token, Request::get).await
    }

    fn lists(&self) -> Option<&dyn Lists> {
        Some(self)
    }

    fn revocation(&self) -> Option<&dyn Revocation> {
        Some(self)
    }
}

#[async_trait]
impl Revocation for Apigee {
    async fn revoke(&self, token: &TokenValue) -> Result<(), Failure> {
        // A token with a query of its own could approve a revoked one.
        let uri = Segment::parse(token.expose(), &[]).and_then(|it| {
            self.address
                .with_segment_and_query(&self.tokens, &it, self.revocation)
        });
        let Ok(uri) = uri else { return Ok(()) };
        let response = self.upstream.send(Request::post(uri).empty(OCTETS)).await?;
        Ok(wire::read_revocation(
            response.status,
            &response.body,
            token,
        )?)
    }
}

#[async_trait]
impl Lists for Apigee {
    async fn list(&self, listing: &Listing, from: Option<&Position>) -> Result<Batch, Failure> {
        let mut window = Window::after(from, listing.order)?;
        let Some(search) = Search::of(&listing.filters)? else {
            return Ok(Batch::default());
        };
        let exchanges = async {
            let values = self.search(&search).await?;
            self.add_records(values, &search, &mut window).await
        };
        Upstream::within(LIST_TIME, exchanges).await?;
        Ok(window.into_batch())
    }
}
