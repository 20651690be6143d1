"""Purchases that suppliers send to customers: one stands at a time, whatever happens in what order.

The supplier is a target that keeps what it was sent; the ledger, the rules and the outbox are real.
"""

import json
import shutil
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st
from sqlalchemy import Engine

from connectors.errors import PermanentError, TransientError
from connectors.sinks.base import Receipt
from connectors.sinks.documents import DropRecall, DropShipment, document_of
from orchestration.allocation.drop_shipping import READS, STANDING, drop_shipments, supplied_lines
from orchestration.allocation.policy import AllocationPolicy
from orchestration.decisions.courier import RetryPolicy
from orchestration.decisions.ledger import Decision, decide, list_decisions
from orchestration.decisions.outbox import deliver
from orchestration.decisions.rulebook import SHIPPED_RULES, seed_rules, switch_rule
from orchestration.learning.ml_tables import ML_TABLES
from tests.delivery_trials import open_sqlite
from tests.unit.orchestration.conftest import SnapshotInMemory
from tests.unit.orchestration.test_reservations import _fresh

START = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
RULES = ("drop_ship_unstocked_lines", "recall_drop_shipments")
POLICY = AllocationPolicy(drop_ship_suppliers=("s:-:1", "s:-:2"))
PATIENT = RetryPolicy(first_delay=timedelta(minutes=1), rate_limits={})
TABLES = """
    create or replace table int_business_clock as
    select 'b' as business, date '2026-11-21' as as_of_date, timestamptz '2026-11-21 16:00:00+00' as as_of;
    create or replace table fct_stock_availability (business varchar, sku varchar, counted_on date);
    create or replace table dim_suppliers as
    select 's:-:' || no as supplier_key, no as supplier_no, name, 7::bigint as lead_time_days,
        true as is_active
    from (values ('1', 'First'), ('2', 'Second')) as suppliers(no, name);
    create or replace table dim_supplier_prices as
    select 'b' as business, 's:-:' || no as supplier_key, 'p' || no as supplier_price_key,
        no as supplier_no, 'U' as sku, price::decimal(18, 6) as unit_price, 'CNY' as currency_code,
        null::decimal(18, 6) as minimum_order_quantity, null::bigint as lead_time_days,
        null::date as valid_from, null::date as valid_until, 1::bigint as priority
    from (values ('1', '9.99'), ('2', '12.35')) as prices(no, price);
"""  # noqa: E501


class Supplier:
    """A target that keeps purchases by key, takes recalls, and may lose its answers."""

    name = "webhook"

    def __init__(self) -> None:
        self.purchases: dict[str, dict[str, Any]] = {}
        self.loses_answers = False

    def find(self, key: str, payload: Mapping[str, Any]) -> Receipt | None:
        return Receipt("duplicate") if key in self.purchases else None

    def deliver(self, key: str, payload: Mapping[str, Any]) -> Receipt:
        document = document_of(payload)
        if isinstance(document, DropRecall):
            self._recall(document)
        else:
            assert isinstance(document, DropShipment)
            assert key not in self.purchases, "bought twice"
            self.purchases[key] = {
                "decision_id": payload["data"]["decision_id"], "state": "open",
                "quantity": int(document.quantity), "supplier_no": document.supplier_no,
            }  # fmt: skip
        if self.loses_answers:
            self.loses_answers = False
            raise TransientError("The answer was lost; it will be tried again.")
        return Receipt("accepted")

    def _recall(self, document: DropRecall) -> None:
        for purchase in self.purchases.values():
            if purchase["decision_id"] == document.purchase_decision_id:
                if purchase["state"] == "received":
                    raise PermanentError("It is with the customer.")
                purchase["state"] = "cancelled"

    def standing(self) -> list[dict[str, Any]]:
        return [one for one in self.purchases.values() if one["state"] != "cancelled"]


