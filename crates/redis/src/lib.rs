//! Store over Redis 6.2 or newer, or Valkey: one server, a master that sentinels know, a cluster.
//!
//! Of the crate `redis`, this module takes the protocol and the multiplexing of commands over one
//! stream. Which server is connected, and when, is decided here, since the crate's own connections
//! do not follow a failover of Sentinel, may hang while they connect to a cluster, and let one
//! hanging node block what is meant for others.

mod cluster;
mod fault;
mod link;
mod open;
mod script;
mod sentinel;
mod settings;
mod slot;
mod source;
mod topology;
mod url;
mod waiting;
mod weakness;

use std::time::Duration;

use async_trait::async_trait;
use futures_util::future::try_join_all;
use redis::{Cmd, FromRedisValue};
use tokio::runtime::Handle;
use tokio::sync::Mutex;

pub use settings::{Identity, Settings, Tls, TlsError, TlsFiles};
pub use url::{RedisUrl, UrlError};

use fault::Fault;
use introspectd_fleet::{Down, Entry, EntryId, Kept, Reading, Store, Stream, Taken};
use open::Connection;
use script::Script;
use topology::Topology;
use waiting::Waiting;

/// Rules of an ACL user that may do what a [`RedisStore`] does, but for its keys: `~PREFIX:*`, of
/// the same prefix as the store's. Without `info` and `config|get` all works, but for a look at
/// the server's settings; `select` is for a URL with a database, `role` for Sentinel, `cluster`
/// for a cluster, `wait` for both.
pub const ACL_RULES: &str = "resetchannels -@all +ping +time +get +mget +set +del +xadd +xrange \
    +xread +eval +evalsha +info +config|get +select +role +wait +cluster|slots +cluster|info";

/// Field of an entry that holds a sealed text.
const FIELD: &str = "s";

/// Store over Redis.
///
/// It connects when it is first used, and again by itself. No operation waits for longer than its
/// caller does; while a server cannot be reached, operations fail at once.
#[derive(Debug)]
pub struct RedisStore {
    topology: Topology,
    purges: Name,
    revocations: Name,
}

/// Time for a replica to confirm an entry.
const REPLICATED: Duration = Duration::from_millis(500);

/// Stream by its key, and the connections on which it is waited for and appended to.
#[derive(Debug)]
struct Name {
    key: String,
    waiting: Waiting,
    appending: Waiting,
    /// Held by who appends on a connection that the server may let wait.
    turn: Mutex<()>,
}

impl RedisStore {
    /// Prepares a store, whose connections live on this runtime.
    ///
    /// # Errors
    /// The URL asks for TLS, and the certificates cannot be used.
    pub fn new(settings: &Settings, runtime: &Handle) -> Result<Self, TlsError> {
        let name = |stream| Name {
            key: format!("{}:{stream}", settings.prefix),
            waiting: Waiting::default(),
            appending: Waiting::default(),
            turn: Mutex::default(),
        };
        Ok(Self {
            topology: Topology::new(settings, runtime)?,
            purges: name("purges"),
            revocations: name("revocations"),
        })
    }

    fn name(&self, stream: Stream) -> &Name {
        match stream {
            Stream::Purges => &self.purges,
            Stream::Revocations => &self.revocations,
        }
    }

    /// Sends a command to the server that has this key.
    async fn one<T: FromRedisValue>(&self, key: &str, command: &Cmd) -> Result<T, Fault> {
        let link = self.topology.link(key).await?;
        self.topology.judge(link.one(command).await)
    }

    /// Runs a script on the server of its first key.
    async fn run<T: FromRedisValue>(
        &self,
        script: &Script,
        keys: &[&str],
        arguments: &[&[u8]],
    ) -> Result<T, Fault> {
        let link = self
            .topology
            .link(keys.first().copied().unwrap_or_default());
        let link = link.await?;
        let live = link.live().await?;
        let response = live.connection.script(script, keys, arguments).await;
        self.topology.judge(link.judge(&live, response).await)
    }

    async fn append_entry(&self, name: &Name, append: Append<'_>) -> Result<String, Fault> {
        let link = self.topology.link(&name.key).await?;
        if !self.topology.fails_over() {
            let live = link.live().await?;
            let appended = append.on(&live.connection, &name.key).await;
            return self.topology.judge(link.judge(&live, appended).await);
        }
        let _turn = name.turn.lock().await;
        let opener = self.topology.opener();
        let appended = name.appending.run(&link, opener, REPLICATED, |connection| {
            append.confirmed(connection, &name.key)
        });
        self.topology.judge(appended.await)
    }
}

/// Entry to append, and what to keep of those before.
struct Append<'a> {
    sealed: &'a [Vec<u8>],
    keep: Kept,
}

impl Append<'_> {
    /// Appends the entry, and waits until a replica has it where the master is to have one: it
    /// takes writes for a moment after it was replaced, and these are lost.
    async fn confirmed(self, connection: Connection, key: &str) -> Result<String, Fault> {
        let id = self.on(&connection, key).await?;
        if weakness::is_never_alone(&connection).await {
            let mut wait = redis::cmd("WAIT");
            wait.arg(1).arg(millis(REPLICATED));
            let replicas: u64 = connection.one(&wait).await?;
            if replicas == 0 {
                return Err(Fault::NotReplicated);
            }
        }
        Ok(id)
    }

    async fn on(&self, connection: &Connection, key: &str) -> Result<String, Fault> {
        match self.keep {
            Kept::Time(time) => {
                let time = time.as_millis().to_string();
                let arguments: Vec<_> = std::iter::once(time.as_bytes())
                    .chain(fields(self.sealed))
                    .collect();
                connection.script(&script::APPEND, &[key], &arguments).await
            }
            Kept::Entries(most) => {
                let mut command = redis::cmd("XADD");
                command.arg(key).arg("MAXLEN").arg("~").arg(most).arg("*");
                fields(self.sealed).for_each(|field| {
                    command.arg(field);
                });
                connection.one(&command).await
            }
        }
    }
}

