//! Model of a fleet: real resolvers over a store in memory, in many interleavings, with an oracle
//! that knows what was revoked when.
//!
//! A seed decides what happens: requests, purges, links that are cut, heal, hang or turn deaf, a
//! store that loses its last entries or all. Time passes in leaps.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking, its own functions included"
)]

// The counters of coverage under `cargo xtask fuzz`, which builds all tests of a crate.
use introspectd_fuzz as _;

mod world;

use std::time::Duration;

use introspectd_fleet::Fault;
use tokio::time::sleep;

use world::{TOKENS, World};

/// Runs one history.
async fn run(seed: u64, steps: usize) {
    let mut random = fastrand::Rng::with_seed(seed);
    let world = World::new(seed, 3).await;
    for _ in 0..steps {
        let replica = random.usize(0..3);
        let token = random.usize(0..TOKENS);
        match random.u8(0..20) {
            0..9 => world.ask(replica, token),
            9..12 => world.revoke(replica, token),
            12 => world.cut(replica, Some(Fault::Refused)),
            13 => world.cut(replica, Some(Fault::Hanging)),
            14 => world.cut(replica, Some(Fault::Deaf)),
            15 => world.heal(),
            16 if random.u8(0..4) == 0 => world.flush(),
            17 if random.u8(0..4) == 0 => world.lose_last(random.usize(1..4)),
            _ => sleep(Duration::from_millis(random.u64(1..1500))).await,
        }
        // Some steps begin in the middle of others.
        match random.u8(0..4) {
            0 => {}
            1 => tokio::task::yield_now().await,
            2 => sleep(Duration::from_millis(random.u64(0..3))).await,
            _ => sleep(Duration::from_millis(random.u64(0..100))).await,
        }
    }
    world.heal();
    world.settle().await;
    world.judge(seed);
}

fn histories(seeds: std::ops::Range<u64>) {
    for seed in seeds {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        runtime.block_on(run(seed, 60));
    }
}

#[test]
fn no_revoked_token_is_active_past_the_bound() {
    histories(0..150);
}

#[test]
fn no_revoked_token_is_active_past_the_bound_in_other_histories() {
    histories(150..300);
}
