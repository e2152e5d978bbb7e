use std::collections::BTreeMap;
use std::sync::Arc;

use introspectd_core::Clock;
use introspectd_front::Api;
use introspectd_jwks::Refreshing;
use introspectd_service::{Transmitter, Transmitters};
use introspectd_upstream::Outbound;
use tokio::runtime::Handle;
use tokio::task::JoinHandle;

use crate::config::{EventsConfig, Polling};

/// Transmitters of the configuration in force, with their work in the background.
#[derive(Default)]
pub(crate) struct Receiving(BTreeMap<String, Arc<Running>>);

/// Transmitter whose keys are refreshed and, where it is polled, whose events are fetched.
struct Running {
    transmitter: Arc<Transmitter>,
    _refreshing: Option<Refreshing>,
    polling: Option<Task>,
}

/// Transmitters of the next configuration, not yet at work.
pub(crate) struct Prepared {
    kept: Vec<Arc<Running>>,
    new: Vec<(Arc<Transmitter>, Option<Polling>)>,
}

/// Task that ends when this is dropped.
struct Task(JoinHandle<()>);

impl Receiving {
    /// Prepares the transmitters of a configuration: those whose section is unchanged are kept,
    /// with their keys; one of the same name as before goes on counting.
    pub(crate) fn prepare(
        &self,
        configs: Vec<EventsConfig>,
        is_changed: impl Fn(&str) -> bool,
        clock: &Arc<dyn Clock>,
        outbound: &Outbound,
    ) -> Prepared {
        let mut prepared = Prepared {
            kept: Vec::new(),
            new: Vec::new(),
        };
        for config in configs {
            let before = self.0.get(config.name());
            match before.filter(|_| !is_changed(config.name())) {
                Some(kept) => prepared.kept.push(Arc::clone(kept)),
                None => {
                    let record = before.map(|before| Arc::clone(&before.transmitter.record));
                    let (mut transmitter, polling) = config.into_transmitter(clock, outbound);
                    if let (Some(record), Some(own)) = (record, Arc::get_mut(&mut transmitter)) {
                        own.record = record;
                    }
                    prepared.new.push((transmitter, polling));
                }
            }
        }
        prepared
    }

    /// Sets the transmitters to work on this runtime. Those of before that are not kept end.
    pub(crate) fn start(&mut self, prepared: Prepared, api: &Arc<Api>, runtime: &Handle) {
        let kept = prepared.kept.into_iter();
        let mut all: BTreeMap<_, _> = kept
            .map(|running| (running.transmitter.name.clone(), running))
            .collect();
        for (transmitter, polling) in prepared.new {
            let polling = polling.map(|polling| {
                let api = Arc::clone(api);
                let service = Arc::new(move || api.service());
                let poller = polling.into_poller(Arc::clone(&transmitter), service);
                Task(runtime.spawn(poller.run()))
            });
            let running = Running {
                _refreshing: transmitter.keys.refresh_on(runtime),
                transmitter: Arc::clone(&transmitter),
                polling,
            };
            all.insert(transmitter.name.clone(), Arc::new(running));
        }
        let polled = all.values().filter(|running| running.polling.is_some());
        let polled = polled.count();
        if !all.is_empty() {
            tracing::info!(transmitters = all.len(), polled, "receiving events");
        }
        self.0 = all;
    }
}

impl Prepared {
    /// Returns the transmitters, as the service knows them.
    pub(crate) fn transmitters(&self) -> Transmitters {
        let kept = self.kept.iter().map(|running| &running.transmitter);
        let new = self.new.iter().map(|(transmitter, _)| transmitter);
        Transmitters::new(kept.chain(new).cloned())
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        self.0.abort();
    }
}
