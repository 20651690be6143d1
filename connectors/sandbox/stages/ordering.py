"""Orders and their lines: who buys what, when and at which price.

Here: demand per channel and day (weekday, trend, promotions, the planted low day), order times,
buyers, lines, samples and the planted very large orders. Not here: anything after the order.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from connectors.sandbox.platforms import CHANNELS, DOUYIN, SALE, SAMPLE, SHANGHAI, STORE, TMALL
from connectors.sandbox.stages.catalogue import CATEGORIES, Products
from connectors.sandbox.stages.people import CHANNEL_SHARES, Accounts
from connectors.sandbox.world import (
    HOUR,
    Flags,
    Floats,
    Ints,
    WorldConfig,
    choose_distinct,
    choose_weighted,
)

# Monday to Sunday per channel; hours 0 to 23 per channel (Douyin peaks in the evening shows).
WEEKDAY_FACTORS: Final = (
    (0.97, 0.94, 0.95, 0.97, 1.02, 1.08, 1.07),
    (0.90, 0.90, 0.94, 0.98, 1.06, 1.14, 1.08),
    (0.78, 0.78, 0.80, 0.86, 1.04, 1.40, 1.34),
    (1.04, 1.02, 1.01, 1.00, 0.96, 0.95, 1.02),
)
_HOUR_WEIGHTS = (
    (3, 2, 1, 1, 1, 1, 2, 4, 6, 8, 10, 10, 9, 8, 8, 8, 8, 8, 8, 9, 11, 12, 10, 6),
    (4, 2, 1, 1, 1, 1, 1, 2, 2, 3, 4, 4, 4, 4, 4, 4, 4, 5, 8, 16, 26, 28, 20, 9),
    (0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 6, 8, 8, 7, 8, 9, 10, 11, 11, 11, 8, 5, 0, 0),
    (8, 8, 8, 8, 7, 6, 6, 5, 5, 5, 5, 5, 5, 5, 5, 5, 6, 6, 6, 7, 7, 8, 8, 8),
)
TREND_OVER_WINDOW: Final = 0.12
DAY_NOISE_SD: Final = 0.04
DOUBLE_ELEVEN: Final = (11, 11)
PROMOTION_FACTORS: Final = (2.2, 2.0, 1.3, 1.6)
LOW_DAY_FACTOR: Final = 0.25
LOW_DAY_CHANNEL: Final = DOUYIN
_FEWEST_DAYS_FOR_PROMOTION = 14
_FEWEST_DAYS_FOR_TWO_PROMOTIONS = 45
_FEWEST_DAYS_FOR_LOW_DAY = 3

LINE_COUNT_SHARES: Final = (0.55, 0.27, 0.12, 0.06)
DISCOUNT_PERCENTS: Final = (100, 95, 90, 80)
_DISCOUNT_SHARES = (0.72, 0.12, 0.10, 0.06)
_PROMOTION_DISCOUNT_SHARES = (0.30, 0.15, 0.30, 0.25)
DEAR_FEN = 60_000
SAMPLE_SHARE: Final = 0.006
LARGE_ORDER_SHARE: Final = 0.00012
LARGE_FEN: Final = (1_000_000, 3_000_000)
VERY_LARGE_FEN: Final = (5_000_000, 9_000_000)
_RECENT_DAYS = 3


@dataclass(frozen=True)
class Orders:
    """One element per order, in the order of creation. `account` is -1 for unknown buyers."""

    channel: Ints
    day: Ints
    created_at: Ints
    account: Ints
    order_type: Ints
    province: Ints
    number: Ints
    total: Ints
    first_line: Ints
    line_count: Ints

    def __len__(self) -> int:
        return len(self.channel)


@dataclass(frozen=True)
class Lines:
    """One element per order line, grouped by order. Prices and amounts in fen.

    `list_price` is that of the time of the order, `unit_price` what was agreed.
    """

    order: Ints
    line_no: Ints
    sku: Ints
    quantity: Ints
    list_price: Ints
    unit_price: Ints
    discount_percent: Ints
    amount: Ints

    def __len__(self) -> int:
        return len(self.order)


@dataclass(frozen=True)
class Plan:
    """What was planned about demand: kept for the truth file."""

    expected_orders: Floats
    promotion_days: tuple[int, ...]
    low_day: int | None
    large_orders: Ints


def simulate_orders(
    config: WorldConfig, products: Products, accounts: Accounts
) -> tuple[Orders, Lines, Plan]:
    """All orders of the window with their lines, and what was planned about them."""
    random = config.random("orders")
    expected, promotions, low_day = _plan_demand(config)
    counts = random.poisson(expected)
    channel = np.repeat(np.tile(np.arange(len(CHANNELS)), config.days), counts.ravel())
    day = np.repeat(np.repeat(np.arange(config.days), len(CHANNELS)), counts.ravel())
    created_at = config.start_second + day * 86_400 + _seconds_of_day(random, channel)
    by_time = np.argsort(created_at, kind="stable")
    channel, day, created_at = channel[by_time], day[by_time], created_at[by_time]
    account = _choose_buyers(config, random, accounts, channel)
    online = channel != STORE
    is_sample = online & (random.random(len(channel)) < SAMPLE_SHARE)
    order_type = np.where(is_sample, SAMPLE, SALE)
    line_count = 1 + choose_weighted(random, np.array(LINE_COUNT_SHARES), len(channel))
    first_line = np.cumsum(line_count) - line_count
    order = np.repeat(np.arange(len(channel)), line_count)
    sku = _choose_products(config, random, products, channel[order], day[order])
    quantity = _choose_quantities(random, products, sku)
    percent = _choose_discounts(random, np.isin(day[order], promotions))
    percent = np.where(is_sample[order], 0, percent)
    large, sku, quantity, percent = _plant_large_orders(
        config,
        products,
        candidates=np.flatnonzero((channel == TMALL) & ~is_sample),
        day=day,
        first_line=first_line,
        sku=sku,
        quantity=np.where(is_sample[order], 1, quantity),
        percent=percent,
    )
    list_price = products.prices_at(sku, created_at[order])
    unit_price = list_price * percent // 100
    amount = unit_price * quantity
    total = np.add.reduceat(amount, first_line) if len(amount) else amount
    province = np.where(account >= 0, accounts.province[account], SHANGHAI)
    orders = Orders(
        channel=channel,
        day=day,
        created_at=created_at,
        account=account,
        order_type=order_type,
        province=np.where(online, province, SHANGHAI),
        number=number_orders(random, channel),
        total=total,
        first_line=first_line,
        line_count=line_count,
    )
    lines = Lines(
        order=order,
        line_no=np.arange(len(order)) - first_line[order] + 1,
        sku=sku,
        quantity=quantity,
        list_price=list_price,
        unit_price=unit_price,
        discount_percent=percent,
        amount=amount,
    )
    plan = Plan(
        expected_orders=expected, promotion_days=promotions, low_day=low_day, large_orders=large
    )
    return orders, lines, plan


def _plan_demand(config: WorldConfig) -> tuple[Floats, tuple[int, ...], int | None]:
    """Expected orders per day and channel, the promotion days and the planted low day."""
    random = config.random("demand")
    days = np.arange(config.days)
    weekday = (config.start_date.weekday() + days) % 7
    expected = np.array(WEEKDAY_FACTORS).T[weekday] * np.array(CHANNEL_SHARES)
    expected *= (1 + TREND_OVER_WINDOW * (days / config.days - 0.5))[:, None]
    expected *= random.lognormal(0.0, DAY_NOISE_SD, expected.shape)
    promotions: list[int] = []
    if config.days >= _FEWEST_DAYS_FOR_PROMOTION:
        promotions.append(int(config.days * 0.6))
    if config.days >= _FEWEST_DAYS_FOR_TWO_PROMOTIONS:
        promotions.append(int(config.days * 0.25))
    expected[promotions] *= np.array(PROMOTION_FACTORS)
    for day in config.days_of(*DOUBLE_ELEVEN):
        if day not in promotions and config.scenario.double_eleven_factor > 1:
            promotions.append(day)
            expected[day] *= config.scenario.double_eleven_factor
    expected *= config.days * config.orders_per_day / expected.sum()
    low_day = config.days - 2 if config.days >= _FEWEST_DAYS_FOR_LOW_DAY else None
    if low_day is not None:
        expected[low_day, LOW_DAY_CHANNEL] *= LOW_DAY_FACTOR
    return expected, tuple(sorted(promotions)), low_day


def _seconds_of_day(random: np.random.Generator, channel: Ints) -> Ints:
    seconds = random.integers(0, HOUR, len(channel))
    for code, weights in enumerate(_HOUR_WEIGHTS):
        of_channel = np.flatnonzero(channel == code)
        hours = choose_weighted(random, np.array(weights, dtype=np.float64), len(of_channel))
        seconds[of_channel] += hours * HOUR
    return seconds


def _choose_buyers(
    config: WorldConfig, random: np.random.Generator, accounts: Accounts, channel: Ints
) -> Ints:
    chosen = np.full(len(channel), -1, dtype=np.int64)
    for code in range(len(CHANNELS)):
        of_channel = np.flatnonzero(channel == code)
        members = np.flatnonzero(accounts.channel == code)
        drawn = choose_weighted(random, accounts.weight[members], len(of_channel))
        chosen[of_channel] = members[drawn]
    anonymous = (channel == STORE) & (random.random(len(channel)) < config.anonymous_store_share)
    chosen[anonymous] = -1
    return chosen


def _choose_products(
    config: WorldConfig, random: np.random.Generator, products: Products, channel: Ints, day: Ints
) -> Ints:
    """Draw each line's SKU from the weights of its channel and day, all in one search."""
    days = np.arange(config.days)
    weekend = ((config.start_date.weekday() + days) % 7 >= 5).astype(np.float64)
    factors = np.array([c.weekend_factor for c in CATEGORIES])[products.category]
    weights = products.channel_weights[:, None, :] * factors ** weekend[None, :, None]
    weights = weights * np.exp(products.growth * (days / config.days - 0.5)[:, None])
    bounds = np.cumsum(weights.reshape(-1, len(products)), axis=1)
    bounds /= bounds[:, -1:]
    block = channel * config.days + day
    everything = (bounds + np.arange(len(bounds))[:, None]).ravel()
    found = np.searchsorted(everything, block + random.random(len(block)), side="right")
    return np.clip(found - block * len(products), 0, len(products) - 1)


