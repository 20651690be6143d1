"""Which orders get a planted defect: late, edited, unmapped. The world itself stays as it is.

Here: choices by rate, each of them recorded for the truth file. What the defects look like in the
files is in `records.py` (late, edited, unmapped, duplicate rows) and `damage.py` (broken rows).
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from connectors.sandbox.platforms import PAID, SALE, SHIPPED, TMALL
from connectors.sandbox.retailer import World
from connectors.sandbox.world import DAY, HOUR, NEVER, Ints, choose_distinct, planted_count

LATE_DAYS: Final = (1, 3)
_LEAST_OVERCHARGE_FEN = 100


@dataclass(frozen=True)
class DefectPlan:
    """The chosen orders, each group in ascending order and apart from the others.

    `first_day` and `edited_at` have one element per order of the world (0 / `NEVER` where nothing
    is planted). `overcharge` is the fen per piece by which the first line was first sent too high.
    """

    late_orders: Ints
    edited_orders: Ints
    unmapped_orders: Ints
    first_day: Ints
    edited_at: Ints
    overcharge: Ints


def plan_defects(world: World) -> DefectPlan:
    """Choose the orders that appear late, are edited later or end in an unknown status."""
    config, orders, rates = world.config, world.orders, world.config.defects
    random = config.random("defects")
    count = len(orders)
    untouched = np.ones(count, dtype=np.bool_)
    untouched[world.plan.large_orders] = False

    late_days = random.integers(LATE_DAYS[0], LATE_DAYS[1] + 1, count)
    in_time = orders.day + late_days < config.days
    late = choose_distinct(
        random, np.flatnonzero(untouched & in_time), planted_count(rates.late_orders, count)
    )
    untouched[late] = False
    first_day = orders.day.copy()
    first_day[late] += late_days[late]

    wanted_at = orders.created_at + random.integers(8 * HOUR, 3 * DAY, count)
    editable = (orders.order_type == SALE) & (wanted_at <= config.end_second)
    editable &= config.day_numbers(wanted_at) > orders.day
    edited = choose_distinct(
        random, np.flatnonzero(untouched & editable), planted_count(rates.edited_orders, count)
    )
    untouched[edited] = False
    edited_at = np.full(count, NEVER)
    edited_at[edited] = wanted_at[edited]
    overcharge = np.zeros(count, dtype=np.int64)
    price = world.lines.unit_price[orders.first_line[edited]]
    overcharge[edited] = np.maximum(price // 10, _LEAST_OVERCHARGE_FEN)

    tmall_sale = (orders.channel == TMALL) & (orders.order_type == SALE)
    running = np.isin(world.state, (PAID, SHIPPED))
    unmapped = choose_distinct(
        random,
        np.flatnonzero(untouched & tmall_sale & running),
        planted_count(rates.unmapped_status, int(tmall_sale.sum())),
    )
    return DefectPlan(
        late_orders=late,
        edited_orders=edited,
        unmapped_orders=unmapped,
        first_day=first_day,
        edited_at=edited_at,
        overcharge=overcharge,
    )
