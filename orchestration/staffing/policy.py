"""The staffing policy: shifts of each site and what a person picks; see staffing_policy.yml."""

import re
from datetime import date, timedelta
from pathlib import Path
from typing import Self

from pydantic import Field, field_validator, model_validator

from connectors.declarations import Declared, read_declared
from connectors.settings import Settings
from models_ml.staffing import HOURS
from orchestration.decisions.definition_parts import WEEKDAYS, Weekday

SHIPPED_POLICY = Path(__file__).with_name("staffing_policy.yml")
POLICY_NAME = "staffing.yml"
_TIME = re.compile(r"([01]\d|2[0-3]):[0-5]\d|24:00")


class Shift(Declared):
    """People at a site between two times of some weekdays."""

    site: str = Field(min_length=1, description="The site's code.")
    weekdays: tuple[Weekday, ...] = Field(default=WEEKDAYS, description="Days on which it begins.")
    begins: str = Field(alias="from", description="Time of day, such as 08:00.")
    ends: str = Field(alias="to", description="Time of day; earlier than from: the next day.")
    people: int = Field(ge=1, le=10_000, description="How many people.")
    lines_per_person_hour: float | None = Field(
        default=None, gt=0, description="What one of them picks; none: as the policy says."
    )

    @field_validator("begins", "ends")
    @classmethod
    def _is_a_time(cls, value: str) -> str:
        if not _TIME.fullmatch(value):
            raise ValueError(f"{value} is no time of day; write it like 08:00")
        return value

    @model_validator(mode="after")
    def _lasts(self) -> Self:
        if self.begins == self.ends:
            raise ValueError(f"it begins and ends at {self.begins}; give two different times")
        return self

    def hours_on(self, day: date) -> list[float]:
        """The part of each hour of a day that its people are at work."""
        begins, ends = _hour(self.begins), _hour(self.ends)
        spans = [(begins, ends, day)]
        if ends < begins:
            spans = [(begins, float(HOURS), day), (0.0, ends, day - timedelta(days=1))]
        return [
            sum(
                max(0.0, min(until, hour + 1) - max(since, hour))
                for since, until, begun_on in spans
                if WEEKDAYS[begun_on.weekday()] in self.weekdays
            )
            for hour in range(HOURS)
        ]


class StaffingPolicy(Declared):
    """The whole policy."""

    lines_per_person_hour: float = Field(
        default=30.0, gt=0, description="Order lines that a person picks an hour."
    )
    reserve_share: float = Field(
        default=0.1, ge=0, le=5, description="How much more than expected should be possible."
    )
    history_days: int = Field(default=56, ge=7, le=400, description="Days of history.")
    days_ahead: int = Field(default=7, ge=1, le=28, description="Days that are planned.")
    shifts: tuple[Shift, ...] = Field(default=(), description="Who works when.")

    def person_hours(self, site: str, day: date) -> list[float]:
        """People at work at a site in each hour of a day, as people of the usual speed."""
        hours = [0.0] * HOURS
        for shift in self.shifts:
            if shift.site != site:
                continue
            speed = (shift.lines_per_person_hour or self.lines_per_person_hour) / (
                self.lines_per_person_hour
            )
            for hour, part in enumerate(shift.hours_on(day)):
                hours[hour] += part * shift.people * speed
        return hours

    def has_shifts(self, site: str) -> bool:
        """Whether anybody says who works there."""
        return any(shift.site == site for shift in self.shifts)


def _hour(text: str) -> float:
    hours, minutes = text.split(":")
    return int(hours) + int(minutes) / 60


def load_staffing_policy(settings: Settings) -> StaffingPolicy:
    """The policy in force: `staffing.yml` beside fourflow.yml or in home, or the shipped one.

    Raises:
        InputError: the file cannot be read or says what can't be; names file, line and key.
    """
    return read_declared(
        StaffingPolicy, settings.beside_configuration(POLICY_NAME) or SHIPPED_POLICY
    )
