mod reading;

use introspectd_settings::{Environment, Problem, parse_named};

use super::*;

const SERVER: &str = r#"
request = { method = "GET", url = "https://api.example/info", headers = { Authorization = "Bearer {token}" } }
credentials = { type = "none" }
active = [{ status = 200 }]
inactive = [{ status = 401 }]
claims = { exp = "/exp", client_id = "/client" }
require = { client_id = ["us"] }
"#;

fn read(toml: &str) -> Result<Config, Vec<Problem>> {
    let mut root =
        parse_named(toml, "test.toml", &Environment::default(), &[]).map_err(|it| it.0)?;
    let config = Config::read(&mut root);
    let ledger = root.ledger().clone();
    root.finish();
    match (config, ledger.close()) {
        (Some(config), Ok(_)) => Ok(config),
        (_, Err(problems)) => Err(problems.0),
        (None, Ok(_)) => panic!("refused without a problem: {toml}"),
    }
}

/// Reads the server with one line replaced.
fn read_with(line: &str) -> Result<Config, Vec<Problem>> {
    let key = line.split(" = ").next().unwrap();
    let others = SERVER
        .lines()
        .filter(|it| it.split(" = ").next() != Some(key));
    let toml: String = others.map(|it| format!("{it}\n")).collect();
    read(&format!("{toml}{line}\n"))
}

#[track_caller]
fn refused(line: &str, key: &str, what: &str) {
    let problems = read_with(line).map(|_| ()).expect_err(line);
    let found = problems
        .iter()
        .find(|it| it.key == key && it.what.contains(what));
    let found = found.unwrap_or_else(|| panic!("{line}: {problems:?}"));
    assert!(found.origin.starts_with("test.toml"), "{found}");
    assert!(found.remedy.len() > 8, "{found}");
}

#[test]
fn description_is_read_whole() {
    let config = read(SERVER).unwrap();
    assert!(config.introspect.is_refusable && config.lifetime.is_none());
}

#[test]
fn request_names_the_token_once_in_a_safe_place() {
    for (url, what) in [
        ("https://{token}/x", "whole segment"),
        ("https://{token}.example/x", "whole segment"),
        ("https://{token}@api.example/x", "whole segment"),
        ("{token}://api.example/x", "whole segment"),
        ("https://api.example/x{token}", "whole segment"),
        ("https://api.example/x?t={token}", "whole segment"),
        ("https://api.example/{token}/{token}", "more than once"),
        ("https://api.example/{token_id}", "brace"),
        ("http://api.example/{token}", "plain http"),
        ("https://user:pass@api.example/{token}", "user name"),
        ("api.example/{token}", "whole segment"),
    ] {
        let line = format!("request = {{ method = \"GET\", url = \"{url}\" }}");
        refused(&line, "request.url", what);
    }
    let ask = |rest: &str| format!("request = {{ url = \"https://api.example/x\", {rest} }}");
    refused(&ask("method = \"GET\""), "request", "names no token");
    refused(
        &ask("method = \"GET\", query = { a = \"b\" }"),
        "request",
        "names no token",
    );
    refused(
        &ask("method = \"GET\", query = { \"{token}\" = \"b\" }"),
        "request.query.{token}",
        "in a name",
    );
    refused(
        &ask("method = \"POST\", json = { a = { \"{token}\" = 1 } }"),
        "request.json.a.{token}",
        "in a name",
    );
    refused(
        &ask("method = \"GET\", query = { a = \"{token}{token}\" }"),
        "request.query.a",
        "more than once",
    );
    refused(
        &ask("method = \"GET\", query = { a = \"{tokn}\" }"),
        "request.query.a",
        "in braces",
    );
    refused(
        &ask("method = \"GET\", query = { a = 5 }"),
        "request.query.a",
        "expected a string",
    );
    refused(
        &ask("method = \"GET\", form = { a = \"{token}\" }"),
        "request.method",
        "no body",
    );
    refused(
        &ask("method = \"DELETE\", form = { a = \"{token}\" }"),
        "request.method",
        "no method",
    );
    refused(
        &ask("method = \"get\", query = { a = \"{token}\" }"),
        "request.method",
        "no method",
    );
    refused(
        &ask("query = { a = \"{token}\" }"),
        "request.method",
        "is missing",
    );
    refused(
        &ask("method = \"POST\", form = { a = \"{token}\" }, json = { a = \"{token}\" }"),
        "request.json",
        "beside form",
    );
    refused(
        &ask("method = \"POST\", json = [\"{token}\"]"),
        "request.json",
        "expected a table",
    );
    refused(
        &ask("method = \"POST\", jsn = { a = \"{token}\" }"),
        "request",
        "names no token",
    );
    refused(
        "require = { client_id = [\"us\"] }\nrequests = 1",
        "requests",
        "not a known key",
    );
}