#[async_trait]
impl Store for RedisStore {
    async fn read(&self, stream: Stream, from: Option<EntryId>) -> Result<Reading, Down> {
        let key = self.name(stream).key.as_str();
        let from = from.map_or_else(|| "-".to_owned(), |id| id.to_string());
        let most = Reading::MAX_ENTRIES.to_string();
        let arguments = [from.as_bytes(), most.as_bytes()];
        let read = self.run(&script::READ, &[key], &arguments).await?;
        let (entries, (seconds, micros)): (Vec<(String, Vec<Vec<u8>>)>, (u64, u64)) = read;
        let entries = entries.into_iter().map(|(id, fields)| entry(&id, fields));
        Ok(Reading {
            entries: entries.collect::<Result<_, _>>()?,
            time: Duration::from_secs(seconds) + Duration::from_micros(micros),
        })
    }

    async fn wait(&self, stream: Stream, after: EntryId, patience: Duration) -> Result<(), Down> {
        let Name { key, waiting, .. } = self.name(stream);
        let link = self.topology.link(key).await?;
        let opener = self.topology.opener();
        let waited = waiting.wait(&link, opener, key, after, patience).await;
        Ok(self.topology.judge(waited)?)
    }

    async fn append(
        &self,
        stream: Stream,
        sealed: &[Vec<u8>],
        keep: Kept,
    ) -> Result<EntryId, Down> {
        let append = Append { sealed, keep };
        let id = self.append_entry(self.name(stream), append).await?;
        Ok(EntryId::parse(&id).ok_or(Fault::Unexpected)?)
    }

    async fn get(&self, keys: &[&str]) -> Result<Vec<Option<Vec<u8>>>, Down> {
        let groups = self.topology.groups(keys).await?;
        let asked = groups.iter().map(|(link, positions)| async move {
            let mut pipeline = redis::pipe();
            for key in positions.iter().filter_map(|position| keys.get(*position)) {
                pipeline.cmd("GET").arg(key);
            }
            let values: Vec<Option<Vec<u8>>> = link.all(&mut pipeline).await?;
            Ok(positions.iter().copied().zip(values))
        });
        let found = self.topology.judge(try_join_all(asked).await)?;
        let mut values = vec![None; keys.len()];
        for (position, value) in found.into_iter().flatten() {
            if let Some(place) = values.get_mut(position) {
                *place = value;
            }
        }
        Ok(values)
    }

    async fn take(
        &self,
        keys: &[&str],
        lease: &str,
        value: &[u8],
        life: Duration,
    ) -> Result<Taken, Down> {
        let all: Vec<&str> = keys.iter().copied().chain([lease]).collect();
        let life = millis(life).to_string();
        let arguments = [value, life.as_bytes()];
        let mut values: Vec<Option<Vec<u8>>> = self.run(&script::TAKE, &all, &arguments).await?;
        let Some(lease) = values.pop() else {
            return Ok(Taken::Lease);
        };
        Ok(Taken::Values { values, lease })
    }

    async fn set_new(&self, key: &str, value: &[u8], life: Duration) -> Result<bool, Down> {
        let mut command = redis::cmd("SET");
        command
            .arg(key)
            .arg(value)
            .arg("NX")
            .arg("PX")
            .arg(millis(life));
        let set: Option<()> = self.one(key, &command).await?;
        Ok(set.is_some())
    }

    async fn replace(
        &self,
        key: &str,
        expected: &[u8],
        value: &[u8],
        life: Duration,
    ) -> Result<bool, Down> {
        let life = millis(life).to_string();
        let arguments = [expected, value, life.as_bytes()];
        Ok(self.run(&script::REPLACE, &[key], &arguments).await?)
    }

    async fn fill(
        &self,
        lease: &str,
        expected: &[u8],
        key: &str,
        value: &[u8],
        life: Duration,
    ) -> Result<bool, Down> {
        let life = millis(life).to_string();
        let arguments = [expected, value, life.as_bytes()];
        Ok(self.run(&script::FILL, &[lease, key], &arguments).await?)
    }

    async fn delete(&self, key: &str, expected: &[u8]) -> Result<(), Down> {
        let _is_deleted: bool = self.run(&script::DELETE, &[key], &[expected]).await?;
        Ok(())
    }

    async fn weaknesses(&self, trust: Duration) -> Result<Vec<String>, Down> {
        Ok(weakness::of(&self.topology, trust).await?)
    }
}

fn fields(sealed: &[Vec<u8>]) -> impl Iterator<Item = &[u8]> {
    sealed.iter().flat_map(|text| [FIELD.as_bytes(), text])
}

fn entry(id: &str, fields: Vec<Vec<u8>>) -> Result<Entry, Fault> {
    let mut fields = fields.into_iter();
    let mut sealed = Vec::new();
    while let (Some(name), Some(value)) = (fields.next(), fields.next()) {
        if name == FIELD.as_bytes() {
            sealed.push(value);
        }
    }
    Ok(Entry {
        id: EntryId::parse(id).ok_or(Fault::Unexpected)?,
        sealed,
    })
}

/// Returns milliseconds as Redis takes them: a life of none is an error there.
fn millis(life: Duration) -> u64 {
    u64::try_from(life.as_millis())
        .unwrap_or(u64::MAX)
        .clamp(1, 1 << 53)
}
