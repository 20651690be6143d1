"""Reads a funnel as a person would: each step's rate and colour, and the one to look at first.

Pure: rows of `load_steps` in, small records out.
"""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from decimal import Decimal

import pandas as pd

from app_streamlit.queries.rates import Grade, grade, share


@dataclass(frozen=True)
class Step:
    """One step of a funnel over a scope; amounts are None when it has several currencies.

    `rate` is the metric funnel_conversion_rate from the step before; None for the first step.
    """

    number: int
    name: str
    label_en: str | None
    label_zh: str | None
    reached: int
    open: int
    dropped: int
    dropped_amount: Decimal | None
    open_amount: Decimal | None
    reached_amount: Decimal | None
    window_hours: float | None
    green_from: float | None
    amber_from: float | None
    currency_code: str
    is_first: bool
    rate: float | None

    @property
    def entered(self) -> int:
        """Orders that had reached the step before."""
        return self.reached + self.open + self.dropped

    @property
    def grade(self) -> Grade:
        """Colour of the conversion by the step's thresholds."""
        return "none" if self.is_first else grade(self.rate, self.green_from, self.amber_from)

    @property
    def missing_orders(self) -> float:
        """Orders short of the green threshold; zero when the step is green or ungraded."""
        if self.rate is None or self.green_from is None:
            return 0.0
        return max(0.0, (self.green_from - self.rate) * (self.reached + self.dropped))


def _number(value: object) -> float | None:
    return None if value is None or pd.isna(value) else float(str(value))  # type: ignore[call-overload]


def _is_first(row: dict[Hashable, object], kind: str) -> bool:
    return kind == "step" and int(str(row["step_number"])) == 1


def _amount(value: object) -> Decimal | None:
    return value if isinstance(value, Decimal) else None


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def read_steps(steps: pd.DataFrame, kind: str = "step") -> list[Step]:
    """The steps (or the outcomes) of a funnel, in order."""
    chosen = steps[steps["step_kind"] == kind]
    return [
        Step(
            number=int(row["step_number"]),
            name=str(row["step_name"]),
            label_en=_text(row["label_en"]),
            label_zh=_text(row["label_zh"]),
            reached=int(row["reached_count"]),
            open=int(row["open_count"]),
            dropped=int(row["dropped_count"]),
            dropped_amount=_amount(row["dropped_amount"]),
            open_amount=_amount(row["open_amount"]),
            reached_amount=_amount(row["reached_amount"]),
            window_hours=_number(row["window_hours"]),
            green_from=_number(row["green_from"]),
            amber_from=_number(row["amber_from"]),
            currency_code=_text(row["currency_code"]) or "",
            is_first=_is_first(row, kind),
            rate=None if _is_first(row, kind) else _number(row["conversion_rate"]),
        )
        for row in chosen.to_dict("records")
    ]


def worst_step(steps: Sequence[Step]) -> Step | None:
    """The step that loses most orders against its green threshold.

    When every step is green, it is the one where most orders drop; None when none drops.
    """
    later = [step for step in steps if not step.is_first and step.dropped > 0]
    if not later:
        return None
    return max(later, key=lambda step: (step.missing_orders, step.dropped))


@dataclass(frozen=True)
class Part:
    """A channel's part of a gap; amounts are None when the scope has several currencies."""

    channel: str
    orders: Decimal
    amount: Decimal | None


@dataclass(frozen=True)
class Gap:
    """How far a step is from its usual conversion, in orders, and what each channel adds to it.

    `parts` add up to `orders` and `amount` exactly. What is usual is the median of the same weekday
    in the four weeks before, channel by channel, so a shift between channels is no gap.
    """

    step_number: int
    decided: int
    reached: int
    expected: Decimal
    amount: Decimal | None
    currency_code: str
    green_from: float | None
    amber_from: float | None
    minimum_orders: int
    parts: tuple[Part, ...]

    @property
    def orders(self) -> Decimal:
        """Orders above (positive) or below what is usual."""
        return self.reached - self.expected

    @property
    def rate(self) -> float | None:
        """Conversion of the decided orders that have a usual conversion to compare with."""
        return share(self.reached, self.decided)

    @property
    def usual_rate(self) -> float | None:
        """Conversion that these orders would have had as usual."""
        return share(self.expected, self.decided)

    @property
    def grade(self) -> Grade:
        """Colour of the deviation; `none` with too few orders to tell."""
        if self.decided < self.minimum_orders:
            return "none"
        return grade(share(self.orders, self.decided), self.green_from, self.amber_from)

    @property
    def leading(self) -> Part | None:
        """The channel that explains most of the gap, if it is a shortfall."""
        return min(self.parts, key=lambda part: part.orders) if self.orders < 0 else None


def read_gaps(deviations: pd.DataFrame) -> list[Gap]:
    """The gap of each step, in order, from rows of `load_deviations`."""
    gaps: dict[int, Gap] = {}
    for row in deviations.to_dict("records"):
        number = int(row["step_number"])
        part = Part(str(row["channel"]), Decimal(row["gap_count"]), _amount(row["gap_amount"]))
        amounts = [gaps[number].amount, part.amount] if number in gaps else [part.amount]
        known = gaps.get(number)
        gaps[number] = Gap(
            step_number=number,
            decided=int(row["decided_count"]) + (known.decided if known else 0),
            reached=int(row["reached_count"]) + (known.reached if known else 0),
            expected=Decimal(row["expected_count"]) + (known.expected if known else 0),
            amount=None if None in amounts else sum(filter(None, amounts), Decimal(0)),
            currency_code=_text(row["currency_code"]) or "",
            green_from=_number(row["green_from"]),
            amber_from=_number(row["amber_from"]),
            minimum_orders=int(_number(row["minimum_orders"]) or 0),
            parts=(*(known.parts if known else ()), part),
        )
    return [gaps[number] for number in sorted(gaps)]


def worst_gap(gaps: Sequence[Gap]) -> Gap | None:
    """The step that is amber or red against its usual conversion and lacks most orders."""
    lacking = [gap for gap in gaps if gap.grade in ("amber", "red")]
    return min(lacking, key=lambda gap: gap.orders) if lacking else None
