use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use introspectd_core::Clock;
use tokio::runtime::Handle;
use tokio::task::JoinHandle;
use tokio::time::sleep;

use crate::source::NotFetched;

/// Document of another server, shared by all who need it.
pub struct Document<T>(Arc<Shared<T>>);

/// Way to fetch a document.
#[async_trait]
pub trait Fetch<T>: Send + Sync + 'static {
    /// Fetches the document that is in force.
    async fn fetch(&self) -> Result<T, NotFetched>;
}

struct Shared<T> {
    /// Kind of document, in the log.
    what: &'static str,
    /// Issuer, in the log.
    issuer: String,
    fetch: Box<dyn Fetch<T>>,
    announce: Box<dyn Fn(&T) + Send + Sync>,
    clock: Arc<dyn Clock>,
    lifetimes: Lifetimes,
    state: Mutex<State<T>>,
    /// Held by the one fetch at a time.
    flight: tokio::sync::Mutex<()>,
}

struct State<T> {
    held: Option<Held<T>>,
    /// Moment at which the latest fetch began.
    tried_at: Option<Duration>,
    fetches: Mark,
}

struct Held<T> {
    document: Arc<T>,
    fetched_at: Duration,
}

/// Numbers of fetches, by which it is known what happened first: clocks may stand still.
#[derive(Debug, Clone, Copy, Default)]
pub struct Mark {
    /// Number of the latest one that began.
    begun: u64,
    /// Number of the latest one that brought a document.
    succeeded: u64,
}

/// Times of a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lifetimes {
    /// Interval at which the document is fetched again.
    pub refresh: Duration,
    /// Longest use of a document while it cannot be fetched again.
    pub max_age: Duration,
}

/// Refresh of a document in the background, which ends when this is dropped.
#[derive(Debug)]
pub struct Refreshing(JoinHandle<()>);

/// Outcome of a wish for a newer document.
pub enum Renewal<T> {
    /// Document that was asked for since.
    Fetched(Arc<T>),
    /// Document that was asked for before and has just come, and the time until the next fetch.
    Joined(Arc<T>, Duration),
    /// Not possible before this time is over.
    Later(Duration),
}

/// Shortest time between two fetches of a document.
pub const PAUSE: Duration = Duration::from_secs(10);

impl Default for Lifetimes {
    fn default() -> Self {
        Self {
            refresh: Duration::from_secs(60 * 60),
            max_age: Duration::from_secs(24 * 60 * 60),
        }
    }
}

impl<T: PartialEq + Send + Sync + 'static> Document<T> {
    /// Creates a document of an issuer, both of which the log names. None is fetched yet.
    /// `announce` gets each one that differs from the one before.
    pub fn new(
        (what, issuer): (&'static str, String),
        fetch: impl Fetch<T>,
        clock: Arc<dyn Clock>,
        lifetimes: Lifetimes,
        announce: impl Fn(&T) + Send + Sync + 'static,
    ) -> Self {
        Self(Arc::new(Shared {
            what,
            issuer,
            fetch: Box::new(fetch),
            announce: Box::new(announce),
            clock,
            lifetimes,
            state: Mutex::new(State {
                held: None,
                tried_at: None,
                fetches: Mark::default(),
            }),
            flight: tokio::sync::Mutex::default(),
        }))
    }

    /// Fetches the document, and again whenever it is due, on this runtime.
    pub fn refresh_on(&self, runtime: &Handle) -> Refreshing {
        let document = self.clone();
        Refreshing(runtime.spawn(async move {
            loop {
                let pause = match document.fetch_since(document.mark()).await {
                    Renewal::Fetched(_) | Renewal::Joined(..) => document.0.lifetimes.refresh,
                    Renewal::Later(wait) => wait,
                };
                sleep(pause).await;
            }
        }))
    }

    /// Returns the document, unless there is none or it is too old.
    pub fn current(&self) -> Option<Arc<T>> {
        let (document, age) = self.held()?;
        (age <= self.0.lifetimes.max_age).then_some(document)
    }

    /// Returns the document that was fetched last, and the time since.
    pub fn held(&self) -> Option<(Arc<T>, Duration)> {
        let state = self.0.state();
        let held = state.held.as_ref()?;
        let age = self.0.clock.elapsed().saturating_sub(held.fetched_at);
        Some((Arc::clone(&held.document), age))
    }

    /// Returns the document. Where there is none, waits for a fetch that is under way or due.
    ///
    /// # Errors
    /// The time after which it may be fetched again.
    pub async fn get(&self) -> Result<Arc<T>, Duration> {
        let before = self.mark();
        if let Some(document) = self.current() {
            return Ok(document);
        }
        match self.renew(before).await {
            Renewal::Fetched(document) | Renewal::Joined(document, _) => Ok(document),
            Renewal::Later(wait) => Err(wait),
        }
    }

    /// Returns the present state of fetches, for [`Document::renew`].
    pub fn mark(&self) -> Mark {
        self.0.state().fetches
    }

    /// Fetches the document, or takes the outcome of a fetch that has ended since the mark. The
    /// fetch is a task of its own: a client that leaves takes nobody's fetch away.
    pub async fn renew(&self, since: Mark) -> Renewal<T> {
        let document = self.clone();
        let renewal = tokio::spawn(async move { document.fetch_since(since).await });
        renewal.await.unwrap_or(Renewal::Later(PAUSE))
    }

    async fn fetch_since(&self, before: Mark) -> Renewal<T> {
        let shared = &*self.0;
        let _flight = shared.flight.lock().await;
        let (tried_at, fetches) = {
            let state = shared.state();
            (state.tried_at, state.fetches)
        };
        if let Some(tried_at) = tried_at {
            let wait = (tried_at + PAUSE).saturating_sub(shared.clock.elapsed());
            match self.current() {
                Some(known) if fetches.succeeded > before.begun => return Renewal::Fetched(known),
                Some(known) if fetches.succeeded > before.succeeded => {
                    return Renewal::Joined(known, wait);
                }
                Some(_) | None if wait > Duration::ZERO => return Renewal::Later(wait),
                Some(_) | None => {}
            }
        }
        match self.fetch().await {
            Some(document) => Renewal::Fetched(document),
            None => Renewal::Later(PAUSE),
        }
    }

    async fn fetch(&self) -> Option<Arc<T>> {
        let shared = &*self.0;
        let begun_at = shared.clock.elapsed();
        let number = {
            let mut state = shared.state();
            state.tried_at = Some(begun_at);
            state.fetches.begun += 1;
            state.fetches.begun
        };
        let (what, issuer) = (shared.what, shared.issuer.as_str());
        let document = match shared.fetch.fetch().await {
            Ok(document) => Arc::new(document),
            Err(reason) => {
                let is_kept = self.current().is_some();
                tracing::warn!(issuer, %reason, is_kept, "cannot fetch {what}");
                return None;
            }
        };
        let mut state = shared.state();
        let before = state.held.replace(Held {
            document: Arc::clone(&document),
            // Of the request: the answer may have been on its way for long.
            fetched_at: begun_at,
        });
        state.fetches.succeeded = number;
        drop(state);
        if before.is_none_or(|before| before.document != document) {
            (shared.announce)(&document);
        }
        Some(document)
    }
}

impl<T> Shared<T> {
    fn state(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Refreshing {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl<T> Clone for Document<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T> fmt::Debug for Document<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Document")
            .field("what", &self.0.what)
            .field("issuer", &self.0.issuer)
            .finish_non_exhaustive()
    }
}
