"""Delivery: effectively once whatever fails, nothing while red, and every step in the history."""

import base64
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, func, insert, select

from connectors.database.engine import open_database, write_transaction
from connectors.database.runs import FailedCheck, RedState
from connectors.database.schema import decisions, outbox, receipts
from connectors.errors import (
    PermanentError,
    RetryLaterError,
    TransientError,
    UnknownOutcomeError,
)
from connectors.sandbox.webhook_receiver import Faults, WebhookReceiver, run_receiver
from connectors.settings import Settings
from connectors.sinks.base import Receipt
from connectors.sinks.jsonl import JsonLinesSink
from orchestration.decisions.courier import RateLimit, RetryPolicy
from orchestration.decisions.ledger import count_by_state, decision_history, list_decisions
from orchestration.decisions.outbox import (
    deliver,
    hold_all,
    list_deliveries,
    release_held,
    retry_dead,
)

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
RED = RedState("run-9", NOW, (FailedCheck("unique_fct_orders", "dbt_test", "2 rows"),))
SECRET = "whsec_" + base64.b64encode(bytes(range(32))).decode()
KILLS = 200 if os.environ.get("FOURFLOW_TEST_HEAVY") else 10
EAGER = RetryPolicy(max_attempts=1000, first_delay=timedelta(0))


class ListSink:
    """A sink that remembers keys, and first does what its script says."""

    def __init__(self, name: str = "jsonl", script: tuple[Exception | None, ...] = ()) -> None:
        self.name = name
        self.effects: Counter[str] = Counter()
        self.calls = 0
        self._script = list(script)
        self._lock = threading.Lock()

    def deliver(self, key: str, payload: Mapping[str, Any]) -> Receipt:
        with self._lock:
            self.calls += 1
            if self._script:
                failure = self._script.pop(0)
                if failure is not None:
                    raise failure
            self.effects[key] += 1
            return Receipt("accepted", {"rule": payload["data"]["rule_id"]})


def fill(engine: Engine, number: int, sinks: tuple[str, ...] = ("jsonl",)) -> list[str]:
    ids = [f"{n:064x}" for n in range(number)]
    with write_transaction(engine) as connection:
        connection.execute(insert(decisions), [
            {"decision_id": one, "rule_id": "r", "rule_version": 1, "kind": "alert",
             "subject": one, "occurrence": "once", "occurred_at": NOW, "publication_id": "p",
             "snapshot_id": 1, "explanation": {}, "message": {}, "state": "proposed",
             "created_at": NOW, "updated_at": NOW}
            for one in ids
        ])  # fmt: skip
        connection.execute(insert(outbox), [
            {"decision_id": one, "sink": sink, "idempotency_key": f"{sink}_{one}",
             "payload": {"data": {"decision_id": one, "rule_id": "r"}}, "state": "pending",
             "attempts": 0, "next_attempt_at": NOW, "created_at": NOW, "updated_at": NOW}
            for one in ids for sink in sinks
        ])  # fmt: skip
    return ids


def send(engine: Engine, *sinks: ListSink, now: datetime = NOW, **more: Any) -> Any:
    by_name = {sink.name: sink for sink in sinks}
    return deliver(engine, by_name, now=now, worker_id="worker", **more)


def states(engine: Engine) -> dict[str, int]:
    return {state: number for state, number in count_by_state(engine).items() if number}


def events(engine: Engine, decision_id: str) -> list[str]:
    return [event.event for event in decision_history(engine, decision_id)]


def test_delivery_is_receipted_and_confirmed(engine: Engine) -> None:
    (one,) = fill(engine, 1)
    sink = ListSink()
    report = send(engine, sink)
    assert (report.delivered, report.retrying, report.dead) == (1, 0, 0)
    assert sink.effects == {f"jsonl_{one}": 1}
    assert states(engine) == {"confirmed": 1}
    assert events(engine, one) == ["sending", "receipted"]
    with engine.connect() as connection:
        receipt = connection.execute(select(receipts)).one()
    assert (receipt.outcome, receipt.attempt, receipt.detail) == ("accepted", 1, {"rule": "r"})
    assert send(engine, sink).delivered == 0
    assert sink.calls == 1


