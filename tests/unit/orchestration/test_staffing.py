"""Expected lines of each site and hour, from a small world whose figures are counted by hand."""

from datetime import date
from pathlib import Path
from typing import Any

import pytest

from connectors.errors import InputError
from connectors.settings import Settings
from models_ml.staffing import Help
from orchestration.staffing.planning import forecast_businesses, plan_staffing
from orchestration.staffing.policy import Shift, StaffingPolicy, load_staffing_policy

ZONE = "Asia/Shanghai"
MONDAY = date(2026, 11, 23)


@pytest.fixture
def world(lake: Any) -> Any:
    """East sends three of four lines; two of three are paid at 9 in Shanghai, one at 15."""
    lake.execute("""
        create table demand_forecasts as
        select 'shop' as business, sku, date '2026-11-22' as origin_date,
            date '2026-11-22' + days::integer as forecast_date, 50.0 * days as expected_quantity
        from range(1, 29) as ahead(days), (values ('A'), ('B')) as goods(sku)
        union all select 'shop', 'A', date '2026-11-15', date '2026-11-23', 9999
        union all select 'other', 'A', date '2026-11-22', date '2026-11-23', 9999
    """)
    lake.execute("""
        create table fct_daily_demand as
        select 'shop' as business, date '2026-11-20' as business_date, 800 as quantity
        union all select 'shop', date '2026-11-21', 200
        union all select 'shop', date '2026-11-23', 9999
        union all select 'shop', date '2026-09-01', 9999
    """)
    # 500 lines of 1000 units: the rest went over the counter, or several to a line.
    lake.execute("""
        create table rpt_warehouse_hourly as
        select 'shop' as business, site, date '2026-11-20' as business_date, 10 as hour_of_day,
            shipped_line_count, shipped_order_count
        from (values ('east', 375, 250), ('north', 125, 125))
            as sent(site, shipped_line_count, shipped_order_count)
        union all select 'shop', 'east', date '2026-11-23', 10, 9999, 9999
        union all select 'other', 'east', date '2026-11-20', 10, 9999, 9999
    """)
    lake.execute("""
        create table rpt_warehouse_queue as
        select 'shop' as business, 'east' as site, date '2026-11-22' as business_date,
            20 as waiting_order_count
        union all select 'shop', 'east', date '2026-11-21', 9999
    """)
    lake.execute(
        "create table dim_channels as select 'till' as source, channel, fulfilment from "
        "(values ('web', 'parcel'), ('store', 'counter')) as known(channel, fulfilment)"
    )
    lake.execute("""
        create table fct_orders as
        select 'shop' as business, 'till' as source, channel, date '2026-11-20' as created_on,
            paid_at::timestamptz as paid_at, unit_count
        from (values
            ('web', '2026-11-20 01:30:00+00', 20), ('web', '2026-11-20 07:00:00+00', 10),
            ('web', null, 9999), ('store', '2026-11-20 05:00:00+00', 9999)
        ) as placed(channel, paid_at, unit_count)
    """)
    return lake


def test_lines_are_forecast_times_share_of_parcels_site_and_hour(world: Any) -> None:
    found = plan_staffing(
        world, StaffingPolicy(reserve_share=0.2, days_ahead=2), "shop", time_zone=ZONE
    )
    # 100 units on Monday make 50 lines, 60 with reserve; twice as many on Tuesday.
    told = {(one.business_date.day, one.site): one.expected_lines for one in found}
    assert told == {
        (23, "east"): pytest.approx(45), (23, "north"): pytest.approx(15),
        (24, "east"): pytest.approx(90), (24, "north"): pytest.approx(30),
    }  # fmt: skip
    east = found[0]
    assert east.arriving_by_hour[9] == pytest.approx(30)
    assert east.arriving_by_hour[15] == pytest.approx(15)
    assert sum(east.arriving_by_hour) == pytest.approx(45)
    assert (east.peak_hour, east.plan) == (9, None)
    assert east.needed_person_hours == pytest.approx(1.5)


def test_shifts_meet_what_comes_and_what_was_waiting(world: Any) -> None:
    policy = StaffingPolicy.model_validate({
        "lines_per_person_hour": 10, "reserve_share": 0, "days_ahead": 2,
        "shifts": [
            {"site": "east", "from": "08:00", "to": "12:00", "people": 1},
            {"site": "east", "from": "15:30", "to": "16:30", "people": 1,
             "lines_per_person_hour": 20},
        ],
    })  # fmt: skip
    found = plan_staffing(world, policy, "shop", time_zone=ZONE)
    first, north, second, _ = found
    assert first.plan is not None
    # 20 orders of 1.5 lines wait; 25 come at 9 and 12.5 at 15: 67.5 lines for 60.
    assert first.plan.carried_lines == pytest.approx(30)
    assert first.plan.capacity_lines == pytest.approx(60)
    assert first.plan.left_lines == pytest.approx(7.5)
    assert first.plan.help == Help(1, 16)
    assert second.plan is not None
    assert second.plan.carried_lines == pytest.approx(7.5)
    assert north.plan is None


def test_without_a_forecast_there_is_no_plan(world: Any) -> None:
    assert plan_staffing(world, StaffingPolicy(), "elsewhere", time_zone=ZONE) == []
    assert forecast_businesses(world) == ["other", "shop"]
    assert plan_staffing(world, StaffingPolicy(), "other", time_zone=ZONE) == []
    world.execute("drop table demand_forecasts")
    assert forecast_businesses(world) == []
    assert plan_staffing(world, StaffingPolicy(), "shop", time_zone=ZONE) == []


def test_a_night_shift_belongs_to_the_day_on_which_it_begins() -> None:
    night = Shift.model_validate(
        {"site": "east", "weekdays": ["monday"], "from": "22:30", "to": "02:00", "people": 1}
    )
    assert sum(night.hours_on(MONDAY)) == 1.5
    assert night.hours_on(MONDAY)[22:] == [0.5, 1.0]
    tuesday = night.hours_on(date(2026, 11, 24))
    assert (tuesday[:3], sum(tuesday)) == ([1.0, 1.0, 0.0], 2.0)
    assert sum(night.hours_on(date(2026, 11, 25))) == 0


def test_policy_of_ones_own_comes_first_and_its_mistakes_are_told(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    assert load_staffing_policy(settings).shifts == ()
    own = settings.root / "staffing.yml"
    own.write_text(
        'shifts:\n  - {site: east, from: "08:00", to: "24:00", people: 3}\n', encoding="utf-8"
    )
    assert load_staffing_policy(settings).person_hours("east", MONDAY)[7:9] == [0.0, 3.0]
    for wrong, said in (("8:00", "no time of day"), ("24:00", "two different times")):
        own.write_text(
            f'shifts:\n  - {{site: east, from: "{wrong}", to: "24:00", people: 3}}\n',
            encoding="utf-8",
        )
        with pytest.raises(InputError, match=said):
            load_staffing_policy(settings)
