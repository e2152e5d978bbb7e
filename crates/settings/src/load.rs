use std::path::Path;

use introspectd_files::{MAX_FILE, START};

use crate::{Environment, Ledger, Problem, Problems, Section, document, overlay};

/// Layers `environment` (`INTROSPECTD__CACHE__TTL=30s`) over the TOML file.
///
/// # Errors
/// One problem if the file cannot be read or is not TOML.
pub fn load(file: &Path, environment: &Environment) -> Result<Section, Problems> {
    load_named(file, environment, &[])
}

/// Loads like [`load`] a file whose tables `named` hold sections that its author names, such as
/// `callers`. Variables cannot add any there.
///
/// # Errors
/// Those of [`load`].
pub fn load_named(
    file: &Path,
    environment: &Environment,
    named: &[&str],
) -> Result<Section, Problems> {
    let name = file.display().to_string();
    match introspectd_files::read_text(file, MAX_FILE, START) {
        Ok(text) => parse_named(&text, &name, environment, named),
        Err(error) => Err(Problems(vec![Problem {
            origin: name,
            key: String::new(),
            what: format!("cannot be read: {error}"),
            remedy: "Name a readable TOML file with --config; config/default.toml shows every key."
                .to_owned(),
        }])),
    }
}

/// Reads like [`load_named`] a text that is not in a file. `origin` replaces the file's name.
///
/// # Errors
/// One problem if the text is not TOML.
pub fn parse_named(
    text: &str,
    origin: &str,
    environment: &Environment,
    named: &[&str],
) -> Result<Section, Problems> {
    let mut tree = document::parse(text, origin).map_err(|problem| Problems(vec![problem]))?;
    let ledger = Ledger::default();
    overlay::apply(&mut tree, environment, named, &ledger);
    Ok(Section::root(
        tree,
        origin.to_owned(),
        environment.clone(),
        ledger,
    ))
}
