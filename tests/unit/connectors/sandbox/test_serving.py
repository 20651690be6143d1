"""The harness of the served sandbox: its process, time, faults and counters."""

import hashlib
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner

from connectors.errors import InputError
from connectors.sandbox.servers.credentials import Taobao
from connectors.sandbox.servers.faults import KINDS, Faults
from connectors.sandbox.servers.serve import ServedSandbox, serve_sandbox
from connectors.sandbox.world import WorldConfig
from connectors.settings import PROJECT_ROOT
from orchestration.cli.main import app

CONFIG = WorldConfig(end_date=date(2026, 6, 30), days=6, orders_per_day=200)
SHOP = Taobao()
_CLIENT = httpx.Client(timeout=10, trust_env=False)
END = "2026-06-30T23:59:59"
_START_AND_TELL = """
import sys, time
from datetime import date
from connectors.sandbox.servers.serve import serve_sandbox
from connectors.sandbox.world import WorldConfig
with serve_sandbox(WorldConfig(end_date=date(2026, 6, 30), days=1, orders_per_day=5)) as sandbox:
    print(sandbox.url, flush=True)
    time.sleep(60)
"""


@pytest.fixture(scope="module")
def served() -> Iterator[ServedSandbox]:
    with serve_sandbox(CONFIG) as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(served: ServedSandbox) -> Iterator[ServedSandbox]:
    """The served sandbox, put back to its beginning after the test."""
    served.control(counters="reset")
    yield served
    served.control(faults={}, as_of=END)
    assert served.log() == ""


def _ask(sandbox: ServedSandbox, page: int = 1, **parameters: Any) -> httpx.Response:
    now = datetime.now(UTC) + timedelta(hours=8)
    values = {
        "method": "taobao.trades.sold.increment.get",
        "app_key": SHOP.app_key,
        "session": SHOP.session,
        "timestamp": now.strftime("%Y-%m-%d %H:%M:%S"),
        "format": "json",
        "v": "2.0",
        "sign_method": "md5",
        "fields": "tid,modified",
        "start_modified": "2026-06-30 00:00:00",
        "end_modified": "2026-06-30 23:59:59",
        "page_size": "10",
        "page_no": str(page),
        **parameters,
    }
    text = "".join(f"{name}{value}" for name, value in sorted(values.items()))
    digest = hashlib.md5(f"{SHOP.app_secret}{text}{SHOP.app_secret}".encode()).hexdigest()
    values["sign"] = digest.upper()
    return _CLIENT.post(f"{sandbox.url}/taobao/router/rest", data=values)


def _tids(answer: httpx.Response) -> list[int]:
    content = answer.json()["trades_sold_increment_get_response"]
    return [trade["tid"] for trade in content.get("trades", {"trade": []})["trade"]]


def _total(sandbox: ServedSandbox) -> int:
    return _ask(sandbox).json()["trades_sold_increment_get_response"]["total_results"]


def test_a_dropped_request_has_no_answer(sandbox: ServedSandbox) -> None:
    sandbox.control(faults=Faults(drop=1.0))
    for _ in range(3):
        with pytest.raises(httpx.TransportError):
            _ask(sandbox)
    assert sandbox.counters()["taobao.fault.drop"] == 3


def test_a_delayed_answer_is_right_but_late(sandbox: ServedSandbox) -> None:
    right = _tids(_ask(sandbox))
    sandbox.control(faults=Faults(delay=1.0, delay_seconds=0.2))
    started = time.monotonic()
    assert _tids(_ask(sandbox)) == right
    assert time.monotonic() - started > 0.2
    assert sandbox.counters()["taobao.microseconds"] < 200_000


@pytest.mark.parametrize(
    ("fault", "status", "said"),
    [("too_many", 429, "Too Many"), ("server_error", 500, "Internal"), ("html", 200, "<html>")],
)
def test_http_faults_show(sandbox: ServedSandbox, fault: str, status: int, said: str) -> None:
    sandbox.control(faults=Faults(**{fault: 1.0}, retry_after_seconds=2))
    answer = _ask(sandbox)
    assert answer.status_code == status
    assert said in answer.text
    assert answer.headers.get("retry-after") == ("2" if fault == "too_many" else None)
    assert sandbox.counters()[f"taobao.fault.{fault}"] == 1


def test_a_truncated_body_is_cut_off_or_looks_whole(sandbox: ServedSandbox) -> None:
    whole = _ask(sandbox).content
    sandbox.control(faults=Faults(truncated=1.0))
    seen: Counter[str] = Counter()
    for _ in range(12):
        try:
            body = _ask(sandbox).content
        except httpx.RemoteProtocolError:
            seen["cut off"] += 1
        else:
            seen["looks whole"] += 1
            assert 0 < len(body) < len(whole)
    assert seen["cut off"] > 1
    assert seen["looks whole"] > 1


def test_a_repeated_page_is_the_previous_answer_of_the_same_query(sandbox: ServedSandbox) -> None:
    sandbox.control(faults=Faults(page_shift=1e-9))  # so that answers are remembered
    first, second = _tids(_ask(sandbox, 1)), _tids(_ask(sandbox, 2))
    assert first != second
    sandbox.control(faults=Faults(repeated_page=1.0))
    assert _tids(_ask(sandbox, 3)) == second
    other = _ask(sandbox, 1, end_modified="2026-06-30 22:00:00")
    assert _tids(other) != second


