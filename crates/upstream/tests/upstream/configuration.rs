//! Valid configurations, and the problems of invalid ones.

use introspectd_settings::Problem;
use introspectd_upstream::Dialect;

use crate::provider::{read, read_with_other};

const HTTPS: &str = "base_url = \"https://as.example\"\n";
const NONE: &str = "credentials = { type = \"none\" }\n";
const REST: Dialect = Dialect::Rest;
const FORM: Dialect = Dialect::FormEndpoint;

fn problems(dialect: Dialect, toml: &str) -> Vec<Problem> {
    let problems = read(dialect, toml).map(|_| ()).expect_err(toml);
    for problem in &problems {
        assert!(problem.origin.contains(".toml"), "{problem}");
        assert!(!problem.remedy.is_empty(), "{problem}");
    }
    problems
}

/// The keys and what is wrong with them.
fn told(dialect: Dialect, toml: &str) -> Vec<(String, String)> {
    problems(dialect, toml)
        .into_iter()
        .map(|problem| (problem.key, problem.what))
        .collect()
}

fn assert_told(dialect: Dialect, toml: &str, expected: &[(&str, &str)]) {
    let expected: Vec<_> = expected
        .iter()
        .map(|(key, what)| ((*key).to_owned(), (*what).to_owned()))
        .collect();
    assert_eq!(told(dialect, toml), expected, "{toml}");
}

fn credentials(table: &str) -> String {
    format!("base_url = \"http://127.0.0.1:1\"\ncredentials = {{ {table} }}\n")
}

#[test]
fn all_problems_are_told_at_once_with_key_and_remedy() {
    let toml = "base_url = \"http://as.example\"\ntimeout = 2\ntimeuot = \"2s\"\n\
        [tls]\nca = \"/nonexistent/ca.pem\"\nverify = false\n\
        [credentials]\ntype = \"client_credentials\"\ntoken_endpoint = \"http://10.0.0.1/token\"\n\
        client_auth = \"header\"\nclient_secret = \"hunter2\"\n";
    let problems = problems(FORM, toml);
    let told: Vec<_> = problems
        .iter()
        .map(|p| (p.key.as_str(), p.remedy.as_str()))
        .collect();
    let https = "Use https, or set allow_http = true if the network is trusted.";
    let secret = "Write { env = \"NAME\" }, { file = \"PATH\" } or { literal = \"…\" }.";
    assert_eq!(
        told,
        [
            ("base_url", https),
            (
                "timeout",
                "Write a number with its unit in quotes: \"1500ms\", \"2s\", \"5m\"."
            ),
            ("credentials.client_id", "Write client_id = \"…\"."),
            ("credentials.client_secret", secret),
            ("credentials.token_endpoint", https),
            ("credentials.client_auth", "Write \"basic\" or \"post\"."),
            ("tls.ca", "Name a PEM file of certificates."),
            ("tls.verify", "Remove it. Known keys: ca, certificate, key."),
            ("timeuot", "Did you mean `timeout`?"),
        ]
    );
    assert!(
        !problems
            .iter()
            .any(|problem| problem.to_string().contains("hunter2"))
    );
}

#[test]
fn an_address_and_credentials_are_required() {
    assert_told(
        REST,
        "",
        &[("base_url", "is missing"), ("credentials", "are missing")],
    );
    assert_told(
        REST,
        &credentials(""),
        &[("credentials.type", "is missing")],
    );
    assert_told(
        REST,
        &credentials("type = 1"),
        &[("credentials.type", "expected a string, found the number 1")],
    );
}

