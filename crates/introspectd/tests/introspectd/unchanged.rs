//! State that a reload of the configuration keeps, and state that begins anew.

use introspectd_simulators::rfc7662::ACTIVE;
use introspectd_simulators::{Answer, Fault};

use crate::bindings::{self, issue};
use crate::client::{ask_as_edge, get};
use crate::server::{BASE, Server};
use crate::vendors::{bank, sso, sso_config};

/// Section that is no provider's.
const POLICY: &str = "[policies.orders]\nscope = [\"a\"]\n";

/// Value of a series at the admin listener; zero if there is none.
async fn metric(server: &Server, series: &str) -> f64 {
    let scrape = get(&server.admin(), "/metrics").await;
    assert_eq!(scrape.status, 200);
    let value = |line: &str| line.strip_prefix(series)?.trim().parse().ok();
    scrape.body.lines().find_map(value).unwrap_or_default()
}

#[tokio::test]
async fn breaker_of_an_unchanged_provider_stays_open_and_that_of_a_changed_one_begins_anew() {
    let sso = sso().await;
    let policy = "timeout = \"20s\"\nretry = \"off\"\n\
                  breaker = { min_requests = 4, open_for = \"60s\" }";
    let provider = sso_config(&sso).replace("timeout = \"20s\"", policy);
    let toml = format!("{BASE}{provider}");
    let server = Server::start(&toml).await;
    sso.always(Fault::Answer(Answer::html(503)));
    for number in 0..4 {
        let token = format!("sso_{number}");
        assert_eq!(ask_as_edge(&server.api(), &token).await.status, 503);
    }
    sso.clear();
    sso.forget();
    let open = "introspectd_provider_breaker_state{provider=\"sso\",state=\"open\"}";
    for other in [POLICY, "", "[cache]\nttl = \"50s\"\n"] {
        server.reload(&format!("{toml}{other}")).await;
        assert_eq!(metric(&server, open).await, 1.0);
        assert_eq!(ask_as_edge(&server.api(), ACTIVE).await.status, 503);
        assert_eq!(sso.count(), 0, "{other}");
    }
    let changed = toml.replace("min_requests = 4", "min_requests = 5");
    server.reload(&changed).await;
    assert_eq!(metric(&server, open).await, 0.0);
    assert!(ask_as_edge(&server.api(), ACTIVE).await.is_active());
    assert_eq!(sso.count(), 1);
}

#[tokio::test]
async fn bindings_stay_whatever_of_their_provider_changes() {
    let bank = bank().await;
    let toml = bindings::config(&bank);
    let server = Server::start(&toml).await;
    let token = issue(&server.api()).await;
    let changed = toml.replace("timeout = \"20s\"", "timeout = \"19s\"");
    assert_ne!(changed, toml);
    let without = toml.split("[providers.bank]").next().unwrap();
    for toml in [&format!("{toml}{POLICY}"), &changed, &toml] {
        server.reload(toml).await;
        assert!(ask_as_edge(&server.api(), &token).await.is_active());
    }
    server.reload(without).await;
    assert!(!ask_as_edge(&server.api(), &token).await.is_active());
    server.reload(&toml).await;
    assert!(ask_as_edge(&server.api(), &token).await.is_active());
}

#[tokio::test]
async fn reloads_are_counted_and_what_goes_on_counts_on() {
    let sso = sso().await;
    let toml = format!("{BASE}{}", sso_config(&sso));
    let server = Server::start(&toml).await;
    let last = "introspectd_config_last_reload_success_timestamp_seconds";
    let totals = async || {
        let of =
            |outcome: &str| format!("introspectd_config_reloads_total{{outcome=\"{outcome}\"}}");
        let (applied, refused) = (of("applied"), of("refused"));
        (
            metric(&server, &applied).await,
            metric(&server, &refused).await,
        )
    };
    let started = metric(&server, last).await;
    let process = metric(&server, "process_start_time_seconds").await;
    assert!(started >= process && process > 0.0, "{started} {process}");
    assert_eq!(totals().await, (0.0, 0.0));

    let asked = async |outcome: &str| {
        let labels = format!("endpoint=\"introspect\",outcome=\"{outcome}\",caller=\"edge\"");
        metric(&server, &format!("introspectd_requests_total{{{labels}}}")).await
    };
    assert!(ask_as_edge(&server.api(), ACTIVE).await.is_active());
    server.refuse("not [ toml").await;
    assert_eq!(totals().await, (0.0, 1.0));
    assert_eq!(metric(&server, last).await, started);
    server.reload(&format!("{toml}{POLICY}")).await;
    assert_eq!(totals().await, (1.0, 1.0));
    assert!(metric(&server, last).await >= started);
    assert!(ask_as_edge(&server.api(), ACTIVE).await.is_active());
    assert_eq!(asked("active").await, 2.0);
    let without = toml.replace("callers.edge", "callers.other");
    server.reload(&without).await;
    assert_eq!(
        asked("active").await,
        0.0,
        "the series of a caller ends with it"
    );
}
