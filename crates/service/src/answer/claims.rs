use std::borrow::Cow;

use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

/// Claims of a token that policies and identity headers need. An unknown one is empty.
///
/// They are read from the body that is kept for `/introspect`: a copy of their own would cost every
/// cache more memory than reading them costs.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Claims<'a> {
    /// `sub`.
    #[serde(borrow)]
    pub sub: Cow<'a, str>,
    /// `client_id`.
    #[serde(borrow)]
    pub client_id: Cow<'a, str>,
    /// `username`.
    #[serde(borrow)]
    pub username: Cow<'a, str>,
    /// Scopes, separated by single spaces.
    #[serde(borrow)]
    pub scope: Cow<'a, str>,
    /// Roles, in the order of the provider.
    #[serde(borrow, deserialize_with = "list")]
    pub roles: Vec<Cow<'a, str>>,
    /// Audiences.
    #[serde(borrow, deserialize_with = "one_or_list")]
    pub aud: Vec<Cow<'a, str>>,
    /// Name of the provider.
    #[serde(borrow)]
    pub provider: Cow<'a, str>,
    /// `jti`.
    #[serde(borrow)]
    pub jti: Cow<'a, str>,
    /// Expiry in seconds since 1970.
    pub exp: Option<i64>,
}

impl<'a> Claims<'a> {
    /// Reads them from the body of an answer; `None` if it is not one of ours.
    pub fn read(body: &'a [u8]) -> Option<Self> {
        serde_json::from_slice(body).ok()
    }
}

/// Reads a list of strings. Any other value is a server's own member without meaning here.
fn list<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Cow<'de, str>>, D::Error> {
    Ok(texts(<&RawValue>::deserialize(deserializer)?.get()).unwrap_or_default())
}

/// Reads RFC 7662 `aud`: a string is a list of one.
fn one_or_list<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Cow<'de, str>>, D::Error> {
    let json = <&RawValue>::deserialize(deserializer)?.get();
    let one = || serde_json::from_str(json).ok().map(|Text(one)| vec![one]);
    Ok(texts(json).or_else(one).unwrap_or_default())
}

fn texts(json: &str) -> Option<Vec<Cow<'_, str>>> {
    let texts: Vec<Text<'_>> = serde_json::from_str(json).ok()?;
    Some(texts.into_iter().map(|Text(text)| text).collect())
}

#[derive(Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_whole_answer_is_read() {
        let body = br#"{"active":true,"scope":"a b","client_id":"c","username":"u","token_type":"Bearer","exp":200,
            "iat":1,"sub":"s\n","aud":["x","y"],"jti":"j","provider":"bank","roles":["r","t"],"details":{"sub":"other"}}"#;
        let claims = Claims::read(body).unwrap();
        assert_eq!((&*claims.sub, &*claims.client_id, &*claims.username), ("s\n", "c", "u"));
        assert_eq!((&*claims.scope, &*claims.provider, &*claims.jti), ("a b", "bank", "j"));
        assert_eq!(
            (claims.roles, claims.aud, claims.exp),
            (vec!["r".into(), "t".into()], vec!["x".into(), "y".into()], Some(200))
        );
    }

    #[test]
    fn what_is_absent_is_empty() {
        let claims = Claims::read(br#"{"active":true,"provider":"bank"}"#).unwrap();
        assert!(claims.sub.is_empty() && claims.scope.is_empty() && claims.exp.is_none());
        assert!(claims.roles.is_empty() && claims.aud.is_empty());
    }

    #[test]
    fn roles_of_another_type_are_none() {
        for roles in ["\"admin\"", "[\"admin\",1]", "{\"admin\":true}", "null", "[[\"admin\"]]"] {
            let body = format!("{{\"roles\":{roles}}}");
            assert!(Claims::read(body.as_bytes()).unwrap().roles.is_empty(), "{roles}");
        }
    }

    #[test]
    fn one_audience_is_a_list_of_one() {
        assert_eq!(Claims::read(br#"{"aud":"x"}"#).unwrap().aud, ["x"]);
    }
}
