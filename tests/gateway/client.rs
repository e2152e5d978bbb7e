use introspectd_tests::{EDGE_SECRET, Gateway, basic, form_body};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// A caller on a connection of its own, which it can leave before it is answered.
pub(crate) struct Client(TcpStream);

impl Client {
    pub(crate) async fn ask(gateway: &Gateway, token: &str) -> Self {
        let body = form_body(&[("token", token)]);
        let request = format!(
            "POST /introspect HTTP/1.1\r\nHost: gateway\r\nAuthorization: {}\r\n\
             Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{body}",
            basic("edge", EDGE_SECRET),
            body.len(),
        );
        let mut stream = TcpStream::connect(gateway.api()).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        Self(stream)
    }

    /// Goes away without a word.
    pub(crate) fn leave(self) {
        self.0.set_zero_linger().unwrap();
        drop(self);
    }

    /// Says that it has said everything.
    pub(crate) async fn finish(&mut self) {
        self.0.shutdown().await.unwrap();
    }

    /// Reads until the gateway ends the connection.
    pub(crate) async fn rest(mut self) -> String {
        let mut answer = Vec::new();
        self.0.read_to_end(&mut answer).await.unwrap();
        String::from_utf8(answer).unwrap()
    }
}
