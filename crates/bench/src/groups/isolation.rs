use std::time::{Duration, Instant};

use crate::behaviour::Behaviour;
use crate::configuration;
use crate::crowd::Crowd;
use crate::drive::turn;
use crate::failure::{Failure, Result};
use crate::lab::{Authority, Lab};
use crate::ledger::{Disturbance, Ledger, Load};
use crate::paced::Paced;
use crate::process::Priority;
use crate::running::Running;

/// Cached tokens of the provider that is well.
const TOKENS: u64 = 10_000;
/// Rates of hits and of misses, a second: little enough that two processors are not busy with them
/// alone.
const HITS: f64 = 10_000.0;
const MISSES: f64 = 1_000.0;
const RUNS: usize = 2;

/// Behaviour of the other provider.
struct Fault {
    disturbance: Disturbance,
    behaviour: Behaviour,
    /// Clients that ask about its tokens at once.
    clients: usize,
}

const FAULTS: [Fault; 4] = [
    Fault {
        disturbance: Disturbance::QuietBeforeFault,
        behaviour: Behaviour::Well,
        clients: 0,
    },
    Fault {
        disturbance: Disturbance::Hang,
        behaviour: Behaviour::Hangs,
        clients: WAITING,
    },
    Fault {
        disturbance: Disturbance::Drip,
        behaviour: Behaviour::Drips,
        clients: 64,
    },
    Fault {
        disturbance: Disturbance::Swell,
        behaviour: Behaviour::Swells,
        clients: 4,
    },
];

const WAITING: usize = 10_000;
/// Most questions to a provider at once: the default.
const MAX_IN_FLIGHT: u64 = 1024;
/// Time after which the clients of the provider with large answers ask again: 20 a second.
const EVERY: Duration = Duration::from_millis(200);

/// Start of a token of the provider that is at fault.
const FAULTY: &str = "f";

/// Latency of one provider's tokens, cached and new, while another one is at fault.
pub(super) fn run(lab: &Lab, ledger: &mut Ledger) -> Result<()> {
    // Those of the server, which inherits the limit and keeps some for providers.
    crate::process::allow_descriptors(WAITING as u64 + 6_000)?;
    (0..lab.rounds).try_for_each(|round| one_round(lab, round, ledger))
}

fn one_round(lab: &Lab, round: usize, ledger: &mut Ledger) -> Result<()> {
    let (well, faulty) = (Authority::start(lab)?, Authority::start(lab)?);
    let running = Running::start_with(lab, well.port, &sections(faulty.port))?;
    let prefix = lab.prefix();
    running.fill(&prefix, 0..TOKENS)?;
    let subjects = Subjects {
        lab,
        well: &well,
        faulty: &faulty,
        running: &running,
        cached: &prefix,
    };
    turn(&FAULTS, round).try_for_each(|fault| subjects.beside(fault, ledger))
}

/// The provider at fault, with room for all of its clients and time for all of its faults: nothing
/// fails, so that the breaker does not end them.
fn sections(faulty: u16) -> String {
    let more = format!("match = {{ prefix = \"{FAULTY}\" }}\ntimeout = \"1m\"\nqueue = 16384\n");
    let limits = "[limits]\nrequests = 16384\n";
    format!(
        "{limits}{}",
        configuration::provider("faulty", faulty, &more)
    )
}

struct Subjects<'a> {
    lab: &'a Lab,
    well: &'a Authority,
    faulty: &'a Authority,
    running: &'a Running,
    cached: &'a str,
}

impl Subjects<'_> {
    fn beside(&self, fault: &Fault, ledger: &mut Ledger) -> Result<()> {
        let Fault {
            disturbance,
            behaviour,
            clients,
        } = *fault;
        self.faulty.behave(behaviour)?;
        let prefix = self.lab.prefix().replacen('p', FAULTY, 1);
        let mut crowd = Crowd::connect(self.running.port, clients, prefix)?;
        self.faulty.prioritize(Priority::Idle);
        if behaviour == Behaviour::Swells {
            crowd.beside(EVERY, || self.measure(disturbance, ledger))?;
        } else {
            let asked = self.faulty.count()?;
            crowd.ask()?;
            self.wait_for(clients)?;
            // Until then connections to it are being opened.
            let places = asked + (clients as u64).min(MAX_IN_FLIGHT);
            wait_until("the provider was not asked by all", || {
                Ok(self.faulty.count()? >= places)
            })?;
            self.measure(disturbance, ledger)?;
            if behaviour == Behaviour::Hangs {
                // None of them was answered meanwhile.
                self.wait_for(clients)?;
            }
            self.faulty.prioritize(Priority::Ordinary);
            self.faulty.behave(Behaviour::Well)?;
            crowd.receive(&[200])?;
        }
        drop(crowd);
        self.faulty.prioritize(Priority::Ordinary);
        // The server has that many connections to close.
        std::thread::sleep(Duration::from_millis(500));
        Ok(())
    }

    fn measure(&self, disturbance: Disturbance, ledger: &mut Ledger) -> Result<()> {
        let Self {
            lab,
            well,
            running,
            cached,
            ..
        } = self;
        for _ in 0..RUNS {
            if matches!(
                disturbance,
                Disturbance::QuietBeforeFault | Disturbance::Hang
            ) {
                let hits = Paced {
                    authority: well,
                    prefix: cached,
                    tokens: TOKENS,
                    rate: HITS,
                };
                hits.once(running, Load::Beside(disturbance), ledger)?;
            }
            let misses = Paced {
                authority: well,
                prefix: &lab.prefix(),
                tokens: u64::MAX,
                rate: MISSES,
            };
            misses.once(running, Load::Neighbour(disturbance), ledger)?;
        }
        Ok(())
    }

    /// Waits until so many requests are in flight.
    fn wait_for(&self, requests: usize) -> Result<()> {
        wait_until("not all requests are in flight", || {
            let (metrics, _) = self.running.scrape()?;
            Ok(metrics.sum("introspectd_requests_in_flight", "") >= requests as f64)
        })
    }
}

fn wait_until(otherwise: &str, is_so: impl Fn() -> Result<bool>) -> Result<()> {
    let end = Instant::now() + Duration::from_secs(10);
    while !is_so()? {
        if Instant::now() > end {
            return Err(Failure::new(otherwise.to_owned()));
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    Ok(())
}
