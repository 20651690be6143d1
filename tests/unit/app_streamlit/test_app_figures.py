"""Rates, formats, periods, charts and the reading of a funnel, without a server."""

from datetime import UTC, date, datetime
from decimal import Decimal
from types import SimpleNamespace
from typing import cast

import pandas as pd
import pytest

from app_streamlit.charts.funnel import funnel_chart
from app_streamlit.charts.palette import GRADES
from app_streamlit.charts.segments import movement_sankey, score_grid, segment_treemap
from app_streamlit.charts.trend import even_ticks, trend_chart
from app_streamlit.launch import dashboard_command
from app_streamlit.queries import journeys, rates
from app_streamlit.queries.diagnosis import read_steps, worst_step
from app_streamlit.queries.edition import Edition
from app_streamlit.ui import formats
from app_streamlit.ui.context import PageContext
from app_streamlit.ui.i18n import Translator
from app_streamlit.words import demand_words
from orchestration.metrics.scopes import Bounds, Scope, resolve_days


def steps_frame(**changes):
    rows = [
        ("created", "step", 1, 100, 0, 0, None, None),
        ("paid", "step", 2, 80, 5, 15, 0.9, 0.8),
        ("kept", "step", 3, 60, 0, 20, 0.7, 0.6),
        ("returned", "outcome", 4, 7, 0, 0, None, None),
    ]
    return pd.DataFrame(
        {
            "step_name": name, "step_kind": kind, "step_number": number,
            "reached_count": reached, "open_count": still, "dropped_count": dropped,
            "reached_amount": Decimal(reached), "open_amount": Decimal(still),
            "dropped_amount": Decimal(dropped), "green_from": green, "amber_from": amber,
            "label_en": name.title(), "label_zh": None, "window_hours": 24, "currency_code": "CNY",
            "conversion_rate": reached / (reached + dropped),
        }
        for name, kind, number, reached, still, dropped, green, amber in rows
    )  # fmt: skip


def test_a_step_is_graded_by_its_metric():
    paid = read_steps(steps_frame())[1]
    assert paid.entered == 100
    assert paid.rate == pytest.approx(80 / 95)
    assert read_steps(steps_frame())[0].rate is None  # nothing comes before the first step
    assert paid.grade == "amber"


def test_rates_of_nothing_are_unknown():
    assert rates.share(1, 0) is None
    assert rates.relative_change(5, 0) is None
    assert rates.grade(None, 0.9, 0.8) == "none"
    assert rates.grade(0.5, None, None) == "none"


@pytest.mark.parametrize(("value", "colour"), [(0.9, "green"), (0.8999, "amber"), (0.7, "red")])
def test_grade_follows_the_thresholds(value, colour):
    assert rates.grade(value, 0.9, 0.8) == colour


def test_worst_step_misses_most_orders_against_its_target():
    steps = read_steps(steps_frame())
    assert worst_step(steps).name == "paid"  # kept loses more orders but is on target
    assert [step.name for step in read_steps(steps_frame(), kind="outcome")] == ["returned"]
    assert worst_step(steps[:1]) is None


@pytest.mark.parametrize(
    ("value", "language", "expected"),
    [
        (12_345, "en", "12,345"), (123_456, "en", "123.5k"), (2_995_760, "en", "3.00M"),
        (100_000, "en", "100k"),
        (12_345, "zh", "1.23万"), (2_995_760, "zh", "299.6万"), (9_999, "zh", "9,999"),
        (812_345_678, "zh", "8.12亿"), (0, "zh", "0"), (-123_456, "en", "\u2212123.5k"),
        (None, "en", "–"),
    ],
)  # fmt: skip
def test_short_numbers(value, language, expected):
    assert formats.short(value, language) == expected


def test_money_is_exact_and_names_its_currency():
    assert formats.money(Decimal("2995760.61"), "CNY") == "¥2,995,760.61"
    assert formats.money(Decimal("-3.105"), "GBP") == "\u2212£3.11"
    assert formats.money(Decimal(5), "SEK") == "SEK 5.00"
    assert formats.short_money(Decimal("12345678.90"), "CNY", "zh") == "¥1,234.6万"


