//! Readers of the log and of the audit log that stall: no answer waits for them, nor does the end.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::os::fd::{AsFd, OwnedFd};
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use introspectd_simulators::rfc7662::ACTIVE;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tokio::net::UnixStream;
use tokio::process::Child;

use crate::client::{Reply, basic, question};
use crate::program::{Folder, run, soon};
use crate::server::SERVE;
use crate::vendors::{sso, sso_config};

/// A server whose output is read when the test says so. Its listeners are sockets in its folder,
/// since the log does not tell their addresses.
struct Stalled {
    folder: Folder,
    child: Child,
}

const CALLERS: &str = r#"
[callers.edge]
secret = { literal = "edge-secret" }
[callers.admin]
secret = { literal = "admin-secret" }
permissions = ["purge"]
"#;

impl Stalled {
    async fn start(toml: &str) -> Self {
        let folder = Folder::new();
        let socket = |name: &str| format!("unix:{}", folder.path(name).display());
        let listen = format!(
            "[listen]\napi = {:?}\nadmin = {:?}\nworkers = 1\n",
            socket("api.sock"),
            socket("admin.sock")
        );
        folder.write("introspectd.toml", format!("{listen}{CALLERS}{toml}"));
        let mut command = folder.command();
        let child = command
            .args(SERVE)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        for pipe in [
            child.stdout.as_ref().unwrap().as_fd(),
            child.stderr.as_ref().unwrap().as_fd(),
        ] {
            rustix::pipe::fcntl_setpipe_size(pipe, 4096).unwrap();
        }
        let server = Self { folder, child };
        let admin = server.folder.path("admin.sock");
        soon("the server", async {
            while UnixStream::connect(&admin).await.is_err() {}
        })
        .await;
        server
    }

    async fn client(&self, socket: &str) -> Client {
        Client::connect(self.folder.path(socket)).await
    }

    async fn livez(&self) -> u16 {
        let request = Request::get("/livez")
            .header("host", "x")
            .body(Full::default())
            .unwrap();
        self.client("admin.sock").await.send(request).await.status
    }

    async fn terminate(&mut self) -> ExitStatus {
        let pid = Pid::from_raw(self.child.id().unwrap().try_into().unwrap()).unwrap();
        kill_process(pid, Signal::TERM).unwrap();
        soon("the end of the server", self.child.wait())
            .await
            .unwrap()
    }

    /// Lines on standard error from now on, until the process ends.
    fn read_log(&mut self) -> impl Iterator<Item = String> + use<> {
        let pipe: OwnedFd = self.child.stderr.take().unwrap().into_owned_fd().unwrap();
        rustix::io::ioctl_fionbio(&pipe, false).unwrap();
        BufReader::new(File::from(pipe)).lines().map(Result::unwrap)
    }
}

struct Client(SendRequest<Full<Bytes>>);

impl Client {
    async fn connect(socket: PathBuf) -> Self {
        let stream = UnixStream::connect(socket).await.unwrap();
        let (sender, connection) = handshake(TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection);
        Self(sender)
    }

