//! `introspectd try`, against servers in order and out of order.

mod connections;
mod credentials;
mod faults;
mod jwt;
mod tokens;

use introspectd_simulators::rfc7662::{
    ACTIVE, ACTIVE_JWT, CLIENT_ID, CLIENT_SECRET, STALE, UNKNOWN,
};
use introspectd_simulators::{Answer, Fault, Recorded, Simulator, Vendor};
use serde_json::{Value, json};

use crate::asking::{Asking, url};
use crate::program::{Ended, Folder, run};
use crate::server::{BASE, Server};
use crate::vendors::sso;

/// Token that the server of these tests does not look at.
const TOKEN: &str = "tok_aGVsbG8td29ybGQ+x/y";
const PART_OF_TOKEN: &str = "GVsbG8td29ybGQ";
const SECRET: &str = "s3cr:t/+ %&-of-ours";

/// Active for an hour.
fn active() -> Value {
    let end = crate::vendors::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap()
        .as_secs()
        + 3600;
    json!({"active": true, "exp": end, "aud": "https://api.example.com"})
}

/// Server that says active to whatever is asked, unless it has a fault.
struct Agreeable;

impl Vendor for Agreeable {
    fn answer(&self, _: &Recorded) -> Answer {
        Answer::json(200, active())
    }
}

async fn agreeable() -> Simulator<Agreeable> {
    Simulator::start(Agreeable).await.unwrap()
}

/// One run of the command. Its endpoint is a server's `/introspect`.
struct Trial {
    folder: Folder,
    arguments: Vec<String>,
    environment: Vec<(&'static str, &'static str)>,
}

impl Trial {
    /// Trial without credentials.
    fn at(endpoint: impl Into<String>) -> Self {
        let arguments = vec!["try".to_owned(), "--endpoint".to_owned(), endpoint.into()];
        let trial = Self {
            folder: Folder::new(),
            arguments,
            environment: Vec::new(),
        };
        // So long that no busy machine makes a timeout where none is meant.
        trial.with(&["--timeout", "60s"])
    }

    /// Trial of a token that is judged by the keys of this issuer.
    fn of_issuer(issuer: &str) -> Self {
        let trial = Self {
            folder: Folder::new(),
            arguments: vec!["try".to_owned(), "--issuer".to_owned(), issuer.to_owned()],
            environment: Vec::new(),
        };
        trial.with(&["--timeout", "60s"])
    }

    /// Adds the client `introspectd`, with this secret in a file.
    fn of_client(endpoint: impl Into<String>, secret: &str) -> Self {
        Self::at(endpoint)
            .with(&["--client-id", CLIENT_ID])
            .with_secret(secret)
    }

    fn with_secret(self, secret: &str) -> Self {
        self.folder.write("client.secret", format!("{secret}\n"));
        self.with(&["--secret-file", "client.secret"])
    }

    fn with(mut self, arguments: &[&str]) -> Self {
        self.arguments
            .extend(arguments.iter().map(|it| (*it).to_owned()));
        self
    }

    fn env(mut self, name: &'static str, value: &'static str) -> Self {
        self.environment.push((name, value));
        self
    }

    async fn run(&self, token: &str) -> Ended {
        let mut command = self.folder.command();
        command
            .args(&self.arguments)
            .envs(self.environment.iter().copied());
        run(command, token).await
    }

    /// Runs it, and no secret is in what it prints.
    async fn secretly(&self, token: &str) -> Ended {
        let ended = self.run(token).await;
        for secret in [token.trim(), SECRET, CLIENT_SECRET] {
            assert!(!ended.output().contains(secret), "{secret}: {ended:#?}");
        }
        ended
    }
}

fn introspect<V: Vendor>(server: &Simulator<V>) -> String {
    format!("{}/introspect", server.base_url())
}

