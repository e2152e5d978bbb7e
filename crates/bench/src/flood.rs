//! A stranger who tries out secrets, as fast as is asked for.

use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rustix::buffer::spare_capacity;
use rustix::event::{Timespec, epoll};

use crate::answer::{CALLER, token};
use crate::beside::Stop;
use crate::exchange;
use crate::failure::{Failure, Result, Tried};

const CONNECTIONS: usize = 64;

/// Requests that are sent at once on a connection, and answered one after the other. On a machine
/// that the client shares with the server, this is what makes the client cheap: what is measured is
/// the server.
const PIPELINED: usize = 8;

/// Different ones, so that no two that follow each other on a connection show the same secrets.
const BATCHES: usize = 509;

/// Results of a flood.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Flooded {
    /// Requests that were answered 401.
    pub(crate) refused: u64,
    /// Requests that were answered otherwise, which a wrong secret may not be.
    pub(crate) other: u64,
    /// Connections that the server ended.
    pub(crate) ended: u64,
    pub(crate) elapsed: Duration,
}

struct Connection {
    stream: TcpStream,
    received: Vec<u8>,
    /// Answers that are still to come.
    awaited: usize,
}

struct Flood {
    port: u16,
    epoll: OwnedFd,
    connections: Vec<Connection>,
    idle: Vec<usize>,
    batches: Vec<Vec<u8>>,
    sent: u64,
    flooded: Flooded,
}

/// Sends wrong secrets to this port at this rate until it is stopped. It does not catch up on what
/// a busy server did not let it send within a tenth of a second.
pub(crate) fn run(port: u16, rate: f64, stop: &Stop) -> Result<Flooded> {
    crate::process::give_way();
    let mut flood = Flood::new(port)?;
    let start = Instant::now();
    let pause = Duration::from_secs_f64(PIPELINED as f64 / rate);
    let mut due = start;
    while !stop.is_given() {
        due = due.max(Instant::now() - Duration::from_millis(100));
        while due <= Instant::now() && flood.send()? {
            due += pause;
        }
        flood.receive(due.saturating_duration_since(Instant::now()))?;
    }
    Ok(Flooded {
        elapsed: start.elapsed(),
        ..flood.flooded
    })
}

impl Flood {
    fn new(port: u16) -> Result<Self> {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC).tried("epoll")?;
        let connections = (0..CONNECTIONS)
            .map(|number| connect(port, number, &epoll))
            .collect::<Result<Vec<_>>>()?;
        let batches = (0..BATCHES).map(batch).collect();
        let idle = (0..CONNECTIONS).collect();
        Ok(Self {
            port,
            epoll,
            connections,
            idle,
            batches,
            sent: 0,
            flooded: Flooded::default(),
        })
    }

    /// Sends a batch, if a connection is free.
    fn send(&mut self) -> Result<bool> {
        let Some(number) = self.idle.pop() else {
            return Ok(false);
        };
        let batch = usize::try_from(self.sent % BATCHES as u64).unwrap_or_default();
        self.sent += 1;
        let (Some(connection), Some(batch)) =
            (self.connections.get_mut(number), self.batches.get(batch))
        else {
            return Ok(false);
        };
        connection.awaited = PIPELINED;
        // Its buffer is empty, so that it takes all of it or is broken.
        match connection.stream.write_all(batch) {
            Ok(()) => Ok(true),
            Err(_) => self.replace(number).map(|()| true),
        }
    }

    /// Waits for answers, so long at most.
    fn receive(&mut self, longest: Duration) -> Result<()> {
        let longest = if self.idle.is_empty() {
            Duration::from_millis(100)
        } else {
            longest
        };
        let pause = Timespec::try_from(longest).tried("a pause")?;
        let mut events = Vec::with_capacity(CONNECTIONS);
        match epoll::wait(&self.epoll, spare_capacity(&mut events), Some(&pause)) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(Failure::new(format!("epoll: {error}"))),
        }
        for event in &events {
            self.read(usize::try_from(event.data.u64()).unwrap_or(usize::MAX))?;
        }
        Ok(())
    }

    fn read(&mut self, number: usize) -> Result<()> {
        let Some(connection) = self.connections.get_mut(number) else {
            return Ok(());
        };
        let mut chunk = [0; 8192];
        match connection.stream.read(&mut chunk) {
            Ok(length @ 1..) => {
                connection
                    .received
                    .extend_from_slice(chunk.get(..length).unwrap_or_default());
                let awaited = connection.awaited;
                connection.count(&mut self.flooded);
                if awaited > 0 && connection.awaited == 0 {
                    self.idle.push(number);
                }
                Ok(())
            }
            Err(error)
                if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) =>
            {
                Ok(())
            }
            Ok(_) | Err(_) => self.replace(number),
        }
    }

    /// Connects again where the server has ended the connection.
    fn replace(&mut self, number: usize) -> Result<()> {
        self.flooded.ended += 1;
        let new = connect(self.port, number, &self.epoll)?;
        if let Some(connection) = self.connections.get_mut(number) {
            *connection = new;
        }
        if !self.idle.contains(&number) {
            self.idle.push(number);
        }
        Ok(())
    }
}

