"""What a simulated world is configured with, and the few notions every stage of it shares.

Here: the configuration, the clock (whole seconds of local time), the random streams.
Not here: anything that simulates. The one rule for random numbers: a stage asks for its own
stream by name, so that a new stage never changes what the older ones draw.
"""

import zlib
from dataclasses import asdict, dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np
import numpy.typing as npt

from connectors.errors import InputError

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

MINUTE, HOUR, DAY = 60, 3_600, 86_400
NEVER = int(np.iinfo(np.int64).max)
"""The time of an event that did not happen (yet): later than every real time."""

_MOST_DAYS = 1_000
_MOST_ORDERS = 20_000_000
_SCENARIO_RANGES = {
    "double_eleven_factor": (1, 20),
    "distributors": (0, 9_999),
    "suppliers": (0, 999),
}


@dataclass(frozen=True, kw_only=True)
class DefectRates:
    """How often each planted defect occurs; 0 switches it off, a positive rate plants at least one.

    Attributes:
        duplicate_rows: share of an entity's rows that are written twice, byte for byte.
        duplicate_in_next_file: share of those whose second copy is in the next day's file.
        late_orders: share of orders whose record and lines first appear 1 to 3 days late.
        edited_orders: share of orders first sent with a wrong amount and corrected on a later day.
        unmapped_status: share of the Tmall orders whose newest version has an unknown status.
        broken_rows: extra unreadable rows per order, for each kind of damage.
        bill_differences: share of the payments through a provider that its bill shows otherwise
            than the shop, for each kind of difference.
        late_scans: share of the carriers' scans that are uploaded hours after they were made.
        skewed_scanners: share of the carriers' hubs whose scanner's clock is off.
    """

    duplicate_rows: float = 0.002
    duplicate_in_next_file: float = 0.4
    late_orders: float = 0.004
    edited_orders: float = 0.003
    unmapped_status: float = 0.0005
    broken_rows: float = 0.0001
    bill_differences: float = 0.0005
    late_scans: float = 0.015
    skewed_scanners: float = 0.04

    def __post_init__(self) -> None:
        for name, rate in asdict(self).items():
            if not 0 <= rate <= 1:
                raise InputError(f"Defect rate {name} is {rate}: give a share between 0 and 1.")

    @classmethod
    def none(cls) -> "DefectRates":
        """A world whose files are clean."""
        return cls(
            duplicate_rows=0.0,
            duplicate_in_next_file=0.0,
            late_orders=0.0,
            edited_orders=0.0,
            unmapped_status=0.0,
            broken_rows=0.0,
            bill_differences=0.0,
            late_scans=0.0,
            skewed_scanners=0.0,
        )


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """What a world has beyond its plain trade; the default has nothing of it.

    Attributes:
        inquiry_conversion: share of the inquiries that become an order; 0 is no inquiries at all.
        visit_conversion: share of the visits of the web shop that become an order; 0 is no visits.
        follow_up_share: share of the buyers of infant formula who buy diapers within 90 days; 0
            leaves it to chance.
        repriced_share: share of the SKUs whose list price changes within the window.
        double_eleven_factor: demand of 11 November against another day's; 1 is a day like others.
        distributors: how many distributors buy on credit.
        fraud_order_share: share of the orders that fraud rings place.
        exchange_share: share of the delivered lines of which a piece is exchanged; of clothes and
            shoes three times as many.
        split_parcel_share: share of the delivered orders with several lines that go in two parcels.
        shrinkage_share: share of the deliveries of which pieces vanish, and of the returns that
            nobody books; 0 is no stock ledger and no list of sites at all.
        weighed_share: share of the SKUs whose weight is known; 0 is no column of weights.
        settlement_differences: share of the payments that a payment service reports otherwise than
            the shop, for each kind of difference; 0 is no reports and no bank statement.
        contact_slip_share: share of the accounts that write the person's name, phone, e-mail or
            birth date otherwise than their other account; 0 gives names and phones only, alike.
        survey_share: share of the delivered online orders whose buyers answer a survey; 0 is no
            surveys, neither of customers nor of distributors.
        suppliers: how many suppliers deliver the goods; 0 is no list of them and no purchase
            orders.
    """

    inquiry_conversion: float = 0.0
    visit_conversion: float = 0.0
    follow_up_share: float = 0.0
    repriced_share: float = 0.0
    double_eleven_factor: float = 1.0
    distributors: int = 0
    fraud_order_share: float = 0.0
    exchange_share: float = 0.0
    split_parcel_share: float = 0.0
    shrinkage_share: float = 0.0
    weighed_share: float = 0.0
    settlement_differences: float = 0.0
    contact_slip_share: float = 0.0
    survey_share: float = 0.0
    suppliers: int = 0

    def __post_init__(self) -> None:
        for name, value in asdict(self).items():
            low, high = _SCENARIO_RANGES.get(name, (0, 1))
            if not low <= value <= high:
                raise InputError(f"Scenario's {name} is {value}: give {low} to {high}.")

    @classmethod
    def full(cls) -> "Scenario":
        """Everything there is, as the demo shows it."""
        return cls(
            inquiry_conversion=0.05,
            visit_conversion=0.04,
            follow_up_share=0.6,
            repriced_share=0.1,
            double_eleven_factor=4.0,
            distributors=20,
            fraud_order_share=0.004,
            exchange_share=0.008,
            split_parcel_share=0.15,
            shrinkage_share=0.05,
            weighed_share=0.95,
            settlement_differences=0.001,
            contact_slip_share=0.08,
            survey_share=0.2,
            suppliers=14,
        )