def _choose_quantities(random: np.random.Generator, products: Products, sku: Ints) -> Ints:
    stockpiled = products.category <= 1  # formula and diapers are bought in several packs
    draws = random.random(len(sku))
    single = np.searchsorted(np.array([0.80, 0.95, 1.0]), draws, side="right")
    several = np.searchsorted(np.array([0.45, 0.75, 0.88, 1.0]), draws, side="right")
    quantity = 1 + np.where(stockpiled[sku], np.minimum(several, 3), np.minimum(single, 2))
    return np.where(products.list_price[sku] > DEAR_FEN, 1, quantity)


def _choose_discounts(random: np.random.Generator, on_promotion: Flags) -> Ints:
    draws = random.random(len(on_promotion))
    usual = np.searchsorted(np.cumsum(_DISCOUNT_SHARES)[:-1], draws, side="right")
    peak = np.searchsorted(np.cumsum(_PROMOTION_DISCOUNT_SHARES)[:-1], draws, side="right")
    return np.array(DISCOUNT_PERCENTS)[np.where(on_promotion, peak, usual)]


def _plant_large_orders(
    config: WorldConfig,
    products: Products,
    *,
    candidates: Ints,
    day: Ints,
    first_line: Ints,
    sku: Ints,
    quantity: Ints,
    percent: Ints,
) -> tuple[Ints, Ints, Ints, Ints]:
    """Turn a few Tmall orders into company purchases; a third of them in the last days."""
    random = config.random("large orders")
    count = max(6, round(LARGE_ORDER_SHARE * len(day)))
    recent = choose_distinct(
        random, candidates[day[candidates] >= config.days - _RECENT_DAYS], count // 3
    )
    earlier = choose_distinct(
        random, candidates[day[candidates] < config.days - _RECENT_DAYS], count - count // 3
    )
    chosen = np.concatenate([earlier, recent])
    position = first_line[chosen]
    dearest = np.argsort(products.list_price, kind="stable")[-12:]
    sku[position] = random.choice(dearest, len(chosen))
    percent[position] = 100
    # Every third one is very large, so both the earlier and the recent ones have some.
    very_large = np.arange(len(chosen))[::-1] % 3 == 0
    low = np.where(very_large, VERY_LARGE_FEN[0], LARGE_FEN[0])
    high = np.where(very_large, VERY_LARGE_FEN[1], LARGE_FEN[1])
    target = low + (random.random(len(chosen)) * (high - low)).astype(np.int64)
    quantity[position] = target // products.list_price[sku[position]] + 1
    return chosen, sku, quantity, percent


def number_orders(random: np.random.Generator, channel: Ints) -> Ints:
    """Order numbers as the platforms give them: ascending, with gaps, above 2^53 in China."""
    number = np.empty(len(channel), dtype=np.int64)
    firsts = (285_300_000_000_000_000, 6_940_000_000_000_000_000, 1, 5_600_000_000_000)
    steps = (10_000_019, 10_000_079, 1, 32_771)
    for code, (first, step) in enumerate(zip(firsts, steps, strict=True)):
        of_channel = np.flatnonzero(channel == code)
        gaps = random.integers(0, step, len(of_channel))
        number[of_channel] = first + np.arange(len(of_channel)) * step + gaps
    return number
