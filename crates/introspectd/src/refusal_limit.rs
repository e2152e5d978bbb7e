use std::sync::Arc;
use std::time::Duration;

use introspectd_front::Api;
use tokio::time::MissedTickBehavior;

/// Renews the limit on the lines about refusals each second. Where this thread is late, fewer lines
/// are written.
pub(crate) async fn limit_refusals(api: Arc<Api>) {
    let mut seconds = tokio::time::interval(Duration::from_secs(1));
    seconds.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        seconds.tick().await;
        api.service().begin_second();
    }
}
