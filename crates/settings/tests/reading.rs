//! Values, problems and origins that reading a configuration yields.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

// The counters of coverage under `cargo xtask fuzz`, which builds all tests of a crate.
use introspectd_fuzz as _;

use std::time::Duration;

use bytesize::ByteSize;
use introspectd_settings::{
    CallerSecret, Entry, Environment, Problem, Section, load_named, parse_named,
};
use secrecy::ExposeSecret;

fn section(toml: &str, environment: &[(&str, &str)]) -> Section {
    let file = tempfile::Builder::new().suffix(".toml").tempfile().unwrap();
    std::fs::write(file.path(), toml).unwrap();
    let environment: Environment = environment
        .iter()
        .map(|(k, v)| (k.to_string(), v.to_string()))
        .collect();
    load_named(file.path(), &environment, &["callers", "providers"]).unwrap()
}

fn problems(section: Section) -> Vec<Problem> {
    let ledger = section.ledger().clone();
    section.finish();
    ledger
        .close()
        .map(|_| Vec::new())
        .unwrap_or_else(|problems| problems.0)
}

const LONG: Duration = Duration::from_secs(3600);

#[test]
fn all_problems_are_reported_with_file_key_and_remedy() {
    let mut root = section("[cache]\nttl = 30\nmax_byte = \"1MiB\"\ncolour = 1\n", &[]);
    let mut cache = root.section("cache");
    cache.duration("ttl", LONG, Duration::ZERO..=LONG);
    cache.size(
        "max_bytes",
        ByteSize::mib(1),
        ByteSize::kib(1)..=ByteSize::gib(1),
    );
    cache.finish();
    let problems = problems(root);
    let reported: Vec<_> = problems
        .iter()
        .map(|p| (p.key.as_str(), p.remedy.as_str()))
        .collect();
    assert_eq!(
        reported,
        [
            (
                "cache.ttl",
                "Write a number with its unit in quotes: \"1500ms\", \"2s\", \"5m\"."
            ),
            ("cache.colour", "Remove it. Known keys: max_bytes, ttl."),
            ("cache.max_byte", "Did you mean `max_bytes`?"),
        ]
    );
    let lines: Vec<_> = problems
        .iter()
        .map(|it| it.origin.rsplit_once(".toml:").unwrap().1)
        .collect();
    assert_eq!(lines, ["2", "4", "3"]);
}

#[test]
fn environment_overrides_the_file_and_is_named_as_origin() {
    let mut root = section(
        "[cache]\nttl = \"60s\"\n",
        &[
            ("INTROSPECTD__CACHE__TTL", "30s"),
            ("INTROSPECTD__LISTEN__API", "127.0.0.1:0, unix:/tmp/x"),
        ],
    );
    let mut cache = root.section("cache");
    assert_eq!(
        cache.duration("ttl", LONG, Duration::ZERO..=LONG),
        Duration::from_secs(30)
    );
    assert_eq!(root.section("listen").entries("api").len(), 2);
    let settings = cache.ledger().clone().close().unwrap();
    assert_eq!(
        settings[0].origin,
        "the environment variable INTROSPECTD__CACHE__TTL"
    );
}

#[test]
fn environment_sets_booleans_and_numbers() {
    let mut root = section(
        "",
        &[
            ("INTROSPECTD__A", "true"),
            ("INTROSPECTD__B", "7"),
            ("INTROSPECTD__C", "x"),
        ],
    );
    assert!(root.flag("a", false));
    assert_eq!(root.number("b", 1, 1..=10), 7);
    assert_eq!(root.number("c", 1, 1..=10), 1);
    assert_eq!(problems(root).len(), 1);
}

#[test]
fn section_names_keep_their_case() {
    let mut root = section("[providers.Bank]\nx = 1\n", &[]);
    let names: Vec<_> = root
        .sections("providers")
        .into_iter()
        .map(|(name, _)| name)
        .collect();
    assert_eq!(names, ["Bank"]);
}

