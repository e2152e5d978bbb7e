use std::future::{Ready, ready};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONNECTION, CONTENT_LENGTH, DATE, HeaderName, HeaderValue};
use http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;

use super::Reply;
use crate::answer::{Endpoint, token};
use crate::failure::{Failure, Result, Tried};

/// HTTP itself: hyper, and one constant decision, whose headers it has from the server at this
/// port.
pub(super) fn service(
    port: u16,
) -> Result<impl Fn(Request<Incoming>) -> Ready<Reply> + Clone + Send + 'static> {
    let (status, headers, body) = decision(port)?;
    Ok(move |_| {
        let mut reply = Response::new(Full::new(body.clone()));
        *reply.status_mut() = status;
        *reply.headers_mut() = headers.clone();
        ready(reply)
    })
}

/// Decision about one token, without the headers that hyper writes by itself.
fn decision(port: u16) -> Result<(StatusCode, HeaderMap, Bytes)> {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).tried("cannot connect")?;
    stream
        .set_read_timeout(Some(Duration::from_secs(5)))
        .tried("a socket")?;
    let request = String::from_utf8(Endpoint::ForwardAuth.about(&token("m00000000", 0)))
        .tried("a request")?;
    let closing = request.replacen("\r\n", "\r\nConnection: close\r\n", 1);
    stream.write_all(closing.as_bytes()).tried("cannot ask")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).tried("no answer")?;
    let broken = || Failure::new(format!("no decision: {answer}"));
    let (head, body) = answer.split_once("\r\n\r\n").ok_or_else(broken)?;
    let (first, rest) = head.split_once("\r\n").ok_or_else(broken)?;
    let status = first
        .split(' ')
        .nth(1)
        .and_then(|status| status.parse().ok())
        .ok_or_else(broken)?;
    let mut headers = HeaderMap::new();
    for line in rest.lines() {
        let (name, value) = line.split_once(": ").ok_or_else(broken)?;
        let name = name.parse::<HeaderName>().tried("a header")?;
        if ![CONNECTION, CONTENT_LENGTH, DATE].contains(&name) {
            headers.append(name, value.parse::<HeaderValue>().tried("a header")?);
        }
    }
    Ok((status, headers, Bytes::from(body.to_owned())))
}
