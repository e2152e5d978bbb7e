//! Alerts and dashboard name what there is, and fire when they should.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use introspectd_simulators::rfc7662::ACTIVE;
use introspectd_tests::{Gateway, Rfc7662, Room};
use serde_json::Value;

use crate::scrape::Scrape;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .unwrap()
        .to_owned()
}

fn read(file: &str) -> String {
    std::fs::read_to_string(root().join(file)).unwrap()
}

fn yaml(file: &str) -> Value {
    serde_yaml_ng::from_str(&read(file)).unwrap()
}

const ALERTS: &str = "deploy/prometheus/alerts.yaml";
const ALERT_TESTS: &str = "deploy/prometheus/alerts.test.yaml";
const DASHBOARD: &str = "deploy/grafana/introspectd.json";

fn alerts() -> Vec<Value> {
    let groups = yaml(ALERTS)["groups"].clone();
    let groups = groups.as_array().unwrap().iter();
    groups
        .flat_map(|group| group["rules"].as_array().unwrap().clone())
        .collect()
}

fn name(alert: &Value) -> &str {
    alert["alert"].as_str().unwrap()
}

fn promtool(arguments: &[&str]) {
    let output = Command::new("promtool")
        .args(arguments)
        .current_dir(root().join("deploy/prometheus"))
        .output()
        .expect("promtool: run `cargo xtask test`, which installs it");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "promtool {arguments:?}:\n{said}");
}

#[test]
fn promtool_accepts_the_alerts_and_their_tests_pass() {
    promtool(&["check", "rules", "alerts.yaml"]);
    promtool(&["test", "rules", "alerts.test.yaml"]);
}

#[test]
fn each_alert_is_seen_to_fire() {
    let tests = read(ALERT_TESTS);
    for alert in alerts() {
        let fires = format!("alertname=\"{}\", instance=\"a\"", name(&alert));
        assert!(tests.contains(&fires), "{}", name(&alert));
    }
}

/// Anchors of the headings of a page, as GitHub and GitLab make them.
fn anchors(page: &str) -> BTreeSet<String> {
    let headings = page.lines().filter(|line| line.starts_with('#'));
    headings
        .map(|line| {
            let title = line.trim_start_matches('#').trim().to_lowercase();
            let kept = title
                .chars()
                .filter(|c| c.is_alphanumeric() || " -_".contains(*c));
            kept.map(|c| if c == ' ' { '-' } else { c }).collect()
        })
        .collect()
}

#[test]
fn each_alert_says_what_to_do_and_where_to_read_on() {
    let operations = read("docs/operations.md");
    let alerts = alerts();
    assert!(alerts.len() > 10);
    for alert in &alerts {
        let (name, notes) = (name(alert), &alert["annotations"]);
        for text in ["summary", "description", "runbook"] {
            let text = notes[text].as_str().unwrap_or_default();
            assert!(text.len() > 20, "{name}: {text:?}");
        }
        let severity = alert["labels"]["severity"].as_str().unwrap();
        assert!(["page", "ticket"].contains(&severity), "{name}: {severity}");
        let link = notes["runbook_url"].as_str().unwrap();
        let (page, anchor) = link.split_once('#').unwrap();
        assert_eq!(page, "docs/troubleshooting.md");
        assert!(anchors(&read(page)).contains(anchor), "{name}: {link}");
        assert!(operations.contains(&format!("`{name}`")), "{name}");
    }
}

#[test]
fn links_from_the_operations_page_lead_somewhere() {
    let page = read("docs/operations.md");
    for link in page.split("](").skip(1) {
        let link = link.split(')').next().unwrap();
        if link.contains("://") {
            continue;
        }
        let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
        let file = if file.is_empty() {
            "operations.md"
        } else {
            file
        };
        let target = root().join("docs").join(file);
        let text = std::fs::read_to_string(&target);
        assert!(target.exists(), "{link}");
        assert!(
            anchor.is_empty() || anchors(&text.unwrap()).contains(anchor),
            "{link}"
        );
    }
}

