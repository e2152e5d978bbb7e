//! Client configuration file: server, caller and secret of the client commands, where neither
//! arguments nor the environment give them.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use introspectd_settings::{Environment, Problems, load};
use secrecy::SecretString;

use super::Stopped;
use crate::client::Server;

/// Content of the file.
#[derive(Default)]
pub(crate) struct ClientFile {
    pub(crate) server: Option<Server>,
    pub(crate) caller: Option<String>,
    pub(crate) secret: Option<SecretString>,
}

impl ClientFile {
    /// Reads the file that `INTROSPECTD_CLIENT_CONFIG` names, which must exist, else the user's
    /// own, if it exists.
    ///
    /// # Errors
    /// All problems of the file.
    pub(crate) fn find(environment: &Environment) -> Result<Self, Stopped> {
        let path = match environment.get("INTROSPECTD_CLIENT_CONFIG") {
            Some(named) => PathBuf::from(named),
            None => match of_user(environment) {
                Some(path) if is_there(&path) => path,
                _ => return Ok(Self::default()),
            },
        };
        Self::read(&path, environment).map_err(|problems| Stopped::usage(problems.to_string()))
    }

    fn read(path: &Path, environment: &Environment) -> Result<Self, Problems> {
        let mut root = load(path, &without_overlay(environment)).map_err(about_the_client_file)?;
        let file = Self {
            server: root.parsed(
                "server",
                "Write \"http://HOST:PORT\" or \"unix:PATH\".",
                Server::parse,
            ),
            caller: root.text("caller"),
            secret: root.secret("secret"),
        };
        if file.secret.is_some() && root.section("secret").has("literal") && others_may_read(path) {
            let remedy = format!("Run chmod 600 {}", path.display());
            root.problem(
                "secret.literal",
                "other users can read this file, and the secret in it",
                remedy,
            );
        }
        let ledger = root.ledger().clone();
        root.finish();
        ledger.close().map(|_| file)
    }
}

/// Path of the user's file: `~/.config/introspectd/client.toml`, or below `XDG_CONFIG_HOME` if that
/// is absolute.
fn of_user(environment: &Environment) -> Option<PathBuf> {
    let absolute = |name: &str| {
        environment
            .get(name)
            .map(PathBuf::from)
            .filter(|path| path.is_absolute())
    };
    let folder = absolute("XDG_CONFIG_HOME").or_else(|| Some(absolute("HOME")?.join(".config")))?;
    Some(folder.join("introspectd/client.toml"))
}

/// Returns true if the file exists or may exist: reading it then reports why it cannot be read.
fn is_there(path: &Path) -> bool {
    !matches!(path.try_exists(), Ok(false))
}

/// Returns the environment without variables for keys of the server's configuration.
fn without_overlay(environment: &Environment) -> Environment {
    let is_overlay = |name: &str| name.to_ascii_uppercase().starts_with("INTROSPECTD__");
    environment
        .clone()
        .into_iter()
        .filter(|(name, _)| !is_overlay(name))
        .collect()
}

fn about_the_client_file(mut problems: Problems) -> Problems {
    for problem in &mut problems.0 {
        problem.remedy = "Write TOML that you may read; config/client.toml shows every key. \
                          INTROSPECTD_CLIENT_CONFIG names another file."
            .to_owned();
    }
    problems
}

fn others_may_read(path: &Path) -> bool {
    let mode = std::fs::metadata(path).map(|metadata| metadata.permissions().mode());
    mode.is_ok_and(|mode| mode & 0o077 != 0)
}

#[cfg(test)]
mod tests {
    use std::fs::{Permissions, set_permissions};

    use secrecy::ExposeSecret;
    use tempfile::TempDir;

    use super::*;
    use crate::connection::DEFAULT_SERVER;

    fn environment(variables: &[(&str, &str)]) -> Environment {
        variables
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect()
    }

    fn write(folder: &TempDir, text: &str, mode: u32) -> PathBuf {
        let path = folder.path().join("client.toml");
        std::fs::write(&path, text).unwrap();
        set_permissions(&path, Permissions::from_mode(mode)).unwrap();
        path
    }

    fn problems(path: &Path, environment: &Environment) -> String {
        ClientFile::read(path, environment)
            .err()
            .unwrap()
            .to_string()
    }

