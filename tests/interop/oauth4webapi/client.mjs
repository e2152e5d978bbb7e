// Introspects tokens with npm `oauth4webapi`, a client of RFC 7662 and RFC 8414 that knows nothing of introspectd.
//
//   stdin   {"issuer":URL,"client_id":…,"client_secret":…,"tokens":[…]}
//   stdout  for each token, what the library made of the answer: {"claims":{…}}, or what it threw:
//           {"thrown":NAME,"status":…,"schemes":[…]}

import { readFileSync } from 'node:fs';
import * as oauth from 'oauth4webapi';

const { issuer, client_id, client_secret, tokens } = JSON.parse(readFileSync(0, 'utf8'));

const client = { client_id };
const authentication = oauth.ClientSecretBasic(client_secret);
// The server is on loopback, without TLS.
const options = { [oauth.allowInsecureRequests]: true };
// Where to introspect, the server's metadata says.
const metadata = await oauth.discoveryRequest(new URL(issuer), { algorithm: 'oauth2', ...options });
const server = await oauth.processDiscoveryResponse(new URL(issuer), metadata);

async function introspect(token) {
  try {
    const response = await oauth.introspectionRequest(server, client, authentication, token, options);
    return { claims: await oauth.processIntrospectionResponse(server, client, response) };
  } catch ({ name, cause }) {
    // Of a challenge the cause is its schemes; of an answer that is none, the response.
    const challenged = Array.isArray(cause);
    return { thrown: name, ...(challenged ? { schemes: cause.map(({ scheme }) => scheme) } : { status: cause?.status }) };
  }
}

const results = [];
for (const token of tokens) {
  results.push(await introspect(token));
}
process.stdout.write(`${JSON.stringify(results)}\n`);
