use introspectd_core::{Audience, Json, Members, ProviderName, State, Timestamp, Token};
use introspectd_resolver::Listed;
use serde::ser::{Error, SerializeMap};
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;

/// Token with its members as RFC 7662 section 2.2 and our contract name them. An unknown member is
/// absent, never null.
pub struct Record<'a> {
    /// Provider of the token.
    pub provider: &'a ProviderName,
    /// The token.
    pub token: &'a Token,
    /// State that replaces the member `active`, which is otherwise true.
    pub state: Option<State>,
}

impl Serialize for Record<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self {
            provider,
            token,
            state,
        } = self;
        let mut map = serializer.serialize_map(None)?;
        match state {
            None => map.serialize_entry("active", &true)?,
            Some(state) => map.serialize_entry("state", state.as_str())?,
        }
        if !token.scope.is_empty() {
            map.serialize_entry("scope", &token.scope.to_string())?;
        }
        for (name, text) in [
            ("client_id", &token.client_id),
            ("username", &token.username),
            ("token_type", &token.token_type),
        ] {
            entry(&mut map, name, text.as_ref())?;
        }
        for (name, time) in [("exp", token.exp()), ("iat", token.iat), ("nbf", token.nbf)] {
            entry(&mut map, name, time.map(Timestamp::seconds))?;
        }
        entry(&mut map, "sub", token.sub.as_ref())?;
        match &token.aud {
            None => {}
            Some(Audience::One(one)) => map.serialize_entry("aud", one)?,
            Some(Audience::Many(many)) => {
                entry(&mut map, "aud", (!many.is_empty()).then_some(many))?
            }
        }
        entry(&mut map, "iss", token.iss.as_ref())?;
        entry(&mut map, "jti", token.jti.as_ref())?;
        map.serialize_entry("provider", provider.as_str())?;
        let (roles, details) = (!token.roles.is_empty(), !token.details.is_empty());
        entry(&mut map, "roles", roles.then_some(&token.roles))?;
        entry(&mut map, "grant_type", token.grant_type.as_ref())?;
        entry(
            &mut map,
            "details",
            details.then_some(WrittenMembers(&token.details)),
        )?;
        let counts_down = state.is_none()
            && token.exp().is_some()
            && matches!(token.extensions.get("expires_in"), Some(Json::Number(_)));
        for (name, value) in token.extensions.iter() {
            // A name of ours is ours: written twice, a reader could take either.
            let taken = match name {
                "provider" => true,
                "state" => state.is_some(),
                "roles" => roles,
                "grant_type" => token.grant_type.is_some(),
                "details" => details,
                "expires_in" => counts_down,
                _ => false,
            };
            if !taken {
                map.serialize_entry(name, &Written(value))?;
            }
        }
        entry(&mut map, "expires_in", counts_down.then_some(0))?;
        map.end()
    }
}

impl<'a> From<&'a Listed<'a>> for Record<'a> {
    fn from(listed: &'a Listed<'a>) -> Self {
        let Listed {
            provider,
            token,
            state,
        } = listed;
        Self {
            provider,
            token,
            state: Some(*state),
        }
    }
}

/// JSON with its numbers as they were sent.
struct Written<'a>(&'a Json);

/// Members of an object, with their numbers as they were sent.
struct WrittenMembers<'a>(&'a Members);

impl Serialize for Written<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Json::Null => serializer.serialize_unit(),
            Json::Bool(flag) => serializer.serialize_bool(*flag),
            Json::Number(digits) => RawValue::from_string(String::from(&**digits))
                .map_err(Error::custom)?
                .serialize(serializer),
            Json::String(text) => serializer.serialize_str(text),
            Json::Array(items) => serializer.collect_seq(items.iter().map(Written)),
            Json::Object(members) => WrittenMembers(members).serialize(serializer),
        }
    }
}

impl Serialize for WrittenMembers<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, value)| (name, Written(value))))
    }
}

