"""On which terms orders are sold: deposits before a sale, who bears a discount, and at which level.

A stage with its own random stream that changes nothing in the world: totals, payments and times
stay; it only tells how the same discount and the same payment came about. The files don't show it.

Assumptions: a pre-sale's deposit is paid halfway between order and payment, and never for an order
that stays unpaid; its payment is the one of the world, deposit included.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from connectors.sandbox.platforms import CHANNELS, DOUYIN, SALE, TMALL
from connectors.sandbox.retailer import World
from connectors.sandbox.world import NEVER, Flags, Ints

PRESALE_SHARE: Final = 0.03
LEAST_PRESALE_FEN: Final = 20_000
DEPOSIT_PERCENT: Final = 10
ORDER_DISCOUNT_SHARE: Final = 0.4
PLATFORM_PERCENTS: Final = (0, 50, 100)
PLATFORM_SHARES: Final = (0.6, 0.3, 0.1)
AUTHOR_PERCENT: Final = 20
AUTHOR_SHARE: Final = 0.15


@dataclass(frozen=True)
class Terms:
    """One element per order, but `platform_cost` and `author_cost`: one per line, in fen.

    Attributes:
        is_presale: sold before it is there: a deposit first, the rest later.
        deposit: fen of the deposit, 0 for other orders.
        deposit_paid_at: local seconds, `NEVER` without a deposit or for orders never paid.
        has_order_discount: its discount is one of the order, told line by line as a share.
        platform_cost: part of the line's discount that the platform pays to the seller.
        author_cost: part of the line's discount that the live host pays to the seller.
    """

    is_presale: Flags
    deposit: Ints
    deposit_paid_at: Ints
    has_order_discount: Flags
    platform_cost: Ints
    author_cost: Ints


def agree_terms(world: World) -> Terms:
    """The terms of every order; the same world has the same terms."""
    random = world.config.random("terms")
    orders, paid_at = world.orders, world.journeys.paid_at
    count = len(orders)
    online = np.isin(orders.channel, (TMALL, DOUYIN)) & (orders.order_type == SALE)
    is_presale = online & (orders.total >= LEAST_PRESALE_FEN)
    is_presale &= random.random(count) < PRESALE_SHARE
    has_deposit = is_presale & (paid_at != NEVER)
    halfway = orders.created_at + (np.where(has_deposit, paid_at, 0) - orders.created_at) // 2
    # Deposits are whole yuan.
    deposit = orders.total * DEPOSIT_PERCENT // 10_000 * 100
    has_order_discount = (orders.channel == TMALL) & (random.random(count) < ORDER_DISCOUNT_SHARE)
    platform = random.choice(PLATFORM_PERCENTS, count, p=PLATFORM_SHARES)
    author = np.where(random.random(count) < AUTHOR_SHARE, AUTHOR_PERCENT, 0)
    platform_cost, author_cost = _borne_by_others(world, platform, author)
    return Terms(
        is_presale=is_presale,
        deposit=np.where(is_presale, deposit, 0),
        deposit_paid_at=np.where(has_deposit, halfway, NEVER),
        has_order_discount=has_order_discount,
        platform_cost=platform_cost,
        author_cost=author_cost,
    )


def describe_terms(world: World, terms: Terms, as_of: int) -> dict[str, dict[str, int]]:
    """Figures per channel by a time: pre-sales, waiting deposits, discounts by who bears them.

    Amounts in fen, from corrected prices: an order that is still shown too high differs.

    Args:
        world: the tables of truth.
        terms: of the same world.
        as_of: local seconds; what happens later has not happened.
    """
    orders, lines = world.orders, world.lines
    full = lines.list_price * lines.quantity
    of_order = np.where(terms.has_order_discount[lines.order], full - lines.amount, 0)
    waiting = (terms.deposit_paid_at <= as_of) & (world.journeys.paid_at > as_of)
    figures = {}
    for code, name in enumerate(CHANNELS):
        mine = (orders.channel == code) & (orders.created_at <= as_of)
        rows = mine[lines.order]
        figures[name] = {
            "presales": int((mine & terms.is_presale).sum()),
            "waiting_deposits": int((mine & waiting).sum()),
            "waiting_deposit_fen": int(terms.deposit[mine & waiting].sum()),
            "discount_fen": int((full - lines.amount)[rows].sum()),
            "order_discount_fen": int(of_order[rows].sum()),
            "platform_cost_fen": int(terms.platform_cost[rows].sum()),
            "author_cost_fen": int(terms.author_cost[rows].sum()),
        }
    return figures


def _borne_by_others(world: World, platform: Ints, author: Ints) -> tuple[Ints, Ints]:
    """Fen per line of Douyin sale orders that the platform and the host pay."""
    lines, orders = world.lines, world.orders
    full = lines.list_price * lines.quantity
    sale = (orders.channel == DOUYIN) & (orders.order_type == SALE)
    discount = np.where(sale[lines.order], full - lines.amount, 0)
    by_platform = discount * platform[lines.order] // 100
    by_author = np.minimum(discount * author[lines.order] // 100, discount - by_platform)
    return by_platform, by_author
