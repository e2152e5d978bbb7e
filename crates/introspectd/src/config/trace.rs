use http::Uri;
use introspectd_settings::Section;

/// Settings of `[trace]`.
#[derive(Debug)]
pub struct TraceConfig {
    /// Address of the collector; `None` for no export.
    pub collector: Option<Uri>,
    /// Share of the requests that are sampled, of those that bring no decision, from 0 to 1.
    pub sample: f64,
}

/// True if this build can export spans.
const IS_BUILT: bool = cfg!(feature = "otlp");

/// One in a hundred.
const SAMPLE: f64 = 0.01;

pub(super) fn read(root: &mut Section) -> TraceConfig {
    read_for(root, IS_BUILT)
}

fn read_for(root: &mut Section, is_built: bool) -> TraceConfig {
    let mut trace = root.section("trace");
    let collector = match trace.text_or("otlp", "off").as_str() {
        "off" => None,
        _ if !is_built => {
            let remedy = "Build with `--features otlp`, as the image is built, or write \"off\".";
            trace.problem("otlp", "is no part of this build", remedy);
            None
        }
        text => {
            let collector = text.parse().ok().filter(is_collector);
            if collector.is_none() {
                let remedy = "Write \"off\", or a scheme, a host and the port of OTLP over gRPC: \
                    \"http://127.0.0.1:4317\".";
                trace.problem("otlp", "is no address of a collector", remedy);
            }
            collector
        }
    };
    let sample = trace.share("sample", SAMPLE);
    trace.finish();
    TraceConfig { collector, sample }
}

/// Returns true for a server, without a path, which gRPC has no use for, and without a password,
/// which `check` would print.
fn is_collector(uri: &Uri) -> bool {
    let is_server = matches!(uri.scheme_str(), Some("http" | "https"));
    let has_host = uri.authority().is_some_and(|it| !it.as_str().contains('@'));
    let is_bare = uri.path_and_query().is_none_or(|path| path == "/");
    is_server && has_host && is_bare
}

#[cfg(test)]
mod tests {
    use super::*;
    use introspectd_settings::{Environment, parse_named};

    fn problem(toml: &str, is_built: bool) -> Result<TraceConfig, String> {
        let mut root = parse_named(toml, "x.toml", &Environment::new(), &[]).unwrap();
        let ledger = root.ledger().clone();
        let read = read_for(&mut root, is_built);
        root.finish();
        ledger.close().map(|_| read).map_err(|it| it.to_string())
    }

    #[test]
    fn build_without_export_refuses_a_collector_by_file_line_and_key() {
        let toml = "[trace]\notlp = \"http://127.0.0.1:4317\"\n";
        let refused = problem(toml, false).unwrap_err();
        for part in [
            "x.toml:2",
            "trace.otlp",
            "is no part of this build",
            "--features otlp",
        ] {
            assert!(refused.contains(part), "{refused}");
        }
        assert!(problem("[trace]\notlp = \"off\"\n", false).is_ok());
        assert!(problem(toml, true).unwrap().collector.is_some());
    }

    #[test]
    fn only_a_server_is_a_collector() {
        let with = |otlp: &str| problem(&format!("[trace]\notlp = {otlp:?}\n"), true);
        for good in [
            "http://otel:4317",
            "https://otel.example:4317/",
            "http://[::1]:4317",
        ] {
            assert!(with(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "on",
            "127.0.0.1:4317",
            "grpc://otel:4317",
            "http://otel:4318/v1/traces",
            "http://user:secret@otel:4317",
        ] {
            let refused = with(bad).unwrap_err();
            assert!(
                refused.contains("trace.otlp") && !refused.contains("secret"),
                "{refused}"
            );
        }
    }

    #[test]
    fn sample_is_a_share() {
        let with = |sample: &str| problem(&format!("[trace]\nsample = {sample}\n"), true);
        for (text, share) in [("0", 0.0), ("0.5", 0.5), ("1", 1.0), ("1.0", 1.0)] {
            assert!((with(text).unwrap().sample - share).abs() < f64::EPSILON);
        }
        for bad in ["-0.1", "1.1", "2", "nan", "\"0.5\""] {
            assert!(with(bad).unwrap_err().contains("trace.sample"), "{bad}");
        }
    }
}
