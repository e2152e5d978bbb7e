//! A provider as its configuration describes it, and the simplest server that it can be.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use http::Uri;
use introspectd_core::{ManualClock, Timestamp};
use introspectd_settings::{Environment, Problem, Setting, load};
use introspectd_simulators::{Answer, Recorded, Simulator, Vendor};
use introspectd_upstream::{Address, Connection, Dialect, Outbound, Upstream};
use serde_json::json;

/// Says `{}` to everything.
pub(crate) struct Silent;

impl Vendor for Silent {
    fn answer(&self, _: &Recorded) -> Answer {
        Answer::json(200, json!({}))
    }
}

pub(crate) async fn silent() -> Simulator<Silent> {
    Simulator::start(Silent).await.unwrap()
}

/// Reads `toml` as a provider's section, in which nothing else is asked for.
pub(crate) fn read(
    dialect: Dialect,
    toml: &str,
) -> Result<(Connection, Vec<Setting>), Vec<Problem>> {
    read_with_other(dialect, toml, None).map(|(connection, _, settings)| (connection, settings))
}

/// The same, where a second address may stand under `other_key`.
pub(crate) fn read_with_other(
    dialect: Dialect,
    toml: &str,
    other_key: Option<&str>,
) -> Result<(Connection, Option<Address>, Vec<Setting>), Vec<Problem>> {
    let file = tempfile::Builder::new().suffix(".toml").tempfile().unwrap();
    std::fs::write(file.path(), toml).unwrap();
    let mut section = load(file.path(), &Environment::new()).unwrap();
    let ledger = section.ledger().clone();
    let read = Connection::read_with_other(&mut section, "base_url", other_key, dialect);
    section.finish();
    let settings = ledger.close().map_err(|problems| problems.0)?;
    let (connection, other) = read.expect("no problem was told");
    Ok((connection, other, settings))
}

/// `more` may name another `timeout` than one that no test is meant to reach, and switch on what
/// would hide single faults.
pub(crate) fn connection(dialect: Dialect, base_url: &str, more: &str) -> Connection {
    let defaults = [("timeout", "60s"), ("retry", "off"), ("breaker", "off")];
    let defaults = defaults.map(|(key, value)| {
        let line = format!("{key} = {value:?}\n");
        if more.contains(&format!("{key} =")) {
            String::new()
        } else {
            line
        }
    });
    let toml = format!("base_url = {base_url:?}\n{}{more}", defaults.concat());
    match read(dialect, &toml) {
        Ok((connection, _)) => connection,
        Err(problems) => panic!("{problems:#?}"),
    }
}

pub(crate) fn upstream(dialect: Dialect, base_url: &str, more: &str) -> Upstream {
    connected(connection(dialect, base_url, more))
}

/// Creates an upstream on the test's own runtime, with a clock that stands still.
pub(crate) fn connected(connection: Connection) -> Upstream {
    connected_at(connection, &clock())
}

pub(crate) fn connected_at(connection: Connection, clock: &Arc<ManualClock>) -> Upstream {
    let outbound = Outbound::here(Arc::<ManualClock>::clone(clock));
    Upstream::new(connection, Arc::<ManualClock>::clone(clock), &outbound)
}

/// One that needs no credentials.
pub(crate) fn open(base_url: &str, more: &str) -> Upstream {
    upstream(
        Dialect::FormEndpoint,
        base_url,
        &format!("credentials = {{ type = \"none\" }}\n{more}"),
    )
}

pub(crate) fn clock() -> Arc<ManualClock> {
    Arc::new(ManualClock::at(
        Timestamp::from_seconds(1_800_000_000).unwrap(),
    ))
}

pub(crate) fn uri(base_url: &str, path: &str) -> Uri {
    format!("{base_url}{path}").parse().unwrap()
}

/// Awaits what ends by a deadline, once so many requests have arrived that get no answer.
///
/// From there on time passes in leaps, to the next timer whenever nothing else is left to do: the
/// deadline may be so long that no busy machine reaches it earlier.
pub(crate) async fn until_deadline<V: Vendor, T>(
    server: &Simulator<V>,
    requests: usize,
    asked: impl Future<Output = T>,
) -> T {
    let mut asked = pin!(asked);
    let arrived = async {
        while server.count() < requests {
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        _ = &mut asked => panic!("it ended before its deadline"),
        () = arrived => {}
    }
    tokio::time::pause();
    let ended = asked.await;
    tokio::time::resume();
    ended
}

/// Longest rest of a connection before it is used again, and some more.
const REST: Duration = Duration::from_millis(1100);

/// Lets time leap until every idle connection has rested and may be used again.
pub(crate) async fn rest() {
    tokio::time::pause();
    tokio::time::sleep(REST).await;
    tokio::time::resume();
}

/// The `Authorization` of every request so far.
pub(crate) fn authorizations<V: Vendor>(server: &Simulator<V>) -> Vec<Option<String>> {
    server
        .requests()
        .iter()
        .map(|request| request.header("authorization").map(str::to_owned))
        .collect()
}
