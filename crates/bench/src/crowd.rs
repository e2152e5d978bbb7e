//! Clients that ask about tokens of one provider, each about one that nobody has asked about.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant};

use crate::answer::{Endpoint, token};
use crate::client::Line;
use crate::failure::{Failure, Result};

/// Deadline of an answer.
const PATIENCE: Duration = Duration::from_secs(60);

/// Clients on a connection each.
pub(crate) struct Crowd {
    lines: Vec<Line>,
    prefix: String,
    /// Requests so far, so that each is about another token.
    sent: u64,
}

impl Crowd {
    /// Connects.
    pub(crate) fn connect(port: u16, clients: usize, prefix: String) -> Result<Self> {
        let lines = (0..clients)
            .map(|_| Line::open(port, PATIENCE))
            .collect::<Result<_>>()?;
        Ok(Self {
            lines,
            prefix,
            sent: 0,
        })
    }

    /// Sends a request on each connection.
    pub(crate) fn ask(&mut self) -> Result<()> {
        for line in &mut self.lines {
            let request = Endpoint::Introspect.about(&token(&self.prefix, self.sent));
            line.send(&request)?;
            self.sent += 1;
        }
        Ok(())
    }

    /// Waits for all answers, each of which has to have one of these statuses.
    pub(crate) fn receive(&mut self, expected: &[u16]) -> Result<()> {
        for line in &mut self.lines {
            let status = line.receive()?.status;
            if !expected.contains(&status) {
                return Err(Failure::new(format!("a client was answered {status}")));
            }
        }
        Ok(())
    }

    /// Does this work while all clients ask again and again, this often at most. They run while a
    /// processor is free.
    pub(crate) fn beside(
        &mut self,
        every: Duration,
        work: impl FnOnce() -> Result<()>,
    ) -> Result<()> {
        let stop = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let asking = scope.spawn(|| {
                crate::process::give_way();
                while !stop.load(Relaxed) {
                    let next = Instant::now() + every;
                    self.ask()?;
                    self.receive(&[200])?;
                    std::thread::sleep(next.saturating_duration_since(Instant::now()));
                }
                Ok(())
            });
            let worked = work();
            stop.store(true, Relaxed);
            let asked = asking
                .join()
                .unwrap_or_else(|_| Err(Failure::new("a client failed")));
            worked.and(asked)
        })
    }
}
