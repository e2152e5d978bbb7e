use std::borrow::Cow;
use std::collections::HashMap;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use regex::Regex;
use serde::Deserialize;

/// Rule that recognizes a provider's tokens.
#[derive(Debug, Clone)]
pub enum Match {
    /// Prefix of the token.
    Prefix(String),
    /// Expression that the token matches, anywhere unless anchored.
    Regex(Regex),
    /// `iss` in the payload of a JWT. Read without trust: it only chooses the provider to ask.
    JwtIssuer(String),
}

/// Route of a token that no rule matches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unmatched {
    /// No provider: the token is inactive.
    Reject,
    /// Provider of this name.
    Provider(introspectd_core::ProviderName),
    /// Every provider, which shows the token to servers that are not its own.
    AskAll,
}

/// Routes from tokens to the places of providers in the table.
#[derive(Debug)]
pub(crate) struct Router {
    issuers: HashMap<String, usize>,
    /// Longest first.
    prefixes: Vec<(String, usize)>,
    regexes: Vec<(Regex, usize)>,
    unmatched: Routed,
}

/// Rule that decided a token's route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rule<'a> {
    /// `iss` of its payload.
    JwtIssuer(&'a str),
    /// Prefix of the token.
    Prefix(&'a str),
    /// Expressions that the token matches, one of each provider.
    Regex,
    /// `[routing] unmatched`, since no rule matches.
    Unmatched,
    /// Name in the request, of a provider without a rule or among those that the token is routed
    /// to.
    Named,
}

/// Places of providers in the table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Routed {
    Nowhere,
    One(usize),
    /// Asked concurrently.
    Several(Vec<usize>),
}

impl Router {
    pub(crate) fn new<'a>(
        matches: impl Iterator<Item = Option<&'a Match>>,
        unmatched: Routed,
    ) -> Self {
        let mut router = Self {
            issuers: HashMap::new(),
            prefixes: Vec::new(),
            regexes: Vec::new(),
            unmatched,
        };
        for (place, matching) in matches.enumerate() {
            match matching {
                None => {}
                Some(Match::JwtIssuer(issuer)) => {
                    router.issuers.insert(issuer.clone(), place);
                }
                Some(Match::Prefix(prefix)) => router.prefixes.push((prefix.clone(), place)),
                Some(Match::Regex(regex)) => router.regexes.push((regex.clone(), place)),
            }
        }
        router
            .prefixes
            .sort_by_key(|(prefix, _)| std::cmp::Reverse(prefix.len()));
        router
    }

    /// Routes by the issuer of a JWT before the longest prefix before the expressions, and returns
    /// the rule that decided.
    #[inline]
    pub(crate) fn route_by(&self, token: &str) -> (Rule<'_>, Routed) {
        if !self.issuers.is_empty()
            && let Some((issuer, place)) =
                jwt_issuer(token).and_then(|iss| self.issuers.get_key_value(&*iss))
        {
            return (Rule::JwtIssuer(issuer), Routed::One(*place));
        }
        let mut prefixes = self.prefixes.iter();
        if let Some((prefix, place)) =
            prefixes.find(|(prefix, _)| token.starts_with(prefix.as_str()))
        {
            return (Rule::Prefix(prefix), Routed::One(*place));
        }
        let mut fitting = self
            .regexes
            .iter()
            .filter(|(regex, _)| regex.is_match(token))
            .map(|(_, place)| *place);
        match (fitting.next(), fitting.next()) {
            (None, _) => (Rule::Unmatched, self.unmatched.clone()),
            (Some(one), None) => (Rule::Regex, Routed::One(one)),
            (Some(one), Some(two)) => (
                Rule::Regex,
                Routed::Several([one, two].into_iter().chain(fitting).collect()),
            ),
        }
    }
}

impl Routed {
    pub(crate) fn contains(&self, place: usize) -> bool {
        match self {
            Self::Nowhere => false,
            Self::One(one) => *one == place,
            Self::Several(several) => several.contains(&place),
        }
    }

    pub(crate) fn places(&self) -> &[usize] {
        match self {
            Self::Nowhere => &[],
            Self::One(one) => std::slice::from_ref(one),
            Self::Several(several) => several,
        }
    }

    pub(crate) fn retain(self, keep: impl Fn(usize) -> bool) -> Self {
        match self {
            Self::One(one) if keep(one) => Self::One(one),
            Self::Nowhere | Self::One(_) => Self::Nowhere,
            Self::Several(several) => {
                let kept: Vec<_> = several.into_iter().filter(|place| keep(*place)).collect();
                match *kept.as_slice() {
                    [] => Self::Nowhere,
                    [one] => Self::One(one),
                    _ => Self::Several(kept),
                }
            }
        }
    }
}

