"""Writes keys.json, jwks.json, and minted.json: tokens of joserfc, PyJWT (PyPI) and jose (npm).

    pip install joserfc==1.8.0 pyjwt==2.15.1 cryptography
    npm install jose@6.2.18
    python3 mint.py

Keys are made anew, so that the files change together. Nothing here shares code with the crate.
"""

import json
import pathlib
import subprocess

import jwt
from cryptography.hazmat.primitives import serialization
from joserfc import jws
from joserfc.jwk import ECKey, OKPKey, RSAKey

HERE = pathlib.Path(__file__).parent
CLAIMS = {
    "iss": "https://issuer.example",
    "aud": ["https://orders.example"],
    "sub": "al\u00e9x",
    "exp": 2000000000,
    "iat": 1900000000,
}
PAYLOAD = json.dumps(CLAIMS).encode()
RSA = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"]
ALGORITHMS = {"rsa": RSA, "p256": ["ES256"], "p384": ["ES384"], "ed25519": ["EdDSA", "Ed25519"]}


def make_keys():
    keys = {
        "rsa": RSAKey.generate_key(2048),
        "p256": ECKey.generate_key("P-256"),
        "p384": ECKey.generate_key("P-384"),
        "ed25519": OKPKey.generate_key("Ed25519"),
    }
    return {
        name: {
            "private": key.as_dict(private=True, kid=name),
            "public": key.as_dict(private=False, kid=name),
            "pkcs8": key.as_pem(private=True).decode(),
            "traditional": traditional(key),
            "thumbprint": key.thumbprint(),
        }
        for name, key in keys.items()
    }


def key_set(keys):
    """All public keys, and between them some that must not be used."""
    public = {name: key["public"] for name, key in keys.items()}
    return {
        "keys": [
            public["rsa"],
            public["rsa"] | {"kid": "encryption", "use": "enc"},
            public["p256"] | {"alg": "ES256", "use": "sig"},
            keys["p256"]["private"] | {"kid": "private"},
            public["p384"] | {"key_ops": ["verify"]},
            public["p384"] | {"kid": "confused", "alg": "ES256"},
            public["ed25519"],
            public["ed25519"] | {"kid": "signing", "key_ops": ["sign"]},
            {"kty": "oct", "kid": "symmetric", "k": "c2VjcmV0"},
            ECKey.generate_key("P-521").as_dict(private=False, kid="p521"),
            RSAKey.generate_key(1024).as_dict(private=False, kid="short"),
        ]
    }


def traditional(key):
    """PEM as OpenSSL wrote it before PKCS#8; Ed25519 has none."""
    private = serialization.load_pem_private_key(key.as_pem(private=True), None)
    form = serialization.PrivateFormat.TraditionalOpenSSL
    try:
        pem = serialization.Encoding.PEM
        return private.private_bytes(pem, form, serialization.NoEncryption()).decode()
    except ValueError:
        return None


def by_joserfc(name, key, algorithm):
    read = {"rsa": RSAKey, "p256": ECKey, "p384": ECKey, "ed25519": OKPKey}[name]
    header = {"alg": algorithm, "kid": name, "typ": "at+jwt"}
    return jws.serialize_compact(
        header, PAYLOAD, read.import_key(key["private"]), algorithms=[algorithm]
    )


def by_pyjwt(name, key, algorithm):
    private = serialization.load_pem_private_key(key["pkcs8"].encode(), None)
    headers = {"kid": name, "typ": "at+jwt"}
    return jwt.encode(CLAIMS, private, algorithm=algorithm, headers=headers)


def main():
    keys = make_keys()
    (HERE / "keys.json").write_text(json.dumps(keys, indent=1) + "\n")
    (HERE / "jwks.json").write_text(json.dumps(key_set(keys), indent=1) + "\n")
    minted = []
    for name, algorithms in ALGORITHMS.items():
        for algorithm in algorithms:
            for library, mint in (("joserfc", by_joserfc), ("pyjwt", by_pyjwt)):
                if library == "pyjwt" and algorithm == "Ed25519":
                    continue
                token = mint(name, keys[name], algorithm)
                minted.append({"by": library, "alg": algorithm, "token": token})
    node = subprocess.run(
        ["node", HERE / "mint.mjs", json.dumps(CLAIMS)], check=True, capture_output=True
    )
    minted += json.loads(node.stdout)
    (HERE / "minted.json").write_text(json.dumps(minted, indent=1) + "\n")


main()
