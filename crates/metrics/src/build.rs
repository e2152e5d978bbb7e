use std::fmt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;

use crate::family::gauge;

/// Version and revision of the program.
#[derive(Debug, Clone, Copy)]
pub struct BuildInfo {
    /// Version of the package.
    pub version: &'static str,
    /// Commit that it was built from; `unknown` if the build did not say.
    pub revision: &'static str,
}

impl Collector for BuildInfo {
    fn encode(&self, mut to: DescriptorEncoder<'_>) -> fmt::Result {
        let labels = [("version", self.version), ("revision", self.revision)];
        gauge(
            &mut to,
            "introspectd_build_info",
            "Version and revision of the program; always 1",
            [(labels, 1_u64)],
        )
    }
}
