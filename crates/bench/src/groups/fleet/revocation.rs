use std::time::{Duration, Instant};

use super::start_fleet;
use crate::answer::{Endpoint, OPERATOR_BASIC, token};
use crate::client::{Line, Report};
use crate::failure::{Failure, Result};
use crate::lab::{Authority, Lab};
use crate::ledger::{Ledger, Load};
use crate::redis::Redis;
use crate::running::Running;

const TOKENS: u64 = 1_000;
/// Longest way of a revocation.
const PATIENCE: Duration = Duration::from_secs(5);

/// Time from the answer to a revocation at one replica to the refusal at each of the others, all of
/// which had the token in their own caches.
///
/// They are asked once it was answered, and not before: requests of operators run while a processor
/// is free, which a client that asks without pause would take from them.
pub(super) fn run(lab: &Lab, ledger: &mut Ledger) -> Result<()> {
    (0..lab.rounds.min(3)).try_for_each(|_| one_round(lab, ledger))
}

fn one_round(lab: &Lab, ledger: &mut Ledger) -> Result<()> {
    let authority = Authority::start(lab)?;
    let redis = Redis::start(lab)?;
    let replicas = start_fleet(lab, &authority, &redis)?;
    let mut clients = replicas
        .iter()
        .map(Client::open)
        .collect::<Result<Vec<_>>>()?;
    let prefix = lab.prefix();
    let (mut since_answer, mut since_request) = (Report::default(), Report::default());
    for number in 0..TOKENS {
        let token = token(&prefix, number);
        for client in &mut clients {
            if !client.is_active(&token)? {
                return Err(Failure::new("a token is not active"));
            }
        }
        clients.rotate_left(1);
        let [revoking, others @ ..] = clients.as_mut_slice() else {
            return Err(Failure::new("no replica"));
        };
        let sent = Instant::now();
        revoking.revoking.send(&revocation(&token))?;
        let status = revoking.revoking.receive()?.status;
        if status != 200 {
            return Err(Failure::new(format!("a revocation was answered {status}")));
        }
        let answered = Instant::now();
        let mut pending: Vec<_> = others.iter_mut().collect();
        while !pending.is_empty() {
            let mut active = Vec::new();
            for client in pending {
                if client.is_active(&token)? {
                    active.push(client);
                } else {
                    since_answer.latencies.push(answered.elapsed());
                    since_request.latencies.push(sent.elapsed());
                }
            }
            pending = active;
            if answered.elapsed() > PATIENCE {
                return Err(Failure::new("a revocation did not reach a replica"));
            }
        }
    }
    let millis = |time: Duration| time.as_secs_f64() * 1e3;
    let (p50, p99) = (since_answer.percentile(0.5), since_answer.percentile(0.99));
    let whole = since_request.percentile(0.5);
    crate::output::print_status(&format!(
        "  refused elsewhere: p50 {p50:?}, p99 {p99:?}; from the request: p50 {whole:?}"
    ));
    ledger.note(Load::SpreadMedian, millis(p50));
    ledger.note(Load::SpreadP99, millis(p99));
    ledger.note(Load::SpreadWhole, millis(whole));
    Ok(())
}

/// Connections to a replica: one that asks, and one that revokes.
struct Client {
    asking: Line,
    revoking: Line,
}

impl Client {
    fn open(replica: &Running) -> Result<Self> {
        Ok(Self {
            asking: Line::open(replica.port, PATIENCE)?,
            revoking: Line::open(replica.port, PATIENCE)?,
        })
    }

    fn is_active(&mut self, token: &str) -> Result<bool> {
        let (answer, _) = self.asking.ask(Endpoint::Introspect, token)?;
        if answer.status == 200 {
            Ok(answer.active)
        } else {
            let status = answer.status;
            Err(Failure::new(format!("a token was answered {status}")))
        }
    }
}

fn revocation(token: &str) -> Vec<u8> {
    let body = format!("token={token}");
    format!(
        "POST /revoke HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: {OPERATOR_BASIC}\r\n\
         Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}
