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


def test_paths_are_what_a_walk_through_the_events_gives(warehouse: Warehouse):
    """The same from the raw events by a loop: sort, drop repeats of a moment, join, look up."""
    counted = {
        (row[0], row[1]): (row[2], row[3])
        for row in warehouse.query(
            "select event, order_status, activity, place from process_activities"
        )
    }
    orders = {
        row[0]: row[1:]
        for row in warehouse.query(
            "select m.order_key, m.order_type, c.fulfilment, m.settled_at, m.cancelled_at "
            "from fct_order_milestones m join dim_channels c using (business, source, channel) "
            "where m.order_type in ('sale', 'wholesale')"
        )
    }
    moments: dict[str, set[tuple]] = {key: set() for key in orders}
    for key, event, status, at in warehouse.query(
        "select order_key, event, order_status, event_at from fct_order_events"
    ):
        found = counted.get((event, "*")) or counted.get((event, status))
        if found and key in moments:
            moments[key].add((at, found[1], found[0]))
    for key, (_, _, settled_at, cancelled_at) in orders.items():
        for event, at in (("settled", settled_at), ("cancelled", cancelled_at)):
            if at is not None:
                activity, place = counted[(event, "*")]
                moments[key].add((at, place, activity))
    kinds = {
        row[:4]: row[4]
        for row in warehouse.query(
            "select order_type, fulfilment, from_activity, to_activity, step_kind "
            "from process_steps"
        )
    }
    expected = {}
    for key, told in moments.items():
        order_type, fulfilment = orders[key][:2]
        path = [activity for _, _, activity in sorted(told)]
        steps = [
            kinds.get((order_type, fulfilment, a, b)) or kinds.get((order_type, "*", a, b))
            for a, b in zip(["start", *path], path, strict=False)
        ]
        if path:
            expected[key] = (" > ".join(path), steps.count(None), steps.count("rework"))
    found = {
        row[0]: row[1:]
        for row in warehouse.query(
            "select order_key, order_path, deviation_count, rework_count from fct_order_paths"
        )
    }
    assert len(found) > 40_000
    assert found == expected