#[test]
fn every_type_says_what_it_lacks() {
    for (dialect, table, missing) in [
        (REST, "type = \"bearer\"", &["token"][..]),
        (REST, "type = \"basic\"", &["username", "password"]),
        (
            REST,
            "type = \"client_secret_basic\"",
            &["client_id", "client_secret"],
        ),
        (
            FORM,
            "type = \"client_secret_post\"",
            &["client_id", "client_secret"],
        ),
        (
            REST,
            "type = \"client_credentials\"",
            &["client_id", "client_secret", "token_endpoint"],
        ),
        (
            Dialect::RestWithJsonGrant("/t"),
            "type = \"client_credentials\"",
            &["client_id", "client_secret"],
        ),
    ] {
        let expected: Vec<_> = missing
            .iter()
            .map(|key| (format!("credentials.{key}"), "is missing".to_owned()))
            .collect();
        assert_eq!(told(dialect, &credentials(table)), expected, "{table}");
    }
}

#[test]
fn a_type_that_cannot_be_hides_no_key_behind_it() {
    let table = "type = \"baerer\", token = { literal = \"x\" }";
    assert_told(
        REST,
        &credentials(table),
        &[("credentials.type", "is no type of credentials")],
    );
    let table =
        "type = \"client_secret_post\", client_id = \"x\", client_secret = { literal = \"x\" }";
    assert_told(
        REST,
        &credentials(table),
        &[("credentials.type", "does not fit this kind of provider")],
    );
}

#[test]
fn a_key_of_another_type_is_told() {
    let table = "type = \"bearer\", token = { literal = \"x\" }, username = \"x\"";
    let unknown = "is not a known key";
    assert_told(
        REST,
        &credentials(table),
        &[("credentials.username", unknown)],
    );
    // Passport has a grant of its own, whose address is known.
    let table = "type = \"client_credentials\", client_id = \"x\", client_secret = { literal = \
        \"x\" }, token_endpoint = \"https://as.example\"";
    let dialect = Dialect::RestWithJsonGrant("/t");
    assert_told(
        dialect,
        &credentials(table),
        &[("credentials.token_endpoint", unknown)],
    );
}

#[test]
fn what_http_cannot_carry_is_told() {
    let table = "type = \"bearer\", token = { literal = \"a\\nb\" }";
    let character = "holds a character that no header can carry";
    assert_told(
        REST,
        &credentials(table),
        &[("credentials.token", character)],
    );
    let table = "type = \"basic\", username = \"a:b\", password = { literal = \"x\" }";
    assert_told(
        REST,
        &credentials(table),
        &[("credentials.username", "holds a colon")],
    );
    let client = "client_id = \"a:b\", client_secret = { literal = \"x\" }";
    let table = format!("type = \"client_secret_basic\", encoding = \"plain\", {client}");
    assert_told(
        REST,
        &credentials(&table),
        &[("credentials.client_id", "holds a colon")],
    );
    let grant =
        format!("type = \"client_credentials\", token_endpoint = \"http://127.0.0.1:1\", {client}");
    let table = format!("encoding = \"plain\", {grant}");
    assert_told(
        REST,
        &credentials(&table),
        &[("credentials.client_id", "holds a colon")],
    );
    assert!(
        read(REST, &credentials(&grant)).is_ok(),
        "a colon is encoded"
    );
}

#[test]
fn plain_http_leaves_the_machine_only_where_it_is_allowed() {
    let open = "is plain http, which shows tokens and credentials to the network";
    let http = "base_url = \"http://as.example\"\n";
    assert_told(REST, &format!("{http}{NONE}"), &[("base_url", open)]);
    assert!(read(REST, &format!("{http}allow_http = true\n{NONE}")).is_ok());
    for loopback in ["http://127.0.0.1:9", "http://localhost:9", "http://[::1]:9"] {
        assert!(
            read(REST, &format!("base_url = {loopback:?}\n{NONE}")).is_ok(),
            "{loopback}"
        );
    }
    let grant = credentials(
        "type = \"client_credentials\", token_endpoint = \"http://as.example/token\", client_id = \
            \"x\", client_secret = { literal = \"x\" }",
    );
    assert_told(REST, &grant, &[("credentials.token_endpoint", open)]);
    assert!(read(REST, &format!("allow_http = true\n{grant}")).is_ok());
}