def test_times_are_shown_in_the_business_zone():
    moment = datetime(2026, 11, 20, 18, 30, tzinfo=UTC)
    assert formats.time(moment, "Asia/Shanghai", "en") == "21 Nov 2026, 02:30"
    assert formats.time(moment, "Asia/Shanghai", "zh") == "2026年11月21日 02:30"
    assert formats.days(date(2026, 10, 24), date(2026, 11, 20), "en") == "24 Oct – 20 Nov 2026"


def test_changes_carry_their_sign():
    assert formats.change(0.042) == "+4.2%"
    assert formats.change(-0.5) == "-50.0%"
    assert formats.change(0.0001) == "0.0%"
    assert formats.change(None) is None


def test_periods_end_with_the_sources_last_day():
    bounds = Bounds(date(2011, 1, 1), date(2011, 12, 9))
    assert resolve_days("7d", bounds) == (date(2011, 12, 3), date(2011, 12, 9))
    assert resolve_days("all", bounds) == (bounds.first, bounds.last)
    custom = (date(2011, 2, 1), date(2011, 2, 3))
    assert resolve_days("custom", bounds, custom) == custom
    scope = Scope("shop", None, date(2011, 12, 3), date(2011, 12, 9)).before()
    assert (scope.start, scope.end) == (date(2011, 11, 26), date(2011, 12, 2))


def test_funnel_parts_add_up_to_the_step_before():
    steps = read_steps(steps_frame())
    figure = funnel_chart(
        steps,
        step_label=lambda step: step.name,
        part_labels={"reached": "reached", "open": "open", "dropped": "dropped"},
        count_label=str,
        rate_label=str,
        grade_label=lambda step: step.grade,
        text_colour="#000000",
    )
    reached, still, dropped = figure.data
    assert list(reached.x) == [100, 80, 60]
    assert reached.x[1] + still.x[1] + dropped.x[1] == reached.x[0]
    assert list(dropped.customdata[1]) == [2, "dropped"]
    assert reached.marker.color[1] == GRADES["amber"]
    assert len(figure.layout.annotations) == 3


def test_trend_has_a_line_a_channel_and_the_expectation():
    days = [date(2026, 11, day) for day in (1, 2, 4)]
    daily = pd.DataFrame(
        {
            "business_date": days * 2,
            "channel": ["a"] * 3 + ["b"] * 3,
            "order_count": [1, 2, 3, 4, 5, 6],
            "expected_order_count": [None, Decimal(2), Decimal(3)] * 2,
        }
    )
    figure = trend_chart(
        daily,
        "order_count",
        channel_label=str.upper,
        value_label=str,
        expected_label="expected",
    )
    assert [trace.name for trace in figure.data] == ["A", "B", "expected"]
    assert list(figure.data[0].y) == [1, 2, 0, 3]  # a day without orders is a zero
    assert list(figure.data[2].y) == [4, 6]


@pytest.mark.parametrize("highest", [0, 0.7, 3, 99, 2750, 1_234_567])
def test_ticks_reach_over_the_highest_value(highest):
    ticks = even_ticks(highest)
    assert ticks[0] == 0
    assert ticks[-1] >= highest
    assert len(ticks) <= 7


def test_customer_charts_hold_every_customer():
    cells = pd.DataFrame(
        {
            "rfm_segment": ["loyal", "lost"], "recency_score": [5, 1], "frequency_score": [4, 1],
            "customer_count": [3, 7], "monetary_amount": [Decimal(30), Decimal(7)],
        }
    )  # fmt: skip
    tree = segment_treemap(
        cells, segment_label=str, count_label=str, amount_label=str,
        worth=[Decimal(10), Decimal(1)],
    ).data[0]  # fmt: skip
    grid = score_grid(cells, recency_title="R", frequency_title="F", count_label=str).data[0]
    assert sum(tree.values) == 10
    assert grid.z[3][4] == 3
    assert sum(map(sum, grid.z)) == 10


def test_dashboard_command_serves_locally(settings):
    command = dashboard_command(settings, 8601)
    assert command[1:4] == ["-m", "streamlit", "run"]
    assert "--server.port=8601" in command
    assert "--server.address=127.0.0.1" in command


def test_files_are_watched_for_those_only_who_edit_pages(settings, monkeypatch):
    watched = "STREAMLIT_SERVER_FILE_WATCHER_TYPE"
    monkeypatch.delenv(watched, raising=False)
    assert "--server.fileWatcherType=none" in dashboard_command(settings, 8601)
    monkeypatch.setenv(watched, "auto")
    assert not any("fileWatcher" in part for part in dashboard_command(settings, 8601))


