"""A rule's definition: what its YAML may say. A rule is data; nothing here evaluates it."""

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Annotated, Any, Literal, Self, get_args

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic_core import ErrorDetails

from connectors.errors import FourflowError, InputError
from orchestration.decisions.conditions import closest, parse_condition
from orchestration.decisions.messages import check_template

ONCE = "once"
PUBLISHED_AT = "published_at"

Identifier = Annotated[str, Field(pattern=r"^[a-z_][a-z0-9_]{0,62}$")]
Kind = Literal["replenish", "alert"]
SinkName = Literal["jsonl", "webhook"]


class _Strict(BaseModel):
    """Unknown keys are errors, and nothing changes after it is read."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Bilingual(_Strict):
    """A text in both languages of the product."""

    en: str = Field(min_length=1)
    zh: str = Field(min_length=1)


class Parameter(_Strict):
    """A threshold that people may change: its type, value and label."""

    type: Literal["integer", "decimal", "text", "boolean", "date"]
    value: int | str | bool
    label: Bilingual

    @model_validator(mode="before")
    @classmethod
    def _exact_value(cls, data: Any) -> Any:
        """Keep decimals and dates as text, so that no binary float or lost zero gets in."""
        if isinstance(data, Mapping) and isinstance(data.get("value"), float | Decimal | date):
            return {**data, "value": str(data["value"])}
        return data

    @model_validator(mode="after")
    def _value_fits(self) -> Self:
        try:
            self.bound()
        except (ValueError, InvalidOperation):
            raise ValueError(f"the value {self.value!r} is not of type {self.type}") from None
        return self

    def bound(self) -> int | Decimal | str | bool | date:
        """The value as it is bound to the query."""
        is_flag = isinstance(self.value, bool)
        if is_flag != (self.type == "boolean"):
            raise ValueError(self.type)
        if self.type == "decimal":
            number = Decimal(str(self.value))
            if not number.is_finite():
                raise ValueError(self.type)
            return number
        if self.type == "date":
            return date.fromisoformat(str(self.value))
        if self.type == "integer":
            return int(str(self.value))
        return self.value if is_flag else str(self.value)


class Window(_Strict):
    """Which rows are recent enough, counted back from the newest row, not from today.

    So a first load of old data raises no flood, and a re-run of an old publication finds the same.
    """

    column: Identifier
    days: int = Field(ge=1)
    within: tuple[Identifier, ...] = ()


class RuleDefinition(_Strict):
    """Everything a rule says; see the shipped rules for examples."""

    rule_id: Identifier
    kind: Kind
    name: Bilingual
    description: str = Field(min_length=1)
    enabled: bool
    source_table: Identifier
    key: tuple[Identifier, ...] = Field(min_length=1)
    occurrence: Identifier
    window: Window | None = None
    condition: str
    parameters: dict[Identifier, Parameter] = Field(default_factory=dict)
    amount_column: Identifier | None = None
    currency_column: Identifier | None = None
    explain: tuple[Identifier, ...] = ()
    cooldown_days: Annotated[int, Field(ge=0)] | Identifier = 0
    sinks: tuple[SinkName, ...] = Field(min_length=1)
    message: Bilingual

    @model_validator(mode="after")
    def _is_consistent(self) -> Self:
        if PUBLISHED_AT in self.parameters:
            raise ValueError(f"the parameter {PUBLISHED_AT} is given by Fourflow; rename yours")
        if (self.amount_column is None) != (self.currency_column is None):
            raise ValueError("amount_column and currency_column belong together; give both")
        used = parse_condition(self.condition, parameters=self.parameter_names).parameters
        unused = sorted(self.parameters.keys() - used)
        if unused:
            raise ValueError(f"the parameter {unused[0]} is not used by the condition")
        known = {*self.recorded_columns, *self.parameters}
        check_template(self.message.en, known)
        check_template(self.message.zh, known)
        return self

    @property
    def parameter_names(self) -> tuple[str, ...]:
        """Parameters that the condition may use: the declared ones and the publication's time."""
        return (*self.parameters, PUBLISHED_AT)

    @property
    def recorded_columns(self) -> tuple[str, ...]:
        """Columns whose values go into the explanation, in order and once each."""
        optional = (self.amount_column, self.currency_column)
        occurrence = () if self.occurrence == ONCE else (self.occurrence,)
        named = (*self.key, *occurrence, *self.explain, *(c for c in optional if c))
        return tuple(dict.fromkeys(named))

    @property
    def needed_columns(self) -> tuple[str, ...]:
        """All columns that the rule's table must have besides those of the condition."""
        extra = [self.window.column, *self.window.within] if self.window else []
        if isinstance(self.cooldown_days, str):
            extra.append(self.cooldown_days)
        return tuple(dict.fromkeys((*self.recorded_columns, *extra)))

    def stored(self) -> dict[str, Any]:
        """The definition as JSON values, the way the database keeps it."""
        return self.model_dump(mode="json")

    def content_hash(self) -> str:
        """Changes when anything changes except whether the rule is switched on."""
        content = {name: value for name, value in self.stored().items() if name != "enabled"}
        text = json.dumps(content, sort_keys=True, ensure_ascii=False)
        return hashlib.sha256(text.encode()).hexdigest()


