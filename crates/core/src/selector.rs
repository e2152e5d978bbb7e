use crate::{ProviderName, Selection, TokenId, TokenValue};

/// Facts that a purge covers, as a value that can be compared, remembered and sent to another
/// replica.
///
/// A fact without a record (of a token that its provider does not know) has no subject, client or
/// record id. Only its token, its provider and [`Target::All`] select it: any other purge would
/// drop unrelated facts, so that each revocation repeated the requests for all unknown tokens.
#[derive(Debug, Clone)]
pub struct Selector {
    /// Token, record, subject, client or provider of the facts.
    pub target: Target,
    /// Providers whose facts are selected; for a confined caller those that it may see.
    pub providers: Selection<ProviderName>,
}

/// Property that the facts of a purge share.
#[derive(Debug, Clone)]
pub enum Target {
    /// Token, at any provider.
    Token(TokenValue),
    /// Record of a provider: looked up by its id, or by any token with it as `jti`.
    Record {
        /// Provider that has the record.
        provider: ProviderName,
        /// Id of the record.
        id: TokenId,
    },
    /// Facts of tokens with this RFC 7662 `sub`.
    Subject(String),
    /// Facts of tokens with this RFC 7662 `client_id`.
    Client(String),
    /// Every fact of one provider.
    Provider(ProviderName),
    /// Every fact of every provider.
    All,
}

impl Selector {
    /// Selects these facts at all providers.
    pub fn new(target: Target) -> Self {
        Self {
            target,
            providers: Selection::All,
        }
    }

    /// Selects the facts of a provider's record, by its id and by its tokens.
    pub fn of_record(id: &TokenId, provider: &ProviderName) -> Self {
        Self::new(Target::Record {
            provider: provider.clone(),
            id: id.clone(),
        })
    }

    /// Restricts the selection to these providers.
    #[must_use]
    pub fn within(self, providers: Selection<ProviderName>) -> Self {
        Self { providers, ..self }
    }

    /// Returns true if a fact of this provider can be selected.
    pub fn may_mean(&self, provider: &ProviderName) -> bool {
        let is_named = match &self.target {
            Target::Record {
                provider: named, ..
            }
            | Target::Provider(named) => named == provider,
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
    fn confinement_narrows_every_target() {
        let id = TokenId::parse("id".to_owned()).unwrap();
        let token = TokenValue::parse("token".to_owned()).unwrap();
        for (target, at_a, at_b) in [
            (Target::Token(token), true, true),
            (
                Target::Record {
                    provider: name("a"),
                    id,
                },
                true,
                false,
            ),
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
    fn debug_hides_the_token() {
        let token = TokenValue::parse("the-secret".to_owned()).unwrap();
        assert!(!format!("{:?}", Selector::new(Target::Token(token))).contains("the-secret"));
    }
}
