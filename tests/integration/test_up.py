"""`fourflow up`: dashboards, Dagster's web server and daemon start together and stop together."""

import os
import signal
import socket
import subprocess
import time
from pathlib import Path

import httpx
import pytest

from tests.installation import Installation

pytestmark = [pytest.mark.integration]

PATIENCE_SECONDS = 180


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=2).status_code == 200
    except httpx.HTTPError:
        return False


def _processes_of(home: Path) -> list[int]:
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            environment = (folder / "environ").read_bytes()
        except OSError:
            continue
        if f"FOURFLOW_HOME={home}\0".encode() in environment:
            found.append(int(folder.name))
    return found


def _left_over(home: Path) -> list[int]:
    """Processes that are still there after the seconds in which Dagster's children may end."""
    end = time.monotonic() + 30
    while _processes_of(home) and time.monotonic() < end:
        time.sleep(0.5)
    return _processes_of(home)


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="looks for left-over processes in /proc")
def test_everything_starts_and_stops_together(tmp_path: Path):
    installation = Installation(tmp_path / "home")
    dashboards, dagster, inbox = _free_port(), _free_port(), _free_port()
    process = installation.start(
        "up", "--dashboard-port", str(dashboards), "--dagster-port", str(dagster),
        "--inbox-port", str(inbox),
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    try:
        end = time.monotonic() + PATIENCE_SECONDS
        waiting = {
            f"http://127.0.0.1:{dashboards}/_stcore/health",
            f"http://127.0.0.1:{dagster}/server_info",
            f"http://127.0.0.1:{inbox}/health",
        }
        while waiting and time.monotonic() < end and process.poll() is None:
            waiting = {url for url in waiting if not _answers(url)}
            time.sleep(0.5)
        assert not waiting, process.stdout.read() if process.poll() is not None else waiting
        assert len(_processes_of(installation.home)) >= 4
    finally:
        os.kill(process.pid, signal.SIGINT)
        process.wait(timeout=60)
    assert process.returncode == 0
    assert _left_over(installation.home) == []


def test_one_that_stops_by_itself_stops_the_others_and_is_named(tmp_path: Path):
    installation = Installation(tmp_path / "home")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        result = installation.run(
            "up", "--dashboard-port", str(taken.getsockname()[1]),
            "--dagster-port", str(_free_port()), "--inbox-port", str(_free_port()), expect=1,
        )  # fmt: skip
    assert "dashboards stopped by itself" in " ".join(result.stderr.split())
    assert _left_over(installation.home) == []
