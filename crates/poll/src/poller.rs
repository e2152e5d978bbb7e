use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::Uri;
use introspectd_core::Failure;
use introspectd_events::poll;
use introspectd_service::refusal::Refusal;
use introspectd_service::{
    Consequence, Details, EndpointName, Headline, Identity, Operation, Outcome, RequestContext,
    Service, Transmitter, operation,
};
use introspectd_upstream::{Request, Upstream};
use tokio::time::sleep;

/// Source of the service that answers at the moment: a reload may replace it.
pub type Current = Arc<dyn Fn() -> Arc<Service> + Send + Sync>;

/// Polling of one transmitter.
pub struct Poller {
    transmitter: Arc<Transmitter>,
    upstream: Upstream,
    uri: Uri,
    interval: Duration,
    service: Current,
}

/// Shortest pause between two requests, whatever the transmitter has to send.
const MIN_PAUSE: Duration = Duration::from_millis(100);

/// Acknowledgements and refusals of the tokens that were received.
#[derive(Default)]
struct Answers {
    ack: Vec<String>,
    errors: BTreeMap<String, poll::SetError>,
}

/// Result of one request.
struct Polled {
    answers: Answers,
    /// True if another request is of use at once.
    has_news: bool,
}

impl Poller {
    /// Polls this transmitter at an address, at this interval while it has nothing.
    pub fn new(
        transmitter: Arc<Transmitter>,
        upstream: Upstream,
        uri: Uri,
        interval: Duration,
        service: Current,
    ) -> Self {
        Self {
            transmitter,
            upstream,
            uri,
            interval,
            service,
        }
    }

    /// Polls without end; its owner drops it.
    pub async fn run(self) {
        let mut answers = Answers::default();
        let mut is_failing = false;
        loop {
            let polled = self.poll(&mut answers).await;
            let pause = match polled {
                Ok(Polled { has_news: true, .. }) => MIN_PAUSE.min(self.interval),
                Ok(_) | Err(_) => self.interval,
            };
            self.log(&mut is_failing, polled.as_ref().err());
            if let Ok(polled) = polled {
                answers = polled.answers;
            }
            sleep(pause).await;
        }
    }

    /// Sends the answers, which are kept if that fails, and takes further tokens.
    async fn poll(&self, answers: &mut Answers) -> Result<Polled, Failure> {
        let request = poll::Request::new(answers.ack.clone(), answers.errors.clone());
        let request = Request::post(self.uri.clone())
            .json(request.to_json())
            // What was acknowledged twice is acknowledged.
            .repeatable();
        let body = self.upstream.send(request).await?.ok()?;
        let response = poll::Response::parse(&body);
        let response = response.map_err(|_| introspectd_core::BadAnswer::NotAnObject)?;
        let mut polled = Polled {
            answers: Answers::default(),
            has_news: response.more_available,
        };
        for (jti, set) in response.sets {
            match self.receive(&jti, &set).await {
                Ok(consequence) => {
                    // One that comes again and again is no news.
                    polled.has_news |= consequence != Some(Consequence::Repeated);
                    polled.answers.ack.push(jti);
                }
                Err(refusal) if refusal.is_of_event() => {
                    let error = poll::SetError {
                        err: refusal.code(),
                        description: REFUSED,
                    };
                    polled.answers.errors.insert(jti, error);
                }
                // Sent again.
                Err(_) => {}
            }
        }
        Ok(polled)
    }

    /// Has the service act upon a token, and tells its observers.
    async fn receive(&self, jti: &str, set: &str) -> Result<Option<Consequence>, Refusal> {
        let service = (self.service)();
        let mut details = Details::default();
        let received =
            operation::receive_polled(&service, &self.transmitter, jti, set, &mut details).await;
        let consequence = details.consequence;
        let headline = Headline {
            operation: Operation::ReceiveEvent,
            outcome: match &received {
                Ok(()) => Outcome::Done,
                Err(refusal) => Outcome::Refused(refusal),
            },
            source: None,
            context: RequestContext {
                origin: &"poll",
                caller: None,
                policy: None,
                begun: service.begin(EndpointName::Events),
                identity: &Identity::default(),
            },
        };
        // Acknowledged once it is on record.
        service.publish(headline, || details).completed().await;
        received.map(|()| consequence)
    }

    fn log(&self, is_failing: &mut bool, failure: Option<&Failure>) {
        let transmitter = self.transmitter.name.as_str();
        match failure {
            Some(failure) if !*is_failing => {
                tracing::warn!(transmitter, %failure, "cannot poll for events");
            }
            None if *is_failing => tracing::info!(transmitter, "polling for events again"),
            Some(_) | None => {}
        }
        *is_failing = failure.is_some();
    }
}

const REFUSED: &str = "The security event token is not accepted.";

impl fmt::Debug for Poller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Poller")
            .field("transmitter", &self.transmitter.name)
            .finish_non_exhaustive()
    }
}
