"""The tables of truth of the simulated retailer: money, time, stock and planted regularities."""

import itertools
from datetime import date

import numpy as np
import pytest

from connectors.errors import InputError
from connectors.sandbox.platforms import (
    CHANNELS,
    DOUYIN,
    FAR_PROVINCES,
    PROVINCE_NAMES,
    SALE,
    STORE,
    YTO,
)
from connectors.sandbox.retailer import World, simulate
from connectors.sandbox.world import NEVER, DefectRates, WorldConfig

END = date(2026, 6, 30)


@pytest.fixture(scope="module")
def world() -> World:
    return simulate(WorldConfig(end_date=END, days=40, orders_per_day=400))


def test_lines_add_up_to_the_order_in_whole_fen(world: World) -> None:
    sums = [0] * len(world.orders)
    lines = world.lines
    for order, quantity, price, amount in zip(
        lines.order.tolist(),
        lines.quantity.tolist(),
        lines.unit_price.tolist(),
        lines.amount.tolist(),
        strict=True,
    ):
        assert amount == quantity * price
        sums[order] += amount
    assert sums == world.orders.total.tolist()


def test_nothing_happens_after_the_end_or_before_the_order(world: World) -> None:
    for name, times in vars(world.journeys).items():
        if name.endswith("_at") and name != "promised_at":
            happened = times != NEVER
            assert (times[happened] <= world.config.end_second).all(), name
            assert (times[happened] >= world.orders.created_at[happened]).all(), name
    assert (world.orders.created_at >= world.config.start_second).all()
    assert (world.orders.created_at <= world.config.end_second).all()
    assert (world.refunds.requested_at <= world.config.end_second).all()
    assert (world.accounts.registered_at <= world.config.end_second).all()


def test_a_journey_happens_in_its_order(world: World) -> None:
    journeys = world.journeys
    steps = [
        journeys.paid_at,
        journeys.allocated_at,
        journeys.labelled_at,
        journeys.shipped_at,
        journeys.out_for_delivery_at,
        journeys.delivered_at,
        journeys.completed_at,
    ]
    for earlier, later in itertools.pairwise(steps):
        both = (earlier != NEVER) & (later != NEVER)
        assert (earlier[both] <= later[both]).all()


def test_refunds_never_exceed_what_was_paid_or_bought(world: World) -> None:
    assert (world.refunded <= world.paid).all()
    refunds, lines = world.refunds, world.lines
    assert (refunds.quantity >= 1).all()
    assert (refunds.quantity <= lines.quantity[refunds.line]).all()
    assert len(np.unique(refunds.line)) == len(refunds)
    paid_at = world.journeys.paid_at[refunds.order]
    assert (paid_at < refunds.requested_at).all()


def test_share_of_refunded_orders_is_realistic(world: World) -> None:
    assert 0.045 < (world.refunded[world.paid > 0] > 0).mean() < 0.09


def test_stock_ledger_balances_and_is_never_negative(world: World) -> None:
    stock = world.stock
    yesterday = np.concatenate([stock.opening[None], stock.on_hand[:-1]])
    moved = stock.received + stock.restocked + stock.adjusted - stock.issued
    assert (stock.on_hand == yesterday + moved).all()
    for amounts in (stock.on_hand, stock.reserved, stock.inbound, stock.received):
        assert (amounts >= 0).all()
    assert (stock.on_hand[:, ~stock.carried] == 0).all()


def test_reserved_is_what_was_paid_but_neither_shipped_nor_cancelled(world: World) -> None:
    journeys, orders = world.journeys, world.orders
    waiting = (orders.channel != STORE) & (journeys.shipped_at == NEVER)
    waiting &= (journeys.paid_at != NEVER) | (orders.order_type != SALE)
    waiting &= journeys.cancelled_at == NEVER
    expected = world.lines.quantity[waiting[world.lines.order]].sum()
    assert world.stock.reserved[-1].sum() == expected


def test_planted_shortages_have_nothing_to_sell_on_the_last_day(world: World) -> None:
    stock, planted = world.stock, world.stock.shortage_skus
    assert len(planted) == 12
    position = stock.on_hand[-1] - stock.reserved[-1] + stock.inbound[-1]
    daily = stock.issued[:, 0].mean(axis=0)
    assert (position[0, planted] < 3 * daily[planted] + 1).all()


