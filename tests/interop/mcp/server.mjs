// An MCP server of the official SDK that knows nothing of tokens: a gateway stands before it.
//
//   stdin   one line of JSON, of which nothing is read; then nothing. The server ends when it closes
//   stdout  one line of JSON once it listens: {"port":…}
//
// Its tool `whoami` says what the gateway told it of the client.

import { createServer } from 'node:http';
import { createInterface } from 'node:readline';
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js';

const input = createInterface({ input: process.stdin });
input.once('line', start);
input.once('close', () => process.exit(0));

function start() {
  const server = createServer(answer);
  server.listen(0, '127.0.0.1', () => process.stdout.write(`${JSON.stringify({ port: server.address().port })}\n`));
}

// Without sessions: each request has a server of its own.
async function answer(request, response) {
  const server = new McpServer({ name: 'orders', version: '1.0.0' });
  server.registerTool('whoami', { description: 'Who is asking' }, ({ requestInfo }) => ({
    content: [{ type: 'text', text: `${requestInfo.headers['x-auth-client-id']}` }],
  }));
  const transport = new StreamableHTTPServerTransport({ sessionIdGenerator: undefined, enableJsonResponse: true });
  response.on('close', () => transport.close());
  await server.connect(transport);
  await transport.handleRequest(request, response);
}
