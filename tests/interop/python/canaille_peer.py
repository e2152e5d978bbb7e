"""Canaille, an identity provider on Authlib and Flask, with its SQL backend.

Wanted, all of it optional: "port"; "folder", where the tokens are. `app` mints tokens whose audience are the two
clients of introspectd: to others, Canaille calls them inactive.
"""

import logging

import peer

wanted = peer.wanted()

from authlib.common.security import generate_token  # noqa: E402
from canaille import create_app  # noqa: E402
from canaille.app import models  # noqa: E402
from canaille.backends import Backend  # noqa: E402
from werkzeug.serving import WSGIRequestHandler, make_server  # noqa: E402

folder = peer.folder(wanted)
app = create_app(
    config={
        "SECRET_KEY": generate_token(32),
        "CANAILLE": {"DATABASE": "sql"},
        "CANAILLE_SQL": {"DATABASE_URI": f"sqlite:///{folder}/canaille.sqlite"},
        "CANAILLE_OIDC": {},
    },
    init_backend=True,
)


def register_clients():
    with app.app_context(), Backend.instance.session():
        if Backend.instance.get(models.Client, client_id="app"):
            return
        # Their credentials need the form encoding.
        ours = [client(client_id, "s3cr:t/+ %&", []) for client_id in ("introspectd", "intro spectd:1")]
        client("app", "app-secret", ["client_credentials"], ours)


def client(client_id, client_secret, grant_types, audience=()):
    it = models.Client(
        client_id=client_id,
        client_secret=client_secret,
        client_name=client_id,
        token_endpoint_auth_method="client_secret_basic",
        grant_types=grant_types,
        response_types=[],
        scope=["orders.read", "orders.write"],
    )
    Backend.instance.save(it)
    it.audience = list(audience)
    Backend.instance.save(it)
    return it


class Handler(WSGIRequestHandler):
    protocol_version = "HTTP/1.1"


if __name__ == "__main__":
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    register_clients()
    server = make_server("127.0.0.1", wanted.get("port", 0), app, threaded=True, request_handler=Handler)
    peer.listening(server.server_port)
    server.serve_forever()
