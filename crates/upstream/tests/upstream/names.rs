//! Names of hosts, asked of a DNS server on loopback.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use futures_util::{StreamExt, stream};
use hickory_resolver::proto::op::{Message, MessageType, ResponseCode};
use hickory_resolver::proto::rr::rdata::A;
use hickory_resolver::proto::rr::{RData, Record, RecordType};
use introspectd_core::{Failure, ManualClock, Outage, Unreachable};
use introspectd_simulators::Simulator;
use introspectd_upstream::{Dialect, Outbound, Request, Response, Upstream};
use tokio::net::UdpSocket;

use crate::provider::{Silent, clock, connection, silent, uri};

/// Answer of the DNS server about every name.
#[derive(Clone, Copy)]
enum Said {
    /// 127.0.0.1, for so many seconds.
    Loopback(u32),
    NoSuchName,
    Broken,
    Nothing,
}

struct Dns {
    address: SocketAddr,
    shared: Arc<Mutex<(Said, usize)>>,
}

impl Dns {
    async fn start(said: Said) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let address = socket.local_addr().unwrap();
        let shared = Arc::new(Mutex::new((said, 0)));
        let script = Arc::clone(&shared);
        tokio::spawn(async move {
            let mut packet = [0; 1500];
            while let Ok((length, client)) = socket.recv_from(&mut packet).await {
                let query = Message::from_vec(&packet[..length]).unwrap();
                if let Some(answer) = answer(&query, &mut script.lock().unwrap()) {
                    socket.try_send_to(&answer, client).unwrap();
                }
            }
        });
        Self { address, shared }
    }

    fn says(&self, said: Said) {
        self.shared.lock().unwrap().0 = said;
    }

    /// Number of queries for an IPv4 address.
    fn count(&self) -> usize {
        self.shared.lock().unwrap().1
    }
}

fn answer(query: &Message, (said, count): &mut (Said, usize)) -> Option<Vec<u8>> {
    let question = query.queries[0].clone();
    let is_v4 = question.query_type() == RecordType::A;
    *count += usize::from(is_v4);
    let mut answer = Message::response(query.metadata.id, query.metadata.op_code);
    answer.metadata.message_type = MessageType::Response;
    match *said {
        Said::Nothing => return None,
        Said::NoSuchName => answer.metadata.response_code = ResponseCode::NXDomain,
        Said::Broken => answer.metadata.response_code = ResponseCode::ServFail,
        Said::Loopback(ttl) if is_v4 => {
            let record = Record::from_rdata(
                question.name().clone(),
                ttl,
                RData::A(A(Ipv4Addr::LOCALHOST)),
            );
            answer.answers.push(record);
        }
        Said::Loopback(_) => {}
    }
    answer.queries.push(question);
    Some(answer.to_vec().unwrap())
}

/// A provider that is known by its name.
struct Named {
    server: Simulator<Silent>,
    dns: Dns,
    clock: Arc<ManualClock>,
    upstream: Upstream,
}

impl Named {
    async fn start(said: Said, timeout: &str) -> Self {
        let (server, dns, clock) = (silent().await, Dns::start(said).await, clock());
        let more = format!(
            "allow_http = true\nkeep_alive = false\ncredentials = {{ type = \"none\" }}\ntimeout \
                = {timeout:?}"
        );
        let connection = connection(Dialect::Rest, &base_url(&server), &more);
        let own = || Arc::<ManualClock>::clone(&clock);
        let outbound = Outbound::here(own()).with_name_server(dns.address, own());
        let upstream = Upstream::new(connection, own(), &outbound);
        Self {
            server,
            dns,
            clock,
            upstream,
        }
    }

    async fn ask(&self) -> Result<Response, Failure> {
        self.upstream
            .send(Request::get(uri(&base_url(&self.server), "/x")))
            .await
    }
}

fn base_url(server: &Simulator<Silent>) -> String {
    format!("http://as.example:{}", server.address().port())
}