class Line:
    """One line of one order, and everybody who does something about it."""

    def __init__(self, engine: Engine, *, is_source: bool) -> None:
        self.engine, self.lake, self.supplier = engine, SnapshotInMemory(), Supplier()
        self.source = "webhook" if is_source else "odoo"
        self.status, self.quantity, self.has_left, self.now = "paid", 3, False, START
        self.lake.execute(TABLES)
        self.rows = pd.DataFrame()

    def happen(self, event: str) -> None:
        getattr(self, event)()

    def run(self) -> None:
        """What a run does: read, decide; delivery is an event of its own."""
        self._publish()
        with self.lake.cursor() as connection:
            self.rows = drop_shipments(
                connection, {*READS, "fct_purchase_order_lines"}, self.engine, POLICY,
                now=self.now, zone="Asia/Shanghai",
            )  # fmt: skip
        self.lake.put("drop_shipments", self.rows)
        self.lake.execute("alter table drop_shipments alter demanded_at type timestamptz")
        assert decide(self.engine, self.lake, now=self.now, sinks={"webhook"}).errors == ()
        self._check_rows()

    def send(self) -> None:
        self.now += timedelta(minutes=5)
        deliver(
            self.engine, {"webhook": self.supplier}, now=self.now, worker_id="w", policy=PATIENT
        )

    def lose(self) -> None:
        self.supplier.loses_answers = True

    def cancel(self) -> None:
        self.status = "cancelled"

    def edit(self) -> None:
        self.quantity = 2 if self.quantity == 3 else 3

    def remove(self) -> None:
        self.quantity = 0

    def refuse(self) -> None:
        for one in self.supplier.purchases.values():
            if one["state"] == "open":
                one["state"] = "cancelled"

    def receive(self) -> None:
        for one in self.supplier.purchases.values():
            if one["state"] == "open":
                one["state"] = "received"

    def leave(self) -> None:
        if self.status == "paid" and any(
            one["state"] == "received" for one in self.supplier.standing()
        ):
            self.has_left = True

    def wait(self) -> None:
        self.now += timedelta(days=4)

    def decisions(self, rule_id: str) -> list[Decision]:
        return list_decisions(self.engine, rule_id=rule_id, limit=500)

    def _publish(self) -> None:
        left = "timestamptz '2026-11-21 10:00:00+00'" if self.has_left else "null::timestamptz"
        status = "shipped" if self.has_left else self.status
        self.lake.execute(f"""
            create or replace table fct_orders as
            select 'b' as business, 'web' as channel, 'o' as order_key, 'N1' as order_no,
                'sale' as order_type, '{status}' as order_status, {left} as shipped_at,
                timestamptz '2026-11-20 09:00:00+00' as paid_at,
                timestamptz '2026-11-20 09:00:00+00' as created_at;
            create or replace table fct_order_lines as
            select 'o' as order_key, 1::bigint as line_no, 'U' as sku,
                {self.quantity}::bigint as quantity, true as is_product;
            create or replace table fct_purchase_order_lines (
                decision_id varchar, source varchar, order_no varchar,
                purchase_order_status varchar, received_quantity decimal(18, 6),
                received_at timestamptz, promised_on date)
        """)
        for number, one in enumerate(self.supplier.purchases.values()):
            is_over = one["state"] == "cancelled"
            received = one["quantity"] if one["state"] == "received" else 0
            self.lake.execute(
                "insert into fct_purchase_order_lines values ("
                f"'{one['decision_id']}', '{self.source}', 'P{number}', "
                f"'{'cancelled' if is_over else 'ordered'}', {received}, null, null)"
            )

    def _check_rows(self) -> None:
        """An open line is served by one purchase, or waits, and is said to do so once."""
        states = [row["state"] for row in self.rows.to_dict("records")]
        present = [state for state in states if state != "recalled"]
        assert len(set(self.rows["drop_shipment_key"])) == len(states)
        assert sum(state in STANDING for state in states) <= 1
        assert set(supplied_lines(self.rows)) == (
            {("o", 1)} if any(state in STANDING for state in states) else set()
        )
        if self.has_left:
            assert states == []
        elif self.status == "paid" and self.quantity:
            assert len(present) == 1, states
        else:
            assert not {"to_order", "refused"} & set(states), states

    def check(self) -> None:
        assert len(self.supplier.standing()) <= 1

    def settle(self) -> None:
        """Runs and deliveries in peace, until everybody is told."""
        self.supplier.loses_answers = False
        before = None
        for _ in range(8):
            self.run()
            self.send()
            self.check()
            now = self.rows[["drop_shipment_key", "state"]].to_numpy().tolist()
            if now == before:
                return
            before = now
        raise AssertionError(f"it never comes to rest: {before}")


