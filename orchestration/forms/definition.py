"""What a form may say: its fields, repeating lines, checks, who fills it in and what becomes of it.

What belongs here: the model of a form's file. Finding files is `library`, what people enter is
judged in `validation` and kept in `entering`.
"""

import re
from collections.abc import Iterator
from decimal import Decimal
from fnmatch import fnmatchcase
from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator

from connectors.declarations import Declared, suggest
from orchestration.access.viewer import Viewer
from orchestration.decisions.conditions import ConditionError, parse_condition
from orchestration.decisions.definition_parts import Bilingual

FieldType = Literal[
    "text", "integer", "decimal", "money", "date", "choice", "sku", "site", "customer"
]
TargetKind = Literal["order", "document"]
NUMBERS = ("integer", "decimal", "money")
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,62}$")]
LINES = "lines"
_CURRENCY = r"^[A-Z]{3}$"
# What an order may say, so that nothing that was entered is lost on its way.
_ORDER_FIELDS: dict[str, tuple[FieldType, ...]] = {
    "customer_key": ("customer",), "currency_code": ("text", "choice"), "order_no": ("text",),
}  # fmt: skip
_ORDER_LINE_FIELDS: dict[str, tuple[FieldType, ...]] = {
    "sku": ("sku",), "quantity": ("integer",), "unit_price": ("decimal",), "site": ("site",),
}  # fmt: skip


class Choice(Declared):
    """One of the values that may be chosen."""

    value: str = Field(min_length=1, max_length=100, description="As it is kept.")
    label: Bilingual = Field(description="As people read it.")


class FormField(Declared):
    """One thing to fill in."""

    name: Name = Field(description="As it is kept.")
    label: Bilingual = Field(description="As people read it.")
    type: FieldType = Field(description="What may be filled in.")
    help: Bilingual | None = Field(default=None, description="What to fill in, where it helps.")
    required: bool = Field(default=False, description="Whether it must be filled in.")
    minimum: Decimal | None = Field(default=None, description="Least number.")
    maximum: Decimal | None = Field(default=None, description="Greatest number.")
    pattern: str | None = Field(default=None, description="What the whole text must match.")
    max_length: int = Field(default=500, ge=1, le=4000, description="Of a text, in characters.")
    choices: tuple[Choice, ...] = Field(default=(), description="Of a choice.")
    currency: str | None = Field(default=None, pattern=_CURRENCY, description="Of money.")
    currency_field: Name | None = Field(
        default=None, description="Of money: the field that says the currency."
    )

    @field_validator("pattern")
    @classmethod
    def _is_pattern(cls, pattern: str | None) -> str | None:
        if pattern is not None:
            try:
                re.compile(pattern)
            except re.error as error:
                raise ValueError(f"{pattern!r} is not a regular expression ({error})") from error
        return pattern

    @model_validator(mode="after")
    def _fits_its_type(self) -> Self:
        is_number = self.type in NUMBERS
        if not is_number and (self.minimum is not None or self.maximum is not None):
            raise ValueError(f"{self.name} is no number; leave minimum and maximum out")
        if self.minimum is not None and self.maximum is not None and self.minimum > self.maximum:
            raise ValueError(f"{self.name} has a minimum above its maximum; swap them")
        if self.pattern is not None and self.type != "text":
            raise ValueError(f"{self.name} is no text; leave its pattern out")
        values = [one.value for one in self.choices]
        if (self.type == "choice") != bool(values) or len(values) != len(set(values)):
            raise ValueError(
                f"{self.name}: a choice needs choices of different values, other types have none"
            )
        told = [one for one in (self.currency, self.currency_field) if one]
        if len(told) != (1 if self.type == "money" else 0):
            raise ValueError(
                f"{self.name}: money needs a currency or a currency_field, other types have none"
            )
        return self


class Lines(Declared):
    """Fields that repeat."""

    title: Bilingual = Field(description="Above the lines.")
    fields: tuple[FormField, ...] = Field(min_length=1, description="Fields of each line.")
    minimum: int = Field(default=1, ge=0, description="Least number of lines.")
    maximum: int = Field(default=100, ge=1, le=500, description="Greatest number of lines.")

    @model_validator(mode="after")
    def _is_possible(self) -> Self:
        if self.minimum > self.maximum:
            raise ValueError("there are more lines at least than at most; swap them")
        return self


class Check(Declared):
    """What must hold between fields; one that names a field of the lines holds of each line."""

    must: str = Field(description="A condition over the fields, as rules write them.")
    message: Bilingual = Field(description="What is wrong, and what to do.")
    field: Name = Field(description="Beside which field it is told.")


