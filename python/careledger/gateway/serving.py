"""The server, in one process or in several that share a socket."""

from __future__ import annotations

import contextlib
import socket
import sys

import uvicorn
from uvicorn.supervisors import Multiprocess

__all__ = ["listening_socket", "serve"]

STARTUP_FAILURE = 3
"""The exit code of a server that could not start, as uvicorn has it."""


def listening_socket(config: uvicorn.Config) -> socket.socket:
    """The socket that several processes share. What is accepted there sends at once (TCP_NODELAY), as with sockets that
    asyncio opens: else an answer of two segments waits 40 ms for the client's delayed acknowledgement."""
    found = config.bind_socket()
    found.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return found


def serve(config: uvicorn.Config) -> None:
    """Serves until a signal, as `uvicorn.run` does. Exits with STARTUP_FAILURE if it could not start."""
    with contextlib.suppress(KeyboardInterrupt):
        if config.workers > 1:
            Multiprocess(config, sockets=[listening_socket(config)]).run()
            return
        server = uvicorn.Server(config)
        server.run()
        if not server.started:
            sys.exit(STARTUP_FAILURE)
