//! A process that is killed while it binds.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use introspectd_bindings::StoredBindings;
use introspectd_core::{BindingsFailed, Kept, Revocations, Revoked};
use rustix::process::{Resource, Rlimit, setrlimit};

use crate::given::{NONE, NOW, Place, at, bank, bind, keep, missing, pair};

/// Where a process that is to be killed binds, and from which number on. It is this program, told to run one test.
const FILE: &str = "INTROSPECTD_TEST_BINDINGS";
const FROM: &str = "INTROSPECTD_TEST_FROM";

const ROUNDS: u32 = 50;

#[test]
fn what_was_acknowledged_before_a_kill_is_there() {
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
            .args(["--exact", "crashes::what_was_acknowledged_before_a_kill_is_there", "--nocapture"])
            .env(FILE, place.file())
            .env(FROM, next.to_string())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
        let mut acknowledged = || lines.find_map(|line| line.strip_prefix("bound ")?.parse::<u32>().ok());
        // Each round at another moment: in its first opening, after none, one or some bindings, and a little later.
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

/// How large a file may be: the system refuses what is beyond, as a full disk does.
const MOST_BYTES: u64 = 150_000;

#[test]
fn a_file_that_may_not_grow_takes_bindings_again_and_has_the_former_ones_all_the_time() {
    const NAME: &str =
        "crashes::a_file_that_may_not_grow_takes_bindings_again_and_has_the_former_ones_all_the_time";
    if let Some(file) = std::env::var_os(FILE) {
        let limit = |current| setrlimit(Resource::Fsize, Rlimit { current, maximum: None }).unwrap();
        println!("went on after {}", fill_and_go_on(&file, || limit(Some(MOST_BYTES)), || limit(None)));
        return;
    }
    let place = Place::new();
    // A signal that is ignored stays so.
    let limited = "trap '' XFSZ; exec \"$0\" \"$@\"";
    went_on(Command::new("sh").args(["-c", limited]).env(FILE, place.file()), NAME);
}

#[test]
fn a_full_disk_takes_bindings_again_and_has_the_former_ones_all_the_time() {
    const NAME: &str = "crashes::a_full_disk_takes_bindings_again_and_has_the_former_ones_all_the_time";
    if let Some(file) = std::env::var_os(FILE) {
        let filler = Path::new(&file).with_file_name("filler");
        let fill = || drop(std::fs::write(&filler, vec![b'x'; 64 * 1024 * 1024]).unwrap_err());
        println!("went on after {}", fill_and_go_on(&file, fill, || std::fs::remove_file(&filler).unwrap()));
        return;
    }
    let place = Place::new();
    // A disk of its own, which ends with the process.
    let mounted = "mount -t tmpfs -o size=2m tmpfs \"$FOLDER\" && exec \"$0\" \"$@\"";
    let mut command = Command::new("unshare");
    if !rustix::process::geteuid().is_root() {
        command.arg("--map-root-user");
    }
    command.args(["--mount", "sh", "-c", mounted]).env("FOLDER", place.folder()).env(FILE, place.file());
    went_on(&mut command, NAME);
}

/// Runs this program's test of this name in such a process.
#[track_caller]
fn went_on(command: &mut Command, name: &str) {
    command.arg(std::env::current_exe().unwrap()).args(["--exact", name, "--nocapture"]);
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.contains("went on after"), "{output:#?}");
}

/// How many were bound before the disk was full.
fn fill_and_go_on(file: &OsStr, fill: impl Fn(), make_room: impl Fn()) -> u32 {
    let open = || StoredBindings::open(file.as_ref(), None, at(NOW)).unwrap();
    let try_to_bind = |bindings: &StoredBindings, number: u32| {
        let (token, id) = pair(number);
        keep(bindings, &token, &id, at(NOW + 3600), at(NOW))
    };
    let bindings = open();
    (0..10).for_each(|number| bind(&bindings, number));
    fill();
    let bound = (10..).find(|number| try_to_bind(&bindings, *number).is_err()).unwrap();
    for attempt in 1..20 {
        assert_eq!(missing(&bindings, 0..bound), NONE, "attempt {attempt}");
        assert_eq!(try_to_bind(&bindings, bound + attempt), Err(BindingsFailed));
    }
    let (token, _) = pair(0);
    let revoked = Revoked::Token(&token);
    bindings.remember(&bank(), revoked, None, at(NOW));
    assert_eq!(bindings.save(at(NOW)), Err(BindingsFailed));
    assert!(Revocations::find(&bindings, &bank(), revoked).is_some());

    make_room();
    assert_eq!(try_to_bind(&bindings, bound), Ok(Kept::Done), "at once");
    assert_eq!(missing(&bindings, 0..bound + 1), NONE);
    drop(bindings);
    let bindings = open();
    assert_eq!(missing(&bindings, 0..bound + 1), NONE);
    assert!(Revocations::find(&bindings, &bank(), revoked).is_some(), "it is saved with the next binding");

    fill();
    let full = (bound + 1..).find(|number| try_to_bind(&bindings, *number).is_err()).unwrap();
    // As after a crash, and with no room for what opening writes.
    drop(bindings);
    let bindings = open();
    assert_eq!(missing(&bindings, 0..full), NONE, "opened on a full disk");
    make_room();
    assert_eq!(try_to_bind(&bindings, full), Ok(Kept::Done));
    bound
}

/// Shorter than a system lets a process rest.
fn spin(time: Duration) {
    let start = Instant::now();
    while start.elapsed() < time {
        std::hint::spin_loop();
    }
}
