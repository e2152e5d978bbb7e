//! `[listen] public_url`, from the configuration to the answer.

use http::Request;
use introspectd_tests::Gateway;

const METADATA: &str = "/.well-known/oauth-authorization-server";

#[tokio::test]
async fn configured_issuer_is_published_at_every_address() {
    let gateway = Gateway::start_bare(
        r#"
        [listen]
        api = ["127.0.0.1:0"]
        admin = ["127.0.0.1:0"]
        public_url = "https://auth.example/introspectd/"
        "#,
    )
    .await;
    let ask = async |path: &str| {
        let request = Request::get(format!("http://{}{path}", gateway.api()));
        gateway.send(request.body("".into()).unwrap()).await
    };
    for path in [METADATA.to_owned(), format!("{METADATA}/introspectd")] {
        let told = ask(&path).await.json();
        assert_eq!(told["issuer"], "https://auth.example/introspectd", "{path}");
        assert_eq!(
            told["introspection_endpoint"],
            "https://auth.example/introspectd/introspect"
        );
        assert_eq!(
            told["revocation_endpoint"],
            "https://auth.example/introspectd/revoke"
        );
    }
    for behind in [
        "/",
        "/other",
        "/introspectd/",
        "introspectd",
        "/introspectd/x",
    ] {
        assert_eq!(
            ask(&format!("{METADATA}{behind}")).await.status,
            404,
            "{behind}"
        );
    }
}
