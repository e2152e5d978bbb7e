use std::time::{Duration, Instant};

use crate::answer::{OPERATOR_BASIC, RECORDS, subject, token};
use crate::beside::{Stop, beside};
use crate::client::Line;
use crate::drive::turn;
use crate::failure::{Failure, Result};
use crate::lab::{Authority, Lab};
use crate::ledger::{Disturbance, Ledger, Load};
use crate::paced::{Paced, RUNS_A_ROUND};
use crate::process::Priority;
use crate::room::Room;
use crate::running::Running;
use crate::subject::Subject;

/// Cached tokens: hits are on the first of them, and subjects of the rest are purged.
const CACHED: u64 = 120_000;
const HIT: u64 = 100_000;

/// Hits a second: little enough that two processors are not busy with them alone.
const RATE: f64 = 10_000.0;

/// Revocations at once, and how soon the next ones follow, unless answering them takes longer.
const AT_ONCE: usize = 64;
const EVERY: Duration = Duration::from_millis(50);
const PATIENCE: Duration = Duration::from_secs(60);

/// Latency of cached hits while tokens are revoked, and the CPU time of a revocation.
///
/// Each round has a server of its own, which has nothing to remember of earlier revocations.
pub(super) fn run(lab: &Lab, ledger: &mut Ledger) -> Result<()> {
    (0..lab.rounds).try_for_each(|round| one_round(lab, round, ledger))
}

fn one_round(lab: &Lab, round: usize, ledger: &mut Ledger) -> Result<()> {
    let authority = Authority::start(lab)?;
    let running = Running::start(lab, Subject::Introspectd, authority.port, Room::OPERATED)?;
    let prefix = lab.prefix();
    running.fill(&prefix, 0..CACHED)?;
    // Not before: on a busy machine it would answer too late, and the breaker open.
    authority.prioritize(Priority::Idle);
    let paced = Paced {
        authority: &authority,
        prefix: &prefix,
        tokens: HIT,
        rate: RATE,
    };
    let mut revoker = Revoker::new(&running, &prefix)?;
    for run in 0..RUNS_A_ROUND {
        for call in turn(
            &[None, Some(Call::Delete), Some(Call::PurgeSubject)],
            round + run,
        ) {
            match *call {
                None => paced.once(&running, Load::Beside(Disturbance::Quiet), ledger)?,
                Some(call) => {
                    let load = Load::Beside(call.disturbance());
                    let done = revoker.beside(call, || paced.once(&running, load, ledger));
                    revoker.unless_void(done, load, &running, ledger)?;
                }
            }
        }
    }
    for call in [Call::Delete, Call::PurgeSubject] {
        let load = Load::Cost(call.disturbance());
        let cost = revoker
            .cost(&running, call, Duration::from_secs(lab.seconds))
            .map(|cost| {
                crate::output::print_status(&format!("  {call:?}: {cost:.0} µs of CPU each"));
                ledger.note(load, cost);
            });
        revoker.unless_void(cost, load, &running, ledger)?;
    }
    Ok(())
}

#[derive(Debug, Clone, Copy)]
enum Call {
    /// `DELETE` of a record. The provider confirms it.
    Delete,
    /// `POST /v1/cache/purge` of a subject, which one cached token has.
    PurgeSubject,
}

impl Call {
    fn disturbance(self) -> Disturbance {
        match self {
            Self::Delete => Disturbance::Revocations,
            Self::PurgeSubject => Disturbance::Purges,
        }
    }

    fn request(self, prefix: &str, number: u64) -> Vec<u8> {
        let head = format!("Host: 127.0.0.1\r\nAuthorization: {OPERATOR_BASIC}\r\n");
        let request = match self {
            Self::Delete => {
                let id = format!("00000000-0000-4000-8000-{number:012x}");
                format!("DELETE /v1/providers/{RECORDS}/tokens/{id} HTTP/1.1\r\n{head}\r\n")
            }
            Self::PurgeSubject => {
                let subject = subject(&token(prefix, HIT + number % (CACHED - HIT)));
                let body = format!("{{\"sub\":\"{subject}\"}}");
                format!(
                    "POST /v1/cache/purge HTTP/1.1\r\n{head}Content-Type: application/json\r\n\
                     Content-Length: {length}\r\n\r\n{body}",
                    length = body.len()
                )
            }
        };
        request.into_bytes()
    }
}

/// Client that revokes on [`AT_ONCE`] connections at once.
struct Revoker {
    lines: Vec<Line>,
    prefix: String,
    /// Revocations so far, so that each is another one.
    done: u64,
}

impl Revoker {
    fn new(running: &Running, prefix: &str) -> Result<Self> {
        let lines = (0..AT_ONCE)
            .map(|_| Line::open(running.port, PATIENCE))
            .collect::<Result<_>>()?;
        Ok(Self {
            lines,
            prefix: prefix.to_owned(),
            done: 0,
        })
    }

    /// Voids only this load if calls failed, and connects again: answers may still arrive.
    fn unless_void(
        &mut self,
        done: Result<()>,
        load: Load,
        running: &Running,
        ledger: &mut Ledger,
    ) -> Result<()> {
        if let Err(fault) = done {
            crate::output::print_status(&format!("  void: {load:?}: {fault}"));
            ledger.fault(running.subject, load, fault.to_string());
            self.lines = Self::new(running, &self.prefix)?.lines;
        }
        Ok(())
    }

    /// Does this work while all connections revoke, again and again.
    fn beside(&mut self, call: Call, work: impl FnOnce() -> Result<()>) -> Result<()> {
        let revoking = |stop: &Stop| {
            crate::process::give_way();
            stop.repeat(EVERY, || self.burst(call))
        };
        beside(revoking, work).map(drop)
    }

    /// CPU microseconds of the server for each call, when it has nothing else to do.
    fn cost(&mut self, running: &Running, call: Call, time: Duration) -> Result<f64> {
        let end = Instant::now() + time;
        let before = self.done;
        let spent = running.cpu();
        while Instant::now() < end {
            self.burst(call)?;
        }
        let spent = running.cpu().saturating_sub(spent);
        Ok(spent.as_secs_f64() * 1e6 / (self.done - before) as f64)
    }

    /// One call on each connection, all of them before the first answer is read.
    fn burst(&mut self, call: Call) -> Result<()> {
        for line in &mut self.lines {
            line.send(&call.request(&self.prefix, self.done))?;
            self.done += 1;
        }
        for line in &mut self.lines {
            let status = line.receive()?.status;
            if !matches!(status, 200 | 204) {
                return Err(Failure::new(format!("{call:?} was answered {status}")));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn purged_subjects_have_cached_tokens_without_hits() {
        for number in [0, 19_999, 20_000, 1_000_000] {
            let request =
                String::from_utf8(Call::PurgeSubject.request("w00000006", number)).unwrap();
            let (head, body) = request.split_once("\r\n\r\n").unwrap();
            assert!(
                head.ends_with(&format!("Content-Length: {}", body.len())),
                "{head}"
            );
            let cached = token("w00000006", HIT + number % 20_000);
            assert_eq!(body, format!("{{\"sub\":\"{}\"}}", subject(&cached)));
        }
    }
}