#[test]
fn headers_of_the_connection_and_the_message_are_refused() {
    for name in [
        "Host",
        "content-type",
        "Content-Length",
        "Transfer-Encoding",
        "Connection",
        "TE",
        "Accept-Encoding",
        "Proxy-Authorization",
        "Expect",
        "Keep-Alive",
        "Trailer",
        "Traceparent",
        "Upgrade",
    ] {
        let line = format!(
            r#"request = {{ method = "GET", url = "https://api.example/{{token}}", headers = {{ {name} = "x" }} }}"#
        );
        refused(
            &line,
            &format!("request.headers.{name}"),
            "the connection or the body",
        );
    }
    let line = r#"request = { method = "GET", url = "https://api.example/x", headers = { X-Token = "a\nb{token}" } }"#;
    refused(line, "request.headers.X-Token", "no header can carry");
    let line = r#"request = { method = "GET", url = "https://api.example/x", headers = { "X Token" = "{token}" } }"#;
    refused(line, "request.headers.X Token", "no name of a header");
}

#[test]
fn credentials_do_not_collide_with_the_request() {
    let basic = r#"{ type = "basic", username = "us", password = { literal = "p" } }"#;
    refused(
        &format!("credentials = {basic}"),
        "request.headers.Authorization",
        "credentials are sent",
    );
    let post = "request = { method = \"POST\", url = \"https://api.example/{token}\" }\n";
    let form = r#"credentials = { type = "client_secret_post", client_id = "us", client_secret = { literal = "p" } }"#;
    let toml = SERVER
        .lines()
        .filter(|line| !line.starts_with("request") && !line.starts_with("credentials"));
    let toml: String = toml.map(|line| format!("{line}\n")).collect();
    let problems = read(&format!("{toml}{post}{form}\n"))
        .map(|_| ())
        .unwrap_err();
    assert!(
        problems.iter().any(|it| it.what.contains("not fit")),
        "{problems:?}"
    );
}

/// Wrong credentials of ours must never make every token inactive.
#[test]
fn refusal_counts_for_inactive_only_where_nothing_of_ours_can_be_refused() {
    let request = |more: &str| {
        format!("request = {{ method = \"GET\", url = \"https://api.example/{{token}}\"{more} }}\n")
    };
    let none = "credentials = { type = \"none\" }\n";
    let basic =
        "credentials = { type = \"basic\", username = \"us\", password = { literal = \"p\" } }\n";
    let secret = ", query = { key = { literal = \"k\" } }";
    let posted = |body: &str| request(body).replace("GET", "POST");
    let form = posted(", form = { key = { literal = \"k\" } }");
    let json = posted(", json = { a = [1, { key = { literal = \"k\" } }] }");
    let header = ", headers = { X-Api-Key = { literal = \"k\" } }";
    let rest = "active = [{ status = 200 }]\nclaims = { exp = \"/exp\" }\nany_application = true\n";
    for status in [401, 403] {
        let told = |request: &str, credentials: &str, more: &str| {
            let inactive = format!("inactive = [{{ status = {status}{more} }}]\n");
            read(&[request, credentials, rest, &inactive].concat())
        };
        let lets_through =
            |read: Result<Config, _>| read.is_ok_and(|it| it.introspect.is_refusable);
        assert!(lets_through(told(&request(""), none, "")));
        for (request, credentials) in [
            (request(""), basic),
            (request(secret), none),
            (request(header), none),
            (form.clone(), none),
            (json.clone(), none),
        ] {
            let problems = told(&request, credentials, "").map(|_| ()).unwrap_err();
            assert_eq!(problems.len(), 1, "{problems:?}");
            assert!(
                problems[0].key == "inactive" && problems[0].what.contains("credential of ours")
            );
            assert!(lets_through(told(
                &request,
                credentials,
                ", never_ours = true"
            )));
        }
    }
    for status in [302, 407, 408, 425, 429, 500, 502, 503] {
        refused(
            &format!("inactive = [{{ status = {status} }}]"),
            "inactive[0].status",
            "says nothing",
        );
    }
    refused(
        "inactive = [{ status = 404, never_ours = true }]",
        "inactive[0].never_ours",
        "not a known key",
    );
}
