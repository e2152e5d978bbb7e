use std::collections::BTreeSet;
use std::num::NonZeroU32;
use std::sync::Arc;

use introspectd_core::ProviderName;
use introspectd_server::Tls;
use introspectd_service::{
    Algorithm, Caller, Callers, CertificateName, MAX_BURST, Permission, Permissions, Policies,
    Rate, SecretDigest, SignedAs, SigningKey,
};
use introspectd_settings::{CallerSecret, Section, resembling};
use secrecy::ExposeSecret;

use super::listen::{CallerListener, Listen};
use super::{nearest, selection};

/// Sections that a caller may refer to.
pub(super) struct Known<'a> {
    pub(super) providers: &'a [ProviderName],
    pub(super) policies: &'a Policies,
    pub(super) signing: &'a [SigningKey],
}

pub(super) fn read(root: &mut Section, known: &Known<'_>, listen: &Listen) -> Callers {
    let named: BTreeSet<&str> = listen
        .for_callers()
        .filter_map(|listener| listener.caller.as_deref())
        .collect();
    let asks_for_certificates = listen
        .for_callers()
        .filter_map(|listener| listener.endpoint.tls.as_ref())
        .any(Tls::asks_for_certificates);
    let mut callers: Vec<Caller> = Vec::new();
    for (name, mut section) in root.sections("callers") {
        let caller = read_caller(name, &mut section, known);
        if let Some(twin) = callers.iter().find(|other| share_secret(other, &caller)) {
            let what = format!("is the secret of callers.{}, too", twin.name);
            section.problem("secret", what, "Give each caller a secret of its own.");
        }
        if let Some(twin) = callers
            .iter()
            .find(|other| share_certificate(other, &caller))
        {
            let what = format!("is that of callers.{}, too", twin.name);
            section.problem("certificate", what, "Name another of its names.");
        }
        let has_sign = section.has("secret")
            || section.has("certificate")
            || named.contains(caller.name.as_str());
        if !has_sign {
            let remedy = "Write secret = { env = \"NAME\" } or certificate = { san = \"…\" }, or \
                name this caller at a listener.";
            section.problem(
                "secret",
                "is missing, and nothing else identifies this caller",
                remedy,
            );
        }
        if caller.certificate.is_some() && !asks_for_certificates {
            let remedy =
                "Give a listener tls = { certificate = \"…\", key = \"…\", client_ca = \"…\" }.";
            section.problem(
                "certificate",
                "is unused: no listener requests certificates",
                remedy,
            );
        }
        section.finish();
        callers.push(caller);
    }
    for CallerListener { key, caller, .. } in listen.for_callers() {
        let Some(name) = caller else { continue };
        if callers.iter().any(|caller| caller.name == *name) {
            continue;
        }
        if let Some(meant) = resembling(name, callers.iter().map(|caller| caller.name.as_str())) {
            let what = format!("names callers.{name}, which has no section");
            let remedy = format!("Did you mean `{meant}`? If not, write [callers.{name}].");
            root.problem(&format!("{key}.caller"), what, remedy);
        }
        callers.push(named_by_a_listener(root, name));
    }
    Callers::new(callers)
}

/// Creates a caller without a section of its own, such as a sidecar on its socket, which may only
/// introspect.
fn named_by_a_listener(root: &Section, name: &str) -> Caller {
    root.note_default(&format!("callers.{name}.permissions"), "[\"introspect\"]");
    root.note_default(&format!("callers.{name}.providers"), "[\"*\"]");
    root.note_default(&format!("callers.{name}.policies"), "[\"*\"]");
    Caller {
        name: name.to_owned(),
        permissions: Permissions::of([Permission::Introspect]),
        secrets: Vec::new(),
        certificate: None,
        tally: Arc::default(),
        rate: None,
        signed: SignedAs::default(),
    }
}

fn read_caller(name: String, section: &mut Section, known: &Known<'_>) -> Caller {
    let digest = |secret| match secret {
        CallerSecret::Plain(secret) => SecretDigest::of(secret.expose_secret()),
        CallerSecret::Sha256(digest) => SecretDigest::from_sha256(digest),
    };
    let secrets = section.caller_secrets("secret");
    let secrets = secrets.into_iter().map(digest).collect();
    if name.contains(':') {
        section.problem(
            "",
            "has a colon in its name",
            "Choose another name: HTTP Basic cannot carry a colon.",
        );
    }
    let permissions = Permissions {
        operations: read_operations(section),
        providers: selection::read_providers(section, "providers", known.providers),
        policies: selection::read(section, "policies", "policy", &known.policies.names()),
    };
    let certificate = read_certificate(section);
    let rate = read_rate(section);
    let signed = read_signed(section, known.signing);
    Caller {
        name,
        permissions,
        secrets,
        certificate,
        tally: Arc::default(),
        rate,
        signed,
    }
}

