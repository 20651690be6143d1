"""The parts of a rule's definition: triggers, branches, actions, options, budget and dates."""

from datetime import date, time
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

Identifier = Annotated[str, Field(pattern=r"^[a-z_][a-z0-9_]{0,62}$")]
SinkName = Literal[
    "jsonl", "webhook", "email", "chat", "odoo", "erpnext", "shopify", "taobao", "douyin", "wms",
    "files",
]  # fmt: skip
Weekday = Literal[
    "monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"
]  # fmt: skip
WEEKDAYS: tuple[Weekday, ...] = (
    "monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday",
)  # fmt: skip
ActionType = Literal[
    "notify", "create_task", "request_approval", "request_purchase", "issue_coupon",
    "freeze_customer", "require_prepayment", "route_order", "release_order", "reship", "chase",
    "escalate", "review_contract", "approve_return", "create_record", "update_record",
    "create_purchase_order", "create_transfer", "create_invoice", "update_stock",
    "report_shipment", "create_pick_list", "recall_pick_list",
    "create_drop_shipment", "recall_drop_shipment",
]  # fmt: skip


class Strict(BaseModel):
    """Unknown keys are errors, and nothing changes after it is read."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Bilingual(Strict):
    """A text in both languages of the product."""

    en: str = Field(min_length=1)
    zh: str = Field(min_length=1)


class Window(Strict):
    """Which rows are recent enough, counted back from the newest row, not from today.

    So a first load of old data raises no flood, and a re-run of an old publication finds the same.
    """

    column: Identifier
    days: int = Field(ge=1)
    within: tuple[Identifier, ...] = ()


class RowAppears(Strict):
    """The rule fires when a row first meets the condition."""

    type: Literal["row_appears"]


class RowChanges(Strict):
    """The rule fires anew for each value of these columns with which a row meets the condition."""

    type: Literal["row_changes"]
    columns: tuple[Identifier, ...] = Field(min_length=1)


class Schedule(Strict):
    """The rule fires at a time of day, business time, for every row that then meets the condition.

    `at_parameter` names a text parameter such as 20:00.
    """

    type: Literal["schedule"]
    at_parameter: Identifier
    weekdays: tuple[Weekday, ...] = WEEKDAYS


class StateLasts(Strict):
    """The rule fires when the condition has held for a number of hours since a time in the row."""

    type: Literal["state_lasts"]
    since: Identifier
    hours_parameter: Identifier


Trigger = Annotated[RowAppears | RowChanges | Schedule | StateLasts, Field(discriminator="type")]


class Action(Strict):
    """One step: its type, the role or party it goes to, where, and with which words.

    `fields` are templates for the columns of a record that the action creates or changes.
    """

    type: ActionType
    to: Identifier | None = None
    sinks: tuple[SinkName, ...] = ()
    message: Bilingual | None = None
    fields: dict[Identifier, str] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _has_an_addressee(self) -> Self:
        if self.type in ("notify", "request_approval", "escalate", "create_task") and not self.to:
            raise ValueError(f"the action {self.type} needs to: who gets it")
        return self


class Branch(Strict):
    """An alternative: the actions that are added when its condition holds, or else (no when)."""

    name: Identifier
    label: Bilingual
    when: str | None = None
    actions: tuple[Action, ...] = Field(min_length=1)


class Option(Strict):
    """Something that a person may choose to do about the decision, and what it costs."""

    name: Identifier
    label: Bilingual
    cost_parameter: Identifier | None = None
    currency: str | None = Field(default=None, pattern=r"^[A-Z]{3}$")
    actions: tuple[Action, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _cost_has_a_currency(self) -> Self:
        if (self.cost_parameter is None) != (self.currency is None):
            raise ValueError("cost_parameter and currency belong together; give both")
        return self


class Budget(Strict):
    """What a rule may spend: the cost of one decision and the most that a period may cost."""

    cost_parameter: Identifier
    limit_parameter: Identifier
    per: Literal["day", "week", "month", "all_time"]
    currency: str = Field(pattern=r"^[A-Z]{3}$")

    def period_of(self, day: date) -> tuple[int, ...]:
        """Which period of the budget a business date belongs to; weeks are those of ISO 8601."""
        if self.per == "day":
            return (day.toordinal(),)
        if self.per == "week":
            year, week, _ = day.isocalendar()
            return (year, week)
        return (day.year, day.month) if self.per == "month" else ()


class EffectiveDates(Strict):
    """The business dates on which a rule fires; both ends belong to it, None leaves one open."""

    first_day: date | None = None
    last_day: date | None = None

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.first_day and self.last_day and self.last_day < self.first_day:
            raise ValueError(f"it would end on {self.last_day}, before it begins")
        return self

    def contain(self, day: date) -> bool:
        """Whether the rule fires on that business date."""
        after_start = self.first_day is None or day >= self.first_day
        return after_start and (self.last_day is None or day <= self.last_day)


def time_of_day(text: str) -> time:
    """A parameter such as 20:00.

    Raises:
        ValueError: it is no time of day.
    """
    return time.fromisoformat(text)
