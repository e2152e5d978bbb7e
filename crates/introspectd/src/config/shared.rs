use std::path::PathBuf;
use std::time::Duration;

use introspectd_fleet::{FleetSecret, FleetSettings};
use introspectd_redis::{Identity, RedisUrl, Settings, Tls, TlsError, TlsFiles};
use introspectd_settings::Section;
use secrecy::ExposeSecret;

/// Settings of `[cache.shared]`.
#[derive(Debug)]
pub struct SharedConfig {
    pub redis: Settings,
    pub secret: FleetSecret,
    /// Secret before this one, while it rotates.
    pub previous: Option<FleetSecret>,
    pub fleet: FleetSettings,
}

const HOUR: Duration = Duration::from_secs(60 * 60);

/// Shortest time that the stream of purges is kept for, so that a replica that was cut off for a
/// while finds its place again.
const MIN_KEEP: Duration = Duration::from_secs(10 * 60);

/// Reads the section, if there is one.
pub(super) fn read(cache: &mut Section) -> Option<SharedConfig> {
    if !cache.has("shared") {
        return None;
    }
    let mut shared = cache.section("shared");
    let remedy = "Write the address of Redis: \"redis://cache.internal:6379\".";
    let url = shared.required_parsed("url", remedy, RedisUrl::parse);
    let username = shared.text("username");
    let password = shared.secret("password");
    if username.is_some() && password.is_none() {
        let remedy = "Give the user's password, or leave the username out.";
        shared.problem("username", "is unused without a password", remedy);
    }
    let secret = required_secret(&mut shared, "secret");
    let previous = secret_of(&mut shared, "secret_previous");
    let prefix = read_prefix(&mut shared);
    let share = shared.percent("share", 20, 1..=90);
    let trust = shared.duration(
        "trust",
        Duration::from_secs(2),
        Duration::from_millis(500)..=HOUR,
    );
    let tls = read_tls(&mut shared);
    shared.finish();
    Some(SharedConfig {
        redis: Settings {
            url: url?,
            username,
            password,
            tls: tls.ok()?,
            prefix: prefix.clone(),
        },
        secret: secret?,
        previous,
        fleet: FleetSettings {
            prefix,
            share: f64::from(share) / 100.0,
            trust,
            keep: MIN_KEEP,
        },
    })
}

impl SharedConfig {
    /// Keeps the stream of purges for as long as facts with this lifetime can be used.
    pub fn keep_for(&mut self, longest: Duration) {
        self.fleet.keep = self.fleet.keep.max(longest + self.fleet.trust * 2);
    }
}

fn required_secret(shared: &mut Section, key: &str) -> Option<FleetSecret> {
    if shared.has(key) {
        return secret_of(shared, key);
    }
    let remedy = "Give all replicas the output of one `openssl rand -hex 32`: { file = \"PATH\" }.";
    shared.problem(key, "is missing", remedy);
    None
}

fn secret_of(shared: &mut Section, key: &str) -> Option<FleetSecret> {
    let text = shared.secret(key)?;
    let secret = FleetSecret::new(text.expose_secret().as_bytes());
    if secret.is_none() {
        let what = format!("is shorter than {} bytes", FleetSecret::MIN_BYTES);
        shared.problem(key, what, "Take the output of `openssl rand -hex 32`.");
    }
    secret
}

fn read_prefix(shared: &mut Section) -> String {
    let prefix = shared.text_or("prefix", "introspectd");
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.:".contains(&byte);
    if prefix.is_empty() || prefix.len() > 64 || !prefix.bytes().all(fits) {
        let remedy = "Use 1 to 64 letters, digits and `_-.:`.";
        shared.problem("prefix", "is no beginning of a key", remedy);
    }
    prefix
}

/// Reads `tls = { ca, certificate, key }`; `Err` if it has problems. Without files, `None`: the
/// system's authorities are looked for once they are needed.
fn read_tls(shared: &mut Section) -> Result<Option<Tls>, Reported> {
    let mut table = shared.section("tls");
    let mut path = |key| {
        let path = table.text(key).map(PathBuf::from);
        path.inspect(|path| table.ledger().file(path))
    };
    let ca = path("ca");
    let identity = match (path("certificate"), path("key")) {
        (Some(certificate), Some(key)) => Ok(Some(Identity { certificate, key })),
        (None, None) => Ok(None),
        (Some(_), None) | (None, Some(_)) => {
            let remedy = "Give both, or none.";
            table.problem("", "has only one of certificate and key", remedy);
            Err(Reported)
        }
    };
    let files = identity.map(|identity| TlsFiles { ca, identity });
    let tls = files.and_then(|files| open(&table, files));
    table.finish();
    tls
}

