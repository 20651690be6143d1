"""The providers' books: they balance, agree with the shop but for what was planted, to the fen."""

from collections import defaultdict
from dataclasses import replace
from datetime import date
from decimal import ROUND_HALF_UP, Decimal

import numpy as np
import pytest

from connectors.sandbox.platforms import PAYMENT_METHODS
from connectors.sandbox.retailer import World, simulate
from connectors.sandbox.stages.settling import (
    ALIPAY,
    CHARGED,
    LOWER_RATE,
    OPENING_BALANCE,
    PAID_OUT,
    PAYMENT,
    PROVIDERS,
    REFUND,
    RESERVE,
    USUAL_RATE,
    WECHAT_PAY,
    Settlement,
    describe_settlement,
    fees_of,
    settle,
)
from connectors.sandbox.world import DAY, NEVER, DefectRates, WorldConfig

CONFIG = WorldConfig(end_date=date(2026, 6, 30), days=30, orders_per_day=300)


@pytest.fixture(scope="module")
def world() -> World:
    return simulate(CONFIG)


@pytest.fixture(scope="module")
def settlement(world: World) -> Settlement:
    return settle(world)


def test_the_same_world_gives_the_same_books(world: World, settlement: Settlement) -> None:
    again = settle(simulate(CONFIG))
    for one, other in zip(settlement.accounts, again.accounts, strict=True):
        assert (one.movements.balance == other.movements.balance).all()
        assert (one.transactions.at == other.transactions.at).all()


def test_every_payment_through_a_provider_is_taken_and_differs_only_where_planted(
    world: World, settlement: Settlement
) -> None:
    assert PAYMENT_METHODS[: len(PROVIDERS)] == PROVIDERS
    taken: dict[int, list[int]] = defaultdict(list)
    for account in settlement.accounts:
        table = account.transactions
        for row in np.flatnonzero(table.kind == PAYMENT).tolist():
            order = int(table.order[row])
            taken[order].append(int(table.amount[row]))
            assert world.journeys.method[order] == account.provider
    paid = np.flatnonzero(world.journeys.paid_at != NEVER).tolist()
    expected = {order for order in paid if world.journeys.method[order] < len(PROVIDERS)}
    # Only what was paid in the last seconds of the world may not have arrived yet.
    missing = expected - set(taken)
    assert all(world.journeys.paid_at[o] > CONFIG.end_second - 10 for o in missing)
    odd = set(settlement.differences.odd_payments.tolist())
    double = set(settlement.differences.double_payments.tolist())
    assert odd
    assert double
    for order, amounts in taken.items():
        shop = int(world.orders.total[order])
        if order in odd:
            assert [abs(amount - shop) for amount in amounts] == [1]
        else:
            assert amounts == [shop] * (2 if order in double else 1)


