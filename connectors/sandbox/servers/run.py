"""Runs the servers in this process: binds the port, simulates the world, serves until a signal."""

import socket
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import uvicorn

from connectors.errors import InputError
from connectors.sandbox.retailer import simulate
from connectors.sandbox.servers.app import create_app
from connectors.sandbox.servers.clock import seconds_of_datetime
from connectors.sandbox.servers.faults import Faults
from connectors.sandbox.servers.retail import Retail
from connectors.sandbox.world import WorldConfig

HOST = "127.0.0.1"
_BACKLOG = 128


def bind(port: int) -> socket.socket:
    """A listening socket on this machine only; requests wait in it until the servers are ready.

    Args:
        port: 0 chooses a free one.

    Raises:
        InputError: the port is taken.
    """
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((HOST, port))
        listening.listen(_BACKLOG)
    except OSError as error:
        listening.close()
        raise InputError(
            f"Port {port} can't be served on {HOST} ({error.strerror}): choose another with --port."
        ) from error
    return listening


def run_servers(
    config: WorldConfig,
    listening: socket.socket,
    *,
    faults: Mapping[str, Any] | None = None,
    as_of: datetime | None = None,
) -> None:
    """Simulate the world and serve its platforms on the socket until a signal comes.

    Args:
        config: the world.
        listening: from `bind`.
        faults: shares by name, see `Faults`.
        as_of: what has happened by then is visible; the end of the world when not given.
    """
    seconds = None if as_of is None else seconds_of_datetime(as_of)
    retail = Retail(simulate(config), as_of=seconds)
    app = create_app(retail, Faults.parsed(faults or {}))
    settings = uvicorn.Config(
        app,
        loop="uvloop",
        http="httptools",
        lifespan="off",
        log_level="warning",
        access_log=False,
        proxy_headers=False,
        server_header=False,
        backlog=_BACKLOG,
    )
    uvicorn.Server(settings).run(sockets=[listening])