@pytest.fixture(scope="module")
def ledger(tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Engine]:
    """Makes databases with the two rules switched on."""
    folder = tmp_path_factory.mktemp("rules")
    for rule in RULES:
        shutil.copy(SHIPPED_RULES / f"{rule}.yml", folder)
    first = _fresh(tmp_path_factory)
    seed_rules(first, folder=folder, now=START)
    for rule in RULES:
        switch_rule(first, rule, "enabled", author="Li", reason="go", now=START)
    first.dispose()
    template = Path(str(first.url.database)).read_bytes()

    def make() -> Engine:
        path = tmp_path_factory.mktemp("ledger") / "operations.sqlite"
        path.write_bytes(template)
        return open_sqlite(path)

    return make


EVENTS = ("lose", "cancel", "edit", "remove", "refuse", "receive", "leave", "wait")
# After each event a run may come, a delivery, both in either order, or nothing before the next.
AFTER = ((), ("run",), ("send",), ("run", "send"), ("send", "run"), ("run", "send", "run"))
STEPS = st.tuples(st.sampled_from(EVENTS), st.sampled_from(AFTER))


@examples(max_examples=15, derandomize=True, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    begins=st.sampled_from(AFTER[3:]),
    happening=st.lists(STEPS, min_size=2, max_size=5),
    is_source=st.booleans(),
)
def test_one_purchase_stands_at_most_whatever_happens(
    ledger: Callable[[], Engine],
    begins: tuple[str, ...],
    happening: list[tuple[str, tuple[str, ...]]],
    is_source: bool,
) -> None:
    line = Line(ledger(), is_source=is_source)
    for event in (*begins, *(one for step in happening for one in (step[0], *step[1]))):
        line.happen(event)
        line.check()
    line.settle()
    states = line.rows["state"].tolist()
    standing = line.supplier.standing()
    if line.has_left or "not_recalled" in states:
        assert [one["state"] for one in standing] == ["received"]
    elif line.status == "cancelled" or not line.quantity:
        assert standing == []
    elif "refused" in states:
        # Both suppliers have said no; a person must say what now.
        assert standing == []
        assert len({one["supplier_no"] for one in line.supplier.purchases.values()}) == 2
    else:
        assert [one["quantity"] for one in standing] == [line.quantity]
    # A recall and its purchase are one story in the ledger.
    traces = {one.decision_id: one.trace_id for one in line.decisions(RULES[0])}
    for one in line.decisions(RULES[1]):
        assert one.trace_id == traces[json.loads(one.subject)["recall_key"].partition("/")[0]]
    # In peace nothing is proposed twice, however often it runs.
    before = (len(line.decisions(RULES[0])), len(line.decisions(RULES[1])))
    line.run()
    line.run()
    assert (len(line.decisions(RULES[0])), len(line.decisions(RULES[1]))) == before


def states_of(line: Line) -> dict[str, str]:
    return dict(zip(line.rows["drop_shipment_key"], line.rows["state"], strict=True))


