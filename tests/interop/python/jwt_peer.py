"""Issuer of access tokens, good ones and ones with a single defect, by PyJWT and joserfc.

Wanted: {"now": seconds, "issuer": text, "audience": text}. Endpoints:

    GET  /jwks     its keys, and beside them some that must not be used
    GET  /tokens   [{"name", "token", "active"}, …]
"""

import base64
import hashlib
import hmac
import json
import logging

import peer

wanted = peer.wanted()

import jwt  # noqa: E402
from cryptography.hazmat.primitives import hashes, serialization  # noqa: E402
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa  # noqa: E402
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature  # noqa: E402
from flask import Flask, jsonify  # noqa: E402
from joserfc import jws  # noqa: E402
from joserfc.jwk import ECKey, OctKey, OKPKey, RSAKey  # noqa: E402
from werkzeug.serving import make_server  # noqa: E402

NOW, ISSUER, AUDIENCE = wanted["now"], wanted["issuer"], wanted["audience"]

PRIVATE = {
    "rsa": rsa.generate_private_key(65537, 2048),
    "pinned": rsa.generate_private_key(65537, 2048),
    "weak": rsa.generate_private_key(65537, 1024),
    "leaked": ec.generate_private_key(ec.SECP256R1()),
    "encrypts": ec.generate_private_key(ec.SECP256R1()),
    "signs": ec.generate_private_key(ec.SECP256R1()),
    "p256": ec.generate_private_key(ec.SECP256R1()),
    "p384": ec.generate_private_key(ec.SECP384R1()),
    "p521": ec.generate_private_key(ec.SECP521R1()),
    "ed": ed25519.Ed25519PrivateKey.generate(),
    "stranger": ec.generate_private_key(ec.SECP256R1()),
}
SECRET = b"a secret that the whole world may read, of 32 bytes and more"
ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519", "HS256"]


def jose(name):
    key = PRIVATE[name]
    if isinstance(key, rsa.RSAPrivateKey):
        return RSAKey.import_key(key)
    if isinstance(key, ec.EllipticCurvePrivateKey):
        return ECKey.import_key(key)
    return OKPKey.import_key(key)


def public(name, **members):
    return {**jose(name).as_dict(private=False), "kid": name, **members}


KEYS = [
    public("rsa"),
    public("pinned", alg="RS256", use="sig"),
    public("weak"),
    {**jose("leaked").as_dict(private=True), "kid": "leaked"},
    public("encrypts", use="enc"),
    public("signs", key_ops=["sign"]),
    public("p256", alg="ES256", use="sig", key_ops=["verify"]),
    public("p384"),
    public("p521"),
    public("ed"),
    {**OctKey.import_key(SECRET).as_dict(private=True), "kid": "shared"},
]


def encode(raw):
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def claims(**changes):
    """Claims of a good token; None takes one away."""
    all_of_them = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": "al\u00e9x",
        "client_id": "shop",
        "exp": NOW + 300,
        "iat": NOW - 5,
        "jti": "t-1",
        "scope": "read write",
        **changes,
    }
    return {name: value for name, value in all_of_them.items() if value is not None}


def by_pyjwt(algorithm, key, payload=None, kid="", **header):
    header = {"typ": "at+jwt", "kid": kid or key, **header}
    return jwt.encode(payload or claims(), PRIVATE[key], algorithm, headers=header)


def by_joserfc(algorithm, key, payload=None, **header):
    """Signs any payload under any header that the library lets pass."""
    header = {"alg": algorithm, "typ": "at+jwt", "kid": key, **header}
    header = {name: value for name, value in header.items() if value is not None}
    raw = payload if isinstance(payload, bytes) else json.dumps(payload or claims()).encode()
    registry = jws.JWSRegistry(algorithms=ALGORITHMS, strict_check_header=False)
    return jws.serialize_compact(header, raw, jose(key), registry=registry)


def by_hand(header, payload, key="p256"):
    """Signs by ES256 what no library would."""
    header = header if isinstance(header, bytes) else json.dumps(header).encode()
    payload = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    signed = f"{encode(header)}.{encode(payload)}"
    der = PRIVATE[key].sign(signed.encode(), ec.ECDSA(hashes.SHA256()))
    r, s = decode_dss_signature(der)
    return f"{signed}.{encode(r.to_bytes(32, 'big') + s.to_bytes(32, 'big'))}", der




def with_hmac(header, secret):
    signed = f"{encode(json.dumps(header).encode())}.{encode(json.dumps(claims()).encode())}"
    return f"{signed}.{encode(hmac.digest(secret, signed.encode(), hashlib.sha256))}"


def pem(name):
    return PRIVATE[name].public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )


