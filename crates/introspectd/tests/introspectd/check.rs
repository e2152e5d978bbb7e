use crate::deployment::read;
use crate::program::{Ended, Folder, run};

/// The example of the documentation. Its secrets come from the environment and a file; the caller
/// that its socket names has no section.
fn example(folder: &Folder) -> String {
    let secret_file = folder.write("bank", "bank-file-secret\n");
    format!(
        r#"
[listen]
api   = ["127.0.0.1:8080", {{ address = "unix:/run/introspectd/api.sock", caller = "sidecar" }}]
admin = "127.0.0.1:9090"

[log]
level = "info"

[cache]
max_bytes      = "256MiB"
ttl            = "60s"
inactive_ttl   = "5s"
stale_if_error = "0s"

[routing]
unmatched = "reject"

[callers.edge]
secret      = {{ env = "EDGE_SECRET" }}
permissions = ["introspect"]
providers   = ["*"]

[callers.operator]
secret      = {{ literal = "operator-literal-secret" }}
permissions = ["lookup"]
providers   = ["bank"]

[providers.bank]
kind          = "passport"
base_url      = "https://bank.example"
credentials   = {{ type = "client_credentials", client_id = "bank-client", client_secret = {{ file = {secret_file:?} }} }}
timeout       = "2s"
match         = {{ regex = "^[0-9a-f]{{64}}$" }}

[providers.legacy]
kind        = "tibco-asg"
base_url    = "http://asg.internal:9322"
allow_http  = true
credentials = {{ type = "basic", username = "asg-user", password = {{ env = "ASG_PASSWORD" }} }}
match       = {{ prefix = "T1am" }}

[providers.apis]
kind         = "apigee"
base_url     = "https://api.enterprise.apigee.com"
organization = "acme"
credentials  = {{ type = "basic", username = "ops@acme", password = {{ env = "APIGEE_PASSWORD" }} }}
match        = {{ regex = "^[A-Za-z0-9]{{28}}$" }}

[providers.sso]
kind                   = "rfc7662"
introspection_endpoint = "https://sso.example/introspect"
credentials            = {{ type = "client_secret_basic", client_id = "introspectd", client_secret = {{ env = "SSO_SECRET" }} }}
match                  = {{ jwt_issuer = "https://sso.example" }}
"#
    )
}

const SECRETS: [(&str, &str); 4] = [
    ("EDGE_SECRET", "edge-env-secret"),
    ("ASG_PASSWORD", "asg-env-secret"),
    ("APIGEE_PASSWORD", "apigee-env-secret"),
    ("SSO_SECRET", "sso-env-secret"),
];

pub(crate) async fn check(toml: &str, environment: &[(&str, &str)]) -> Ended {
    check_in(&Folder::with_config(toml), environment).await
}

async fn check_in(folder: &Folder, environment: &[(&str, &str)]) -> Ended {
    let mut command = folder.command();
    command
        .args(["check", "--config", "introspectd.toml"])
        .envs(environment.iter().copied());
    run(command, "").await
}

async fn check_example(environment: &[(&str, &str)]) -> Ended {
    let folder = Folder::new();
    folder.write("introspectd.toml", example(&folder));
    let environment = [&SECRETS[..], environment].concat();
    check_in(&folder, &environment).await
}

/// The line that tells the value of this key, split at its origin.
#[track_caller]
pub(crate) fn in_force<'a>(ended: &'a Ended, key: &str) -> (&'a str, &'a str) {
    let mut lines = ended
        .stdout
        .lines()
        .filter(|line| line.starts_with(&format!("{key} = ")));
    let line = lines
        .next()
        .unwrap_or_else(|| panic!("{key} is not told: {}", ended.stdout));
    assert_eq!(lines.next(), None, "{key} is told twice");
    let (assignment, origin) = line.rsplit_once("  # ").unwrap();
    (assignment.split_once(" = ").unwrap().1.trim(), origin)
}

