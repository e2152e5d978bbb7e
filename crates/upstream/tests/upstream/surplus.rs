//! A server that says more than it was asked.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::{StreamExt, stream};
use introspectd_core::{BadAnswer, Doubt, DoubtHandler, Failure};
use introspectd_simulators::{Answer as Said, Fault};
use introspectd_upstream::{Request, Response, Upstream};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::provider::{open, rest, silent, uri};

/// Moment at which a server repeats its answer.
#[derive(Clone, Copy)]
enum Repeats {
    AtOnce,
    After(Duration),
    /// Place of the next answer, which follows.
    WhenAskedAgain,
}

/// An HTTP/1.1 server whose answer is the path that was asked for, said twice.
async fn repeating(repeats: Repeats) -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let connections = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&connections);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            count.fetch_add(1, Ordering::SeqCst);
            tokio::spawn(repeat(stream, repeats));
        }
    });
    (format!("http://{address}"), connections)
}

async fn repeat(stream: TcpStream, repeats: Repeats) {
    stream.set_nodelay(true).unwrap();
    let (mut reader, writer) = stream.into_split();
    let writer = Arc::new(tokio::sync::Mutex::new(writer));
    let mut owed: Option<String> = None;
    while let Some(path) = asked_for(&mut reader).await {
        let answer = format!(
            "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{path}",
            path.len()
        );
        let said = match repeats {
            Repeats::AtOnce => answer.repeat(2),
            Repeats::After(_) => answer.clone(),
            Repeats::WhenAskedAgain => owed.take().unwrap_or_default() + &answer,
        };
        if writer
            .lock()
            .await
            .write_all(said.as_bytes())
            .await
            .is_err()
        {
            return;
        }
        match repeats {
            Repeats::AtOnce => {}
            Repeats::After(delay) => {
                let writer = Arc::clone(&writer);
                tokio::spawn(async move {
                    tokio::time::sleep(delay).await;
                    let _ = writer.lock().await.write_all(answer.as_bytes()).await;
                });
            }
            Repeats::WhenAskedAgain => owed = Some(answer),
        }
    }
}

async fn asked_for(reader: &mut (impl AsyncReadExt + Unpin)) -> Option<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(reader.read_u8().await.ok()?);
    }
    String::from_utf8(head)
        .unwrap()
        .split(' ')
        .nth(1)
        .map(str::to_owned)
}

/// Asks, with doubts about the answer noted under its path.
#[derive(Clone, Default)]
struct Doubts(Arc<Mutex<Vec<(String, Doubt)>>>);

impl Doubts {
    async fn ask(
        &self,
        upstream: &Upstream,
        base_url: &str,
        path: &str,
    ) -> Result<Response, Failure> {
        let (noted, name) = (Arc::clone(&self.0), path.to_owned());
        let handler =
            DoubtHandler::new(move |doubt| noted.lock().unwrap().push((name.clone(), doubt)));
        handler
            .scope(upstream.send(Request::get(uri(base_url, path))))
            .await
    }

    fn noted(&self) -> Vec<(String, Doubt)> {
        self.0.lock().unwrap().clone()
    }

