use serde_json::Value;
use tokio::sync::OnceCell;

use super::scenarios::instantiate;
use super::server::Server;
use crate::peer::Peer;

pub(crate) struct Canaille;

static SHARED: OnceCell<Peer> = OnceCell::const_new();

impl Server for Canaille {
    const PAGE: &'static str = "canaille.md";
    const PLACE: &'static str = "https://id.example";
    const TOKEN: &'static str = "/oauth/token";
    const INTROSPECTION: &'static str = "/oauth/introspect";
    const REVOCATION: &'static str = "/oauth/revoke";
    const REFUSAL: u16 = 401;

    async fn start(wanted: Value) -> Peer {
        Peer::python("canaille_peer.py", wanted).await
    }

    fn shared() -> &'static OnceCell<Peer> {
        &SHARED
    }
}

instantiate!(Canaille);
