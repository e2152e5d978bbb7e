use bytesize::ByteSize;
use introspectd_settings::Section;

/// `[limits]`: what the front protects itself by.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Connections that are open at once, over all listeners but admin.
    pub connections: u32,
    /// Requests in flight at once, over the same listeners.
    pub requests: u32,
    /// Head of a request, in bytes.
    pub head: usize,
}

impl Limits {
    pub(super) fn read(root: &mut Section) -> Self {
        let mut section = root.section("limits");
        let connections = section.number("connections", 16_384, 1..=1_000_000);
        let requests = section.number("requests", 8192, 1..=1_000_000);
        let head = section.size(
            "head",
            ByteSize::kib(32),
            ByteSize::kib(8)..=ByteSize::kib(128),
        );
        section.finish();
        Self {
            connections,
            requests,
            head: usize::try_from(head).unwrap_or(usize::MAX),
        }
    }
}
