//! Memory of a list too long to be held. A test binary of its own with one test, since it measures
//! its whole process.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking, its own functions included"
)]

use introspectd_core::{Listing, Order};
use introspectd_simulators::Fault;
use introspectd_simulators::tibco_asg::{LONG_LIST_SECRET, long_list};
use introspectd_tests::{Adapter, TibcoAsg};

const MIB: usize = 1024 * 1024;

#[tokio::test]
async fn list_of_two_hundred_mebibytes_uses_little_memory() {
    let adapter = Adapter::<TibcoAsg>::open().await;
    let listing = Listing {
        order: Order::Descending,
        ..Listing::default()
    };
    adapter.server.next(Fault::Pieces(long_list(MIB)));
    adapter.list(&listing, None).await.unwrap();
    adapter.server.next(Fault::Pieces(long_list(200 * MIB)));

    let before = peak_since_now();
    let batch = adapter.list(&listing, None).await.unwrap();
    let grown = peak() - before;

    assert!(grown < 16 * MIB, "{} KiB", grown / 1024);
    assert_eq!(batch.records.len(), 200);
    assert!(batch.next.is_some());
    let times: Vec<_> = batch.records.iter().map(|(token, _)| token.iat).collect();
    assert!(times.is_sorted_by(|later, earlier| later >= earlier));
    assert!(!format!("{batch:?}").contains(LONG_LIST_SECRET));
}

/// Has the kernel forget the former peak. In bytes.
fn peak_since_now() -> usize {
    std::fs::write("/proc/self/clear_refs", "5").unwrap();
    peak()
}

/// The most memory that the process has held, in bytes.
fn peak() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))
        .unwrap();
    let kib: usize = line.trim().trim_end_matches(" kB").parse().unwrap();
    kib * 1024
}