/// Reads `iss` of an RFC 7519 token: three segments, the second one the claims. A token of five
/// segments is encrypted, or no JWT at all, and has no readable issuer.
fn jwt_issuer(token: &str) -> Option<String> {
    #[derive(Deserialize)]
    struct Claims<'a> {
        #[serde(borrow)]
        iss: Cow<'a, str>,
    }
    let mut segments = token.split('.');
    let (Some(_), Some(claims), Some(_), None) = (
        segments.next(),
        segments.next(),
        segments.next(),
        segments.next(),
    ) else {
        return None;
    };
    let claims = URL_SAFE_NO_PAD.decode(claims).ok()?;
    let claims: Claims<'_> = serde_json::from_slice(&claims).ok()?;
    Some(claims.iss.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn jwt(claims: &str) -> String {
        format!("eyJhbGciOiJub25lIn0.{}.sig", URL_SAFE_NO_PAD.encode(claims))
    }

    fn route(router: &Router, token: &str) -> Routed {
        router.route_by(token).1
    }

    fn router(matches: &[Match]) -> Router {
        Router::new(matches.iter().map(Some), Routed::Nowhere)
    }

    fn regex(text: &str) -> Match {
        Match::Regex(Regex::new(text).unwrap())
    }

    #[test]
    fn issuer_before_prefix_before_regex() {
        let router = router(&[
            regex("."),
            Match::Prefix("ey".to_owned()),
            Match::JwtIssuer("https://sso.example".to_owned()),
        ]);
        assert_eq!(
            route(&router, &jwt(r#"{"iss":"https://sso.example"}"#)),
            Routed::One(2)
        );
        assert_eq!(
            route(&router, &jwt(r#"{"iss":"https://other.example"}"#)),
            Routed::One(1)
        );
        assert_eq!(route(&router, "opaque"), Routed::One(0));
    }

    #[test]
    fn the_longest_prefix_wins() {
        let router = router(&[
            Match::Prefix("T1".to_owned()),
            Match::Prefix("T1am".to_owned()),
        ]);
        assert_eq!(route(&router, "T1amGT21"), Routed::One(1));
        assert_eq!(route(&router, "T1x"), Routed::One(0));
        assert_eq!(route(&router, "t1am"), Routed::Nowhere);
    }

    #[test]
    fn all_fitting_regexes_are_asked() {
        let router = router(&[regex("^a"), regex("b$"), regex("^x")]);
        assert_eq!(route(&router, "ab"), Routed::Several(vec![0, 1]));
        assert_eq!(route(&router, "a"), Routed::One(0));
        assert_eq!(route(&router, "c"), Routed::Nowhere);
    }

    #[test]
    fn the_rule_is_that_of_the_route() {
        let issuer = Match::JwtIssuer("https://sso.example".to_owned());
        let router = router(&[issuer, Match::Prefix("T1".to_owned()), regex("^a")]);
        for (token, rule) in [
            (
                jwt(r#"{"iss":"https://sso.example"}"#).as_str(),
                Rule::JwtIssuer("https://sso.example"),
            ),
            ("T1x", Rule::Prefix("T1")),
            ("ab", Rule::Regex),
            ("b", Rule::Unmatched),
        ] {
            assert_eq!(router.route_by(token).0, rule);
        }
    }

    #[test]
    fn malformed_jwt_has_no_issuer() {
        let claims = URL_SAFE_NO_PAD.encode(r#"{"iss":"i"}"#);
        let five = format!("a.{claims}.c.d.e");
        let padded = format!("a.{claims}==.c");
        for text in [
            "a.b",
            "a.b.c",
            "...",
            five.as_str(),
            padded.as_str(),
            &jwt("{}"),
            &jwt(r#"{"iss":7}"#),
            &jwt(r#"{"iss":"a","iss":"b"}"#),
            &jwt("[\"i\"]x"),
        ] {
            assert_eq!(jwt_issuer(text), None, "{text}");
        }
        assert_eq!(
            jwt_issuer(&jwt(r#"{"iss":"i\u0020j","x":1}"#)).as_deref(),
            Some("i j")
        );
    }

    #[test]
    fn any_token_goes_where_its_rule_says() {
        let issuer = "https://sso.example";
        let router = router(&[
            Match::JwtIssuer(issuer.to_owned()),
            Match::Prefix("\u{e9}".to_owned()),
            regex("x"),
        ]);
        let ours = jwt(&format!(r#"{{"iss":"{issuer}","x":[1]}}"#));
        let seeds = [
            ours.as_bytes(),
            b"a.eyJpc3MiOiJ4In0.c",
            "\u{e9}x".as_bytes(),
        ];
        introspectd_fuzz::check!(&seeds, |bytes: &[u8]| {
            let token = String::from_utf8_lossy(bytes);
            let (rule, routed) = router.route_by(&token);
            let place = match rule {
                Rule::JwtIssuer(found) => {
                    assert_eq!((found, token.split('.').count()), (issuer, 3));
                    Routed::One(0)
                }
                Rule::Prefix(prefix) => {
                    assert!(token.starts_with(prefix));
                    Routed::One(1)
                }
                Rule::Regex => {
                    assert!(token.contains('x'));
                    Routed::One(2)
                }
                Rule::Unmatched | Rule::Named => {
                    assert!(!token.starts_with('\u{e9}') && !token.contains('x'));
                    Routed::Nowhere
                }
            };
            assert_eq!(routed, place);
        });
    }
}
