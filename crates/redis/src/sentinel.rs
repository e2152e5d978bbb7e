use std::collections::HashMap;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::time::timeout;

use super::fault::Fault;
use super::open::{Login, Opener};
use super::url::Address;

/// Sentinels that know which server is the master.
#[derive(Debug)]
pub(super) struct Sentinels {
    pub(super) addresses: Vec<Address>,
    /// Name of the master among them.
    pub(super) name: String,
    /// Opens connections without credentials: most sentinels have none, and would refuse any.
    pub(super) opener: Opener,
    /// Credentials for sentinels that ask for some.
    pub(super) login: Option<Login>,
}

/// Word of one sentinel. That with the highest epoch is the latest.
struct Opinion {
    epoch: u64,
    address: Address,
}

impl Sentinels {
    /// Longest time that a sentinel is waited for.
    pub(super) const PATIENCE: Duration = Duration::from_millis(500);

    /// Asks all sentinels at once, waits for more than half of them, and returns the latest word:
    /// one that was cut off says what was, and one that hangs says nothing.
    pub(super) async fn master(&self) -> Result<Address, Fault> {
        let mut questions: FuturesUnordered<_> =
            self.addresses.iter().map(|it| self.ask(it)).collect();
        let mut latest: Option<Opinion> = None;
        let mut failure = Fault::NoSentinel;
        let mut heard = 0;
        while let Some(answer) = questions.next().await {
            match answer {
                Ok(opinion) => {
                    heard += 1;
                    if latest.as_ref().is_none_or(|it| it.epoch < opinion.epoch) {
                        latest = Some(opinion);
                    }
                }
                Err(Fault::Refused | Fault::TimedOut | Fault::Lost | Fault::Unreachable(_)) => {}
                Err(fault) => failure = fault,
            }
            if heard > self.addresses.len() / 2 {
                break;
            }
        }
        latest.map(|it| it.address).ok_or(failure)
    }

    async fn ask(&self, sentinel: &Address) -> Result<Opinion, Fault> {
        let asked = timeout(Self::PATIENCE, async {
            match self.ask_as(sentinel, None).await {
                Err(fault) if fault.has_code("NOAUTH") && self.login.is_some() => {
                    self.ask_as(sentinel, self.login.clone()).await
                }
                asked => asked,
            }
        });
        asked.await.unwrap_or(Err(Fault::TimedOut))
    }

    async fn ask_as(&self, sentinel: &Address, login: Option<Login>) -> Result<Opinion, Fault> {
        let opener = Opener {
            login,
            ..self.opener.clone()
        };
        let (connection, mut driver) = opener.open(sentinel).await?;
        let mut command = redis::cmd("SENTINEL");
        command.arg("MASTER").arg(&self.name);
        let answer = tokio::select! {
            answer = connection.one::<HashMap<String, String>>(&command) => answer,
            () = &mut driver => Err(Fault::Lost),
        };
        let answer = match answer {
            // Any other error of this command has a code of its own.
            Err(fault) if fault.has_code("ERR") => return Err(Fault::UnknownMaster),
            answer => answer?,
        };
        opinion(&answer).ok_or(Fault::Unexpected)
    }
}

fn opinion(answer: &HashMap<String, String>) -> Option<Opinion> {
    Some(Opinion {
        epoch: answer.get("config-epoch")?.parse().ok()?,
        address: Address {
            host: answer.get("ip")?.clone(),
            port: answer.get("port")?.parse().ok()?,
        },
    })
}
