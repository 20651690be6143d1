"""200 pushes a second for a minute into the inbox, while other processes write to the lake.

Four processes beside this one: the service, a sender (pushes of all platforms; some of them forged,
stale or sent before), a writer that keeps the lake's lock busy with large inserts, and a mover that
takes what waits every ten seconds. Afterwards what is in bronze is compared with what the sender
was told was accepted: `lost` and `double` are zero or the inbox is broken.
"""

import asyncio
import json
import logging
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

from connectors.inbox.move import move_to_bronze
from connectors.inbox.state import inbox_state
from connectors.lake.attach import connect_writer
from connectors.settings import PROJECT_ROOT, Settings, load_settings
from tests.http_connections import Connections
from tests.inbox_service import start_service
from tests.pushes import KINDS, SIGNED_TIME, PushWorld, SentPush, landed_pushes

SECONDS = 60
PUSHES_A_SECOND = 200
SHARES = {"fresh": 0.80, "duplicate": 0.08, "forged": 0.08, "stale": 0.04}
_CONNECTIONS = 50
_OLD_SECONDS = 3_600
_MOVE_EVERY_SECONDS = 10


def run(seconds: int = SECONDS, pushes_a_second: int = PUSHES_A_SECOND) -> dict[str, Any]:
    """The figures of one load."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        settings = load_settings(home=folder / "home")
        PushWorld().save(folder / "world.json")
        service = start_service(settings.root, folder / "world.json")
        helpers = [_start(role, folder) for role in ("write", "move")]
        try:
            pace = (str(service.port), str(seconds), str(pushes_a_second))
            sent = json.loads(_start("send", folder, *pace).communicate()[0])
            service_use = _use_of(service.process.pid)
        finally:
            (folder / "stop").touch()
            outputs = [json.loads(helper.communicate()[0]) for helper in helpers]
            service.stop()
        waiting = inbox_state(settings).waiting
        move_to_bronze(settings)
        return _figures(settings, sent, waiting, outputs, service_use)


def _figures(
    settings: Settings,
    sent: dict[str, Any],
    waiting: int,
    outputs: list[dict[str, Any]],
    service_use: dict[str, Any],
) -> dict[str, Any]:
    landed = landed_pushes(settings)
    state = inbox_state(settings)
    accepted = {tuple(one) for one in sent["accepted"]}
    latencies = sent["milliseconds"]
    cuts = statistics.quantiles(latencies, n=1_000)
    return {
        "sent": sent["sent"],
        "seconds": sent["seconds"],
        "pushes_a_second": round(sent["sent"] / sent["seconds"], 1),
        "accepted": sent["acknowledged"],
        "of_them_duplicates": sent["acknowledged"] - len(accepted),
        "refused": sent["refused"],
        "refused_by_reason": state.reasons,
        "wrongly_answered": sent["wrong"],
        "unanswered": sent["unanswered"],
        "landed_in_bronze": landed.total(),
        "lost": len(accepted - set(landed)),
        "double": sum(count - 1 for count in landed.values()),
        "never_sent": len(set(landed) - accepted),
        "waiting_when_the_load_ended": waiting,
        "waiting_at_the_end": state.waiting,
        "acknowledged_p50_ms": round(cuts[499], 1),
        "acknowledged_p99_ms": round(cuts[989], 1),
        "acknowledged_max_ms": round(max(latencies), 1),
        "lake_commits_meanwhile": outputs[0]["commits"],
        "rows_written_to_the_lake_meanwhile": outputs[0]["rows"],
        "moves_meanwhile": outputs[1]["moves"],
        "sender_cpu_seconds": sent["cpu_seconds"],
        **service_use,
    }


def _use_of(pid: int) -> dict[str, Any]:
    """Processor seconds and most memory of a process."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    status = Path(f"/proc/{pid}/status").read_text()
    most = next(line for line in status.splitlines() if line.startswith("VmHWM"))
    return {
        "service_cpu_seconds": (int(fields[11]) + int(fields[12])) / 100,
        "service_memory_mb": int(most.split()[1]) // 1024,
    }


