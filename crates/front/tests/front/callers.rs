use crate::bench::{ACTIVE, Bench, EDGE_SECRET, UNKNOWN};
use crate::client::{Ask, Reply, basic};
use crate::provider::good;

#[track_caller]
fn is_challenged(reply: &Reply) {
    reply.refuses(401, "invalid_client");
    let challenges: Vec<_> = reply
        .headers
        .get_all("www-authenticate")
        .iter()
        .map(|value| value.to_str().unwrap())
        .collect();
    assert!(
        challenges
            .iter()
            .any(|challenge| challenge.starts_with("Basic realm=")),
        "{challenges:?}"
    );
    assert!(
        challenges
            .iter()
            .any(|challenge| challenge.starts_with("Bearer realm=")),
        "{challenges:?}"
    );
}

#[tokio::test]
async fn caller_authenticates_by_basic_or_bearer() {
    let bench = Bench::start().await;
    for authorization in [
        basic(&format!("edge:{EDGE_SECRET}")),
        // As RFC 6749 section 2.3.1 wants it.
        basic("edge:s3cr%3At%2F%2B+%2541"),
        basic("two+words:two%2Dwords%2Dsecret"),
        basic("two words:two-words-secret"),
        basic("two words:two-words-secret").replace("Basic", "BASIC"),
        format!("Bearer {EDGE_SECRET}"),
        "bearer operator-secret".to_owned(),
    ] {
        assert!(
            Ask::token(ACTIVE)
                .by(&authorization)
                .at(&bench)
                .await
                .is_active(),
            "{authorization}"
        );
    }
}

#[tokio::test]
async fn unknown_caller_is_challenged_and_learns_nothing() {
    let bench = Bench::start().await;
    let mut bodies = Vec::new();
    for authorization in [
        basic("edge:wrong"),
        basic("edge:"),
        basic("edge"),
        basic("nobody:operator-secret"),
        basic("sidecar:"),
        basic(":operator-secret"),
        basic("edge:s3cr:t/+ A"),
        "Basic".to_owned(),
        "Basic ????".to_owned(),
        "Bearer".to_owned(),
        "Bearer wrong".to_owned(),
        "Bearer edge".to_owned(),
        "Digest operator-secret".to_owned(),
        "operator-secret".to_owned(),
        String::new(),
    ] {
        let reply = Ask::token(ACTIVE).by(&authorization).at(&bench).await;
        is_challenged(&reply);
        bodies.push(reply.body);
    }
    let reply = Ask::token(ACTIVE).without("authorization").at(&bench).await;
    is_challenged(&reply);
    bodies.push(reply.body);
    bodies.dedup();
    assert_eq!(bodies.len(), 1, "a wrong secret looks like a wrong name");
    assert_eq!(bench.bank.asked().len(), 0);
}

#[tokio::test]
async fn two_credentials_are_refused() {
    let bench = Bench::start().await;
    for second in ["Bearer operator-secret", "Bearer wrong", ""] {
        is_challenged(
            &Ask::token(ACTIVE)
                .and("authorization", second)
                .at(&bench)
                .await,
        );
    }
}

#[tokio::test]
async fn caller_is_judged_before_its_request_is_read() {
    let bench = Bench::start().await;
    let huge = Ask::form("a".repeat(64 * 1024 + 1)).header("content-type", "text/plain");
    is_challenged(&huge.clone().by("Bearer wrong").at(&bench).await);
    huge.by("Bearer idle-secret")
        .at(&bench)
        .await
        .refuses(403, "access_denied");
}

#[tokio::test]
async fn the_caller_of_the_listener_wins_over_any_header() {
    let bench = Bench::start_for("sidecar").await;
    let plain = Ask::token(ACTIVE).without("authorization");
    assert!(plain.at(&bench).await.is_active());
    for authorization in ["Bearer of-a-client", "Bearer idle-secret", "Basic ????"] {
        assert!(
            plain.clone().by(authorization).at(&bench).await.is_active(),
            "{authorization}"
        );
        let twice = plain
            .clone()
            .by(authorization)
            .and("authorization", authorization);
        assert!(twice.at(&bench).await.is_active());
    }
    // The header of a caller with more permissions adds none.
    let ask = Ask::form(format!(
        "token={ACTIVE}&token_type_hint=token_id&provider=bank"
    ));
    ask.by("Bearer operator-secret")
        .at(&bench)
        .await
        .refuses(403, "access_denied");
}

#[tokio::test]
async fn each_operation_needs_its_permission() {
    let bench = Bench::start().await;
    let by_token = || Ask::token(ACTIVE);
    let by_id = || {
        Ask::form(format!(
            "token={ACTIVE}&token_type_hint=token_id&provider=bank"
        ))
    };
    let edge = basic(&format!("edge:{EDGE_SECRET}"));
    let operator = "Bearer operator-secret";

    assert!(by_token().by(&edge).at(&bench).await.is_active());
    assert!(by_token().by(operator).at(&bench).await.is_active());
    assert!(by_id().by(operator).at(&bench).await.is_active());
    assert!(
        by_id()
            .by("Bearer auditor-secret")
            .at(&bench)
            .await
            .is_active()
    );
    let asked = bench.bank.asked().len();
    by_id()
        .by(&edge)
        .at(&bench)
        .await
        .refuses(403, "access_denied");
    by_token()
        .by("Bearer auditor-secret")
        .at(&bench)
        .await
        .refuses(403, "access_denied");
    by_token()
        .by("Bearer idle-secret")
        .at(&bench)
        .await
        .refuses(403, "access_denied");
    by_id()
        .by("Bearer idle-secret")
        .at(&bench)
        .await
        .refuses(403, "access_denied");
    assert_eq!(
        bench.bank.asked().len(),
        asked,
        "neither a hit nor a refusal asks a provider"
    );
}

