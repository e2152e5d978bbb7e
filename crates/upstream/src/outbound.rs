use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use introspectd_core::{Clock, run_while_idle};
use tokio::runtime::{Handle, Runtime};
use tokio::task::{AbortHandle, JoinHandle};

use crate::request::Effect;
use crate::resolve::Names;

/// Threads that drive all connections to providers, and the names that these share.
///
/// The threads serve no caller: a worker that stalls holds up no answer of another. Dropping the
/// value ends them, and with them every exchange.
#[derive(Debug)]
pub struct Outbound {
    runtime: Option<Runtime>,
    /// Thread that reads large answers while a processor is free. On a machine that has none for
    /// longer than the provider's timeout, those who wait for such an answer are refused.
    large: Option<Runtime>,
    net: Net,
}

/// Threads named `upstream-N`, which move bytes and do TLS. A second one keeps a handshake from
/// delaying answers.
const THREADS: usize = 2;

/// Access of a provider's client to the threads and names.
#[derive(Debug, Clone)]
pub(crate) struct Net {
    /// `None`: the caller's own runtime.
    threads: Option<Handle>,
    pub(crate) names: Arc<Names>,
}

impl Outbound {
    /// Starts the threads. Names are resolved as the system's `/etc/hosts` and `/etc/resolv.conf`
    /// say.
    ///
    /// # Errors
    /// Fails if the system provides no threads.
    pub fn start(clock: Arc<dyn Clock>) -> io::Result<Self> {
        let mut numbers = 0..THREADS;
        let numbers = std::sync::Mutex::new(move || numbers.next().unwrap_or(THREADS));
        let name = move || match numbers.lock() {
            Ok(mut next) => format!("upstream-{}", next()),
            Err(_) => "upstream".to_owned(),
        };
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(THREADS)
            // Nothing here blocks; the bound holds should a library think otherwise.
            .max_blocking_threads(1)
            .thread_name_fn(name)
            .enable_all()
            .build()?;
        let large = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .max_blocking_threads(1)
            .thread_name("large-answers")
            // A megabyte takes tens of milliseconds, for which no other answer waits.
            .on_thread_start(|| {
                if let Err(error) = run_while_idle() {
                    tracing::warn!(%error, "cannot lower the priority of a thread");
                }
            })
            .enable_all()
            .build()?;
        let net = Net {
            threads: Some(runtime.handle().clone()),
            names: Names::system(clock),
        };
        Ok(Self {
            runtime: Some(runtime),
            large: Some(large),
            net,
        })
    }

    /// Runs connections on the caller's runtime, without threads of their own.
    pub fn here(clock: Arc<dyn Clock>) -> Self {
        Self {
            runtime: None,
            large: None,
            net: Net {
                threads: None,
                names: Names::system(clock),
            },
        }
    }

    /// Resolves names by this DNS server alone, over UDP.
    #[must_use]
    pub fn with_name_server(mut self, server: SocketAddr, clock: Arc<dyn Clock>) -> Self {
        self.net.names = Names::server(server, clock);
        self
    }

    /// Returns the runtime for reading large answers, which serves no caller and drives no
    /// connection. `None` where there are no threads.
    pub fn large_answers(&self) -> Option<Handle> {
        self.large.as_ref().map(|runtime| runtime.handle().clone())
    }

    /// Returns the runtime for work in the background, which serves no caller.
    pub fn runtime(&self) -> Option<Handle> {
        match &self.runtime {
            Some(runtime) => Some(runtime.handle().clone()),
            None => Handle::try_current().ok(),
        }
    }

    pub(crate) fn net(&self) -> Net {
        self.net.clone()
    }
}

impl Drop for Outbound {
    fn drop(&mut self) {
        // A plain drop waits, which an asynchronous context may not.
        for runtime in [self.runtime.take(), self.large.take()]
            .into_iter()
            .flatten()
        {
            runtime.shutdown_background();
        }
    }
}

impl Net {
    pub(crate) fn spawn<F>(&self, task: F) -> JoinHandle<F::Output>
    where
        F: Future<Output: Send + 'static> + Send + 'static,
    {
        match &self.threads {
            Some(threads) => threads.spawn(task),
            None => tokio::spawn(task),
        }
    }

    /// Runs an exchange: on the threads, unless it changes something. Dropping the future ends it.
    /// `None` if it panicked or the threads ended.
    ///
    /// A change has a connection of its own, which no caller's introspection shares. The thread
    /// that asks for it drives it, so that many at once take one processor at most.
    pub(crate) async fn run<F>(&self, effect: Effect, exchange: F) -> Option<F::Output>
    where
        F: Future<Output: Send + 'static> + Send + 'static,
    {
        let task = match effect {
            Effect::None => self.spawn(exchange),
            Effect::Change => tokio::spawn(exchange),
        };
        let _guard = AbortOnDrop(task.abort_handle());
        task.await.ok()
    }
}

struct AbortOnDrop(AbortHandle);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}