    #[test]
    fn the_user_has_one_place_for_it() {
        for (variables, expected) in [
            (
                &[("HOME", "/h"), ("XDG_CONFIG_HOME", "/x")][..],
                Some("/x/introspectd/client.toml"),
            ),
            (
                &[("HOME", "/h")],
                Some("/h/.config/introspectd/client.toml"),
            ),
            (
                &[("HOME", "/h"), ("XDG_CONFIG_HOME", "x")],
                Some("/h/.config/introspectd/client.toml"),
            ),
            (
                &[("HOME", "/h"), ("XDG_CONFIG_HOME", "")],
                Some("/h/.config/introspectd/client.toml"),
            ),
            (&[], None),
        ] {
            assert_eq!(
                of_user(&environment(variables)),
                expected.map(PathBuf::from),
                "{variables:?}"
            );
        }
    }

    #[test]
    fn all_problems_are_reported_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = write(
            &folder,
            "servr = 'x'\nserver = 'ftp://h'\ncaller = 1\nsecret = 'geheim'\n",
            0o600,
        );
        let problems = problems(&path, &Environment::new());
        for text in [
            "4 problems",
            "client.toml",
            "Did you mean `server`",
            "http://HOST:PORT",
            "caller",
            "env",
        ] {
            assert!(problems.contains(text), "{text}: {problems}");
        }
        assert!(!problems.contains("geheim"), "{problems}");
    }

    #[test]
    fn invalid_toml_has_a_remedy_for_this_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = write(&folder, "server = ", 0o600);
        let problems = problems(&path, &Environment::new());
        assert!(
            problems.contains("config/client.toml") && !problems.contains("--config"),
            "{problems}"
        );
    }

    #[test]
    fn a_secret_that_others_may_read_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        for mode in [0o640, 0o604, 0o660] {
            let path = write(&folder, "secret = { literal = 'geheim' }", mode);
            let problems = problems(&path, &Environment::new());
            assert!(
                problems.contains("chmod 600") && !problems.contains("geheim"),
                "{problems}"
            );
        }
        let path = write(&folder, "secret = { literal = 'geheim' }", 0o600);
        let secret = ClientFile::read(&path, &Environment::new())
            .unwrap()
            .secret
            .unwrap();
        assert_eq!(secret.expose_secret(), "geheim");
        // The secret is elsewhere, and so are its rights.
        let path = write(&folder, "secret = { env = 'S' }", 0o644);
        assert!(ClientFile::read(&path, &environment(&[("S", "geheim")])).is_ok());
    }

    #[test]
    fn variables_for_the_server_are_no_keys_of_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = write(&folder, "caller = 'admin'", 0o600);
        let variables = [
            ("INTROSPECTD__CACHE__TTL", "1s"),
            ("INTROSPECTD__CALLER", "other"),
        ];
        let file = ClientFile::read(&path, &environment(&variables)).unwrap();
        assert_eq!(file.caller.as_deref(), Some("admin"));
    }

    const REFERENCE: &str = include_str!("../../../config/client.toml");

    #[test]
    fn reference_shows_the_defaults() {
        let folder = tempfile::tempdir().unwrap();
        let file =
            ClientFile::read(&write(&folder, REFERENCE, 0o644), &Environment::new()).unwrap();
        assert_eq!(file.server.map(Ok), Some(Server::parse(DEFAULT_SERVER)));
        assert!(file.caller.is_none() && file.secret.is_none());
    }

    #[test]
    fn each_key_of_the_reference_is_one() {
        let folder = tempfile::tempdir().unwrap();
        let secret = folder.path().join("secret");
        std::fs::write(&secret, "geheim\n").unwrap();
        let shown = "/run/secrets/introspectd";
        assert!(REFERENCE.contains(shown));
        let keys = ["# caller", "# secret"]
            .map(|key| REFERENCE.lines().find(|line| line.starts_with(key)));
        let keys: Vec<_> = keys
            .into_iter()
            .map(|line| line.unwrap().trim_start_matches("# "))
            .collect();
        let text = keys.join("\n").replace(shown, secret.to_str().unwrap());
        let file = ClientFile::read(&write(&folder, &text, 0o644), &Environment::new()).unwrap();
        assert_eq!(file.caller.as_deref(), Some("admin"));
        assert_eq!(file.secret.unwrap().expose_secret(), "geheim");
    }
}
