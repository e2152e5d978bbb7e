// A real authorization server (npm `oidc-provider`) for the end-to-end tests to mint, introspect and
// revoke tokens at. Everything lives in memory.
//
//   stdout  one line of JSON once it listens: {"issuer":"http://127.0.0.1:PORT"}
//   stdin   the server ends when it closes, so a test that dies never leaves one behind
//   stderr  the library's notices
//
// `app` mints opaque tokens (600 s) and may revoke its own; `introspectd` may introspect any of them.

import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { createServer } from 'node:http';

// The library prints notices with console.info and console.warn: stdout is for the one line.
console.info = console.error;
console.warn = console.error;

const { Provider } = await import('oidc-provider');

const SCOPES = 'orders.read orders.write';
const AUDIENCE = 'https://orders.example';
const LIFETIME_SECONDS = 600;

const server = createServer();
server.listen(0, '127.0.0.1', () => {
  const issuer = `http://127.0.0.1:${server.address().port}`;
  server.on('request', new Provider(issuer, configuration()).callback());
  process.stdout.write(`${JSON.stringify({ issuer })}\n`);
});

process.stdin.resume();
process.stdin.once('end', () => process.exit(0));
process.stdin.once('error', () => process.exit(0));

function configuration() {
  return {
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
      {
        client_id: 'introspectd',
        // Every one of these characters means something else when RFC 6749 2.3.1's encoding is left out.
        client_secret: 's3cr:t/+ %',
        token_endpoint_auth_method: 'client_secret_basic',
        grant_types: [],
        redirect_uris: [],
        response_types: [],
      },
    ],
    scopes: SCOPES.split(' '),
    features: {
      devInteractions: { enabled: false },
      clientCredentials: { enabled: true },
      revocation: { enabled: true },
      introspection: {
        enabled: true,
        allowedPolicy: (_ctx, client) => client.clientId === 'introspectd',
      },
      // A resource is what gives a token its `aud` and makes it opaque.
      resourceIndicators: {
        enabled: true,
        defaultResource: () => AUDIENCE,
        getResourceServerInfo: () => ({
          scope: SCOPES,
          audience: AUDIENCE,
          accessTokenTTL: LIFETIME_SECONDS,
          accessTokenFormat: 'opaque',
        }),
      },
    },
    jwks: { keys: [signingKey()] },
    cookies: { keys: [randomBytes(32).toString('base64url')] },
  };
}

// Nothing here is signed, but the library asks for a key and falls back to a published one.
function signingKey() {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  return { ...privateKey.export({ format: 'jwk' }), use: 'sig', kid: 'test' };
}