GOOD_HEADER = {"alg": "ES256", "typ": "at+jwt", "kid": "p256"}


def good():
    for algorithm, key in [("RS256", "rsa"), ("PS256", "rsa"), ("ES256", "p256"), ("ES384", "p384"), ("EdDSA", "ed")]:
        yield f"pyjwt {algorithm}", by_pyjwt(algorithm, key)
        yield f"joserfc {algorithm}", by_joserfc(algorithm, key)
    yield "Ed25519 of RFC 9864", by_joserfc("Ed25519", "ed")
    yield "RS256 by a key that names it", by_pyjwt("RS256", "pinned")
    for typ in ["AT+JWT", "application/at+jwt", "JWT", "jwt"]:
        yield f"typ {typ}", by_joserfc("ES256", "p256", typ=typ)
    yield "no typ", by_joserfc("ES256", "p256", typ=None)
    yield "no kid, one key fits", by_joserfc("ES384", "p384", kid=None)
    yield "no kid, two keys fit", by_joserfc("RS256", "rsa", kid=None)
    yield "nonce in an access token", by_joserfc("ES256", "p256", claims(nonce="n"))
    yield "several audiences", by_pyjwt("ES256", "p256", claims(aud=["x", AUDIENCE]))
    yield "exp with a fraction", by_pyjwt("ES256", "p256", claims(exp=NOW + 1.5))
    yield "nbf now", by_pyjwt("ES256", "p256", claims(nbf=NOW))
    yield "iat now", by_pyjwt("ES256", "p256", claims(iat=NOW))
    yield "neither iat nor sub", by_pyjwt("ES256", "p256", claims(iat=None, sub=None))
    yield "scope as a list", by_pyjwt("ES256", "p256", claims(scope=["read", "write"]))
    yield "scp", by_pyjwt("ES256", "p256", claims(scope=None, scp=["read"]))
    yield "keys in the header are not looked at", by_hand(
        {**GOOD_HEADER, "jwk": public("stranger"), "jku": "https://x.example"}, claims()
    )[0]
    yield "b64 true", by_hand({**GOOD_HEADER, "b64": True}, claims())[0]


