use std::io;
use std::sync::{Arc, Mutex};

use introspectd_core::{BadAnswer, Failure};
use tracing::subscriber::DefaultGuard;
use tracing_subscriber::fmt::MakeWriter;

use crate::bench::{ACTIVE, Bench, EDGE_SECRET};
use crate::client::{Ask, basic, http2_to, received};

/// All that is logged on this thread, of whatever level.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    fn start() -> (Self, DefaultGuard) {
        let log = Self::default();
        let subscriber = tracing_subscriber::fmt()
            .with_max_level(tracing::Level::TRACE)
            .with_ansi(false)
            .with_writer(log.clone())
            .finish();
        let guard = tracing::subscriber::set_default(subscriber);
        (log, guard)
    }

    /// Our own lines, and warnings of anybody: the binary's filter lets no others out.
    fn lines(&self) -> Vec<String> {
        let text = String::from_utf8(self.0.lock().unwrap().clone()).unwrap();
        let ours =
            |line: &&str| line.contains(" introspectd") || line.contains("WARN") || line.contains("ERROR");
        text.lines().filter(ours).map(str::to_owned).collect()
    }
}

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Log {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

#[tokio::test]
async fn nothing_that_a_request_holds_is_logged() {
    let (log, _guard) = Log::start();
    let bench = Bench::start().await;
    bench.bank.fails("b_failing-token", Failure::Timeout);
    bench.bank.fails("b_bad-token", BadAnswer::NotAnObject);
    let credentials = basic(&format!("edge:{EDGE_SECRET}"));
    let form = format!("token={ACTIVE}");
    let asks = [
        Ask::form(form.clone()).by(&credentials),
        Ask::token("b_failing-token"),
        Ask::token("b_bad-token"),
        Ask::token(ACTIVE).by(&basic("edge:secret-of-a-stranger")),
        Ask::token(ACTIVE).by("Bearer secret-of-a-stranger"),
        Ask::form(format!("{form}&{form}")),
        Ask::form(format!("{form}%")),
        Ask::form(format!("{form}&provider=secret-of-a-stranger")),
        Ask::form(form.clone()).header("content-type", "application/json"),
        Ask::form("").to("GET", &format!("/introspect?{form}")),
        Ask::form(form.clone()).to("POST", &format!("/introspect?{form}")),
        Ask::form("").to("GET", &format!("/{ACTIVE}")),
    ];
    for ask in &asks {
        ask.at(&bench).await;
        let mut http2 = http2_to(bench.address).await;
        received(http2.send_request(ask.http2_request(bench.address)).await.unwrap(), false).await;
    }
    let lines = log.lines();
    assert!(
        lines.iter().filter(|line| line.contains("refused a request")).count() >= asks.len(),
        "{lines:#?}"
    );
    let encoded = credentials.strip_prefix("Basic ").unwrap();
    let secrets = [ACTIVE, "b_failing-token", "b_bad-token", "of-a-stranger", "operator-secret"];
    for secret in secrets.into_iter().chain([EDGE_SECRET, encoded]) {
        let told: Vec<_> = lines.iter().filter(|line| line.contains(secret)).collect();
        assert!(told.is_empty(), "{secret}: {told:#?}");
    }
}

#[tokio::test]
async fn a_token_in_the_query_is_not_logged() {
    let (log, _guard) = Log::start();
    let bench = Bench::start().await;
    let reply = Ask::form("").to("GET", &format!("/introspect?token={ACTIVE}")).at(&bench).await;
    reply.refuses(405, "method_not_allowed");
    assert_eq!(reply.header("allow"), Some("POST"));
    assert!(!reply.body.contains(ACTIVE));
    let lines = log.lines();
    assert!(!lines.is_empty());
    assert!(lines.iter().all(|line| !line.contains(ACTIVE)), "{lines:#?}");
    assert_eq!(bench.bank.asked().len(), 0);
}