    /// Waits until these are noted.
    async fn include(&self, expected: &[(&str, Doubt)]) {
        let expected = expected
            .iter()
            .map(|(path, doubt)| ((*path).to_owned(), *doubt));
        let noted = async {
            while !expected.clone().all(|doubt| self.noted().contains(&doubt)) {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        let in_time = tokio::time::timeout(Duration::from_secs(20), noted).await;
        assert!(in_time.is_ok(), "{:?}", self.noted());
    }
}

#[tokio::test]
async fn an_answer_repeated_a_millisecond_late_is_taken_for_no_other() {
    let (base_url, connections) = repeating(Repeats::After(Duration::from_millis(1))).await;
    let (upstream, doubts) = (open(&base_url, ""), Doubts::default());
    let asked = stream::iter(0..3000).map(|number| {
        let (upstream, base_url, doubts) = (&upstream, &base_url, &doubts);
        async move {
            let path = format!("/{number}");
            let answer = doubts.ask(upstream, base_url, &path).await.unwrap();
            (answer.body != path).then_some(path)
        }
    });
    let wrong: Vec<_> = asked
        .buffer_unordered(8)
        .filter_map(async |wrong| wrong)
        .collect()
        .await;
    // A repetition that a busy machine makes later than a connection rests may still be taken for
    // the next answer. It is taken back at once.
    assert!(wrong.len() <= 3, "{wrong:?}");
    for path in wrong {
        doubts.include(&[(&path, Doubt::Misplaced)]).await;
    }
    // Connections do not serve twice, and what came over each is taken back.
    assert!(connections.load(Ordering::SeqCst) >= 2990);
    let noted = async {
        while doubts.noted().len() < 2990 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), noted)
        .await
        .unwrap();
}

#[tokio::test]
async fn bytes_behind_an_answer_close_the_connection_and_take_it_back() {
    let (base_url, connections) = repeating(Repeats::AtOnce).await;
    let (upstream, doubts) = (open(&base_url, ""), Doubts::default());
    for (path, expected) in [("/a", 1), ("/b", 2)] {
        assert_eq!(
            doubts.ask(&upstream, &base_url, path).await.unwrap().body,
            path
        );
        rest().await;
        assert_eq!(connections.load(Ordering::SeqCst), expected);
    }
    doubts
        .include(&[("/a", Doubt::Surplus), ("/b", Doubt::Surplus)])
        .await;
}

#[tokio::test]
async fn bytes_on_an_idle_connection_close_it_and_take_back_what_came_last() {
    let (base_url, connections) = repeating(Repeats::After(Duration::from_secs(10))).await;
    let (upstream, doubts) = (open(&base_url, ""), Doubts::default());
    for path in ["/a", "/b"] {
        assert_eq!(
            doubts.ask(&upstream, &base_url, path).await.unwrap().body,
            path
        );
        rest().await;
    }
    assert_eq!(connections.load(Ordering::SeqCst), 1);
    tokio::time::pause();
    tokio::time::sleep(Duration::from_secs(10)).await;
    tokio::time::resume();
    doubts.include(&[("/b", Doubt::Misplaced)]).await;
    assert_eq!(doubts.noted().len(), 1);
    assert_eq!(
        doubts.ask(&upstream, &base_url, "/c").await.unwrap().body,
        "/c"
    );
    assert_eq!(connections.load(Ordering::SeqCst), 2);
}

/// The one way that is left for an answer to be another's. It lasts until the right answer comes,
/// and comes once.
#[tokio::test]
async fn an_answer_that_came_in_the_place_of_another_is_taken_back_and_ends_reuse() {
    let (base_url, connections) = repeating(Repeats::WhenAskedAgain).await;
    let (upstream, doubts) = (open(&base_url, ""), Doubts::default());
    assert_eq!(
        doubts.ask(&upstream, &base_url, "/a").await.unwrap().body,
        "/a"
    );
    rest().await;
    assert_eq!(
        doubts.ask(&upstream, &base_url, "/b").await.unwrap().body,
        "/a"
    );
    doubts.include(&[("/b", Doubt::Misplaced)]).await;
    for (path, expected) in [("/c", 2), ("/d", 3), ("/e", 4)] {
        assert_eq!(
            doubts.ask(&upstream, &base_url, path).await.unwrap().body,
            path
        );
        rest().await;
        assert_eq!(connections.load(Ordering::SeqCst), expected);
    }
}

#[tokio::test]
async fn without_keep_alive_no_connection_serves_twice() {
    let (base_url, connections) = repeating(Repeats::WhenAskedAgain).await;
    let upstream = open(&base_url, "keep_alive = false");
    for path in ["/a", "/b", "/c"] {
        assert_eq!(
            upstream
                .send(Request::get(uri(&base_url, path)))
                .await
                .unwrap()
                .body,
            path
        );
        rest().await;
    }
    assert_eq!(connections.load(Ordering::SeqCst), 3);
    let server = silent().await;
    open(&server.base_url(), "keep_alive = false")
        .send(Request::get(uri(&server.base_url(), "/x")))
        .await
        .unwrap();
    assert_eq!(server.requests()[0].header("connection"), Some("close"));
}

#[tokio::test]
async fn what_changes_something_has_a_connection_that_nothing_was_asked_on() {
    let (base_url, connections) = repeating(Repeats::WhenAskedAgain).await;
    let upstream = open(&base_url, "");
    upstream
        .send(Request::get(uri(&base_url, "/a")))
        .await
        .unwrap();
    rest().await;
    assert_eq!(
        upstream
            .send(Request::delete(uri(&base_url, "/b")))
            .await
            .unwrap()
            .body,
        "/b"
    );
    assert_eq!(connections.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn what_is_no_answer_takes_back_the_one_before() {
    let server = silent().await;
    let (upstream, doubts, base_url) = (
        open(&server.base_url(), ""),
        Doubts::default(),
        server.base_url(),
    );
    assert!(doubts.ask(&upstream, &base_url, "/a").await.is_ok());
    rest().await;
    assert!(doubts.ask(&upstream, &base_url, "/b").await.is_ok());
    assert!(doubts.noted().is_empty());

    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base_url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        for said in [
            "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}",
            "surplus\r\n\r\n",
        ] {
            asked_for(&mut stream).await;
            stream.write_all(said.as_bytes()).await.unwrap();
        }
    });
    let upstream = open(&base_url, "");
    assert!(doubts.ask(&upstream, &base_url, "/a").await.is_ok());
    rest().await;
    let failure = doubts.ask(&upstream, &base_url, "/b").await.err();
    assert_eq!(failure, Some(BadAnswer::NotHttp.into()));
    doubts.include(&[("/a", Doubt::Surplus)]).await;
}

#[tokio::test]
async fn an_end_that_was_announced_casts_no_doubt() {
    let server = silent().await;
    let (upstream, doubts, base_url) = (
        open(&server.base_url(), ""),
        Doubts::default(),
        server.base_url(),
    );
    for fault in [
        Fault::Answer(Said::empty(204).with_header("connection", "close")),
        Fault::Truncate,
        Fault::Reset,
        Fault::HangUp,
    ] {
        let _ = doubts.ask(&upstream, &base_url, "/a").await;
        rest().await;
        server.next(fault);
        let _ = doubts.ask(&upstream, &base_url, "/b").await;
        rest().await;
    }
    server.stop();
    rest().await;
    assert!(doubts.noted().is_empty());
}