#[test]
fn secrets_have_three_sources_and_are_masked() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "from-file\n").unwrap();
    let toml = format!(
        "a = {{ env = \"A\" }}\nb = {{ file = {:?} }}\nc = {{ literal = \"from-literal\" }}\n",
        file.path()
    );
    let mut root = section(&toml, &[("A", "from-env")]);
    for (key, expected) in [("a", "from-env"), ("b", "from-file"), ("c", "from-literal")] {
        assert_eq!(root.secret(key).unwrap().expose_secret(), expected);
    }
    let shown = format!("{:?}", root.ledger().clone().close().unwrap());
    assert!(!shown.contains("from-"), "{shown}");
}

#[test]
fn missing_or_invalid_secrets_are_reported() {
    let toml = "a = { env = \"NO\" }\nb = { file = \"/no/such\" }\nc = \"plain\"\nd = { literal = \
        \"\" }\n\
                e = { env = \"A\", file = \"x\" }\nf = { sha256 = \"abc\" }\n";
    let mut root = section(toml, &[("A", "x")]);
    for key in ["a", "b", "c", "d", "e"] {
        assert!(root.secret(key).is_none(), "{key}");
    }
    assert!(root.caller_secrets("f").is_empty());
    assert!(root.required_secret("g").is_none());
    let problems = problems(root);
    assert_eq!(problems.len(), 7, "{problems:#?}");
    assert!(!format!("{problems:?}").contains("plain\""));
}

#[test]
fn caller_secret_can_be_given_as_a_hash() {
    let hex = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";
    let mut root = section(&format!("a = {{ sha256 = \"{hex}\" }}\n"), &[]);
    let [CallerSecret::Sha256(digest)] = root.caller_secrets("a")[..] else {
        panic!("no digest")
    };
    assert_eq!(digest[..2], [0x9f, 0x86]);
}

#[test]
fn caller_may_have_several_secrets_while_one_is_rotated() {
    let toml =
        "a = [{ env = \"A\" }, { literal = \"old\" }, { env = \"NO\" }, \"plain\"]\nb = []\n";
    let mut root = section(toml, &[("A", "new")]);
    let secrets: Vec<_> = root
        .caller_secrets("a")
        .into_iter()
        .map(|secret| match secret {
            CallerSecret::Plain(secret) => secret.expose_secret().to_owned(),
            CallerSecret::Sha256(_) => panic!("no digest was given"),
        })
        .collect();
    assert_eq!(secrets, ["new", "old"]);
    assert!(root.caller_secrets("b").is_empty());
    assert!(root.caller_secrets("c").is_empty());
    let problems = problems(root);
    let places: Vec<_> = problems
        .iter()
        .map(|problem| problem.key.as_str())
        .collect();
    assert_eq!(places, ["a[2].env", "a[3]", "b"]);
    assert!(!format!("{problems:?}").contains("plain\""));
}

/// Problems as an operator sees them, in a file called `app.toml`.
fn printed(toml: &str, environment: &[(&str, &str)], read: impl FnOnce(&mut Section)) -> String {
    let environment: Environment = environment
        .iter()
        .map(|(k, v)| (k.to_string(), v.to_string()))
        .collect();
    let mut root = match parse_named(toml, "app.toml", &environment, &["providers"]) {
        Ok(root) => root,
        Err(problems) => return problems.to_string(),
    };
    read(&mut root);
    let ledger = root.ledger().clone();
    root.finish();
    ledger
        .close()
        .map(|_| String::new())
        .unwrap_or_else(|problems| problems.to_string())
}

#[test]
fn value_of_the_wrong_type_or_out_of_bounds_names_its_line() {
    let toml = "[cache]\n\nttl = 30\nmax = \"9GiB\"\nmany = 11\nlong = \"2h\"\non = \"yes\"\n";
    let printed = printed(toml, &[("INTROSPECTD__CACHE__SHORT", "x")], |root| {
        let mut cache = root.section("cache");
        cache.duration("ttl", LONG, Duration::ZERO..=LONG);
        cache.size("max", ByteSize::mib(1), ByteSize::kib(1)..=ByteSize::gib(1));
        cache.number("many", 1, 1..=10);
        cache.duration("long", LONG, Duration::ZERO..=LONG);
        cache.flag("on", false);
        cache.duration("short", LONG, Duration::ZERO..=LONG);
        cache.required_text("name", "Give it a name.");
    });
    let expected = r#"the configuration has 7 problems:
  app.toml:3: cache.ttl: expected a duration, found the number 30
    Write a number with its unit in quotes: "1500ms", "2s", "5m".
  app.toml:4: cache.max: is too large
    Choose "1GiB" or less.
  app.toml:5: cache.many: expected a whole number from 1 to 10, found the number 11
    Choose a number from 1 to 10.
  app.toml:6: cache.long: is out of bounds
    Choose from "0s" to "1h".
  app.toml:7: cache.on: expected true or false, found other text
    Write true or false, without quotes.
  the environment variable INTROSPECTD__CACHE__SHORT: cache.short: expected a duration, found other text
    Write a number with its unit in quotes: "1500ms", "2s", "5m".
  app.toml:1: cache.name: is missing
    Give it a name.
"#;
    assert_eq!(printed, expected);
}

