"""The dashboards as a server of their own, as `fourflow up` starts them."""

import contextlib
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from app_streamlit.launch import dashboard_command
from connectors.settings import PROJECT_ROOT, Settings

START_TIMEOUT_SECONDS = 90


@dataclass(frozen=True)
class Dashboards:
    """Where the served pages are."""

    url: str
    log: Path


def free_port() -> int:
    """A port of this machine that nobody listens on."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    return port


@contextlib.contextmanager
def serve_dashboards(settings: Settings, port: int, log: Path) -> Iterator[Dashboards]:
    """Serve the dashboards of these settings for as long as the block takes."""
    with log.open("wb") as file:
        process = subprocess.Popen(
            dashboard_command(settings, port),
            env=settings.child_environment(),
            cwd=PROJECT_ROOT,
            stdout=file,
            stderr=subprocess.STDOUT,
        )
        url = f"http://127.0.0.1:{port}"
        try:
            _wait_until_healthy(process, url, log)
            yield Dashboards(url, log)
        finally:
            process.terminate()
            process.wait(timeout=60)


def _wait_until_healthy(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    deadline = time.monotonic() + START_TIMEOUT_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            break
        try:
            with urllib.request.urlopen(f"{url}/_stcore/health", timeout=2) as answer:
                if answer.status == 200:
                    return
        except OSError:
            time.sleep(0.3)
    pytest.fail(f"the dashboards did not start:\n{log.read_text(encoding='utf-8')[-2000:]}")
