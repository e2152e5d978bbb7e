use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::time::Duration;

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use introspectd_core::ask;
use introspectd_core::{
    BadAnswer, Clock, Expiry, Failure, Health, Introspection, ManualClock, Outage, Provider,
    ProviderName, Records, Revocation, RevocationById, Status, Timestamp, Token, TokenId,
    TokenValue, Unreachable,
};
use introspectd_resolver::{
    CacheLimits, CacheTimes, Match, ProviderEntry, Resolution, Resolver, Source, Unmatched,
};
use regex::Regex;
use tokio::sync::watch;

/// Start of each clock, in seconds.
pub(crate) const START: i64 = 1_700_000_000;
/// A provider's `timeout`, which its scripted answers do not keep to.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(30);
pub(crate) const TTL: u32 = 600;
pub(crate) const INACTIVE_TTL: u32 = 100;
/// More than jitter, a tenth at most, takes from [`TTL`].
pub(crate) const TTL_AT_LEAST: u32 = 540;
pub(crate) const INACTIVE_TTL_AT_LEAST: u32 = 90;

pub(crate) const LIMITS: CacheLimits = CacheLimits {
    max_bytes: 16 << 20,
    times: CacheTimes {
        ttl: Duration::from_secs(TTL as u64),
        inactive_ttl: Duration::from_secs(INACTIVE_TTL as u64),
        stale_if_error: Duration::ZERO,
        without_end: None,
    },
};

pub(crate) const UNCACHED: CacheLimits = CacheLimits {
    times: CacheTimes {
        ttl: Duration::ZERO,
        inactive_ttl: Duration::ZERO,
        ..LIMITS.times
    },
    ..LIMITS
};

/// Behaviour of a scripted provider.
#[derive(Debug, Clone)]
pub(crate) enum Answer {
    Says(Introspection),
    Fails(Failure),
    Panics,
}

/// Request to a scripted provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Question {
    Token(String),
    Id(String),
    /// Revocation of the token, or of the one with this id.
    Revoke(String),
}

/// A provider with scripted answers, inactive for what is not in the script, that records every
/// question and can hold its answers back.
#[derive(Debug)]
pub(crate) struct Fake {
    can: Can,
    script: Mutex<HashMap<String, Answer>>,
    asked: watch::Sender<Vec<Question>>,
    /// Number of requests, in their order, that may be answered.
    answerable: watch::Sender<usize>,
    shows_revoked: AtomicBool,
}

/// Operations of a scripted provider beside introspection.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Can {
    pub(crate) lookup: bool,
    pub(crate) revoke: bool,
}

impl Fake {
    pub(crate) fn new() -> Arc<Self> {
        Self::that(Can {
            lookup: true,
            ..Can::default()
        })
    }

    pub(crate) fn that(can: Can) -> Arc<Self> {
        Arc::new(Self {
            can,
            script: Mutex::default(),
            asked: watch::Sender::default(),
            answerable: watch::Sender::new(usize::MAX),
            shows_revoked: AtomicBool::new(false),
        })
    }

    /// Answers `text` like this from now on, as a token and as an id.
    pub(crate) fn script(&self, text: &str, answer: impl Into<Answer>) {
        self.script
            .lock()
            .unwrap()
            .insert(text.to_owned(), answer.into());
    }

    /// Lets confirmed revocations change nothing from now on.
    pub(crate) fn show_revoked(&self) {
        self.shows_revoked.store(true, Relaxed);
    }

    /// Holds answers back, which are decided when the question arrives, until [`Self::release`].
    pub(crate) fn hold(&self) {
        self.answerable.send_replace(self.questions());
    }

    pub(crate) fn release(&self) {
        self.answerable.send_replace(usize::MAX);
    }

    /// Lets what has arrived be answered and reach the cache, and holds back what comes after it.
    pub(crate) async fn land(&self) {
        self.hold();
        for _ in 0..4 {
            tokio::task::yield_now().await;
        }
    }

