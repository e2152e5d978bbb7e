//! Faults between a vendor and its client.

use std::time::Duration;

use crate::{Answer, Pieces};

/// Reaction to a request in place of the vendor's normal response.
#[derive(Clone, Debug)]
pub enum Fault {
    /// Waits this long, then gives the normal answer.
    Delay(Duration),
    /// Exactly this answer. The vendor is not asked.
    Answer(Answer),
    /// Closes the connection without an answer.
    HangUp,
    /// Resets the connection (TCP RST) without an answer.
    Reset,
    /// Never answers. Ends with the connection.
    Hang,
    /// The normal answer's status, headers and Content-Length, the first half of its body, then the
    /// end of the connection. A 204 becomes a 200.
    Truncate,
    /// A 200 `application/json` body of this many bytes, without Content-Length: an object with one
    /// long string. At least the 13 bytes that such an object takes.
    Oversize(usize),
    /// A 200 `application/json` with this body, without Content-Length.
    Pieces(Pieces),
}
