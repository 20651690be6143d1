"""Funnels from the first contact on, against the simulated world's truth and a naive walk."""

import csv
import json
from pathlib import Path

import pytest

from tests.oracle import funnel_world
from tests.oracle.conftest import Warehouse
from tests.oracle.funnel_walk import Step

pytestmark = [pytest.mark.integration]


def test_inquiries_reach_their_orders_and_open_ones_are_no_drop_offs(
    warehouse: Warehouse, full_world: Path
):
    truth = json.loads((full_world / "truth.json").read_text(encoding="utf-8"))["inquiries"]
    found = {
        row[0]: row[1:]
        for row in warehouse.query(
            "select contact_channel, count(*), count(*) filter (last_step_name <> 'inquired'), "
            "count(*) filter (next_step_name = 'ordered' and next_outcome = 'open'), "
            "count(*) filter (next_step_name = 'ordered' and next_outcome = 'dropped') "
            "from fct_funnel_journeys where funnel = 'inquiry_to_cash' group by 1"
        )
    }
    assert found == {
        place: (
            figures["inquiries"],
            figures["ordered"],
            figures["open"],
            figures["decided"] - figures["decided_ordered"],
        )
        for place, figures in truth.items()
        if place != "all"
    }


def test_visits_reach_each_step_as_often_as_they_did(warehouse: Warehouse, full_world: Path):
    truth = json.loads((full_world / "truth.json").read_text(encoding="utf-8"))["visits"]["all"]
    found = dict(
        warehouse.query(
            "select step_name, sum(reached_count)::int from rpt_journey_funnel_daily "
            "where funnel = 'visit_to_cash' group by 1"
        )
    )
    names = {
        "visited": "visits",
        "product_viewed": "view_item",
        "cart": "add_to_cart",
        "checkout": "begin_checkout",
        "ordered": "purchase",
    }
    assert {step: found[step] for step in names} == {s: truth[n] for s, n in names.items()}


def test_the_planted_leak_is_the_gap_and_its_channel_explains_it(
    warehouse: Warehouse, full_world: Path
):
    leak = json.loads((full_world / "truth.json").read_text(encoding="utf-8"))["planted"][
        "leaking_step"
    ]
    by_step = warehouse.query(
        "select step_name, sum(gap_count), sum(gap_amount) from rpt_funnel_deviations "
        f"where business = 'fourflow_demo' and cohort_date >= '{leak['from']}' "
        "group by 1 order by 2"
    )
    by_channel = warehouse.query(
        "select channel, sum(gap_count), sum(gap_amount) from rpt_funnel_deviations "
        f"where business = 'fourflow_demo' and cohort_date >= '{leak['from']}' "
        f"and step_name = '{leak['step']}' group by 1 order by 2"
    )
    assert by_step[0][0] == leak["step"]
    assert by_channel[0][0] == leak["channel"]
    assert sum(row[1] for row in by_channel) == by_step[0][1] < 0
    assert sum(row[2] for row in by_channel) == by_step[0][2] < 0


def test_people_are_where_a_walk_through_the_raw_files_leaves_them(
    warehouse: Warehouse, full_world: Path
):
    orders = [
        funnel_world.Order(*row)
        for row in warehouse.query(
            "select order_no, channel, split_part(customer_key, ':', 3), created_at, paid_at, "
            "case when order_status = 'cancelled' then cancelled_at end from fct_orders left join "
            "(select order_key, min(event_at) as cancelled_at from fct_order_versions "
            "where order_status = 'cancelled' group by 1) using (order_key) "
            "where business = 'fourflow_demo' and order_type = 'sale'"
        )
    ]
    seeds = warehouse.settings.dbt_project_path / "seeds" / "journey_steps.csv"
    with seeds.open(encoding="utf-8", newline="") as file:
        rules = {
            row["step_name"]: row
            for row in csv.DictReader(file)
            if row["funnel"] == "person_to_cash" and row["channel"] == "*"
        }
    steps = [
        Step(
            number,
            float(rules[name]["window_hours"]) if rules[name]["window_hours"] else None,
            rules[name]["is_optional"] == "true",
            rules[name]["late_is_reached"] == "true",
        )
        for number, name in enumerate(funnel_world.STEPS, 1)
    ]
    ((as_of,),) = warehouse.query(
        "select as_of from int_business_clock where business = 'fourflow_demo'"
    )
    contacts = funnel_world.read_contacts(full_world)
    expected = funnel_world.person_outcomes(contacts, orders, steps, as_of)
    found = {
        row[:3]: row[3]
        for row in warehouse.query(
            "select channel, step_number, outcome, count(*) from fct_funnel_journey_steps "
            "inner join fct_funnel_journeys using (journey_key) "
            f"where fct_funnel_journeys.funnel = 'person_to_cash' "
            f"and step_number <= {len(steps)} group by all"
        )
    }
    assert found == dict(expected)
    assert sum(n for (_, _, outcome), n in found.items() if outcome == "open") > 1_000