    /// Waits until so many questions have arrived in all.
    pub(crate) async fn arrived(&self, questions: usize) {
        let mut asked = self.asked.subscribe();
        within(asked.wait_for(|asked| asked.len() >= questions))
            .await
            .unwrap();
    }

    pub(crate) fn questions(&self) -> usize {
        self.asked.borrow().len()
    }

    pub(crate) fn asked(&self) -> Vec<Question> {
        self.asked.borrow().clone()
    }

    /// Fails where its script does; else the text is inactive from now on.
    async fn take_back(&self, text: &str) -> Result<(), Failure> {
        self.answer(text, Question::Revoke(text.to_owned())).await?;
        if !self.shows_revoked.load(Relaxed) {
            self.script(text, Introspection::Inactive);
        }
        Ok(())
    }

    async fn answer(&self, text: &str, question: Question) -> Result<Introspection, Failure> {
        let answer = self.script.lock().unwrap().get(text).cloned();
        ask::Context::current().note_sent();
        let mut place = 0;
        self.asked.send_modify(|asked| {
            place = asked.len();
            asked.push(question);
        });
        self.answerable
            .subscribe()
            .wait_for(|answerable| place < *answerable)
            .await
            .unwrap();
        match answer {
            None => Ok(Introspection::Inactive),
            Some(Answer::Says(introspection)) => Ok(introspection),
            Some(Answer::Fails(failure)) => Err(failure),
            Some(Answer::Panics) => panic!("a scripted bug in an adapter"),
        }
    }
}

#[async_trait]
impl Provider for Fake {
    fn health(&self) -> Health {
        Health::Good
    }

    async fn introspect(&self, token: &TokenValue) -> Result<Introspection, Failure> {
        self.answer(token.expose(), Question::Token(token.expose().to_owned()))
            .await
    }

    fn record_id(&self, jti: &str) -> Option<TokenId> {
        TokenId::parse(jti.to_owned()).ok()
    }

    fn records(&self) -> Option<&dyn Records> {
        self.can.lookup.then_some(self)
    }

    fn revocation(&self) -> Option<&dyn Revocation> {
        self.can.revoke.then_some(self)
    }

    fn revocation_by_id(&self) -> Option<&dyn RevocationById> {
        self.can.revoke.then_some(self)
    }
}

#[async_trait]
impl Records for Fake {
    async fn lookup(&self, id: &TokenId) -> Result<Introspection, Failure> {
        self.answer(id.as_str(), Question::Id(id.as_str().to_owned()))
            .await
    }

    fn is_id(&self, _: &TokenId) -> bool {
        false
    }

    fn spells_an_id(&self, _: &TokenValue) -> bool {
        false
    }
}

#[async_trait]
impl Revocation for Fake {
    async fn revoke(&self, token: &TokenValue) -> Result<(), Failure> {
        self.take_back(token.expose()).await
    }
}

#[async_trait]
impl RevocationById for Fake {
    async fn revoke_by_id(&self, id: &TokenId) -> Result<(), Failure> {
        self.take_back(id.as_str()).await
    }
}

/// A resolver and its clock.
#[derive(Clone)]
pub(crate) struct Bench {
    pub(crate) resolver: Arc<Resolver<Token>>,
    pub(crate) clock: Arc<ManualClock>,
}

/// An outcome as a caller sees it at that moment.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Seen {
    Active(ProviderName, Source),
    Inactive(Source),
    Fails(Failure),
}

impl Bench {
    pub(crate) fn new(
        upstreams: Vec<ProviderEntry>,
        unmatched: &Unmatched,
        limits: CacheLimits,
    ) -> Self {
        Self::with_clock(
            upstreams,
            unmatched,
            limits,
            &Arc::new(ManualClock::at(at(0))),
        )
    }