def test_faults_are_drawn_from_their_seed(sandbox: ServedSandbox) -> None:
    def statuses(seed: int) -> list[int]:
        sandbox.control(faults=Faults(too_many=0.3, server_error=0.3, seed=seed))
        return [_ask(sandbox).status_code for _ in range(15)]

    first = statuses(1)
    assert statuses(1) == first
    assert statuses(2) != first
    assert set(first) == {200, 429, 500}


def test_faults_can_be_meant_for_one_platform(sandbox: ServedSandbox) -> None:
    sandbox.control(faults=Faults(server_error=1.0, platforms=("douyin",)))
    assert _ask(sandbox).status_code == 200
    assert _CLIENT.post(f"{sandbox.url}/douyin/order/searchList").status_code == 500
    assert _CLIENT.get(f"{sandbox.url}/health").status_code == 200


def _read_all(sandbox: ServedSandbox, *, backwards: bool) -> set[int]:
    """Reads a window that ended before the reading began, page by page."""
    pages = range(1, -(-_total(sandbox) // 10) + 1)
    found: set[int] = set()
    for page in reversed(pages) if backwards else pages:
        found |= set(_tids(_ask(sandbox, page)))
    return found


def test_shifting_pages_hide_orders_from_who_reads_forwards_only() -> None:
    with serve_sandbox(CONFIG) as sandbox:
        everything = set(_read_all(sandbox, backwards=True))
        assert len(everything) > 50
        sandbox.control(faults=Faults(page_shift=1.0, seed=5))
        backwards = _read_all(sandbox, backwards=True)
        state = sandbox.control(faults={})
        moved = {
            tid
            for page in range(1, 1 + -(-state["touched_orders"] // 10))
            for tid in _tids(
                _ask(
                    sandbox, page, start_modified="2026-07-01 00:00:00", end_modified=_later(state)
                )
            )
        }
        assert state["touched_orders"] > 0
        assert backwards | moved == everything | moved
    with serve_sandbox(CONFIG, faults=Faults(page_shift=1.0, seed=5)) as sandbox:
        forwards = _read_all(sandbox, backwards=False)
        state = sandbox.control(faults={})
        still = _read_all(sandbox, backwards=True)
        assert still - forwards, "the shift bites: orders never touched were not seen"


def _later(state: dict[str, Any]) -> str:
    return (datetime.fromisoformat(state["now"]) + timedelta(hours=1)).strftime("%Y-%m-%d %H:%M:%S")


def test_touches_change_no_truth_and_move_the_clock(sandbox: ServedSandbox) -> None:
    before = sandbox.truth()
    state = sandbox.control(touch={"channel": "tmall_flagship", "count": 5, "seed": 3})
    assert (state["as_of"], state["touched_orders"] >= 5) == ("2026-06-30 23:59:59", True)
    assert state["now"] > state["as_of"]
    assert sandbox.truth() == before


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"weather": "fine"}, "weather"),
        ({"as_of": "2020-01-01T00:00:00"}, "not begun"),
        ({"as_of": "noon"}, "noon"),
        ({"faults": {"drip": 1}}, "drip"),
        ({"faults": {"drop": 2}}, "drop"),
        ({"faults": {"drop": 0.6, "html": 0.6}}, "add up"),
        ({"touch": {"channel": "nowhere", "count": 1}}, "nowhere"),
        ({"touch": {"channel": "tmall_flagship", "orders": ["1"]}}, "order 1"),
        ({"options": {"shopify": {"colour": 1}}}, "colour"),
    ],
)
def test_impossible_changes_are_refused_in_one_sentence(
    sandbox: ServedSandbox, changes: dict[str, Any], complaint: str
) -> None:
    with pytest.raises(InputError, match=complaint):
        sandbox.control(**changes)


def test_every_kind_of_fault_has_a_share() -> None:
    faults = Faults.all_on(0.01, seed=3)
    assert {getattr(faults, name) for name in (*KINDS, "page_shift")} == {0.01}
    assert faults.seed == 3


def test_a_taken_port_is_told(sandbox: ServedSandbox) -> None:
    port = int(sandbox.url.rpartition(":")[2])
    with pytest.raises(InputError, match=f"Port {port}"), serve_sandbox(CONFIG, port=port):
        pass


def test_the_server_ends_with_its_parent_even_when_that_is_killed() -> None:
    parent = subprocess.Popen(
        [sys.executable, "-c", _START_AND_TELL], cwd=PROJECT_ROOT, stdout=subprocess.PIPE
    )
    assert parent.stdout is not None
    url = parent.stdout.readline().decode().strip()
    assert _CLIENT.get(f"{url}/health").status_code == 200
    os.kill(parent.pid, signal.SIGKILL)
    parent.wait()
    parent.stdout.close()
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        try:
            _CLIENT.get(f"{url}/health")
        except httpx.TransportError:
            return
        time.sleep(0.1)
    raise AssertionError("the server outlived its parent")


def test_the_command_refuses_faults_it_does_not_know() -> None:
    result = CliRunner().invoke(app, ["sandbox", "up", "--faults", "drop=much"])
    assert "drop=much" in str(result.exception)
    result = CliRunner().invoke(app, ["sandbox", "up", "--faults", "drip=0.1"])
    assert "drip" in str(result.exception)