#[tokio::test]
async fn documented_example_is_valid() {
    let ended = check_example(&[]).await.with(0);
    assert_eq!(ended.stderr, "");
    for (key, value) in [
        ("listen.api[0]", "\"127.0.0.1:8080\""),
        (
            "listen.api[1].address",
            "\"unix:/run/introspectd/api.sock\"",
        ),
        ("listen.api[1].caller", "\"sidecar\""),
        ("cache.ttl", "\"1m\""),
        ("callers.edge.secret.env", "\"EDGE_SECRET\""),
        ("callers.edge.permissions", "[\"introspect\"]"),
        ("callers.operator.secret.literal", "\"***\""),
        ("providers.bank.match.regex", "\"^[0-9a-f]{64}$\""),
        ("providers.legacy.allow_http", "true"),
        ("providers.apis.credentials.username", "\"ops@acme\""),
        ("providers.sso.match.jwt_issuer", "\"https://sso.example\""),
    ] {
        let (found, origin) = in_force(&ended, key);
        assert_eq!(found, value, "{key}");
        assert!(origin.starts_with("introspectd.toml:"), "{key}: {origin}");
    }
    assert_eq!(
        in_force(&ended, "callers.sidecar.permissions"),
        ("[\"introspect\"]", "default")
    );
}

#[tokio::test]
async fn absent_keys_are_shown_as_defaults() {
    let ended = check("[callers.edge]\nsecret = { literal = \"x\" }\n", &[])
        .await
        .with(0);
    for (key, value) in [
        ("listen.api[0]", "\"127.0.0.1:8080\""),
        ("listen.admin[0]", "\"127.0.0.1:9090\""),
        ("log.level", "\"info\""),
        ("log.format", "\"auto\""),
        ("trace.otlp", "\"off\""),
        ("trace.sample", "0.01"),
        ("cache.ttl", "\"1m\""),
        ("cache.inactive_ttl", "\"5s\""),
        ("cache.stale_if_error", "\"0s\""),
        ("routing.unmatched", "\"reject\""),
        ("shutdown.drain", "\"10s\""),
        ("callers.edge.permissions", "[\"introspect\"]"),
        ("callers.edge.providers", "[\"*\"]"),
    ] {
        assert_eq!(in_force(&ended, key), (value, "default"), "{key}");
    }
}

#[tokio::test]
async fn rates_bursts_and_several_secrets_are_read() {
    let toml = "[callers.edge]\nrate = \"600/m\"\n\
                secret = [{ literal = \"a\" }, { env = \"OLD\" }]\n\
                [callers.other]\nrate = \"5000/s\"\nburst = 20\nsecret = { literal = \"b\" }\n";
    let ended = check(toml, &[("OLD", "old-secret")]).await.with(0);
    for (key, value) in [
        ("callers.edge.rate", "\"600/m\""),
        ("callers.edge.burst", "10"),
        ("callers.edge.secret[0].literal", "\"***\""),
        ("callers.edge.secret[1].env", "\"OLD\""),
        ("callers.other.burst", "20"),
        ("limits.requests", "8192"),
    ] {
        assert_eq!(in_force(&ended, key).0, value, "{key}");
    }
    assert!(!ended.output().contains("old-secret"));

    let toml = "[callers.a]\nrate = \"5000\"\nsecret = { literal = \"a\" }\n\
                [callers.b]\nburst = 5\nsecret = [{ literal = \"b\" }, { literal = \"a\" }]\n\
                [callers.c]\nrate = \"2000000/s\"\nburst = 0\nsecret = []\n";
    let ended = check(toml, &[]).await.with(2);
    let problems = problems(&ended);
    let found: Vec<_> = problems
        .iter()
        .map(|problem| (problem.origin.as_str(), problem.key.as_str()))
        .collect();
    let expected = [
        ("introspectd.toml:2", "callers.a.rate"),
        ("introspectd.toml:5", "callers.b.burst"),
        ("introspectd.toml:6", "callers.b.secret"),
        ("introspectd.toml:10", "callers.c.secret"),
        ("introspectd.toml:8", "callers.c.rate"),
        ("introspectd.toml:9", "callers.c.burst"),
    ];
    assert_eq!(found, expected, "{problems:#?}");
}

#[tokio::test]
async fn what_a_reload_would_change_is_said_beforehand() {
    let folder = Folder::new();
    let running = "[callers.edge]\nsecret = { literal = \"a\" }\n";
    folder.write("introspectd.toml", running);
    for (next, code, said) in [
        (running.to_owned(), 0, "a reload would change nothing"),
        (
            running.replace("\"a\"", "\"b\""),
            0,
            "a reload would change: callers.edge",
        ),
        (
            format!("{running}[limits]\nrequests = 9\n"),
            2,
            "these keys need a restart: limits.requests",
        ),
        ("nonsense = 1\n".to_owned(), 2, "is not a known key"),
    ] {
        folder.write("new.toml", next);
        let mut command = folder.command();
        command.args([
            "check",
            "--config",
            "new.toml",
            "--running",
            "introspectd.toml",
        ]);
        let ended = run(command, "").await.with(code);
        assert!(ended.output().contains(said), "{ended:#?}");
    }
}

