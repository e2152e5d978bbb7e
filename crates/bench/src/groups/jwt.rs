use std::time::{Duration, Instant};

use crate::answer::{Endpoint, token};
use crate::beside::{Stop, beside};
use crate::client::{Plan, Report};
use crate::failure::{Failure, Result};
use crate::issuer::{Issuer, KeyServer, section};
use crate::lab::{Authority, Lab};
use crate::ledger::{Disturbance, Key, Ledger, Load, Metric, Signature};
use crate::number::whole;
use crate::running::Running;
use crate::subject::Subject::Introspectd;

/// Tokens that are verified, and those that are hit again and again.
const NEW: u64 = 10_000;
const CACHED: u64 = 1_000;
const HITS: u64 = 100_000;
/// Rates of good tokens that are cached, and of made-up key ids, a second.
const RATE: f64 = 5_000.0;
const FLOOD: f64 = 10_000.0;
const PATIENCE: Duration = Duration::from_secs(60);

/// JWTs that are judged by introspectd: at first sight beside ring alone, as hits beside opaque
/// tokens, and beside a flood of made-up key ids.
pub(super) fn run(lab: &Lab, ledger: &mut Ledger) -> Result<()> {
    let authority = Authority::start(lab)?;
    for _ in 0..lab.rounds {
        let mut issuer = Issuer::new()?;
        let folder = lab.folder("keys")?;
        let running = Running::start_with(lab, authority.port, &issuer.section(&folder)?)?;
        issuer.padding = padding(lab, &issuer, &running)?;
        for signature in Signature::ALL {
            first_sight(&issuer, &running, signature, ledger)?;
        }
        hits(lab, &issuer, &running, ledger)?;
        drop(running);
        made_up_keys(lab, &authority, &issuer, ledger)?;
    }
    Ok(())
}

/// Returns how much longer the answers about JWTs have to be.
fn padding(lab: &Lab, issuer: &Issuer, running: &Running) -> Result<usize> {
    let (opaque, _) = running.ask(&token(&lab.prefix(), 0), PATIENCE)?;
    let jwt = issuer.mint(Signature::Es256, 0, None)?;
    let (answer, _) = running.ask(&jwt, PATIENCE)?;
    let missing = opaque.bytes.checked_sub(answer.bytes);
    missing.ok_or_else(|| {
        Failure::new(format!(
            "an answer about a JWT is too long: {} bytes to {}",
            answer.bytes, opaque.bytes
        ))
    })
}

/// Load of these tokens: all active, or a failure. Returns the report, and the server's time for
/// each request, in microseconds.
fn load(
    running: &Running,
    requests: u64,
    rate: Option<f64>,
    token: &dyn Fn(u64) -> String,
) -> Result<(Report, f64)> {
    let plan = Plan {
        port: running.port,
        endpoint: Endpoint::Introspect,
        connections: 64,
        requests,
        rate,
        timeout: PATIENCE,
        token,
    };
    let spent = running.cpu();
    let report = plan.run()?;
    let spent = running.cpu().saturating_sub(spent);
    report.all_active(requests)?;
    Ok((report, spent.as_secs_f64() * 1e6 / requests as f64))
}

fn at(tokens: &[String], number: u64) -> String {
    let place = usize::try_from(number % tokens.len().max(1) as u64).unwrap_or_default();
    tokens.get(place).cloned().unwrap_or_default()
}

fn first_sight(
    issuer: &Issuer,
    running: &Running,
    signature: Signature,
    ledger: &mut Ledger,
) -> Result<()> {
    let mint = |number| issuer.mint(signature, 1_000_000 + number, None);
    let tokens: Vec<String> = (0..NEW).map(mint).collect::<Result<_>>()?;
    let start = Instant::now();
    for token in &tokens {
        issuer.verify(signature, token)?;
    }
    let bare = start.elapsed().as_secs_f64() * 1e6 / NEW as f64;
    ledger.note(Load::BareVerification(signature), bare);
    let (_, cpu) = load(running, NEW, None, &|number| at(&tokens, number))?;
    ledger.note(Load::FirstSight(signature), cpu);
    crate::output::print_status(&format!(
        "  {}: {bare:.1} µs by ring alone, {cpu:.1} µs a request",
        signature.name()
    ));
    Ok(())
}