def test_low_channel_day_is_far_below_its_neighbours(world: World) -> None:
    day = world.plan.low_day
    assert day is not None
    counts = np.bincount(world.orders.day[world.orders.channel == DOUYIN], minlength=40)
    assert counts[day] < 0.45 * np.median(counts[day - 14 : day])


def test_douyin_pays_less_in_the_last_week(world: World) -> None:
    orders = world.orders
    douyin = (orders.channel == DOUYIN) & (orders.order_type == SALE)
    # The last day's late payers are not in yet: leave it out of both.
    recent = douyin & (orders.day >= 33) & (orders.day < 39)
    before = douyin & (orders.day < 33)
    paid = world.journeys.paid_at != NEVER
    assert 0.05 < paid[before].mean() - paid[recent].mean() < 0.15


def test_only_the_far_lane_is_usually_late(world: World) -> None:
    journeys = world.journeys
    delivered = journeys.delivered_at != NEVER
    late = journeys.delivered_at > journeys.promised_at
    far = np.isin(world.orders.province, [PROVINCE_NAMES.index(p) for p in FAR_PROVINCES])
    lane = far & (journeys.carrier == YTO)
    assert late[delivered & lane].mean() > 0.7
    assert late[delivered & ~lane].mean() < 0.1


def test_returns_follow_the_planted_chances(world: World) -> None:
    received = np.where(
        world.orders.channel == STORE, world.journeys.paid_at, world.journeys.delivered_at
    )
    # Delivered at least 10 days before the end: every return has been asked for.
    mature = (received <= world.config.end_second - 11 * 86_400) & (world.orders.order_type == SALE)
    lines = mature[world.lines.order]
    returned = np.zeros(len(world.lines), dtype=bool)
    returned[world.refunds.line] = True
    chance = world.return_chance
    risky = lines & (chance > np.quantile(chance, 0.9))
    safe = lines & (chance < np.quantile(chance, 0.5))
    assert returned[lines].mean() == pytest.approx(chance[lines].mean(), rel=0.15)
    assert returned[risky].mean() > 5 * returned[safe].mean()


def test_channels_have_their_shares_and_douyin_its_evenings(world: World) -> None:
    shares = np.bincount(world.orders.channel) / len(world.orders)
    assert shares == pytest.approx([0.46, 0.32, 0.14, 0.08], abs=0.03)
    hour = (world.orders.created_at % 86_400) // 3_600
    evening = (hour >= 19) & (hour <= 22)
    assert evening[world.orders.channel == DOUYIN].mean() > 0.45
    assert len(CHANNELS) == 4


def test_some_people_buy_on_two_channels_with_one_phone(world: World) -> None:
    accounts = world.accounts
    twice = np.flatnonzero(np.bincount(accounts.person) > 1)
    assert len(twice) > 0.1 * len(np.unique(accounts.person))
    first, second = np.flatnonzero(accounts.person == twice[0])
    assert accounts.phone[first] == accounts.phone[second]
    assert accounts.channel[first] != accounts.channel[second]
    assert len(np.unique(accounts.phone)) == len(np.unique(accounts.person))


def test_nobody_orders_before_registering(world: World) -> None:
    known = world.orders.account >= 0
    registered = world.accounts.registered_at[world.orders.account[known]]
    assert (registered < world.orders.created_at[known]).all()


def test_defects_do_not_change_the_world() -> None:
    config = WorldConfig(end_date=END, days=5, orders_per_day=50)
    clean = WorldConfig(end_date=END, days=5, orders_per_day=50, defects=DefectRates.none())
    assert (simulate(config).orders.number == simulate(clean).orders.number).all()


@pytest.mark.parametrize(
    "wrong", [{"days": 0}, {"orders_per_day": 0}, {"seed": -1}, {"product_count": 3}]
)
def test_impossible_configuration_is_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(InputError, match=next(iter(wrong))):
        WorldConfig(end_date=END, **wrong)


def test_defect_rate_above_one_is_refused() -> None:
    with pytest.raises(InputError, match="late_orders"):
        DefectRates(late_orders=1.5)