def test_late_payments_stand_in_the_next_days_bill(world: World, settlement: Settlement) -> None:
    late = set(settlement.differences.late_payments.tolist())
    assert late
    days = {}
    for account in settlement.accounts:
        table = account.transactions
        for row in np.flatnonzero(table.kind == PAYMENT).tolist():
            days[int(table.order[row])] = int(table.at[row]) // DAY
    for order in late:
        assert days[order] == int(world.journeys.paid_at[order]) // DAY + 1
    shifted = [o for o, day in days.items() if day != int(world.journeys.paid_at[o]) // DAY]
    assert len(shifted) < len(late) + 20


def test_refunds_are_the_granted_ones_and_never_exceed_the_payment(
    world: World, settlement: Settlement
) -> None:
    slow = 0
    for account in settlement.accounts:
        table = account.transactions
        back = np.flatnonzero(table.kind == REFUND)
        refunds = table.refund[back]
        assert len(set(refunds.tolist())) == len(refunds)
        assert not world.refunds.rejected[refunds].any()
        assert (table.amount[back] == world.refunds.amount[refunds]).all()
        assert (table.at[back] > world.refunds.decided_at[refunds]).all()
        slow += int((table.at[back] // DAY > world.refunds.decided_at[refunds] // DAY).sum())
        sums: dict[int, int] = defaultdict(int)
        for row in range(len(table)):
            sign = 1 if table.kind[row] == PAYMENT else -1
            sums[int(table.order[row])] += sign * int(table.amount[row])
            assert sums[int(table.order[row])] >= 0, "money goes back only after it came"
    assert slow > 0


def test_fees_are_rounded_half_up_and_change_once(settlement: Settlement) -> None:
    amounts = np.array([1, 83, 84, 250, 12_345, 999_999_999], dtype=np.int64)
    expected = [
        int((Decimal(a) * USUAL_RATE / 100_000).quantize(Decimal(1), ROUND_HALF_UP))
        for a in amounts.tolist()
    ]
    assert fees_of(amounts, np.full(len(amounts), USUAL_RATE)).tolist() == expected
    rates = {}
    for account in settlement.accounts:
        table = account.transactions
        paid = table.kind == PAYMENT
        before = CONFIG.day_numbers(table.at) < settlement.differences.lower_rate_from
        rates[account.provider] = (
            set(table.rate[paid & before].tolist()),
            set(table.rate[paid & ~before].tolist()),
        )
    assert rates == {
        ALIPAY: ({USUAL_RATE}, {USUAL_RATE}),
        WECHAT_PAY: ({USUAL_RATE}, {LOWER_RATE}),
    }


def test_a_full_refund_brings_the_whole_wechat_fee_back(
    world: World, settlement: Settlement
) -> None:
    table = settlement.accounts[WECHAT_PAY].transactions
    left: dict[int, int] = defaultdict(int)
    fees: dict[int, int] = defaultdict(int)
    parts: dict[int, int] = defaultdict(int)
    for row in range(len(table)):
        order = int(table.order[row])
        left[order] += int(table.amount[row]) * (1 if table.kind[row] == PAYMENT else -1)
        fees[order] += int(table.fee[row])
        parts[order] += table.kind[row] == REFUND
    emptied = [order for order, amount in left.items() if amount == 0]
    assert any(parts[order] > 1 for order in emptied)
    assert all(fees[order] == 0 for order in emptied)
    assert (
        not settlement.accounts[ALIPAY]
        .transactions.fee[settlement.accounts[ALIPAY].transactions.kind == REFUND]
        .any()
    )


def test_the_balance_runs_through_and_pays_out(settlement: Settlement) -> None:
    for account in settlement.accounts:
        moves = account.movements
        balance = OPENING_BALANCE
        for change, after in zip(moves.change.tolist(), moves.balance.tolist(), strict=True):
            balance += change
            assert after == balance
        assert (np.diff(moves.at) >= 0).all()
        assert moves.balance.min() >= RESERVE
        assert (moves.change[moves.kind == PAID_OUT] < 0).all()
        assert (moves.kind == PAID_OUT).sum() >= 3
        table = account.transactions
        net = np.where(table.kind == PAYMENT, table.amount, -table.amount).sum() - table.fee.sum()
        assert moves.change[moves.kind != PAID_OUT].sum() == net
        fees = -moves.change[moves.kind == CHARGED].sum()
        assert fees == table.fee[table.kind == PAYMENT].sum()


def test_the_truth_knows_only_bills_that_exist(world: World, settlement: Settlement) -> None:
    midday = CONFIG.start_second + 10 * DAY + 12 * 3_600
    before_wechat = CONFIG.start_second + 10 * DAY + 9 * 3_600 + 1_800
    known = describe_settlement(world, settlement, midday)["providers"]
    assert [len(known[name]) for name in PROVIDERS] == [10, 10]
    known = describe_settlement(world, settlement, before_wechat)["providers"]
    assert [len(known[name]) for name in PROVIDERS] == [10, 9]


def test_no_differences_are_planted_in_a_world_without_defects() -> None:
    clean = simulate(replace(CONFIG, days=5, defects=DefectRates.none()))
    differences = settle(clean).differences
    assert not len(differences.late_payments)
    assert not len(differences.odd_payments)
    assert not len(differences.double_payments)
