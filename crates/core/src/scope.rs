use std::collections::BTreeSet;
use std::fmt;

/// Scope-token of RFC 6749 section 3.3: printable ASCII without space, `"` and `\`.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Scope(Box<str>);

impl Scope {
    /// Parses one scope-token; `None` for any other text.
    pub fn parse(text: &str) -> Option<Self> {
        let is_token = !text.is_empty()
            && text
                .bytes()
                .all(|byte| matches!(byte, 0x21 | 0x23..=0x5b | 0x5d..=0x7e));
        is_token.then(|| Self(text.into()))
    }

    /// Returns the scope-token as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns true if this granted scope covers `required`: the same scope, or a grant that ends
    /// in `.*` and a scope below its prefix (`iam.mfa.*` covers `iam.mfa.totp`, not `iam.mfa`).
    ///
    /// No other form of a grant is a pattern, and a required scope never is.
    pub fn covers(&self, required: &Self) -> bool {
        covers(&self.0, &required.0)
    }

    /// Returns true if any scope of a `scope` string, separated by single spaces, covers this one.
    pub fn is_covered_by(&self, granted: &str) -> bool {
        granted.split(' ').any(|granted| covers(granted, &self.0))
    }
}

fn covers(granted: &str, required: &str) -> bool {
    if granted == required {
        return true;
    }
    let Some(prefix) = granted
        .strip_suffix(".*")
        .filter(|prefix| !prefix.is_empty())
    else {
        return false;
    };
    let below = required
        .strip_prefix(prefix)
        .and_then(|rest| rest.strip_prefix('.'));
    below.is_some_and(|below| !below.is_empty())
}

impl fmt::Debug for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Scopes in the order in which they were granted, each once.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct ScopeSet(Vec<Scope>);

impl ScopeSet {
    /// Collects scope-tokens. Any other text (with a space, a quote, a letter beyond ASCII) is left
    /// out: a `scope` string would turn it into another scope.
    pub fn from_tokens<'a>(tokens: impl IntoIterator<Item = &'a str>) -> Self {
        let mut scopes = Vec::new();
        let mut seen = BTreeSet::new();
        for token in tokens {
            if let Some(scope) = Scope::parse(token)
                && seen.insert(token)
            {
                scopes.push(scope);
            }
        }
        Self(scopes)
    }

    /// Parses the space-separated `scope` string of RFC 6749 section 3.3.
    pub fn from_spaced(text: &str) -> Self {
        Self::from_tokens(text.split_ascii_whitespace())
    }

    /// Returns true if there are no scopes.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Iterates over the scopes in their order.
    pub fn iter(&self) -> impl Iterator<Item = &Scope> {
        self.0.iter()
    }

    /// Returns true if any granted scope covers `required`.
    pub fn covers(&self, required: &Scope) -> bool {
        self.0.iter().any(|granted| granted.covers(required))
    }

    /// Keeps the scopes for which `keep` returns true.
    pub(crate) fn retain(&mut self, keep: impl Fn(&str) -> bool) {
        self.0.retain(|scope| keep(scope.as_str()));
    }

    /// Approximate heap size in bytes.
    pub fn size(&self) -> usize {
        self.0
            .iter()
            .map(|scope| size_of::<Scope>() + scope.0.len())
            .sum()
    }
}

impl fmt::Display for ScopeSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, scope) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str(" ")?;
            }
            f.write_str(scope.as_str())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn scope(text: &str) -> Scope {
        Scope::parse(text).unwrap()
    }

    #[test]
    fn order_is_kept_and_duplicates_are_dropped() {
        assert_eq!(ScopeSet::from_spaced(" b  a b\ta ").to_string(), "b a");
    }

    #[test]
    fn invalid_scope_tokens_are_left_out() {
        let scopes = ScopeSet::from_tokens([
            "read",
            "a admin",
            "",
            "quo\"te",
            "l\u{e9}ger",
            "line\nbreak",
        ]);
        assert_eq!(scopes.to_string(), "read");
    }

    #[test]
    fn trailing_wildcard_covers_scopes_below_it_only() {
        let granted = scope("iam.mfa.*");
        for covered in ["iam.mfa.totp", "iam.mfa.totp.enroll", "iam.mfa.*"] {
            assert!(granted.covers(&scope(covered)), "{covered}");
        }
        for other in [
            "iam.mfa",
            "iam.mfa.",
            "iam.mfax",
            "iam.mfax.y",
            "iam",
            "iam.*",
            "*",
            "iamXmfa.totp",
        ] {
            assert!(!granted.covers(&scope(other)), "{other}");
        }
    }

    #[test]
    fn other_stars_are_literal() {
        for granted in ["*", ".*", "iam*", "iam.*.get", "*.get"] {
            assert!(!scope(granted).covers(&scope("iam.users.get")), "{granted}");
            assert!(!scope(granted).covers(&scope(".iam")), "{granted}");
        }
    }

    proptest! {
        #[test]
        fn grant_without_wildcard_covers_only_itself(
            granted in "[a-z.]{1,12}",
            required in "[a-z.*]{1,12}",
        ) {
            prop_assert_eq!(scope(&granted).covers(&scope(&required)), granted == required);
        }

        #[test]
        fn scope_sets_round_trip_as_text(text in "\\PC{0,80}") {
            let set = ScopeSet::from_spaced(&text);
            prop_assert_eq!(ScopeSet::from_spaced(&set.to_string()), set);
        }
    }
}