def test_decision_is_confirmed_when_every_sink_has_receipted(engine: Engine) -> None:
    fill(engine, 1, ("jsonl", "webhook"))
    broken = ListSink("webhook", (TransientError("no answer"),))
    report = send(engine, ListSink(), broken)
    assert (report.delivered, report.retrying) == (1, 1)
    (decision,) = list_decisions(engine)
    assert (decision.state, decision.state_reason) == ("failed", "no answer")
    assert send(engine, ListSink(), broken, now=NOW + timedelta(hours=2)).delivered == 1
    assert states(engine) == {"confirmed": 1}


def test_transient_error_waits_longer_each_time_then_gives_up(engine: Engine) -> None:
    (one,) = fill(engine, 1)
    sink = ListSink(script=(TransientError("down"),) * 3)
    policy = RetryPolicy(max_attempts=3)
    now, pauses = NOW, []
    for _ in range(3):
        assert send(engine, sink, now=now - timedelta(seconds=1), policy=policy).retrying == 0
        send(engine, sink, now=now, policy=policy)
        (delivery,) = list_deliveries(engine, [one])
        pauses.append((delivery.next_attempt_at - now).total_seconds())
        now = delivery.next_attempt_at
    assert 5 <= pauses[0] <= 11
    assert 10 <= pauses[1] <= 21
    assert (delivery.state, delivery.attempts, delivery.last_error) == ("dead", 3, "down")
    assert states(engine) == {"dead": 1}
    assert events(engine, one) == ["sending", "attempt_failed"] * 2 + ["sending", "given_up"]


@pytest.mark.parametrize("draw", [0.0, 0.5, 0.999999])
def test_pauses_double_within_bounds(draw: float) -> None:
    policy = RetryPolicy(first_delay=timedelta(seconds=10), longest_delay=timedelta(minutes=5))
    pauses = [policy.delay_after(n, draw=draw).total_seconds() for n in range(1, 200)]
    bounds = [min(10 * 2 ** min(n, 40), 300) for n in range(199)]
    assert all(bound / 2 <= pause <= bound for pause, bound in zip(pauses, bounds, strict=True))


def test_pause_that_the_receiver_asks_for_is_kept(engine: Engine) -> None:
    (one,) = fill(engine, 1)
    send(engine, ListSink(script=(RetryLaterError("busy", timedelta(minutes=20)),)))
    (delivery,) = list_deliveries(engine, [one])
    assert delivery.next_attempt_at >= NOW + timedelta(minutes=20)


def test_permanent_error_is_dead_at_once_and_can_be_retried(engine: Engine) -> None:
    ids = fill(engine, 2)
    sink = ListSink(script=(PermanentError("refused"), PermanentError("refused")))
    assert send(engine, sink).dead == 2
    assert {d.state_reason for d in list_decisions(engine, state="dead")} == {"refused"}
    assert retry_dead(engine, now=NOW, actor="Li", decision_ids=ids[:1]) == 1
    assert send(engine, sink).delivered == 1
    assert retry_dead(engine, now=NOW, actor="Li") == 1
    assert send(engine, sink).delivered == 1
    assert states(engine) == {"confirmed": 2}
    assert "retried" in events(engine, ids[0])


def test_bug_in_a_sink_counts_as_a_failed_attempt_and_stops_nobody_else(engine: Engine) -> None:
    fill(engine, 3)
    report = send(engine, ListSink(script=(KeyError("oops"),)))
    assert (report.delivered, report.retrying) == (2, 1)


def test_red_data_holds_everything_until_it_is_green(engine: Engine) -> None:
    ids = fill(engine, 3, ("jsonl", "webhook"))
    jsonl, webhook = ListSink(), ListSink("webhook")
    send(engine, jsonl, webhook, limit=2)
    sent = jsonl.calls + webhook.calls
    report = send(engine, jsonl, webhook, red=RED)
    assert (report.held, report.delivered, report.held_because) == (4, 0, RED.reason())
    assert jsonl.calls + webhook.calls == sent
    assert states(engine) == {"confirmed": 1, "held": 2}
    assert {d.state_reason for d in list_decisions(engine, state="held")} == {RED.reason()}
    assert send(engine, jsonl, webhook, red=RED).held == 0
    green = send(engine, jsonl, webhook)
    assert (green.released, green.delivered) == (4, 4)
    assert states(engine) == {"confirmed": 3}
    assert set((jsonl.effects + webhook.effects).values()) == {1}
    assert events(engine, ids[2])[:2] == ["held", "released"]


def test_release_is_only_for_its_own_cause(engine: Engine) -> None:
    fill(engine, 2)
    assert hold_all(engine, "held by Li", now=NOW, cause="person") == 2
    assert release_held(engine, now=NOW) == 0
    assert send(engine, ListSink()).delivered == 0
    assert release_held(engine, now=NOW, cause="person") == 2
    assert send(engine, ListSink()).delivered == 2


