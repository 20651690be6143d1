"""`python -m connectors.inbox`: receives the pushes of fourflow.yml's accounts."""

import argparse
import logging
import sys
from collections.abc import Callable, Sequence

from starlette.routing import BaseRoute

from connectors.configuration import load_configuration
from connectors.errors import FourflowError
from connectors.inbox.accounts import inbox_accounts
from connectors.inbox.serve import HOST, PORT, serve
from connectors.settings import Settings, load_settings

logger = logging.getLogger("connectors.inbox")


def main(make_routes: Callable[[Settings], Sequence[BaseRoute]] = lambda _settings: ()) -> None:
    """Read the configuration and serve.

    Args:
        make_routes: further pages that the same server shows.
    """
    parser = argparse.ArgumentParser()
    parser.add_argument("--host", default=HOST)
    parser.add_argument("--port", type=int, default=PORT)
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    settings = load_settings()
    try:
        accounts = inbox_accounts(load_configuration(settings))
        names = [f"{account.source}/{account.account}" for account in accounts]
        logger.info("receiving pushes of %s", ", ".join(names) or "nobody yet")
        serve(
            settings,
            accounts,
            host=arguments.host,
            port=arguments.port,
            routes=make_routes(settings),
        )
    except FourflowError as error:
        sys.exit(f"error {error}")


if __name__ == "__main__":
    main()
