//! Apigee Edge: how to ask about a token, for those of an app or user, and to take one back; how to read the answers.

mod config;
mod list;
mod wire;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::{StreamExt, TryStreamExt, stream};
use http::Uri;
use introspectd_core::{
    BadAnswer, Batch, Capabilities, Clock, CreationKey, Failure, Introspection, Listing, Position, Provider,
    TokenValue, Window,
};
use introspectd_upstream::{Address, Outbound, Request, Segment, Upstream};

use list::{Search, Values, millis};

pub use config::Config;

/// One organization of an Apigee Edge.
#[derive(Debug)]
pub struct Apigee {
    upstream: Upstream,
    address: Address,
    /// "Get an access token", <http://apigee.com/docs/api/api_methods/109-get-an-access-token>.
    tokens: String,
    /// Its neighbour, which finds tokens by app and end user.
    search: String,
    /// What follows a token's address to revoke it.
    revocation: &'static str,
}

/// "Approve or revoke an access token", <http://apigee.com/docs/api/api_methods/115-approve-an-access-token>: no body,
/// of this type.
const OCTETS: &str = "application/octet-stream";

/// How long a list may take, which is hundreds of exchanges.
const LIST_TIME: Duration = Duration::from_secs(30);

/// How many of these are under way at once.
const LIST_WIDTH: usize = 8;

impl Apigee {
    /// From what was read from the configuration.
    pub fn new(config: Config, clock: Arc<dyn Clock>, outbound: &Outbound) -> Self {
        let address = config.connection.address.clone();
        let tokens = format!("/v1/o/{}/oauth2/accesstokens", config.organization);
        let search = format!("/v1/o/{}/oauth2/search", config.organization);
        let revocation = if config.cascade { "action=revoke&cascade=true" } else { "action=revoke" };
        let upstream = Upstream::new(config.connection, clock, outbound);
        Self { upstream, address, tokens, search, revocation }
    }

    /// Returns the record of a token, asked for by a request to its address.
    async fn record(
        &self,
        token: &TokenValue,
        request: impl FnOnce(Uri) -> Request,
    ) -> Result<Introspection, Failure> {
        // An empty or climbing token would count the tokens, list live ones, or show a consumer's secret.
        let uri =
            Segment::parse(token.expose(), &[]).and_then(|it| self.address.with_segment(&self.tokens, &it));
        let Ok(uri) = uri else { return Ok(Introspection::Inactive) };
        let response = self.upstream.send(request(uri)).await?;
        Ok(wire::read(response.status, &response.body, token)?)
    }

    /// The tokens themselves, which is all that a search tells.
    async fn search(&self, search: &Search<'_>) -> Result<Values, Failure> {
        let (mut values, mut start) = (Values::default(), None);
        loop {
            let uri = self.address.with_query(&self.search, &search.query(start.as_ref()));
            let unfit = || start.as_ref().map_or(Failure::Unsupported, |_| BadAnswer::member("next").into());
            let response = self.upstream.send(Request::get(uri.map_err(|_| unfit())?).listing()).await?;
            start = values.read(response.status, &response.body)?;
            if start.is_none() {
                return Ok(values);
            }
        }
    }

    /// Adds the records of these tokens. One that is gone by now has none; nor has one that no URL can hold, and which
    /// therefore is inactive whenever it is presented.
    async fn add_records(
        &self,
        values: Values,
        search: &Search<'_>,
        window: &mut Window,
    ) -> Result<(), Failure> {
        let questions = values.into_handled().map(async |(handle, value)| {
            let answer = self.record(&value, |uri| Request::get(uri).listing()).await?;
            Ok::<_, Failure>((handle, answer))
        });
        let mut answers = stream::iter(questions).buffer_unordered(LIST_WIDTH);
        while let Some((handle, answer)) = answers.try_next().await? {
            match answer {
                Introspection::Token(token) if search.means(&token) => {
                    window.offer(CreationKey { millis: millis(&token), handle }, *token);
                }
                Introspection::Token(_) | Introspection::Inactive => {}
            }
        }
        Ok(())
    }
}

#[async_trait]
impl Provider for Apigee {
    fn capabilities(&self) -> Capabilities {
        Capabilities { introspect: true, revoke: true, list: true, ..Capabilities::default() }
    }

    async fn introspect(&self, token: &TokenValue) -> Result<Introspection, Failure> {
        self.record(token, Request::get).await
    }

    async fn revoke(&self, token: &TokenValue) -> Result<(), Failure> {
        // A token with a query of its own could approve what was revoked.
        let uri = Segment::parse(token.expose(), &[])
            .and_then(|it| self.address.with_segment_and_query(&self.tokens, &it, self.revocation));
        let Ok(uri) = uri else { return Ok(()) };
        let response = self.upstream.send(Request::post(uri).empty(OCTETS)).await?;
        Ok(wire::read_revocation(response.status, &response.body, token)?)
    }

    async fn list(&self, listing: &Listing, from: Option<&Position>) -> Result<Batch, Failure> {
        let mut window = Window::after(from, listing.order)?;
        let Some(search) = Search::of(&listing.filters)? else { return Ok(Batch::default()) };
        let exchanges = async {
            let values = self.search(&search).await?;
            self.add_records(values, &search, &mut window).await
        };
        Upstream::within(LIST_TIME, exchanges).await?;
        Ok(window.into_batch())
    }
}
