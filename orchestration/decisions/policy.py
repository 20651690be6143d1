"""How careful the ledger is: when decisions go stale, and how many a rule may make a day."""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal


@dataclass(frozen=True)
class VolumePolicy:
    """When a rule makes so many decisions a day that a person should look first.

    Attributes:
        factor: times the median day.
        window_days: how many days before today the median is taken over; days without any count.
        minimum_days: a younger rule has no ceiling yet.
        floor: the ceiling is never lower, so that a quiet rule may speak up.
    """

    factor: Decimal = Decimal(3)
    window_days: int = 28
    minimum_days: int = 7
    floor: int = 20

    def ceiling(self, daily_counts: Sequence[int]) -> int | None:
        """Most decisions today; None when there is too little history.

        Args:
            daily_counts: decisions of each day since the rule's first one, at most `window_days`,
                today left out, days without any as 0.
        """
        if len(daily_counts) < self.minimum_days:
            return None
        typical = Decimal(str(statistics.median(daily_counts)))
        return max(int(self.factor * typical), self.floor)


@dataclass(frozen=True)
class LedgerPolicy:
    """What holds for all rules.

    Attributes:
        valid_for: how long a decision may wait before it is stale.
        valid_for_kind: the same for one kind of rule.
        volume: ceiling a rule and day.
    """

    valid_for: timedelta = timedelta(hours=72)
    valid_for_kind: Mapping[str, timedelta] = field(default_factory=dict)
    volume: VolumePolicy = field(default_factory=VolumePolicy)

    def validity(self, kind: str) -> timedelta:
        """How long a decision of this kind may wait."""
        return self.valid_for_kind.get(kind, self.valid_for)
