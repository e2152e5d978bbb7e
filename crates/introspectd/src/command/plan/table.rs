use std::fmt::Write;

use introspectd_plan::{Fleet, Load, Memory, Plan, Redis};

use super::figure::{bytes, count, rate, share, time};

/// Columns of the names, and of each figure.
const NAME: usize = 34;
const FIGURE: usize = 14;

/// `[providers.…] max_in_flight` if the configuration has none.
const MAX_IN_FLIGHT: f64 = 1024.0;

/// Writes the figures for people.
pub(super) fn text(fleet: &Fleet, plan: &Plan) -> String {
    let mut lines = Lines::default();
    requests(&mut lines, fleet, plan);
    replica(&mut lines, fleet, &plan.memory);
    if let Some(redis) = &plan.redis {
        shared(&mut lines, fleet, redis);
    }
    revocation(&mut lines, plan);
    limits(&mut lines, fleet, plan);
    lines.0
}

fn requests(lines: &mut Lines, fleet: &Fleet, plan: &Plan) {
    let Plan {
        healthy,
        redis_down,
        ..
    } = plan;
    lines.heading(&["Requests", "healthy"], redis_down.map(|_| "Redis down"));
    let mut row = |name: &str, figure: &dyn Fn(&Load) -> String| {
        let down = redis_down.as_ref().map(figure).unwrap_or_default();
        lines.row(name, &figure(healthy), &down);
    };
    let replicas = f64::from(fleet.replicas);
    row("hits", &|load| share(load.hits()));
    if redis_down.is_some() {
        row("  in the replica's own cache", &|load| share(load.own_hits));
        row("  in the shared tier", &|load| share(load.shared_hits));
    }
    row("waits for another's answer", &|load| share(load.coalesced));
    row("misses, each asks a provider", &|load| share(load.misses));
    row("  all replicas", &|load| rate(load.upstream));
    row("  a replica", &|load| rate(load.upstream / replicas));
    row("  in flight, all replicas", &|load| count(load.in_flight));
}

fn replica(lines: &mut Lines, fleet: &Fleet, memory: &Memory) {
    lines.heading(&["A replica"], None);
    lines.row(
        "requests",
        &rate(fleet.rate / f64::from(fleet.replicas)),
        "",
    );
    let needed = format!("  max_bytes for them: {}", bytes(memory.needed));
    lines.row("fresh facts", &bytes(memory.fresh), &needed);
    lines.row("cache, in the end", &bytes(memory.cache), "");
    lines.row("process, at most", &bytes(memory.process), "");
}

fn shared(lines: &mut Lines, fleet: &Fleet, redis: &Redis) {
    lines.heading(&["Redis"], None);
    lines.row("facts", &count(redis.facts), "");
    lines.row("memory of facts", &bytes(redis.bytes), "");
    lines.row("commands", &rate(redis.commands), "");
    lines.row(
        "  on the stream, on one shard",
        &rate(redis.stream_commands),
        "",
    );
    lines.row(
        "traffic, both directions",
        &format!("{}/s", bytes(redis.traffic)),
        "",
    );
    let each = format!(
        "  of {} and {}",
        rate(fleet.shard.commands),
        bytes(fleet.shard.bytes as f64)
    );
    lines.row("shards", &count(redis.shards), &each);
}

fn revocation(lines: &mut Lines, plan: &Plan) {
    lines.heading(&["Revoked tokens are active for"], None);
    let delay = &plan.revocation;
    if let Some(heard) = delay.heard {
        lines.row("every replica hears Redis, p99", &time(heard), "");
    }
    lines.row("whatever fails between replicas", &time(delay.worst), "");
    lines.row(
        "revoked at the provider alone",
        &time(delay.unannounced),
        "",
    );
}

/// Writes what the fleet cannot do as planned, with a remedy each.
fn limits(lines: &mut Lines, fleet: &Fleet, plan: &Plan) {
    let mut notes = Vec::new();
    let needed = plan.memory.needed;
    if needed > fleet.max_bytes as f64 {
        notes.push(format!(
            "The cache is too small for what is fresh. Try --max-bytes {:.0}MiB.",
            (needed / 1_048_576.0).ceil()
        ));
    }
    let in_flight = |load: &Load| load.in_flight / f64::from(fleet.replicas);
    let loads = [Some(plan.healthy), plan.redis_down];
    let most = loads.iter().flatten().map(in_flight).fold(0.0, f64::max);
    if most > MAX_IN_FLIGHT {
        notes.push(format!(
            "A replica has {} requests to providers in flight: raise their max_in_flight, which \
             is 1024.",
            count(most)
        ));
    }
    if fleet.provider_latency >= fleet.ttl {
        notes.push("Facts expire before they arrive. Raise --ttl.".to_owned());
    }
    if let Some(redis) = &plan.redis
        && redis.stream_commands > fleet.shard.commands
    {
        notes.push(
            "The stream of purges is too much for one shard, and cannot be divided. Lower \
             --replicas or --revocations."
                .to_owned(),
        );
    }
    if notes.is_empty() {
        return;
    }
    lines.heading(&["Limits"], None);
    for note in notes {
        lines.line(&format!("  {note}"));
    }
}

#[derive(Default)]
struct Lines(String);

impl Lines {
    fn heading(&mut self, names: &[&str], last: Option<&str>) {
        if !self.0.is_empty() {
            self.0.push('\n');
        }
        let (name, figures) = names.split_first().unwrap_or((&"", &[]));
        let mut line = format!("{name:NAME$}");
        for figure in figures.iter().copied().chain(last) {
            let _ = write!(line, "{figure:>FIGURE$}");
        }
        self.line(&line);
    }

    fn row(&mut self, name: &str, figure: &str, last: &str) {
        let name = format!("  {name}");
        self.line(&format!("{name:NAME$}{figure:>FIGURE$}{last:>FIGURE$}"));
    }

    fn line(&mut self, line: &str) {
        self.0.push_str(line.trim_end());
        self.0.push('\n');
    }
}
