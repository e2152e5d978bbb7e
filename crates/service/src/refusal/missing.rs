use std::fmt;

/// Policy requirements that a token does not meet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Missing {
    /// Some required scope is missing.
    pub scope: bool,
    /// No required role is present.
    pub role: bool,
    /// No required audience is present.
    pub aud: bool,
}

impl Missing {
    /// Returns true if any requirement is not met.
    pub fn is_any(self) -> bool {
        let Self { scope, role, aud } = self;
        scope || role || aud
    }
}

/// Writes `scope`, `role` and `aud`, separated by commas.
impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { scope, role, aud } = *self;
        let missing = [("scope", scope), ("role", role), ("aud", aud)];
        let words: Vec<_> = missing
            .into_iter()
            .filter_map(|(word, is_missing)| is_missing.then_some(word))
            .collect();
        f.write_str(&words.join(","))
    }
}
