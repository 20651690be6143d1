"""`kill -9` at random moments of a run: the next run completes, nothing is lost or doubled."""

import json
import os
import random
import subprocess
import time
from base64 import b64encode
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from connectors.sandbox.webhook_receiver import serve_receiver
from tests.installation import Installation
from tests.oracle.sandbox import differences
from tests.reliability.conftest import HEAVY, Inbox

pytestmark = [pytest.mark.reliability]

KILLS = int(os.environ.get("FOURFLOW_TEST_KILLS", "200" if HEAVY else "30"))
SECRET = "whsec_" + b64encode(b"secret of the kill test").decode()


def _kill_at(installation: Installation, inbox: Inbox, seconds: float) -> float | None:
    """Start a run and kill its process; its seconds when it had ended before that."""
    started = time.monotonic()
    with Path(os.devnull).open("wb") as nowhere:
        process = installation.start_warm(
            "run", f"--source=sandbox={inbox.folder}",
            stdout=nowhere.fileno(), stderr=nowhere.fileno(),
        )  # fmt: skip
    try:
        process.wait(timeout=seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        return None
    return time.monotonic() - started


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
    draw = random.Random(20_261_121)
    with serve_receiver(received, SECRET) as url:
        installation.environment.update(
            FOURFLOW_WEBHOOK_URL=url, FOURFLOW_WEBHOOK_SECRET=SECRET, FOURFLOW_LIVE_SINKS="yes"
        )
        inbox.receive(10)
        started = time.monotonic()
        installation.run("run", f"--source=sandbox={inbox.folder}")
        length = time.monotonic() - started
        killed = 0
        while killed < KILLS:
            if len(inbox.days()) > 1:
                inbox.receive(1)
            ended_after = _kill_at(installation, inbox, draw.uniform(0.1, length))
            killed += ended_after is None
            length = ended_after or length  # the first run of a home takes longer than the others
        inbox.receive(len(inbox.days()))
        installation.run("run")
        _assert_nothing_lost(installation, small_truth)
        assert differences(small_world / "truth.json", installation.tuples) == []
        _assert_each_decision_arrived_once(installation, received)
        status = installation.json("status")
        assert status["healthy"] is True
        installation.run("doctor")
