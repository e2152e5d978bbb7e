//! A bearer token of our own: when it is asked for, and who waits for it.

use std::future::pending;
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use futures_util::future::join_all;
use introspectd_core::ask::{Operation, Outcome};
use introspectd_core::{BadAnswer, Clock as _, Failure, Health, ManualClock};
use introspectd_simulators::passport::{self, Passport};
use introspectd_simulators::rfc7662::{self, Rfc7662};
use introspectd_simulators::{Answer as Said, Fault, Simulator};
use introspectd_upstream::{Connection, Dialect, Request, Response, Upstream};
use serde_json::json;

use crate::provider::{authorizations, clock, connected, connected_at, connection, silent, uri};

/// Seconds before its end at which a token of [`rfc7662::LIFETIME`] is renewed.
const MARGIN: u32 = 30;
const LIFETIME: u32 = 3600;

/// One authorization server behind two ports, so that its token endpoint can fail and wait alone.
pub(crate) struct Provider {
    pub(crate) vendor: Arc<Rfc7662>,
    pub(crate) tokens: Simulator<Arc<Rfc7662>>,
    pub(crate) api: Simulator<Arc<Rfc7662>>,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) upstream: Upstream,
}

impl Provider {
    pub(crate) async fn start(more: &str) -> Self {
        let vendor = Arc::new(Rfc7662::new(UNIX_EPOCH));
        let tokens = Simulator::start(Arc::clone(&vendor)).await.unwrap();
        let api = Simulator::start(Arc::clone(&vendor)).await.unwrap();
        let clock = clock();
        let connection = configured(&api.base_url(), &tokens.base_url(), "", more);
        let upstream = connected_at(connection, &clock);
        Self {
            vendor,
            tokens,
            api,
            clock,
            upstream,
        }
    }

    pub(crate) async fn ask(&self) -> Result<Response, Failure> {
        let form = [("token", rfc7662::ACTIVE)];
        self.upstream
            .send(
                Request::post(uri(&self.api.base_url(), "/introspect"))
                    .form(&form)
                    .repeatable(),
            )
            .await
    }

    pub(crate) async fn ask_many(&self, questions: usize) -> Vec<Option<Failure>> {
        join_all((0..questions).map(|_| async { self.ask().await.err() })).await
    }

    /// Asks, and says which token the question was answered with.
    async fn bearer(&self) -> String {
        self.ask().await.unwrap();
        authorizations(&self.api).pop().flatten().unwrap()
    }
}

pub(crate) fn configured(api: &str, tokens: &str, in_credentials: &str, more: &str) -> Connection {
    let credentials = format!(
        "credentials = {{ type = \"client_credentials\", token_endpoint = \"{tokens}/token\", \
            client_id = {:?}, client_secret = {{ literal = {:?} }} {in_credentials} }}\n{more}",
        rfc7662::CLIENT_ID,
        rfc7662::CLIENT_SECRET
    );
    connection(Dialect::FormEndpoint, api, &credentials)
}

#[tokio::test]
async fn one_token_serves_many_questions() {
    let provider = Provider::start("").await;
    let first = provider.bearer().await;
    assert!(first.starts_with("Bearer sso_"));
    for _ in 0..5 {
        assert_eq!(provider.bearer().await, first);
    }
    assert_eq!(provider.tokens.count(), 1);
}

#[tokio::test]
async fn fifty_first_questions_make_one_token_request() {
    let provider = Provider::start("").await;
    let gate = provider.tokens.gate();
    let (failures, ()) = tokio::join!(provider.ask_many(50), async {
        gate.arrived(1).await;
        gate.open();
    });
    assert_eq!(failures, vec![None; 50]);
    assert_eq!((provider.tokens.count(), provider.api.count()), (1, 50));
}

