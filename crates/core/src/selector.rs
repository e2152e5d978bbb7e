use crate::{ProviderName, Selection, TokenId, TokenValue};

/// Facts that a purge means: a value, so that it can be compared, remembered and sent to another replica.
///
/// A fact without a record (its provider does not know the token) has no subject, client or record. It is meant
/// by its token, by its provider and by [`Target::All`] only: any other purge would remove what cannot be about
/// it, and each revocation would have every unknown token asked about again.
#[derive(Debug, Clone)]
pub struct Selector {
    /// What the facts are about.
    pub target: Target,
    /// Providers whose facts are meant; for a confined caller those that it may see.
    pub providers: Selection<ProviderName>,
}

/// What the facts that a purge means are about.
#[derive(Debug, Clone)]
pub enum Target {
    /// The token, at whichever provider.
    Token(TokenValue),
    /// A provider's record: asked about by its id, or by any token whose `jti` it is.
    Record {
        /// Provider that has the record.
        provider: ProviderName,
        /// The record's id.
        id: TokenId,
    },
    /// Tokens of this RFC 7662 `sub`.
    Subject(String),
    /// Tokens of this RFC 7662 `client_id`.
    Client(String),
    /// Every fact of one provider.
    Provider(ProviderName),
    /// Every fact.
    All,
}

impl Selector {
    /// Selects these facts at all providers.
    pub fn new(target: Target) -> Self {
        Self { target, providers: Selection::All }
    }

    /// Leaves out what is of other providers than these.
    #[must_use]
    pub fn within(self, providers: Selection<ProviderName>) -> Self {
        Self { providers, ..self }
    }

    /// Whether any fact of this provider can be meant.
    pub fn may_mean(&self, provider: &ProviderName) -> bool {
        let is_named = match &self.target {
            Target::Record { provider: named, .. } | Target::Provider(named) => named == provider,
            Target::Token(_) | Target::Subject(_) | Target::Client(_) | Target::All => true,
        };
        is_named && self.providers.contains(provider)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> ProviderName {
        ProviderName::parse(text).unwrap()
    }

    #[test]
    fn a_selection_of_providers_narrows_every_target_and_widens_none() {
        let id = TokenId::parse("id".to_owned()).unwrap();
        let token = TokenValue::parse("token".to_owned()).unwrap();
        for (target, at_a, at_b) in [
            (Target::Token(token), true, true),
            (Target::Record { provider: name("a"), id }, true, false),
            (Target::Subject("s".to_owned()), true, true),
            (Target::Client("c".to_owned()), true, true),
            (Target::Provider(name("b")), false, true),
            (Target::All, true, true),
        ] {
            let open = Selector::new(target);
            let may_mean = |selector: &Selector| ["a", "b"].map(|it| selector.may_mean(&name(it)));
            assert_eq!(may_mean(&open), [at_a, at_b], "{open:?}");
            let confined = open.clone().within(Selection::Only([name("b")].into()));
            assert_eq!(may_mean(&confined), [false, at_b], "{confined:?}");
        }
    }

    #[test]
    fn a_selector_does_not_print_its_token() {
        let token = TokenValue::parse("the-secret".to_owned()).unwrap();
        assert!(!format!("{:?}", Selector::new(Target::Token(token))).contains("the-secret"));
    }
}
