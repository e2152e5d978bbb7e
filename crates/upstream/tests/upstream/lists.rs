//! A list of any length and what comes of it.

use std::future::pending;
use std::time::Duration;

use bytes::Bytes;
use introspectd_core::{BadAnswer, Failure, Health, Object, Outage, Unreachable};
use introspectd_simulators::{Answer as Said, Fault, Pieces, Recorded, Simulator, Vendor};
use introspectd_upstream::{Elements, List, Request, Response, Upstream};
use proptest::prelude::*;
use serde_json::json;
use tokio::io::AsyncWriteExt;
use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::exchange::raw;
use crate::grant::Provider;
use crate::provider::{authorizations, open, silent, until_deadline, uri};

const MIB: usize = 1024 * 1024;
const HEAD: &str = "HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n";

async fn begun(upstream: &Upstream, base_url: &str) -> Result<Elements, Failure> {
    match upstream
        .send(Request::get(uri(base_url, "/x")).streamed())
        .await?
        .into_list()
    {
        List::Elements(elements) => Ok(elements),
        List::Response(response) => panic!("{}", response.status),
    }
}

async fn read(base_url: &str, more: &str) -> Result<Vec<Object>, Failure> {
    let mut elements = begun(&open(base_url, more), base_url).await?;
    let mut read = Vec::new();
    while let Some(object) = elements.next::<Object>().await? {
        read.push(object);
    }
    Ok(read)
}

async fn after(fault: Fault) -> Result<Vec<Object>, Failure> {
    let server = silent().await;
    server.next(fault);
    read(&server.base_url(), "").await
}

async fn said(text: &str) -> Result<Vec<Object>, Failure> {
    after(Fault::Answer(Said::text(
        200,
        "application/json",
        text.to_owned(),
    )))
    .await
}

/// Each in a chunk of its own.
fn pieces(pieces: Vec<Vec<u8>>) -> Fault {
    Fault::Pieces(Pieces::new(move |number| {
        pieces.get(number).cloned().map(Into::into)
    }))
}