#[test]
fn unknown_key_or_table_names_its_line() {
    let toml =
        "colour = 1\n[cache]\nttl = \"1s\"\nttll = \"1s\"\n\n[chache]\nttl = \"1s\"\n[a.b]\n";
    let printed = printed(toml, &[], |root| {
        let mut cache = root.section("cache");
        cache.text("ttl");
        cache.finish();
    });
    let expected = "the configuration has 4 problems:
  app.toml:4: cache.ttll: is not a known key
    Did you mean `ttl`?
  app.toml:8: a: is not a known key
    Remove it. Known keys: cache.
  app.toml:6: chache: is not a known key
    Did you mean `cache`?
  app.toml:1: colour: is not a known key
    Remove it. Known keys: cache.
";
    assert_eq!(printed, expected);
}

#[test]
fn secret_that_cannot_be_read_names_the_line_of_its_source() {
    let toml = "[providers.bank]\nname = \"x\"\nsecret = { file = \"/no/such\" }\n\
                [providers.bank.other]\nenv = \"NO\"\n[providers.empty]\n";
    let printed = printed(toml, &[], |root| {
        for (_, mut provider) in root.sections("providers") {
            provider.required_secret("secret");
            if provider.has("other") {
                provider.secret("other");
            }
        }
    });
    let forms = "Write { env = \"NAME\" }, { file = \"PATH\" } or { literal = \"…\" }.";
    let expected = format!(
        "the configuration has 3 problems:
  app.toml:3: providers.bank.secret.file: the file /no/such cannot be read: No such file or \
  directory (os error 2)
    Name a readable file; a relative path counts from the working directory.
  app.toml:5: providers.bank.other.env: the environment variable NO is not set
    Set NO for this process, or name another source.
  app.toml:6: providers.empty.secret: is missing
    {forms}
"
    );
    assert_eq!(printed, expected);
}

#[test]
fn problem_in_a_list_names_the_line_of_its_item() {
    let toml = "[[listen]]\naddress = \"a\"\n\n[[listen]]\naddress = 5\n\
                [roles]\nall = [\n  \"a\",\n  7,\n]\nany = [\n  \"x\",\n  \"y\",\n]\nmixed = \
                [\"a\",\n3]\n";
    let printed = printed(toml, &[], |root| {
        for entry in root.entries("listen") {
            let Entry::Section(mut entry) = entry else {
                panic!("a table")
            };
            entry.text("address");
        }
        root.problem("listen[1].address", "is taken", "Choose another.");
        root.problem("roles.any[1]", "is odd", "Choose another.");
        let mut roles = root.section("roles");
        assert_eq!(roles.texts("all"), None);
        roles.texts("any");
        roles.item_problem("any", "y", "\"y\" is no role", "Choose another.");
        roles.entries("mixed");
    });
    let expected = "the configuration has 6 problems:
  app.toml:5: listen[1].address: expected a string, found the number 5
    Put it in quotes.
  app.toml:5: listen[1].address: is taken
    Choose another.
  app.toml:13: roles.any[1]: is odd
    Choose another.
  app.toml:9: roles.all[1]: expected a string, found the number 7
    Put it in quotes.
  app.toml:13: roles.any: \"y\" is no role
    Choose another.
  app.toml:16: roles.mixed[1]: expected a string or a table
    Put it in quotes.
";
    assert_eq!(printed, expected);
}