#[tokio::test]
async fn output_that_cannot_be_written_is_exit_2() {
    let folder = Folder::with_config("");
    let commands: [&[&str]; 7] = [
        &["check", "--config", "introspectd.toml"],
        &["hash-secret"],
        &["completions", "bash"],
        &["man"],
        &["--help"],
        &["--version"],
        &["check", "--help"],
    ];
    for arguments in commands {
        let mut command = folder.command();
        command.args(arguments).stdout(
            std::fs::File::options()
                .write(true)
                .open("/dev/full")
                .unwrap(),
        );
        let ended = run(command, "secret").await.with(2);
        assert!(
            ended.stderr.contains("cannot write to standard output"),
            "{arguments:?}: {ended:?}"
        );
    }
}

#[tokio::test]
async fn variable_names_a_caller_whatever_its_case_and_makes_none() {
    let folder = Folder::with_config("[callers.Edge]\nsecret = { literal = \"old\" }\n");
    let permissions = |name: &'static str| [(name, "lookup")];
    let ended = check_in(
        &folder,
        &permissions("INTROSPECTD__CALLERS__Edge__PERMISSIONS"),
    )
    .await
    .with(0);
    let (value, origin) = in_force(&ended, "callers.Edge.permissions");
    assert_eq!(value, "[\"lookup\"]");
    assert_eq!(
        origin,
        "the environment variable INTROSPECTD__CALLERS__Edge__PERMISSIONS"
    );
    assert!(!ended.stdout.contains("callers.edge"), "{}", ended.stdout);
    let ended = check_in(
        &folder,
        &permissions("INTROSPECTD__CALLERS__EGDE__PERMISSIONS"),
    )
    .await
    .with(2);
    let problems = problems(&ended);
    assert_eq!(problems.len(), 1, "{problems:#?}");
    assert_eq!(
        problems[0].origin,
        "the environment variable INTROSPECTD__CALLERS__EGDE__PERMISSIONS"
    );
    assert!(
        problems[0].remedy.contains("In the file: `Edge`."),
        "{problems:#?}"
    );
}

#[tokio::test]
async fn no_secret_is_printed() {
    let ended = check_example(&[(
        "INTROSPECTD__CALLERS__OPERATOR__SECRET__LITERAL",
        "overriding-secret",
    )]);
    let output = ended.await.with(0).output();
    for secret in [
        "env-secret",
        "file-secret",
        "literal-secret",
        "overriding-secret",
    ] {
        assert!(!output.contains(secret), "{output}");
    }
}

#[tokio::test]
async fn the_environment_wins_and_is_named() {
    let ended = check_example(&[
        ("INTROSPECTD__CACHE__TTL", "30s"),
        ("INTROSPECTD__LOG__LEVEL", "debug"),
    ]);
    let ended = ended.await.with(0);
    assert_eq!(
        in_force(&ended, "cache.ttl"),
        (
            "\"30s\"",
            "the environment variable INTROSPECTD__CACHE__TTL"
        )
    );
    assert_eq!(
        in_force(&ended, "log.level"),
        (
            "\"debug\"",
            "the environment variable INTROSPECTD__LOG__LEVEL"
        )
    );
    assert_eq!(
        in_force(&ended, "cache.inactive_ttl"),
        ("\"5s\"", "introspectd.toml:12")
    );
}

#[tokio::test]
async fn a_bad_value_from_the_environment_names_the_environment() {
    let ended = check_example(&[
        ("INTROSPECTD__CACHE__TTL", "soon"),
        ("INTROSPECTD__CACHE__TTLS", "1s"),
    ]);
    let problems = problems(&ended.await.with(2));
    assert_eq!(problems.len(), 2, "{problems:#?}");
    let told = |key: &str| problems.iter().find(|problem| problem.key == key).unwrap();
    assert_eq!(
        told("cache.ttl").origin,
        "the environment variable INTROSPECTD__CACHE__TTL"
    );
    assert_eq!(
        told("cache.ttls").origin,
        "the environment variable INTROSPECTD__CACHE__TTLS"
    );
    assert_eq!(told("cache.ttls").remedy, "Did you mean `ttl`?");
}

