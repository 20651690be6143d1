"""The inbox as a process of its own, for tests that kill it and benchmarks that load it.

`python -m tests.inbox_service HOME WORLD PORT` serves the accounts of a saved `PushWorld`.
"""

import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import httpx

from connectors.inbox.serve import serve
from connectors.settings import PROJECT_ROOT, load_settings
from tests.pushes import PushWorld

_PATIENCE_SECONDS = 60.0


@dataclass
class InboxProcess:
    """A running service."""

    port: int
    process: subprocess.Popen[bytes]

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://127.0.0.1:{self.port}"

    def kill(self) -> None:
        """`kill -9`."""
        self.process.kill()
        self.process.wait()

    def stop(self) -> None:
        """As `fourflow up` stops it."""
        self.process.terminate()
        self.process.wait(timeout=30)


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def start_service(home: Path, world: Path, *, port: int | None = None) -> InboxProcess:
    """Start the service and wait until it answers."""
    port = port or free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.inbox_service", str(home), str(world), str(port)],
        cwd=PROJECT_ROOT,
    )
    service = InboxProcess(port, process)
    end = time.monotonic() + _PATIENCE_SECONDS
    while time.monotonic() < end and process.poll() is None:
        try:
            httpx.get(f"{service.url}/health", trust_env=False).raise_for_status()
        except httpx.HTTPError:
            time.sleep(0.05)
        else:
            return service
    process.kill()
    raise RuntimeError(f"the inbox did not start; it ended with {process.wait()}")


def main(home: str, world: str, port: str) -> None:
    """Serve until a signal comes."""
    serve(load_settings(home=home), PushWorld.load(Path(world)).accounts(), port=int(port))


if __name__ == "__main__":
    main(*sys.argv[1:])