    pub(crate) fn with_clock(
        upstreams: Vec<ProviderEntry>,
        unmatched: &Unmatched,
        limits: CacheLimits,
        clock: &Arc<ManualClock>,
    ) -> Self {
        let resolver = Resolver::new(upstreams, unmatched, limits, Arc::clone(clock) as _).unwrap();
        Self {
            resolver: Arc::new(resolver),
            clock: Arc::clone(clock),
        }
    }

    /// One provider, `as`, to which every token belongs.
    pub(crate) fn single(limits: CacheLimits) -> (Self, Arc<Fake>) {
        let fake = Fake::new();
        let upstreams = vec![upstream("as", &fake, Some(prefix("")))];
        (Self::new(upstreams, &Unmatched::Reject, limits), fake)
    }

    /// Asks as a caller that may ask every provider.
    pub(crate) async fn ask(&self, token: &str) -> Seen {
        self.ask_as(token, None, |_| true).await
    }

    pub(crate) async fn ask_only(&self, token: &str, only: &str) -> Seen {
        self.ask_as(token, Some(only), |_| true).await
    }

    pub(crate) async fn ask_as(
        &self,
        token: &str,
        only: Option<&str>,
        may_ask: impl Fn(&str) -> bool + Send,
    ) -> Seen {
        let only = only.map(name);
        let may_ask = |provider: &ProviderName| may_ask(provider.as_str());
        self.see(
            self.resolver
                .introspect(value(token), only.as_ref(), may_ask)
                .await,
        )
    }

    /// The same in a task of its own, asked for when this returns.
    pub(crate) async fn asking(&self, token: &str) -> tokio::task::JoinHandle<Seen> {
        let (bench, token) = (self.clone(), token.to_owned());
        let waiting = Waiting::default();
        let task = tokio::spawn(waiting.until_pending(async move { bench.ask(&token).await }));
        waiting.count(1).await;
        task
    }

    pub(crate) async fn lookup(&self, id: &str, provider: &str) -> Seen {
        let id = TokenId::parse(id.to_owned()).unwrap();
        self.see(self.resolver.lookup(id, &name(provider)).await)
    }

    fn see(&self, outcome: Result<Resolution<'_, Token>, Failure>) -> Seen {
        match outcome {
            Ok(resolution) => match resolution.active(self.clock.now()) {
                Some((provider, _)) => Seen::Active(provider.clone(), resolution.source),
                None => Seen::Inactive(resolution.source),
            },
            Err(failure) => Seen::Fails(failure),
        }
    }
}

/// Counts the futures that have come as far as to wait, or to end.
#[derive(Clone, Default)]
pub(crate) struct Waiting(Arc<watch::Sender<usize>>);

impl Waiting {
    pub(crate) fn until_pending<F>(&self, future: F) -> impl Future<Output = F::Output> + use<F>
    where
        F: Future,
    {
        let counter = Arc::clone(&self.0);
        let mut future = Box::pin(future);
        let mut counted = false;
        std::future::poll_fn(move |context| {
            let polled = future.as_mut().poll(context);
            if !std::mem::replace(&mut counted, true) {
                counter.send_modify(|count| *count += 1);
            }
            polled
        })
    }

    pub(crate) async fn count(&self, futures: usize) {
        let mut count = self.0.subscribe();
        within(count.wait_for(|count| *count >= futures))
            .await
            .unwrap();
    }
}

/// Bounds a wait, so that a test whose promise is broken fails and does not hang.
pub(crate) async fn within<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(60), future)
        .await
        .expect("what is waited for does not come")
}

/// Polls once; what is ready has not waited for anything.
pub(crate) async fn poll_once<T>(future: &mut (impl Future<Output = T> + Unpin)) -> Poll<T> {
    std::future::poll_fn(|context| Poll::Ready(std::pin::Pin::new(&mut *future).poll(context)))
        .await
}

impl From<Token> for Answer {
    fn from(token: Token) -> Self {
        Self::Says(Introspection::Token(Box::new(token)))
    }
}

impl From<Introspection> for Answer {
    fn from(introspection: Introspection) -> Self {
        Self::Says(introspection)
    }
}

