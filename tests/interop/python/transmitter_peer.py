"""Transmitter of security events and issuer of logout tokens, which signs by joserfc, the library below Authlib.

Wanted: {}. Endpoints:

    GET  /t/jwks                                   its keys; 503 while {"keys": false} is set
    GET  /.well-known/ssf-configuration/t          its metadata
    POST /mint    {"header", "claims", "key"}      a token signed by its `key`; null takes a member away
    POST /set     {"keys": bool, "queue": {jti: token}}
    POST /poll                                     RFC 8936, for who shows `poller` and `poll-secret`
    GET  /polled                                   what was acknowledged and refused so far
"""

import base64
import hashlib
import hmac
import json
import logging

import peer

wanted = peer.wanted()

from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa  # noqa: E402
from flask import Flask, Response, jsonify, request  # noqa: E402
from joserfc import jws  # noqa: E402
from joserfc.jwk import ECKey, OKPKey, RSAKey  # noqa: E402
from werkzeug.serving import make_server  # noqa: E402

ALGORITHMS = ["RS256", "RS384", "PS256", "ES256", "EdDSA"]


def rsa_key(bits):
    return RSAKey.import_key(rsa.generate_private_key(65537, bits))


def ec_key():
    return ECKey.import_key(ec.generate_private_key(ec.SECP256R1()))


def ed_key():
    return OKPKey.import_key(ed25519.Ed25519PrivateKey.generate())


# The published ones, and those of somebody else under the same names.
KEYS = {"rsa": rsa_key(2048), "ec": ec_key(), "ed": ed_key(), "small": rsa_key(1024)}
FORGED = {"forged": ec_key()}
ADDED = {}

state = {"keys": True, "queue": {}, "acked": [], "refused": {}}
app = Flask(__name__)


def public(name, key):
    return {**key.as_dict(private=False), "kid": name}


@app.get("/t/jwks")
def jwks():
    if not state["keys"]:
        return Response(status=503)
    return jsonify(keys=[public(name, key) for name, key in {**KEYS, **ADDED}.items()])


@app.get("/.well-known/ssf-configuration/t")
def metadata():
    base = request.host_url.rstrip("/")
    return jsonify(issuer=f"{base}/t", jwks_uri=f"{base}/t/jwks", spec_version="1_0")


def encode(raw):
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


@app.post("/mint")
def mint():
    wish = request.get_json()
    header, claims = wish["header"], wish["claims"]
    payload = json.dumps(claims).encode()
    name = wish["key"]
    if name in ("none", "hmac"):
        # What the library refuses to make.
        signed = f"{encode(json.dumps(header).encode())}.{encode(payload)}"
        digest = b"" if name == "none" else hmac.digest(b"secret", signed.encode(), hashlib.sha256)
        return f"{signed}.{encode(digest)}"
    if name == "new" and "new" not in ADDED:
        ADDED["new"] = ec_key()
    key = {**KEYS, **FORGED, **ADDED}[name]
    return jws.serialize_compact(header, payload, key, algorithms=ALGORITHMS)


@app.post("/set")
def change():
    state.update(request.get_json())
    return ""


@app.post("/poll")
def poll():
    credentials = request.authorization
    if not credentials or (credentials.username, credentials.password) != ("poller", "poll-secret"):
        return Response(status=401)
    wish = request.get_json()
    state["acked"].extend(wish.get("ack", []))
    state["refused"].update(wish.get("setErrs", {}))
    for jti in [*wish.get("ack", []), *wish.get("setErrs", {})]:
        state["queue"].pop(jti, None)
    count = wish.get("maxEvents", 1000)
    sets = dict(list(state["queue"].items())[:count])
    return jsonify(sets=sets, moreAvailable=len(sets) < len(state["queue"]))


@app.get("/polled")
def polled():
    return jsonify(acked=state["acked"], refused=state["refused"])


if __name__ == "__main__":
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = make_server("127.0.0.1", 0, app, threaded=True)
    peer.listening(server.server_port)
    server.serve_forever()