#[tokio::test]
async fn a_token_is_renewed_before_its_end_while_the_old_one_serves() {
    let provider = Provider::start("").await;
    let old = provider.bearer().await;
    provider.clock.advance(LIFETIME - MARGIN - 1);
    assert_eq!(provider.bearer().await, old);
    assert_eq!(provider.tokens.count(), 1);

    provider.clock.advance(1);
    let gate = provider.tokens.gate();
    assert_eq!(provider.bearer().await, old);
    gate.arrived(1).await;
    assert_eq!(provider.ask_many(20).await, vec![None; 20]);
    assert_eq!(
        authorizations(&provider.api).pop().flatten(),
        Some(old.clone())
    );
    assert_eq!(provider.tokens.count(), 2);

    // Past the end of the old one, a question waits for the flight.
    provider.clock.advance(MARGIN);
    let (renewed, ()) = tokio::join!(provider.bearer(), async { gate.open() });
    assert_ne!(renewed, old);
    assert_eq!(provider.tokens.count(), 2);
}

#[tokio::test]
async fn a_token_is_not_used_past_its_end() {
    let provider = Provider::start("").await;
    provider.ask().await.unwrap();
    provider.tokens.always(Fault::Answer(Said::empty(500)));
    provider.clock.advance(LIFETIME - 1);
    provider.ask().await.unwrap();
    provider.clock.advance(1);
    assert_eq!(
        provider.ask().await.err(),
        Some(BadAnswer::Status(500).into())
    );
    assert_eq!(provider.api.count(), 2);
}

#[tokio::test]
async fn a_short_life_has_a_short_margin() {
    let provider = Provider::start("").await;
    provider.vendor.token_lifetime(Duration::from_secs(10));
    provider.ask().await.unwrap();
    provider.clock.advance(7);
    provider.ask().await.unwrap();
    assert_eq!(provider.tokens.count(), 1);
    provider.clock.advance(1);
    let gate = provider.tokens.gate();
    provider.ask().await.unwrap();
    gate.arrived(1).await;
}

#[tokio::test]
async fn an_end_may_be_any_number_or_a_string_and_need_not_be_told() {
    const DAY: u32 = 86_400;
    for (expires_in, lasts) in [
        ("\"3599\"", 3568),
        ("3599", 3568),
        ("3599.0", 3568),
        ("3.599E3", 3568),
        ("\" 3599 \"", 3568),
        // As WSO2 says "never".
        ("9223372036854775", DAY - 31),
        ("1e400", DAY - 31),
        ("null", u32::MAX),
    ] {
        let api = silent().await;
        let tokens = silent().await;
        tokens.always(Fault::Answer(issued(expires_in)));
        let clock = clock();
        let connection = configured(&api.base_url(), &tokens.base_url(), "", "");
        let upstream = connected_at(connection, &clock);
        let ask = || upstream.send(Request::get(uri(&api.base_url(), "/x")));
        ask().await.unwrap();
        clock.advance(lasts);
        ask().await.unwrap();
        assert_eq!(tokens.count(), 1, "{expires_in}");
        assert_eq!(authorizations(&api), vec![Some("Bearer tok".to_owned()); 2]);
        if lasts < u32::MAX {
            // A renewal before the end, and past it.
            clock.advance(31);
            ask().await.unwrap();
            assert_eq!(tokens.count(), 2, "{expires_in}");
        }
    }
}

#[tokio::test]
async fn a_token_that_is_over_at_once_is_used_and_renewed_once_a_second() {
    for expires_in in ["0", "-1", "-9223372036854775808", "\"0\"", "0.9"] {
        let (api, tokens, clock) = (silent().await, silent().await, clock());
        tokens.always(Fault::Answer(issued(expires_in)));
        let upstream = connected_at(
            configured(&api.base_url(), &tokens.base_url(), "", ""),
            &clock,
        );
        for second in 1..4 {
            for _ in 0..20 {
                upstream
                    .send(Request::get(uri(&api.base_url(), "/x")))
                    .await
                    .unwrap();
            }
            assert_eq!(tokens.count(), second, "{expires_in}");
            clock.advance(1);
        }
    }
}

