//! A process that is killed while it binds.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use introspectd_bindings::StoredBindings;

use crate::given::{NONE, NOW, Place, at, bind, missing};

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

/// Shorter than a system lets a process rest.
fn spin(time: Duration) {
    let start = Instant::now();
    while start.elapsed() < time {
        std::hint::spin_loop();
    }
}