def test_delivery_to_a_sink_that_is_off_waits_for_it(engine: Engine) -> None:
    fill(engine, 1, ("jsonl", "webhook"))
    report = send(engine, ListSink())
    assert (report.delivered, report.held) == (1, 1)
    (decision,) = list_decisions(engine)
    assert decision.state == "held"
    assert "FOURFLOW_WEBHOOK_URL" in decision.state_reason
    report = send(engine, ListSink(), ListSink("webhook"))
    assert (report.released, report.delivered) == (1, 1)
    assert states(engine) == {"confirmed": 1}


def test_lease_of_a_silent_worker_expires(engine: Engine) -> None:
    (one,) = fill(engine, 1)
    with write_transaction(engine) as connection:
        connection.execute(outbox.update().values(
            state="claimed", lease_owner="elsewhere|1||x", lease_until=NOW + timedelta(minutes=1)
        ))  # fmt: skip
    sink = ListSink()
    assert send(engine, sink).delivered == 0
    assert send(engine, sink, red=RED).held == 0
    assert send(engine, sink, now=NOW + timedelta(minutes=2)).delivered == 1
    assert states(engine) == {"confirmed": 1}
    assert sink.effects == {f"jsonl_{one}": 1}


def test_late_receipt_of_a_worker_that_lost_its_lease_still_counts(engine: Engine) -> None:
    fill(engine, 1)
    second = ListSink()

    class SlowSink(ListSink):
        def deliver(self, key: str, payload: Mapping[str, Any]) -> Receipt:
            later = NOW + timedelta(minutes=10)
            assert send(engine, second, now=later).delivered == 1
            return Receipt("duplicate")

    assert send(engine, SlowSink()).duplicates == 1
    assert states(engine) == {"confirmed": 1}
    assert set(second.effects.values()) == {1}


def test_late_failure_of_a_worker_that_lost_its_lease_changes_nothing(engine: Engine) -> None:
    fill(engine, 1)

    class SlowSink(ListSink):
        def deliver(self, key: str, payload: Mapping[str, Any]) -> Receipt:
            assert send(engine, ListSink(), now=NOW + timedelta(minutes=10)).delivered == 1
            raise TransientError("too late")

    assert send(engine, SlowSink()).retrying == 0
    assert states(engine) == {"confirmed": 1}


def test_concurrent_workers_share_the_work(engine: Engine) -> None:
    fill(engine, 20, ("jsonl", "webhook"))
    sinks = {"jsonl": ListSink(), "webhook": ListSink("webhook")}
    reports, errors = [], []

    def work(name: str) -> None:
        try:
            reports.append(deliver(engine, sinks, now=NOW, worker_id=name))
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=(f"w{n}",)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert sum(report.delivered for report in reports) == 40
    assert set((sinks["jsonl"].effects + sinks["webhook"].effects).values()) == {1}
    assert states(engine) == {"confirmed": 20}


NURSERY = """
import os, signal, sys
from datetime import UTC, datetime, timedelta
from connectors.database.engine import open_database
from connectors.settings import load_settings
from connectors.sinks.factory import sinks_from_settings
from orchestration.decisions.courier import RateLimit, RetryPolicy
from orchestration.decisions.outbox import deliver

home, database_url, webhook_url, secret = sys.argv[1:]

def work():
    settings = load_settings(
        home=home, database_url=database_url, webhook_url=webhook_url, webhook_secret=secret,
        live_sinks="yes",
    )
    engine, sinks = open_database(settings), sinks_from_settings(settings)
    policy = RetryPolicy(max_attempts=1000, first_delay=timedelta(0))
    while os.getppid() == parent:
        deliver(engine, sinks, now=datetime.now(UTC), worker_id="child", policy=policy)

parent = os.getpid()
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
for line in sys.stdin:
    child = os.fork()
    if child == 0:
        work()
        os._exit(0)
    print(child, flush=True)
"""


