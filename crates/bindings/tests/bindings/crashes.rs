//! Processes that are killed, or run out of disk, while they bind.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use introspectd_bindings::{BlockingRevocations, StoredBindings};
use introspectd_core::{BindingsFailed, Kept, Revoked};
use rustix::process::{Resource, Rlimit, setrlimit};

use crate::given::{NONE, NOW, Place, at, bank, bind, keep, missing, pair};

/// File and first number for a child process: this program, running one test.
const FILE: &str = "INTROSPECTD_TEST_BINDINGS";
const FROM: &str = "INTROSPECTD_TEST_FROM";

const ROUNDS: u32 = 50;

#[test]
fn acknowledged_bindings_survive_a_kill() {
    if let (Some(file), Ok(from)) = (std::env::var_os(FILE), std::env::var(FROM)) {
        let bindings = StoredBindings::open(file.as_ref(), None, at(NOW)).unwrap();
        for number in from.parse().unwrap().. {
            bind(&bindings, number);
            println!("bound {number}");
        }
    }
    let place = Place::new();
    let mut next = 0;
    for round in 0..ROUNDS {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args([
                "--exact",
                "crashes::acknowledged_bindings_survive_a_kill",
                "--nocapture",
            ])
            .env(FILE, place.file())
            .env(FROM, next.to_string())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap())
            .lines()
            .map(Result::unwrap);
        let mut acknowledged =
            || lines.find_map(|line| line.strip_prefix("bound ")?.parse::<u32>().ok());
        // Kills at another moment each round: while opening, after none, one or some bindings, and
        // a little later.
        for _ in 0..round % 7 {
            acknowledged().unwrap();
        }
        spin(Duration::from_micros(u64::from(round) * 977 % 20_000));
        child.kill().unwrap();
        child.wait().unwrap();
        let last = std::iter::from_fn(acknowledged).last();
        next = last.map_or(next + round % 7, |last| last + 1);
        let bindings = place.open();
        assert_eq!(missing(&bindings, 0..next), NONE, "round {round}");
    }
    assert!(next > ROUNDS, "{next}");
    let leftovers = std::fs::read_dir(place.folder()).unwrap().count() - 1;
    assert!(leftovers <= 1, "{leftovers}");
}

/// File size limit, over which the system refuses writes like a full disk.
const MAX_BYTES: u64 = 150_000;

#[test]
fn size_limited_file_keeps_bindings_and_recovers() {
    const NAME: &str = "crashes::size_limited_file_keeps_bindings_and_recovers";
    if let Some(file) = std::env::var_os(FILE) {
        let limit = |current| {
            setrlimit(
                Resource::Fsize,
                Rlimit {
                    current,
                    maximum: None,
                },
            )
            .unwrap()
        };
        println!(
            "recovered after {}",
            fill_and_recover(&file, || limit(Some(MAX_BYTES)), || limit(None))
        );
        return;
    }
    let place = Place::new();
    // An ignored signal stays ignored across exec.
    let limited = "trap '' XFSZ; exec \"$0\" \"$@\"";
    recovers(
        Command::new("sh")
            .args(["-c", limited])
            .env(FILE, place.file()),
        NAME,
    );
}

#[test]
fn full_disk_keeps_bindings_and_recovers() {
    const NAME: &str = "crashes::full_disk_keeps_bindings_and_recovers";
    if let Some(file) = std::env::var_os(FILE) {
        let filler = Path::new(&file).with_file_name("filler");
        let fill = || drop(std::fs::write(&filler, vec![b'x'; 64 * 1024 * 1024]).unwrap_err());
        println!(
            "recovered after {}",
            fill_and_recover(&file, fill, || std::fs::remove_file(&filler).unwrap())
        );
        return;
    }
    let place = Place::new();
    // A file system of its own, which ends with the process.
    let mounted = "mount -t tmpfs -o size=2m tmpfs \"$FOLDER\" && exec \"$0\" \"$@\"";
    let mut command = Command::new("unshare");
    if !rustix::process::geteuid().is_root() {
        command.arg("--map-root-user");
    }
    command
        .args(["--mount", "sh", "-c", mounted])
        .env("FOLDER", place.folder())
        .env(FILE, place.file());
    recovers(&mut command, NAME);
}

/// Runs the test of this name in a child process.
#[track_caller]
fn recovers(command: &mut Command, name: &str) {
    command
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", name, "--nocapture"]);
    let output = command.output().unwrap();
    let output_text = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && output_text.contains("recovered after"),
        "{output:#?}"
    );
}

/// Fills the disk, makes room again, and returns the number of bindings before it was full.
fn fill_and_recover(file: &OsStr, fill: impl Fn(), make_room: impl Fn()) -> u32 {
    let open = || StoredBindings::open(file.as_ref(), None, at(NOW)).unwrap();
    let try_to_bind = |bindings: &StoredBindings, number: u32| {
        let (token, id) = pair(number);
        keep(bindings, &token, &id, at(NOW + 3600), at(NOW))
    };
    let bindings = open();
    (0..10).for_each(|number| bind(&bindings, number));
    fill();
    let bound = (10..)
        .find(|number| try_to_bind(&bindings, *number).is_err())
        .unwrap();
    for attempt in 1..20 {
        assert_eq!(missing(&bindings, 0..bound), NONE, "attempt {attempt}");
        assert_eq!(try_to_bind(&bindings, bound + attempt), Err(BindingsFailed));
    }
    let (token, _) = pair(0);
    let revoked = Revoked::Token(&token);
    bindings.remember(&bank(), revoked, None, at(NOW));
    assert_eq!(bindings.save(at(NOW)), Err(BindingsFailed));
    assert!(BlockingRevocations::find(&bindings, &bank(), revoked).is_some());

    make_room();
    assert_eq!(try_to_bind(&bindings, bound), Ok(Kept::Done), "at once");
    assert_eq!(missing(&bindings, 0..bound + 1), NONE);
    drop(bindings);
    let bindings = open();
    assert_eq!(missing(&bindings, 0..bound + 1), NONE);
    assert!(
        BlockingRevocations::find(&bindings, &bank(), revoked).is_some(),
        "it is saved with the next binding"
    );

    fill();
    let full = (bound + 1..)
        .find(|number| try_to_bind(&bindings, *number).is_err())
        .unwrap();
    // Like after a crash, with no room for the writes of opening.
    drop(bindings);
    let bindings = open();
    assert_eq!(missing(&bindings, 0..full), NONE, "opened on a full disk");
    make_room();
    assert_eq!(try_to_bind(&bindings, full), Ok(Kept::Done));
    bound
}

/// Waits for less than the shortest sleep of the system.
fn spin(time: Duration) {
    let start = Instant::now();
    while start.elapsed() < time {
        std::hint::spin_loop();
    }
}
