//! Output: results on standard output, everything else on standard error.

use std::io::{self, Write};

/// A line on standard output. A reader who has gone away (`| head`) is no error.
pub(crate) fn say(line: &str) {
    let _ = writeln!(io::stdout(), "{line}");
}

/// Beside the output: how far we are.
pub(crate) fn print_status(line: &str) {
    let _ = writeln!(io::stderr(), "{line}");
}

/// Prints a failure.
pub(crate) fn print_error(what: &str) {
    print_status(&format!("introspectd-bench: {what}"));
}
