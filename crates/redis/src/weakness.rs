use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use futures_util::future::join_all;

use super::fault::Fault;
use super::link::Link;
use super::open::Connection;
use super::topology::Topology;

/// Oldest version that has `XADD MINID`.
const OLDEST: (u32, u32) = (6, 2);

/// Settings by name.
type Values = HashMap<String, String>;

/// Returns the weaknesses of all servers that answer.
pub(super) async fn of(topology: &Topology, trust: Duration) -> Result<Vec<String>, Fault> {
    let masters = topology.masters().await?;
    let looks = masters.iter().map(|link| look(link, topology, trust));
    let mut failure = None;
    let mut found = BTreeSet::new();
    let mut has_answer = false;
    for look in join_all(looks).await {
        match topology.judge(look) {
            Ok(weaknesses) => {
                has_answer = true;
                found.extend(weaknesses);
            }
            Err(fault) => failure = Some(fault),
        }
    }
    match failure {
        Some(fault) if !has_answer => Err(fault),
        _ => Ok(found.into_iter().collect()),
    }
}

/// Returns true if the server takes no write without a replica, as far as it says.
pub(super) async fn is_never_alone(connection: &Connection) -> bool {
    let mut command = redis::cmd("CONFIG");
    command.arg("GET").arg("min-replicas-to-write");
    let config: Result<Values, _> = connection.one(&command).await;
    config.is_ok_and(|config| number(&config, "min-replicas-to-write").is_some_and(|it| it > 0))
}

async fn look(link: &Link, topology: &Topology, trust: Duration) -> Result<Vec<String>, Fault> {
    let mut found = Vec::new();
    let info: Result<String, _> = link.one(&redis::cmd("INFO")).await;
    let info = match unless_denied(info)? {
        Some(text) => parse_info(&text),
        None => {
            found.push(
                "Redis denies this user INFO, so version and memory policy are not checked: \
                 add +info to its ACL."
                    .to_owned(),
            );
            Values::new()
        }
    };
    found.extend(old_version(&info));
    found.extend(eviction(&info));

    let is_cluster = topology.is_cluster();
    let names: &[&str] = if is_cluster {
        &["cluster-node-timeout"]
    } else {
        &["min-replicas-to-write", "min-replicas-max-lag"]
    };
    let mut pipeline = redis::pipe();
    for name in names {
        // Redis 6.2 takes one name only.
        pipeline.cmd("CONFIG").arg("GET").arg(name);
    }
    let config: Result<Vec<Values>, _> = link.all(&mut pipeline).await;
    let Some(config) = unless_denied(config)? else {
        found.push(format!(
            "Redis denies this user CONFIG GET, so {} could not be checked: add +config|get to \
             its ACL.",
            names.join(" and ")
        ));
        return Ok(found);
    };
    let config = config.into_iter().flatten().collect();
    if is_cluster {
        found.extend(slow_failover(&config, trust));
    } else if topology.has_sentinels || number(&info, "connected_slaves").is_some_and(|it| it > 0) {
        found.extend(lonely_master(&config, trust));
    }
    Ok(found)
}

/// Returns nothing if the user may not ask.
fn unless_denied<T>(response: Result<T, Fault>) -> Result<Option<T>, Fault> {
    match response {
        Ok(found) => Ok(Some(found)),
        // A hosted Redis has no such command at all.
        Err(fault) if fault.has_code("NOPERM") || fault.has_code("ERR") => Ok(None),
        Err(fault) => Err(fault),
    }
}

fn parse_info(text: &str) -> Values {
    let fields = text.lines().filter_map(|line| line.split_once(':'));
    fields
        .map(|(name, value)| (name.to_owned(), value.trim().to_owned()))
        .collect()
}

fn number(values: &Values, name: &str) -> Option<u64> {
    values.get(name)?.parse().ok()
}

fn old_version(info: &Values) -> Option<String> {
    let text = info.get("redis_version")?;
    let mut parts = text.split('.').map(|part| part.parse().ok());
    let version = (parts.next()??, parts.next()??);
    (version < OLDEST).then(|| {
        format!("Redis {text} is too old to keep the stream of purges: install 6.2 or newer.")
    })
}

fn eviction(info: &Values) -> Option<String> {
    if number(info, "maxmemory")? == 0 {
        return None;
    }
    let policy = info.get("maxmemory_policy")?;
    let effect = if policy.starts_with("allkeys") {
        "may evict the stream of purges when it is full, which costs every replica its cache"
    } else if policy == "noeviction" {
        "refuses all writes, purges included, when it is full"
    } else {
        return None;
    };
    Some(format!(
        "Redis {effect} (maxmemory-policy {policy}): set maxmemory-policy to volatile-lru."
    ))
}

fn lonely_master(config: &Values, trust: Duration) -> Option<String> {
    let lag = number(config, "min-replicas-max-lag")?;
    // Redis counts whole seconds, and none of them turns the check off.
    let longest = trust.as_secs().max(1);
    if number(config, "min-replicas-to-write")? == 0 || lag == 0 {
        return Some(format!(
            "A Redis master that is cut off goes on taking writes, so a revocation may be lost or \
             late until it is back: set min-replicas-to-write to 1 and min-replicas-max-lag to \
             {longest}."
        ));
    }
    (lag > longest).then(|| {
        format!(
            "A Redis master that is cut off goes on taking writes for {lag} s, longer than \
             cache.shared.trust ({trust:?}): set min-replicas-max-lag to {longest}."
        )
    })
}

fn slow_failover(config: &Values, trust: Duration) -> Option<String> {
    let timeout = Duration::from_millis(number(config, "cluster-node-timeout")?);
    (timeout > trust).then(|| {
        format!(
            "A Redis node that is cut off from its cluster goes on taking writes for {timeout:?}, \
             longer than cache.shared.trust ({trust:?}): set cluster-node-timeout to {} or less.",
            trust.as_millis()
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_without_what_is_needed_are_reported() {
        let reported = |version: &str| {
            let info = parse_info(&format!("# Server\r\nredis_version:{version}\r\n"));
            old_version(&info).is_some()
        };
        assert!(reported("6.0.16"));
        assert!(reported("5.0.7"));
        assert!(!reported("6.2.0"));
        assert!(!reported("7.0.15"));
        assert!(!reported("10.0.0"));
        assert!(!reported("unstable"));
    }
}
