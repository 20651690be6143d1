"""The card provider's books: they are the shop's payments and refunds, and payouts empty them."""

from datetime import date

import numpy as np
import pytest

from connectors.sandbox.retailer import World, simulate
from connectors.sandbox.stages.card_settling import (
    CARD,
    CHARGE,
    DISPUTE,
    DISPUTE_FEE,
    DISPUTE_WON,
    PAYOUT,
    PAYOUT_FAILURE,
    REFUND,
    CardAccount,
    describe_card_account,
    fees_of,
    settle_cards,
)
from connectors.sandbox.world import DAY, HOUR, NEVER, WorldConfig

CONFIG = WorldConfig(end_date=date(2026, 6, 30), days=30, orders_per_day=600)


@pytest.fixture(scope="module")
def world() -> World:
    return simulate(CONFIG)


@pytest.fixture(scope="module")
def account(world: World) -> CardAccount:
    return settle_cards(world)


def test_the_same_world_gives_the_same_books(account: CardAccount) -> None:
    again = settle_cards(simulate(CONFIG))
    assert (again.entries.at == account.entries.at).all()
    assert (again.entries.net == account.entries.net).all()
    assert (again.payouts.amount == account.payouts.amount).all()


def test_every_payment_by_card_is_one_charge(world: World, account: CardAccount) -> None:
    table = account.entries
    charges = table.kind == CHARGE
    paid = np.flatnonzero((world.journeys.paid_at != NEVER) & (world.journeys.method == CARD))
    assert sorted(table.order[charges].tolist()) == paid.tolist()
    assert (table.amount[charges] == world.orders.total[table.order[charges]]).all()
    early = world.journeys.paid_at[table.order[charges]] - table.at[charges]
    assert ((early >= 0) & (early < 4)).all()


def test_refunds_are_the_granted_ones_without_a_fee(world: World, account: CardAccount) -> None:
    table, refunds = account.entries, world.refunds
    back = np.flatnonzero(table.kind == REFUND)
    assert (table.fee[back] == 0).all()
    by_card = world.journeys.method[refunds.order] == CARD
    granted = by_card & (refunds.decided_at <= CONFIG.end_second - 120) & ~refunds.rejected
    assert len(back) > 20
    assert -int(table.amount[back].sum()) >= int(refunds.amount[granted].sum())
    assert set(refunds.order[granted].tolist()) <= set(table.order[back].tolist())
    assert (table.at[back] > refunds.decided_at[table.refund[back]]).all()


def test_fees_are_a_share_and_a_fixed_part_rounded_half_up() -> None:
    # 3.40 % of 14.56, 14.70, 14.71 yuan: 49.504, 49.98 and 50.014 fen.
    assert fees_of(np.array([1_456, 1_470, 1_471, 0])).tolist() == [250, 250, 250, 200]
    assert fees_of(np.array([10_000])).tolist() == [540]
    assert fees_of(np.array([2_500, 2_515])).tolist() == [285, 286]  # 85.00 and 85.51


def test_a_lost_dispute_costs_charge_and_fee_and_a_won_one_nothing(account: CardAccount) -> None:
    table = account.entries
    lost, won = table.kind == DISPUTE, table.kind == DISPUTE_WON
    assert lost.sum() > won.sum() > 0
    of = {int(table.order[row]): row for row in np.flatnonzero(lost)}
    charge = {int(table.order[row]): row for row in np.flatnonzero(table.kind == CHARGE)}
    for order, row in of.items():
        assert table.amount[row] == -table.amount[charge[order]]
        assert table.fee[row] == DISPUTE_FEE
    for row in np.flatnonzero(won):
        assert table.net[row] == -table.net[of[int(table.order[row])]]
        assert table.at[row] > table.at[of[int(table.order[row])]]


def test_a_payout_is_the_sum_of_what_it_paid_out(account: CardAccount) -> None:
    table, payouts = account.entries, account.payouts
    assert len(payouts) > 15
    for number in range(len(payouts)):
        mine = (table.paid_by == number) & (table.kind != PAYOUT)
        assert table.net[mine].sum() == payouts.amount[number] > 0
        assert (table.available_at[mine] <= payouts.created_at[number]).all()
        assert table.kind[payouts.entry[number]] == PAYOUT
        assert table.amount[payouts.entry[number]] == -payouts.amount[number]


def test_payouts_are_made_in_the_night_of_working_days_of_utc(account: CardAccount) -> None:
    made = account.payouts.created_at - 8 * HOUR
    assert set((made % DAY).tolist()) == {2 * HOUR}
    days = (made // DAY).astype("datetime64[D]")
    assert np.is_busday(days).all()
    charges = account.entries.take(account.entries.kind == CHARGE)
    created = ((charges.at - 8 * HOUR) // DAY).astype("datetime64[D]")
    available = ((charges.available_at - 8 * HOUR) // DAY).astype("datetime64[D]")
    assert (np.busday_count(created, available) >= 2).all()
    assert int((available - created).astype(int).max()) <= 4


def test_one_payout_comes_back_and_is_paid_again(account: CardAccount) -> None:
    table, payouts = account.entries, account.payouts
    (failed,) = np.flatnonzero(payouts.failed_at != NEVER).tolist()
    row = int(payouts.failure[failed])
    assert table.kind[row] == PAYOUT_FAILURE
    assert table.amount[row] == payouts.amount[failed]
    assert table.payout[row] == failed
    assert table.paid_by[row] > failed


def test_the_truth_adds_up_at_any_time(account: CardAccount) -> None:
    seen = set()
    for day in (3, 10, 17, 20, 25, 30):
        as_of = CONFIG.start_second + day * DAY - 1
        truth = describe_card_account(account, CONFIG, as_of)
        kinds = truth["entries"].values()
        assert sum(kind["net_fen"] for kind in kinds) == truth["balance_fen"] >= 0
        days = truth["days"].values()
        assert sum(each["entries"] for each in days) == sum(kind["entries"] for kind in kinds)
        assert sum(each["net_fen"] for each in days) == truth["balance_fen"]
        out = truth["entries"].get("payout", {"entries": 0, "amount_fen": 0})
        states = truth["payouts"].values()
        assert sum(state["payouts"] for state in states) == out["entries"]
        assert sum(state["amount_fen"] for state in states) == -out["amount_fen"]
        seen |= truth["payouts"].keys()
    assert seen >= {"in_transit", "paid", "failed"}
