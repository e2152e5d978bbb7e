//! Protected resource metadata (RFC 9728) in refusals, over HTTP and gRPC alike.

use introspectd_tests::EDGE_SECRET;

use crate::differential::{forward_auth, is_the_same};
use crate::envoy::{Client, ENOUGH, Form, Harness};

const SECTIONS: &str = r#"
[providers.idp]
kind = "rfc7662"
introspection_endpoint = "http://127.0.0.1:9/introspect"
credentials = { type = "none" }
match = { prefix = "idp_" }
issuer = "https://idp.example"
[policies.api]
resource = "https://api.example/orders"
provider = ["idp"]
unavailable = 401
"#;

const POINTER: &str =
    "resource_metadata=\"https://api.example/.well-known/oauth-protected-resource/orders\"";

#[tokio::test]
async fn each_401_points_to_the_metadata_both_ways() {
    let harness = Harness::open_at(r#"["127.0.0.1:0"]"#, SECTIONS).await;
    let envoy = harness.envoy().await;
    let callers = [format!("Bearer {EDGE_SECRET}")];
    let invalid = format!("Bearer error=\"invalid_token\", {POINTER}");
    for (client, challenge) in [
        (Client::default(), format!("Bearer {POINTER}")),
        (Client::showing("a b"), invalid.clone()),
        // Of a provider that the policy does not name.
        (Client::showing(ENOUGH), invalid),
        // Its provider cannot be reached.
        (Client::showing("idp_x"), format!("Bearer {POINTER}")),
    ] {
        let reply = forward_auth(&harness, &callers, Some("api"), &client).await;
        assert_eq!(reply.status, 401, "{client:?}");
        assert_eq!(reply.header("www-authenticate"), Some(&*challenge));
        for form in [Form::Raw, Form::Plain] {
            let response = envoy.check_as(&callers, Some("api"), &client, form).await;
            is_the_same(&reply, response, &format!("{client:?} {form:?}"));
        }
    }
}
