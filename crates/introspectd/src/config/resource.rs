use std::collections::HashMap;

use introspectd_core::{ProviderName, Selection};
use introspectd_front::PublicUrl;
use introspectd_service::Resource;
use introspectd_settings::Section;

use super::providers::Providers;

/// Paths of resources, with the policy of each.
pub(super) type Taken = HashMap<String, String>;

const KEY: &str = "resource";
const REMEDY: &str = "Write the URL that clients know it by, such as \
    \"https://api.example/orders\"; http is for loopback only.";

/// Reads `resource` of a policy that accepts tokens of these providers.
pub(super) fn read(
    section: &mut Section,
    accepted: &Selection<ProviderName>,
    providers: &Providers,
    taken: &mut Taken,
) -> Option<Resource> {
    let (identifier, origin, path) = section.parsed(KEY, REMEDY, parse)?;
    let policy = section.path().to_owned();
    if let Some(other) = taken.insert(path.clone(), policy) {
        let what = format!("has the path of {other}'s resource, too");
        let remedy = "Give each resource a path of its own: by it the metadata is found.";
        section.problem(KEY, what, remedy);
    }
    Some(Resource {
        identifier,
        path,
        origin,
        authorization_servers: issuers(section, accepted, providers),
    })
}

/// Splits a URL into itself, its origin, and its path. Both are used as they are written, since
/// clients compare them (RFC 9728 section 3.3).
fn parse(text: &str) -> Result<(String, String, String), String> {
    PublicUrl::parse(text).map_err(|invalid| invalid.to_string())?;
    let (scheme, rest) = text.split_once("://").unwrap_or_default();
    let (authority, path) = match rest.find('/') {
        Some(place) => rest.split_at(place),
        None => (rest, ""),
    };
    if path.split('/').any(|segment| matches!(segment, "." | "..")) {
        return Err("has a dot segment, which is resolved on the way".to_owned());
    }
    if !path.bytes().all(is_of_path) {
        return Err("has a character that a path cannot hold".to_owned());
    }
    let path = if path == "/" { "" } else { path };
    let origin = format!("{scheme}://{authority}");
    Ok((text.to_owned(), origin, path.to_owned()))
}

/// Returns true for `pchar` of RFC 3986, and the slash.
fn is_of_path(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"/-._~%!$&'()*+,;=:@".contains(&byte)
}

/// Lists the issuers of the accepted providers. One without would leave clients of the resource
/// without a way to its tokens.
fn issuers(
    section: &Section,
    accepted: &Selection<ProviderName>,
    providers: &Providers,
) -> Vec<String> {
    let mut issuers = Vec::new();
    let of_policy = providers.valid.iter();
    for provider in of_policy.filter(|provider| accepted.contains(provider.name())) {
        let name = provider.name();
        match provider
            .issuer()
            .map(|issuer| (issuer, PublicUrl::parse(issuer)))
        {
            Some((issuer, Ok(_))) if issuers.iter().any(|known| known == issuer) => {}
            Some((issuer, Ok(_))) => issuers.push(issuer.to_owned()),
            Some((_, Err(invalid))) => {
                let what = format!("would name the issuer of providers.{name}, which {invalid}");
                let remedy = "Write the URL of its metadata as its issuer, or name other \
                    providers: provider = [\"…\"].";
                section.problem(KEY, what, remedy);
            }
            None => {
                let what = format!("cannot name providers.{name}, which has no issuer");
                let remedy = format!(
                    "Write issuer = \"https://…\" in [providers.{name}], or name other providers: \
                        provider = [\"…\"]."
                );
                section.problem(KEY, what, remedy);
            }
        }
    }
    if providers.names.is_empty() {
        let remedy = "Configure a provider, or leave the key out.";
        section.problem(KEY, "has no provider whose tokens it accepts", remedy);
    }
    issuers
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Config;
    use introspectd_settings::Environment;

    fn provider(name: &str, more: &str) -> String {
        format!(
            "[providers.{name}]\nkind = \"rfc7662\"\nintrospection_endpoint = \
             \"https://as.example/i\"\ncredentials = {{ type = \"none\" }}\n{more}\n"
        )
    }

    fn policy(name: &str, keys: &str) -> String {
        format!("[policies.{name}]\n{keys}\n")
    }

    fn problems(toml: &str) -> String {
        let config = Config::parse(toml, "x.toml", &Environment::new());
        config.map_or_else(|problems| problems.to_string(), |_| String::new())
    }

    #[test]
    fn metadata_is_between_origin_and_path() {
        for (text, expected) in [
            ("https://a.example", "https://a.example|"),
            ("https://a.example/", "https://a.example|"),
            ("https://a.example:8443/o", "https://a.example:8443|/o"),
            ("https://a.example/o/%7Ex/", "https://a.example|/o/%7Ex/"),
            ("http://127.0.0.1:80/mcp", "http://127.0.0.1:80|/mcp"),
            ("http://[::1]/mcp", "http://[::1]|/mcp"),
        ] {
            let (identifier, origin, path) = parse(text).unwrap();
            assert_eq!(identifier, text);
            assert_eq!(format!("{origin}|{path}"), expected);
        }
    }

    #[test]
    fn resource_that_clients_could_not_find_is_refused() {
        for (text, problem) in [
            ("api.example/orders", "is not a scheme, a host"),
            ("https://api.example/orders?x=1", "is not a scheme, a host"),
            ("https://api.example/orders#x", "is not a scheme, a host"),
            ("https://u@api.example", "is not a scheme, a host"),
            ("http://api.example/orders", "is plain http"),
            ("https://api.example/a/../b", "has a dot segment"),
            ("https://api.example/a\\\"b", "resource"),
        ] {
            let issuer = "issuer = \"https://as.example\"";
            let policy = policy("a", &format!("resource = \"{text}\""));
            let problems = problems(&format!("{policy}{}", provider("sso", issuer)));
            assert!(problems.contains(problem), "{text}: {problems}");
        }
    }

    #[test]
    fn each_accepted_provider_needs_an_issuer() {
        let good = provider("sso", "issuer = \"https://as.example/\"");
        let (plain, odd) = (provider("x", ""), provider("y", "issuer = \"corp\""));
        let resource = "resource = \"https://api.example\"\n";
        let all = policy("a", resource);
        assert_eq!(problems(&format!("{all}{good}")), "");
        let without = problems(&format!("{all}{good}{plain}"));
        assert!(without.contains("cannot name providers.x"), "{without}");
        let without = problems(&format!("{all}{good}{odd}"));
        assert!(without.contains("the issuer of providers.y"), "{without}");
        let named = policy("a", &format!("{resource}provider = [\"sso\"]"));
        assert_eq!(problems(&format!("{named}{good}{plain}{odd}")), "");
        assert!(problems(&all).contains("has no provider"));
    }

    #[test]
    fn two_resources_have_two_paths() {
        let resource = |name, url| policy(name, &format!("resource = \"{url}\""));
        let good = provider("sso", "issuer = \"https://as.example\"");
        let (one, same, other) = (
            resource("a", "https://a.example/x"),
            resource("b", "https://b.example/x"),
            resource("b", "https://a.example/y"),
        );
        let twice = problems(&format!("{good}{one}{same}"));
        assert!(twice.contains("has the path of policies.a's"), "{twice}");
        assert_eq!(problems(&format!("{good}{one}{other}")), "");
    }
}
