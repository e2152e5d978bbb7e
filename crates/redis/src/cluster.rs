use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use redis::Value;
use tokio::runtime::Handle;
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout};

use super::fault::Fault;
use super::link::{BACKOFF, Link};
use super::open::Opener;
use super::slot;
use super::source::Source;
use super::url::Address;

/// Interval in which the map is looked at although nothing failed.
const LOOK: Duration = Duration::from_secs(10);
/// Longest time that a node is waited for when it is asked for the map.
const PATIENCE: Duration = Duration::from_millis(500);
/// Nodes that are asked at the same time: some of them may hang or be cut off.
const ASKED: usize = 5;
/// Age of a map after which the next look is made at once.
const STEADY: Duration = Duration::from_secs(2);

/// Cluster by the map that its nodes give, which a task of its own keeps up to date.
#[derive(Debug)]
pub(super) struct Cluster {
    known: watch::Receiver<Known>,
    stale: Arc<Notify>,
    task: JoinHandle<()>,
}

#[derive(Debug)]
enum Known {
    Nothing,
    Map(Arc<Map>),
    Failure(Fault),
}

/// Servers of the slots.
#[derive(Debug, Default)]
pub(super) struct Map {
    ranges: Vec<Range>,
    masters: HashMap<Address, Arc<Link>>,
}

/// Slots in a row, and the nodes that have them, the master first.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Range {
    first: u16,
    last: u16,
    nodes: Vec<Address>,
}

/// Word of one node about the cluster.
struct Answer {
    ranges: Vec<Range>,
    /// False where the node sees no majority, or slots without a master.
    is_sound: bool,
}

impl Cluster {
    pub(super) fn new(seeds: Vec<Address>, opener: Opener, runtime: &Handle) -> Self {
        let (sender, known) = watch::channel(Known::Nothing);
        let stale = Arc::new(Notify::new());
        let atlas = Atlas {
            seeds,
            opener,
            runtime: runtime.clone(),
            map: Arc::default(),
        };
        let task = runtime.spawn(atlas.keep(sender, Arc::clone(&stale)));
        Self { known, stale, task }
    }

    /// Returns the latest map, and waits for the first one.
    pub(super) async fn map(&self) -> Result<Arc<Map>, Fault> {
        let mut known = self.known.clone();
        loop {
            match &*known.borrow_and_update() {
                Known::Map(map) => return Ok(Arc::clone(map)),
                Known::Failure(fault) => {
                    self.refresh();
                    return Err(fault.clone());
                }
                Known::Nothing => self.refresh(),
            }
            known.changed().await.map_err(|_| Fault::Closed)?;
        }
    }