def test_a_line_is_asked_of_the_next_supplier_once_the_first_has_refused(
    ledger: Callable[[], Engine],
) -> None:
    line = Line(ledger(), is_source=False)
    for event in ("run", "send", "refuse", "run"):
        line.happen(event)
    assert states_of(line) == {"o:1": "to_recall"}
    assert line.rows["explanation_en"].tolist() == [
        "the supplier has cancelled it: First is to be told not to send it"
    ]
    line.happen("run")
    assert states_of(line) == {"o:1": "recalling"}
    line.happen("send")
    line.happen("run")
    assert states_of(line) == {"o:1": "recalled", "o:1/2": "to_order"}
    assert line.rows["supplier_no"].tolist() == ["1", "2"]
    for event in ("send", "run"):
        line.happen(event)
    assert states_of(line) == {"o:1": "recalled", "o:1/2": "ordered"}
    assert [one["supplier_no"] for one in line.supplier.standing()] == ["2"]
    for event in ("refuse", "run", "send", "run"):
        line.happen(event)
    assert states_of(line) == {"o:1": "recalled", "o:1/2": "refused"}
    line.now += timedelta(days=31)
    line.happen("run")
    assert states_of(line) == {"o:1/2": "refused"}, "what is over is told for a month"


def test_an_edited_line_is_called_back_and_asked_for_anew(ledger: Callable[[], Engine]) -> None:
    line = Line(ledger(), is_source=False)
    for event in ("run", "send", "edit", "run", "send", "run", "send", "run"):
        line.happen(event)
    assert states_of(line) == {"o:1": "recalled", "o:1/2": "ordered"}
    bought = [(one["state"], one["quantity"]) for one in line.supplier.purchases.values()]
    assert bought == [("cancelled", 3), ("open", 2)]
    (recall,) = line.decisions(RULES[1])
    assert recall.explanation["recall_reason"] == "edited"
    assert recall.message["zh"].endswith("：订单改了商品或数量。")
    assert (str(recall.amount), recall.currency_code) == ("29.97", "CNY")


def test_what_is_with_the_customer_stays_bought_and_says_so(ledger: Callable[[], Engine]) -> None:
    line = Line(ledger(), is_source=False)
    for event in ("run", "send", "receive", "cancel", "run", "send", "run"):
        line.happen(event)
    assert states_of(line) == {"o:1": "not_recalled"}
    (recall,) = line.decisions(RULES[1])
    assert (recall.state, recall.state_reason) == ("dead", "It is with the customer.")
    # A buyer settles it where it was bought: what its source tells then is believed.
    line.source = "webhook"
    for one in line.supplier.purchases.values():
        one["state"] = "cancelled"
    line.happen("run")
    assert states_of(line) == {"o:1": "recalled"}


def test_a_recall_that_went_stale_is_made_again_and_one_that_was_rejected_is_not(
    ledger: Callable[[], Engine],
) -> None:
    line = Line(ledger(), is_source=False)
    for event in ("run", "send", "cancel", "run", "wait", "send", "run"):
        line.happen(event)
    first, second = reversed(line.decisions(RULES[1]))
    assert (first.state, second.state) == ("expired", "proposed")
    assert json.loads(second.subject)["recall_key"].endswith("/2")
    assert first.trace_id == second.trace_id
    line.settle()
    assert line.supplier.standing() == []
    assert len(line.decisions(RULES[1])) == 2


def test_what_may_have_arrived_is_called_back_too(ledger: Callable[[], Engine]) -> None:
    line = Line(ledger(), is_source=False)
    for event in ("run", "lose", "send", "cancel", "run"):
        line.happen(event)
    (purchase,) = line.decisions(RULES[0])
    assert purchase.state == "expired", "it is not sent again"
    assert states_of(line) == {"o:1": "to_recall"}
    line.happen("send")
    assert line.supplier.standing() == []


def test_retailers_without_such_suppliers_read_no_more_than_before(
    ledger: Callable[[], Engine],
) -> None:
    """No policy, no table and no decision: an empty frame with the table's columns."""
    engine, lake = ledger(), SnapshotInMemory()
    with lake.cursor() as connection:
        rows = drop_shipments(
            connection, set(), engine, AllocationPolicy(), now=START, zone="Asia/Shanghai"
        )
    assert rows.empty
    assert list(rows) == list(ML_TABLES["drop_shipments"])
