"""What a rule asks for on one published snapshot, before the ledger has looked at it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from orchestration.decisions.states import DecisionMode


@dataclass(frozen=True)
class ProposedAction:
    """One step of a decision, with its texts filled in.

    Attributes:
        type: what to do.
        to: the role or party it goes to, if it names one.
        sinks: where it goes.
        message: its words in both languages; those of the decision where it has none.
        fields: columns and values of a record that it creates or changes.
    """

    type: str
    to: str | None
    sinks: tuple[str, ...]
    message: Mapping[str, str]
    fields: Mapping[str, str]


@dataclass(frozen=True)
class ProposedOption:
    """Something that a person may choose to do, and what it costs."""

    name: str
    label: Mapping[str, str]
    cost: Decimal | None
    currency_code: str | None
    actions: tuple[ProposedAction, ...]


@dataclass(frozen=True)
class Proposal:
    """A decision that a rule asks for, before the ledger has looked whether it exists.

    Attributes:
        decision_id: hash of rule, subject and occurrence.
        subject: JSON of the key.
        occurrence: which occasion of the subject.
        occurred_at: when it happened, by the data's clock.
        amount: money at stake, in `currency_code`.
        currency_code: ISO 4217 code of the amount.
        explanation: parameters and values of the row that made the rule fire.
        message: the decision in a sentence, by language.
        cooldown_days: days in which the subject gets no other decision of the rule.
        mode: act on it; only record it (shadow); or leave it alone to measure the effect.
        branch: name of the branch that applied; None without branches, or when none applied.
        actions: what to do, in order.
        options: what a person may choose from.
        cost: what the decision takes from the rule's budget, in the budget's currency.
        follows: the decision that it continues; None when it stands alone.
    """

    decision_id: str
    subject: str
    occurrence: str
    occurred_at: datetime
    amount: Decimal | None
    currency_code: str | None
    explanation: Mapping[str, Any]
    message: Mapping[str, str]
    cooldown_days: int
    mode: DecisionMode = "act"
    branch: str | None = None
    actions: tuple[ProposedAction, ...] = ()
    options: tuple[ProposedOption, ...] = ()
    cost: Decimal | None = None
    follows: str | None = None


@dataclass(frozen=True)
class Evaluation:
    """What one rule found: proposals, or the reason why it could not look.

    Attributes:
        proposals: decisions it asks for, oldest first.
        skipped: why it could not look, such as a table without rows; else None.
        errors: sentences about rows, or about the rule itself, that could not be used.
        overruled: subjects that another rule decides, with that rule's id.
    """

    proposals: tuple[Proposal, ...] = ()
    skipped: str | None = None
    errors: tuple[str, ...] = ()
    overruled: tuple[tuple[str, str], ...] = ()
