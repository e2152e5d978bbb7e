use std::fmt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;

use crate::family::counter;

/// Numbers of lines of the audit log so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Lines {
    /// Lines that were written.
    pub written: u64,
    /// Lines that could not be written.
    pub lost: u64,
}

/// Metrics of the audit log. Without one both numbers are zero.
pub struct AuditLines(pub Box<dyn Fn() -> Lines + Send + Sync>);

impl Collector for AuditLines {
    fn encode(&self, mut to: DescriptorEncoder<'_>) -> fmt::Result {
        let Lines { written, lost } = (self.0)();
        counter(
            &mut to,
            "introspectd_audit_lines",
            "Lines of the audit log, by outcome",
            [("written", written), ("lost", lost)]
                .map(|(word, lines)| ([("outcome", word)], lines)),
        )
    }
}

impl fmt::Debug for AuditLines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuditLines").finish_non_exhaustive()
    }
}