#[test]
fn effective_value_names_its_line() {
    let mut root = section("[cache]\nttl = \"60s\"\n", &[]);
    root.section("cache").text("ttl");
    let settings = root.ledger().clone().close().unwrap();
    assert!(settings[0].origin.ends_with(".toml:2"), "{settings:?}");
}

#[test]
fn invalid_toml_is_reported_with_its_line() {
    for (toml, what) in [
        (
            "a = 1\n[cache\n",
            "app.toml:2: is not valid TOML: unclosed table, expected `]`",
        ),
        (
            "a = 1\n\na = 2\n",
            "app.toml:3: is not valid TOML: duplicate key",
        ),
        (
            "a = 1\nb = 99999999999999999999\n",
            "app.toml:2: is a number out of range",
        ),
    ] {
        let reported = printed(toml, &[], |_| ());
        assert!(reported.contains(what), "{reported}");
    }
}

#[test]
fn invalid_lines_are_not_echoed() {
    for line in [
        "secret = { literal = 'geheim",
        "secret = \"geheim\\q\"",
        "secret = geheim",
        "= | geheim",
    ] {
        let reported = printed(&format!("{}{line}\n", "\n".repeat(120)), &[], |_| ());
        assert!(reported.contains("app.toml:12"), "{reported}");
        assert!(!reported.contains("geheim"), "{reported}");
    }
}

#[test]
fn variables_match_section_names_ignoring_case() {
    let toml = "[providers.Bank.match]\nPrefix = \"x\"\n[providers.Bank]\nname = \"a\"\n[cache]\n";
    for variable in ["PROVIDERS__BANK", "providers__bank", "Providers__Bank"] {
        let (name, prefix) = (
            format!("INTROSPECTD__{variable}__NAME"),
            format!("introspectd__{variable}__match__PREFIX"),
        );
        let mut root = section(
            toml,
            &[
                (&name, "b"),
                (&prefix, "y"),
                ("INTROSPECTD__Cache__Ttl", "1s"),
            ],
        );
        let mut providers = root.sections("providers");
        assert_eq!(providers.len(), 1);
        let (found, bank) = &mut providers[0];
        assert_eq!(
            (found.as_str(), bank.text("name").as_deref()),
            ("Bank", Some("b"))
        );
        assert_eq!(bank.section("match").text("Prefix").as_deref(), Some("y"));
        assert_eq!(root.section("cache").text("ttl").as_deref(), Some("1s"));
        assert_eq!(problems(root), []);
    }
}

#[test]
fn variables_cannot_add_or_guess_sections() {
    let toml = "[callers.edge]\n[callers.Edge]\n[providers.bank]\n";
    let mut root = section(
        toml,
        &[
            ("INTROSPECTD__CALLERS__EDGE__SECRET__LITERAL", "hidden"),
            ("INTROSPECTD__PROVIDERS__BANKK__TIMEOUT", "1s"),
            ("INTROSPECTD__PROVIDERS__SSO", "hidden"),
            ("INTROSPECTD__CACHE__TTL", "1s"),
            ("introspectd__cache__ttl", "2s"),
        ],
    );
    assert_eq!(root.sections("callers").len(), 2);
    assert_eq!(root.sections("providers").len(), 1);
    root.section("cache").text("ttl");
    let problems = problems(root);
    let variable = |name: &str| format!("the environment variable {name}");
    let reported: Vec<_> = problems
        .iter()
        .map(|it| (it.origin.clone(), it.key.as_str(), it.what.as_str()))
        .collect();
    assert_eq!(
        reported,
        [
            (
                variable("INTROSPECTD__CALLERS__EDGE__SECRET__LITERAL"),
                "callers.edge",
                "`Edge` and `edge` differ only in case, so the variable is ambiguous"
            ),
            (
                variable("INTROSPECTD__PROVIDERS__BANKK__TIMEOUT"),
                "providers.bankk",
                "is not a section of the file, and a variable cannot add one"
            ),
            (
                variable("INTROSPECTD__PROVIDERS__SSO"),
                "providers.sso",
                "is not a section of the file, and a variable cannot add one"
            ),
            (
                variable("introspectd__cache__ttl"),
                "cache.ttl",
                "is also set by the environment variable INTROSPECTD__CACHE__TTL"
            ),
        ]
    );
    assert!(
        problems[1].remedy.ends_with("In the file: `bank`."),
        "{problems:#?}"
    );
    assert!(!format!("{problems:?}").contains("hidden"));
}

