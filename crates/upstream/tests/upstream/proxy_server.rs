//! A proxy that relays to this machine whatever the host is, or is at fault.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};

pub(crate) struct ProxyServer {
    address: SocketAddr,
    heads: Arc<Mutex<Vec<String>>>,
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum Role {
    Relay,
    Answer(&'static str),
    HangUp,
    Hang,
}

impl ProxyServer {
    pub(crate) async fn start(role: Role) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let heads = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&heads);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, role, Arc::clone(&seen)));
            }
        });
        Self { address, heads }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Heads of the first request of each connection.
    pub(crate) fn heads(&self) -> Vec<String> {
        self.heads.lock().unwrap().clone()
    }
}

async fn serve(mut stream: TcpStream, role: Role, heads: Arc<Mutex<Vec<String>>>) {
    let mut read = Vec::new();
    while !read.windows(4).any(|end| end == b"\r\n\r\n") {
        if stream.read_buf(&mut read).await.unwrap_or(0) == 0 {
            return;
        }
    }
    let text = String::from_utf8_lossy(&read);
    let (head, _) = text.split_once("\r\n\r\n").unwrap();
    heads.lock().unwrap().push(format!("{head}\r\n\r\n"));
    match role {
        Role::HangUp => {}
        Role::Hang => std::future::pending().await,
        Role::Answer(answer) => {
            stream.write_all(answer.as_bytes()).await.unwrap();
            // Closed by the client: an end of ours might overtake what it has not read.
            let _ = stream.read(&mut [0]).await;
        }
        Role::Relay => {
            let target = text.split(' ').nth(1).unwrap();
            let place = target.trim_start_matches("http://");
            let place = place.split('/').next().unwrap();
            let port: u16 = place.rsplit_once(':').unwrap().1.parse().unwrap();
            let mut server = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
            if text.starts_with("CONNECT ") {
                stream.write_all(b"HTTP/1.1 200 Yes\r\n\r\n").await.unwrap();
            } else {
                server.write_all(&read).await.unwrap();
            }
            let _ = copy_bidirectional(&mut stream, &mut server).await;
        }
    }
}
