use tokio::sync::watch;

/// The signal to stop, to be waited for by any number of listeners.
#[derive(Debug, Clone)]
pub struct Stop(watch::Receiver<bool>);

impl Stop {
    /// The signal, and what gives it: `send(true)`, or dropping it.
    pub fn new() -> (watch::Sender<bool>, Self) {
        let (sender, receiver) = watch::channel(false);
        (sender, Self(receiver))
    }

    /// Resolves once the signal is given. Cancel-safe.
    pub async fn given(&self) {
        let _ = self.0.clone().wait_for(|stop| *stop).await;
    }
}