fn entry<M: SerializeMap>(
    map: &mut M,
    name: &str,
    value: Option<impl Serialize>,
) -> Result<(), M::Error> {
    match value {
        Some(value) => map.serialize_entry(name, &value),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use introspectd_core::{Expiry, ScopeSet, Status};
    use serde_json::json;

    fn rendered(token: &Token) -> String {
        rendered_in(None, token)
    }

    fn rendered_in(state: Option<State>, token: &Token) -> String {
        let provider = ProviderName::parse("bank").unwrap();
        serde_json::to_string(&Record {
            provider: &provider,
            token,
            state,
        })
        .unwrap()
    }

    #[test]
    fn what_is_unknown_is_absent() {
        let mut token = Token::new(Status::Good, Expiry::Never);
        token.aud = Some(Audience::Many(Vec::new()));
        assert_eq!(rendered(&token), r#"{"active":true,"provider":"bank"}"#);
    }

    #[test]
    fn every_member_has_its_name_and_type() {
        let mut token = Token::new(
            Status::Good,
            Expiry::At(Timestamp::from_seconds(200).unwrap()),
        );
        token.iat = Timestamp::from_seconds(100);
        token.nbf = Timestamp::from_seconds(101);
        token.scope = ScopeSet::from_spaced("b a");
        let text = |text: &str| Some(text.to_owned());
        (token.client_id, token.username, token.sub) = (text("c"), text("u"), text("s"));
        (token.iss, token.jti) = (text("i"), text("j"));
        (token.token_type, token.grant_type) = (text("Bearer"), text("password"));
        token.aud = Some(Audience::Many(vec!["x".to_owned(), "y".to_owned()]));
        token.roles = vec!["r".to_owned()];
        token.details = json!({"app": "a"}).as_object().unwrap().clone().into();
        assert_eq!(
            rendered(&token),
            concat!(
                r#"{"active":true,"scope":"b a","client_id":"c","username":"u","token_type":"Bearer","exp":200,"#,
                r#""iat":100,"nbf":101,"sub":"s","aud":["x","y"],"iss":"i","jti":"j","provider":"bank","#,
                r#""roles":["r"],"grant_type":"password","details":{"app":"a"}}"#
            )
        );
    }

    #[test]
    fn no_extension_takes_a_name_of_ours() {
        let mut token = Token::new(Status::Good, Expiry::Never);
        token.extensions = json!({"provider": "evil", "roles": "admin", "x": null})
            .as_object()
            .unwrap()
            .clone()
            .into();
        assert_eq!(
            rendered(&token),
            r#"{"active":true,"provider":"bank","roles":"admin","x":null}"#
        );
        token.roles = vec!["clerk".to_owned()];
        assert_eq!(rendered(&token).matches("roles").count(), 1);
    }

    #[test]
    fn name_that_a_server_uses_as_well_is_written_once() {
        let ends = Expiry::At(Timestamp::from_seconds(200).unwrap());
        let mut token = Token::new(Status::Good, ends);
        let theirs = json!({"expires_in": 5, "grant_type": "theirs", "details": {"a": 1}});
        token.extensions = theirs.as_object().unwrap().clone().into();
        token.grant_type = Some("password".to_owned());
        token.details = json!({"app": "a"}).as_object().unwrap().clone().into();
        assert_eq!(
            rendered(&token),
            concat!(
                r#"{"active":true,"exp":200,"provider":"bank","grant_type":"password","#,
                r#""details":{"app":"a"},"expires_in":0}"#
            )
        );
    }

    #[test]
    fn a_state_stands_in_place_of_active() {
        let mut token = Token::new(Status::Good, Expiry::Never);
        token.extensions = json!({"state": "evil", "x": 1})
            .as_object()
            .unwrap()
            .clone()
            .into();
        assert_eq!(
            rendered_in(Some(State::NotYetValid), &token),
            r#"{"state":"not_yet_valid","provider":"bank","x":1}"#
        );
        assert_eq!(
            rendered(&token),
            r#"{"active":true,"provider":"bank","state":"evil","x":1}"#
        );
    }
}
