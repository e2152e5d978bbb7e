// A client whose token is bound to its key by DPoP, with npm `oauth4webapi`, which knows nothing of introspectd.
//
//   stdin   {"issuer":URL of an authorization server,"decide":URL of /forward-auth/POLICY,"caller":its secret}
//   stdout  what the library made of each step: {"status":…} or what it threw, {"thrown":NAME,"schemes":[…],"errors":[…]}
//
// Between the client and introspectd stands the least gateway that there can be: it says what it was asked, and hands
// on the decision.

import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import * as oauth from 'oauth4webapi';

const { issuer, decide, caller } = JSON.parse(readFileSync(0, 'utf8'));
const options = { [oauth.allowInsecureRequests]: true };

const gateway = createServer(async (request, response) => {
  const shown = { authorization: request.headers.authorization, dpop: request.headers.dpop };
  const decision = await fetch(decide, {
    headers: {
      ...Object.fromEntries(Object.entries(shown).filter(([, value]) => value !== undefined)),
      'x-introspectd-caller': `Bearer ${caller}`,
      'x-forwarded-method': request.method,
      'x-forwarded-proto': 'http',
      'x-forwarded-host': request.headers.host,
      'x-forwarded-uri': request.url,
    },
  });
  for (const name of ['www-authenticate', 'dpop-nonce', 'x-introspectd-error', 'x-introspectd-max-age']) {
    if (decision.headers.has(name)) response.setHeader(name, decision.headers.get(name));
  }
  response.writeHead(decision.status).end(await decision.text());
});
await new Promise((listening) => gateway.listen(0, '127.0.0.1', listening));
const api = new URL(`http://127.0.0.1:${gateway.address().port}/orders?page=2`);

const found = await oauth.discoveryRequest(new URL(issuer), options);
const server = await oauth.processDiscoveryResponse(new URL(issuer), found);
const client = { client_id: 'dpop-app' };
const authentication = oauth.ClientSecretBasic('app-secret');

async function mint(algorithm) {
  const keys = await oauth.generateKeyPair(algorithm);
  const DPoP = oauth.DPoP(client, keys);
  const scope = new URLSearchParams({ scope: 'orders.read' });
  const asked = await oauth.clientCredentialsGrantRequest(server, client, authentication, scope, { DPoP, ...options });
  const { access_token, token_type } = await oauth.processClientCredentialsResponse(server, client, asked);
  return { DPoP, access_token, token_type };
}

async function ask(method, token, DPoP) {
  try {
    const response = await oauth.protectedResourceRequest(token, method, api, new Headers(), null, { DPoP, ...options });
    return { status: response.status, maxAge: response.headers.get('x-introspectd-max-age') };
  } catch (error) {
    const challenges = Array.isArray(error.cause) ? error.cause : [];
    return {
      thrown: error.name,
      isNonceError: oauth.isDPoPNonceError(error),
      schemes: challenges.map(({ scheme }) => scheme),
      errors: challenges.map(({ parameters }) => parameters.error),
      algs: challenges.map(({ parameters }) => parameters.algs),
    };
  }
}

const results = {};
for (const algorithm of ['ES256', 'ES384', 'PS256', 'RS256']) {
  const { DPoP, access_token, token_type } = await mint(algorithm);
  const first = await ask('GET', access_token, DPoP);
  results[algorithm] = { token_type, first, second: await ask('POST', access_token, DPoP) };
}
const mine = await mint('ES256');
const other = await mint('ES256');
// The library learns the nonce from the first refusal.
await ask('GET', other.access_token, other.DPoP);
results.stolen = await ask('GET', mine.access_token, other.DPoP);
results.bearer = await ask('GET', mine.access_token, undefined);
results.unknown = await ask('GET', 'made-up-token-of-nobody', other.DPoP);
process.stdout.write(`${JSON.stringify(results)}\n`, () => process.exit(0));