impl Connection {
    /// Takes the answers that are complete out of what came in.
    fn count(&mut self, flooded: &mut Flooded) {
        let mut rest = self.received.as_slice();
        while let Some(answer) = exchange::read(rest) {
            rest = rest.get(answer.bytes..).unwrap_or_default();
            if answer.status == 401 {
                flooded.refused += 1;
            } else {
                flooded.other += 1;
            }
            self.awaited = self.awaited.saturating_sub(1);
        }
        let read = self.received.len() - rest.len();
        self.received.drain(..read);
    }
}

fn connect(port: u16, number: usize, epoll: &OwnedFd) -> Result<Connection> {
    let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).tried("cannot connect")?;
    stream.set_nodelay(true).tried("TCP_NODELAY")?;
    stream.set_nonblocking(true).tried("a socket")?;
    let data = epoll::EventData::new_u64(number as u64);
    epoll::add(epoll, &stream, data, epoll::EventFlags::IN).tried("epoll")?;
    Ok(Connection {
        stream,
        received: Vec::new(),
        awaited: 0,
    })
}

/// A caller that is known, each time with another wrong secret.
fn batch(number: usize) -> Vec<u8> {
    let token = token("strange_9", 0);
    let requests = (0..PIPELINED).map(|at| {
        let wrong = STANDARD.encode(format!("{CALLER}:wrong-{number:04}-{at:02}"));
        format!(
            "POST /introspect HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Basic {wrong}\r\n\
             Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {length}\r\n\r\n\
             token={token}",
            length = "token=".len() + token.len(),
        )
    });
    requests.collect::<String>().into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_complete_answers_are_counted() {
        let refused = b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 2\r\n\r\n{}";
        let other = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n";
        let (mut flooded, (stream, _server)) = (Flooded::default(), pair());
        let received = [&refused[..], &other[..], &refused[..20]].concat();
        let mut connection = Connection {
            stream,
            received,
            awaited: 8,
        };
        connection.count(&mut flooded);
        assert_eq!(
            (flooded.refused, flooded.other, connection.awaited),
            (1, 1, 6)
        );
        connection.received.extend_from_slice(&refused[20..]);
        connection.count(&mut flooded);
        assert_eq!(
            (
                flooded.refused,
                connection.awaited,
                connection.received.len()
            ),
            (2, 5, 0)
        );
    }

    fn pair() -> (TcpStream, TcpStream) {
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let stream = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        (stream, listener.accept().unwrap().0)
    }

    #[test]
    fn secrets_of_a_batch_are_distinct() {
        let text = String::from_utf8((0..BATCHES).flat_map(batch).collect()).unwrap();
        let mut shown: Vec<_> = text
            .lines()
            .filter(|line| line.starts_with("Authorization"))
            .collect();
        assert_eq!(shown.len(), BATCHES * PIPELINED);
        shown.sort_unstable();
        shown.dedup();
        assert_eq!(shown.len(), BATCHES * PIPELINED);
    }
}