/// One problem as it is printed: `origin: key: what`, and the remedy on a line below.
#[derive(Debug)]
pub(crate) struct Told {
    pub(crate) origin: String,
    pub(crate) key: String,
    pub(crate) what: String,
    pub(crate) remedy: String,
}

impl Told {
    /// Asserts that the problem names a line of the file that has its key, or that should have.
    #[track_caller]
    pub(crate) fn assert_line(&self, toml: &str) {
        let number = self
            .origin
            .strip_prefix("introspectd.toml:")
            .and_then(|line| line.parse::<usize>().ok());
        let number = number.unwrap_or_else(|| panic!("no line: {self:#?}"));
        let line = toml.lines().nth(number - 1).unwrap();
        let (parent, key) = self.key.rsplit_once('.').unwrap_or(("", &self.key));
        let parent = parent.rsplit(['.', '[']).next().unwrap();
        let has = |key: &str| line.contains(key.split('[').next().unwrap());
        assert!(
            has(key) || self.what.contains("is missing") && has(parent),
            "{self:#?}: {line}"
        );
    }
}

pub(crate) fn problems(ended: &Ended) -> Vec<Told> {
    assert_eq!(ended.stdout, "", "nothing is in force");
    let mut lines = ended.stderr.lines();
    let count = lines.next().unwrap();
    let told: Vec<Told> = lines
        .collect::<Vec<_>>()
        .chunks(2)
        .map(|pair| {
            let mut parts = pair[0].trim().splitn(3, ": ").map(str::to_owned);
            let (origin, key, what) = (parts.next(), parts.next(), parts.next());
            let remedy = pair[1].trim().to_owned();
            let (origin, key) = (origin.unwrap(), key.unwrap());
            Told {
                origin,
                key,
                what: what.unwrap_or_else(|| panic!("{pair:#?}")),
                remedy,
            }
        })
        .collect();
    assert!(
        count.contains(&format!(" {} problem", told.len())),
        "{count}: {told:#?}"
    );
    told
}

