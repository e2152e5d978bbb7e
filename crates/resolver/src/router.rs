use std::borrow::Cow;
use std::collections::HashMap;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use regex::Regex;
use serde::Deserialize;

/// How a provider's tokens are recognized.
#[derive(Debug, Clone)]
pub enum Match {
    /// The token begins with this.
    Prefix(String),
    /// The token fits this, wherever it is not anchored.
    Regex(Regex),
    /// The token looks like a JWT, and its payload's `iss` is this. Read without trusting it: it only
    /// says whom to ask.
    JwtIssuer(String),
}

/// Where a token goes that no `match` names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unmatched {
    /// Nowhere: it is inactive.
    Reject,
    /// To the provider of this name.
    Provider(introspectd_core::ProviderName),
    /// To every provider, which shows it to servers that are not its own.
    AskAll,
}

/// Finds the providers, by their places, that a token belongs to.
#[derive(Debug)]
pub(crate) struct Router {
    issuers: HashMap<String, usize>,
    /// The longest first.
    prefixes: Vec<(String, usize)>,
    regexes: Vec<(Regex, usize)>,
    unmatched: Routed,
}

/// Why a token goes where it goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rule<'a> {
    /// Its payload's `iss` is this provider's.
    JwtIssuer(&'a str),
    /// It begins so.
    Prefix(&'a str),
    /// It fits an expression of each of these providers.
    Regex,
    /// No `match` names it: `[routing] unmatched`.
    Unmatched,
    /// The request names a provider, which has no `match` or is among those that the token goes to.
    Named,
}

/// The places of providers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Routed {
    Nobody,
    One(usize),
    /// To be asked side by side.
    Several(Vec<usize>),
}

impl Router {
    pub(crate) fn new<'a>(matches: impl Iterator<Item = Option<&'a Match>>, unmatched: Routed) -> Self {
        let mut router =
            Self { issuers: HashMap::new(), prefixes: Vec::new(), regexes: Vec::new(), unmatched };
        for (place, matching) in matches.enumerate() {
            match matching {
                None => {}
                Some(Match::JwtIssuer(issuer)) => drop(router.issuers.insert(issuer.clone(), place)),
                Some(Match::Prefix(prefix)) => router.prefixes.push((prefix.clone(), place)),
                Some(Match::Regex(regex)) => router.regexes.push((regex.clone(), place)),
            }
        }
        router.prefixes.sort_by_key(|(prefix, _)| std::cmp::Reverse(prefix.len()));
        router
    }

    /// The issuer of a JWT before the longest prefix before the regexes, and which of these it was.
    #[inline]
    pub(crate) fn route_by(&self, token: &str) -> (Rule<'_>, Routed) {
        if !self.issuers.is_empty()
            && let Some((issuer, place)) = jwt_issuer(token).and_then(|iss| self.issuers.get_key_value(&*iss))
        {
            return (Rule::JwtIssuer(issuer), Routed::One(*place));
        }
        let mut prefixes = self.prefixes.iter();
        if let Some((prefix, place)) = prefixes.find(|(prefix, _)| token.starts_with(prefix.as_str())) {
            return (Rule::Prefix(prefix), Routed::One(*place));
        }
        let mut fitting =
            self.regexes.iter().filter(|(regex, _)| regex.is_match(token)).map(|(_, place)| *place);
        match (fitting.next(), fitting.next()) {
            (None, _) => (Rule::Unmatched, self.unmatched.clone()),
            (Some(one), None) => (Rule::Regex, Routed::One(one)),
            (Some(one), Some(two)) => {
                (Rule::Regex, Routed::Several([one, two].into_iter().chain(fitting).collect()))
            }
        }
    }
}

impl Routed {
    pub(crate) fn contains(&self, place: usize) -> bool {
        match self {
            Self::Nobody => false,
            Self::One(one) => *one == place,
            Self::Several(several) => several.contains(&place),
        }
    }

    pub(crate) fn places(&self) -> &[usize] {
        match self {
            Self::Nobody => &[],
            Self::One(one) => std::slice::from_ref(one),
            Self::Several(several) => several,
        }
    }