/// Problem that is in the ledger.
struct Reported;

fn open(table: &Section, files: TlsFiles) -> Result<Option<Tls>, Reported> {
    if files.ca.is_none() && files.identity.is_none() {
        return Ok(None);
    }
    Tls::open(files).map(Some).map_err(|error| {
        let (key, reason) = match error {
            TlsError::Ca(reason) => ("ca", reason),
            TlsError::Certificate(reason) => ("certificate", reason),
            TlsError::Key(reason) => ("key", reason),
            TlsError::NoSystemRoots | TlsError::Unusable(_) => ("", error.to_string()),
        };
        let what = format!("cannot be used: {reason}");
        table.problem(key, what, "Name PEM files that this process may read.");
        Reported
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use introspectd_settings::{Environment, parse_named};

    const SECRET: &str = "secret = { literal = \"0123456789abcdef0123456789abcdef\" }";

    fn parse(shared: &str) -> Result<Option<SharedConfig>, String> {
        let toml = format!("[cache.shared]\n{shared}\n");
        let mut root = parse_named(&toml, "x.toml", &Environment::new(), &[]).unwrap();
        let ledger = root.ledger().clone();
        let mut cache = root.section("cache");
        let read = read(&mut cache);
        cache.finish();
        root.finish();
        ledger.close().map(|_| read).map_err(|it| it.to_string())
    }

    #[test]
    fn url_and_secret_are_enough() {
        let config = parse(&format!("url = \"redis://cache:6379\"\n{SECRET}")).unwrap();
        let SharedConfig {
            fleet,
            redis,
            previous,
            ..
        } = config.unwrap();
        assert_eq!(
            (fleet.prefix.as_str(), fleet.trust),
            ("introspectd", Duration::from_secs(2))
        );
        assert!((fleet.share - 0.2).abs() < f64::EPSILON);
        assert!(redis.username.is_none() && previous.is_none());
    }

    #[test]
    fn each_problem_names_its_key() {
        for (toml, key, what) in [
            (SECRET, "cache.shared.url", "missing"),
            ("url = \"redis://c\"", "cache.shared.secret", "is missing"),
            ("url = \"http://c\"", "cache.shared.url", "redis://host"),
            ("url = \"redis://u:p@c\"", "cache.shared.url", "credentials"),
            (
                "secret = { literal = \"short\" }",
                "cache.shared.secret",
                "32 bytes",
            ),
            (
                "secret_previous = { literal = \"short\" }",
                "cache.shared.secret_previous",
                "32 bytes",
            ),
            ("trust = \"499ms\"", "cache.shared.trust", "out of bounds"),
            ("share = \"0%\"", "cache.shared.share", "1%"),
            (
                "prefix = \"a{b}\"",
                "cache.shared.prefix",
                "no beginning of a key",
            ),
            ("username = \"u\"", "cache.shared.username", "password"),
            (
                "tls = { certificate = \"/nowhere\", key = \"/nowhere\" }",
                "cache.shared.tls.certificate",
                "cannot be used",
            ),
            (
                "tls = { key = \"/nowhere\" }",
                "cache.shared.tls",
                "only one",
            ),
            (
                "tls = { ca = \"/nowhere\" }",
                "cache.shared.tls.ca",
                "cannot be used",
            ),
            ("speed = 1", "cache.shared.speed", "not a known key"),
        ] {
            let problems = parse(toml).unwrap_err();
            let line = problems.lines().find(|line| line.contains(key));
            assert!(
                problems.contains(what) && line.is_some(),
                "{toml}: {problems}"
            );
        }
    }

    #[test]
    fn stream_is_kept_for_the_longest_lifetime() {
        let config = parse(&format!("url = \"redis://cache\"\n{SECRET}")).unwrap();
        let mut config = config.unwrap();
        config.keep_for(Duration::from_secs(60));
        assert_eq!(config.fleet.keep, MIN_KEEP);
        config.keep_for(HOUR);
        assert_eq!(config.fleet.keep, HOUR + config.fleet.trust * 2);
    }
}