fn issued(expires_in: &str) -> Said {
    let body =
        format!(r#"{{"access_token":"tok","token_type":"Bearer","expires_in":{expires_in}}}"#);
    Said::text(200, "application/json", body)
}

#[tokio::test]
async fn a_token_that_was_taken_back_is_renewed_and_the_question_repeated_once() {
    let provider = Provider::start("").await;
    let old = provider.bearer().await;
    provider.vendor.expire_credentials();
    assert!(provider.ask().await.unwrap().ok().is_ok());
    let [_, refused, repeated] = &provider.api.requests()[..] else {
        panic!("three questions")
    };
    assert_eq!(refused.header("authorization"), Some(old.as_str()));
    assert_ne!(repeated.header("authorization"), Some(old.as_str()));
    assert_eq!(
        (&repeated.target, &repeated.body),
        (&refused.target, &refused.body)
    );
    assert_eq!(provider.tokens.count(), 2);
}

#[tokio::test]
async fn a_refusal_that_persists_is_told_after_one_renewal() {
    let provider = Provider::start("").await;
    provider.api.always(Fault::Answer(Said::empty(401)));
    assert_eq!(
        provider.ask().await.err(),
        Some(BadAnswer::Credentials(401).into())
    );
    assert_eq!((provider.tokens.count(), provider.api.count()), (2, 2));
}

#[tokio::test]
async fn a_403_is_about_rights_and_renews_nothing() {
    let provider = Provider::start("").await;
    provider.api.always(Fault::Answer(Said::empty(403)));
    assert_eq!(
        provider.ask().await.err(),
        Some(BadAnswer::Credentials(403).into())
    );
    assert_eq!((provider.tokens.count(), provider.api.count()), (1, 1));
}

#[tokio::test]
async fn questions_that_are_refused_together_share_one_renewal() {
    let provider = Provider::start("").await;
    provider.ask().await.unwrap();
    provider.vendor.expire_credentials();
    let gate = provider.api.gate();
    let (failures, ()) = tokio::join!(provider.ask_many(20), async {
        gate.arrived(20).await;
        gate.open();
    });
    assert_eq!(failures, vec![None; 20]);
    assert_eq!((provider.tokens.count(), provider.api.count()), (2, 41));
}

/// The same without an order that one thread would keep.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn every_refusal_is_followed_by_one_renewal_whatever_the_interleaving() {
    let provider = Arc::new(Provider::start("").await);
    for round in 1..=20 {
        let mut questions = tokio::task::JoinSet::new();
        for _ in 0..20 {
            let provider = Arc::clone(&provider);
            questions.spawn(async move { provider.ask().await.err() });
        }
        assert_eq!(questions.join_all().await, vec![None; 20]);
        assert_eq!(provider.tokens.count(), round);
        provider.vendor.expire_credentials();
    }
}

#[tokio::test]
async fn a_dropped_question_takes_its_renewal_from_nobody() {
    let provider = Provider::start("").await;
    let gate = provider.tokens.gate();
    tokio::select! {
        _ = provider.ask() => panic!("the gate is shut"),
        () = gate.arrived(1) => {}
    }
    let (answer, ()) = tokio::join!(provider.ask(), async { gate.open() });
    assert!(answer.is_ok());
    assert_eq!(provider.tokens.count(), 1);
}

#[tokio::test]
async fn a_question_dropped_in_the_queue_leaves_the_others_in_it() {
    let provider = Provider::start("").await;
    let gate = provider.tokens.gate();
    let dropped = async {
        tokio::select! {
            _ = provider.ask() => {}
            () = gate.arrived(1) => {}
        }
        gate.open();
        pending::<()>().await;
    };
    tokio::select! {
        failures = provider.ask_many(3) => assert_eq!(failures, vec![None; 3]),
        () = dropped => {}
    }
    assert_eq!(provider.tokens.count(), 1);
}