    pub(crate) fn retain(self, keep: impl Fn(usize) -> bool) -> Self {
        match self {
            Self::One(one) if keep(one) => Self::One(one),
            Self::Nobody | Self::One(_) => Self::Nobody,
            Self::Several(several) => {
                let kept: Vec<_> = several.into_iter().filter(|place| keep(*place)).collect();
                match *kept.as_slice() {
                    [] => Self::Nobody,
                    [one] => Self::One(one),
                    _ => Self::Several(kept),
                }
            }
        }
    }
}

/// RFC 7519: three segments, the second one the claims. A token of five segments is encrypted, or no
/// JWT at all: it has no issuer that could be read.
fn jwt_issuer(token: &str) -> Option<String> {
    #[derive(Deserialize)]
    struct Claims<'a> {
        #[serde(borrow)]
        iss: Cow<'a, str>,
    }
    let mut segments = token.split('.');
    let (Some(_), Some(claims), Some(_), None) =
        (segments.next(), segments.next(), segments.next(), segments.next())
    else {
        return None;
    };
    let claims = URL_SAFE_NO_PAD.decode(claims).ok()?;
    let claims: Claims<'_> = serde_json::from_slice(&claims).ok()?;
    Some(claims.iss.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn jwt(claims: &str) -> String {
        format!("eyJhbGciOiJub25lIn0.{}.sig", URL_SAFE_NO_PAD.encode(claims))
    }

    fn route(router: &Router, token: &str) -> Routed {
        router.route_by(token).1
    }

    fn router(matches: &[Match]) -> Router {
        Router::new(matches.iter().map(Some), Routed::Nobody)
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
        assert_eq!(route(&router, &jwt(r#"{"iss":"https://sso.example"}"#)), Routed::One(2));
        assert_eq!(route(&router, &jwt(r#"{"iss":"https://other.example"}"#)), Routed::One(1));
        assert_eq!(route(&router, "opaque"), Routed::One(0));
    }

    #[test]
    fn the_longest_prefix_wins() {
        let router = router(&[Match::Prefix("T1".to_owned()), Match::Prefix("T1am".to_owned())]);
        assert_eq!(route(&router, "T1amGT21"), Routed::One(1));
        assert_eq!(route(&router, "T1x"), Routed::One(0));
        assert_eq!(route(&router, "t1am"), Routed::Nobody);
    }

    #[test]
    fn all_fitting_regexes_are_asked() {
        let router = router(&[regex("^a"), regex("b$"), regex("^x")]);
        assert_eq!(route(&router, "ab"), Routed::Several(vec![0, 1]));
        assert_eq!(route(&router, "a"), Routed::One(0));
        assert_eq!(route(&router, "c"), Routed::Nobody);
    }

    #[test]
    fn the_rule_is_that_of_the_route() {
        let issuer = Match::JwtIssuer("https://sso.example".to_owned());
        let router = router(&[issuer, Match::Prefix("T1".to_owned()), regex("^a")]);
        for (token, rule) in [
            (jwt(r#"{"iss":"https://sso.example"}"#).as_str(), Rule::JwtIssuer("https://sso.example")),
            ("T1x", Rule::Prefix("T1")),
            ("ab", Rule::Regex),
            ("b", Rule::Unmatched),
        ] {
            assert_eq!(router.route_by(token).0, rule);
        }
    }

    #[test]
    fn what_only_looks_like_a_jwt_has_no_issuer() {
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
        assert_eq!(jwt_issuer(&jwt(r#"{"iss":"i\u0020j","x":1}"#)).as_deref(), Some("i j"));
    }

    proptest! {
        #[test]
        fn no_token_makes_it_panic(token in "\\PC{0,80}|[A-Za-z0-9_.-]{0,80}") {
            let router = router(&[Match::JwtIssuer("x".to_owned()), Match::Prefix("\u{e9}".to_owned()), regex("x")]);
            router.route_by(&token);
        }
    }
}
