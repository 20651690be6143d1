"""Runs the inbox as a server until a signal ends it.

It listens on this machine only. Platforms reach it through a proxy that ends TLS and passes
`/inbox/` on, headers and body unchanged (docs/runbook.md).
"""

from collections.abc import Iterable, Sequence

import uvicorn
from starlette.applications import Starlette
from starlette.routing import BaseRoute

from connectors.inbox.journal import Journal, JournalLimits
from connectors.inbox.protocol import InboxAccount
from connectors.inbox.service import ServiceLimits, make_app
from connectors.inbox.tally import Tally
from connectors.settings import Settings

HOST = "127.0.0.1"
PORT = 8787
_MOST_CONNECTIONS = 1_000
_SHUTDOWN_SECONDS = 10


def serve(
    settings: Settings,
    accounts: Iterable[InboxAccount],
    *,
    host: str = HOST,
    port: int = PORT,
    routes: Sequence[BaseRoute] = (),
) -> None:
    """Receive pushes until a signal ends the process.

    Args:
        settings: whose home, and what limits.
        accounts: whose pushes are received.
        host: address to listen on.
        port: port to listen on.
        routes: further pages that the same server shows.

    Raises:
        InputError: another inbox service writes in this home.
    """
    folder = settings.inbox_path
    limits = JournalLimits(capacity_bytes=settings.inbox_capacity_mb << 20)
    journal = Journal(folder, limits)
    journal.start()
    body_bytes = settings.inbox_body_limit_mb << 20
    limits_of_service = ServiceLimits(body_bytes=body_bytes)
    app = make_app(accounts, journal, Tally(folder), limits_of_service, routes=routes)
    make_server(app, host=host, port=port).run()


def make_server(app: Starlette, *, host: str, port: int) -> uvicorn.Server:
    """The HTTP server around the app."""
    return uvicorn.Server(
        uvicorn.Config(
            app,
            host=host,
            port=port,
            access_log=False,  # an address may hold a token
            log_config=None,
            server_header=False,
            limit_concurrency=_MOST_CONNECTIONS,
            timeout_keep_alive=60,
            timeout_graceful_shutdown=_SHUTDOWN_SECONDS,
        )
    )
