//! A client that looks at every answer: for filling caches, for herds, and for an arrival rate that
//! does not wait.

use std::collections::{BTreeMap, VecDeque};
use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use rustix::buffer::spare_capacity;
use rustix::event::{Timespec, epoll};

use crate::answer::Endpoint;
use crate::exchange::{self, Answer};
use crate::failure::{Failure, Result, Tried};
use crate::number::whole;

/// Load of a run.
pub(crate) struct Plan<'a> {
    pub(crate) port: u16,
    pub(crate) endpoint: Endpoint,
    pub(crate) connections: usize,
    pub(crate) requests: u64,
    /// Requests a second, sent when they are due, whether earlier ones were answered or not.
    /// `None`: the next one as soon as a connection is free.
    pub(crate) rate: Option<f64>,
    /// Deadline of an answer.
    pub(crate) timeout: Duration,
    /// The token of each request.
    pub(crate) token: &'a dyn Fn(u64) -> String,
}

/// Results of a run.
#[derive(Debug, Default)]
pub(crate) struct Report {
    /// Active answers of the right length.
    pub(crate) active: u64,
    /// All answers, by status; 0 is a connection that broke.
    pub(crate) statuses: BTreeMap<u16, u64>,
    /// Latencies from the time each request was due, even if it could not be sent then: a server
    /// that stalls cannot hide by keeping the client from sending.
    pub(crate) latencies: Vec<Duration>,
    /// Time from the first request to the last answer.
    pub(crate) elapsed: Duration,
}

struct Connection {
    stream: TcpStream,
    due: Instant,
    received: Vec<u8>,
}

impl Plan<'_> {
    /// Sends it all on keep-alive connections, which are opened before the clock starts.
    pub(crate) fn run(&self) -> Result<Report> {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC).tried("epoll")?;
        let mut connections = Vec::with_capacity(self.connections);
        for number in 0..self.connections {
            connections.push(connect(self.port, number as u64, &epoll)?);
        }
        // Against 50 microseconds that a sleep may be longer than asked for. Not to have the file
        // costs only that. No higher priority: it would push a server's worker off a processor that
        // the worker's connections wait for.
        let _ = std::fs::write("/proc/self/timerslack_ns", "1");
        let mut run = Run {
            plan: self,
            epoll,
            connections,
            idle: (0..self.connections).collect(),
            sent: 0,
            start: Instant::now(),
            report: Report::default(),
        };
        run.finish()?;
        Ok(run.report)
    }
}

struct Run<'a> {
    plan: &'a Plan<'a>,
    epoll: OwnedFd,
    connections: Vec<Connection>,
    idle: VecDeque<usize>,
    sent: u64,
    start: Instant,
    report: Report,
}

impl Run<'_> {
    fn finish(&mut self) -> Result<()> {
        let end = self.start + self.plan.timeout;
        let mut answered = 0;
        let mut events = Vec::with_capacity(256);
        while answered < self.plan.requests && Instant::now() < end {
            self.send_what_is_due();
            let pause = Timespec::try_from(self.pause()).tried("a pause")?;
            events.clear();
            match epoll::wait(&self.epoll, spare_capacity(&mut events), Some(&pause)) {
                Ok(_) | Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(Failure::new(format!("epoll: {error}"))),
            }
            for event in &events {
                let number = usize::try_from(event.data.u64()).unwrap_or(usize::MAX);
                answered += u64::from(self.receive(number)?);
            }
        }
        self.report.elapsed = self.start.elapsed();
        Ok(())
    }

    fn due(&self, request: u64) -> Instant {
        match self.plan.rate {
            Some(rate) => self.start + Duration::from_secs_f64(request as f64 / rate),
            None => Instant::now(),
        }
    }

    fn send_what_is_due(&mut self) {
        while self.sent < self.plan.requests {
            let due = self.due(self.sent);
            if due > Instant::now() {
                return;
            }
            let Some(connection) = self
                .idle
                .pop_front()
                .and_then(|number| self.connections.get_mut(number))
            else {
                return;
            };
            connection.due = due;
            let request = self.plan.endpoint.about(&(self.plan.token)(self.sent));
            self.sent += 1;
            // Its buffer is empty, so that it takes all of it or is broken; the latter is met when
            // it is read.
            let _ = connection.stream.write_all(&request);
        }
    }

    /// Until the next request is due, if it could be sent then.
    fn pause(&self) -> Duration {
        let longest = Duration::from_millis(100);
        if self.idle.is_empty() || self.sent == self.plan.requests {
            return longest;
        }
        self.due(self.sent)
            .saturating_duration_since(Instant::now())
            .min(longest)
    }

    /// Reads, and returns true once an answer is complete.
    fn receive(&mut self, number: usize) -> Result<bool> {
        let Some(connection) = self.connections.get_mut(number) else {
            return Ok(false);
        };
        let mut chunk = [0; 4096];
        let answer = match connection.stream.read(&mut chunk) {
            Ok(length @ 1..) => {
                connection
                    .received
                    .extend_from_slice(chunk.get(..length).unwrap_or_default());
                match exchange::read(&connection.received) {
                    Some(answer) => answer,
                    None => return Ok(false),
                }
            }
            Err(error)
                if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) =>
            {
                return Ok(false);
            }
            Ok(_) | Err(_) => {
                let due = connection.due;
                *connection = connect(self.plan.port, number as u64, &self.epoll)?;
                connection.due = due;
                Answer {
                    status: 0,
                    active: false,
                    bytes: 0,
                }
            }
        };
        connection.received.clear();
        self.report.latencies.push(connection.due.elapsed());
        *self.report.statuses.entry(answer.status).or_default() += 1;
        self.report.active += u64::from(answer.active);
        self.idle.push_back(number);
        Ok(true)
    }
}

