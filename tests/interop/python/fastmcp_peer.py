"""MCP server by FastMCP, whose clients' tokens its introspection verifier judges.

Wanted: {"introspection_url": URL, "client_id": …, "client_secret": …}.
"""

import asyncio
import socket

import peer

wanted = peer.wanted()

import uvicorn  # noqa: E402
from fastmcp import FastMCP  # noqa: E402
from fastmcp.server.auth.providers.introspection import IntrospectionTokenVerifier  # noqa: E402

verifier = IntrospectionTokenVerifier(
    introspection_url=wanted["introspection_url"],
    client_id=wanted["client_id"],
    client_secret=wanted["client_secret"],
    required_scopes=["orders.read"],
)
mcp = FastMCP("orders", auth=verifier)


async def serve():
    listener = socket.create_server(("127.0.0.1", 0))
    app = mcp.http_app(path="/mcp", stateless_http=True, json_response=True)
    server = uvicorn.Server(uvicorn.Config(app, log_level="error"))
    peer.listening(listener.getsockname()[1])
    await server.serve(sockets=[listener])


if __name__ == "__main__":
    asyncio.run(serve())
