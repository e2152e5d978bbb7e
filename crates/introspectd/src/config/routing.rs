use introspectd_core::ProviderName;
use introspectd_resolver::Unmatched;
use introspectd_settings::Section;

use super::nearest;

pub(super) fn read(root: &mut Section, providers: &[ProviderName]) -> Unmatched {
    let mut routing = root.section("routing");
    let words = || {
        ["reject", "ask-all"]
            .into_iter()
            .chain(providers.iter().map(ProviderName::as_str))
    };
    let unmatched = match routing.text_or("unmatched", "reject").as_str() {
        "reject" => Some(Unmatched::Reject),
        "ask-all" => Some(Unmatched::AskAll),
        name => {
            let provider = providers.iter().find(|provider| provider.as_str() == name);
            if provider.is_none() {
                routing.problem("unmatched", "is not a provider", nearest(name, words()));
            }
            provider.cloned().map(Unmatched::Provider)
        }
    };
    routing.finish();
    unmatched.unwrap_or(Unmatched::Reject)
}
