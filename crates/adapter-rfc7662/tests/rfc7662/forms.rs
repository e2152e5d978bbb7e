//! Forms of introspection and revocation.

use introspectd_core::{Provider as _, TokenValue};

use crate::harness::{Provider, Server, read};

const NONE: &str = "credentials = { type = \"none\" }\nretry = \"off\"\n";

#[tokio::test]
async fn parameters_follow_the_token_in_each_form() {
    let server = Server::start().await;
    let url = server.base_url();
    let toml = format!(
        "introspection_endpoint = \"{url}/i\"\nrevocation_endpoint = \"{url}/r\"\n{NONE}\
         parameters = {{ resource = \"https://api.example/?a=b\", tenant = \"ä\" }}\n"
    );
    let provider = Provider::new(&toml);
    assert!(provider.is_active().await);
    let token = TokenValue::parse("t".to_owned()).unwrap();
    let revocation = provider.rfc7662.revocation().unwrap();
    revocation.revoke(&token).await.unwrap();
    let expected = b"token=t&resource=https%3A%2F%2Fapi.example%2F%3Fa%3Db&tenant=%C3%A4";
    let requests = server.requests();
    assert_eq!(requests.len(), 2);
    assert!(requests.iter().all(|request| request.body == expected));
}

#[test]
fn parameters_that_are_sent_already_are_refused() {
    for name in [
        "token",
        "client_id",
        "client_secret",
        "client_assertion",
        "client_assertion_type",
        "Token",
    ] {
        let endpoint = "introspection_endpoint = \"http://127.0.0.1:1/i\"\n";
        let toml = format!("{endpoint}{NONE}parameters = {{ {name} = \"x\" }}\n");
        let [problem] = &read(&toml).map(|_| ()).unwrap_err()[..] else {
            panic!("one problem")
        };
        assert_eq!(problem.key, format!("parameters.{name}"));
        assert_eq!(problem.what, "is a field of each request already");
        assert!(!problem.remedy.is_empty());
    }
}
