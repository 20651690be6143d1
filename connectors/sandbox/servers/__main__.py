"""`python -m connectors.sandbox.servers`: the servers as a process of their own."""

import argparse
import os
import socket
import sys
import threading
import time
from datetime import date, datetime
from typing import Any

import orjson

from connectors.errors import FourflowError
from connectors.sandbox.servers.run import bind, run_servers
from connectors.sandbox.world import DefectRates, Scenario, WorldConfig

_SECONDS_BETWEEN_LOOKS = 0.25


def main() -> None:
    """Serve the world that the JSON argument describes until a signal comes or the parent ends."""
    parser = argparse.ArgumentParser(prog="connectors.sandbox.servers")
    parser.add_argument("settings", help="JSON: config, faults, as_of, port, parent")
    settings: dict[str, Any] = orjson.loads(parser.parse_args().settings)
    if settings.get("parent"):
        _end_with(settings["parent"])
    try:
        listening = bind(settings.get("port", 0))
    except FourflowError as error:
        sys.exit(str(error))
    _tell_port(listening)
    as_of = settings.get("as_of")
    run_servers(
        _world_config(settings["config"]),
        listening,
        faults=settings.get("faults"),
        as_of=datetime.fromisoformat(as_of) if as_of else None,
    )


def _world_config(values: dict[str, Any]) -> WorldConfig:
    given = dict(values)
    given["end_date"] = date.fromisoformat(given["end_date"])
    given["defects"] = DefectRates(**given["defects"])
    given["scenario"] = Scenario(**given["scenario"])
    return WorldConfig(**given)


def _tell_port(listening: socket.socket) -> None:
    sys.stdout.write(f"{listening.getsockname()[1]}\n")
    sys.stdout.flush()


def _end_with(parent: int) -> None:
    """End this process as soon as its parent has ended, however that happened."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(_SECONDS_BETWEEN_LOOKS)
        os._exit(0)

    threading.Thread(target=watch, daemon=True).start()


if __name__ == "__main__":
    main()
