// An MCP client of the official SDK: it is told where the MCP server is, and finds the authorization server by itself.
//
//   stdin   {"url":URL,"issuer":URL,"client_id":…,"client_secret":…,"scope":…}
//   stdout  {"tools":[…],"whoami":…}, or what the SDK threw: {"thrown":NAME,"message":…}

import { readFileSync } from 'node:fs';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { ClientCredentialsProvider } from '@modelcontextprotocol/sdk/client/auth-extensions.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';

const { url, issuer, client_id, client_secret, scope } = JSON.parse(readFileSync(0, 'utf8'));

async function run() {
  const client = new Client({ name: 'test', version: '1.0.0' });
  const authProvider = new ClientCredentialsProvider({
    clientId: client_id,
    clientSecret: client_secret,
    expectedIssuer: issuer,
    scope,
  });
  await client.connect(new StreamableHTTPClientTransport(new URL(url), { authProvider }));
  const { tools } = await client.listTools();
  const { content } = await client.callTool({ name: 'whoami' });
  await client.close();
  return { tools: tools.map(({ name }) => name), whoami: content[0].text };
}

const result = await run().catch(({ name, message }) => ({ thrown: name, message }));
process.stdout.write(`${JSON.stringify(result)}\n`);
process.exit(0);
