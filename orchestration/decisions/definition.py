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
from pydantic import BaseModel, Field, ValidationError, field_validator, model_validator
from pydantic_core import ErrorDetails

from connectors.errors import FourflowError, InputError
from orchestration.decisions.conditions import ConditionError, closest, parse_condition
from orchestration.decisions.definition_parts import (
    Action,
    Bilingual,
    Branch,
    Budget,
    EffectiveDates,
    Identifier,
    Option,
    RowAppears,
    RowChanges,
    Schedule,
    SinkName,
    StateLasts,
    Strict,
    Trigger,
    Window,
)
from orchestration.decisions.messages import TRACKING_LINK, check_template

ONCE = "once"
PUBLISHED_AT = "published_at"
AS_OF = "as_of"
ORDER_KEY = "order_key"

Kind = Literal[
    "alert", "approval", "notify", "replenish", "coupon", "freeze", "route", "escalate",
    "review", "return", "release",
]  # fmt: skip
Mode = Literal["disabled", "shadow", "enabled"]


class DefinitionError(InputError):
    """A definition that cannot be used.

    Attributes:
        place: keys and positions that lead to the offending part; empty for the whole.
        condition: the refused condition, when it is one.
    """

    def __init__(
        self,
        message: str,
        place: Sequence[int | str] = (),
        condition: ConditionError | None = None,
    ) -> None:
        super().__init__(message)
        self.place = tuple(place)
        self.condition = condition


class Parameter(Strict):
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


