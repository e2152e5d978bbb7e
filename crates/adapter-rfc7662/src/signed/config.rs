use std::sync::Arc;

use introspectd_core::Clock;
use introspectd_discovery::{Member, Source as Metadata};
use introspectd_jwks::{KeyConfig, Source};
use introspectd_settings::Section;
use introspectd_upstream::{Connection, Outbound};

use super::{Expected, Form, Signed};

/// Keys `answer`, and `jwks` or `discover`, of a server that signs its answers.
#[derive(Debug)]
pub(crate) struct SignedConfig {
    is_required: bool,
    expected: Expected,
    keys: KeyConfig,
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
    if section.has("jwks") {
        let keys = KeyConfig::read_named(section, issuer)?;
        return Some(keys.with_headers_of(server?));
    }
    section.section("jwks");
    if !discovers {
        let remedy =
            "Write jwks = { url = \"https://…\" }, { file = \"PATH\" }, or discover = true.";
        section.problem("answer", "needs the keys of the issuer", remedy);
        return None;
    }
    let server = server?;
    let metadata = Metadata::of_server(server.discovers.clone()?, Member::Jwks);
    let source = Source::Metadata(metadata.ok()?);
    Some(KeyConfig::fetched(source, server.for_documents()))
}

impl SignedConfig {
    /// Makes what verifies answers. Their keys are fetched by `outbound`.
    pub(crate) fn into_form(self, clock: &Arc<dyn Clock>, outbound: &Outbound) -> Form {
        let issuer = self.expected.issuer.clone();
        let keys = self.keys.into_source(issuer, clock, outbound);
        let keys = keys.refreshed(outbound.runtime().as_ref());
        Form::Signed(Box::new(Signed {
            is_required: self.is_required,
            expected: self.expected,
            keys,
        }))
    }
}