fn hits(lab: &Lab, issuer: &Issuer, running: &Running, ledger: &mut Ledger) -> Result<()> {
    let mint = |number| issuer.mint(Signature::Es256, 2_000_000 + number, None);
    let jwts: Vec<String> = (0..CACHED).map(mint).collect::<Result<_>>()?;
    // As long, so that what differs is what is done with them.
    let length = jwts.first().map_or(0, String::len);
    let prefix = lab.prefix();
    let opaque = |number| {
        let token = token(&prefix, number);
        let rest = length.saturating_sub(token.len());
        format!("{token}{}", "x".repeat(rest))
    };
    let opaque: Vec<String> = (0..CACHED).map(opaque).collect();
    for (tokens, is_noted_as) in [(&jwts, Load::JwtHit), (&opaque, Load::LongHit)] {
        load(running, CACHED, None, &|number| at(tokens, number))?;
        let (_, cpu) = load(running, HITS, None, &|number| at(tokens, number))?;
        ledger.note(is_noted_as, cpu);
    }
    Ok(())
}

/// Latency of good tokens beside made-up key ids, and how often those have the keys fetched.
fn made_up_keys(
    lab: &Lab,
    authority: &Authority,
    issuer: &Issuer,
    ledger: &mut Ledger,
) -> Result<()> {
    let server = KeyServer::start(issuer.jwks())?;
    let url = format!("{{ url = \"http://127.0.0.1:{}/jwks\" }}", server.port);
    let running = Running::start_with(lab, authority.port, &section(&url))?;
    let mint = |number| issuer.mint(Signature::Es256, 3_000_000 + number, None);
    let tokens: Vec<String> = (0..CACHED).map(mint).collect::<Result<_>>()?;
    load(&running, CACHED, None, &|number| at(&tokens, number))?;
    let requests = whole(RATE * 9.0);
    let mut good = |disturbance| {
        let (mut report, _) = load(&running, requests, Some(RATE), &|number| {
            at(&tokens, number)
        })?;
        let p99 = report.percentile(0.99).as_secs_f64() * 1e6;
        let load = Load::Beside(disturbance);
        ledger.add(Key(Introspectd, load, Metric::P99), p99);
        Ok(())
    };
    good(Disturbance::QuietBeforeMadeUpKeys)?;
    let asked = server.asked();
    let flood = |stop: &Stop| made_up(issuer, running.port, stop);
    let ((), sent) = beside(flood, || good(Disturbance::MadeUpKeys))?;
    let fetches = server.asked() - asked;
    crate::output::print_status(&format!("  {sent} made-up key ids, {fetches} fetches"));
    ledger.note(Load::KeyFetches, fetches as f64);
    Ok(())
}

/// Sends made-up key ids until it is stopped, and returns how many.
fn made_up(issuer: &Issuer, port: u16, stop: &Stop) -> Result<u64> {
    crate::process::give_way();
    // A signature is as good as any: the key of none of them is known.
    let one = issuer.mint(Signature::Es256, 0, Some("MADEUP"))?;
    let (_, rest) = one.split_once('.').unwrap_or_default();
    let mut sent = 0;
    while !stop.is_given() {
        let requests = whole(FLOOD / 10.0);
        let plan = Plan {
            port,
            endpoint: Endpoint::Introspect,
            connections: 64,
            requests,
            rate: Some(FLOOD),
            timeout: PATIENCE,
            token: &|number| {
                let kid = format!(r#"{{"alg":"ES256","kid":"{:010}"}}"#, sent + number);
                format!("{}.{rest}", crate::issuer::encode(&kid))
            },
        };
        let report = plan.run()?;
        if report.active > 0 || report.statuses.keys().any(|status| *status != 200) {
            let statuses = &report.statuses;
            return Err(Failure::new(format!(
                "made-up key ids were answered {statuses:?}"
            )));
        }
        sent += requests;
    }
    Ok(sent)
}
