"""The words and columns of who is needed in the warehouses."""

from collections.abc import Mapping, Sequence

import pandas as pd

from app_streamlit.ui import formats
from app_streamlit.ui.context import PageContext
from app_streamlit.ui.tables import Column
from app_streamlit.words.stock_words import site_label
from orchestration.staffing.planning import StaffingDay


def sentence(context: PageContext, sites: Mapping[str, str], days: Sequence[StaffingDay]) -> str:
    """What is expected, and where the people of the shifts are too few first."""
    t = context.t
    lines = round(sum(day.expected_lines for day in days))
    hours = round(sum(day.needed_person_hours for day in days))
    number = len({day.business_date for day in days})
    text = t(
        "staffing.expected",
        n=number,
        days=formats.count(number),
        lines=formats.count(lines),
        hours=formats.count(hours),
    )
    planned = [day for day in days if day.plan is not None]
    if not planned:
        return text + t("staffing.no_shifts")
    short = [day for day in planned if day.plan and day.plan.left_lines]
    if not short:
        return text + t("staffing.enough")
    first = short[0]
    return text + t(
        "staffing.short",
        n=len(short),
        count=formats.count(len(short)),
        site=site_label(sites, first.site),
        day=formats.day(first.business_date, context.language, year=False),
        lines=formats.count(round(first.plan.left_lines if first.plan else 0)),
        advice=advice(context, first),
    )


def advice(context: PageContext, day: StaffingDay) -> str:
    """The fewest people more that would do, or how many fewer would."""
    t, plan = context.t, day.plan
    if plan is None:
        return formats.EMPTY
    if plan.help is not None:
        return t(
            "staffing.more",
            n=plan.help.people,
            count=formats.count(plan.help.people),
            time=f"{plan.help.from_hour:02}:00",
        )
    if plan.end_hour is None:
        return t("staffing.nobody_works")
    if plan.left_lines:
        return t("staffing.not_closed")
    if plan.spare_people:
        return t("staffing.fewer", n=plan.spare_people, count=formats.count(plan.spare_people))
    return t("staffing.fits")


def day_frame(context: PageContext, days: Sequence[StaffingDay]) -> pd.DataFrame:
    """One row a day and site."""
    return pd.DataFrame(
        [
            {
                "business_date": day.business_date,
                "site": day.site,
                "expected_lines": round(day.expected_lines),
                "person_hours": round(day.needed_person_hours),
                "peak": f"{day.peak_hour:02}:00",
                "capacity_lines": round(day.plan.capacity_lines) if day.plan else None,
                "left_lines": round(day.plan.left_lines) if day.plan else None,
                "advice": advice(context, day),
            }
            for day in days
        ]
    )


def day_columns(sites: Mapping[str, str], days: Sequence[StaffingDay]) -> tuple[Column, ...]:
    """The columns of days; what shifts can do only where somebody told them."""
    always = (
        Column("business_date", "date", label="date"),
        Column("site", words=lambda site: site_label(sites, site)),
        Column("expected_lines", "count"),
        Column("person_hours", "count"),
        Column("peak", label="busiest_hour"),
    )
    if not any(day.plan for day in days):
        return always
    return (
        *always,
        Column("capacity_lines", "count"),
        Column("left_lines", "count"),
        Column("advice", label="staffing_advice"),
    )
