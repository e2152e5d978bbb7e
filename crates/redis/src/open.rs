use std::pin::Pin;
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, FromRedisValue, RedisConnectionInfo, RedisResult};
use rustls::pki_types::ServerName;
use secrecy::{ExposeSecret, SecretString};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use super::fault::Fault;
use super::script::Script;
use super::settings::Tls;
use super::url::Address;

/// Longest time until a connection is usable: name, socket, TLS, password.
const CONNECT: Duration = Duration::from_secs(1);

/// Opens connections, all alike.
#[derive(Debug, Clone)]
pub(super) struct Opener {
    pub(super) tls: Option<Tls>,
    pub(super) login: Option<Login>,
    pub(super) database: u16,
}

/// Credentials that a connection begins with.
#[derive(Debug, Clone)]
pub(super) struct Login {
    pub(super) username: Option<String>,
    pub(super) password: SecretString,
}

/// Connection to one server, for any number of commands at a time.
///
/// A command that is dropped leaves it usable: its response is read and ignored.
#[derive(Debug, Clone)]
pub(super) struct Connection(MultiplexedConnection);

/// Future that reads and writes a connection's socket. It ends when the connection is lost, and
/// dropping it closes the connection.
pub(super) type Driver = Pin<Box<dyn Future<Output = ()> + Send>>;

impl Opener {
    pub(super) async fn open(&self, address: &Address) -> Result<(Connection, Driver), Fault> {
        let opened = timeout(CONNECT, Box::pin(self.open_slowly(address)));
        opened.await.unwrap_or(Err(Fault::TimedOut))
    }

    async fn open_slowly(&self, address: &Address) -> Result<(Connection, Driver), Fault> {
        let socket = TcpStream::connect((address.host.as_str(), address.port)).await?;
        socket.set_nodelay(true)?;
        let (connection, mut driver) = match &self.tls {
            None => over(socket).await?,
            Some(tls) => {
                let name = ServerName::try_from(address.host.clone())
                    .map_err(|error| Fault::Tls(error.to_string()))?;
                let tls = TlsConnector::from(tls.config());
                over(tls.connect(name, socket).await?).await?
            }
        };
        tokio::select! {
            begun = self.begin(&connection) => begun?,
            () = &mut driver => return Err(Fault::Lost),
        }
        Ok((connection, driver))
    }

    async fn begin(&self, connection: &Connection) -> Result<(), Fault> {
        let mut pipeline = redis::pipe();
        if let Some(Login { username, password }) = &self.login {
            pipeline
                .cmd("AUTH")
                .arg(username)
                .arg(password.expose_secret());
        }
        if self.database != 0 {
            pipeline.cmd("SELECT").arg(self.database);
        }
        connection.all(&mut pipeline).await.map(|_: Vec<()>| ())
    }
}

/// Speaks the protocol over a stream. No response has a deadline: a command that blocks would
/// break it.
async fn over<S>(stream: S) -> Result<(Connection, Driver), Fault>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    // The crate's own login drops the server's error code.
    let info = RedisConnectionInfo::default().set_skip_set_lib_name();
    let config = AsyncConnectionConfig::new().set_response_timeout(None);
    let opened = MultiplexedConnection::new_with_config(&info, stream, config).await?;
    let (connection, driver) = opened;
    Ok((Connection(connection), Box::pin(driver)))
}

impl Connection {
    /// Returns the response to one command.
    pub(super) async fn one<T: FromRedisValue>(&self, command: &redis::Cmd) -> Result<T, Fault> {
        Ok(command.query_async(&mut self.0.clone()).await?)
    }

    /// Runs a script by its hash, and by its text on a server that does not know it yet.
    pub(super) async fn script<T: FromRedisValue>(
        &self,
        script: &Script,
        keys: &[&str],
        arguments: &[&[u8]],
    ) -> Result<T, Fault> {
        match self.one(&script.by_hash(keys, arguments)).await {
            Err(fault) if fault.has_code("NOSCRIPT") => {
                self.one(&script.by_text(keys, arguments)).await
            }
            response => response,
        }
    }

    /// Returns the responses to all commands of a pipeline, or the first of its errors.
    pub(super) async fn all<T: FromRedisValue>(
        &self,
        pipeline: &mut redis::Pipeline,
    ) -> Result<Vec<T>, Fault> {
        if pipeline.is_empty() {
            return Ok(Vec::new());
        }
        pipeline.ignore_errors();
        let responses: Vec<RedisResult<T>> = pipeline.query_async(&mut self.0.clone()).await?;
        responses
            .into_iter()
            .map(|response| response.map_err(Fault::from))
            .collect()
    }
}
