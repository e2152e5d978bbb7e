use serde_json::Value;
use tokio::sync::OnceCell;

use super::scenarios::instantiate;
use super::server::Server;
use crate::peer::Peer;

pub(crate) struct OidcProvider;

static SHARED: OnceCell<Peer> = OnceCell::const_new();

impl Server for OidcProvider {
    const PAGE: &'static str = "oidc-provider.md";
    const PLACE: &'static str = "https://op.example";
    const TOKEN: &'static str = "/token";
    const INTROSPECTION: &'static str = "/token/introspection";
    const REVOCATION: &'static str = "/token/revocation";
    const REFUSAL: u16 = 401;

    async fn start(wanted: Value) -> Peer {
        Peer::node("oidc-provider", "server.mjs", wanted).await
    }

    fn shared() -> &'static OnceCell<Peer> {
        &SHARED
    }
}

instantiate!(OidcProvider);
