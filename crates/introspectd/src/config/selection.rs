use introspectd_core::ProviderName;
use introspectd_service::Selection;
use introspectd_settings::Section;

use super::nearest;

/// Reads a list of providers' names.
pub(super) fn read_providers(
    section: &mut Section,
    key: &str,
    providers: &[ProviderName],
) -> Selection<ProviderName> {
    match read(
        section,
        key,
        "provider",
        &providers.iter().map(ProviderName::as_str),
    ) {
        Selection::All => Selection::All,
        // Unknown names have been reported.
        Selection::Only(names) => Selection::Only(
            names
                .iter()
                .filter_map(|name| ProviderName::parse(name).ok())
                .collect(),
        ),
    }
}

/// Reads a list of known names; `"*"` or an absent key selects all. `kind` is the noun for
/// problems.
pub(super) fn read<'a>(
    section: &mut Section,
    key: &str,
    kind: &str,
    known: &(impl Iterator<Item = &'a str> + Clone),
) -> Selection<String> {
    let Some(words) = section.texts(key) else {
        section.note_default(key, "[\"*\"]");
        return Selection::All;
    };
    for word in words
        .iter()
        .filter(|word| *word != "*" && !known.clone().any(|name| name == *word))
    {
        section.item_problem(
            key,
            word,
            format!("{word:?} is not a known {kind}"),
            nearest(word, known.clone()),
        );
    }
    if words.iter().any(|word| word == "*") {
        Selection::All
    } else {
        Selection::Only(words.into_iter().collect())
    }
}
