use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::sleep;

/// Way from one client to a server, which can be cut and slowed.
pub struct Wire {
    address: SocketAddr,
    state: Arc<watch::Sender<State>>,
    accepting: JoinHandle<()>,
}

/// State of a [`Wire`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Bytes pass.
    Whole,
    /// Bytes pass after this time, in both directions.
    Slow(Duration),
    /// Bytes wait, and no connection ends.
    Hanging,
    /// Bytes from the client pass, those from the server wait.
    Deaf,
    /// Connections end, and none is taken.
    Cut,
}

impl Wire {
    /// Opens a way to a server on this port of loopback.
    ///
    /// # Panics
    /// No port is free.
    pub async fn to(port: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(watch::Sender::new(State::Whole));
        let accepting = tokio::spawn(accept(listener, port, Arc::clone(&state)));
        Self {
            address,
            state,
            accepting,
        }
    }

    /// Port that clients connect to.
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// Changes what becomes of bytes from now on.
    pub fn set(&self, state: State) {
        self.state.send_replace(state);
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.accepting.abort();
        self.set(State::Cut);
    }
}

async fn accept(listener: TcpListener, port: u16, state: Arc<watch::Sender<State>>) {
    while let Ok((client, _)) = listener.accept().await {
        if *state.borrow() == State::Cut {
            continue;
        }
        let Ok(server) = TcpStream::connect(("127.0.0.1", port)).await else {
            continue;
        };
        let cut = state.subscribe();
        let (from_client, to_client) = client.into_split();
        let (from_server, to_server) = server.into_split();
        let sent = carry(from_client, to_server, state.subscribe(), true);
        let received = carry(from_server, to_client, state.subscribe(), false);
        drop(tokio::spawn(async move {
            let mut cut = cut;
            tokio::select! {
                () = sent => {}
                () = received => {}
                _ = cut.wait_for(|state| *state == State::Cut) => {}
            }
        }));
    }
}

async fn carry(
    mut from: impl AsyncReadExt + Unpin,
    mut to: impl AsyncWriteExt + Unpin,
    mut state: watch::Receiver<State>,
    is_sent: bool,
) {
    let mut buffer = vec![0; 65_536];
    while let Ok(count @ 1..) = from.read(&mut buffer).await {
        let passes = |state: &State| match state {
            State::Whole | State::Slow(_) => true,
            State::Deaf => is_sent,
            State::Hanging | State::Cut => false,
        };
        let Ok(now) = state.wait_for(passes).await.map(|now| *now) else {
            return;
        };
        if let State::Slow(delay) = now {
            sleep(delay).await;
        }
        if to.write_all(&buffer[..count]).await.is_err() {
            return;
        }
    }
}
