use std::fmt;

/// Of what a token has not enough for a policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Lacking {
    pub(crate) scope: bool,
    pub(crate) role: bool,
    pub(crate) aud: bool,
}

/// `scope`, `role` and `aud`, separated by commas.
impl fmt::Display for Lacking {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { scope, role, aud } = *self;
        let lacking = [("scope", scope), ("role", role), ("aud", aud)];
        let words: Vec<_> = lacking.into_iter().filter_map(|(word, lacks)| lacks.then_some(word)).collect();
        f.write_str(&words.join(","))
    }
}
