use std::borrow::Cow;

use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

/// What an answer says of an active token, as far as policies and identity headers need it. What is unknown is
/// empty.
///
/// It is read again from the body that was written for `/introspect`: to keep it apart for each token would
/// cost every cache more memory than to read it costs those who ask here.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Claims<'a> {
    #[serde(borrow)]
    pub(crate) sub: Cow<'a, str>,
    #[serde(borrow)]
    pub(crate) client_id: Cow<'a, str>,
    #[serde(borrow)]
    pub(crate) username: Cow<'a, str>,
    /// Separated by single spaces.
    #[serde(borrow)]
    pub(crate) scope: Cow<'a, str>,
    #[serde(borrow, deserialize_with = "list")]
    pub(crate) roles: Vec<Cow<'a, str>>,
    #[serde(borrow, deserialize_with = "one_or_list")]
    pub(crate) aud: Vec<Cow<'a, str>>,
    #[serde(borrow)]
    pub(crate) provider: Cow<'a, str>,
    #[serde(borrow)]
    pub(crate) jti: Cow<'a, str>,
    pub(crate) exp: Option<i64>,
}

impl<'a> Claims<'a> {
    /// From the body of an answer. `None` where it is none of ours.
    pub(crate) fn read(body: &'a [u8]) -> Option<Self> {
        serde_json::from_slice(body).ok()
    }
}

/// A list of strings. Anything else under this name is a server's own member, and means nothing here.
fn list<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Cow<'de, str>>, D::Error> {
    Ok(texts(<&RawValue>::deserialize(deserializer)?.get()).unwrap_or_default())
}

/// RFC 7662 `aud`: one string stands for a list of one.
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
