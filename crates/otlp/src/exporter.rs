use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, SystemTime};

use http::Uri;
use http::uri::Scheme;
use introspectd_core::Clock;
use introspectd_core::trace::{FinishedSpan, Recorder};
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_client::TraceServiceClient;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, timeout, timeout_at};
use tonic::transport::{Channel, ClientTlsConfig, Endpoint};
use tonic::{Code, Status};

use crate::message;
use crate::queue::{Entry, Queue};

/// Recorder that hands spans to a collector. Clones share one queue and one thread.
#[derive(Clone)]
pub struct Exporter {
    queue: Queue,
    /// Spans that were lost so far.
    lost: Arc<AtomicU64>,
    clock: Arc<dyn Clock>,
}

/// Most spans of one message: some hundred kilobytes.
const MAX_BATCH: usize = 512;

/// Longest wait of a span for others.
const GATHER: Duration = Duration::from_secs(1);

/// Deadline of one message, connection included.
const DEADLINE: Duration = Duration::from_secs(10);

/// Longest wait for the spans that are queued when the process ends.
const FLUSH: Duration = Duration::from_secs(2);

/// Time between two lines in the log about spans that were lost.
const REST: Duration = Duration::from_secs(60);

impl Exporter {
    /// Starts the thread that exports to this collector (`http` or `https`, by the system's
    /// authorities), until the process ends. A collector that does not answer costs its spans.
    ///
    /// # Errors
    /// Fails if the system provides no thread, or no certificate authorities for `https`.
    pub fn start(collector: Uri, clock: Arc<dyn Clock>) -> io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let endpoint = endpoint(collector).map_err(io::Error::other)?;
        let lost = Arc::<AtomicU64>::default();
        let (queue, entries) = Queue::new(&lost);
        let mut export = Export {
            entries,
            lost: Arc::clone(&lost),
            reported: 0,
            reported_at: None,
            clock: Arc::clone(&clock),
        };
        thread::Builder::new()
            .name("otlp".to_owned())
            .spawn(move || {
                runtime.block_on(async move {
                    let client = TraceServiceClient::new(endpoint.connect_lazy());
                    export.run(client).await;
                });
            })?;
        Ok(Self { queue, lost, clock })
    }

    /// Returns the number of spans that were lost so far: dropped, or not taken by the collector.
    pub fn lost(&self) -> u64 {
        self.lost.load(Relaxed)
    }

    /// Exports what waits, for two seconds at most.
    pub async fn flush(&self) {
        let _ = timeout(FLUSH, self.queue.flushed()).await;
    }
}

fn endpoint(collector: Uri) -> Result<Endpoint, tonic::transport::Error> {
    let is_https = collector.scheme() == Some(&Scheme::HTTPS);
    let endpoint = Endpoint::from(collector)
        .connect_timeout(DEADLINE)
        .timeout(DEADLINE);
    if is_https {
        endpoint.tls_config(ClientTlsConfig::new().with_native_roots())
    } else {
        Ok(endpoint)
    }
}

impl Recorder for Exporter {
    fn elapsed(&self) -> Duration {
        self.clock.elapsed()
    }

    fn record(&self, span: FinishedSpan) {
        self.queue.push(span);
    }
}

/// Work of the exporting thread.
struct Export {
    entries: mpsc::Receiver<Entry>,
    lost: Arc<AtomicU64>,
    /// Lost spans that the log has.
    reported: u64,
    /// Time of the last report, by [`Clock::elapsed`].
    reported_at: Option<Duration>,
    clock: Arc<dyn Clock>,
}

impl Export {
    /// Exports until all exporters are gone.
    async fn run(&mut self, mut client: TraceServiceClient<Channel>) {
        while let Some(first) = self.entries.recv().await {
            let (spans, flushed) = self.gather(first).await;
            let problem = self.send(&mut client, spans).await;
            self.report(problem, flushed.is_some());
            if let Some(flushed) = flushed {
                // Whoever waited may be gone.
                let _ = flushed.send(());
            }
        }
    }

    /// Gathers a batch, until it is full or flushed.
    async fn gather(&mut self, first: Entry) -> (Vec<FinishedSpan>, Option<oneshot::Sender<()>>) {
        let mut spans = Vec::new();
        let mut next = Some(first);
        let until = Instant::now() + GATHER;
        loop {
            match next {
                Some(Entry::Span(span)) => spans.push(span),
                Some(Entry::Flush(flushed)) => return (spans, Some(flushed)),
                None => return (spans, None),
            }
            if spans.len() == MAX_BATCH {
                return (spans, None);
            }
            next = timeout_at(until, self.entries.recv()).await.ok().flatten();
        }
    }

    /// Sends a batch once. What the collector does not take is lost.
    async fn send(
        &self,
        client: &mut TraceServiceClient<Channel>,
        spans: Vec<FinishedSpan>,
    ) -> Option<Code> {
        if spans.is_empty() {
            return None;
        }
        let count = spans.len() as u64;
        let request = message::request(spans, self.epoch());
        let exported = timeout(DEADLINE, client.export(request)).await;
        let exported = exported.unwrap_or_else(|_| Err(Status::deadline_exceeded("")));
        let (lost, problem) = match exported {
            Ok(response) => {
                let rejected = response.into_inner().partial_success;
                let rejected = rejected.map_or(0, |it| it.rejected_spans);
                (u64::try_from(rejected).unwrap_or_default(), Code::Ok)
            }
            Err(status) => (count, status.code()),
        };
        self.lost.fetch_add(lost, Relaxed);
        (problem != Code::Ok).then_some(problem)
    }

    /// Returns the wall time at which [`Clock::elapsed`] was zero, as of now: the wall clock may be
    /// set.
    #[allow(
        clippy::disallowed_methods,
        reason = "spans stand beside those of other machines, to the millisecond, and Clock has \
                  whole seconds; nothing is decided by it"
    )]
    fn epoch(&self) -> Duration {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        now.unwrap_or_default().saturating_sub(self.clock.elapsed())
    }

    /// Logs how many spans were lost: at once, then once a minute at most.
    fn report(&mut self, problem: Option<Code>, is_last: bool) {
        let now = self.clock.elapsed();
        let is_due = self.reported_at.is_none_or(|at| now >= at + REST);
        if !(is_due || is_last) {
            return;
        }
        let lost = self.lost.load(Relaxed);
        let count = lost - self.reported;
        if count > 0 {
            (self.reported, self.reported_at) = (lost, Some(now));
            // The collector's own words stay out of the log; the code says what is wrong.
            let problem = problem.map(tracing::field::debug);
            tracing::warn!(
                count,
                problem,
                "spans lost; is the collector of [trace] otlp well?"
            );
        }
    }
}