def read_rule(path: Path) -> RuleDefinition:
    """Read one YAML file.

    Raises:
        InputError: says which key of which file is wrong, and the nearest right one.
    """
    try:
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        detail = " ".join(str(error).split())
        raise InputError(f"The rule file {path.name} cannot be read: {detail}.") from error
    return parse_rule(data, where=f"rule file {path.name}")


def parse_rule(data: Any, *, where: str) -> RuleDefinition:
    """Check a definition that came from YAML, a form or the database.

    Raises:
        InputError: says what is wrong in one sentence that begins with `where`.
    """
    if not isinstance(data, Mapping):
        raise InputError(f"The {where} does not hold a mapping; start it with rule_id.")
    try:
        return RuleDefinition.model_validate(data)
    except FourflowError as error:
        raise InputError(f"The {where} has a problem. {error}") from None
    except ValidationError as error:
        # A misspelt key shows up twice, as unknown and as missing: the unknown one helps more.
        found = sorted(error.errors(), key=lambda one: one["type"] != "extra_forbidden")
        problem = _sentence(found[0])
        raise InputError(f"The {where} has a problem: {problem}") from None


def _sentence(error: ErrorDetails) -> str:
    """What pydantic found, in the words of somebody who writes rules."""
    place = ".".join(str(part) for part in error["loc"])
    last = str(error["loc"][-1]) if error["loc"] else ""
    if error["type"] == "extra_forbidden":
        known = _keys_at(error["loc"][:-1])
        return f"the key {place} is unknown{closest(last, known) or f'; known are {known}.'}"
    if error["type"] == "missing":
        return f"the key {place} is missing."
    message = error["msg"].removeprefix("Value error, ")
    if error["type"] == "string_pattern_mismatch":
        message = "a name has only small letters, digits and _, and begins with a letter"
    given = f" (given: {error['input']!r})" if re.fullmatch(r"[\w.]+", place) else ""
    return f"{place or 'the rule'}: {message}{given if place else ''}."


def _keys_at(path: Sequence[int | str]) -> list[str]:
    """The keys that are allowed at a place in a definition."""
    model: type[BaseModel] = RuleDefinition
    for part in path:
        field = model.model_fields.get(str(part))
        if field is None:
            continue
        candidates = [field.annotation, *_flat_args(field.annotation)]
        nested = [c for c in candidates if isinstance(c, type) and issubclass(c, BaseModel)]
        model = nested[0] if nested else model
    return sorted(model.model_fields)


def _flat_args(annotation: Any) -> list[Any]:
    found = []
    for argument in get_args(annotation):
        found += [argument, *_flat_args(argument)]
    return found