class Target(Declared):
    """What becomes of an entry."""

    kind: TargetKind = Field(description="An order, or a document of our own.")
    may_price: bool = Field(
        default=False, description="Of an order: whether prices below the price list are taken."
    )


class Form(Declared):
    """A form as its file declares it; see docs/forms.md."""

    name: Name = Field(description="Its name; the file has the same.")
    version: int = Field(default=1, ge=1, description="Raise it when fields change their meaning.")
    title: Bilingual = Field(description="As people read it.")
    description: Bilingual | None = Field(default=None, description="What it is for.")
    owner: str = Field(min_length=1, description="Who answers for it.")
    roles: tuple[str, ...] = Field(
        default=("*",), min_length=1, description="Roles of access.yml; `*` stands for anything."
    )
    fields: tuple[FormField, ...] = Field(default=(), description="What is filled in once.")
    lines: Lines | None = Field(default=None, description="What repeats.")
    checks: tuple[Check, ...] = Field(default=(), description="What must hold between fields.")
    target: Target = Field(description="What becomes of an entry.")

    @property
    def line_fields(self) -> tuple[FormField, ...]:
        """The fields of each line."""
        return self.lines.fields if self.lines else ()

    def every_field(self) -> Iterator[FormField]:
        """All fields, those of the lines last."""
        yield from self.fields
        yield from self.line_fields

    def is_of_lines(self, check: Check) -> bool:
        """Whether a check holds of each line."""
        return bool(self._columns(check) & {one.name for one in self.line_fields})

    def condition(self, check: Check) -> str:
        """The checked SQL of a check."""
        return parse_condition(check.must, parameters=(), columns=self._names()).sql

    def may_be_filled_by(self, viewer: Viewer) -> bool:
        """Whether a viewer's role is among those that fill it in."""
        return viewer.is_open or any(fnmatchcase(viewer.role, one) for one in self.roles)

    def _columns(self, check: Check) -> frozenset[str]:
        return parse_condition(check.must, parameters=(), columns=self._names()).columns

    def _names(self) -> list[str]:
        return [one.name for one in self.every_field()]

    @model_validator(mode="after")
    def _fields_fit_together(self) -> Self:
        names = self._names()
        if not any(one.required for one in self.every_field()):
            raise ValueError("no field is required, so that an empty form would do; require one")
        for name in names:
            if names.count(name) > 1 or name == LINES:
                raise ValueError(f"there are two fields {name}; call one differently")
        for one in self.every_field():
            if one.currency_field and one.currency_field not in names:
                raise ValueError(
                    f"{one.name}: there is no field {one.currency_field}, "
                    f"{suggest(one.currency_field, names)}"
                )
        entry = {one.name for one in self.fields}
        for one in self.fields:
            if one.currency_field and one.currency_field not in entry:
                raise ValueError(f"{one.name}: its currency_field is of the lines; move it up")
        return self

    @model_validator(mode="after")
    def _checks_can_be_asked(self) -> Self:
        names = self._names()
        for check in self.checks:
            if check.field not in names:
                raise ValueError(f"there is no field {check.field}, {suggest(check.field, names)}")
            try:
                is_of_lines = self.is_of_lines(check)
            except ConditionError as error:
                raise ValueError(str(error)) from error
            if not is_of_lines and check.field not in {one.name for one in self.fields}:
                raise ValueError(
                    f"the check {check.must!r} is not of the lines; tell it beside another field "
                    f"than {check.field}"
                )
        return self

    @model_validator(mode="after")
    def _orders_say_what_orders_are(self) -> Self:
        if self.target.kind != "order":
            if self.target.may_price:
                raise ValueError("only an order has prices; leave target.may_price out")
            return self
        _refuse_unlike(self.fields, _ORDER_FIELDS, ("customer_key",), "an order")
        _refuse_unlike(self.line_fields, _ORDER_LINE_FIELDS, ("sku", "quantity"), "its lines")
        quantity = next(one for one in self.line_fields if one.name == "quantity")
        if quantity.minimum is None or quantity.minimum < 1:
            raise ValueError("quantity of an order needs a minimum of 1 or more")
        return self


def _refuse_unlike(
    fields: tuple[FormField, ...],
    known: dict[str, tuple[FieldType, ...]],
    needed: tuple[str, ...],
    where: str,
) -> None:
    by_name = {one.name: one for one in fields}
    for name, one in by_name.items():
        if name not in known:
            raise ValueError(
                f"{where} of a form that places orders can't keep a field {name}, "
                f"{suggest(name, known)}"
            )
        if one.type not in known[name]:
            raise ValueError(f"{name} must be of type {' or '.join(known[name])}")
    for name in needed:
        if name not in by_name or not by_name[name].required:
            raise ValueError(f"{where} needs a required field {name}; add it")
