use std::sync::Arc;

use tokio::runtime::Handle;

use super::cluster::Cluster;
use super::fault::Fault;
use super::link::Link;
use super::open::{Login, Opener};
use super::sentinel::Sentinels;
use super::settings::{Settings, Tls, TlsError, TlsFiles};
use super::source::Source;
use super::url::Place;

/// Servers, and the keys that each has.
#[derive(Debug)]
pub(super) struct Topology {
    servers: Servers,
    opener: Opener,
    pub(super) has_sentinels: bool,
}

#[derive(Debug)]
enum Servers {
    One(Arc<Link>),
    Cluster(Cluster),
}

/// Server, and the positions of its keys among those that were asked for.
type Group = (Arc<Link>, Vec<usize>);

impl Topology {
    pub(super) fn new(settings: &Settings, runtime: &Handle) -> Result<Self, TlsError> {
        let tls = || match &settings.tls {
            Some(tls) => Ok(tls.clone()),
            None => Tls::open(TlsFiles::default()),
        };
        let mut opener = Opener {
            tls: settings.url.tls.then(tls).transpose()?,
            login: settings.password.clone().map(|password| Login {
                username: settings.username.clone(),
                password,
            }),
            database: 0,
        };
        let one = |source| Servers::One(Arc::new(Link::new(source, runtime)));
        let mut has_sentinels = false;
        let servers = match settings.url.place.clone() {
            Place::Standalone { address, database } => {
                opener.database = database;
                one(Source::Server {
                    address,
                    opener: opener.clone(),
                })
            }
            Place::Sentinel { sentinels, master } => {
                has_sentinels = true;
                one(Source::Master {
                    sentinels: Sentinels {
                        addresses: sentinels,
                        name: master,
                        opener: Opener {
                            login: None,
                            ..opener.clone()
                        },
                        login: opener.login.clone(),
                    },
                    opener: opener.clone(),
                })
            }
            Place::Cluster { seeds } => {
                Servers::Cluster(Cluster::new(seeds, opener.clone(), runtime))
            }
        };
        Ok(Self {
            servers,
            opener,
            has_sentinels,
        })
    }

    pub(super) fn opener(&self) -> &Opener {
        &self.opener
    }

    /// Returns the server of a key.
    pub(super) async fn link(&self, key: &str) -> Result<Arc<Link>, Fault> {
        match &self.servers {
            Servers::One(link) => Ok(Arc::clone(link)),
            Servers::Cluster(cluster) => cluster.map().await?.link(key),
        }
    }

    /// Returns the servers of several keys.
    pub(super) async fn groups(&self, keys: &[&str]) -> Result<Vec<Group>, Fault> {
        let mut groups: Vec<Group> = Vec::new();
        for (position, key) in keys.iter().enumerate() {
            let link = self.link(key).await?;
            match groups.iter_mut().find(|(it, _)| Arc::ptr_eq(it, &link)) {
                Some((_, positions)) => positions.push(position),
                None => groups.push((link, vec![position])),
            }
        }
        Ok(groups)
    }

    /// Returns all servers that take writes.
    pub(super) async fn masters(&self) -> Result<Vec<Arc<Link>>, Fault> {
        match &self.servers {
            Servers::One(link) => Ok(vec![Arc::clone(link)]),
            Servers::Cluster(cluster) => Ok(cluster.map().await?.masters()),
        }
    }

    /// Looks for the servers again if this response shows that they have changed.
    pub(super) fn judge<T>(&self, response: Result<T, Fault>) -> Result<T, Fault> {
        if let (Servers::Cluster(cluster), Err(fault)) = (&self.servers, &response)
            && fault.is_rerouting()
        {
            cluster.refresh();
        }
        response
    }

    /// True if another server may become the master, without what the former has confirmed.
    pub(super) fn fails_over(&self) -> bool {
        self.has_sentinels || self.is_cluster()
    }

    pub(super) fn is_cluster(&self) -> bool {
        matches!(self.servers, Servers::Cluster(_))
    }
}
