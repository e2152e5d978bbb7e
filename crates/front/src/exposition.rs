use std::sync::Arc;
use std::thread;

use http::header::ACCEPT;
use http::{HeaderMap, HeaderValue};
use introspectd_core::run_while_idle;
use tokio::sync::{Mutex, oneshot};

/// Format of metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Prometheus' text format 0.0.4.
    Prometheus,
    /// OpenMetrics 1.0.0.
    OpenMetrics,
}

/// Writer of all metrics of the process, behind `/metrics`.
#[derive(Clone)]
pub struct Exposition {
    write: Arc<dyn Fn(Format) -> String + Send + Sync>,
    /// One scrape at a time: any number of scrapers takes one thread.
    turn: Arc<Mutex<()>>,
}

impl Exposition {
    /// Creates an exposition by a function that may take some milliseconds.
    pub fn new(write: impl Fn(Format) -> String + Send + Sync + 'static) -> Self {
        Self {
            write: Arc::new(write),
            turn: Arc::default(),
        }
    }

    /// Writes all metrics, on a thread of its own that runs while a processor is free: no caller
    /// waits for it. `None` if the system provides no thread.
    pub(crate) async fn text(&self, format: Format) -> Option<String> {
        let turn = Arc::clone(&self.turn).lock_owned().await;
        let write = Arc::clone(&self.write);
        let (done, written) = oneshot::channel();
        let scrape = move || {
            // A scraper that leaves ends nothing here: the turn is over when the text is written.
            let _turn = turn;
            // Where the system refuses, it runs as others do.
            let _ = run_while_idle();
            let _ = done.send(write(format));
        };
        let thread = thread::Builder::new().name("scrape".to_owned());
        thread.spawn(scrape).ok()?;
        written.await.ok()
    }
}

impl Format {
    pub(crate) const fn content_type(self) -> &'static str {
        match self {
            Self::Prometheus => "text/plain; version=0.0.4; charset=utf-8",
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        }
    }

    /// Returns the format that a scraper prefers. Whatever it accepts, it gets one.
    pub(crate) fn accepted(headers: &HeaderMap) -> Self {
        let values = headers.get_all(ACCEPT).iter();
        let ranges = values
            .filter_map(|value: &HeaderValue| value.to_str().ok())
            .flat_map(|value| value.split(','));
        let (mut open_metrics, mut text) = (0, 0);
        for range in ranges {
            let mut parts = range.split(';').map(str::trim);
            let media_type = parts.next().unwrap_or_default().to_ascii_lowercase();
            let parameters: Vec<_> = parts.filter_map(|part| part.split_once('=')).collect();
            let parameter = |name: &str| {
                let mut found = parameters
                    .iter()
                    .filter(|(key, _)| key.trim().eq_ignore_ascii_case(name));
                found
                    .next()
                    .map(|(_, value)| value.trim().trim_matches('"'))
            };
            let quality = thousandths(parameter("q"));
            match media_type.as_str() {
                "application/openmetrics-text"
                    if parameter("version").is_none_or(|version| version == "1.0.0") =>
                {
                    open_metrics = quality.max(open_metrics);
                }
                "text/plain" | "text/*" | "*/*" => text = quality.max(text),
                _ => {}
            }
        }
        if open_metrics > 0 && open_metrics >= text {
            Self::OpenMetrics
        } else {
            Self::Prometheus
        }
    }
}

/// Reads a quality (RFC 9110 section 12.4.2) in thousandths; 1 if there is none, 0 if it is none.
fn thousandths(quality: Option<&str>) -> u32 {
    let Some(quality) = quality else { return 1000 };
    let (whole, part) = quality.split_once('.').unwrap_or((quality, ""));
    let digits: Option<String> = part
        .chars()
        .chain("000".chars())
        .take(3)
        .map(|digit| digit.is_ascii_digit().then_some(digit))
        .collect();
    let part = digits.and_then(|digits| digits.parse().ok()).unwrap_or(0);
    match whole {
        "0" => part,
        "1" => 1000,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
    use std::time::{Duration, Instant};
    use tokio::sync::mpsc;

    /// The first writer waits for a second one at the same time, which must not come.
    #[tokio::test]
    async fn scrapes_take_turns_also_after_one_whose_client_left() {
        let (started, mut starts) = mpsc::unbounded_channel();
        let writing = Arc::new(AtomicUsize::new(0));
        let now = Arc::clone(&writing);
        let exposition = Exposition::new(move |_| {
            let place = now.fetch_add(1, SeqCst);
            started.send(place).unwrap();
            let began = Instant::now();
            while now.load(SeqCst) == 1 && began.elapsed() < Duration::from_millis(200) {
                thread::yield_now();
            }
            now.fetch_sub(1, SeqCst);
            String::new()
        });
        let scraping = || {
            let exposition = exposition.clone();
            tokio::spawn(async move { exposition.text(Format::Prometheus).await })
        };
        let first = scraping();
        assert_eq!(starts.recv().await, Some(0));
        first.abort();
        let others = [scraping(), scraping()];
        for other in others {
            assert!(other.await.unwrap().is_some());
            assert_eq!(
                starts.recv().await,
                Some(0),
                "a second one at the same time"
            );
        }
    }

    fn format(accept: &[&'static str]) -> Format {
        let headers = accept
            .iter()
            .map(|value| (ACCEPT, HeaderValue::from_static(value)))
            .collect();
        Format::accepted(&headers)
    }

    #[test]
    fn open_metrics_is_for_those_who_prefer_it() {
        // Prometheus 2.42 and 3.0.
        for accept in [
            "application/openmetrics-text;version=1.0.0,application/openmetrics-text;\
             version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
            "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,\
             application/openmetrics-text;version=0.0.1;q=0.4,text/plain;version=1.0.0;\
             escaping=allow-utf-8;q=0.3,text/plain;version=0.0.4;q=0.2,*/*;q=0.1",
            "application/openmetrics-text",
            "text/plain, APPLICATION/OpenMetrics-Text; Version=\"1.0.0\"",
        ] {
            assert_eq!(format(&[accept]), Format::OpenMetrics, "{accept}");
        }
        for accept in [
            "",
            "*/*",
            "text/plain",
            "application/json",
            "text/plain, application/openmetrics-text;q=0.9",
            "application/openmetrics-text;q=0",
            "application/openmetrics-text;q=2",
            "application/openmetrics-text;version=0.0.1",
            "application/openmetrics-text;version=9.0.0",
        ] {
            assert_eq!(format(&[accept]), Format::Prometheus, "{accept}");
        }
        assert_eq!(format(&[]), Format::Prometheus);
        let two = ["text/plain;q=0.2", "application/openmetrics-text;q=0.25"];
        assert_eq!(format(&two), Format::OpenMetrics);
    }
}
