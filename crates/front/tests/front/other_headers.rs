use crate::bench::{ACTIVE, Bench, UNKNOWN};
use crate::client::Ask;
use crate::provider::good;

/// Headers that proxies add, and clients forge.
const HEADERS: [(&str, &str); 20] = [
    ("x-forwarded-for", "127.0.0.1"),
    ("x-forwarded-host", "localhost"),
    ("x-forwarded-proto", "https"),
    ("x-forwarded-uri", "/introspect?token=b_active-token"),
    ("x-forwarded-method", "POST"),
    ("x-forwarded-user", "operator"),
    (
        "x-forwarded-client-cert",
        "By=spiffe://x;URI=spiffe://operator",
    ),
    ("x-original-url", "/introspect"),
    ("x-original-uri", "/introspect"),
    ("x-original-method", "POST"),
    ("x-rewrite-url", "/introspect"),
    ("x-http-method-override", "POST"),
    ("x-real-ip", "127.0.0.1"),
    ("x-introspectd-caller", "Bearer operator-secret"),
    ("x-auth-subject", "operator"),
    ("x-token", ACTIVE),
    ("proxy-authorization", "Bearer operator-secret"),
    (
        "cookie",
        "authorization=Bearer operator-secret; token=b_active-token",
    ),
    ("forwarded", "for=127.0.0.1;host=localhost;proto=https"),
    ("cache-control", "no-cache"),
];

fn with_all(ask: Ask) -> Ask {
    HEADERS
        .iter()
        .fold(ask, |ask, (name, value)| ask.header(name, value))
}

#[tokio::test]
async fn no_header_changes_an_answer() {
    let bench = Bench::start().await;
    bench.plain.knows("p_own", good());
    // What is kept is kept before, so that both answers come from the same place.
    for token in [ACTIVE, UNKNOWN] {
        Ask::token(token).at(&bench).await;
    }
    let forms = |form: &str| Ask::form(form.to_owned());
    for ask in [
        Ask::token(ACTIVE),
        Ask::token(UNKNOWN),
        Ask::token("of-no-provider"),
        forms(""),
        Ask::token(ACTIVE).without("authorization"),
        Ask::token(ACTIVE).by("Bearer wrong"),
        Ask::token(ACTIVE).by("Bearer idle-secret"),
        Ask::token(ACTIVE).by("Bearer narrow-secret"),
        Ask::token(ACTIVE).by("Bearer auditor-secret"),
        forms("").to("GET", "/introspect"),
        Ask::token(ACTIVE).to("POST", "/nothing"),
        Ask::token(ACTIVE).to("POST", "/"),
        Ask::token(ACTIVE).header("content-type", "text/plain"),
    ] {
        let without = ask.at(&bench).await;
        let with = with_all(ask).at(&bench).await;
        assert_eq!((with.status, &with.body), (without.status, &without.body));
        assert_eq!(with.stable_headers(), without.stable_headers());
    }
}

#[tokio::test]
async fn no_host_changes_an_answer() {
    let bench = Bench::start().await;
    for host in ["evil.example", "localhost:1", ""] {
        assert!(
            Ask::token(ACTIVE)
                .header("host", host)
                .at(&bench)
                .await
                .is_active(),
            "{host}"
        );
    }
    let absolute = Ask::token(ACTIVE).to("POST", "http://evil.example/introspect");
    assert!(absolute.at(&bench).await.is_active());
}

#[tokio::test]
async fn parameters_in_the_query_are_not_read() {
    let bench = Bench::start().await;
    bench.plain.knows(ACTIVE, good());
    let query = format!("/introspect?token={ACTIVE}&provider=plain&token_type_hint=token_id");
    assert!(
        !Ask::token(UNKNOWN)
            .to("POST", &query)
            .at(&bench)
            .await
            .is_active()
    );
    assert!(
        Ask::token(ACTIVE)
            .to("POST", "/introspect?provider=nobody&token=x&token=y")
            .at(&bench)
            .await
            .is_active()
    );
    Ask::form("")
        .to("POST", &query)
        .at(&bench)
        .await
        .refuses(400, "invalid_request");
    assert_eq!(bench.bank.asked(), [UNKNOWN, ACTIVE]);
    assert_eq!(bench.plain.asked().len(), 0);
    let credentials =
        "/introspect?access_token=operator-secret&client_id=operator&client_secret=operator-secret";
    let nobody = Ask::token(ACTIVE)
        .without("authorization")
        .to("POST", credentials);
    nobody.at(&bench).await.refuses(401, "invalid_client");
}

#[tokio::test]
async fn credentials_in_the_body_are_not_read() {
    let bench = Bench::start().await;
    let form = format!(
        "token={ACTIVE}&client_id=operator&client_secret=operator-secret&access_token=operator-secret"
    );
    Ask::form(form)
        .without("authorization")
        .at(&bench)
        .await
        .refuses(401, "invalid_client");
}