    /// Has the map looked at again, soon.
    pub(super) fn refresh(&self) {
        self.stale.notify_one();
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Map {
    pub(super) fn link(&self, key: &str) -> Result<Arc<Link>, Fault> {
        let slot = slot::of(key);
        let range = self
            .ranges
            .iter()
            .find(|range| (range.first..=range.last).contains(&slot));
        range
            .and_then(|range| self.masters.get(range.nodes.first()?))
            .map(Arc::clone)
            .ok_or(Fault::NoOwner)
    }

    pub(super) fn masters(&self) -> Vec<Arc<Link>> {
        self.masters.values().map(Arc::clone).collect()
    }
}

/// State of the task that keeps the map.
struct Atlas {
    seeds: Vec<Address>,
    opener: Opener,
    runtime: Handle,
    map: Arc<Map>,
}

impl Atlas {
    async fn keep(mut self, known: watch::Sender<Known>, stale: Arc<Notify>) {
        let mut backoff = BACKOFF;
        stale.notified().await;
        loop {
            match Box::pin(self.look()).await {
                Ok(ranges) if ranges == self.map.ranges => {}
                Ok(ranges) => {
                    backoff.reset();
                    self.map = Arc::new(self.next_map(ranges));
                    known.send_replace(Known::Map(Arc::clone(&self.map)));
                }
                // An old map is better than none: what it says of most slots is still so.
                Err(fault) if self.map.ranges.is_empty() => {
                    known.send_replace(Known::Failure(fault));
                }
                Err(fault) => tracing::debug!(error = %fault, "no node gives the cluster's map"),
            }
            // However many commands fail, nodes are asked a few times a second at most.
            sleep(backoff.pause()).await;
            let began = Instant::now();
            let _is_due = timeout(LOOK, stale.notified()).await;
            if began.elapsed() > STEADY {
                backoff.reset();
            }
        }
    }

    /// Keeps the links to masters that still are.
    fn next_map(&self, ranges: Vec<Range>) -> Map {
        let mut masters = HashMap::new();
        for address in ranges.iter().filter_map(|range| range.nodes.first()) {
            let link = self.map.masters.get(address).map_or_else(
                || {
                    let source = Source::Server {
                        address: address.clone(),
                        opener: self.opener.clone(),
                    };
                    Arc::new(Link::new(source, &self.runtime))
                },
                Arc::clone,
            );
            masters.insert(address.clone(), link);
        }
        Map { ranges, masters }
    }

    /// Asks some nodes at once, and takes the first sound answer.
    async fn look(&self) -> Result<Vec<Range>, Fault> {
        let mut asked: FuturesUnordered<_> = self
            .some_nodes()
            .into_iter()
            .map(|it| self.ask(it))
            .collect();
        let mut unsound = Err(Fault::NoOwner);
        while let Some(answer) = asked.next().await {
            match answer {
                Ok(answer) if answer.is_sound => return Ok(answer.ranges),
                Ok(answer) => unsound = Ok(answer.ranges),
                Err(fault) if unsound.is_err() => unsound = Err(fault),
                Err(_) => {}
            }
        }
        unsound
    }

    fn some_nodes(&self) -> Vec<Address> {
        let known = self.map.ranges.iter().flat_map(|range| &range.nodes);
        let mut nodes = Vec::new();
        for address in self.seeds.iter().chain(known) {
            if !nodes.contains(address) {
                nodes.push(address.clone());
            }
        }
        fastrand::shuffle(&mut nodes);
        nodes.truncate(ASKED);
        nodes
    }

    async fn ask(&self, node: Address) -> Result<Answer, Fault> {
        let mut pipeline = redis::pipe();
        pipeline.cmd("CLUSTER").arg("INFO");
        pipeline.cmd("CLUSTER").arg("SLOTS");
        let link = self.map.masters.get(&node).filter(|link| link.is_live());
        let asked = timeout(PATIENCE, async {
            if let Some(link) = link {
                return link.all(&mut pipeline).await;
            }
            let (connection, mut driver) = self.opener.open(&node).await?;
            tokio::select! {
                answer = connection.all(&mut pipeline) => answer,
                () = &mut driver => Err(Fault::Lost),
            }
        });
        let answer: Vec<Value> = asked.await.unwrap_or(Err(Fault::TimedOut))?;
        Answer::parse(&answer, &node).ok_or(Fault::Unexpected)
    }
}

impl Answer {
    /// Reads `CLUSTER INFO` and `CLUSTER SLOTS`.
    ///
    /// <https://redis.io/docs/latest/commands/cluster-slots/>
    fn parse(answer: &[Value], asked: &Address) -> Option<Self> {
        let [info, Value::Array(rows)] = answer else {
            return None;
        };
        let info: String = redis::from_redis_value_ref(info).ok()?;
        let ranges = rows.iter().map(|row| Range::parse(row, asked));
        Some(Self {
            ranges: ranges.collect::<Option<_>>()?,
            is_sound: info.contains("cluster_state:ok"),
        })
    }
}

impl Range {
    /// Reads a row: first slot, last slot, master, replicas.
    fn parse(row: &Value, asked: &Address) -> Option<Self> {
        let Value::Array(row) = row else {
            return None;
        };
        let [Value::Int(first), Value::Int(last), nodes @ ..] = row.as_slice() else {
            return None;
        };
        let nodes = nodes.iter().map(|node| parse_node(node, asked));
        Some(Self {
            first: u16::try_from(*first).ok()?,
            last: u16::try_from(*last).ok()?,
            nodes: nodes.collect::<Option<_>>()?,
        })
    }
}

/// Reads a node: host, port, and more. Where it does not know its host, that is the one by which it
/// was asked.
fn parse_node(node: &Value, asked: &Address) -> Option<Address> {
    let Value::Array(node) = node else {
        return None;
    };
    let [host, Value::Int(port), ..] = node.as_slice() else {
        return None;
    };
    let host: Option<String> = redis::from_redis_value_ref(host).ok()?;
    Some(Address {
        host: host
            .filter(|host| !host.is_empty())
            .unwrap_or_else(|| asked.host.clone()),
        port: u16::try_from(*port).ok()?,
    })
}
