//! Configurations on pages of the documentation, as an operator would paste them.

use std::collections::HashMap;
use std::fs;
use std::path::Path;

use introspectd::Config;

const PAGES: [&str; 2] = ["signed-answers.md", "mcp.md"];

/// Blocks of TOML on a page.
fn blocks(page: &str) -> Vec<String> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs");
    let text = fs::read_to_string(Path::new(folder).join(page)).unwrap();
    let blocks = text.split("\n```toml ").skip(1);
    let inside = blocks.map(|block| {
        let (_, inside) = block.split_once('\n').unwrap();
        inside.split("\n```").next().unwrap().to_owned()
    });
    inside.collect()
}

#[test]
fn every_configuration_on_a_page_passes_check() {
    let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_ED25519).unwrap();
    let secret = |name: &str| match name {
        "SIGNING_KEY" => key.serialize_pem(),
        name => name.to_owned(),
    };
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("introspectd.toml");
    for page in PAGES {
        let blocks = blocks(page);
        assert!(blocks.len() >= 2, "{page} shows {} blocks", blocks.len());
        for block in blocks {
            let names = block.split("env = \"").skip(1);
            let names = names.map(|rest| rest.split('"').next().unwrap().to_owned());
            let environment: HashMap<_, _> =
                names.map(|name| (name.clone(), secret(&name))).collect();
            fs::write(&file, &block).unwrap();
            let loaded = Config::load(&file, &environment);
            loaded.unwrap_or_else(|problems| panic!("{page}: {problems}\n{block}"));
        }
    }
}
