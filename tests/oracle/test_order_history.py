"""The history of orders: legal changes of status only, and every edit kept."""

import json
from pathlib import Path

import pytest

from tests.oracle.conftest import Warehouse

pytestmark = [pytest.mark.integration]


def test_no_order_of_the_simulated_world_changes_illegally(warehouse: Warehouse):
    illegal = warehouse.query(
        "select document_type, from_status, to_status, count(*) from rpt_illegal_transitions "
        "where business = 'fourflow_demo' group by all"
    )
    assert illegal == []


def test_every_edit_is_a_version_and_an_event(warehouse: Warehouse, full_world: Path):

    edited = json.loads((full_world / "truth.json").read_text(encoding="utf-8"))["planted"][
        "edited_orders"
    ]
    found = {
        row[0]: row[1:]
        for row in warehouse.query(
            "select order_no, min(gross_amount) filter (version_number = 1)::varchar, "
            "max(gross_amount) filter (is_current)::varchar, "
            "count(*) filter (amount_change <> 0) from fct_order_versions "
            "where source = 'sandbox' group by 1"
        )
    }
    assert {row["order_no"]: found[row["order_no"]] for row in edited} == {
        row["order_no"]: (row["first_amount"], row["final_amount"], 1) for row in edited
    }
    ((events, changes),) = warehouse.query(
        "select count(*), (select count(*) from fct_order_versions where amount_change <> 0) "
        "from fct_order_events where event = 'amount_changed'"
    )
    assert events == changes == len(edited)
