"""MCP server whose program stands in docs/mcp.md, with a tool that says whose token a client has.

Wanted: {"program": TEXT that makes `mcp`, "environment": {NAME: VALUE}, "port": …}.
"""

import asyncio
import os
import socket

import peer

wanted = peer.wanted()
os.environ.update(wanted["environment"])

import uvicorn  # noqa: E402
from fastmcp.server.dependencies import get_access_token  # noqa: E402

page = {}
exec(wanted["program"], page)  # noqa: S102
mcp = page["mcp"]


@mcp.tool
def whoami() -> str:
    return get_access_token().client_id


async def serve():
    listener = socket.create_server(("127.0.0.1", wanted["port"]))
    app = mcp.http_app(path="/mcp", stateless_http=True, json_response=True)
    server = uvicorn.Server(uvicorn.Config(app, log_level="error"))
    peer.listening(wanted["port"])
    await server.serve(sockets=[listener])


if __name__ == "__main__":
    asyncio.run(serve())