#[tokio::test]
async fn all_problems_are_reported_in_one_run_each_with_line_key_and_remedy() {
    let toml = r#"
        colour = "blue"
        [listen]
        api = ["localhost:8080", { address = "127.0.0.1:0", caller = "edgy", caller_header = true }]
        grpc = [{ address = "127.0.0.1:0", tls = { certificate = "no-such.pem", key = "no-such.key", ca = "x", client_ca = "no-such-ca.pem", client_auth = "maybe" } }]
        admin = { address = "127.0.0.1:0", caller = "edge", tls = { key = "no-such.key", client_auth = "optional" } }
        public_url = "http://introspect.example"
        max_connection_age = "1ms"
        [limits]
        connections = 0
        head = "1MiB"
        [cache]
        ttl = 30
        inactive_ttl = "soon"
        max_byte = "1MiB"
        [log]
        level = "info,x=y=z"
        format = "xml"
        [trace]
        otlp = "grpc://127.0.0.1:4317"
        sample = 2
        [routing]
        unmatched = "bnk"
        [callers.edge]
        secret = { env = "NOT_SET" }
        permissions = ["introspekt"]
        providers = ["bnak"]
        policies = ["ordres"]
        [policies.orders]
        scope = ["orders.read orders.list"]
        aud = []
        provider = ["bnk"]
        unavailable = 502
        [policies."a/b"]
        unavailable = 500
        scopes = ["x"]
        [callers.certified]
        certificate = { subject = "edge" }
        [callers.twice]
        certificate = { san = "a", subject = "CN=a" }
        [callers.unasked]
        certificate = { san = "b" }
        [callers.plain]
        secret = "as it is"
        [providers.bank]
        kind = "passport"
        base_url = "http://bank.example"
        credentials = { type = "none" }
        match = { prefix = "b_" }
        [providers.bank2]
        kind = "passport"
        base_url = "https://bank2.example"
        credentials = { type = "none" }
        match = { prefix = "b_" }
        [providers.regex1]
        kind = "tibco-asg"
        base_url = "https://r.example"
        credentials = { type = "none" }
        match = { regex = "^a$" }
        [providers.regex2]
        kind = "tibco-asg"
        base_url = "https://r.example"
        credentials = { type = "none" }
        match = { regex = "^a$" }
        [providers.regex3]
        kind = "tibco-asg"
        base_url = "https://r.example"
        credentials = { type = "none" }
        match = { regex = "(" }
        [providers.issuer1]
        kind = "rfc7662"
        introspection_endpoint = "https://i.example"
        credentials = { type = "none" }
        match = { jwt_issuer = "https://i" }
        [providers.issuer2]
        kind = "rfc7662"
        introspection_endpoint = "https://i.example"
        credentials = { type = "none" }
        match = { jwt_issuer = "https://i" }
        [providers.odd]
        kind = "apigge"
        base_url = "https://o.example"
        organization = "acme"
        credentials = { type = "none" }
        [providers.slow]
        kind = "passport"
        base_url = "https://s.example"
        timeout = "2 fortnights"
        credentials = { type = "basic", username = "u", password = { env = "NOT_SET_EITHER" } }
    "#;
    let problems = problems(&check(toml, &[]).await.with(2));
    let expected = [
        ("colour", "not a known key", "Known keys"),
        ("listen.api", "\"localhost:8080\"", "127.0.0.1:8080"),
        ("listen.grpc[0].tls.certificate", "no-such.pem", "PEM file"),
        ("listen.grpc[0].tls.ca", "not a known key", "client_ca"),
        (
            "listen.admin[0].caller",
            "not a known key",
            "Known keys: address, group, mode, owner, tls",
        ),
        ("listen.admin[0].tls.certificate", "is missing", "PEM file"),
        (
            "listen.admin[0].tls.client_auth",
            "no effect without client_ca",
            "Add client_ca",
        ),
        (
            "listen.grpc[0].tls.client_auth",
            "not a known word",
            "\"optional\"",
        ),
        ("listen.max_connection_age", "out of bounds", "\"1s\""),
        ("limits.connections", "from 1 to 1000000", "Choose a number"),
        ("limits.head", "too large", "\"128KiB\" or less"),
        (
            "listen.public_url",
            "plain http",
            "https://introspect.example",
        ),
        (
            "listen.api[1].caller_header",
            "has no effect",
            "Leave one of the two out",
        ),
        (
            "listen.api[1].caller",
            "names callers.edgy",
            "Did you mean `edge`?",
        ),
        ("cache.ttl", "the number 30", "\"2s\""),
        ("cache.inactive_ttl", "a duration", "\"2s\""),
        (
            "cache.max_byte",
            "not a known key",
            "Did you mean `max_bytes`?",
        ),
        ("log.level", "", "RUST_LOG"),
        ("log.format", "must be", "Write \"auto\""),
        ("trace.otlp", "is no", "\"off\""),
        ("trace.sample", "a number from 0 to 1", "0.01 is one"),
        (
            "routing.unmatched",
            "not a provider",
            "Did you mean `bank`?",
        ),
        ("callers.edge.secret.env", "NOT_SET", "Set NOT_SET"),
        (
            "callers.edge.permissions",
            "introspekt",
            "Did you mean `introspect`?",
        ),
        ("callers.edge.providers", "bnak", "Did you mean `bank`?"),
        ("callers.edge.policies", "ordres", "Did you mean `orders`?"),
        (
            "policies.orders.scope",
            "not a scope",
            "a string of its own",
        ),
        (
            "policies.orders.aud",
            "is empty, so no token",
            "leave the key out",
        ),
        ("policies.orders.provider", "bnk", "Did you mean `bank`?"),
        ("policies.orders.unavailable", "502", "401, 403 or 503"),
        (
            "policies.a/b",
            "cannot be part of a path",
            "letters, digits",
        ),
        ("policies.a/b.unavailable", "500", "401, 403 or 503"),
        (
            "policies.a/b.scopes",
            "not a known key",
            "Did you mean `scope`?",
        ),
        (
            "callers.certified.certificate.subject",
            "not a name",
            "RFC 4514",
        ),
        ("callers.twice.certificate", "exactly one", "san"),
        (
            "callers.unasked.certificate",
            "no listener requests",
            "client_ca",
        ),
        ("callers.plain.secret", "plain string", "{ env = \"NAME\" }"),
        ("providers.bank.base_url", "plain http", "allow_http"),
        (
            "providers.bank2.match.prefix",
            "providers.bank,",
            "Make the two differ",
        ),
        (
            "providers.regex2.match.regex",
            "providers.regex1,",
            "Make the two differ",
        ),
        (
            "providers.regex3.match.regex",
            "not a regular expression",
            "Correct the expression",
        ),
        (
            "providers.issuer2.match.jwt_issuer",
            "providers.issuer1,",
            "Make the two differ",
        ),
        ("providers.odd.kind", "not a kind", "Did you mean `apigee`?"),
        ("providers.slow.timeout", "a duration", "\"2s\""),
        (
            "providers.slow.credentials.password.env",
            "NOT_SET_EITHER",
            "Set NOT_SET_EITHER",
        ),
    ];
    for (key, what, remedy) in expected {
        let told: Vec<_> = problems
            .iter()
            .filter(|problem| problem.key == key)
            .collect();
        assert_eq!(told.len(), 1, "{key}: {problems:#?}");
        assert!(told[0].what.contains(what), "{told:#?}");
        assert!(told[0].remedy.contains(remedy), "{told:#?}");
        told[0].assert_line(toml);
    }
    let surplus: Vec<_> = problems
        .iter()
        .filter(|problem| !expected.iter().any(|(key, ..)| *key == problem.key))
        .collect();
    assert!(surplus.is_empty(), "{surplus:#?}");
}