#[test]
fn trailing_line_breaks_of_secrets_are_stripped() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "secret\r\n").unwrap();
    let toml = format!(
        "a = {{ env = \"A\" }}\nb = {{ file = {:?} }}\nc = {{ literal = \"secret\\n\" }}\ne = {{ \
            env = \"E\" }}\n",
        file.path()
    );
    let variables = [
        ("A", "secret\n"),
        ("E", "\n"),
        ("INTROSPECTD__D__LITERAL", "secret\n\n"),
    ];
    let mut root = section(&toml, &variables);
    for key in ["a", "b", "c", "d"] {
        assert_eq!(root.secret(key).unwrap().expose_secret(), "secret", "{key}");
    }
    assert!(root.secret("e").is_none());
    assert_eq!(
        problems(root)[0].what,
        "the environment variable E is empty"
    );
}

#[test]
fn second_source_of_a_secret_is_reported_with_its_variable() {
    let mut root = section(
        "a = { env = \"A\" }\n",
        &[("A", "x"), ("INTROSPECTD__A__FILE", "y")],
    );
    assert!(root.secret("a").is_none());
    assert_eq!(
        problems(root)[0].origin,
        "the environment variable INTROSPECTD__A__FILE"
    );
}

#[test]
fn what_may_be_off_is_a_table_or_the_word() {
    let toml = "a = \"off\"\nb = { share = \"25%\" }\n";
    let mut root = section(toml, &[]);
    assert!(root.switched("a").is_none());
    let share = |table: Option<Section>| table.map(|mut it| it.percent("share", 10, 1..=100));
    assert_eq!(share(root.switched("b")), Some(25));
    assert_eq!(share(root.switched("c")), Some(10));
    let settings = root.ledger().clone().close().unwrap();
    let shown: Vec<_> = settings
        .iter()
        .map(|setting| format!("{} = {} ({})", setting.key, setting.value, setting.origin))
        .collect();
    let file = &settings[0].origin;
    assert!(file.ends_with(":1"), "{file}");
    assert_eq!(shown[0], format!("a = \"off\" ({file})"));
    assert_eq!(shown[2], "c.share = \"10%\" (default)");
}

#[test]
fn what_is_neither_off_nor_a_table_and_a_share_that_is_none_name_their_lines() {
    let toml = "a = \"on\"\nb = true\nc = { share = 10 }\nd = { share = \"101%\" }\n";
    let printed = printed(toml, &[], |root| {
        for key in ["a", "b", "c", "d"] {
            if let Some(mut table) = root.switched(key) {
                table.percent("share", 10, 1..=100);
            }
        }
    });
    let expected = r#"the configuration has 4 problems:
  app.toml:1: a: expected a table or "off"
    Write "off", or [a] and its keys below.
  app.toml:2: b: expected a table or "off"
    Write "off", or [b] and its keys below.
  app.toml:3: c.share: expected a share from "1%" to "100%", found the number 10
    Write a whole number and % in quotes: "10%".
  app.toml:4: d.share: expected a share from "1%" to "100%", found other text
    Write a whole number and % in quotes: "10%".
"#;
    assert_eq!(printed, expected);
}

#[test]
fn files_are_recorded_readable_or_not_and_secrets_by_their_value() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "from-file\n").unwrap();
    let toml = format!(
        "a = {{ file = {:?} }}\nb = {{ file = \"/no/such\" }}\nc = {{ literal = \"from-file\" }}\n\
         d = {{ literal = \"other\" }}\n",
        file.path()
    );
    let mut root = section(&toml, &[]);
    for key in ["a", "b", "c", "d"] {
        root.secret(key);
    }
    let ledger = root.ledger().clone();
    assert!(ledger.clone().close().is_err());
    assert_eq!(ledger.files().len(), 2);
    let secrets = ledger.secrets();
    assert!(secrets["a"] == secrets["c"] && secrets["a"] != secrets["d"]);
    assert!(!format!("{secrets:?}").contains("from"));
}