@pytest.mark.parametrize(
    ("part", "whole", "low", "high"),
    [
        (0, 10, 0.0, 0.2775),  # Brown, Cai, DasGupta, Statistical Science 16 (2001), and any table
        (10, 10, 0.7225, 1.0),
        (10, 100, 0.0552, 0.1744),
        (50, 100, 0.4038, 0.5962),
        (1, 3, 0.0615, 0.7923),
    ],
)
def test_wilson_interval_is_the_published_one(part, whole, low, high):
    found = rates.wilson_interval(part, whole)
    assert found == pytest.approx((low, high), abs=5e-5)


def test_wilson_interval_solves_its_own_equation():
    """Each end is the share from which the observed one is just z standard errors away."""
    for part, whole in ((3, 40), (17, 29), (999, 1000)):
        for end in rates.wilson_interval(part, whole):
            distance = abs(part / whole - end) / (end * (1 - end) / whole) ** 0.5
            assert distance == pytest.approx(1.959964, abs=1e-5)


def test_wilson_interval_of_nobody_is_none():
    assert rates.wilson_interval(0, 0) is None


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"), (59, "59 s"), (60, "1 min"), (3_725, "1 h 2 min"), (86_400, "1 d"),
        (86_399, "23 h 59 min"), (100_800, "1 d 4 h"), (86_460, "1 d"), (-90, "\u22121 min 30 s"),
        (None, formats.EMPTY), (float("nan"), formats.EMPTY),
    ],
)  # fmt: skip
def test_a_duration_says_its_two_largest_units(seconds, text):
    assert formats.duration(seconds, Translator("en")) == text


def test_optional_step_has_a_rate_only_where_nobody_went_on_without_it(monkeypatch):
    counts = pd.DataFrame(
        {
            "step_name": ["inquired", "ordered", "allocated", "picked", "packed", "shipped"],
            "is_optional": [False, False, True, True, True, False],
            "reached_count": [9, 4, 0, 1, 4, 0],
            "skipped_count": [0, 0, 4, 3, 0, 0],
        }
    )
    rates = {"ordered": 4 / 9, "allocated": 0.0, "picked": 0.25, "packed": 1.0, "shipped": 0.0}
    answer = [
        {"journey_step": name, "journey_conversion_rate": rate} for name, rate in rates.items()
    ]
    monkeypatch.setattr(journeys, "_load_journey_counts", lambda *_: counts)
    monkeypatch.setattr(journeys, "ask", lambda *_: answer)
    scope = Scope("fourflow_demo", None, date(2026, 11, 1), date(2026, 11, 20))
    found = journeys.load_journey_steps(Edition("home", "p-1"), scope, "inquiry_to_cash")
    assert list(found["conversion_rate"]) == [None, 4 / 9, None, None, 1.0, 0.0]


@pytest.mark.parametrize(
    ("method", "text"),
    [
        ("ses_28.0", "exponential smoothing"),
        ("ses_8.0 0.50 + capped_ses_28.0 0.50", "exponential smoothing"),
        ("boosted 0.61 + ses_28.0 0.39", "gradient boosting 61%, exponential smoothing 39%"),
        (
            "tsb 0.30 + ses_8.0 0.25 + ses_90.0 0.25 + adida 0.10 + moving_average_28 0.10",
            "exponential smoothing 50%, TSB, for rare sales 30% and 2 more",
        ),
    ],
)  # fmt: skip
def test_method_of_a_forecast_is_said_by_family(method, text):
    context = cast(PageContext, SimpleNamespace(t=Translator("en")))
    assert demand_words.method_label(context, method) == text


def test_flow_between_segments_has_everybody_once_on_each_side():
    moves = pd.DataFrame(
        [("loyal", "loyal", 40), ("loyal", "lost", 5), ("none", "new", 9)],
        columns=["from_segment", "to_segment", "person_count"],
    )
    figure = movement_sankey(moves, segment_label=str.upper, count_label=str, text_colour="#123456")
    (flow,) = figure.data
    assert flow.node.label == ("LOYAL", "NONE", "LOYAL", "NEW", "LOST")
    assert flow.node.customdata == ("45", "9", "40", "9", "5")
    links = zip(flow.link.source, flow.link.target, flow.link.value, strict=True)
    assert set(links) == {(0, 2, 40), (0, 4, 5), (1, 3, 9)}