fn connect(port: u16, number: u64, epoll: &OwnedFd) -> Result<Connection> {
    let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).tried("cannot connect")?;
    stream.set_nodelay(true).tried("TCP_NODELAY")?;
    stream.set_nonblocking(true).tried("a socket")?;
    epoll::add(
        epoll,
        &stream,
        epoll::EventData::new_u64(number),
        epoll::EventFlags::IN,
    )
    .tried("epoll")?;
    Ok(Connection {
        stream,
        due: Instant::now(),
        received: Vec::with_capacity(2048),
    })
}

impl Report {
    /// All requests got an active answer, or else what they got.
    pub(crate) fn all_active(&self, requests: u64) -> Result<()> {
        if self.active == requests {
            return Ok(());
        }
        let statuses: Vec<String> = self
            .statuses
            .iter()
            .map(|(status, count)| format!("{count} × {status}"))
            .collect();
        Err(Failure::new(format!(
            "{} of {requests} were active ({})",
            self.active,
            statuses.join(", ")
        )))
    }

    /// The latency that this share of all requests had at most; those without an answer had none.
    pub(crate) fn percentile(&mut self, share: f64) -> Duration {
        self.latencies.sort_unstable();
        let last = self.latencies.len().saturating_sub(1);
        let at = usize::try_from(whole(last as f64 * share)).unwrap_or(last);
        self.latencies.get(at).copied().unwrap_or_default()
    }
}

/// One request on a connection of its own: its answer and how long it took.
pub(crate) fn ask(
    port: u16,
    endpoint: Endpoint,
    token: &str,
    timeout: Duration,
) -> Result<(Answer, Duration)> {
    let start = Instant::now();
    let (answer, _) = Line::open(port, timeout)?.ask(endpoint, token)?;
    Ok((answer, start.elapsed()))
}

/// Sends a request without a body, as `GET /path`, on a connection of its own. Returns the body of
/// the answer, which has to be 200.
pub(crate) fn fetch(port: u16, what: &str, timeout: Duration) -> Result<String> {
    let failed = || format!("{what} at port {port}");
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).tried(failed())?;
    stream.set_read_timeout(Some(timeout)).tried(failed())?;
    let request = format!(
        "{what} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).tried(failed())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).tried(failed())?;
    match answer.split_once("\r\n\r\n") {
        Some((head, body)) if head.starts_with("HTTP/1.1 200 ") => Ok(body.to_owned()),
        _ => Err(Failure::new(format!("no answer to {}", failed()))),
    }
}

/// Kept-alive connection with one request at a time.
pub(crate) struct Line(TcpStream);

impl Line {
    /// Connects. An answer that takes longer than `timeout` is an error.
    pub(crate) fn open(port: u16, timeout: Duration) -> Result<Self> {
        let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).tried("cannot connect")?;
        stream.set_nodelay(true).tried("TCP_NODELAY")?;
        stream.set_read_timeout(Some(timeout)).tried("a socket")?;
        Ok(Self(stream))
    }

    pub(crate) fn send(&mut self, request: &[u8]) -> Result<()> {
        self.0.write_all(request).tried("cannot ask")
    }

    /// One request: its answer and how long it took.
    pub(crate) fn ask(&mut self, endpoint: Endpoint, token: &str) -> Result<(Answer, Duration)> {
        let start = Instant::now();
        self.send(&endpoint.about(token))?;
        Ok((self.receive()?, start.elapsed()))
    }

    pub(crate) fn receive(&mut self) -> Result<Answer> {
        let mut received = Vec::new();
        let mut chunk = [0; 4096];
        loop {
            let length = self.0.read(&mut chunk).tried("no answer")?;
            received.extend_from_slice(chunk.get(..length).unwrap_or_default());
            match exchange::read(&received) {
                Some(answer) => return Ok(answer),
                None if length == 0 => return Err(Failure::new("truncated answer")),
                None => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentile_is_one_of_the_latencies() {
        let latencies = (1..=100).rev().map(Duration::from_millis).collect();
        let mut report = Report {
            latencies,
            ..Report::default()
        };
        assert_eq!(report.percentile(0.5), Duration::from_millis(50));
        assert_eq!(report.percentile(0.99), Duration::from_millis(99));
        assert_eq!(report.percentile(1.0), Duration::from_millis(100));
        assert_eq!(Report::default().percentile(0.99), Duration::ZERO);
    }

    #[test]
    fn inactive_answers_are_counted() {
        let report = Report {
            active: 1,
            statuses: [(200, 1), (503, 2)].into(),
            ..Report::default()
        };
        assert_eq!(
            report.all_active(3).unwrap_err().to_string(),
            "1 of 3 were active (1 × 200, 2 × 503)"
        );
        assert!(report.all_active(1).is_ok());
    }
}
