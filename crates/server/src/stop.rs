use tokio::sync::watch;

/// Signal to stop, which any number of listeners await.
#[derive(Debug, Clone)]
pub struct Stop(watch::Receiver<bool>);

impl Stop {
    /// Creates the signal with its sender, which gives it by `send(true)` or by being dropped.
    pub fn new() -> (watch::Sender<bool>, Self) {
        let (sender, receiver) = watch::channel(false);
        (sender, Self(receiver))
    }

    /// Resolves once the signal is given. Cancel-safe.
    pub async fn given(&self) {
        let _ = self.0.clone().wait_for(|stop| *stop).await;
    }
}
