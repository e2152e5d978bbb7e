//! PyPI's schemathesis asks as the document says, and as it does not, and looks at what comes.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use introspectd_simulators::rfc7662;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::process::Command;

use crate::harness::{CALLER_SECRET, Harness, POLICIES, PROVIDERS, Transmitter};

/// The document as it is served, in a file.
struct Document(TempDir);

impl Document {
    fn new(document: &Value) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("openapi.json"), document.to_string()).unwrap();
        Self(folder)
    }

    /// Runs a program of the environment on it to its end.
    async fn run(&self, program: &str, arguments: &[String]) {
        let path = installed(program);
        let mut command = Command::new(&path);
        command
            .args(arguments)
            .current_dir(&self.0)
            .stdin(Stdio::null())
            .kill_on_drop(true);
        command
            .env("CALLER_SECRET", CALLER_SECRET)
            .env("CLIENT_TOKEN", rfc7662::ACTIVE)
            .env("SCHEMATHESIS_HOOKS", beside("hooks.py"))
            // Bytecode beside the hooks would lie in the source tree.
            .env("PYTHONDONTWRITEBYTECODE", "1");
        // Everything is on loopback.
        command
            .env("NO_PROXY", "127.0.0.1")
            .env("no_proxy", "127.0.0.1");
        let output = command.output().await;
        let output = output.unwrap_or_else(|error| {
            panic!(
                "{}: {error}: run `cargo xtask test`, which installs it",
                path.display()
            )
        });
        let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
        assert!(
            output.status.success(),
            "{}\n{}",
            text(&output.stdout),
            text(&output.stderr)
        );
    }
}

/// Path where `cargo xtask test` installs the program.
fn installed(program: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../target/openapi-venv/bin")
        .join(program)
}

fn beside(file: &str) -> String {
    format!("{}/openapi/{file}", env!("CARGO_MANIFEST_DIR"))
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn document_and_examples_are_valid() {
    let document = Document::new(&Harness::open().await.document().await);
    document
        .run("python", &[beside("valid.py"), "openapi.json".to_owned()])
        .await;
}

/// A request that is as it must be is not to be refused as malformed, which takes more than a
/// document for everybody can say.
fn say_what_no_schema_can(document: &mut Value, transmitter: &Transmitter) {
    // Signed by a transmitter.
    let content = |path: &str| format!("/paths/{path}/post/requestBody/content");
    let body = document.pointer_mut(&content("~1events")).unwrap();
    body["application/secevent+jwt"]["schema"] = json!({ "enum": transmitter.events() });
    let body = document.pointer_mut(&content("~1backchannel-logout"));
    let form = &mut body.unwrap()["application/x-www-form-urlencoded"]["schema"];
    form["properties"]["logout_token"] = json!({ "enum": transmitter.logout_tokens() });
    let schemas = &mut document["components"]["schemas"];
    // An unknown name is the caller's error.
    schemas["ProviderName"] = json!({ "enum": PROVIDERS });
    schemas["PolicyName"] = json!({ "enum": POLICIES });
    schemas["ResourcePath"] = json!({ "enum": ["orders"] });
    // Other than the token.
    schemas["Binding"]["properties"]["token_id"] = json!({ "type": "string", "format": "uuid" });
    // Nobody can make one up.
    let parameters = document["paths"]["/v1/tokens"]["get"]["parameters"]
        .as_array_mut()
        .unwrap();
    parameters.retain(|parameter| parameter["name"] != "page_token");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_response_is_described_by_the_document() {
    let harness = Harness::open().await;
    let mut document = harness.document().await;
    say_what_no_schema_can(&mut document, &harness.transmitter);
    let mut arguments = words(&[
        "--config-file",
        &beside("schemathesis.toml"),
        "run",
        "openapi.json",
    ]);
    arguments.extend(words(&[
        "--url",
        &format!("http://{}", harness.gateway.api()),
    ]));
    // The same requests in each run, and in each run all of them.
    arguments.extend(words(&[
        "--phases",
        "examples,coverage,fuzzing",
        "--max-examples",
        "20",
    ]));
    arguments.extend(words(&[
        "--seed",
        "1",
        "--generation-database",
        "none",
        "--continue-on-failure",
    ]));
    Document::new(&document)
        .run("schemathesis", &arguments)
        .await;
}
