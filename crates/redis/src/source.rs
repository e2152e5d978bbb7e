use std::time::Duration;

use super::fault::Fault;
use super::open::{Connection, Driver, Opener};
use super::sentinel::Sentinels;
use super::url::Address;

/// Server that a link connects to.
#[derive(Debug)]
pub(super) enum Source {
    /// Fixed server, or node of a cluster.
    Server { address: Address, opener: Opener },
    /// Whichever server is the master.
    Master {
        sentinels: Sentinels,
        opener: Opener,
    },
}

impl Source {
    /// Interval in which a master is looked for although the connection stands.
    pub(super) const LOOK: Duration = Duration::from_secs(10);

    pub(super) async fn connect(&self) -> Result<(Address, Connection, Driver), Fault> {
        match self {
            Self::Server { address, opener } => {
                let (connection, driver) = opener.open(address).await?;
                Ok((address.clone(), connection, driver))
            }
            Self::Master { sentinels, opener } => {
                let address = sentinels.master().await?;
                let (connection, mut driver) = opener.open(&address).await?;
                let role = tokio::time::timeout(Sentinels::PATIENCE, is_master(&connection));
                tokio::select! {
                    role = role => role.unwrap_or(Err(Fault::TimedOut))?,
                    () = &mut driver => return Err(Fault::Lost),
                }
                Ok((address, connection, driver))
            }
        }
    }

    /// Asks for any answer, and of a master, that it is one.
    pub(super) async fn probe(&self, connection: &Connection) -> Result<(), Fault> {
        match self {
            Self::Server { .. } => connection.one(&redis::cmd("PING")).await,
            Self::Master { .. } => is_master(connection).await,
        }
    }

    /// True if the sentinels agree on another master than this one.
    pub(super) async fn has_moved_from(&self, address: &Address) -> bool {
        match self {
            Self::Server { .. } => false,
            Self::Master { sentinels, .. } => sentinels
                .master()
                .await
                .is_ok_and(|master| master != *address),
        }
    }
}

async fn is_master(connection: &Connection) -> Result<(), Fault> {
    let role: Vec<redis::Value> = connection.one(&redis::cmd("ROLE")).await?;
    let is_master = matches!(role.first(), Some(redis::Value::BulkString(it)) if it == b"master");
    is_master.then_some(()).ok_or(Fault::NotMaster)
}
