"""`kill -9` at random moments of a run: the next run completes, nothing is lost or doubled."""

import contextlib
import json
import os
import random
import subprocess
import time
from base64 import b64encode
from collections import Counter
from pathlib import Path
from typing import Any

import psutil
import pytest

from connectors.sandbox.webhook_receiver import serve_receiver
from tests.installation import Installation
from tests.oracle.sandbox import differences
from tests.reliability.conftest import HEAVY, Inbox

pytestmark = [pytest.mark.reliability]

KILLS = int(os.environ.get("FOURFLOW_TEST_KILLS", "200" if HEAVY else "30"))
FIRST_GUESS_SECONDS = 28.0
LONGEST_RUN_SECONDS = 900
LOOK_SECONDS = 0.05
SECRET = "whsec_" + b64encode(b"secret of the kill test").decode()


class _Kills:
    """Kills runs, each at another share of the processor time that a whole one takes.

    Processor time, not the clock: a busy machine moves no moment. The shares lie evenly from the
    beginning of a run to its end, in random order and each at a random place in its part, so that
    few kills find every step too. A run that was faster than expected leaves its share for later.
    """

    def __init__(self, installation: Installation, inbox: Inbox, count: int) -> None:
        self._installation, self._inbox = installation, inbox
        draw = random.Random(20_261_121)
        self.shares = [(part + draw.random()) / count for part in range(count)]
        draw.shuffle(self.shares)
        # Seconds of a whole run with new files and without; what they are is found out.
        self._lengths = {True: FIRST_GUESS_SECONDS, False: FIRST_GUESS_SECONDS}

    def kill_one(self, *, new_files: bool) -> bool:
        """Start a run and kill it at the next share of its length; False when it ended before."""
        with Path(os.devnull).open("wb") as nowhere:
            process = self._installation.start_warm(
                "run", f"--source=sandbox={self._inbox.folder}",
                stdout=nowhere.fileno(), stderr=nowhere.fileno(),
            )  # fmt: skip
        moment = self.shares[-1] * self._lengths[new_files]
        used, clock = 0.0, psutil.Process(process.pid)
        gives_up = time.monotonic() + LONGEST_RUN_SECONDS
        while used < moment:
            try:
                process.wait(timeout=LOOK_SECONDS)
            except subprocess.TimeoutExpired:
                if time.monotonic() > gives_up:
                    process.kill()
                    pytest.fail(f"a run neither ends nor works: {used:.1f} s of processor time")
                with contextlib.suppress(psutil.NoSuchProcess):
                    times = clock.cpu_times()
                    used = times.user + times.system
            else:
                assert process.returncode == 0
                # What a killed run has left differs: go only half the way towards this one.
                self._lengths[new_files] = (self._lengths[new_files] + used) / 2
                return False
        process.kill()
        self.shares.pop()
        return True


def _assert_nothing_lost(installation: Installation, truth: dict[str, Any]) -> None:
    bronze = installation.value("select sum(received)::bigint from rpt_conservation")
    written = sum(entity["rows"] for entity in truth["entities"].values())
    assert bronze == written
    gap = installation.value(
        "select count(*) from rpt_conservation where received <> used + duplicates + quarantined"
    )
    assert gap == 0
    orders = installation.value("select count(*) from fct_orders where source = 'sandbox'")
    assert orders == truth["entities"]["orders"]["records"]


def _assert_each_decision_arrived_once(installation: Installation, received: Path) -> None:
    decisions = installation.json("decisions", "list", "--limit", "100000")
    assert decisions
    assert {decision["state"] for decision in decisions} == {"confirmed"}
    ids = Counter(
        json.loads(line)["payload"]["data"]["decision_id"]
        for line in (installation.settings.outbox_path).read_text(encoding="utf-8").splitlines()
    )
    assert ids == Counter(decision["decision_id"] for decision in decisions)
    arrived = Counter(
        json.loads(line)["body"]["data"]["decision_id"]
        for line in received.read_text(encoding="utf-8").splitlines()
    )
    assert set(arrived.values()) == {1}
    assert set(arrived) <= set(ids)


def test_runs_killed_at_random_moments_lose_and_double_nothing(
    installation: Installation,
    inbox: Inbox,
    small_world: Path,
    small_truth: dict[str, Any],
    tmp_path: Path,
):
    received = tmp_path / "received.jsonl"
    with serve_receiver(received, SECRET) as url:
        installation.environment.update(
            FOURFLOW_WEBHOOK_URL=url, FOURFLOW_WEBHOOK_SECRET=SECRET, FOURFLOW_LIVE_SINKS="yes"
        )
        inbox.receive(10)
        kills, runs = _Kills(installation, inbox, KILLS), 0
        while kills.shares:
            # Two of three runs have nothing to do but what the killed ones have left.
            new_files = runs % 3 == 0
            if new_files and runs and len(inbox.days()) > 1:
                inbox.receive(1)
            kills.kill_one(new_files=new_files)
            runs += 1
        inbox.receive(len(inbox.days()))
        installation.run("run", f"--source=sandbox={inbox.folder}")
        _assert_nothing_lost(installation, small_truth)
        assert differences(small_world / "truth.json", installation.tuples) == []
        _assert_each_decision_arrived_once(installation, received)
        status = installation.json("status")
        assert status["healthy"] is True
        installation.run("doctor")
