use std::sync::Arc;

use introspectd_core::Clock;
use introspectd_discovery::{Member, Source as Metadata};
use introspectd_jwks::{Keys, Lifetimes, Remote, Source};
use introspectd_settings::Section;
use introspectd_upstream::{Address, Connection, Outbound, Upstream};

use super::{Expected, Form, Signed};

/// Keys `answer`, and `jwks` or `discover`, of a server that signs its answers.
#[derive(Debug)]
pub(crate) struct SignedConfig {
    is_required: bool,
    expected: Expected,
    source: Source,
    connection: Connection,
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
    let (source, connection) = read_keys(section, server)?;
    Some(Some(SignedConfig {
        is_required,
        expected: Expected {
            issuer: issuer?,
            audience: audience?,
        },
        source,
        connection,
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

/// Reads `jwks = { url }`, or takes the keys that the issuer's metadata names (`discover = true`).
fn read_keys(section: &mut Section, server: Option<&Connection>) -> Option<(Source, Connection)> {
    let discovers = section.flag("discover", false);
    if section.has("jwks") {
        let allow_http = section.flag("allow_http", false);
        let mut table = section.section("jwks");
        let address = Address::read(&mut table, "url", allow_http);
        table.finish();
        let address = address?;
        let source = Source::Url(address.uri().clone());
        return Some((source, Connection::read_public(section, address)?));
    }
    section.section("jwks");
    if !discovers {
        let remedy = "Write jwks = { url = \"https://…\" } or discover = true.";
        section.problem("answer", "needs the keys of the issuer", remedy);
        return None;
    }
    let server = server?;
    let metadata = Metadata::of_server(server.discovers.clone()?, Member::Jwks);
    Some((Source::Metadata(metadata.ok()?), server.for_documents()))
}

impl SignedConfig {
    /// Makes what verifies answers. Their keys are fetched by `outbound`.
    pub(crate) fn into_form(self, clock: &Arc<dyn Clock>, outbound: &Outbound) -> Form {
        let upstream = Upstream::new(self.connection, Arc::clone(clock), outbound);
        let keys = Keys::new(
            self.expected.issuer.clone(),
            Remote::new(self.source, upstream),
            Arc::clone(clock),
            Lifetimes::default(),
        );
        let runtime = outbound.runtime();
        Form::Signed(Box::new(Signed {
            is_required: self.is_required,
            expected: self.expected,
            _refreshing: runtime.map(|runtime| keys.refresh_on(&runtime)),
            keys,
        }))
    }
}