#[tokio::test]
async fn a_secret_in_the_wrong_place_is_not_echoed() {
    let toml = "[callers.edge]\nsecret = \"hunter2\"\n[callers.b]\nsecret = { sha256 = \
        \"hunter2\" }\n\
                [callers.c]\nsecret = { literal = [\"hunter2\"] }\n";
    let ended = check(toml, &[]).await.with(2);
    assert!(!ended.output().contains("hunter2"), "{}", ended.stderr);
}

#[tokio::test]
async fn two_callers_with_one_secret_are_a_problem() {
    let toml = "[callers.a]\nsecret = { literal = \"same\" }\n[callers.b]\nsecret = { literal = \
        \"same\" }\n";
    let problems = problems(&check(toml, &[]).await.with(2));
    assert_eq!(problems.len(), 1, "{problems:#?}");
    assert_eq!(problems[0].key, "callers.b.secret");
}

#[tokio::test]
async fn plain_http_is_accepted_on_loopback() {
    for host in ["127.0.0.1:1", "localhost", "[::1]"] {
        let toml = format!(
            "[providers.x]\nkind = \"passport\"\nbase_url = \"http://{host}\"\ncredentials = {{ \
                type = \"none\" }}\n"
        );
        check(&toml, &[]).await.with(0);
    }
}

#[tokio::test]
async fn keys_of_revocation_are_judged_like_the_others() {
    let sso = |endpoint: &str| {
        format!(
            "[providers.sso]\nkind = \"rfc7662\"\nintrospection_endpoint = \
                \"https://sso.example/introspect\"\n\
             credentials = {{ type = \"none\" }}\nrevocation_endpoint = \"{endpoint}\"\n"
        )
    };
    let ended = check(&sso("https://sso.example/revoke"), &[]).await.with(0);
    assert_eq!(
        in_force(&ended, "providers.sso.revocation_endpoint").0,
        "\"https://sso.example/revoke\""
    );
    for (endpoint, what) in [
        (
            "http://sso.example/revoke",
            "is plain http, which shows tokens and credentials to the network",
        ),
        (
            "https://sso.example/introspect",
            "is the introspection endpoint",
        ),
        ("sso.example/revoke", "is no URL"),
    ] {
        let ended = check(&sso(endpoint), &[]).await.with(2);
        let [told] = &problems(&ended)[..] else {
            panic!("{}", ended.stderr)
        };
        assert_eq!(
            (told.key.as_str(), told.what.as_str()),
            ("providers.sso.revocation_endpoint", what)
        );
    }

    let apigee = "[providers.apis]\nkind = \"apigee\"\nbase_url = \"https://apigee.example\"\n\
        organization = \"acme\"\ncredentials = { type = \"none\" }\n";
    let ended = check(apigee, &[]).await.with(0);
    assert_eq!(
        in_force(&ended, "providers.apis.cascade"),
        ("false", "default")
    );
    let ended = check(&format!("{apigee}cascade = \"yes\"\n"), &[])
        .await
        .with(2);
    assert_eq!(problems(&ended)[0].key, "providers.apis.cascade");
}

