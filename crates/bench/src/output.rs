//! Output: results on standard output, everything else on standard error.

use std::io::{self, Write};

/// A line on standard output. A reader who has gone away (`| head`) is no error.
pub(crate) fn say(line: &str) {
    let _ = writeln!(io::stdout(), "{line}");
}

/// Beside the output: how far we are.
pub(crate) fn remark(line: &str) {
    let _ = writeln!(io::stderr(), "{line}");
}

/// Prints a failure.
pub(crate) fn complain(what: &str) {
    remark(&format!("introspectd-bench: {what}"));
}
