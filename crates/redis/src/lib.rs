//! Store over Redis 6.2 or newer, or Valkey: one server, a master that sentinels know, a cluster.
//!
//! Of the crate `redis`, this module takes the protocol and the multiplexing of commands over one
//! stream. Which server is connected, and when, is decided here, since the crate's own connections
//! do not follow a failover of Sentinel, may hang while they connect to a cluster, and let one
//! hanging node block what is meant for others.

mod backoff;
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

pub use settings::{Identity, Settings, Tls, TlsError};
pub use url::{RedisUrl, UrlError};

use fault::Fault;
use introspectd_fleet::{Down, Entry, EntryId, Kept, Reading, Store, Stream, Taken};
use script::Script;
use topology::Topology;
use waiting::Waiting;

/// Rules of an ACL user that may do what a [`RedisStore`] does, but for its keys: `~PREFIX:*`, of
/// the same prefix as the store's. Without `info` and `config|get` all works, but for a look at
/// the server's settings; `select` is for a URL with a database, `role` for Sentinel, `cluster` for
/// a cluster.
pub const ACL_RULES: &str = "resetchannels -@all +ping +time +get +mget +set +del +xadd +xrange \
    +xread +eval +evalsha +info +config|get +select +role +cluster|slots +cluster|info";

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

/// Stream by its key, and the connection on which it is waited for.
#[derive(Debug)]
struct Name {
    key: String,
    waiting: Waiting,
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

    /// Runs a script by its hash, and by its text on a server that does not know it yet.
    async fn run<T: FromRedisValue>(
        &self,
        script: &Script,
        keys: &[&str],
        arguments: &[&[u8]],
    ) -> Result<T, Fault> {
        let command = |name, text: &str| {
            let mut command = redis::cmd(name);
            command.arg(text).arg(keys.len()).arg(keys).arg(arguments);
            command
        };
        let key = keys.first().copied().unwrap_or_default();
        match self.one(key, &command("EVALSHA", &script.hash)).await {
            Err(fault) if fault.has_code("NOSCRIPT") => {
                self.one(key, &command("EVAL", script.text)).await
            }
            response => response,
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
        let Name { key, waiting } = self.name(stream);
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
        let key = self.name(stream).key.as_str();
        let id: String = match keep {
            Kept::Time(time) => {
                let time = time.as_millis().to_string();
                let arguments: Vec<_> = std::iter::once(time.as_bytes())
                    .chain(fields(sealed))
                    .collect();
                self.run(&script::APPEND, &[key], &arguments).await?
            }
            Kept::Entries(most) => {
                let mut command = redis::cmd("XADD");
                command.arg(key).arg("MAXLEN").arg("~").arg(most).arg("*");
                fields(sealed).for_each(|field| {
                    command.arg(field);
                });
                self.one(key, &command).await?
            }
        };
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