class RuleDefinition(Strict):
    """Everything a rule says; see the shipped rules for examples.

    Attributes:
        rule_id: its name for machines.
        kind: what kind of decision it makes.
        name: its name for people.
        description: what it is for.
        mode: disabled, shadow (records decisions, sends nothing) or enabled.
        owner: the role that answers for the rule and its alerts.
        priority: of rules that decide the same about one subject, the lowest number wins.
        decides: what about the subject is decided; two rules with the same word conflict.
        source_table: the published table it reads.
        key: columns that name the subject of a decision.
        occurrence: column that tells one occasion from the next, or `once`.
        follows: column with the decision that this one continues; both have one trace id.
        trigger: when the rule looks.
        window: which rows are recent enough.
        condition: SQL over the table's columns, with `:parameters`.
        parameters: thresholds that people may change.
        branches: alternatives, tried in order; the first that applies adds its actions.
        actions: what to do in every case, in order.
        options: what a person may choose from, each with its cost.
        budget: what the rule may spend.
        holdout_share: share of subjects that are left alone, to measure the effect.
        effective: first and last business date on which it fires.
        amount_column: money at stake, in `currency_column`.
        explain: further columns that go into the explanation.
        cooldown_days: days after an open decision in which the subject gets no other.
        sinks: where decisions go whose actions name no sink.
        message: the decision in one sentence.
    """

    rule_id: Identifier
    kind: Kind
    name: Bilingual
    description: str = Field(min_length=1)
    mode: Mode
    owner: Identifier
    priority: int = Field(default=100, ge=1, le=1000)
    decides: Identifier | None = None
    source_table: Identifier
    key: tuple[Identifier, ...] = Field(min_length=1)
    occurrence: Identifier = ONCE
    follows: Identifier | None = None
    trigger: Trigger = RowAppears(type="row_appears")
    window: Window | None = None
    condition: str
    parameters: dict[Identifier, Parameter] = Field(default_factory=dict)
    branches: tuple[Branch, ...] = ()
    actions: tuple[Action, ...] = ()
    options: tuple[Option, ...] = ()
    budget: Budget | None = None
    holdout_share: Decimal = Field(default=Decimal(0), ge=0, le=Decimal("0.9"))
    effective: EffectiveDates = EffectiveDates()
    amount_column: Identifier | None = None
    currency_column: Identifier | None = None
    explain: tuple[Identifier, ...] = ()
    cooldown_days: Annotated[int, Field(ge=0)] | Identifier = 0
    sinks: tuple[SinkName, ...] = Field(min_length=1)
    message: Bilingual

    @field_validator("holdout_share", mode="before")
    @classmethod
    def _exact_share(cls, value: Any) -> Any:
        return str(value) if isinstance(value, float) else value

    @model_validator(mode="after")
    def _is_consistent(self) -> Self:
        self._check_names()
        used = set(parse_condition(self.condition, parameters=self.parameter_names).parameters)
        for branch in self.branches:
            if branch.when is not None:
                used |= parse_condition(branch.when, parameters=self.parameter_names).parameters
        used |= self._named_parameters() | self._template_variables()
        unused = sorted(self.parameters.keys() - used)
        if unused:
            raise ValueError(f"the parameter {unused[0]} is not used by the condition")
        return self

    def _check_names(self) -> None:
        for given in (PUBLISHED_AT, AS_OF):
            if given in self.parameters:
                raise ValueError(f"the parameter {given} is given by Fourflow; rename yours")
        if (self.amount_column is None) != (self.currency_column is None):
            raise ValueError("amount_column and currency_column belong together; give both")
        if isinstance(self.trigger, RowChanges) and self.occurrence != ONCE:
            raise ValueError("a rule on row_changes takes its occurrence from the changed columns")
        if isinstance(self.trigger, Schedule) and self.occurrence != ONCE:
            raise ValueError("a rule on a schedule takes its occurrence from the scheduled time")
        names = [branch.name for branch in self.branches]
        if len(set(names)) != len(names):
            raise ValueError("two branches have one name; each needs its own")
        if any(branch.when is None for branch in self.branches[:-1]):
            raise ValueError("only the last branch may leave out when")
        for parameter in self._named_parameters():
            if parameter not in self.parameters:
                hint = closest(parameter, self.parameters) or "; add it to parameters"
                raise ValueError(f"it names the parameter {parameter}, which is not there{hint}")

    @model_validator(mode="after")
    def _options_cost_in_the_budgets_currency(self) -> Self:
        for option in self.options:
            if self.budget and option.currency not in (None, self.budget.currency):
                raise ValueError(
                    f"option {option.name} costs {option.currency} and the budget is in "
                    f"{self.budget.currency}; give both in one currency"
                )
        return self

    def _named_parameters(self) -> set[str]:
        """Parameters that other parts of the rule name, besides conditions and texts."""
        named = [option.cost_parameter for option in self.options]
        if self.budget:
            named += [self.budget.cost_parameter, self.budget.limit_parameter]
        if isinstance(self.trigger, StateLasts):
            named.append(self.trigger.hours_parameter)
        if isinstance(self.trigger, Schedule):
            named.append(self.trigger.at_parameter)
        return {name for name in named if name}

    def _template_variables(self) -> set[str]:
        known = {*self.recorded_columns, *self.parameters, TRACKING_LINK}
        texts = [self.message, *(a.message for a in self.all_actions if a.message)]
        used: set[str] = set()
        for text in texts:
            used |= check_template(text.en, known) | check_template(text.zh, known)
        for action in self.all_actions:
            for template in action.fields.values():
                used |= check_template(template, known)
        if TRACKING_LINK in used and ORDER_KEY not in self.recorded_columns:
            raise ValueError(f"{{{TRACKING_LINK}}} needs the order; add {ORDER_KEY} to explain")
        return used

    @property
    def tells_tracking_link(self) -> bool:
        """Whether one of its texts has the link to the order's parcels."""
        return TRACKING_LINK in self._template_variables()

    @property
    def is_enabled(self) -> bool:
        """Whether its decisions are acted on."""
        return self.mode == "enabled"

    @property
    def is_active(self) -> bool:
        """Whether it makes decisions at all: enabled, or in shadow."""
        return self.mode != "disabled"

    @property
    def all_actions(self) -> tuple[Action, ...]:
        """Actions of the rule, of its branches and of its options."""
        of_branches = [action for branch in self.branches for action in branch.actions]
        of_options = [action for option in self.options for action in option.actions]
        return (*self.actions, *of_branches, *of_options)

    @property
    def parameter_names(self) -> tuple[str, ...]:
        """Parameters that conditions may use: the declared ones and the two given times."""
        return (*self.parameters, PUBLISHED_AT, AS_OF)

    @property
    def recorded_columns(self) -> tuple[str, ...]:
        """Columns whose values go into the explanation, in order and once each."""
        optional = (self.amount_column, self.currency_column)
        occurrence = () if self.occurrence == ONCE else (self.occurrence,)
        watched = self.trigger.columns if isinstance(self.trigger, RowChanges) else ()
        since = (self.trigger.since,) if isinstance(self.trigger, StateLasts) else ()
        follows = (self.follows,) if self.follows else ()
        named = (*self.key, *occurrence, *follows, *watched, *since, *self.explain)
        return tuple(dict.fromkeys((*named, *(c for c in optional if c))))

    @property
    def needed_columns(self) -> tuple[str, ...]:
        """All columns that the rule's table must have besides those of its conditions."""
        extra = [self.window.column, *self.window.within] if self.window else []
        if isinstance(self.cooldown_days, str):
            extra.append(self.cooldown_days)
        return tuple(dict.fromkeys((*self.recorded_columns, *extra)))

    @property
    def occurrence_columns(self) -> tuple[str, ...]:
        """Columns that tell one occasion of a subject from the next; none means once."""
        if isinstance(self.trigger, RowChanges):
            return self.trigger.columns
        return () if self.occurrence == ONCE else (self.occurrence,)

    def with_parameters(self, values: Mapping[str, str]) -> Self:
        """The same rule with other parameter values, checked as if its author had written them.

        Raises:
            InputError: there is no such parameter, or the value does not fit its type.
        """
        data = self.stored()
        for name, value in values.items():
            if name not in self.parameters:
                known = ", ".join(self.parameters) or "none"
                hint = closest(name, self.parameters) or f"; it has {known}."
                raise InputError(f"The rule {self.rule_id} has no parameter {name}{hint}")
            is_flag = self.parameters[name].type == "boolean"
            data["parameters"][name]["value"] = value.lower() == "true" if is_flag else value
        return type(self).model_validate(parse_rule(data, where=f"rule {self.rule_id}").stored())

    def stored(self) -> dict[str, Any]:
        """The definition as JSON values, the way the database keeps it."""
        return self.model_dump(mode="json")

    def content_hash(self) -> str:
        """Changes when anything changes except whether the rule is switched on."""
        content = {name: value for name, value in self.stored().items() if name != "mode"}
        # Younger than the ledgers of those who have it: where nothing follows, nothing changed.
        if self.follows is None:
            del content["follows"]
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
        DefinitionError: says what is wrong in one sentence that begins with `where`.
    """
    if not isinstance(data, Mapping):
        raise DefinitionError(f"The {where} does not hold a mapping; start it with rule_id.")
    try:
        return RuleDefinition.model_validate(data)
    except FourflowError as error:
        refused = error if isinstance(error, ConditionError) else None
        place = _place_of(data, refused) if refused else ()
        raise DefinitionError(f"The {where} has a problem. {error}", place, refused) from None
    except ValidationError as error:
        # A misspelt key shows up twice, as unknown and as missing: the unknown one helps more.
        found = sorted(error.errors(), key=lambda one: one["type"] != "extra_forbidden")
        problem = _sentence(found[0])
        place = tuple(found[0]["loc"])
        raise DefinitionError(f"The {where} has a problem: {problem}", place) from None


def _place_of(data: Mapping[str, Any], refused: ConditionError) -> tuple[int | str, ...]:
    """Where in a definition the refused condition stands."""
    if data.get("condition") == refused.text:
        return ("condition",)
    for number, branch in enumerate(data.get("branches") or ()):
        if branch.get("when") == refused.text:
            return ("branches", number, "when")
    return ()


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
    end = "" if message.endswith("?") else "."
    return f"{place or 'the rule'}: {message}{given if place else ''}{end}"


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