#[tokio::test]
async fn objects_come_one_by_one_to_the_arrays_end() {
    assert_eq!(said(" [] ").await, Ok(vec![]));
    let objects = said(r#"[{"a":1}, {"b":["]",{}]}]"#).await.unwrap();
    assert_eq!(json!(objects), json!([{"a": 1}, {"b": ["]", {}]}]));
}

#[tokio::test]
async fn what_is_no_array_of_objects_is_told() {
    for text in [
        "",
        "{}",
        "null",
        "<html>",
        "[",
        r#"[{"a":1}"#,
        "[{},]",
        "[1]",
        "[[]]",
        "[{}] x",
        "[{}][{}]",
    ] {
        assert_eq!(
            said(text).await,
            Err(BadAnswer::NotAnArray.into()),
            "{text}"
        );
    }
}

#[tokio::test]
async fn a_member_of_the_wrong_type_is_named() {
    #[derive(Debug, serde::Deserialize)]
    struct Record {
        #[serde(rename = "end")]
        _end: i64,
    }
    for text in [
        r#"{"end":"hunter2"}"#,
        r#"{"hunter2":1}"#,
        r#"{"end":1,"end":2}"#,
    ] {
        let server = silent().await;
        server.next(pieces(vec![format!(r#"[{{"end":1}},{text}]"#).into()]));
        let base_url = server.base_url();
        let mut elements = begun(&open(&base_url, ""), &base_url).await.unwrap();
        assert!(elements.next::<Record>().await.unwrap().is_some());
        let failure = elements.next::<Record>().await.unwrap_err();
        assert_eq!(failure, BadAnswer::member("end").into(), "{text}");
    }
}

#[tokio::test]
async fn a_list_may_be_longer_than_one_mebibyte_and_an_element_not() {
    let element = |bytes: usize| format!(r#"{{"f":"{}"}}"#, "x".repeat(bytes - 8)).into_bytes();
    let list = |largest| {
        pieces(vec![
            b"[".to_vec(),
            element(MIB),
            b",".to_vec(),
            element(largest),
            b"]".to_vec(),
        ])
    };
    assert_eq!(after(list(MIB)).await.unwrap().len(), 2);
    assert_eq!(
        after(list(MIB + 1)).await,
        Err(BadAnswer::ElementTooLarge.into())
    );
    // One that never ends is not waited for.
    let filler = Bytes::from_static(&[b'x'; 4096]);
    let endless = Pieces::new(move |number| {
        Some(if number == 0 {
            Bytes::from_static(b"[{\"f\":\"")
        } else {
            filler.clone()
        })
    });
    assert_eq!(
        after(Fault::Pieces(endless)).await,
        Err(BadAnswer::ElementTooLarge.into())
    );
}

#[tokio::test]
async fn a_list_that_breaks_off_is_no_list() {
    let array = Said::json(200, json!([{"a": 1}, {"b": 2}]));
    let server = Simulator::start(Fixed(array)).await.unwrap();
    server.next(Fault::Truncate);
    assert_eq!(
        read(&server.base_url(), "").await,
        Err(BadAnswer::Truncated.into())
    );
    let chunk = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\n[{}]\r\n";
    let base_url =
        raw(move |mut stream| async move { stream.write_all(chunk.as_bytes()).await.unwrap() });
    assert_eq!(
        read(&base_url.await, "").await,
        Err(BadAnswer::Truncated.into())
    );
    // Without a length, only the array itself tells.
    let cut = format!("{HEAD}[{{}},{{}}");
    let base_url = raw(|mut stream| async move { stream.write_all(cut.as_bytes()).await.unwrap() });
    assert_eq!(
        read(&base_url.await, "").await,
        Err(BadAnswer::NotAnArray.into())
    );
}

/// Says the same to everything.
struct Fixed(Said);

impl Vendor for Fixed {
    fn answer(&self, _: &Recorded) -> Said {
        self.0.clone()
    }
}

#[tokio::test]
async fn silence_is_a_timeout() {
    for sent in ["", "[", "[{}", "[{}]"] {
        let sent = format!("{HEAD}{sent}");
        let base_url = raw(|mut stream| async move {
            stream.write_all(sent.as_bytes()).await.unwrap();
            // From here on time passes in leaps.
            tokio::time::pause();
            pending().await
        });
        assert_eq!(read(&base_url.await, "").await, Err(Failure::Timeout));
        tokio::time::resume();
    }
}

#[tokio::test]
async fn silence_within_a_list_counts_for_health() {
    let base_url = raw(|mut stream| async move {
        stream
            .write_all(format!("{HEAD}[{{}},").as_bytes())
            .await
            .unwrap();
        pending().await
    })
    .await;
    let upstream = open(&base_url, "");
    assert_eq!(upstream.health(), Health::Unknown);
    let mut elements = begun(&upstream, &base_url).await.unwrap();
    assert_eq!(upstream.health(), Health::Good);
    assert!(elements.next::<Object>().await.unwrap().is_some());
    tokio::time::pause();
    assert_eq!(
        elements.next::<Object>().await.err(),
        Some(Failure::Timeout)
    );
    assert_eq!(upstream.health(), Health::Failing);
}

#[tokio::test]
async fn no_head_in_time_is_a_timeout_too() {
    let server = silent().await;
    server.next(Fault::Hang);
    let told = until_deadline(&server, 1, read(&server.base_url(), "")).await;
    assert_eq!(told, Err(Failure::Timeout));
}

/// Sends this every second, so many times, in time that passes in leaps.
async fn trickle(piece: &'static str, times: usize) -> String {
    raw(move |mut stream| async move {
        tokio::time::pause();
        let mut pace = tokio::time::interval(Duration::from_secs(1));
        let mut written = stream.write_all(format!("{HEAD}[{{}}").as_bytes()).await;
        for _ in 0..times {
            if written.is_err() {
                return;
            }
            pace.tick().await;
            written = stream.write_all(piece.as_bytes()).await;
        }
        let _ = stream.write_all(b"]").await;
    })
    .await
}

#[tokio::test]
async fn a_list_may_take_longer_than_the_timeout() {
    let base_url = trickle(",{}", 60).await;
    assert_eq!(
        read(&base_url, "timeout = \"30s\"").await.unwrap().len(),
        61
    );
}

#[tokio::test]
async fn a_list_ends_after_fifteen_timeouts() {
    let base_url = trickle(",{}", usize::MAX).await;
    let began = Instant::now();
    assert_eq!(
        read(&base_url, "timeout = \"30s\"").await,
        Err(Failure::Timeout)
    );
    assert!((450..460).contains(&began.elapsed().as_secs()));
}

#[tokio::test]
async fn a_list_that_nobody_reads_any_more_is_given_up() {
    let (gone, told) = oneshot::channel();
    let base_url = raw(|mut stream| async move {
        let mut written = stream.write_all(format!("{HEAD}[{{}}").as_bytes()).await;
        while written.is_ok() {
            written = stream.write_all(b",{}").await;
        }
        gone.send(()).unwrap();
    })
    .await;
    let upstream = open(&base_url, "");
    let mut elements = begun(&upstream, &base_url).await.unwrap();
    assert!(elements.next::<Object>().await.unwrap().is_some());
    drop(elements);
    told.await.unwrap();
}

#[tokio::test]
async fn other_statuses_are_screened_or_answers() {
    let server = silent().await;
    let upstream = open(&server.base_url(), "");
    let list = async |said: Said| {
        server.next(Fault::Answer(said));
        let request = Request::get(uri(&server.base_url(), "/x")).streamed();
        upstream.send(request).await.map(Response::into_list)
    };
    for (said, failure) in [
        (
            Said::redirect("http://127.0.0.1:1"),
            BadAnswer::Redirect(302).into(),
        ),
        (Said::html(401), BadAnswer::Credentials(401).into()),
        (Said::html(403), BadAnswer::Credentials(403).into()),
        (Said::html(500), BadAnswer::Status(500).into()),
        (Said::empty(503), Failure::outage(Outage::Status(503))),
    ] {
        assert_eq!(list(said).await.err(), Some(failure));
    }
    for status in [204, 400, 404] {
        match list(Said::text(status, "application/json", "[{}]"))
            .await
            .unwrap()
        {
            List::Response(response) => assert_eq!(response.status.as_u16(), status),
            List::Elements(_) => panic!("{status}"),
        }
    }
    server.stop();
    assert_eq!(
        read(&server.base_url(), "").await,
        Err(Failure::outage(Outage::Unreachable(Unreachable::Refused)))
    );
}

#[tokio::test]
async fn a_compressed_list_is_named() {
    let said = Said::text(200, "application/json", "[{}]").with_header("content-encoding", "gzip");
    assert_eq!(
        after(Fault::Answer(said)).await,
        Err(BadAnswer::Compressed.into())
    );
}

#[tokio::test]
async fn a_byte_that_is_no_utf8_is_refused_in_any_element() {
    let broken = || vec![b"[{\"a\":1},{\"b\":\"\xff\"}]".to_vec()];
    assert_eq!(
        after(pieces(broken())).await,
        Err(BadAnswer::NotUtf8.into())
    );
}

#[tokio::test]
async fn a_refused_credential_is_renewed_once() {
    let provider = Provider::start("").await;
    provider.api.next(Fault::Answer(Said::empty(401)));
    provider.api.next(pieces(vec![b"[{}]".to_vec()]));
    let mut elements = begun(&provider.upstream, &provider.api.base_url())
        .await
        .unwrap();
    assert_eq!(elements.next().await, Ok(Some(Object::new())));
    let [refused, renewed] = &authorizations(&provider.api)[..] else {
        panic!("two requests")
    };
    assert!(refused.is_some() && renewed.is_some() && refused != renewed);
    provider.api.always(Fault::Answer(Said::empty(401)));
    let failure = begun(&provider.upstream, &provider.api.base_url())
        .await
        .err();
    assert_eq!(failure, Some(BadAnswer::Credentials(401).into()));
}

#[test]
fn the_boundaries_of_chunks_mean_nothing() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let array = json!([{"a": "],\"\\ñ{"}, {}, {"b": [[{}], {"c": null}]}]);
    let expected: Vec<Object> = serde_json::from_value(array.clone()).unwrap();
    let text = array.to_string().into_bytes();
    let cuts = prop::collection::vec(0..text.len(), 0..20);
    let config = ProptestConfig {
        cases: 64,
        ..ProptestConfig::default()
    };
    proptest!(config, |(mut cuts in cuts)| {
        cuts.extend([0, text.len()]);
        cuts.sort_unstable();
        let cut = cuts.array_windows().map(|&[from, to]| text[from..to].to_vec()).collect();
        prop_assert_eq!(runtime.block_on(after(pieces(cut))).unwrap(), expected.clone());
    });
}
