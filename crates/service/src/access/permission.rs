use std::collections::BTreeSet;

use introspectd_core::{ProviderName, Selection};

use crate::refusal::CallerFault;

/// Permission for an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Permission {
    /// Introspect tokens, and decide about them.
    Introspect,
    /// Look records up by token id.
    Lookup,
    /// List records.
    List,
    /// Revoke tokens.
    Revoke,
    /// Purge the cache.
    Purge,
    /// Explain answers.
    Explain,
    /// Bind tokens to token ids.
    Bind,
    /// Issue tokens.
    Issue,
}

/// Permissions of a caller: for operations, within providers and policies.
#[derive(Debug, Clone)]
pub struct Permissions {
    /// Operations.
    pub operations: BTreeSet<Permission>,
    /// Providers whose tokens it may see.
    pub providers: Selection<ProviderName>,
    /// Names of the policies that it may have tokens judged by.
    pub policies: Selection<String>,
}

impl Permission {
    /// All permissions, in the order of the documentation.
    pub const ALL: [Self; 8] = [
        Self::Introspect,
        Self::Lookup,
        Self::List,
        Self::Revoke,
        Self::Purge,
        Self::Explain,
        Self::Bind,
        Self::Issue,
    ];

    /// Returns the name in the configuration.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Introspect => "introspect",
            Self::Lookup => "lookup",
            Self::List => "list",
            Self::Revoke => "revoke",
            Self::Purge => "purge",
            Self::Explain => "explain",
            Self::Bind => "bind",
            Self::Issue => "issue",
        }
    }
}

impl Permissions {
    /// Permits these operations at every provider, by every policy.
    pub fn of(operations: impl IntoIterator<Item = Permission>) -> Self {
        Self {
            operations: operations.into_iter().collect(),
            providers: Selection::All,
            policies: Selection::All,
        }
    }

    /// Checks that one of these operations is permitted.
    ///
    /// # Errors
    /// [`CallerFault::AccessDenied`] if none of them is.
    pub fn must_have(&self, any_of: &[Permission]) -> Result<(), CallerFault> {
        let has_one = any_of
            .iter()
            .any(|operation| self.operations.contains(operation));
        if has_one {
            Ok(())
        } else {
            Err(CallerFault::AccessDenied)
        }
    }

    /// Returns true if the caller may see this provider's tokens.
    pub fn may_ask(&self, provider: &ProviderName) -> bool {
        self.providers.contains(provider)
    }

    /// Returns true if the caller may have tokens judged by the policy of this name.
    pub fn may_use(&self, policy: &str) -> bool {
        self.policies.contains(policy)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn permissions_have_the_names_of_the_configuration() {
        let names = Permission::ALL.map(Permission::as_str);
        let expected = [
            "introspect",
            "lookup",
            "list",
            "revoke",
            "purge",
            "explain",
            "bind",
            "issue",
        ];
        assert_eq!(names, expected);
    }
}
