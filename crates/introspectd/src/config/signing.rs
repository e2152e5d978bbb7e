use std::collections::HashMap;
use std::path::PathBuf;

use introspectd_files::Renewed;
use introspectd_jose::{Algorithm, Signer, TypedSigner};
use introspectd_service::SigningKey;
use introspectd_settings::{Entry, Secret, Section};
use secrecy::{ExposeSecret, SecretString};

/// Keys by their `kid`, with the section of each.
type Taken = HashMap<String, String>;

/// Reads `[[signing]]`: the keys that sign answers.
pub(super) fn read(root: &mut Section, has_public_url: bool) -> Vec<SigningKey> {
    if root.has("signing") && !has_public_url {
        let what = "needs public_url in [listen], which a signed answer has as its issuer";
        let remedy = "Write public_url = \"https://…\" in [listen].";
        root.problem("signing", what, remedy);
    }
    let (mut keys, mut taken) = (Vec::new(), Taken::new());
    for entry in root.entries("signing") {
        match entry {
            Entry::Section(mut section) => {
                keys.extend(read_one(&mut section, &mut taken));
                section.finish();
            }
            Entry::Text(text) => {
                let remedy = "Write [[signing]] and its keys below.";
                root.item_problem("signing", &text, "expected a table", remedy);
            }
        }
    }
    keys
}

fn read_one(section: &mut Section, taken: &mut Taken) -> Option<SigningKey> {
    let known = Algorithm::ALL.map(Algorithm::name).join(", ");
    let remedy = format!("Write one of {known}; EdDSA and ES256 are fast.");
    let algorithm = section.required_parsed("algorithm", &remedy, |text| {
        Algorithm::parse(text).ok_or("is not an algorithm that signs here")
    });
    let key = section.required_renewable_secret("key");
    let kid = section.text("kid");
    let (algorithm, Secret { value, file }) = (algorithm?, key?);
    let signer = match signer(&value, algorithm, kid.clone()) {
        Ok(signer) => signer,
        Err(what) => {
            let remedy = "Name a PEM text with a private key of this algorithm (PKCS #8).";
            section.problem("key", what, remedy);
            return None;
        }
    };
    let known_as = signer.signer().jwk().kid().unwrap_or_default().to_owned();
    if kid.is_none() {
        section.note_default("kid", format!("{known_as:?}"));
    }
    if let Some(other) = taken.insert(known_as, section.path().to_owned()) {
        let what = format!("is that of {other}, too");
        section.problem("kid", what, "Give each key an id of its own.");
    }
    Some(SigningKey::new(
        algorithm,
        renewed(signer, file, algorithm, kid),
    ))
}

/// Makes a signer, whose key is known by its thumbprint (RFC 7638) if it has no other id.
fn signer(
    pem: &SecretString,
    algorithm: Algorithm,
    kid: Option<String>,
) -> Result<TypedSigner, String> {
    let signer = Signer::from_pem(pem.expose_secret(), algorithm);
    let signer = signer.map_err(|invalid| invalid.to_string())?;
    let kid = kid.unwrap_or_else(|| signer.jwk().thumbprint());
    let signer = TypedSigner::new(signer.with_kid(kid), SigningKey::TYPE);
    signer.map_err(|failed| failed.to_string())
}

fn renewed(
    first: TypedSigner,
    file: Option<PathBuf>,
    algorithm: Algorithm,
    kid: Option<String>,
) -> Renewed<TypedSigner> {
    let Some(file) = file else {
        return Renewed::fixed(first);
    };
    Renewed::new("a signing key", first, [file.clone()], move || {
        let pem = Secret::read(&file).map_err(|error| error.to_string())?;
        signer(&pem, algorithm, kid.clone())
    })
}

#[cfg(test)]
mod tests {
    use crate::Config;
    use introspectd_settings::Environment;

    const LISTEN: &str = "[listen]\npublic_url = \"https://i.example\"\n";

    /// Ed25519, as `openssl genpkey` writes it.
    const PEM: &str = "-----BEGIN PRIVATE KEY-----\n\
        MC4CAQAwBQYDK2VwBCIEIE9+Ze5pz2Lu0LEjnSDfWG3ALIdyTNKE8YIEVGBcDbS9\n\
        -----END PRIVATE KEY-----\n";

    fn key(more: &str) -> String {
        format!("[[signing]]\nkey = {{ literal = \"\"\"{PEM}\"\"\" }}\n{more}\n")
    }

    /// Algorithms of the keys, or all problems.
    fn parse(toml: &str) -> Result<Vec<&'static str>, String> {
        let config = Config::parse(toml, "x.toml", &Environment::new());
        let config = config.map_err(|problems| problems.to_string())?;
        let names = config.signing.iter().map(|key| key.algorithm().name());
        Ok(names.collect())
    }

    #[test]
    fn keys_are_read_in_their_order() {
        assert_eq!(parse("").unwrap(), Vec::<&str>::new());
        let one = key("algorithm = \"EdDSA\"");
        assert_eq!(parse(&format!("{LISTEN}{one}")).unwrap(), ["EdDSA"]);
        let other = key("algorithm = \"Ed25519\"\nkid = \"next\"");
        let both = parse(&format!("{LISTEN}{one}{other}")).unwrap();
        assert_eq!(both, ["EdDSA"; 2]);
        let caller = "[callers.a]\nsecret = { literal = \"s\" }\nsigned_alg = \"Ed25519\"\n\
            audience = \"https://a.example\"\n";
        parse(&format!("{LISTEN}{one}{caller}")).unwrap();
    }

    #[test]
    fn each_problem_is_named() {
        let one = key("algorithm = \"EdDSA\"");
        let caller = |keys: &str| format!("[callers.a]\nsecret = {{ literal = \"s\" }}\n{keys}\n");
        let problem_of = |toml: String, problem: &str| {
            let problems = parse(&toml).unwrap_err();
            assert!(problems.contains(problem), "{problem}: {problems}");
        };
        problem_of(one.clone(), "signing: needs public_url in [listen]");
        problem_of(format!("{LISTEN}{one}{one}"), "is that of signing[0], too");
        problem_of(
            format!("{LISTEN}{}", key("")),
            "signing[0].algorithm: is missing",
        );
        for wrong in ["none", "HS256", "ES512"] {
            let key = key(&format!("algorithm = {wrong:?}"));
            problem_of(format!("{LISTEN}{key}"), "is not an algorithm");
        }
        problem_of(
            format!("{LISTEN}{}", key("algorithm = \"ES256\"")),
            "the key does not fit the algorithm",
        );
        let no_key = "[[signing]]\nalgorithm = \"EdDSA\"\nkey = { literal = \"x\" }\n";
        problem_of(
            format!("{LISTEN}{no_key}"),
            "there is no PEM block \"PRIVATE KEY\"",
        );
        problem_of(
            format!("{LISTEN}{}", key("algorithm = \"EdDSA\"\nalg = 1")),
            "is not a known key",
        );
        problem_of(format!("signing = [\"x\"]\n{LISTEN}"), "expected a table");
        problem_of(
            format!("{LISTEN}{one}{}", caller("signed_alg = \"RS256\"")),
            "callers.a.signed_alg: no key signs by RS256",
        );
        problem_of(
            format!("{LISTEN}{}", caller("audience = \"x\"")),
            "callers.a.audience: has no effect without [[signing]]",
        );
        problem_of(
            format!("{LISTEN}{one}{}", caller("audience = \"\"")),
            "callers.a.audience: is empty",
        );
    }
}