class Nursery:
    """A process that has imported everything and forks a delivering worker on demand."""

    def __init__(self, settings: Settings, url: str) -> None:
        arguments = [str(settings.root), settings.database_url, url, SECRET]
        command = [sys.executable, "-c", NURSERY, *arguments]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self._workers: set[int] = set()

    def start_worker(self) -> int:
        self._process.stdin.write("go\n")
        self._process.stdin.flush()
        worker = int(self._process.stdout.readline())
        self._workers.add(worker)
        return worker

    def kill(self, worker: int) -> None:
        os.kill(worker, signal.SIGKILL)
        self._workers.remove(worker)

    def close(self) -> None:
        """End it with what still works: a failed test leaves no worker behind."""
        for worker in tuple(self._workers):
            self.kill(worker)
        self._process.stdin.close()
        self._process.wait(timeout=60)
        self._process.stdout.close()


def open_deliveries(engine: Engine) -> int:
    query = select(func.count()).select_from(outbox).where(outbox.c.state != "delivered")
    with engine.connect() as connection:
        return int(connection.execute(query).scalar_one())


def wait_until_all_is_delivered(engine: Engine) -> None:
    """However many there are, as long as they become fewer."""
    while left := open_deliveries(engine):
        wait_until(lambda left=left: open_deliveries(engine) < left)


def wait_until(condition: Callable[[], bool], *, patience: float = 120.0) -> None:
    give_up = time.monotonic() + patience
    while not condition():
        if time.monotonic() > give_up:
            pytest.fail("the workers did not finish in time")
        time.sleep(0.01)


def test_killed_workers_lose_nothing_and_double_nothing(
    database_settings: Settings, tmp_path: Path
) -> None:
    """Workers are killed at random moments while the receiver misbehaves as well."""
    engine = open_database(database_settings)
    ids = fill(engine, 15 * KILLS, ("jsonl", "webhook"))
    faults = Faults(
        drop=0.05, delay=0.05, too_many=0.05, server_error=0.05, lost_acknowledgement=0.1,
        delay_seconds=0.02,
    )  # fmt: skip
    receiver = WebhookReceiver(tmp_path / "received.jsonl", SECRET, faults)
    draw = random.Random(7)
    with run_receiver(receiver) as url, closing(Nursery(database_settings, url)) as nursery:
        for _ in range(KILLS):
            worker = nursery.start_worker()
            target = receiver.counts.total() + draw.randint(1, 8)
            wait_until(lambda target=target: receiver.counts.total() >= target)
            time.sleep(draw.uniform(0, 0.03))
            nursery.kill(worker)
        assert open_deliveries(engine) > 0, "all was delivered before the last kill"
        for _ in range(2):
            nursery.start_worker()
        wait_until_all_is_delivered(engine)
    assert_each_once(tmp_path / "received.jsonl", "id", [f"webhook_{one}" for one in ids])
    assert_each_once(database_settings.outbox_path, "key", [f"jsonl_{one}" for one in ids])
    assert states(engine) == {"confirmed": 15 * KILLS}
    assert receiver.counts["lost_acknowledgement"] > 0


def assert_each_once(path: Path, field: str, expected: list[str]) -> None:
    found = [json.loads(line)[field] for line in path.read_text(encoding="utf-8").splitlines()]
    assert sorted(found) == sorted(expected)