#[test]
fn an_address_is_a_url_without_secrets() {
    for (text, what) in [
        ("ldap://as.example", "is no http or https URL"),
        ("as.example/x y", "is no URL"),
        (
            "http://u:hunter2@127.0.0.1",
            "holds a user name or password",
        ),
        ("http://127.0.0.1:70000", "is no URL"),
    ] {
        assert_told(
            REST,
            &format!("base_url = {text:?}\n{NONE}"),
            &[("base_url", what)],
        );
    }
    let query = "base_url = \"http://127.0.0.1/?realm=x\"\n";
    assert_told(
        REST,
        &format!("{query}{NONE}"),
        &[("base_url", "holds a query")],
    );
    assert!(read(FORM, &format!("{query}{NONE}")).is_ok());
}

#[test]
fn a_timeout_has_bounds() {
    for timeout in ["0s", "301s"] {
        let toml = format!("base_url = \"http://127.0.0.1\"\ntimeout = {timeout:?}\n{NONE}");
        assert_told(REST, &toml, &[("timeout", "is out of bounds")]);
    }
}

#[test]
fn nothing_switches_verification_off() {
    let unknown = "is not a known key";
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), crate::authority::Authority::new().pem()).unwrap();
    for key in [
        "verify",
        "insecure",
        "insecure_skip_verify",
        "skip_verify",
        "verify_hostname",
        "server_name",
    ] {
        for value in ["true", "false"] {
            let tls = format!("tls = {{ ca = {:?}, {key} = {value} }}", file.path());
            assert_told(
                REST,
                &format!("{HTTPS}{NONE}{tls}"),
                &[(&format!("tls.{key}"), unknown)],
            );
            let above = format!(
                "{HTTPS}{NONE}{key} = {value}\ntls = {{ ca = {:?} }}",
                file.path()
            );
            assert_told(REST, &above, &[(key, unknown)]);
        }
    }
}

#[test]
fn what_is_in_force_is_noted_once_and_without_secrets() {
    let toml = credentials(
        "type = \"client_credentials\", token_endpoint = \"http://127.0.0.1/token\", client_id = \
            \"x\", client_secret = { literal = \"hunter2\" }",
    );
    let (_, settings) = read(REST, &toml).unwrap();
    let mut keys: Vec<_> = settings
        .iter()
        .map(|setting| setting.key.as_str())
        .collect();
    keys.sort_unstable();
    let noted = keys.len();
    keys.dedup();
    assert_eq!(keys.len(), noted, "{settings:#?}");
    assert!(keys.contains(&"base_url") && keys.contains(&"timeout"));
    assert!(!format!("{settings:?}").contains("hunter2"));
}

#[test]
fn a_second_address_is_held_to_the_same_rules() {
    let other = |text: &str, more: &str| {
        let toml = format!("{HTTPS}{NONE}{more}\nother_url = {text:?}\n");
        read_with_other(FORM, &toml, Some("other_url"))
            .map(|(_, other, _)| other.expect("it is there"))
    };
    assert_eq!(
        *other("https://as.example/revoke?a=b", "").unwrap().uri(),
        "https://as.example/revoke?a=b"
    );
    assert!(other("http://127.0.0.1:1/revoke", "").is_ok());
    assert!(other("http://as.example/revoke", "allow_http = true").is_ok());
    for (text, what) in [
        (
            "http://as.example/revoke",
            "is plain http, which shows tokens and credentials to the network",
        ),
        ("as.example/revoke", "is no URL"),
        ("https://u:p@as.example", "holds a user name or password"),
    ] {
        let problems = other(text, "").expect_err(text);
        let told: Vec<_> = problems
            .iter()
            .map(|problem| (problem.key.as_str(), problem.what.as_str()))
            .collect();
        assert_eq!(told, [("other_url", what)]);
    }
    let (_, absent, _) =
        read_with_other(FORM, &format!("{HTTPS}{NONE}"), Some("other_url")).unwrap();
    assert_eq!(absent, None);
}
