"""`fourflow staffing`: what is expected at each site, and whether its shifts can pick it."""

from dataclasses import asdict
from typing import Annotated, Any

import typer

from connectors.lake.reader import open_published
from connectors.settings import load_settings
from orchestration.cli.printing import JsonOption, print_json, print_rows
from orchestration.staffing.planning import StaffingDay, forecast_businesses, plan_staffing
from orchestration.staffing.policy import load_staffing_policy


def staffing(
    business: Annotated[str | None, typer.Option(help="Only this business.")] = None,
    json: Annotated[bool, JsonOption] = False,
) -> None:
    """Expected order lines of the days to come against the people of each site's shifts."""
    settings = load_settings()
    policy = load_staffing_policy(settings)
    with open_published(settings) as lake:
        found = {
            name: plan_staffing(lake, policy, name, time_zone=settings.business_time_zone)
            for name in forecast_businesses(lake)
            if business in (None, name)
        }
    if json:
        print_json(
            [{"business": name, **asdict(day)} for name, days in found.items() for day in days]
        )
        return
    rows = [_row(name, day) for name, days in found.items() for day in days]
    print_rows("Staffing", rows, empty="There is no forecast and no parcels to plan with.")


def _row(business: str, day: StaffingDay) -> dict[str, Any]:
    plan = day.plan
    helped = plan.help if plan else None
    return {
        "business": business,
        "day": day.business_date,
        "site": day.site,
        "lines": round(day.expected_lines),
        "person hours": round(day.needed_person_hours),
        "can pick": None if plan is None else round(plan.capacity_lines),
        "left": None if plan is None else round(plan.left_lines),
        "more people": None if helped is None else f"{helped.people} from {helped.from_hour}:00",
        "fewer": plan.spare_people if plan else None,
    }
