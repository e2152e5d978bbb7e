use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use introspectd_core::{Clock, Failure};
use tokio::runtime::Handle;
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use tokio::time::sleep;

/// Document of another server, shared by all who need it.
pub struct Document<T>(Arc<Shared<T>>);

/// Way to fetch a document.
#[async_trait]
pub trait Fetch<T>: Send + Sync + 'static {
    /// Fetches the document that is in force.
    async fn fetch(&self) -> Result<T, NotFetched>;
}

/// Reason why a document could not be fetched, for an operator. Nothing of a response is in it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotFetched {
    /// No response, or one without the document.
    #[error("{0}")]
    Failed(#[from] Failure),
    /// The document is not what it should be.
    #[error("{0}")]
    Invalid(String),
    /// The metadata names another issuer.
    #[error("the metadata is of another issuer")]
    OtherIssuer,
    /// The metadata names no address that may be used.
    #[error("the {0} is missing, no URL, or plain http to another machine")]
    Address(&'static str),
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
    /// Permits of those who wait for a fetch.
    waiting: Semaphore,
    /// Runtime of the fetches; that of whoever waits for one, until another is given.
    runtime: OnceLock<Handle>,
}

struct State<T> {
    held: Option<Held<T>>,
    /// Moment at which the latest fetch began.
    tried_at: Option<Duration>,
    /// Failure of the latest fetch.
    failure: Option<NotFetched>,
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
    /// Longest use of a document while it cannot be fetched again. More than `refresh`.
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
    Later {
        /// Time until the next fetch.
        wait: Duration,
        /// True if the latest fetch brought the document that is known.
        is_current: bool,
    },
}

/// Shortest time between two fetches of a document.
pub const PAUSE: Duration = Duration::from_secs(10);

/// Most requests that wait for a fetch; further ones fail at once. Where a document is known, only
/// those wait that it does not help, so that they take no place of others.
const MAX_WAITING: usize = 1024;

impl Lifetimes {
    /// Interval of fetches where nothing shortens it.
    const REFRESH: Duration = Duration::from_secs(60 * 60);

    /// Lifetimes of a document that may be used for this long while it cannot be fetched again. It
    /// is fetched twice in that time at least, so that one slow fetch leaves no gap.
    pub fn within(max_age: Duration) -> Self {
        Self {
            refresh: Self::REFRESH.min(max_age / 2),
            max_age,
        }
    }
}

impl Default for Lifetimes {
    fn default() -> Self {
        Self::within(Duration::from_secs(24 * 60 * 60))
    }
}

impl<T: PartialEq + Send + Sync + 'static> Document<T> {
    /// Creates a document of an issuer; the log names both. None is fetched yet. `announce` gets
    /// each one that differs from the one before.
    pub fn new(
        what: &'static str,
        issuer: String,
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
                failure: None,
                fetches: Mark::default(),
            }),
            flight: tokio::sync::Mutex::default(),
            waiting: Semaphore::new(MAX_WAITING),
            runtime: OnceLock::new(),
        }))
    }

    /// Fetches the document, and again whenever it is due, on this runtime.
    pub fn refresh_on(&self, runtime: &Handle) -> Refreshing {
        let document = self.clone();
        let _ = self.0.runtime.set(runtime.clone());
        let refresh = self.0.lifetimes.refresh;
        // Short-lived documents are fetched more often than a request could have it done.
        let pause = PAUSE.min(refresh);
        Refreshing(runtime.spawn(async move {
            loop {
                let wait = match document.fetch_since(document.mark(), pause).await {
                    Renewal::Fetched(_)
                    | Renewal::Joined(..)
                    | Renewal::Later {
                        is_current: true, ..
                    } => refresh,
                    Renewal::Later { wait, .. } => wait.min(pause),
                };
                sleep(wait).await;
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
            Renewal::Later { wait, .. } => Err(wait),
        }
    }

    /// Returns the reason why the latest fetch failed; `None` if it did not.
    pub fn failure(&self) -> Option<NotFetched> {
        self.0.state().failure.clone()
    }

    /// Returns true once a fetch has begun.
    pub fn was_tried(&self) -> bool {
        self.0.state().tried_at.is_some()
    }

    /// Returns the present state of fetches, for [`Document::renew`].
    pub fn mark(&self) -> Mark {
        self.0.state().fetches
    }

    /// Fetches the document, or takes the outcome of a fetch that has ended since the mark. The
    /// fetch is a task of its own: a client that leaves takes nobody's fetch away.
    pub async fn renew(&self, since: Mark) -> Renewal<T> {
        // Made-up key ids come here in crowds, and mostly have nothing to wait for.
        if let Ok(_flight) = self.0.flight.try_lock()
            && let Some(settled) = self.settled(since, PAUSE)
        {
            return settled;
        }
        let Ok(_waits) = self.0.waiting.try_acquire() else {
            return Renewal::FAILED;
        };
        let document = self.clone();
        let renewal = async move { document.fetch_since(since, PAUSE).await };
        let renewal = match self.0.runtime.get() {
            Some(runtime) => runtime.spawn(renewal),
            None => tokio::spawn(renewal),
        };
        renewal.await.unwrap_or(Renewal::FAILED)
    }

    async fn fetch_since(&self, before: Mark, pause: Duration) -> Renewal<T> {
        let _flight = self.0.flight.lock().await;
        if let Some(settled) = self.settled(before, pause) {
            return settled;
        }
        match self.fetch().await {
            Some(document) => Renewal::Fetched(document),
            None => Renewal::FAILED,
        }
    }

    /// Returns what is known without a fetch, if there is to be none: the outcome of one that has
    /// ended since the mark, or one that began within this pause. Nobody else fetches meanwhile.
    fn settled(&self, before: Mark, pause: Duration) -> Option<Renewal<T>> {
        let (tried_at, fetches) = {
            let state = self.0.state();
            (state.tried_at, state.fetches)
        };
        let wait = (tried_at? + pause).saturating_sub(self.0.clock.elapsed());
        match self.current() {
            Some(known) if fetches.succeeded > before.begun => Some(Renewal::Fetched(known)),
            Some(known) if fetches.succeeded > before.succeeded => {
                Some(Renewal::Joined(known, wait))
            }
            Some(_) | None if wait > Duration::ZERO => Some(Renewal::Later {
                wait,
                is_current: fetches.succeeded == fetches.begun,
            }),
            Some(_) | None => None,
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
                shared.state().failure = Some(reason);
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
        state.failure = None;
        drop(state);
        if before.is_none_or(|before| before.document != document) {
            (shared.announce)(&document);
        }
        Some(document)
    }
}

impl<T> Renewal<T> {
    const FAILED: Self = Self::Later {
        wait: PAUSE,
        is_current: false,
    };
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
