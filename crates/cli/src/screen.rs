//! JSON at a terminal: a line for each member, and no control characters.

use std::io::{self, IsTerminal};

use introspectd_core::text::{harmless, indented};

use super::{Stopped, say};

/// Prints JSON unchanged, or, at a terminal, indented and [`harmless`].
pub fn say_json(body: &[u8]) -> Result<(), Stopped> {
    let body = String::from_utf8_lossy(body);
    if io::stdout().is_terminal() {
        say(&harmless(&indented(&body)))
    } else {
        say(&body)
    }
}
