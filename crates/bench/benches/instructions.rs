//! Instructions of a hit, from the bytes of a request to those of its answer: the same number each
//! time, on any machine. A client that reads and writes is part of it.
#![allow(
    clippy::expect_used,
    reason = "a benchmark that cannot begin has nothing to handle"
)]

mod fixture;

use std::sync::Arc;

use gungraun::{
    Callgrind, LibraryBenchmarkConfig, library_benchmark, library_benchmark_group, main,
};
use introspectd_front::ListenerIdentity;
use introspectd_server::{
    Arrival, Connections, ListenAddress, Listener, SocketAccess, Stop, Workers, run,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::watch;

use fixture::{BASIC, FORM, api};

/// Allocator of the shipped binary.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// A client on a kept-alive connection, and the server, on one thread.
struct Hits {
    runtime: Runtime,
    client: TcpStream,
    request: Vec<u8>,
    _end: watch::Sender<bool>,
}

impl Hits {
    fn ask(&mut self, times: usize) -> usize {
        let Self {
            runtime,
            client,
            request,
            ..
        } = self;
        runtime.block_on(async {
            let mut answer = [0; 4096];
            let mut length = 0;
            for _ in 0..times {
                client.write_all(request).await.expect("a server");
                // An answer is one write, and shorter than that.
                length = client.read(&mut answer).await.expect("an answer");
            }
            length
        })
    }
}

/// The connection, the caller and the token are known, and allocators have seen what they will see.
fn warm() -> Hits {
    let runtime = Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    let (end, stop) = Stop::new();
    let client = runtime.block_on(async {
        let address = ListenAddress::parse("127.0.0.1:0").expect("an address");
        let listener = Listener::bind(&address, SocketAccess::default())
            .await
            .expect("a free port");
        let Ok(ListenAddress::Tcp(address)) = listener.address() else {
            unreachable!("bound on TCP")
        };
        let api = api();
        let open = move |arrival: &Arrival| {
            let handler = api.handler(&ListenerIdentity::default(), arrival);
            move |request| Arc::clone(&handler).answer(request)
        };
        tokio::spawn(run(listener, Connections::new(Workers::here()), open, stop));
        TcpStream::connect(address).await.expect("a listener")
    });
    let head = format!(
        "POST /introspect HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: {BASIC}\r\n\
         Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n",
        FORM.len()
    );
    let request = [head.as_bytes(), FORM].concat();
    let mut hits = Hits {
        runtime,
        client,
        request,
        _end: end,
    };
    assert!(hits.ask(100) > 489, "not an active answer");
    hits
}

#[library_benchmark(setup = warm)]
fn thousand_hits(mut hits: Hits) -> Hits {
    hits.ask(1000);
    hits
}

library_benchmark_group!(name = hit, benchmarks = thousand_hits);
// In one file: the cache has a thread of its own, which does nothing meanwhile.
main!(
    config =
        LibraryBenchmarkConfig::default().tool(Callgrind::with_args(["--separate-threads=no"])),
    library_benchmark_groups = hit
);
