//! Providers whose endpoints are yet to be found, beside others.

use introspectd_simulators::{Fault, Simulator, rfc7662};
use introspectd_tests::{Fixture, Gateway, Rfc7662, now};
use serde_json::json;

#[tokio::test]
async fn provider_without_metadata_is_failing_while_the_others_serve() {
    let server = Simulator::start(Rfc7662::server(now())).await.unwrap();
    let silent = Simulator::start(Rfc7662::server(now())).await.unwrap();
    silent.always(Fault::Hang);
    let (section, issuer) = (Rfc7662::section(&server.base_url()), silent.base_url());
    let gateway = Gateway::start(&format!(
        r#"
        [routing]
        unmatched = "good"

        [providers.good]
        {section}

        [providers.lost]
        kind        = "rfc7662"
        issuer      = "{issuer}"
        discover    = true
        timeout     = "100ms"
        credentials = {{ type = "none" }}
        match       = {{ prefix = "lost-" }}
        "#
    ))
    .await;
    let lost = gateway.post_introspect(&[("token", "lost-1")]).await;
    assert_eq!(lost.status, 503);
    assert_eq!(lost.json()["error"], json!("temporarily_unavailable"));
    let good = gateway.post_introspect(&[("token", rfc7662::ACTIVE)]).await;
    assert_eq!(good.json()["active"], json!(true));
    let posts = silent.requests().into_iter();
    assert_eq!(posts.filter(|request| request.method == "POST").count(), 0);
}