const MINUTE: &str = "60s";

#[tokio::test]
async fn a_thousand_requests_are_one_look_up() {
    let named = Named::start(Said::Loopback(60), MINUTE).await;
    let asked: Vec<_> = stream::iter(0..1000)
        .map(|_| named.ask())
        .buffer_unordered(100)
        .collect()
        .await;
    assert!(asked.iter().all(Result::is_ok));
    assert_eq!((named.dns.count(), named.server.count()), (1, 1000));
    let host = format!("as.example:{}", named.server.address().port());
    assert_eq!(
        named.server.requests()[0].header("host"),
        Some(host.as_str())
    );
}

#[tokio::test]
async fn a_thousand_requests_for_a_name_that_is_not_found_are_one_look_up() {
    for (said, reason) in [
        (Said::NoSuchName, Unreachable::NoSuchName),
        (Said::Broken, Unreachable::Unresolved),
    ] {
        let named = Named::start(said, MINUTE).await;
        named.ask().await.err().expect("a failure");
        let count = named.dns.count();
        let asked = join_all((0..1000).map(|_| named.ask())).await;
        assert!(
            asked
                .into_iter()
                .all(|it| it.err() == Some(Failure::outage(Outage::Unreachable(reason))))
        );
        assert_eq!(named.dns.count(), count);
        // For a second.
        named.dns.says(Said::Loopback(60));
        named.clock.advance(2);
        assert!(named.ask().await.is_ok());
    }
}

#[tokio::test]
async fn an_address_is_kept_for_its_ttl_of_five_seconds_to_five_minutes() {
    for (ttl, kept) in [(0, 5), (60, 60), (86400, 300)] {
        let named = Named::start(Said::Loopback(ttl), MINUTE).await;
        assert!(named.ask().await.is_ok());
        named.clock.advance(kept - 1);
        assert!(named.ask().await.is_ok());
        assert_eq!(named.dns.count(), 1, "{ttl}");
        named.clock.advance(1);
        assert!(named.ask().await.is_ok());
        assert_eq!(named.dns.count(), 2, "{ttl}");
    }
}

#[tokio::test]
async fn an_address_is_used_on_while_look_ups_fail() {
    for said in [Said::NoSuchName, Said::Broken, Said::Nothing] {
        let named = Named::start(Said::Loopback(60), MINUTE).await;
        assert!(named.ask().await.is_ok());
        named.dns.says(said);
        for _ in 0..3 {
            named.clock.advance(3600);
            assert!(named.ask().await.is_ok());
        }
        named.dns.says(Said::Loopback(60));
    }
}

#[tokio::test]
async fn a_silent_name_server_is_waited_for_until_the_deadline() {
    let named = Named::start(Said::Nothing, "100ms").await;
    let began = Instant::now();
    assert_eq!(named.ask().await.err(), Some(Failure::ConnectTimeout));
    assert!(began.elapsed() < Duration::from_secs(2));
}

#[tokio::test]
async fn requests_that_wait_for_a_name_hold_no_threads_and_no_other_provider() {
    let lost = Named::start(Said::Nothing, "2s").await;
    let healthy = Named::start(Said::Loopback(60), MINUTE).await;
    let before = threads();
    let waiting = join_all((0..500).map(|_| lost.ask()));
    let others = async {
        for _ in 0..20 {
            assert!(healthy.ask().await.is_ok());
        }
        threads()
    };
    let (waited, during) = tokio::join!(waiting, others);
    assert!(
        waited
            .into_iter()
            .all(|it| it.err() == Some(Failure::ConnectTimeout))
    );
    // Other tests of this process have some of their own.
    assert!(during < before + 100, "{before} {during}");
    assert!(lost.dns.count() < 10, "{}", lost.dns.count());
}

fn threads() -> usize {
    std::fs::read_dir("/proc/self/task").unwrap().count()
}
