"""What customers and distributors answer when they are asked how satisfied they are.

A stage with its own random stream, made from a finished `World` that it doesn't change. Whoever got
all parcels of an order may be asked; distributors are asked at the end of a month. Each response
answers two questions: satisfaction from 1 to 5 and willingness to recommend from 0 to 10.

The planted truth: who waited longer than was promised is satisfied in 40 of 100 responses, who
waited more than sixty hours within the promise in 50, everybody else in 85; distributors in 70.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

import numpy as np

from connectors.sandbox.parcel_table import list_parcels
from connectors.sandbox.platforms import SALE, STORE
from connectors.sandbox.retailer import World
from connectors.sandbox.world import DAY, HOUR, NEVER, Flags, Floats, Ints

CUSTOMER, PARTNER = range(2)
QUICK, SLOW, LATE, TRADE = range(4)
SATISFACTION_SHARES: Final = (
    (0.02, 0.03, 0.10, 0.40, 0.45),
    (0.10, 0.15, 0.25, 0.30, 0.20),
    (0.15, 0.20, 0.25, 0.25, 0.15),
    (0.03, 0.07, 0.20, 0.45, 0.25),
)
"""Of each experience, how many give 1, 2, 3, 4 and 5."""
RECOMMENDATION_SHARES: Final = (
    (0.01, 0.01, 0.01, 0.02, 0.03, 0.04, 0.05, 0.12, 0.18, 0.25, 0.28),
    (0.03, 0.03, 0.04, 0.06, 0.06, 0.09, 0.11, 0.16, 0.16, 0.15, 0.11),
    (0.05, 0.05, 0.06, 0.07, 0.08, 0.10, 0.12, 0.15, 0.12, 0.12, 0.08),
    (0.01, 0.01, 0.02, 0.03, 0.03, 0.05, 0.07, 0.20, 0.25, 0.20, 0.13),
)
"""Of each experience, how many give 0 to 10."""
SLOW_SECONDS: Final = 60 * HOUR
UNNAMED_SHARE: Final = 0.1
"""Share of the customers' responses that name no order."""
PARTNER_SHARE: Final = 0.6
_SAME_MOOD_SHARE: Final = 0.7


@dataclass(frozen=True)
class Responses:
    """One element per response, in the order in which they were handed in.

    Attributes:
        kind: CUSTOMER or PARTNER.
        respondent: row of the account, or of the distributor.
        order: row of the order that it names; -1 for none.
        is_late: whether a parcel of the order that it is about came after its promise.
        answered_at: local seconds.
        satisfaction: 1 to 5.
        recommendation: 0 to 10.
    """

    kind: Ints
    respondent: Ints
    order: Ints
    is_late: Flags
    answered_at: Ints
    satisfaction: Ints
    recommendation: Ints

    def __len__(self) -> int:
        return len(self.kind)


def simulate_surveys(world: World) -> Responses:
    """All responses of the window; the same world has the same. None without the scenario."""
    config, orders = world.config, world.orders
    random = config.random("surveys")
    delivered_at, is_late, waited = _deliveries(world)
    asked = (orders.order_type == SALE) & (orders.channel != STORE) & (orders.account >= 0)
    asked &= (delivered_at <= config.end_second) & (
        random.random(len(orders)) < config.scenario.survey_share
    )
    about = np.flatnonzero(asked)
    answered_at = delivered_at[about] + _hours(random, len(about), typical=20.0)
    experience = np.where(waited[about] > SLOW_SECONDS, SLOW, QUICK)
    experience = np.where(is_late[about], LATE, experience)
    order = np.where(random.random(len(about)) < UNNAMED_SHARE, -1, about)
    partner, partner_at = _partners(world, random)
    experience = np.concatenate([experience, np.full(len(partner), TRADE)])
    mood = random.random(len(experience))
    same = random.random(len(experience)) < _SAME_MOOD_SHARE
    other_mood = np.where(same, mood, random.random(len(experience)))
    responses = Responses(
        kind=np.concatenate([np.full(len(about), CUSTOMER), np.full(len(partner), PARTNER)]),
        respondent=np.concatenate([orders.account[about], partner]),
        order=np.concatenate([order, np.full(len(partner), -1)]),
        is_late=np.concatenate([is_late[about], np.zeros(len(partner), dtype=np.bool_)]),
        answered_at=np.concatenate([answered_at, partner_at]),
        satisfaction=_drawn(SATISFACTION_SHARES, experience, mood) + 1,
        recommendation=_drawn(RECOMMENDATION_SHARES, experience, other_mood),
    )
    handed_in = np.flatnonzero(responses.answered_at <= config.end_second)
    by_time = handed_in[np.argsort(responses.answered_at[handed_in], kind="stable")]
    return Responses(**{name: values[by_time] for name, values in vars(responses).items()})


