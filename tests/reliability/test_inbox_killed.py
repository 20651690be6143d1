"""`kill -9` of the inbox's service and of its mover: what was acknowledged lands, and lands once.

The sender does as platforms do: what was not acknowledged is sent again after the next start.
"""

import asyncio
import os
import random
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from connectors.inbox.move import move_to_bronze
from connectors.inbox.segments import waiting_messages
from connectors.settings import PROJECT_ROOT, Settings
from tests.benchmarks import inbox_load
from tests.http_connections import Connections
from tests.inbox_service import InboxProcess, free_port, start_service
from tests.pushes import KINDS, PushWorld, landed_pushes

pytestmark = [pytest.mark.reliability]

PUSHES_A_SECOND = 200
_MOVER = """
    import sys, time, pathlib
    from connectors.inbox import move
    from connectors.settings import load_settings

    home, stop_before = sys.argv[1:]
    reached = pathlib.Path(home, "reached")

    def stop(self):
        reached.touch()
        time.sleep(600)

    if stop_before == "remove":
        move._Pass._remove = stop
    print(move.move_to_bronze(load_settings(home=home)).landed_count)
"""


class Sender:
    """Sends numbered pushes until the service dies; keeps what was not acknowledged."""

    def __init__(self, world: PushWorld) -> None:
        self._world = world
        self._next = 0
        self.waiting: list[tuple[str, int]] = []
        self.acknowledged: list[tuple[str, int]] = []

    def send_for(self, service: InboxProcess, seconds: float) -> None:
        """Send again what waits, then new pushes, at an even pace."""
        asyncio.run(self._send_for(service, seconds))

    async def _send_for(self, service: InboxProcess, seconds: float) -> None:
        again, self.waiting = self.waiting, []
        started = time.monotonic()
        try:
            async with Connections(service.port, 20) as connections, asyncio.TaskGroup() as group:
                for push in again:
                    group.create_task(self._send(connections, push))
                while time.monotonic() - started < seconds:
                    self._next += 1
                    push = (KINDS[self._next % len(KINDS)], self._next)
                    group.create_task(self._send(connections, push))
                    await asyncio.sleep(1 / PUSHES_A_SECOND)
        except ConnectionError:  # it died before all connections were there
            self.waiting += again

    async def _send(self, connections: Connections, push: tuple[str, int]) -> None:
        made = self._world.push(*push)
        try:
            async with asyncio.timeout(20):
                status = await connections.post(made.path, made.body, made.headers)
        except (OSError, asyncio.IncompleteReadError, TimeoutError):
            self.waiting.append(push)
            return
        assert status in (200, 204), (push, status)
        self.acknowledged.append(push)


def _start_mover(settings: Settings, stop_before: str = "") -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(_MOVER), str(settings.root), stop_before],
        cwd=PROJECT_ROOT, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip


def _kill_before_removal(settings: Settings) -> None:
    """Let a mover land everything, and kill it before it removes a segment."""
    reached = settings.root / "reached"
    reached.unlink(missing_ok=True)
    mover = _start_mover(settings, "remove")
    end = time.monotonic() + 120
    while not reached.exists() and mover.poll() is None and time.monotonic() < end:
        time.sleep(0.05)
    assert reached.exists()
    mover.kill()
    mover.wait()


def _kill_at(mover: subprocess.Popen[str], seconds: float) -> bool:
    try:
        mover.wait(timeout=seconds)
    except subprocess.TimeoutExpired:
        os.kill(mover.pid, signal.SIGKILL)
        mover.wait()
        return True
    return False


def _story(settings: Settings, folder: Path, *, service_kills: int, mover_kills: int) -> None:
    draw = random.Random(20_261_122)
    world, saved = PushWorld(), folder / "world.json"
    world.save(saved)
    sender, port = Sender(world), free_port()
    movers_killed = 0
    length = 5.0
    for number in range(max(service_kills, mover_kills)):
        service = start_service(settings.root, saved, port=port)
        if number < service_kills:
            killer = subprocess.Popen(
                ["sh", "-c", f"sleep {draw.uniform(0.2, 1.5):.2f}; kill -9 {service.process.pid}"]
            )
            sender.send_for(service, 2.0)
            killer.wait()
            service.process.wait()
        else:
            sender.send_for(service, 0.3)
            service.stop()
        if number == 0:
            _kill_before_removal(settings)
        elif movers_killed < mover_kills:
            started = time.monotonic()
            if _kill_at(_start_mover(settings), draw.uniform(0.3, 1.0) * length):
                movers_killed += 1
            else:
                length = time.monotonic() - started
    service = start_service(settings.root, saved, port=port)
    while sender.waiting:
        sender.send_for(service, 0.0)
    service.stop()
    moved = move_to_bronze(settings)
    assert moved.damaged == 0
    assert waiting_messages(settings.inbox_path) == 0
    landed = landed_pushes(settings)
    assert set(landed) == set(sender.acknowledged)
    assert set(landed.values()) == {1}
    assert len(landed) > 100


def test_kills_lose_and_double_nothing(settings: Settings, tmp_path: Path):
    _story(settings, tmp_path, service_kills=3, mover_kills=2)


def test_a_short_load_loses_nothing_while_the_lake_is_written():
    figures = inbox_load.run(seconds=4, pushes_a_second=100)
    assert figures["sent"] == 400
    assert figures["accepted"] + figures["refused"] == 400
    nothing = ("wrongly_answered", "unanswered", "lost", "double", "never_sent")
    assert {name: figures[name] for name in nothing} == dict.fromkeys(nothing, 0)
    assert figures["landed_in_bronze"] == figures["accepted"] - figures["of_them_duplicates"]


@pytest.mark.heavy
def test_many_kills_lose_and_double_nothing(settings: Settings, tmp_path: Path):
    _story(settings, tmp_path, service_kills=25, mover_kills=40)
