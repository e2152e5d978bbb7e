use super::*;
use introspectd_core::{Expiry, ScopeSet, Status};
use serde_json::json;

fn rendered(token: &Token) -> String {
    rendered_in(None, token)
}

fn rendered_in(state: Option<State>, token: &Token) -> String {
    let provider = ProviderName::parse("bank").unwrap();
    serde_json::to_string(&Record { provider: &provider, token, state }).unwrap()
}

#[test]
fn what_is_unknown_is_absent() {
    let mut token = Token::new(Status::Good, Expiry::Never);
    token.aud = Some(Audience::Many(Vec::new()));
    assert_eq!(rendered(&token), r#"{"active":true,"provider":"bank"}"#);
}

#[test]
fn every_member_has_its_name_and_type() {
    let mut token = Token::new(Status::Good, Expiry::At(Timestamp::from_seconds(200).unwrap()));
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
    token.extensions =
        json!({"provider": "evil", "roles": "admin", "x": null}).as_object().unwrap().clone().into();
    assert_eq!(rendered(&token), r#"{"active":true,"provider":"bank","roles":"admin","x":null}"#);
    token.roles = vec!["clerk".to_owned()];
    assert_eq!(rendered(&token).matches("roles").count(), 1);
}

#[test]
fn a_state_stands_in_place_of_active() {
    let mut token = Token::new(Status::Good, Expiry::Never);
    token.extensions = json!({"state": "evil", "x": 1}).as_object().unwrap().clone().into();
    assert_eq!(
        rendered_in(Some(State::NotYetValid), &token),
        r#"{"state":"not_yet_valid","provider":"bank","x":1}"#
    );
    assert_eq!(rendered(&token), r#"{"active":true,"provider":"bank","state":"evil","x":1}"#);
}