#[tokio::test]
async fn unreadable_file_is_named() {
    let folder = Folder::new();
    let ended = check_in(&folder, &[]).await.with(2);
    assert!(
        ended.stderr.contains("introspectd.toml: cannot be read"),
        "{}",
        ended.stderr
    );
    let mut command = folder.command();
    command.args(["check", "--config", "."]);
    run(command, "").await.with(2);
    let mut command = folder.command();
    command.arg("check");
    run(command, "").await.with(2);
}

#[tokio::test]
async fn invalid_toml_is_reported_with_its_line() {
    let ended = check("[cache]\nttl = = 1\n", &[]).await.with(2);
    assert!(
        ended
            .stderr
            .contains("introspectd.toml:2: is not valid TOML"),
        "{}",
        ended.stderr
    );
    let folder = Folder::new();
    folder.write("introspectd.toml", [0xff, 0xfe]);
    check_in(&folder, &[]).await.with(2);
}

#[tokio::test]
async fn an_empty_file_is_a_configuration() {
    check("", &[]).await.with(0);
}

/// A provider of which nothing else is configured.
const ALONE: &str = "[providers.x]\nkind = \"rfc7662\"\n\
                     introspection_endpoint = \"https://sso.example/introspect\"\n\
                     credentials = { type = \"none\" }\n";

#[tokio::test]
async fn policy_of_a_provider_is_shown_with_its_defaults() {
    let times = "[cache]\nttl = \"30s\"\n";
    let ended = check(&format!("{times}{ALONE}"), &[]).await.with(0);
    for (key, value) in [
        ("timeout", "\"2s\""),
        ("max_in_flight", "1024"),
        ("queue", "256"),
        ("retry.attempts", "2"),
        ("retry.budget", "\"10%\""),
        ("breaker.failures", "\"50%\""),
        ("breaker.window", "\"10s\""),
        ("breaker.min_requests", "20"),
        ("breaker.open_for", "\"5s\""),
        ("breaker.probes", "1"),
        ("hedge", "\"off\""),
        ("cache.ttl", "\"30s\""),
        ("cache.inactive_ttl", "\"5s\""),
        ("cache.stale_if_error", "\"0s\""),
    ] {
        let found = in_force(&ended, &format!("providers.x.{key}"));
        assert_eq!(found, (value, "default"), "{key}");
    }
}

#[tokio::test]
async fn variable_switches_a_part_of_a_policy_off() {
    let variable = ("INTROSPECTD__PROVIDERS__X__BREAKER", "off");
    let ended = check(ALONE, &[variable]).await.with(0);
    let (value, origin) = in_force(&ended, "providers.x.breaker");
    assert_eq!(value, "\"off\"");
    assert!(origin.ends_with(variable.0), "{origin}");
}

#[tokio::test]
async fn wrong_policy_names_line_key_and_remedy() {
    let lines = "queue = -1\nretry = { attempts = 0, budget = \"0%\" }\nbreaker = \"on\"\n\
                 hedge = \"p99\"\n[providers.x.cache]\nttl = \"0s\"\nstale_if_error = \"1h\"\n\
                 ttll = \"1s\"\n";
    let ended = check(&format!("{ALONE}{lines}"), &[]).await.with(2);
    for problem in [
        "introspectd.toml:5: providers.x.queue: expected a whole number from 0 to 1000000",
        "introspectd.toml:6: providers.x.retry.attempts: expected a whole number from 1 to 10",
        "introspectd.toml:6: providers.x.retry.budget: expected a share from \"1%\" to \"100%\"",
        "introspectd.toml:7: providers.x.breaker: expected a table or \"off\"",
        "introspectd.toml:8: providers.x.hedge: is not known",
        "introspectd.toml:11: providers.x.cache.stale_if_error: has nothing to keep",
        "introspectd.toml:12: providers.x.cache.ttll: is not a known key",
        "Write \"off\", or [providers.x.breaker] and its keys below.",
    ] {
        assert!(
            ended.stderr.contains(problem),
            "{problem}\n{}",
            ended.stderr
        );
    }
}

const JWT: &str = r#"
[providers.corp]
kind     = "jwt"
issuer   = "https://corp.example"
jwks     = { url = "https://corp.example/jwks" }
audience = ["https://orders"]
"#;

