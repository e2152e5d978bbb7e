// A real authorization server (npm `oidc-provider`) for the end-to-end tests to mint, introspect and
// revoke tokens at.
//
//   stdin   one line of JSON, all of it optional: {"port":…, "folder":PATH where the tokens are, "key":PEM of the client
//           `signs`, which authenticates by private_key_jwt, "jwt":true for tokens that are JWTs, signed by ES256}; then
//           nothing.
//           The server ends when it closes, so a test that dies never leaves one behind
//   stdout  one line of JSON once it listens: {"port":…}
//   stderr  the library's notices
//
// `app` mints opaque tokens (600 s) and may revoke its own; so do `dpop-app`, whose tokens are bound to the key of its
// proofs, and `mtls-app`, whose tokens are bound to the certificate in X-Certificate (base64 of DER); the others may
// introspect any of them, and `signed` gets JWTs (RFC 9701) where it accepts them.
// GET /log-out?sub=…&uri=…: the library sends `app` its logout token for this subject, to that address. 204, or 502
// with what went wrong.
// GET /rotate: JWTs are signed by a new key from now on, and the one before stays published.

import { X509Certificate, createPublicKey, generateKeyPairSync, randomBytes } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { createInterface } from 'node:readline';

// The library prints notices with console.info and console.warn: stdout is for the one line.
console.info = console.error;
console.warn = console.error;

const { Provider } = await import('oidc-provider');

const SCOPES = 'orders.read orders.write';
const AUDIENCE = 'https://orders.example';
const LIFETIME_SECONDS = 600;

const input = createInterface({ input: process.stdin });
input.once('line', (line) => start(JSON.parse(line)));
input.once('close', () => process.exit(0));

function start(wanted) {
  const server = createServer();
  server.listen(wanted.port ?? 0, '127.0.0.1', () => {
    const { port } = server.address();
    const rsa = rsaKey();
    let curves = wanted.jwt ? [ecKey()] : [];
    // Its keys are read once: whoever replaces them replaces it.
    const make = () => new Provider(`http://127.0.0.1:${port}`, configuration(wanted, [...curves, rsa]));
    let provider = make();
    let serve = provider.callback();
    server.on('request', (request, response) => {
      const { pathname, searchParams } = new URL(request.url, 'http://here');
      if (pathname === '/log-out') return logOut(provider, searchParams, response);
      if (pathname !== '/rotate') return serve(request, response);
      curves = [ecKey(), ...curves.slice(0, 1)];
      provider = make();
      serve = provider.callback();
      return response.writeHead(204).end();
    });
    process.stdout.write(`${JSON.stringify({ port })}\n`);
  });
}

async function logOut(provider, wanted, response) {
  const client = await provider.Client.find('app');
  client.backchannelLogoutUri = wanted.get('uri');
  try {
    await client.backchannelLogout(wanted.get('sub'), 'session');
    response.writeHead(204).end();
  } catch (error) {
    response.writeHead(502).end(`${error}`);
  }
}

function configuration({ folder, key, jwt }, keys) {
  return {
    // Without it everything lives in memory.
    adapter: folder && storedIn(`${folder}/store.json`),
    clients: [
      {
        client_id: 'app',
        client_secret: 'app-secret',
        token_endpoint_auth_method: 'client_secret_basic',
        grant_types: ['client_credentials'],
        redirect_uris: [],
        response_types: [],
        scope: SCOPES,
      },
      ...[
        { client_id: 'dpop-app', dpop_bound_access_tokens: true },
        { client_id: 'mtls-app', tls_client_certificate_bound_access_tokens: true },
      ].map((bound) => ({
        client_secret: 'app-secret',
        token_endpoint_auth_method: 'client_secret_basic',
        grant_types: ['client_credentials'],
        redirect_uris: [],
        response_types: [],
        scope: SCOPES,
        ...bound,
      })),
      ...['introspectd', 'intro spectd:1'].map((client_id) => ({
        client_id,
        // Every one of these characters means something else when RFC 6749 2.3.1's encoding is left out.
        client_secret: 's3cr:t/+ %&',
        token_endpoint_auth_method: 'client_secret_basic',
        grant_types: [],
        redirect_uris: [],
        response_types: [],
      })),
      ...(key ? [signingClient(key)] : []),
      {
        client_id: 'signed',
        client_secret: 's3cr:t/+ %&',
        token_endpoint_auth_method: 'client_secret_basic',
        grant_types: [],
        redirect_uris: [],
        response_types: [],
        introspection_signed_response_alg: 'PS256',
      },
    ],
    scopes: SCOPES.split(' '),
    enabledJWA: { dPoPSigningAlgValues: ['ES256', 'ES384', 'PS256', 'RS256'] },
    features: {
      devInteractions: { enabled: false },
      clientCredentials: { enabled: true },
      dPoP: { enabled: true },
      mTLS: {
        enabled: true,
        certificateBoundAccessTokens: true,
        getCertificate: (ctx) => {
          const der = ctx.get('x-certificate');
          return der ? new X509Certificate(Buffer.from(der, 'base64')) : undefined;
        },
      },
      revocation: { enabled: true },
      introspection: {
        enabled: true,
        allowedPolicy: (_ctx, client) => !client.clientId.endsWith('app'),
      },
      jwtIntrospection: { enabled: true },
      // A resource is what gives a token its `aud` and makes it opaque.
      resourceIndicators: {
        enabled: true,
        defaultResource: () => AUDIENCE,
        getResourceServerInfo: () => ({
          scope: SCOPES,
          audience: AUDIENCE,
          accessTokenTTL: LIFETIME_SECONDS,
          accessTokenFormat: jwt ? 'jwt' : 'opaque',
          jwt: { sign: { alg: 'ES256' } },
        }),
      },
    },
    jwks: { keys },
    cookies: { keys: [randomBytes(32).toString('base64url')] },
  };
}

// The private key is the test's, which shows it to no one else: the public one is made of it.
function signingClient(pem) {
  const jwk = createPublicKey(pem).export({ format: 'jwk' });
  return {
    client_id: 'signs',
    token_endpoint_auth_method: 'private_key_jwt',
    jwks: { keys: [{ ...jwk, use: 'sig', kid: 'signs-1' }] },
    grant_types: [],
    redirect_uris: [],
    response_types: [],
  };
}

// Logout tokens are signed by it. Without one the library falls back to a published key.
function rsaKey() {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  return { ...privateKey.export({ format: 'jwk' }), use: 'sig', kid: 'test' };
}

function ecKey() {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return { ...privateKey.export({ format: 'jwk' }), use: 'sig', kid: randomBytes(6).toString('hex') };
}

// A store that outlives the process: one file, written whole. Of the library's adapter it has what tokens need.
function storedIn(file) {
  const records = existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : {};
  const save = () => writeFileSync(file, JSON.stringify(records));
  return class {
    constructor(model) {
      this.key = (id) => `${model}:${id}`;
    }

    async upsert(id, payload) {
      records[this.key(id)] = payload;
      save();
    }

    async find(id) {
      return records[this.key(id)];
    }

    async destroy(id) {
      delete records[this.key(id)];
      save();
    }
  };
}
