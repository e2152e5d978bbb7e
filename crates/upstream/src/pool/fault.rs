use std::error::Error;
use std::io::{self, ErrorKind};
use std::iter;

use introspectd_core::{BadAnswer, Failure, Outage};

use crate::reason;

/// Returns true if the other end closed the connection without an answer. A repetition is useful
/// then, and not after a silence.
pub(super) fn is_close(error: &hyper::Error) -> bool {
    let closed = [
        ErrorKind::ConnectionReset,
        ErrorKind::ConnectionAborted,
        ErrorKind::BrokenPipe,
        ErrorKind::UnexpectedEof,
        ErrorKind::NotConnected,
    ];
    error.is_closed()
        || error.is_canceled()
        || error.is_incomplete_message()
        || causes(error).any(|cause| {
            cause
                .downcast_ref()
                .is_some_and(|error: &io::Error| closed.contains(&error.kind()))
        })
}

/// Returns true where an HTTP/2 server says that it has not processed the request (RFC 9113 section
/// 8.7).
pub(super) fn is_refused_stream(error: &hyper::Error) -> bool {
    causes(error)
        .filter_map(|cause| cause.downcast_ref::<h2::Error>())
        .any(|error| {
            error.is_remote()
                && (error.is_go_away() || error.reason() == Some(h2::Reason::REFUSED_STREAM))
        })
}

fn causes<'a>(error: &'a hyper::Error) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    iter::successors(error.source(), |&cause: &&'a (dyn Error + 'static)| {
        cause.source()
    })
}

/// Returns the failure that an error before the response's head means.
pub(super) fn failure(error: &hyper::Error) -> Failure {
    let is_parse =
        |cause: &(dyn Error + 'static)| cause.downcast_ref().is_some_and(hyper::Error::is_parse);
    if error.is_parse() || causes(error).any(is_parse) {
        return BadAnswer::NotHttp.into();
    }
    for error in causes(error).filter_map(|cause| cause.downcast_ref::<io::Error>()) {
        if error.kind() == ErrorKind::TimedOut {
            return Failure::Timeout;
        }
        if let Some(reason) = reason::of_reset(error) {
            return Failure::outage(Outage::Unreachable(reason));
        }
    }
    Failure::outage(Outage::Closed)
}