#[tokio::test]
async fn jwt_provider_is_shown_with_what_follows_from_its_issuer() {
    let shown = check(JWT, &[]).await.with(0);
    for line in [
        "providers.corp.match.jwt_issuer = \"https://corp.example\"",
        "providers.corp.algorithms = [\"RS256\", \"PS256\", \"ES256\", \"ES384\", \"EdDSA\"]",
        "providers.corp.type = \"accept\"",
        "providers.corp.jwks_max_age = \"1day\"",
        "providers.corp.clock_skew = \"0s\"",
    ] {
        assert!(shown.stdout.contains(line), "{line}: {}", shown.stdout);
    }
    assert_eq!(shown.stderr, "");
    let any = JWT.replace("[\"https://orders\"]", "\"any\"");
    let shown = check(&any, &[]).await.with(0);
    let warning = "\n# WARNING: providers.corp.audience is \"any\": ";
    assert!(shown.stdout.contains(warning), "{}", shown.stdout);
}

#[tokio::test]
async fn each_problem_of_a_jwt_provider_is_named() {
    let audience = "audience = [\"https://orders\"]";
    let jwks = "jwks     = { url = \"https://corp.example/jwks\" }";
    let two = format!("{JWT}{}", JWT.replace("corp]", "other]"));
    let issuer = "match = { jwt_issuer = \"https://corp.example\" }";
    let sso = format!(
        "{JWT}[providers.sso]\nkind = \"rfc7662\"\nintrospection_endpoint = \"https://x.example\"\n\
         credentials = {{ type = \"none\" }}\n{issuer}\n"
    );
    for (toml, problem) in [
        (
            JWT.replace("issuer", "# issuer"),
            "providers.corp.issuer: is missing",
        ),
        (
            JWT.replace("https://corp.example\"\n", "\"\n"),
            "providers.corp.issuer: is empty",
        ),
        (
            JWT.replace(audience, ""),
            "providers.corp.audience: is missing or empty",
        ),
        (
            JWT.replace(audience, "audience = []"),
            "is missing or empty",
        ),
        (
            JWT.replace(audience, "audience = [\"any\", \"x\"]"),
            "among others",
        ),
        (JWT.replace(jwks, ""), "one of them only"),
        (format!("{JWT}discover = true\n"), "one of them only"),
        (
            JWT.replace("https://corp.example/jwks", "http://corp.example/jwks"),
            "is plain http",
        ),
        (
            JWT.replace("url = \"https://corp.example/jwks\"", "file = \"/no/such\""),
            "cannot be used",
        ),
        (
            format!("{JWT}algorithms = [\"HS256\"]\n"),
            "\"HS256\", which is not known",
        ),
        (
            format!("{JWT}algorithms = [\"none\"]\n"),
            "\"none\", which is not known",
        ),
        (format!("{JWT}algorithms = []\n"), "algorithms: is empty"),
        (
            format!("{JWT}type = \"at+jwt\"\n"),
            "must be \"accept\" or \"require\"",
        ),
        (format!("{JWT}clock_skew = \"61s\"\n"), "clock_skew"),
        (format!("{JWT}jwks_max_age = \"500ms\"\n"), "jwks_max_age"),
        (
            format!("{JWT}credentials = {{ type = \"none\" }}\n"),
            "is not a known key",
        ),
        (
            format!("{JWT}introspect = {{}}\n"),
            "introspect.introspection_endpoint: is missing",
        ),
        (two, "is that of providers.corp, too"),
        (sso, "is that of providers.corp, too"),
    ] {
        let ended = check(&toml, &[]).await.with(2);
        assert!(
            ended.stderr.contains(problem),
            "{problem}: {}",
            ended.stderr
        );
    }
}

/// Each block of the page is a configuration by itself.
#[tokio::test]
async fn configurations_of_the_page_on_jwts_are_valid() {
    let page = read("docs/jwt.md");
    let blocks: Vec<_> = page.split("```toml\n").skip(1).collect();
    assert_eq!(blocks.len(), 2);
    for block in blocks {
        let (block, _) = block.split_once("```").unwrap();
        let shown = check(block, &[("CORP_SECRET", "s3cret")]).await.with(0);
        assert!(shown.stdout.contains("providers.corp.kind = \"jwt\""));
        assert_eq!(shown.stderr, "");
    }
}