fn read_rate(section: &mut Section) -> Option<Rate> {
    const BURST: &str = "burst";
    let remedy = "Write a number, `/`, and s, m or h: \"5000/s\", \"100/m\".";
    let has_rate = section.has("rate");
    let rate = section.parsed("rate", remedy, Rate::parse);
    let burst = section.optional_number(BURST, 1..=MAX_BURST);
    if burst.is_some() && !has_rate {
        let remedy = "Write rate = \"5000/s\", or leave burst out.";
        section.problem(BURST, "has no effect without a rate", remedy);
    }
    let rate = rate?;
    match burst.and_then(NonZeroU32::new) {
        Some(burst) => Some(rate.with_burst(burst)),
        None => {
            section.note_default(BURST, rate.burst().to_string());
            Some(rate)
        }
    }
}

/// Reads `signed_alg` and `audience`: what signed answers are to be like.
fn read_signed(section: &mut Section, keys: &[SigningKey]) -> SignedAs {
    const AUDIENCE: &str = "audience";
    let names: Vec<_> = keys.iter().map(|key| key.algorithm().name()).collect();
    let remedy = "Name the algorithm of a [[signing]] key, or leave it out.";
    let algorithm = section.parsed("signed_alg", remedy, |text| {
        let algorithm = Algorithm::parse(text).filter(|it| names.contains(&it.name()));
        algorithm.ok_or_else(|| format!("no key signs by {text}"))
    });
    let audience = section.text(AUDIENCE);
    if audience.as_deref() == Some("") {
        section.problem(
            AUDIENCE,
            "is empty",
            "Leave it out: its name is the default.",
        );
    }
    if audience.is_some() && keys.is_empty() {
        let what = "has no effect without [[signing]]";
        section.problem(AUDIENCE, what, "Write [[signing]], or leave it out.");
    }
    SignedAs {
        algorithm,
        audience,
        ..SignedAs::default()
    }
}

fn read_certificate(section: &mut Section) -> Option<CertificateName> {
    let has_certificate = section.has("certificate");
    let mut table = section.section("certificate");
    if !has_certificate {
        return None;
    }
    let san_remedy =
        "Write one name exactly as in the certificate: \"edge.internal\", \"spiffe://acme/edge\".";
    let subject_remedy = "Write the whole subject as RFC 4514 does: \"CN=edge,O=Acme\".";
    let is_one = table.has("san") != table.has("subject");
    if !is_one {
        let remedy = "Write certificate = { san = \"edge.internal\" }.";
        table.problem("", "needs exactly one of san and subject", remedy);
    }
    let san = table.parsed("san", san_remedy, CertificateName::san);
    let subject = table.parsed("subject", subject_remedy, CertificateName::subject);
    table.finish();
    san.or(subject).filter(|_| is_one)
}

fn read_operations(section: &mut Section) -> BTreeSet<Permission> {
    let Some(words) = section.texts("permissions") else {
        section.note_default("permissions", "[\"introspect\"]");
        return [Permission::Introspect].into();
    };
    let mut permissions = BTreeSet::new();
    for word in words {
        match Permission::ALL
            .into_iter()
            .find(|permission| permission.as_str() == word)
        {
            Some(permission) => drop(permissions.insert(permission)),
            None => {
                let known = Permission::ALL.into_iter().map(Permission::as_str);
                section.item_problem(
                    "permissions",
                    &word,
                    format!("{word:?} is not a permission"),
                    nearest(&word, known),
                );
            }
        }
    }
    permissions
}

fn share_certificate(one: &Caller, other: &Caller) -> bool {
    one.certificate.is_some() && one.certificate == other.certificate
}

fn share_secret(one: &Caller, other: &Caller) -> bool {
    let is_of_other = |secret: &SecretDigest| other.secrets.iter().any(|it| it.matches(secret));
    one.secrets.iter().any(is_of_other)
}