def describe_surveys(responses: Responses) -> dict[str, dict[str, int]]:
    """Figures of the responses: of customers by how the order that they name came, of partners."""
    customer, named = responses.kind == CUSTOMER, responses.order >= 0
    parts = {
        "customer_late": customer & named & responses.is_late,
        "customer_on_time": customer & named & ~responses.is_late,
        "customer_not_named": customer & ~named,
        "partner": responses.kind == PARTNER,
    }
    figures: dict[str, Any] = {
        "responses": True,
        "satisfied": responses.satisfaction >= 4,
        "promoters": responses.recommendation >= 9,
        "detractors": responses.recommendation <= 6,
    }
    return {
        part: {name: int(np.sum(belongs & counted)) for name, counted in figures.items()}
        for part, belongs in parts.items()
    }


def _deliveries(world: World) -> tuple[Ints, Flags, Ints]:
    """Of each order: when its last parcel came, whether one came late, how long the last took."""
    parcels, count = list_parcels(world), len(world.orders)
    last = np.full(count, -1, dtype=np.int64)
    np.maximum.at(last, parcels.order, parcels.delivered_at)
    first_shipped = np.full(count, NEVER, dtype=np.int64)
    np.minimum.at(first_shipped, parcels.order, parcels.shipped_at)
    late = np.zeros(count, dtype=np.bool_)
    np.logical_or.at(late, parcels.order, parcels.delivered_at > parcels.promised_at)
    waited = np.where(last < NEVER, last - np.minimum(first_shipped, last), 0)
    return last, late, waited


def _partners(world: World, random: np.random.Generator) -> tuple[Ints, Ints]:
    """Who of the distributors answers, and when: in the office hours of a month's last day."""
    config = world.config
    count = config.scenario.distributors
    ends = [day for day in range(config.days) if (config.date_of(day) + timedelta(days=1)).day == 1]
    if not ends or not count:
        return np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64)
    asked = np.tile(np.arange(count), len(ends))
    day = np.repeat(np.array(ends), count)
    answers = np.flatnonzero(random.random(len(asked)) < PARTNER_SHARE)
    since = random.integers(9 * HOUR, 18 * HOUR, len(answers))
    return asked[answers], config.start_second + day[answers] * DAY + since


def _hours(random: np.random.Generator, count: int, *, typical: float) -> Ints:
    """Seconds until somebody answers: mostly within a day or two, at the latest after ten."""
    waited: Floats = random.lognormal(np.log(typical), 0.9, count)
    return np.minimum((waited * HOUR).astype(np.int64) + 60, 10 * DAY)


def _drawn(shares: tuple[tuple[float, ...], ...], experience: Ints, mood: Floats) -> Ints:
    """The score of each mood (0 to 1, the higher the happier) after each experience."""
    bounds = np.cumsum(np.array(shares), axis=1)[:, :-1]
    scores: Ints = (mood[:, np.newaxis] >= bounds[experience]).sum(axis=1)
    return scores
