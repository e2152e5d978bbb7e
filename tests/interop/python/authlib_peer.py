"""Flask application whose one route Authlib protects, by its validator for introspected tokens.

Wanted: {"introspection_url": URL, "client_id": …, "client_secret": …}.
"""

import logging

import peer

wanted = peer.wanted()

import requests  # noqa: E402
from authlib.integrations.flask_oauth2 import ResourceProtector  # noqa: E402
from authlib.oauth2.rfc7662 import IntrospectTokenValidator  # noqa: E402
from flask import Flask  # noqa: E402
from werkzeug.serving import make_server  # noqa: E402


# As Authlib's documentation has it (flask/2/resource-server.html).
class OurValidator(IntrospectTokenValidator):
    def introspect_token(self, token_string):
        data = {"token": token_string, "token_type_hint": "access_token"}
        auth = (wanted["client_id"].encode(), wanted["client_secret"].encode())
        response = requests.post(wanted["introspection_url"], data=data, auth=auth)
        response.raise_for_status()
        return response.json()


require_oauth = ResourceProtector()
require_oauth.register_token_validator(OurValidator())
app = Flask(__name__)


@app.route("/orders")
@require_oauth("orders.read")
def orders():
    return "orders"


if __name__ == "__main__":
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = make_server("127.0.0.1", 0, app, threaded=True)
    peer.listening(server.server_port)
    server.serve_forever()