/// Metrics that an expression names.
fn metrics(expression: &str) -> BTreeSet<String> {
    let words = expression.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
    words
        .filter(|word| word.starts_with("introspectd_") || word.starts_with("process_"))
        .map(str::to_owned)
        .collect()
}

fn expressions(json: &Value) -> Vec<String> {
    let mut found = Vec::new();
    if let Some(members) = json.as_object() {
        for (key, value) in members {
            match value.as_str() {
                Some(text) if key == "expr" || key == "query" => found.push(text.to_owned()),
                Some(_) | None => found.extend(expressions(value)),
            }
        }
    }
    for item in json.as_array().into_iter().flatten() {
        found.extend(expressions(item));
    }
    found
}

/// Returns true if a scrape has the metric, or the histogram that it is a part of.
fn is_exposed(scrape: &Scrape, metric: &str) -> bool {
    let types = scrape.types();
    let whole = ["_bucket", "_sum", "_count"]
        .iter()
        .find_map(|part| metric.strip_suffix(part));
    types.contains_key(metric) || whole.is_some_and(|whole| types.get(whole) == Some(&"histogram"))
}

#[tokio::test]
async fn alerts_and_dashboard_name_metrics_that_exist() {
    let gateway = Gateway::start("").await;
    let scrape = Scrape::of(&gateway).await;
    let dashboard: Value = serde_json::from_str(&read(DASHBOARD)).unwrap();
    let on_dashboard: BTreeSet<_> = expressions(&dashboard)
        .iter()
        .flat_map(|it| metrics(it))
        .collect();
    let in_alerts: BTreeSet<_> = alerts()
        .iter()
        .flat_map(|alert| metrics(alert["expr"].as_str().unwrap()))
        .collect();
    assert!(on_dashboard.len() > 15 && in_alerts.len() > 10);
    for metric in on_dashboard.iter().chain(&in_alerts) {
        assert!(is_exposed(&scrape, metric), "{metric}");
    }
    assert!(!is_exposed(&scrape, "introspectd_cache_hits_total"));
    assert!(!is_exposed(&scrape, "introspectd_requests_total_bucket"));
    // And it shows all of them.
    for metric in scrape.types().keys() {
        let is_shown = on_dashboard.iter().any(|it| it.starts_with(metric));
        assert!(is_shown, "{metric} is on no panel");
    }
}

/// Labels that the dashboard and the alerts select or group by, beside those of Prometheus.
#[tokio::test]
async fn labels_in_expressions_are_those_of_the_metrics() {
    let room = Room::<Rfc7662>::open().await;
    room.ask(ACTIVE).await;
    let scrape = Scrape::of(&room.gateway).await;
    let others = ["instance", "job", "le", "state", "outcome", "transmitter"];
    let mut labels: BTreeSet<&str> = others.into();
    for series in scrape.series() {
        let inside = series.split_once('{').map_or("", |(_, labels)| labels);
        let names = inside.split(',').filter_map(|it| it.split_once('='));
        labels.extend(names.map(|(name, _)| name));
    }
    let dashboard: Value = serde_json::from_str(&read(DASHBOARD)).unwrap();
    let in_alerts = alerts();
    let in_alerts = in_alerts.iter().map(|it| it["expr"].as_str().unwrap());
    let mut all = expressions(&dashboard);
    all.extend(in_alerts.map(str::to_owned));
    for expression in &all {
        let grouped = expression.split("by (").skip(1);
        let grouped = grouped.flat_map(|rest| rest.split(')').next().unwrap().split(','));
        let selected = expression.split('{').skip(1);
        let selected = selected.flat_map(|rest| {
            let inside = rest.split('}').next().unwrap();
            inside
                .split(", ")
                .filter_map(|it| it.split(['=', '!']).next())
        });
        for label in grouped.chain(selected).map(str::trim) {
            assert!(labels.contains(label), "{label} in {expression}");
        }
    }
}
