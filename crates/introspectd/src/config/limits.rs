use introspectd_settings::Section;

/// `[limits]`: what the front protects itself by.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Connections that are open at once, over all listeners but admin.
    pub connections: u32,
}

impl Limits {
    pub(super) fn read(root: &mut Section) -> Self {
        let mut section = root.section("limits");
        let connections = section.number("connections", 16_384, 1..=1_000_000);
        section.finish();
        Self { connections }
    }
}
