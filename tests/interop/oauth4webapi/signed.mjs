// Verifies a signed answer (RFC 9701), finds the metadata of a resource (RFC 9728) and reads a challenge, with npm
// `oauth4webapi`, which knows nothing of introspectd.
//
//   stdin   {"issuer":URL,"client_id":…,"client_secret":…,"algorithm":…,"tokens":[…],"resource":URL,"decide":URL}
//   stdout  {"claims":[…],"resource":…,"challenges":[…]}: claims of each token, the metadata, and what a request without a
//           good token is answered

import { readFileSync } from 'node:fs';
import * as oauth from 'oauth4webapi';

const wanted = JSON.parse(readFileSync(0, 'utf8'));
const { issuer, client_id, client_secret, algorithm, tokens, resource, decide } = wanted;

const client = { client_id, introspection_signed_response_alg: algorithm };
const authentication = oauth.ClientSecretBasic(client_secret);
// The server is on loopback, without TLS.
const options = { [oauth.allowInsecureRequests]: true };
const found = await oauth.discoveryRequest(new URL(issuer), { algorithm: 'oauth2', ...options });
const server = await oauth.processDiscoveryResponse(new URL(issuer), found);

async function introspect(token) {
  const request = { requestJwtResponse: true, ...options };
  const response = await oauth.introspectionRequest(server, client, authentication, token, request);
  const type = response.headers.get('content-type');
  if (type !== 'application/token-introspection+jwt') throw new Error(`the answer is ${type}`);
  const claims = await oauth.processIntrospectionResponse(server, client, response);
  // By the keys at `jwks_uri`.
  await oauth.validateApplicationLevelSignature(server, response, options);
  return claims;
}

async function challenge() {
  // As the proxy that the client's request went through.
  const headers = new Headers({ 'x-introspectd-caller': `Basic ${btoa(`${client_id}:${client_secret}`)}` });
  try {
    await oauth.protectedResourceRequest('unknown', 'GET', new URL(decide), headers, null, options);
    return [];
  } catch ({ cause }) {
    return cause.map(({ scheme, parameters }) => ({ scheme, parameters }));
  }
}

const claims = [];
for (const token of tokens) {
  claims.push(await introspect(token));
}
const published = await oauth.resourceDiscoveryRequest(new URL(resource), options);
const metadata = await oauth.processResourceDiscoveryResponse(new URL(resource), published);
process.stdout.write(`${JSON.stringify({ claims, resource: metadata, challenges: await challenge() })}\n`);