@dataclass(frozen=True, kw_only=True)
class WorldConfig:
    """Everything that decides a simulated world: the same configuration gives the same bytes.

    Attributes:
        end_date: last business day; nothing happens after its last second.
        days: number of business days up to and including `end_date`.
        orders_per_day: mean over the window, all channels together.
        seed: chooses one world among the like ones.
        product_count: number of SKUs.
        anonymous_store_share: share of store sales without a member card (empty buyer id).
        defects: what is planted in the files; the world itself does not depend on it.
        scenario: what the world has beyond its plain trade.
    """

    end_date: date
    days: int = 60
    orders_per_day: int = 600
    seed: int = 7
    product_count: int = 300
    anonymous_store_share: float = 0.3
    defects: DefectRates = field(default_factory=DefectRates)
    scenario: Scenario = field(default_factory=Scenario)

    def __post_init__(self) -> None:
        if not 1 <= self.days <= _MOST_DAYS:
            raise InputError(f"days is {self.days}: give 1 to {_MOST_DAYS} business days.")
        if not 1 <= self.orders_per_day <= _MOST_ORDERS // self.days:
            raise InputError(
                f"orders_per_day is {self.orders_per_day}: give at least 1 and at most "
                f"{_MOST_ORDERS:,} orders over all {self.days} days."
            )
        if self.seed < 0:
            raise InputError(f"seed is {self.seed}: give a number from 0.")
        if self.product_count < 40:
            raise InputError(f"product_count is {self.product_count}: give at least 40 products.")
        if not 0 <= self.anonymous_store_share <= 1:
            raise InputError("anonymous_store_share must be a share between 0 and 1.")

    @property
    def start_date(self) -> date:
        """First business day."""
        return self.end_date - timedelta(days=self.days - 1)

    @property
    def start_second(self) -> int:
        """First second of the first day, in seconds of local time."""
        midnight = datetime.combine(self.start_date, datetime.min.time(), UTC)
        return int(midnight.timestamp())

    @property
    def end_second(self) -> int:
        """Last second of the last day: 23:59:59."""
        return self.start_second + self.days * DAY - 1

    def date_of(self, day: int) -> date:
        """The business date of a day number (0 is the first day)."""
        return self.start_date + timedelta(days=int(day))

    def days_of(self, month: int, day: int) -> list[int]:
        """The day numbers of the window that fall on a day of the year."""
        dates = ((number, self.date_of(number)) for number in range(self.days))
        return [number for number, date in dates if (date.month, date.day) == (month, day)]

    def day_numbers(self, times: Ints) -> Ints:
        """The day number in which each time falls; meaningless for `NEVER`."""
        return (times - self.start_second) // DAY

    def happened(self, times: Ints) -> Ints:
        """The times up to the end of the world; later ones have not happened: `NEVER`."""
        return np.where(times <= self.end_second, times, NEVER)

    def random(self, stage: str) -> np.random.Generator:
        """The stage's own stream of random numbers."""
        return np.random.default_rng([self.seed, zlib.crc32(stage.encode("ascii"))])

    def described(self) -> dict[str, Any]:
        """The configuration as plain values for the truth file."""
        values = asdict(self)
        values["end_date"] = self.end_date.isoformat()
        values["start_date"] = self.start_date.isoformat()
        values["anonymous_store_share"] = str(self.anonymous_store_share)
        for part in ("defects", "scenario"):
            values[part] = {name: str(value) for name, value in values[part].items()}
        return values


def choose_weighted(random: np.random.Generator, weights: Floats, count: int) -> Ints:
    """Draw `count` positions with probability proportional to `weights`."""
    bounds = np.cumsum(weights)
    drawn: Ints = np.searchsorted(bounds, random.random(count) * bounds[-1], side="right")
    return np.minimum(drawn, len(weights) - 1)


def choose_distinct(random: np.random.Generator, candidates: Ints, count: int) -> Ints:
    """Draw up to `count` different candidates, in ascending order."""
    count = min(count, len(candidates))
    chosen: Ints = np.sort(random.choice(candidates, size=count, replace=False, shuffle=False))
    return chosen


def planted_count(rate: float, population: int) -> int:
    """How many of a population a rate plants: at least one unless the rate is 0."""
    return max(1, round(rate * population)) if rate > 0 else 0
