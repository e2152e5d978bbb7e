use std::sync::Arc;

use introspectd_core::Clock;
use introspectd_discovery::{Member, Source as Metadata};
use introspectd_jwks::{FileKeys, KeySource, Keys, Lifetimes, Remote, Source};
use introspectd_settings::Section;
use introspectd_upstream::{Address, Connection, Outbound, Upstream};

use super::{Expected, Form, Signed};

/// Keys `answer`, and `jwks` or `discover`, of a server that signs its answers.
#[derive(Debug)]
pub(crate) struct SignedConfig {
    is_required: bool,
    expected: Expected,
    keys: KeyConfig,
}

/// Place of the keys.
#[derive(Debug)]
enum KeyConfig {
    Fetched(Box<Source>, Box<Connection>),
    File(Box<FileKeys>),
}

/// Reads the form of the answers. `None` where there was a problem, `Some(None)` for JSON.
pub(crate) fn read(
    section: &mut Section,
    server: Option<&Connection>,
) -> Option<Option<SignedConfig>> {
    const ANSWER: &str = "answer";
    let is_required = match section.text_or(ANSWER, "json").as_str() {
        "json" => return Some(None),
        "jwt" => false,
        "jwt_required" => true,
        _ => {
            let remedy = "Write \"json\", \"jwt\" or \"jwt_required\".";
            section.problem(ANSWER, "is not a form of answers", remedy);
            return None;
        }
    };
    let remedy = "Write `iss` of its answers: issuer = \"https://as.example\".";
    let issuer = section.required_text("issuer", remedy);
    let audience = client_id(section);
    if audience.is_none() {
        let what = "needs credentials with a client id, which is the audience of its answers";
        section.problem(ANSWER, what, "Choose credentials with client_id.");
    }
    let keys = read_keys(section, issuer.as_deref(), server)?;
    Some(Some(SignedConfig {
        is_required,
        expected: Expected {
            issuer: issuer?,
            audience: audience?,
        },
        keys,
    }))
}

/// Our id at the server, by whichever credentials.
fn client_id(section: &mut Section) -> Option<String> {
    let mut credentials = section.section("credentials");
    let key = if credentials.has("username") {
        "username"
    } else {
        "client_id"
    };
    credentials.text(key)
}

/// Reads `jwks = { url | file }`, or takes the keys that the issuer's metadata names
/// (`discover = true`).
fn read_keys(
    section: &mut Section,
    issuer: Option<&str>,
    server: Option<&Connection>,
) -> Option<KeyConfig> {
    let discovers = section.flag("discover", false);
    let has_jwks = section.has("jwks");
    let mut jwks = section.section("jwks");
    if has_jwks {
        let allow_http = section.flag("allow_http", false);
        if jwks.has("file") {
            let file = jwks.text("file");
            jwks.finish();
            return read_file(section, issuer?, &file?);
        }
        let address = Address::read(&mut jwks, "url", allow_http);
        jwks.text("file");
        jwks.finish();
        let address = address?;
        let source = Source::Url(address.uri().clone());
        let connection = Connection::read_public(section, address)?;
        return Some(KeyConfig::Fetched(Box::new(source), Box::new(connection)));
    }
    if !discovers {
        let remedy =
            "Write jwks = { url = \"https://…\" }, { file = \"PATH\" }, or discover = true.";
        section.problem("answer", "needs the keys of the issuer", remedy);
        return None;
    }
    let server = server?;
    let metadata = Metadata::of_server(server.discovers.clone()?, Member::Jwks);
    let source = Box::new(Source::Metadata(metadata.ok()?));
    Some(KeyConfig::Fetched(source, Box::new(server.for_documents())))
}

fn read_file(section: &Section, issuer: &str, file: &str) -> Option<KeyConfig> {
    section.ledger().file(file.as_ref());
    match FileKeys::open(issuer.to_owned(), file.into()) {
        Ok(keys) => Some(KeyConfig::File(Box::new(keys))),
        Err(problem) => {
            let what = format!("cannot be used: {problem}");
            let remedy = "Name a readable JWK Set (RFC 7517) with at least one key of the issuer.";
            section.problem("jwks.file", what, remedy);
            None
        }
    }
}

impl SignedConfig {
    /// Makes what verifies answers. Their keys are fetched by `outbound`.
    pub(crate) fn into_form(self, clock: &Arc<dyn Clock>, outbound: &Outbound) -> Form {
        let keys = match self.keys {
            KeyConfig::File(keys) => KeySource::File(keys),
            KeyConfig::Fetched(source, connection) => {
                let upstream = Upstream::new(*connection, Arc::clone(clock), outbound);
                let keys = Keys::new(
                    self.expected.issuer.clone(),
                    Remote::new(*source, upstream),
                    Arc::clone(clock),
                    Lifetimes::default(),
                );
                KeySource::refreshed(keys, outbound.runtime().as_ref())
            }
        };
        Form::Signed(Box::new(Signed {
            is_required: self.is_required,
            expected: self.expected,
            keys,
        }))
    }
}
