// Prints tokens of the npm package jose, for mint.py.

import { readFileSync } from "node:fs";
import { CompactSign, calculateJwkThumbprint, importJWK } from "jose";

const keys = JSON.parse(readFileSync(new URL("keys.json", import.meta.url)));
const payload = new TextEncoder().encode(process.argv[2]);
const rsa = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"];
const algorithms = { rsa, p256: ["ES256"], p384: ["ES384"], ed25519: ["EdDSA", "Ed25519"] };

const minted = [];
for (const [name, { private: jwk, thumbprint }] of Object.entries(keys)) {
  if ((await calculateJwkThumbprint(jwk)) !== thumbprint) {
    throw new Error(`another thumbprint of ${name}`);
  }
  for (const alg of algorithms[name]) {
    const key = await importJWK(jwk, alg);
    const header = { alg, kid: name, typ: "at+jwt" };
    const token = await new CompactSign(payload).setProtectedHeader(header).sign(key);
    minted.push({ by: "jose", alg, token });
  }
}
console.log(JSON.stringify(minted));