#[tokio::test]
async fn section_is_accepted_by_check_and_answers_in_the_service() {
    for token in [ACTIVE, ACTIVE_JWT] {
        let sso = sso().await;
        let trial = Trial::of_client(introspect(&sso), CLIENT_SECRET);
        let ended = trial.secretly(&format!("{token}\n")).await.with(0);
        assert!(ended.stderr.contains("active for another "), "{ended:#?}");
        assert!(ended.stdout.starts_with("[providers.sso]\n"), "{ended:#?}");
        assert_eq!(sso.count(), 1);

        let mut check = trial.folder.command();
        trial
            .folder
            .write("introspectd.toml", format!("{BASE}{}", ended.stdout));
        check.args(["check", "--config", "introspectd.toml"]);
        run(check, "").await.with(0);
        let server = Server::start_in(trial.folder, &[]).await;
        let lookup = Asking::new("lookup")
            .at(&url(&server))
            .edge()
            .of(token)
            .await
            .with(0);
        assert!(
            lookup.stdout.contains("\"provider\":\"sso\""),
            "{lookup:#?}"
        );
        assert_eq!(sso.count(), 2);
    }
}

#[tokio::test]
async fn section_has_the_keys_of_the_arguments_and_is_accepted_by_check() {
    let server = agreeable().await;
    let trial = Trial::of_client(introspect(&server), SECRET)
        .with(&[
            "--name",
            "our-sso",
            "--encoding",
            "plain",
            "--missing-exp",
            "accept",
            "--clock-skew",
            "30s",
        ])
        .with(&["--allow-http"]);
    let ended = trial.secretly(TOKEN).await.with(0);
    let expected = format!(
        "[providers.our-sso]\n\
         kind                   = \"rfc7662\"\n\
         introspection_endpoint = \"{}\"\n\
         credentials            = {{ type = \"client_secret_basic\", client_id = \"introspectd\", \
         client_secret = {{ file = \"{}\" }}, encoding = \"plain\" }}\n\
         timeout                = \"60s\"\n\
         clock_skew             = \"30s\"\n\
         missing_exp            = \"accept\"\n\
         allow_http             = true\n\
         # Read off one token: widen it if others look different.\n\
         match                  = {{ regex = \"^[A-Za-z0-9_\\\\+\\\\/-]{{23}}$\" }}\n",
        introspect(&server),
        trial.folder.path("client.secret").display(),
    );
    let lines = |text: &str| {
        let mut lines: Vec<_> = text.lines().map(str::to_owned).collect();
        lines.sort();
        lines
    };
    assert_eq!(lines(&ended.stdout), lines(&expected));
    trial.folder.write("introspectd.toml", &ended.stdout);
    let mut check = trial.folder.command();
    check.args(["check", "--config", "introspectd.toml"]);
    run(check, "").await.with(0);
}

#[tokio::test]
async fn request_and_response_are_shown_with_token_and_secrets_masked() {
    let server = agreeable().await;
    let encoded = "s3cr%3At%2F%2B%20%25%26-of-ours";
    let body = json!({
        "active": true, "exp": active()["exp"], "echo": TOKEN, "part": PART_OF_TOKEN,
        "secret": "of the server",
        "refresh_token": "refresh-me", "client": [SECRET, encoded], "\u{1b}[2J": "n\u{f1}",
    });
    let answer = Answer::json(200, body)
        .with_header("x-echo", TOKEN)
        .with_header("set-cookie", "session=1234");
    server.next(Fault::Answer(answer));
    let ended = Trial::of_client(introspect(&server), SECRET)
        .secretly(&format!("{TOKEN}\n"))
        .await
        .with(0);
    for shown in [
        &format!("POST {}\n", introspect(&server)),
        "  authorization: Basic ***\n",
        "  content-type: application/x-www-form-urlencoded\n",
        "  accept-encoding: identity\n",
        "  token=***\n",
        "HTTP/1.1 200 OK after ",
        "  x-echo: ***\n",
        "  set-cookie: ***\n",
        "    \"active\": true,\n",
        "    \"echo\": \"***\",\n",
        "    \"refresh_token\": \"***\",\n",
        "\\u001b[2J",
    ] {
        assert!(ended.stderr.contains(shown), "{shown}: {}", ended.stderr);
    }
    let output = ended.output();
    for secret in [
        encoded,
        PART_OF_TOKEN,
        "refresh-me",
        "of the server",
        "session=1234",
        "\u{1b}",
    ] {
        assert!(!output.contains(secret), "{secret}: {output}");
    }
    let [request] = &server.requests()[..] else {
        panic!("one request")
    };
    assert_eq!(request.form(), [("token".to_owned(), TOKEN.to_owned())]);
}