def _start(role: str, folder: Path, *arguments: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-m", "tests.benchmarks.inbox_load", role, str(folder), *arguments],
        cwd=PROJECT_ROOT, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip


# The processes.


class _Sender:
    """Sends at an even pace and remembers what it was told."""

    def __init__(self, world: PushWorld, connections: Connections) -> None:
        self._world = world
        self._connections = connections
        self._draw = random.Random(20_261_121)
        self._accepted: list[tuple[str, int]] = []
        self.told: Counter[str] = Counter()
        self.milliseconds: list[float] = []

    @property
    def accepted(self) -> list[tuple[str, int]]:
        """Platform and number of each push that was acknowledged, once each."""
        return sorted(set(self._accepted))

    def choose(self, number: int) -> tuple[str, str, int]:
        """What kind of push comes next: share, platform, number."""
        share = self._draw.choices(list(SHARES), list(SHARES.values()))[0]
        if share == "duplicate" and self._accepted:
            return share, *self._draw.choice(self._accepted)
        if share == "stale":
            return share, self._draw.choice(SIGNED_TIME), number
        return share, KINDS[number % len(KINDS)], number

    def make(self, share: str, kind: str, number: int) -> SentPush:
        """The request."""
        if share == "stale":
            return self._world.push(kind, number, at=time.time() - _OLD_SECONDS)
        push = self._world.push(kind, number)
        return push.forged() if share == "forged" else push

    async def send(self, number: int) -> None:
        """Send one push and note the answer."""
        share, kind, number = self.choose(number)
        push = self.make(share, kind, number)
        self.told["sent"] += 1
        started = time.perf_counter()
        try:
            status = await self._connections.post(push.path, push.body, push.headers)
        except (OSError, asyncio.IncompleteReadError):
            self.told["unanswered"] += 1
            return
        self.milliseconds.append((time.perf_counter() - started) * 1_000)
        is_success = 200 <= status < 300
        if is_success:
            self._accepted.append((kind, number))
        self.told["acknowledged" if is_success else "refused"] += 1
        self.told["wrong"] += is_success != (share in ("fresh", "duplicate"))


async def _send(folder: Path, port: int, seconds: int, pushes_a_second: int) -> dict[str, Any]:
    world = PushWorld.load(folder / "world.json")
    async with Connections(port, _CONNECTIONS) as connections:
        sender = _Sender(world, connections)
        started = time.perf_counter()
        async with asyncio.TaskGroup() as group:
            for number in range(seconds * pushes_a_second):
                due = started + number / pushes_a_second
                await asyncio.sleep(max(0.0, due - time.perf_counter()))
                group.create_task(sender.send(number))
        names = ("sent", "acknowledged", "refused", "wrong", "unanswered")
        return {
            **{name: sender.told[name] for name in names},
            "seconds": round(time.perf_counter() - started, 1),
            "cpu_seconds": round(time.process_time(), 1),
            "milliseconds": sender.milliseconds,
            "accepted": sender.accepted,
        }


def _write(folder: Path) -> dict[str, int]:
    """Insert 200,000 rows at a time, as a run that writes would."""
    settings = load_settings(home=folder / "home")
    commits = 0
    while not (folder / "stop").exists():
        with connect_writer(settings, purpose="the load of the benchmark") as lake:
            lake.execute("create schema if not exists lake.load")
            lake.execute("create table if not exists lake.load.rows (id bigint, name varchar)")
            for _ in range(3):
                lake.execute(
                    "insert into lake.load.rows select i, md5(i::varchar) from range(200000) t(i)"
                )
                commits += 1
        time.sleep(0.5)  # a file lock is not fair: let the mover have a turn
    return {"commits": commits, "rows": commits * 200_000}


def _move(folder: Path) -> dict[str, int]:
    settings = load_settings(home=folder / "home")
    moves = 0
    while not (folder / "stop").exists():
        time.sleep(_MOVE_EVERY_SECONDS)
        moves += bool(move_to_bronze(settings).segments)
    return {"moves": moves}


def main(role: str, folder: str, *arguments: str) -> None:
    """One of the processes; prints what it has to say as JSON."""
    path = Path(folder)
    logging.getLogger("connectors").setLevel(logging.ERROR)  # waiting for the lock is expected
    if role == "send":
        told: dict[str, Any] = asyncio.run(_send(path, *map(int, arguments)))
    else:
        told = {"write": _write, "move": _move}[role](path)
    sys.stdout.write(json.dumps(told))


if __name__ == "__main__":
    main(*sys.argv[1:])
