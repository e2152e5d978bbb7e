use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::answer::{Endpoint, token};
use crate::beside::{Stop, beside};
use crate::client::Line;
use crate::configuration;
use crate::drive::turn;
use crate::failure::{Failure, Result};
use crate::lab::{Authority, Lab};
use crate::ledger::{Disturbance, Ledger, Load};
use crate::paced::{Paced, RUNS_A_ROUND};
use crate::running::Running;

/// Providers and callers beside those of every group, which make 50 and 200.
const PROVIDERS: usize = 49;
const CALLERS: usize = 199;

const TOKENS: u64 = 10_000;
/// Rate of hits, a second.
const RATE: f64 = 10_000.0;
/// Time from scrape to scrape: many more than a Prometheus asks for, so that a p99 shows them.
const EVERY: Duration = Duration::from_millis(200);
const PATIENCE: Duration = Duration::from_secs(5);

/// Time of a scrape of the metrics of many providers and callers, and latency of hits beside it.
pub(super) fn run(lab: &Lab, ledger: &mut Ledger) -> Result<()> {
    let authority = Authority::start(lab)?;
    let running = Running::start_with(lab, authority.port, &sections(authority.port))?;
    let prefix = lab.prefix();
    running.fill(&prefix, 0..TOKENS)?;
    ask_all(&running, &prefix)?;
    let (metrics, _) = running.scrape()?;
    crate::output::print_status(&format!("  {} series", metrics.series()));
    let paced = Paced {
        authority: &authority,
        prefix: &prefix,
        tokens: TOKENS,
        rate: RATE,
    };
    let mut longest = Duration::ZERO;
    for round in 0..lab.rounds * RUNS_A_ROUND {
        let all = [Disturbance::QuietBeforeScrape, Disturbance::Scrape];
        for disturbance in turn(&all, round) {
            let load = Load::Beside(*disturbance);
            if *disturbance == Disturbance::QuietBeforeScrape {
                paced.once(&running, load, ledger)?;
                continue;
            }
            let times = beside_scrapes(&running, || paced.once(&running, load, ledger))?;
            for time in times {
                ledger.note(Load::Scrape, time.as_secs_f64() * 1e3);
                longest = longest.max(time);
            }
        }
    }
    ledger.note(Load::LongestScrape, longest.as_secs_f64() * 1e3);
    Ok(())
}

fn sections(authority: u16) -> String {
    let providers = (0..PROVIDERS).map(|number| {
        let matching = format!("match = {{ prefix = \"{}\" }}\n", start(number));
        configuration::provider(&format!("provider-{number}"), authority, &matching)
    });
    let callers = (0..CALLERS).map(|number| {
        format!(
            "[callers.{}]\nsecret = {{ literal = \"secret-{number}\" }}\nrate = \"5000/s\"\n",
            caller(number)
        )
    });
    providers.chain(callers).collect()
}

/// Start of the tokens of a provider.
fn start(number: usize) -> String {
    format!("q{number:02}")
}

fn caller(number: usize) -> String {
    format!("caller-{number}")
}

/// Has each caller ask at both endpoints, and each provider be asked, so that all have series.
fn ask_all(running: &Running, prefix: &str) -> Result<()> {
    let mut line = Line::open(running.port, PATIENCE)?;
    for number in 0..PROVIDERS {
        let token = token(&prefix.replacen("p00", &start(number), 1), 0);
        line.send(&Endpoint::Introspect.about(&token))?;
        expect_answer(&mut line)?;
    }
    for number in 0..CALLERS {
        let shown = STANDARD.encode(format!("{}:secret-{number}", caller(number)));
        for endpoint in [Endpoint::Introspect, Endpoint::ForwardAuth] {
            let request = endpoint.shown_by(&format!("Basic {shown}"), &token(prefix, 0));
            // Of its own, as callers have: a connection remembers the last one.
            let mut line = Line::open(running.port, PATIENCE)?;
            line.send(&request)?;
            expect_answer(&mut line)?;
        }
    }
    Ok(())
}

fn expect_answer(line: &mut Line) -> Result<()> {
    let answer = line.receive()?;
    if answer.status == 200 {
        return Ok(());
    }
    let status = answer.status;
    Err(Failure::new(format!("a request was answered {status}")))
}

/// Does this work while the metrics are scraped again and again. Returns how long each took.
fn beside_scrapes(running: &Running, work: impl FnOnce() -> Result<()>) -> Result<Vec<Duration>> {
    let scraping = |stop: &Stop| {
        crate::process::give_way();
        let mut times = Vec::new();
        stop.repeat(EVERY, || {
            times.push(running.scrape()?.1);
            Ok(())
        })?;
        Ok(times)
    };
    beside(scraping, work).map(|((), times)| times)
}