#[tokio::test]
async fn definite_answers_have_a_section_and_the_exit_code_of_lookup() {
    let (live, other) = (
        "# Read off one token",
        "# Read off a token that is not active",
    );
    for (token, code, headline, comment) in [
        (ACTIVE, 0, "active for another ", live),
        (UNKNOWN, 1, "inactive: the server says so", other),
        (
            STALE,
            1,
            "inactive: the server says active, and `exp` was 10 min ago",
            other,
        ),
    ] {
        let sso = sso().await;
        let ended = Trial::of_client(introspect(&sso), CLIENT_SECRET)
            .secretly(token)
            .await
            .with(code);
        assert!(
            ended.stderr.contains(headline) && ended.stdout.contains(comment),
            "{ended:#?}"
        );
        assert!(ended.stdout.starts_with("[providers.sso]\n"), "{ended:#?}");
    }
}

#[tokio::test]
async fn wrong_usage_is_2_and_sends_nothing() {
    let server = agreeable().await;
    let endpoint = introspect(&server);
    let bare = || Trial::at(endpoint.clone());
    for (trial, token, what) in [
        (bare(), TOKEN, "--credentials none"),
        (
            bare().with(&["--client-id", "us"]),
            TOKEN,
            "needs --secret-file",
        ),
        (bare().with_secret(SECRET), TOKEN, "needs --client-id"),
        (
            bare().with_secret(SECRET).with(&["--credentials", "none"]),
            TOKEN,
            "does not take --secret-file",
        ),
        (
            Trial::of_client(endpoint.clone(), SECRET).with(&["--scope", "x"]),
            TOKEN,
            "does not take --scope",
        ),
        (
            Trial::of_client(endpoint.clone(), ""),
            TOKEN,
            "client.secret is empty",
        ),
        (
            bare().with(&["--client-id", "us", "--secret-file", "nowhere"]),
            TOKEN,
            "nowhere cannot be read",
        ),
        (
            bare().with(&["--credentials", "none", "--ca", "nowhere.pem"]),
            TOKEN,
            "tls.ca: ",
        ),
        (
            bare().with(&["--credentials", "none", "--timeout", "3"]),
            TOKEN,
            "timeout",
        ),
        (
            bare().with(&["--credentials", "none", "--name", "a.b"]),
            TOKEN,
            "--name: ",
        ),
        (
            bare().with(&["--credentials", "none", "--certificate", "a.pem"]),
            TOKEN,
            "--key",
        ),
        (
            bare().with(&["--credentials", "none"]),
            "",
            "give the token on standard input",
        ),
        (
            bare().with(&["--credentials", "none"]),
            &"x".repeat(16 * 1024 + 1),
            "longer than 16 KiB",
        ),
        (
            Trial::at("http://as.example/i").with(&["--credentials", "none"]),
            TOKEN,
            "allow_http",
        ),
        (
            Trial::at("as.example").with(&["--credentials", "none"]),
            TOKEN,
            "is no http or https URL",
        ),
        (
            Trial::at("http://u:p@127.0.0.1/").with(&["--credentials", "none"]),
            TOKEN,
            "user name or password",
        ),
        (
            Trial::of_client(endpoint.clone(), SECRET).with(&["--client-id"]),
            TOKEN,
            "--client-id",
        ),
    ] {
        let ended = trial.run(token).await.with(2);
        assert!(ended.stderr.contains(what), "{what}: {ended:#?}");
        assert!(
            !ended.output().contains(SECRET) && ended.stdout.is_empty(),
            "{ended:#?}"
        );
    }
    assert_eq!(server.count(), 0);
}

#[tokio::test]
async fn output_without_a_reader_is_2() {
    let server = agreeable().await;
    let trial = Trial::at(introspect(&server)).with(&["--credentials", "none"]);
    let mut command = trial.folder.command();
    let full = std::fs::File::options()
        .write(true)
        .open("/dev/full")
        .unwrap();
    command.args(&trial.arguments).stdout(full);
    let ended = run(command, TOKEN).await.with(2);
    assert!(
        ended.stderr.contains("cannot write to standard output"),
        "{ended:#?}"
    );
}
