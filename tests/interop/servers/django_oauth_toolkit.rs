use serde_json::Value;
use tokio::sync::OnceCell;

use super::scenarios::instantiate;
use super::server::Server;
use crate::peer::Peer;

pub(crate) struct DjangoOauthToolkit;

static SHARED: OnceCell<Peer> = OnceCell::const_new();

impl Server for DjangoOauthToolkit {
    const PAGE: &'static str = "django-oauth-toolkit.md";
    const PLACE: &'static str = "https://accounts.example";
    const TOKEN: &'static str = "/o/token/";
    const INTROSPECTION: &'static str = "/o/introspect/";
    const REVOCATION: &'static str = "/o/revoke_token/";
    const REFUSAL: u16 = 403;

    async fn start(wanted: Value) -> Peer {
        Peer::python("django_peer.py", wanted).await
    }

    fn shared() -> &'static OnceCell<Peer> {
        &SHARED
    }
}

instantiate!(DjangoOauthToolkit);