    async fn send(&mut self, request: Request<Full<Bytes>>) -> Reply {
        self.0.ready().await.unwrap();
        let response = soon("an answer", self.0.send_request(request))
            .await
            .unwrap();
        let (head, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        let body = String::from_utf8(body.into()).unwrap();
        Reply {
            status: head.status.as_u16(),
            headers: head.headers,
            body,
        }
    }

    async fn ask(&mut self, secret: &str, token: &str) -> Reply {
        self.send(question(
            Some(&basic("edge", secret)),
            &format!("token={token}"),
        ))
        .await
    }

    async fn is_hit(&mut self) {
        let reply = self.ask("edge-secret", ACTIVE).await;
        assert_eq!(reply.headers["x-cache"], "hit");
        assert!(reply.is_active());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn stalled_reader_of_the_log_blocks_no_answer_and_learns_what_was_dropped() {
    let sso = sso().await;
    let log = "[log]\nlevel = \"info,introspectd_resolver=debug\"\n";
    let mut server = Stalled::start(&format!("{log}{}", sso_config(&sso))).await;
    let mut client = server.client("api.sock").await;
    assert!(client.ask("edge-secret", ACTIVE).await.is_active());
    for _ in 0..2_000 {
        assert_eq!(client.ask("wrong", ACTIVE).await.status, 401);
    }
    // Each is a line at this level, and they are more than the queue holds.
    for number in 0..5_000 {
        assert_eq!(
            client
                .ask("edge-secret", &format!("sso_{number}"))
                .await
                .body,
            r#"{"active":false}"#
        );
    }
    client.is_hit().await;
    assert_eq!(server.livez().await, 200);

    let mut log = server
        .read_log()
        .map(|line| serde_json::from_str::<Value>(&line).unwrap());
    let dropped = |line: &Value| {
        line["message"]
            .as_str()
            .unwrap()
            .starts_with("log lines dropped")
    };
    let report = log.find(dropped).unwrap();
    assert!(report["dropped"].as_u64().unwrap() > 0, "{report}");
    let rest = std::thread::spawn(move || log.filter(dropped).count());
    assert_eq!(server.terminate().await.code(), Some(0));
    assert_eq!(rest.join().unwrap(), 0, "one line has them all");
}

#[tokio::test]
async fn stalled_readers_of_log_and_audit_log_hold_up_neither_hits_nor_the_end() {
    let sso = sso().await;
    let (audit, shutdown) = ("[audit]\nto = \"stdout\"\n", "[shutdown]\ndrain = \"1s\"\n");
    let mut server = Stalled::start(&format!("{audit}{shutdown}{}", sso_config(&sso))).await;
    let mut client = server.client("api.sock").await;
    assert!(client.ask("edge-secret", ACTIVE).await.is_active());
    for _ in 0..2_000 {
        assert_eq!(client.ask("wrong", ACTIVE).await.status, 401);
    }
    // An operator waits for its line, and nobody else does.
    let mut operator = server.client("api.sock").await;
    let purge = Request::post("/v1/cache/purge")
        .header("host", "x")
        .header("content-type", "application/json");
    let purge = purge
        .header("authorization", "Bearer admin-secret")
        .body(Full::from("{\"sub\":\"nobody\"}"));
    let purging =
        tokio::spawn(async move { operator.0.send_request(purge.unwrap()).await.is_ok() });
    for _ in 0..100 {
        client.is_hit().await;
    }
    assert_eq!(server.livez().await, 200);
    assert!(!purging.is_finished());

    let since = Instant::now();
    assert_eq!(server.terminate().await.code(), Some(0));
    // The drain, then two seconds for the audit log and one for the log.
    assert!(
        since.elapsed() < Duration::from_secs(8),
        "{:?}",
        since.elapsed()
    );
}

#[tokio::test]
async fn refusals_of_strangers_are_limited_and_summed_up() {
    let (audit, count) = ("[audit]\nto = \"./audit.log\"\n", 3_000);
    let folder = Folder::with_config(&format!("{audit}{}", crate::server::BASE));
    let mut server = crate::server::Server::start_in(folder, &[]).await;
    let stream = tokio::net::TcpStream::connect(server.api()).await.unwrap();
    let (sender, connection) = handshake(TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    let (mut client, since) = (Client(sender), Instant::now());
    for _ in 0..count {
        assert_eq!(client.ask("wrong", ACTIVE).await.status, 401);
    }
    let seconds = since.elapsed().as_secs() + 2;
    server.signal(Signal::TERM);
    assert_eq!(server.ended().await.code(), Some(0));

    let text = std::fs::read_to_string(server.folder.path("audit.log")).unwrap();
    let lines: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let (refused, summed): (Vec<_>, Vec<_>) =
        lines.iter().partition(|line| line["event"] == "refused");
    let refused = u64::try_from(refused.len()).unwrap();
    let sum = |line: &&Value| line["outcomes"]["invalid_client"].as_u64().unwrap();
    assert!(
        refused >= 250 && refused <= 250 * seconds,
        "{refused} in {seconds} s"
    );
    assert_eq!(refused + summed.iter().map(sum).sum::<u64>(), count);
    let log = server.log();
    let logged = |message: &str| log.iter().filter(|line| line.contains(message)).count();
    assert_eq!(u64::try_from(logged("refused a request")).unwrap(), refused);
    assert_eq!(logged("too many refusals"), summed.len());
}

#[tokio::test]
async fn audit_log_that_is_a_pipe_without_a_reader_stops_the_start() {
    let folder = Folder::with_config("[audit]\nto = \"./audit.pipe\"\n");
    let pipe = folder.path("audit.pipe");
    rustix::fs::mkfifoat(
        rustix::fs::CWD,
        pipe,
        rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR,
    )
    .unwrap();
    let mut command = folder.command();
    command.args(SERVE);
    let ended = run(command, "").await.with(2);
    assert!(
        ended
            .stderr
            .contains("without a reader. Start the reader first"),
        "{ended:?}"
    );
}