def bad():
    token = by_joserfc("ES256", "p256")
    head, body, signature = token.split(".")
    none = encode(json.dumps({"alg": "none", "typ": "at+jwt"}).encode())
    yield "alg none", f"{none}.{body}."
    yield "alg none with a signature", f"{none}.{body}.{signature}"
    for spelling in ["None", "NONE", "nOnE", "", "es256", "ES256 ", "HS256"]:
        yield f"alg {spelling!r}", by_hand({**GOOD_HEADER, "alg": spelling}, claims())[0]
    yield "alg missing", by_hand({"typ": "at+jwt", "kid": "p256"}, claims())[0]
    yield "alg a number", by_hand({**GOOD_HEADER, "alg": 5}, claims())[0]
    yield "HS256 with the public RSA key", with_hmac({"alg": "HS256", "typ": "at+jwt", "kid": "rsa"}, pem("rsa"))
    yield "HS256 with a key of the set", with_hmac({"alg": "HS256", "typ": "at+jwt", "kid": "shared"}, SECRET)
    yield "ES256 under the kid of an RSA key", by_hand({**GOOD_HEADER, "kid": "rsa"}, claims())[0]
    for algorithm in ["RS384", "RS512", "PS384", "PS512"]:
        yield f"{algorithm} is not allowed", by_joserfc(algorithm, "rsa")
    yield "PS256 by a key for RS256", by_joserfc("PS256", "pinned")
    yield "ES512", by_joserfc("ES512", "p521")
    yield "RSA of 1024 bits", by_pyjwt("RS256", "weak")
    yield "key with its private part", by_joserfc("ES256", "leaked")
    yield "key for encryption", by_joserfc("ES256", "encrypts")
    yield "key that is not to verify", by_joserfc("ES256", "signs")
    yield "key of a stranger", by_joserfc("ES256", "stranger")
    yield "stranger under a known kid", by_joserfc("ES256", "stranger", kid="p256")
    yield "stranger without a kid", by_joserfc("ES256", "stranger", kid=None)
    yield "stranger's key in the header", by_hand(
        {"alg": "ES256", "typ": "at+jwt", "jwk": public("stranger")}, claims(), "stranger"
    )[0]
    yield "kid a number", by_hand({**GOOD_HEADER, "kid": 1}, claims())[0]
    yield "kid a path", by_joserfc("ES256", "stranger", kid="../../dev/null")
    yield "signature missing", f"{head}.{body}."
    yield "signature cut", f"{head}.{body}.{signature[:-4]}"
    yield "signature of zeros", f"{head}.{body}.{encode(bytes(64))}"
    signed, der = by_hand(GOOD_HEADER, claims())
    yield "signature in DER", f"{signed.rsplit('.', 1)[0]}.{encode(der)}"
    other = encode(json.dumps(claims(sub="mallory")).encode())
    yield "payload of another", f"{head}.{other}.{signature}"
    yield "header of another", f"{encode(json.dumps({**GOOD_HEADER, 'typ': 'JWT'}).encode())}.{body}.{signature}"
    yield "padding", f"{head}.{body}.{signature}=="
    yield "blank", f"{head}.{body}.{signature} "
    yield "line break", f"{head}.{body}\n.{signature}"
    yield "two parts", f"{head}.{body}"
    yield "four parts", f"{token}.x"
    yield "five parts", f"{token}.x.x"
    yield "crit", by_hand({**GOOD_HEADER, "crit": ["x"], "x": 1}, claims())[0]
    yield "crit empty", by_hand({**GOOD_HEADER, "crit": []}, claims())[0]
    yield "crit exp", by_hand({**GOOD_HEADER, "crit": ["exp"], "exp": NOW + 300}, claims())[0]
    yield "b64 false", by_hand({**GOOD_HEADER, "b64": False}, claims())[0]
    yield "zip", by_hand({**GOOD_HEADER, "zip": "DEF"}, claims())[0]
    for typ in ["logout+jwt", "dpop+jwt", "secevent+jwt", "token-introspection+jwt", "oauth-authz-req+jwt", "at+jwt;x", "", 5]:
        yield f"typ {typ!r}", by_hand({**GOOD_HEADER, "typ": typ}, claims())[0]
    for typ in [None, "JWT"]:
        header = {name: value for name, value in {**GOOD_HEADER, "typ": typ}.items() if value is not None}
        for name, value in [("nonce", "n"), ("at_hash", "h"), ("events", {"x": {}})]:
            yield f"{name} under typ {typ}", by_hand(header, claims(**{name: value}))[0]
    for name, values in {
        "iss": [None, "https://other.example", ISSUER + "/", ISSUER.upper(), 5, [ISSUER]],
        "aud": [None, "https://other.example", AUDIENCE + "/", [], 5, {}, [AUDIENCE, 5]],
        "exp": [None, NOW, NOW - 1, str(NOW + 300), True, [NOW + 300], 1e300],
        "nbf": [NOW + 1, str(NOW), True, 1e300],
        "iat": [NOW + 1, str(NOW), [NOW]],
        "sub": [5, ["x"]],
        "jti": [5],
        "client_id": [5, ["shop"]],
        "scope": [5, {"read": True}, ["read", 5]],
    }.items():
        for value in values:
            yield f"{name} {value!r}", by_hand(GOOD_HEADER, claims(**{name: value}))[0]
    for name in ["iss", "aud", "exp", "nbf", "iat", "sub"]:
        null = json.dumps({**claims(), name: None}).encode()
        yield f"{name} null", by_hand(GOOD_HEADER, null)[0]
    raw = json.dumps(claims())
    yield "exp twice", by_hand(GOOD_HEADER, f'{{"exp":{NOW + 9000},{raw[1:]}'.encode())[0]
    yield "member twice, deep", by_hand(GOOD_HEADER, f'{{"x":{{"a":1,"a":2}},{raw[1:]}'.encode())[0]
    yield "kid twice", by_hand(b'{"kid":"rsa",' + json.dumps(GOOD_HEADER).encode()[1:], claims())[0]
    yield "payload a list", by_hand(GOOD_HEADER, f"[{raw}]".encode())[0]
    yield "payload no JSON", by_hand(GOOD_HEADER, b"exp=1")[0]
    yield "payload empty", by_hand(GOOD_HEADER, b"")[0]
    yield "payload with a byte order mark", by_hand(GOOD_HEADER, b"\xef\xbb\xbf" + raw.encode())[0]
    yield "payload no UTF-8", by_hand(GOOD_HEADER, raw.replace("shop", "sh\u00f6p").encode("latin-1"))[0]
    yield "payload with more behind it", by_hand(GOOD_HEADER, raw.encode() + b"{}")[0]


app = Flask(__name__)


@app.get("/jwks")
def jwks():
    return jsonify(keys=KEYS)


@app.get("/tokens")
def tokens():
    minted = [{"name": name, "token": token, "active": True} for name, token in good()]
    minted += [{"name": name, "token": token, "active": False} for name, token in bad()]
    return jsonify(minted)


logging.getLogger("werkzeug").setLevel(logging.ERROR)
server = make_server("127.0.0.1", 0, app, threaded=True)
peer.listening(server.server_port)
server.serve_forever()