def test_file_sink_is_effectively_once_when_marking_fails(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The worker dies between sending and marking; the next one sends the same key again."""
    from orchestration.decisions import outbox as module

    fill(engine, 1)
    path = tmp_path / "decisions.jsonl"

    class DiesAfterSending(JsonLinesSink):
        def deliver(self, key: str, payload: Mapping[str, Any]) -> Receipt:
            super().deliver(key, payload)
            raise SystemExit

    with pytest.raises(SystemExit):
        deliver(engine, {"jsonl": DiesAfterSending(path)}, now=NOW, worker_id="a", policy=EAGER)
    assert states(engine) == {"sent": 1}
    monkeypatch.setattr(module.ProcessIdentity, "is_gone", lambda _self: True)
    report = deliver(engine, {"jsonl": JsonLinesSink(path)}, now=NOW, worker_id="b", policy=EAGER)
    assert report.duplicates == 1
    assert states(engine) == {"confirmed": 1}
    assert len(path.read_text(encoding="utf-8").splitlines()) == 1


def test_actions_of_a_decision_go_in_their_order(engine: Engine) -> None:
    (one,) = fill(engine, 1)
    with write_transaction(engine) as connection:
        connection.execute(insert(outbox).values(
            decision_id=one, action_no=2, sink="jsonl", idempotency_key=f"jsonl_{one}_2",
            payload={"data": {"rule_id": "r"}}, state="pending", attempts=0,
            next_attempt_at=NOW - timedelta(days=1), created_at=NOW, updated_at=NOW,
        ))  # fmt: skip
    sink = ListSink(script=(TransientError("down"),))
    assert send(engine, sink).delivered == 0
    assert sink.calls == 1, "the second action waits while the first is tried again"
    assert send(engine, sink, now=NOW + timedelta(hours=1)).delivered == 2
    assert list(sink.effects) == [f"jsonl_{one}", f"jsonl_{one}_2"]


def test_rate_limit_of_a_sink_is_kept_and_stops_no_other(engine: Engine) -> None:
    fill(engine, 5, ("jsonl", "webhook"))
    limited, free = ListSink(), ListSink("webhook")
    policy = RetryPolicy(rate_limits={"jsonl": RateLimit(2, timedelta(minutes=1))})
    passes = []
    for seconds in (0, 30, 120, 240):  # far apart: a pass takes time itself
        send(engine, limited, free, now=NOW + timedelta(seconds=seconds), policy=policy)
        passes.append((limited.calls, free.calls))
    assert passes == [(2, 5), (2, 5), (4, 5), (5, 5)]


class AskedSink(ListSink):
    """Its target takes no key, and can be asked."""

    asked = 0

    def find(self, key: str, payload: Mapping[str, Any]) -> Receipt | None:
        del payload
        self.asked += 1
        return Receipt("duplicate", {"found": True}) if self.effects[key] else None


class BlindSink(ListSink):
    """Its target neither takes a key nor can be asked."""

    is_unrepeatable = True


def test_target_without_keys_is_asked_before_anything_is_sent_again(engine: Engine) -> None:
    (one,) = fill(engine, 1)
    sink = AskedSink(script=(TransientError("the answer was lost"), None))
    assert send(engine, sink).retrying == 1
    assert sink.asked == 0
    sink.effects[f"jsonl_{one}"] += 1
    later = NOW + timedelta(hours=1)
    assert send(engine, sink, now=later).duplicates == 1
    assert (sink.asked, sink.effects[f"jsonl_{one}"]) == (1, 1)


@pytest.mark.parametrize(("failure", "state"), [
    (TransientError("refused to connect"), "failed"),
    (UnknownOutcomeError("no answer to what was sent"), "dead"),
    (KeyError("bug"), "dead"),
])  # fmt: skip
def test_target_that_cannot_be_asked_never_gets_what_it_may_have(
    engine: Engine, failure: Exception, state: str
) -> None:
    fill(engine, 1)
    sink = BlindSink(script=(failure,))
    send(engine, sink)
    assert states(engine) == {state: 1}
    send(engine, sink, now=NOW + timedelta(hours=1))
    assert sink.effects.total() == (1 if state == "failed" else 0)


def test_person_who_has_looked_sends_an_unknown_one_again(engine: Engine) -> None:
    fill(engine, 1)
    with write_transaction(engine) as connection:
        connection.execute(outbox.update().values(
            state="claimed", lease_owner="elsewhere|1||x", lease_until=NOW
        ))  # fmt: skip
    sink = BlindSink()
    assert send(engine, sink, now=NOW + timedelta(minutes=5)).dead == 1
    (decision,) = list_decisions(engine)
    assert "is unknown" in str(decision.state_reason)
    assert sink.calls == 0
    assert retry_dead(engine, now=NOW, actor="Li") == 1
    assert send(engine, sink, now=NOW + timedelta(minutes=5)).delivered == 1


def test_late_stock_level_does_not_overwrite_a_newer_one(engine: Engine) -> None:
    older, newer = fill(engine, 2)
    later = NOW + timedelta(minutes=5)
    action = {"type": "update_stock", "fields": {}}
    with write_transaction(engine) as connection:
        connection.execute(decisions.update().values(subject="listing 1"))
        connection.execute(
            decisions.update().where(decisions.c.decision_id == newer).values(created_at=later)
        )
        connection.execute(
            outbox.update().values(payload={"data": {"rule_id": "r", "action": action}})
        )
    sink = ListSink(script=(TransientError("no answer"),))
    first = send(engine, sink, limit=1)
    assert (first.retrying, sink.effects) == (1, {})
    second = send(engine, sink, now=later + timedelta(hours=2))
    # The newer was due first; the older finds it delivered and gives up.
    assert (second.delivered, second.dead) == (1, 1)
    assert sink.effects == {f"jsonl_{newer}": 1}
    (dead,) = list_decisions(engine, state="dead")
    assert dead.decision_id == older
    assert "out of date" in str(dead.state_reason)
