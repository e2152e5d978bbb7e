//! Clients that ask about tokens of one provider, each about one that nobody has asked about.

use std::time::Duration;

use crate::answer::{Endpoint, token};
use crate::beside::{Stop, beside};
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
        let asking = |stop: &Stop| {
            crate::process::give_way();
            stop.repeat(every, || {
                self.ask()?;
                self.receive(&[200])
            })
        };
        beside(asking, work).map(drop)
    }
}