impl From<Failure> for Answer {
    fn from(failure: Failure) -> Self {
        Self::Fails(failure)
    }
}

pub(crate) fn upstream(called: &str, fake: &Arc<Fake>, matching: Option<Match>) -> ProviderEntry {
    ProviderEntry {
        name: name(called),
        kind: "fake",
        provider: Arc::clone(fake) as _,
        matching,
        issuer: None,
        clock_skew: Duration::ZERO,
        timeout: TIMEOUT,
        times: None,
        revision: [0; 16],
    }
}

pub(crate) fn prefix(text: &str) -> Match {
    Match::Prefix(text.to_owned())
}

pub(crate) fn regex(text: &str) -> Match {
    Match::Regex(Regex::new(text).unwrap())
}

pub(crate) fn jwt_of(issuer: &str) -> String {
    let claims = format!(r#"{{"iss":"{issuer}"}}"#);
    format!("eyJhbGciOiJub25lIn0.{}.sig", URL_SAFE_NO_PAD.encode(claims))
}

pub(crate) fn name(text: &str) -> ProviderName {
    ProviderName::parse(text).unwrap()
}

pub(crate) fn value(text: &str) -> TokenValue {
    TokenValue::parse(text.to_owned()).unwrap()
}

/// So many seconds after the start.
pub(crate) fn at(seconds: i64) -> Timestamp {
    Timestamp::from_seconds(START + seconds).unwrap()
}

/// A good token without an end.
pub(crate) fn good() -> Token {
    Token::new(Status::Good, Expiry::Never)
}

/// A good token that ends so many seconds after the start.
pub(crate) fn good_until(seconds: i64) -> Token {
    Token::new(Status::Good, Expiry::At(at(seconds)))
}

/// A good token without an end, from so many seconds after the start.
pub(crate) fn good_from(seconds: i64) -> Token {
    Token {
        nbf: Some(at(seconds)),
        ..good()
    }
}

/// Active, by the one provider of [`Bench::single`].
pub(crate) fn active(source: Source) -> Seen {
    active_by("as", source)
}

pub(crate) fn active_by(provider: &str, source: Source) -> Seen {
    Seen::Active(name(provider), source)
}

/// Each kind of failure that could not depend on the token.
pub(crate) fn failures_of_the_provider() -> Vec<Failure> {
    let mut failures = vec![
        Failure::Timeout,
        Failure::ConnectTimeout,
        Failure::Unavailable {
            outage: Outage::Status(429),
            retry_after: Some(Duration::from_secs(7)),
        },
        BadAnswer::Status(500).into(),
        BadAnswer::Status(501).into(),
    ];
    let outages = [Outage::Unreachable(Unreachable::Refused), Outage::Closed].into_iter();
    failures.extend(
        outages
            .chain([429, 502, 503, 504].map(Outage::Status))
            .map(Failure::outage),
    );
    // Those that spared the provider a request.
    let spared = [Outage::Overloaded, Outage::BreakerOpen, Outage::Throttled];
    failures.extend(spared.map(Failure::outage));
    failures.push(Failure::QueueTimeout);
    failures
}

/// Each other kind.
pub(crate) fn other_failures() -> Vec<Failure> {
    let answers = [
        BadAnswer::Credentials(401),
        BadAnswer::Credentials(403),
        BadAnswer::Status(418),
        BadAnswer::Redirect(302),
        BadAnswer::TooLarge,
        BadAnswer::NotHttp,
        BadAnswer::Truncated,
        BadAnswer::NotAnObject,
        BadAnswer::member("exp"),
        BadAnswer::UndocumentedError(400),
        BadAnswer::OtherToken,
        BadAnswer::Grant,
        BadAnswer::GrantMember("expires_in"),
        BadAnswer::Compressed,
    ];
    let ours = [Outage::Abandoned, Outage::NotSaved].map(Failure::outage);
    answers
        .map(Failure::from)
        .into_iter()
        .chain(ours)
        .chain([Failure::Unsupported])
        .collect()
}
