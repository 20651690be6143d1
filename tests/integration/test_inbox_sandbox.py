"""The simulated Kuaidi100 pushes into the inbox of a fourflow.yml, and all of it lands once."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import httpx
import numpy as np
import pytest

from connectors.inbox.move import move_to_bronze
from connectors.inbox.state import inbox_state
from connectors.lake.attach import connect_snapshot
from connectors.sandbox.files.rendering import tracking_numbers
from connectors.sandbox.platforms import YTO
from connectors.sandbox.retailer import simulate
from connectors.sandbox.servers.serve import ServedSandbox, serve_sandbox
from connectors.sandbox.world import NEVER, WorldConfig
from connectors.settings import PROJECT_ROOT
from tests.inbox_service import free_port
from tests.installation import Installation

pytestmark = [pytest.mark.integration]

CONFIG = WorldConfig(end_date=date(2026, 6, 30), days=14, orders_per_day=60)
CONFIGURATION = """
sources:
  kuaidi100:
    accounts:
      main: {{base_url: "{url}/kuaidi100", customer: {customer}, key: {{env: K100_KEY}},
              push_salt: {{env: K100_SALT}}}}
"""


@pytest.fixture(scope="module")
def sandbox() -> Iterator[ServedSandbox]:
    with serve_sandbox(CONFIG) as served:
        yield served


def _parcels() -> list[str]:
    world = simulate(CONFIG)
    journeys = world.journeys
    rows = np.flatnonzero((journeys.labelled_at != NEVER) & (journeys.carrier == YTO))
    return tracking_numbers(world, rows.astype(np.int64)).to_pylist()


def _subscribe(sandbox: ServedSandbox, number: str, address: str, salt: str) -> None:
    param = {
        "company": "yuantong",
        "number": number,
        "key": sandbox.credentials()["kuaidi100"]["key"],
        "parameters": {"callbackurl": address, "salt": salt, "resultv2": "4"},
    }
    answer = httpx.post(
        f"{sandbox.url}/kuaidi100/poll",
        data={"schema": "json", "param": json.dumps(param)},
        trust_env=False,
    )
    assert answer.json()["returnCode"] == "200", answer.text


def _serve(installation: Installation, port: int) -> "subprocess.Popen[bytes]":
    """The process that `fourflow up` starts."""
    process = subprocess.Popen(
        [sys.executable, "-m", "connectors.inbox", "--port", str(port)],
        cwd=PROJECT_ROOT, env=installation.variables(),
    )  # fmt: skip
    end = time.monotonic() + 60
    while time.monotonic() < end and process.poll() is None:
        try:
            httpx.get(f"http://127.0.0.1:{port}/health", trust_env=False).raise_for_status()
        except httpx.HTTPError:
            time.sleep(0.1)
        else:
            return process
    raise AssertionError(f"the inbox did not start; it ended with {process.poll()}")


def test_every_parcel_that_is_pushed_lands_once(sandbox: ServedSandbox, tmp_path: Path):
    known = sandbox.credentials()["kuaidi100"]
    path = tmp_path / "fourflow.yml"
    path.write_text(
        CONFIGURATION.format(url=sandbox.url, customer=known["customer"]), encoding="utf-8"
    )
    variables = {
        "FOURFLOW_CONFIG": str(path), "K100_KEY": known["key"], "K100_SALT": known["salt"],
    }  # fmt: skip
    installation = Installation(tmp_path / "home", variables)
    port = free_port()
    address = f"http://127.0.0.1:{port}/inbox/kuaidi100/main"
    numbers = _parcels()
    assert len(numbers) > 20
    true, forged = numbers[:-2], numbers[-2:]
    for number in true:
        _subscribe(sandbox, number, address, known["salt"])
    for number in forged:
        _subscribe(sandbox, number, address, "another salt")
    service = _serve(installation, port)
    try:
        pushed = sandbox.control(push={"kuaidi100": {"numbers": true}})["pushed"]["kuaidi100"]
        again = sandbox.control(push={"kuaidi100": {"numbers": true, "again": True}})
        refused = sandbox.control(push={"kuaidi100": {"numbers": forged}})["pushed"]["kuaidi100"]
    finally:
        service.terminate()
        service.wait(timeout=30)
    assert pushed["sent"] == pushed["accepted"] > 0
    assert again["pushed"]["kuaidi100"]["accepted"] == pushed["sent"]
    assert (refused["accepted"], refused["refused"]) == (0, refused["sent"])
    report = move_to_bronze(installation.settings)
    assert (report.landed, report.duplicates) == ({"kuaidi100": pushed["sent"]}, pushed["sent"])
    state = inbox_state(installation.settings)
    assert (state.accepted, state.waiting) == (2 * pushed["sent"], 0)
    assert set(state.reasons) == {"kuaidi100/main/forged"}
    with connect_snapshot(installation.settings) as lake:
        landed = lake.execute(
            "select json_extract_string(payload, '$.lastResult.nu'), topic, read_error "
            "from lake.bronze.kuaidi100_pushes"
        ).fetchall()
    assert {number for number, _, _ in landed} <= set(true)
    assert len(landed) == pushed["sent"]
    assert {topic for _, topic, _ in landed} <= {"polling", "shutdown", "abort"}
    assert {error for _, _, error in landed} == {None}
