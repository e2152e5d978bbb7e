//! A process that is killed while it binds.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use introspectd_bindings::StoredBindings;
use introspectd_core::{Bindings, BindingsFailed};
use rustix::process::{Resource, Rlimit, setrlimit};

use crate::given::{NONE, NOW, Place, at, bank, bind, missing, pair};

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

/// How large a file may be, in blocks of 512 bytes: the system refuses what is beyond, as a full disk does.
const BLOCKS: u32 = 300;

#[test]
fn a_disk_that_was_full_for_a_while_takes_bindings_again_and_has_the_former_ones() {
    const NAME: &str =
        "crashes::a_disk_that_was_full_for_a_while_takes_bindings_again_and_has_the_former_ones";
    if let Some(file) = std::env::var_os(FILE) {
        println!("went on after {}", fill_and_go_on(&file));
        return;
    }
    let place = Place::new();
    // A signal that is ignored stays so.
    let limited = format!("trap '' XFSZ; ulimit -S -f {BLOCKS}; exec \"$0\" \"$@\"");
    let mut child = Command::new("sh");
    child.args(["-c", &limited]).arg(std::env::current_exe().unwrap()).args(["--exact", NAME, "--nocapture"]);
    let output = child.env(FILE, place.file()).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.contains("went on after"), "{output:#?}");
}

/// How many were bound before the disk was full.
fn fill_and_go_on(file: &OsStr) -> u32 {
    let bindings = StoredBindings::open(file.as_ref(), None, at(NOW)).unwrap();
    let try_to_bind = |number: u32, now: i64| {
        let (token, id) = pair(number);
        bindings.bind(&bank(), &token, &id, at(NOW + 3600), at(now))
    };
    let bound = (0..).find(|number| try_to_bind(*number, NOW).is_err()).unwrap();
    setrlimit(Resource::Fsize, Rlimit { current: None, maximum: None }).unwrap();
    let find = |now| bindings.find(&bank(), &pair(0).0, at(now));
    assert_eq!(find(NOW + 4), Err(BindingsFailed), "to open it reads all of it: not for each question");
    assert_eq!(find(NOW + 5), Ok(Some(pair(0).1)));
    assert_eq!(missing(&bindings, 0..bound), NONE);
    assert_eq!(try_to_bind(bound, NOW + 5), Ok(()));
    assert_eq!(missing(&bindings, 0..bound + 1), NONE);
    bound
}

/// Shorter than a system lets a process rest.
fn spin(time: Duration) {
    let start = Instant::now();
    while start.elapsed() < time {
        std::hint::spin_loop();
    }
}
