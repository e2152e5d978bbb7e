use std::hint::black_box;
use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval};

/// A full cache is hundreds of thousands of small pieces among the short-lived ones of every
/// request. The system's allocator keeps holes between them, a fifth of the whole.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Pause between two returns of freed memory, mimalloc's own delay for it.
const PAUSE: Duration = Duration::from_secs(1);

/// Size for which mimalloc has no page to reuse (its large objects end at 512 KiB). The memory is
/// never touched, so none is taken for it.
const WHOLE_PAGE: usize = 1 << 20;

/// Returns freed memory to the system every second. Never resolves.
///
/// mimalloc looks for pages to return only when some thread frees a whole one. After a burst of
/// connections none does, and each would go on counting 23 KiB in place of 8.
pub(crate) async fn return_freed_memory() {
    let mut seconds = interval(PAUSE);
    seconds.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        seconds.tick().await;
        drop(black_box(Vec::<u8>::with_capacity(WHOLE_PAGE)));
    }
}