#[tokio::test]
async fn the_client_authenticates_to_its_token_endpoint_as_configured() {
    // "introspectd:sso-demo-secret"
    let basic = Some("Basic aW50cm9zcGVjdGQ6c3NvLWRlbW8tc2VjcmV0");
    let posted = "grant_type=client_credentials&scope=a+b\
                  &client_id=introspectd&client_secret=sso-demo-secret";
    for (more, authorization, body) in [
        ("", basic, "grant_type=client_credentials"),
        (
            ", client_auth = \"basic\", scope = \"a b\"",
            basic,
            "grant_type=client_credentials&scope=a+b",
        ),
        (", client_auth = \"post\", scope = \"a b\"", None, posted),
    ] {
        let server = Simulator::start(Rfc7662::new(UNIX_EPOCH)).await.unwrap();
        let connection = configured(&server.base_url(), &server.base_url(), more, "");
        let upstream = connected(connection);
        let form = [("token", rfc7662::ACTIVE)];
        upstream
            .send(
                Request::post(uri(&server.base_url(), "/introspect"))
                    .form(&form)
                    .repeatable(),
            )
            .await
            .unwrap();
        let [granted, asked] = &server.requests()[..] else {
            panic!("two requests")
        };
        assert_eq!(
            (granted.method.as_str(), granted.target.as_str()),
            ("POST", "/token")
        );
        assert_eq!(
            granted.header("content-type"),
            Some("application/x-www-form-urlencoded")
        );
        assert_eq!(granted.header("accept"), Some("application/json"));
        assert_eq!(granted.header("authorization"), authorization, "{more}");
        assert_eq!(String::from_utf8_lossy(&granted.body), body);
        assert_eq!(
            String::from_utf8_lossy(&asked.body),
            format!("token={}", rfc7662::ACTIVE)
        );
    }
}

#[tokio::test]
async fn passport_is_asked_for_a_token_in_json() {
    let server = Simulator::start(Passport::new(UNIX_EPOCH)).await.unwrap();
    let credentials = format!(
        "credentials = {{ type = \"client_credentials\", client_id = {:?}, client_secret = {{ \
            literal = {:?} }} }}",
        passport::CLIENT_ID,
        passport::CLIENT_SECRET
    );
    let dialect = Dialect::RestWithJsonGrant("/v1/iam/oauth/tokens");
    let connection = connection(dialect, &server.base_url(), &credentials);
    let record = format!("/v1/iam/oauth/tokens/{}", passport::ACTIVE);
    let uri = connection.address.below(&record).unwrap();
    let upstream = connected(connection);
    assert!(upstream.send(Request::get(uri)).await.unwrap().ok().is_ok());
    let [granted, asked] = &server.requests()[..] else {
        panic!("two requests")
    };
    assert_eq!(
        (granted.method.as_str(), granted.target.as_str()),
        ("POST", "/v1/iam/oauth/tokens")
    );
    assert_eq!(granted.header("content-type"), Some("application/json"));
    assert_eq!(granted.header("authorization"), None);
    let body: serde_json::Value = serde_json::from_slice(&granted.body).unwrap();
    let expected = json!({
        "client_id": passport::CLIENT_ID,
        "client_secret": passport::CLIENT_SECRET,
        "grant_type": "client_credentials",
    });
    assert_eq!(body, expected);
    assert_eq!(
        (asked.method.as_str(), asked.target.as_str()),
        ("GET", record.as_str())
    );
}

#[tokio::test]
async fn grant_is_an_ask_of_its_own_and_the_end_of_its_token_is_shown() {
    let provider = Provider::start("").await;
    let meter = provider.upstream.meter();
    let grants = |outcome| meter.asks(Operation::Grant, outcome);
    assert_eq!(provider.upstream.gauges().credential_expiry, None);
    assert!(provider.ask().await.is_ok());
    let end = provider.clock.now().plus_seconds(LIFETIME.into());
    assert_eq!(provider.upstream.gauges().credential_expiry, end);
    assert_eq!(grants(Outcome::Ok), 1);
    assert_eq!(meter.durations(Operation::Grant).count(), 1);

    provider.clock.advance(LIFETIME);
    provider.tokens.next(Fault::Answer(Said::empty(401)));
    assert!(provider.ask().await.is_err());
    assert_eq!(grants(Outcome::CredentialsRefused), 1);
    assert_eq!(provider.upstream.health(), Health::CredentialsRefused);
}
