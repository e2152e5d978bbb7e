use std::sync::Arc;
use std::time::{Duration, Instant};

use introspectd_core::{Clock, ProviderName, SystemClock};
use introspectd_fleet::{
    FactName, Filling, Fleet, FleetSecret, FleetSettings, Found, Mode, Purge, Replica, Revocation,
    Store,
};
use introspectd_redis::{RedisStore, RedisUrl, Settings};
use tokio::runtime::{Builder, Runtime};

use crate::answer::{BODY, PROVIDER, token};
use crate::failure::{Failure, Result, Tried};
use crate::number::median;
use crate::redis;

const TOKENS: u64 = 1_000;
/// Time of each kind of lookup in a turn.
const TURN: Duration = Duration::from_millis(500);
/// Deadline of a lookup, and of the facts to be stored.
const PATIENCE: Duration = Duration::from_secs(5);
const LIFE: Duration = Duration::from_secs(30 * 60);
const PREFIX: &str = "introspectd";

/// Lookups of facts in this Redis, one at a time, as often as there are turns: prints for each the
/// median of a lookup and that of a GET of the same bytes, in microseconds.
///
/// All of it is introspectd's own: the client has a thread of its own there, too, and one
/// connection for both.
pub(super) fn run(words: &[String]) -> Result<()> {
    let [port, turns] = words else {
        return Err(Failure::new("a second tier takes a port and its turns"));
    };
    let port: u16 = port.parse().tried("a port")?;
    let turns: usize = turns.parse().tried("a number of turns")?;
    let background = Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .tried("no runtime")?;
    let caller = Builder::new_current_thread()
        .enable_all()
        .build()
        .tried("no runtime")?;
    let tier = Tier::open(port, &background)?;
    drop(background.spawn(Arc::clone(&tier.fleet).follow(Arc::new(Lone))));
    caller.block_on(tier.fill())?;
    let keys = tier.keys(port)?;
    for turn in 0..turns {
        let (lookup, get) = if turn % 2 == 0 {
            let lookup = caller.block_on(tier.look_up())?;
            (lookup, caller.block_on(tier.get(&keys))?)
        } else {
            let get = caller.block_on(tier.get(&keys))?;
            (caller.block_on(tier.look_up())?, get)
        };
        crate::output::say(&format!("{lookup:.2} {get:.2}"));
    }
    Ok(())
}

/// Replica that caches nothing itself.
struct Lone;

impl Replica for Lone {
    fn apply(&self, _: &Purge) -> u64 {
        0
    }

    fn learn(&self, _: &[Revocation]) {}

    fn latest(&self) -> u64 {
        0
    }
}

struct Tier {
    store: Arc<RedisStore>,
    fleet: Arc<Fleet>,
    clock: Arc<SystemClock>,
    provider: ProviderName,
}

impl Tier {
    fn open(port: u16, background: &Runtime) -> Result<Self> {
        let settings = Settings {
            url: RedisUrl::parse(&format!("redis://127.0.0.1:{port}")).tried("a URL")?,
            username: None,
            password: None,
            tls: None,
            prefix: PREFIX.to_owned(),
        };
        let store = Arc::new(RedisStore::new(&settings, background.handle()).tried("a client")?);
        let clock = Arc::new(SystemClock::default());
        let secret = FleetSecret::new(&[7; FleetSecret::MIN_BYTES])
            .ok_or_else(|| Failure::new("a short secret"))?;
        let fleet = Fleet::new(
            Arc::clone(&store) as _,
            &secret,
            None,
            FleetSettings {
                prefix: PREFIX.to_owned(),
                share: 0.2,
                trust: Duration::from_secs(2),
                keep: LIFE,
            },
            Arc::clone(&clock) as _,
            background.handle().clone(),
        );
        Ok(Self {
            store,
            fleet: Arc::new(fleet.tried("a fleet")?),
            clock,
            provider: ProviderName::parse(PROVIDER).tried("a provider")?,
        })
    }

    fn name<'a>(&'a self, token: &'a str) -> FactName<'a> {
        FactName {
            provider: &self.provider,
            revision: [0; 16],
            mode: Mode::Token,
            subject: token,
        }
    }

    /// Stores a fact about each token, and waits until it can be found.
    async fn fill(&self) -> Result<()> {
        let end = Instant::now() + PATIENCE;
        for number in 0..TOKENS {
            let token = token("secondtr_", number);
            loop {
                match self.fleet.find(&self.name(&token), PATIENCE, Some).await {
                    Found::Fact(_) => break,
                    Found::Lease(lease) => lease.fill(Filling {
                        bytes: vec![b'x'; BODY],
                        asked_at: self.clock.elapsed(),
                        life: LIFE,
                        is_record: true,
                    }),
                    // Until the stream was read, and after that an end.
                    Found::Unavailable if Instant::now() < end => {
                        tokio::time::sleep(Duration::from_millis(5)).await;
                    }
                    Found::Unavailable => return Err(Failure::new("Redis cannot be used")),
                }
            }
        }
        Ok(())
    }

    /// Keys of all facts in Redis.
    fn keys(&self, port: u16) -> Result<Vec<String>> {
        let printed = redis::ask(port, &["KEYS", &format!("{PREFIX}:f:*")])?;
        let keys: Vec<String> = printed.lines().map(str::to_owned).collect();
        if keys.len() as u64 == TOKENS {
            Ok(keys)
        } else {
            let count = keys.len();
            Err(Failure::new(format!(
                "{count} facts of {TOKENS} are stored"
            )))
        }
    }

    /// Median of a lookup: keys, question, check of the seal, and the fact's place.
    async fn look_up(&self) -> Result<f64> {
        let tokens: Vec<_> = (0..TOKENS).map(|it| token("secondtr_", it)).collect();
        let mut times = Vec::new();
        let end = Instant::now() + TURN;
        for token in tokens.iter().cycle() {
            let start = Instant::now();
            let found = self.fleet.find(&self.name(token), PATIENCE, Some).await;
            times.push(start.elapsed().as_secs_f64() * 1e6);
            if !matches!(found, Found::Fact(fact) if fact.bytes.len() == BODY) {
                return Err(Failure::new("a fact was not found"));
            }
            if Instant::now() > end {
                break;
            }
        }
        Ok(median(&times).unwrap_or_default())
    }

    /// Median of a GET.
    async fn get(&self, keys: &[String]) -> Result<f64> {
        let mut times = Vec::new();
        let end = Instant::now() + TURN;
        for key in keys.iter().cycle() {
            let start = Instant::now();
            let values = self.store.get(&[key]).await.tried("GET")?;
            times.push(start.elapsed().as_secs_f64() * 1e6);
            if !values.first().is_some_and(Option::is_some) {
                return Err(Failure::new("a value is gone"));
            }
            if Instant::now() > end {
                break;
            }
        }
        Ok(median(&times).unwrap_or_default())
    }
}
