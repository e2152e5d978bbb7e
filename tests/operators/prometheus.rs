//! Prometheus' own programs read what we write.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use introspectd_simulators::rfc7662::ACTIVE;
use introspectd_tests::{Gateway, Process, Rfc7662, Room, free_address};
use serde_json::Value;

use crate::scrape::{Scrape, get};

/// Metric and type, as the documentation has them.
const METRICS: &[(&str, &str)] = &[
    ("introspectd_requests_total", "counter"),
    ("introspectd_request_duration_seconds", "histogram"),
    ("introspectd_requests_in_flight", "gauge"),
    ("introspectd_connections", "gauge"),
    ("introspectd_cache_lookups_total", "counter"),
    ("introspectd_cache_entries", "gauge"),
    ("introspectd_cache_bytes", "gauge"),
    ("introspectd_cache_max_bytes", "gauge"),
    ("introspectd_cache_evictions_total", "counter"),
    ("introspectd_cache_purged_total", "counter"),
    ("introspectd_provider_requests_total", "counter"),
    ("introspectd_provider_request_duration_seconds", "histogram"),
    ("introspectd_provider_retries_total", "counter"),
    ("introspectd_provider_in_flight", "gauge"),
    ("introspectd_provider_queue", "gauge"),
    ("introspectd_provider_breaker_state", "gauge"),
    (
        "introspectd_provider_credential_expiry_timestamp_seconds",
        "gauge",
    ),
    ("introspectd_provider_keys", "gauge"),
    ("introspectd_provider_keys_age_seconds", "gauge"),
    (
        "introspectd_tls_certificate_expiry_timestamp_seconds",
        "gauge",
    ),
    ("introspectd_audit_lines_total", "counter"),
    ("introspectd_shared_ready", "gauge"),
    ("introspectd_shared_heard_age_seconds", "gauge"),
    ("introspectd_shared_trust_seconds", "gauge"),
    ("introspectd_shared_pending_purges", "gauge"),
    ("introspectd_shared_events_total", "counter"),
    ("introspectd_events_total", "counter"),
    ("introspectd_events_keys", "gauge"),
    ("introspectd_config_reloads_total", "counter"),
    (
        "introspectd_config_last_reload_success_timestamp_seconds",
        "gauge",
    ),
    ("introspectd_build_info", "gauge"),
    ("process_cpu_seconds_total", "counter"),
    ("process_resident_memory_bytes", "gauge"),
    ("process_open_fds", "gauge"),
    ("process_max_fds", "gauge"),
    ("process_start_time_seconds", "gauge"),
];

const OPEN_METRICS: &str = "application/openmetrics-text;version=1.0.0,text/plain;q=0.5";

/// Runs promtool with this input, and fails with what it complains of.
pub(crate) fn promtool(arguments: &[&str], input: &str) {
    let mut child = Command::new("promtool")
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("promtool: run `cargo xtask test`, which installs it");
    child
        .stdin
        .take()
        .unwrap()
        .write_all(input.as_bytes())
        .unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(
        output.status.success(),
        "promtool {arguments:?}:\n{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}

/// A gateway that was asked about a token.
async fn used() -> Room<Rfc7662> {
    let room = Room::<Rfc7662>::open().await;
    room.ask(ACTIVE).await;
    room.ask(ACTIVE).await;
    room
}

#[tokio::test]
async fn every_metric_has_help_and_type_from_the_start() {
    let gateway = Gateway::start("").await;
    let scrape = Scrape::of(&gateway).await;
    let (types, helped) = (scrape.types(), scrape.helped());
    for (metric, kind) in METRICS {
        assert_eq!(types.get(metric), Some(kind), "{metric}");
        assert!(helped.contains(metric), "{metric}");
    }
    let undocumented: Vec<_> = types
        .keys()
        .filter(|name| !METRICS.iter().any(|(metric, _)| metric == *name))
        .collect();
    assert!(undocumented.is_empty(), "{undocumented:?}");
}

#[test]
fn every_metric_is_documented() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/metrics.md");
    let page = std::fs::read_to_string(page).unwrap();
    for (metric, _) in METRICS {
        assert!(page.contains(&format!("`{metric}`")), "{metric}");
    }
}

#[tokio::test]
async fn promtool_finds_nothing_wrong_with_the_metrics() {
    let room = used().await;
    promtool(&["check", "metrics"], &Scrape::of(&room.gateway).await.text);
}

#[tokio::test]
async fn who_asks_for_open_metrics_gets_it() {
    let room = used().await;
    let reply = get(&room.gateway, "/metrics", Some(OPEN_METRICS)).await;
    let content_type = reply.headers["content-type"].to_str().unwrap();
    assert_eq!(
        content_type,
        "application/openmetrics-text; version=1.0.0; charset=utf-8"
    );
    let text = String::from_utf8(reply.body.into()).unwrap();
    assert!(text.ends_with("# EOF\n"));
    assert!(
        text.contains("# TYPE introspectd_requests counter\n"),
        "{text}"
    );
    let plain = get(&room.gateway, "/metrics", Some("text/plain")).await;
    let content_type = plain.headers["content-type"].to_str().unwrap();
    assert_eq!(content_type, "text/plain; version=0.0.4; charset=utf-8");
}

#[tokio::test]
async fn metrics_of_the_process_are_those_of_this_one() {
    let gateway = Gateway::start("").await;
    let scrape = Scrape::of(&gateway).await;
    assert!(scrape.value("process_resident_memory_bytes") > f64::from(1 << 20));
    assert!(scrape.value("process_cpu_seconds_total") > 0.0);
    let (open, max) = (
        scrape.value("process_open_fds"),
        scrape.value("process_max_fds"),
    );
    assert!(open >= 3.0 && open < max, "{open} of {max}");
    let started = scrape.value("process_start_time_seconds");
    assert_eq!(started, introspectd_tests::NOW as f64);
}

/// Runs a real Prometheus, which prefers OpenMetrics, and asks it what it has.
#[tokio::test]
async fn prometheus_scrapes_the_metrics() {
    let room = used().await;
    let folder = tempfile::tempdir().unwrap();
    let address = free_address();
    let config = format!(
        "scrape_configs:\n- job_name: introspectd\n  scrape_interval: 200ms\n  \
         scrape_timeout: 200ms\n  static_configs:\n  - targets: ['{}']\n",
        room.gateway.admin()
    );
    std::fs::write(folder.path().join("prometheus.yml"), config).unwrap();
    let mut command = Command::new("prometheus");
    command.args([
        "--config.file=prometheus.yml",
        "--storage.tsdb.path=data",
        &format!("--web.listen-address={address}"),
    ]);
    let _prometheus = Process::start(command, folder.path(), address).await;
    let query = format!(
        "http://{address}/api/v1/query?query=introspectd_requests_total%7Boutcome%3D%22active%22%7D"
    );
    let mut ticks = tokio::time::interval(std::time::Duration::from_millis(100));
    for _ in 0..300 {
        ticks.tick().await;
        let request = http::Request::get(&query).body(http_body_util::Full::default());
        let reply = room.gateway.send(request.unwrap()).await;
        let Ok(answer) = serde_json::from_slice::<Value>(&reply.body) else {
            continue;
        };
        let Some(found) = answer["data"]["result"].get(0) else {
            continue;
        };
        assert_eq!(found["value"][1], "2");
        assert_eq!(found["metric"]["caller"], "edge");
        return;
    }
    panic!("Prometheus has nothing after half a minute");
}
