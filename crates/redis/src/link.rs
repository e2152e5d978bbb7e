use std::sync::Arc;
use std::time::Duration;

use introspectd_fleet::Backoff;
use redis::FromRedisValue;
use tokio::runtime::Handle;
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, timeout};

use super::fault::Fault;
use super::open::{Connection, Driver};
use super::source::Source;
use super::url::Address;

/// Interval in which a connection must answer, be it used or not: a reader that waits asks nothing.
const PROBE: Duration = Duration::from_millis(500);
/// Longest time for the answer. A connection that hangs is given up after both.
const PROBE_TIMEOUT: Duration = Duration::from_secs(1);
/// Pauses between attempts to connect.
pub(super) const BACKOFF: Backoff = Backoff::new(Duration::from_millis(50), Duration::from_secs(1));
/// Age at which a connection proves that its server is well again.
const STEADY: Duration = Duration::from_secs(2);

/// Connection to one server that is opened when it is first used, and again whenever it is lost,
/// by a task of its own.
///
/// Commands wait for the first attempt. While the link is down, they fail at once.
#[derive(Debug)]
pub(super) struct Link {
    state: watch::Receiver<State>,
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

/// Connection of a link, until it is lost.
#[derive(Debug, Clone)]
pub(super) struct Live {
    pub(super) connection: Connection,
    pub(super) address: Address,
    /// Number of the connection within its link, from 1.
    pub(super) number: u64,
}

#[derive(Debug)]
enum State {
    Idle,
    Connecting,
    Live(Live),
    Down(Fault),
}

#[derive(Debug)]
struct Shared {
    wanted: Notify,
    /// Number of the last connection that a command found useless, and why.
    distrusted: watch::Sender<(u64, Fault)>,
}

impl Link {
    /// Prepares a link, whose connections live on this runtime.
    pub(super) fn new(source: Source, runtime: &Handle) -> Self {
        let (sender, state) = watch::channel(State::Idle);
        let shared = Arc::new(Shared {
            wanted: Notify::new(),
            distrusted: watch::Sender::new((0, Fault::Lost)),
        });
        let task = runtime.spawn(keep(source, sender, Arc::clone(&shared)));
        Self {
            state,
            shared,
            task,
        }
    }

    /// Returns the connection.
    pub(super) async fn live(&self) -> Result<Live, Fault> {
        let mut state = self.state.clone();
        loop {
            match &*state.borrow_and_update() {
                State::Live(live) => {
                    return Ok(live.clone());
                }
                State::Down(fault) => return Err(fault.clone()),
                State::Idle => self.shared.wanted.notify_one(),
                State::Connecting => {}
            }
            state.changed().await.map_err(|_| Fault::Closed)?;
        }
    }

    /// Returns the response to a command.
    pub(super) async fn one<T: FromRedisValue>(&self, command: &redis::Cmd) -> Result<T, Fault> {
        let live = self.live().await?;
        let response = live.connection.one(command).await;
        self.judge(&live, response).await
    }

    /// Returns the responses to all commands of a pipeline, or the first of its errors.
    pub(super) async fn all<T: FromRedisValue>(
        &self,
        pipeline: &mut redis::Pipeline,
    ) -> Result<Vec<T>, Fault> {
        let live = self.live().await?;
        let responses = live.connection.all(pipeline).await;
        self.judge(&live, responses).await
    }

    /// Gives the connection up if this response shows that its server is a replica, and finds out
    /// why a connection was lost.
    pub(super) async fn judge<T>(
        &self,
        live: &Live,
        response: Result<T, Fault>,
    ) -> Result<T, Fault> {
        match response {
            Err(fault) if fault.is_demotion() => {
                let distrusted = (live.number, fault.clone());
                self.shared.distrusted.send_replace(distrusted);
                Err(fault)
            }
            Err(Fault::Lost) => Err(self.lost(live.number).await),
            response => response,
        }
    }

    /// Waits until this connection is not the link's any more, and returns why.
    pub(super) async fn lost(&self, number: u64) -> Fault {
        let mut state = self.state.clone();
        let is_another = |state: &State| !matches!(state, State::Live(it) if it.number == number);
        match state.wait_for(is_another).await {
            Ok(state) => match &*state {
                State::Down(fault) => fault.clone(),
                State::Idle | State::Connecting | State::Live(_) => Fault::Lost,
            },
            Err(_) => Fault::Closed,
        }
    }

    pub(super) fn is_live(&self) -> bool {
        matches!(&*self.state.borrow(), State::Live(_))
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn keep(source: Source, state: watch::Sender<State>, shared: Arc<Shared>) {
    shared.wanted.notified().await;
    state.send_replace(State::Connecting);
    let mut backoff = BACKOFF;
    let mut number = 0;
    loop {
        let fault = match Box::pin(source.connect()).await {
            Ok((address, connection, driver)) => {
                number += 1;
                tracing::info!(%address, "connected to Redis");
                let live = Live {
                    connection,
                    address,
                    number,
                };
                state.send_replace(State::Live(live.clone()));
                let began = Instant::now();
                let fault = Box::pin(hold(&source, &shared, &live, driver)).await;
                if began.elapsed() >= STEADY {
                    backoff.reset();
                }
                tracing::warn!(address = %live.address, error = %fault, "Redis connection ended");
                fault
            }
            Err(fault) => fault,
        };
        state.send_replace(State::Down(fault));
        sleep(backoff.pause()).await;
    }
}

/// Drives a connection until it is lost, hangs, or is of no use any more.
async fn hold(source: &Source, shared: &Shared, live: &Live, driver: Driver) -> Fault {
    let mut distrusted = shared.distrusted.subscribe();
    let is_ours = |(number, _): &(u64, Fault)| *number == live.number;
    tokio::select! {
        () = driver => Fault::Lost,
        fault = watch(source, live) => fault,
        found = distrusted.wait_for(is_ours) => match found {
            Ok(distrusted) => distrusted.1.clone(),
            Err(_) => Fault::Closed,
        },
    }
}

/// Asks the server whether it answers, and the source whether it is still the right one.
async fn watch(source: &Source, live: &Live) -> Fault {
    let mut probes = interval(PROBE);
    probes.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut last_look = Instant::now();
    loop {
        probes.tick().await;
        let probed = timeout(PROBE_TIMEOUT, source.probe(&live.connection)).await;
        // An error is an answer too: whom it concerns will meet it.
        match probed.unwrap_or(Err(Fault::TimedOut)) {
            Err(fault) if fault.is_loss() => return fault,
            Err(_) | Ok(()) => {}
        }
        if last_look.elapsed() >= Source::LOOK {
            last_look = Instant::now();
            if source.has_moved_from(&live.address).await {
                return Fault::NotMaster;
            }
        }
    }
}
