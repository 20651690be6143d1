"""Who comes to the web shop and how far they get: sessions with the events that analytics counts.

A stage with its own random stream, made from a `World` that it doesn't change. The web shop's
orders are purchases of visits, but for those whose buyers refused consent; all other visits leave
on the way.
"""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from connectors.sandbox.platforms import SALE, SHOPIFY
from connectors.sandbox.retailer import World
from connectors.sandbox.world import MINUTE, NEVER, Flags, Ints, choose_weighted

EVENTS: Final = (
    "session_start",
    "page_view",
    "view_item",
    "add_to_cart",
    "begin_checkout",
    "purchase",
)
SESSION_START, PAGE_VIEW, VIEW_ITEM, ADD_TO_CART, BEGIN_CHECKOUT, PURCHASE = range(6)
STAY_SHARES: Final = (0.45, 0.30, 0.40)
"""Share of those who see a page and leave on the way that see an article, put it into the cart,
begin the checkout; each of those who did the one before."""
REFUSED_CONSENT_SHARE: Final = 0.08
DEVICES: Final = ("mobile", "desktop", "tablet")
_DEVICE_SHARES = (0.78, 0.19, 0.03)

TRAFFIC: Final = (
    ("google", "organic", ""),
    ("google", "cpc", "baby-care"),
    ("(direct)", "(none)", ""),
    ("xiaohongshu", "social", "mums"),
    ("newsletter", "email", "weekly"),
    ("baidu", "organic", ""),
)
"""Source, medium and campaign of the visits."""
TRAFFIC_SHARES: Final = (0.28, 0.17, 0.22, 0.18, 0.06, 0.09)
_STEP_SECONDS = (3, 90)


@dataclass(frozen=True)
class Visits:
    """One element per visit, in the order of their start.

    Attributes:
        started_at: local seconds of the first event.
        visitor: number of the browser.
        traffic: position in `TRAFFIC`.
        device: position in `DEVICES`.
        sku: the article looked at.
        deepest: position in `EVENTS` of the last step reached.
        order: row of the order that was placed; -1 for none.
        step_at: events x visits: local seconds of each, `NEVER` for those that didn't happen.
    """

    started_at: Ints
    visitor: Ints
    traffic: Ints
    device: Ints
    sku: Ints
    deepest: Ints
    order: Ints
    step_at: Ints

    def __len__(self) -> int:
        return len(self.started_at)


def simulate_visits(world: World) -> Visits:
    """All visits of the window; the same world has the same. None without the scenario."""
    config, orders = world.config, world.orders
    random = config.random("visits")
    share = config.scenario.visit_conversion
    buys = (orders.channel == SHOPIFY) & (orders.order_type == SALE)
    buys &= random.random(len(orders)) >= REFUSED_CONSENT_SHARE
    bought = np.flatnonzero(buys) if share > 0 else np.empty(0, dtype=np.int64)
    lost = random.poisson(len(bought) * (1 - share) / share) if len(bought) else 0
    count = len(bought) + lost
    like = np.concatenate([bought, random.choice(bought, lost) if lost else bought[:0]])
    deepest = np.full(count, PURCHASE)
    deepest[len(bought) :] = PAGE_VIEW + _stays(random, lost)
    gaps = random.integers(*_STEP_SECONDS, (len(EVENTS), count))
    gaps[SESSION_START] = 0
    steps = np.cumsum(gaps, axis=0)
    # A purchase happens when its order was placed; the others start near some purchase.
    ends = orders.created_at[like] - np.where(
        np.arange(count) < len(bought), 0, random.integers(-60 * MINUTE, 60 * MINUTE, count)
    )
    ends = np.clip(ends, config.start_second, config.end_second)
    started_at = np.maximum(ends - steps[-1], config.start_second)
    step_at = started_at + steps
    step_at[PURCHASE] = np.where(deepest == PURCHASE, ends, NEVER)
    reached = np.arange(len(EVENTS))[:, None] <= deepest
    step_at = config.happened(np.where(reached, np.minimum(step_at, ends), NEVER))
    by_time = np.argsort(started_at, kind="stable")
    order = np.concatenate([bought, np.full(lost, -1)])
    return Visits(
        started_at=started_at[by_time],
        visitor=_browsers(random, world, order[by_time], started_at[by_time]),
        traffic=choose_weighted(random, np.array(TRAFFIC_SHARES), count),
        device=choose_weighted(random, np.array(_DEVICE_SHARES), count),
        sku=world.lines.sku[orders.first_line[like]][by_time],
        deepest=deepest[by_time],
        order=order[by_time],
        step_at=step_at[:, by_time],
    )


def describe_visits(visits: Visits) -> dict[str, Any]:
    """How many visits reached each step, in all and by the medium they came by."""

    def counted(belongs: Flags) -> dict[str, int]:
        reached = (visits.step_at != NEVER) & belongs
        return {"visits": int(belongs.sum())} | {
            name: int(reached[code].sum()) for code, name in enumerate(EVENTS) if code >= VIEW_ITEM
        }

    everybody = np.ones(len(visits), dtype=np.bool_)
    mediums = sorted({medium for _, medium, _ in TRAFFIC})
    of_medium = {
        name: np.isin(visits.traffic, [n for n, row in enumerate(TRAFFIC) if row[1] == name])
        for name in mediums
    }
    return {
        "all": counted(everybody),
        "by_medium": {name: counted(flags) for name, flags in of_medium.items()},
        "events": int((visits.step_at != NEVER).sum()),
    }


def _stays(random: np.random.Generator, count: int) -> Ints:
    """How many steps beyond the first page each visit goes that ends without a purchase."""
    passes = random.random((len(STAY_SHARES), count)) < np.array(STAY_SHARES)[:, None]
    steps: Ints = np.cumprod(passes, axis=0).sum(axis=0)
    return steps


def _browsers(random: np.random.Generator, world: World, order: Ints, started_at: Ints) -> Ints:
    """A known buyer has one browser; other visits share half as many browsers as there are visits.

    No browser begins two visits in one second: the second one is another browser's.
    """
    count = len(order)
    strangers = random.integers(0, max(count // 2, 1), count)
    first = len(world.accounts)
    visitor = np.where(order >= 0, world.orders.account[order], first + strangers)
    _, kept = np.unique(np.stack([visitor, started_at]), axis=1, return_index=True)
    again = np.ones(count, dtype=np.bool_)
    again[kept] = False
    return np.where(again, first + count + np.arange(count), visitor)