#[tokio::test]
async fn a_token_of_another_provider_looks_like_one_of_none() {
    let bench = Bench::start().await;
    bench.plain.knows("p_own", good());
    let narrow = |ask: Ask| ask.by("Bearer narrow-secret");
    assert!(narrow(Ask::token("p_own")).at(&bench).await.is_active());
    // Known to the cache by way of another caller.
    assert!(Ask::token(ACTIVE).at(&bench).await.is_active());
    let asked = bench.bank.asked().len();

    let hidden = |form: &str| narrow(Ask::form(form.to_owned()));
    let unknown = narrow(Ask::token("of-no-provider"));
    for form in [
        format!("token={ACTIVE}"),
        format!("token={UNKNOWN}"),
        format!("token={ACTIVE}&provider=plain"),
        format!("token={UNKNOWN}&provider=plain&token_type_hint=access_token"),
    ] {
        for _ in ["once", "again"] {
            let (hidden, unknown) = (hidden(&form).at(&bench).await, unknown.at(&bench).await);
            assert_eq!(hidden.body, "{\"active\":false}");
            assert_eq!(hidden.body, unknown.body);
            assert_eq!(hidden.stable_headers(), unknown.stable_headers(), "{form}");
        }
    }
    // The first answer about a token that its own provider does not know is the same, too.
    let unknown_here = narrow(Ask::token("p_unknown")).at(&bench).await;
    assert_eq!(
        unknown_here.stable_headers(),
        hidden("token=b_y").at(&bench).await.stable_headers()
    );
    assert_eq!(bench.bank.asked().len(), asked);
    assert_eq!(bench.loose.asked().len(), 0);
}

#[tokio::test]
async fn a_forbidden_provider_is_answered_as_one_that_does_not_exist() {
    const NARROW: &str = "Bearer narrow-admin-secret";
    let bench = Bench::start().await;
    assert!(Ask::token(ACTIVE).at(&bench).await.is_active());
    let asked = bench.bank.asked().len();
    let form = |target: &'static str, rest: &'static str| {
        move |name: &str| {
            Ask::form(format!("token={ACTIVE}&provider={name}{rest}"))
                .to("POST", target)
                .by(NARROW)
        }
    };
    let path = |method: &'static str, rest: &'static str| {
        move |name: &str| {
            let target = format!("/v1/providers/{name}/{rest}");
            Ask::form("{}")
                .to(method, &target)
                .header("content-type", "application/json")
                .by(NARROW)
        }
    };
    let purge = |name: &str| {
        let ask = Ask::form(format!("{{\"provider\":\"{name}\"}}")).to("POST", "/v1/cache/purge");
        ask.header("content-type", "application/json").by(NARROW)
    };
    let list = |name: &str| {
        let ask = Ask::form("").to("GET", &format!("/v1/tokens?provider={name}"));
        ask.without("content-type")
            .by("Bearer narrow-auditor-secret")
    };
    type About = Box<dyn Fn(&str) -> Ask>;
    let asks: Vec<(u16, About)> = vec![
        (400, Box::new(form("/introspect", ""))),
        (
            400,
            Box::new(form("/introspect", "&token_type_hint=token_id")),
        ),
        (400, Box::new(form("/revoke", ""))),
        (400, Box::new(form("/v1/explain", ""))),
        (400, Box::new(form("/v1/explain", "&policy=default"))),
        (
            400,
            Box::new(form("/v1/explain", "&token_type_hint=token_id")),
        ),
        (400, Box::new(purge)),
        (400, Box::new(list)),
        (404, Box::new(path("GET", "tokens/the-id"))),
        (404, Box::new(path("DELETE", "tokens/the-id"))),
        (403, Box::new(path("PUT", "bindings"))),
        (403, Box::new(path("POST", "tokens"))),
    ];
    for (status, ask) in &asks {
        let unknown = ask("nobody").at(&bench).await;
        assert_eq!(unknown.status, *status, "{unknown:#?}");
        for hidden in ["bank", "loose"] {
            let hidden = ask(hidden).at(&bench).await;
            assert_eq!(
                (hidden.status, &hidden.body),
                (unknown.status, &unknown.body)
            );
            assert_eq!(hidden.stable_headers(), unknown.stable_headers());
        }
    }
    assert_eq!(
        (bench.bank.asked().len(), bench.loose.asked().len()),
        (asked, 0)
    );
    assert!(
        Ask::token(ACTIVE).at(&bench).await.is_active(),
        "nothing of the others was revoked or purged"
    );
}
