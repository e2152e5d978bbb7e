use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use http::Request;
use http::header::ACCEPT;
use http_body_util::Full;
use introspectd_tests::{Gateway, Reply};

/// Metrics of a gateway at one moment.
pub(crate) struct Scrape {
    pub(crate) text: String,
    values: BTreeMap<String, f64>,
}

pub(crate) async fn get(gateway: &Gateway, path: &str, accept: Option<&'static str>) -> Reply {
    let mut request = Request::get(format!("http://{}{path}", gateway.admin()));
    if let Some(accept) = accept {
        request = request.header(ACCEPT, accept);
    }
    gateway
        .send(request.body(Full::<Bytes>::default()).unwrap())
        .await
}

impl Scrape {
    pub(crate) async fn of(gateway: &Gateway) -> Self {
        let reply = get(gateway, "/metrics", None).await;
        assert_eq!(reply.status, 200);
        let text = String::from_utf8(reply.body.into()).unwrap();
        let values = text.lines().filter(|line| !line.starts_with('#'));
        let values = values
            .map(|line| {
                let (series, value) = line.rsplit_once(' ').unwrap();
                (series.to_owned(), value.parse().unwrap())
            })
            .collect();
        Self { text, values }
    }

    /// Value of a series, written as it is exposed; zero if there is none.
    pub(crate) fn value(&self, series: &str) -> f64 {
        self.values.get(series).copied().unwrap_or_default()
    }

    /// Series of a metric with their values, but those that are zero.
    pub(crate) fn nonzero(&self, metric: &str) -> BTreeMap<&str, f64> {
        let of_metric = |series: &str| {
            series
                .strip_prefix(metric)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('{'))
        };
        self.values
            .iter()
            .filter(|(series, value)| of_metric(series) && **value != 0.0)
            .map(|(series, value)| (&**series, *value))
            .collect()
    }

    pub(crate) fn series(&self) -> impl Iterator<Item = &str> {
        self.values.keys().map(String::as_str)
    }

    /// Names of all metrics that have a `# TYPE`, with their type.
    pub(crate) fn types(&self) -> BTreeMap<&str, &str> {
        let lines = self
            .text
            .lines()
            .filter_map(|line| line.strip_prefix("# TYPE "));
        lines.filter_map(|line| line.split_once(' ')).collect()
    }

    /// Names of all metrics that have a `# HELP`.
    pub(crate) fn helped(&self) -> BTreeSet<&str> {
        let lines = self
            .text
            .lines()
            .filter_map(|line| line.strip_prefix("# HELP "));
        lines
            .filter_map(|line| Some(line.split_once(' ')?.0))
            .collect()
    }
}
