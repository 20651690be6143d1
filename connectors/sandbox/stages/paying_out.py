"""What the payment services report night by night, and what of it reaches the bank.

A stage with its own random streams that changes nothing else of the world. One account a method
(cash has none): in the night after a business day a service reports the day's payments and refunds
with its fees and pays out their sum; the bank has it on the next working day. The bank also has
the distributors' transfers.

Planted: per kind of difference a share of the payments (`Scenario.settlement_differences`), and
payouts that are lost, short, booked twice, or come without their number. `describe_settlements`
counts each difference under the bucket in which a reconciliation has to find it.
"""

from dataclasses import dataclass, fields
from typing import Any, Final

import numpy as np

from connectors.sandbox.platforms import PAYMENT_METHODS
from connectors.sandbox.retailer import World
from connectors.sandbox.stages.distributing import Receipts
from connectors.sandbox.world import (
    DAY,
    HOUR,
    NEVER,
    Ints,
    WorldConfig,
    choose_distinct,
    planted_count,
)

ACCOUNTS: Final = PAYMENT_METHODS[:3]
"""The services, one account each; money in the till is not settled."""
PAYMENT, REFUND, FEE, PAYOUT = range(4)
ENTRY_KINDS: Final = ("payment", "refund", "fee", "payout")
RATES: Final = (600, 600, 1_500)
"""Fee of a payment in hundred-thousandths, by account; a refund gives none of it back."""
SERVICE_FEE: Final = 30_000
"""Fen a month and account, with the first report of the month."""
KEPT_BY_BANK: Final = 1_500
"""Fen that a bank on the way keeps of a short payout."""
WITHOUT_NUMBER_SHARE: Final = 0.15
SETTLED_AT: Final = 2 * HOUR
PAID_OUT_AT: Final = 4 * HOUR
BANK_AT: Final = 9 * HOUR
OLD_DAYS: Final = 8
"""What is planted is older than any waiting time, so that nobody calls it late."""
STRANGE_CREDIT: Final = 66
"""Fen of a credit at the bank that nobody can explain."""


@dataclass(frozen=True)
class Entries:
    """One element per entry of a service's report, in the order of time; money in signed fen.

    Attributes:
        account: position in `ACCOUNTS`.
        kind: PAYMENT to PAYOUT.
        order: row in `Orders`; -1 for fees, payouts and what belongs to no order.
        refund: row in `Refunds`; -1 for everything else.
        at: when the money moved, local seconds.
        told_at: when it is reported.
        amount: before the fee.
        fee: what the service keeps of it.
        night: day number of the report it stands in.
    """

    account: Ints
    kind: Ints
    order: Ints
    refund: Ints
    at: Ints
    told_at: Ints
    amount: Ints
    fee: Ints
    night: Ints

    def __len__(self) -> int:
        return len(self.account)

    def take(self, rows: Any) -> "Entries":
        """The given rows, in the given order."""
        return Entries(*(getattr(self, field.name)[rows] for field in fields(self)))


@dataclass(frozen=True)
class BankLines:
    """One element per line of the statement, in the order of time; money in signed fen.

    `payout` is a row in `Entries`, `receipt` one in the distributors' `Receipts`, -1 where there is
    none; `has_number` tells whether the line says which payout or receipt it is.
    """

    at: Ints
    amount: Ints
    payout: Ints
    receipt: Ints
    has_number: Ints

    def __len__(self) -> int:
        return len(self.at)


@dataclass(frozen=True)
class Planted:
    """Rows of `Orders`, `Refunds` and `Entries` (payouts) with a planted difference, by kind."""

    missing: Ints
    amount_differs: Ints
    duplicate: Ints
    not_given_back: Ints
    given_back_unasked: Ints
    payout_lost: Ints
    payout_short: Ints
    payout_twice: Ints


@dataclass(frozen=True)
class Settlements:
    """All that the services and the bank tell up to the end of the world."""

    entries: Entries
    bank: BankLines
    planted: Planted


def simulate_settlements(world: World, receipts: Receipts | None) -> Settlements:
    """The reports and the statement of a world; the same world gives the same ones."""
    config = world.config
    random = config.random("settlement differences")
    paid = _settled_orders(world)
    planted = _plant(world, random, paid)
    tables = (
        _payments(world, random, paid, planted),
        _refunds(world, random, planted),
        _strangers(world, random),
        _service_fees(config),
    )
    entries = _joined(tables)
    entries = _with_payouts(config, entries.take(entries.told_at <= config.end_second))
    bank, planted = _bank_lines(config, random, entries, receipts, planted)
    return Settlements(entries, bank, planted)


def describe_settlements(world: World, settlements: Settlements) -> dict[str, Any]:
    """Truth by comparison and bucket: how many items, and by how many fen the books are higher.

    `payment_settlement` compares the shop's payments and refunds with the services' reports before
    fees; every fee is an item of its own. `payout_bank` compares payouts and the distributors'
    transfers with the bank's lines.
    """
    return {
        "payment_settlement": _payment_truth(world, settlements),
        "payout_bank": _bank_truth(settlements),
        "reported_fen": int(
            (settlements.entries.amount - settlements.entries.fee)[
                settlements.entries.kind != PAYOUT
            ].sum()
        ),
        "payouts": int((settlements.entries.kind == PAYOUT).sum()),
        "bank_lines": len(settlements.bank),
    }


def _settled_orders(world: World) -> Ints:
    """Orders that were paid through a service."""
    journeys = world.journeys
    through = (journeys.paid_at != NEVER) & (journeys.method < len(ACCOUNTS))
    return np.flatnonzero(through & (world.orders.total > 0))


def _granted(world: World) -> Ints:
    """Refunds that the shop has granted of orders paid through a service."""
    table = world.refunds
    granted = (table.decided_at != NEVER) & ~table.rejected & (table.amount > 0)
    return np.flatnonzero(granted & np.isin(table.order, _settled_orders(world)))


def _plant(world: World, random: np.random.Generator, paid: Ints) -> Planted:
    config, table = world.config, world.refunds
    limit = config.end_second - OLD_DAYS * DAY
    count = planted_count(config.scenario.settlement_differences, len(paid))
    refunded = np.isin(paid, table.order)
    old = paid[
        (world.journeys.paid_at[paid] < limit) & ~refunded & (world.orders.total[paid] > 600)
    ]
    chosen = random.permutation(old)[: 4 * count].reshape(-1, max(count, 1))
    chosen = chosen if len(chosen) == 4 else np.empty((4, 0), dtype=np.int64)
    granted = _granted(world)
    alone = np.bincount(table.order[granted], minlength=len(world.orders)) == 1
    late_enough = granted[alone[table.order[granted]] & (table.decided_at[granted] < limit)]
    nothing = np.empty(0, dtype=np.int64)
    return Planted(
        missing=chosen[0],
        amount_differs=chosen[1],
        duplicate=chosen[2],
        not_given_back=choose_distinct(random, late_enough, count),
        given_back_unasked=chosen[3],
        payout_lost=nothing,
        payout_short=nothing,
        payout_twice=nothing,
    )


def _night(config: WorldConfig, at: Ints) -> Ints:
    """Day number of the night in which a service reports what happened at a time."""
    return config.day_numbers(at) + 1


def _entries(
    config: WorldConfig,
    kind: int,
    *,
    account: Ints,
    at: Ints,
    amount: Ints,
    fee: Ints | None = None,
    order: Ints | None = None,
    refund: Ints | None = None,
) -> Entries:
    count, none = len(at), np.full(len(at), -1)
    night = _night(config, at)
    return Entries(
        account=account,
        kind=np.full(count, kind),
        order=none if order is None else order,
        refund=none if refund is None else refund,
        at=at,
        told_at=config.start_second + night * DAY + SETTLED_AT,
        amount=amount,
        fee=np.zeros(count, dtype=np.int64) if fee is None else fee,
        night=night,
    )


def _payments(world: World, random: np.random.Generator, paid: Ints, planted: Planted) -> Entries:
    """Every payment as the service saw it; some are missing, some differ, some stand twice."""
    order = paid[~np.isin(paid, planted.missing)]
    amount = world.orders.total[order]
    wrong = np.isin(order, planted.amount_differs)
    amount = amount - np.where(wrong, random.integers(1, 500, len(order)), 0)
    again = np.isin(order, planted.duplicate)
    at = world.journeys.paid_at[order]
    order = np.concatenate([order, order[again]])
    amount = np.concatenate([amount, amount[again]])
    account = world.journeys.method[order]
    return _entries(
        world.config,
        PAYMENT,
        account=account,
        at=np.concatenate([at, at[again]]),
        amount=amount,
        fee=(2 * amount * np.array(RATES)[account] + 100_000) // 200_000,
        order=order,
    )


def _refunds(world: World, random: np.random.Generator, planted: Planted) -> Entries:
    """Every refund granted, and some that the service gave back on its own."""
    table, granted = world.refunds, _granted(world)
    rows = granted[~np.isin(granted, planted.not_given_back)]
    unasked = planted.given_back_unasked
    at = world.journeys.paid_at[unasked] + random.integers(HOUR, 2 * DAY, len(unasked))
    order = np.concatenate([table.order[rows], unasked])
    return _entries(
        world.config,
        REFUND,
        account=world.journeys.method[order],
        at=np.concatenate([table.decided_at[rows], at]),
        amount=-np.concatenate([table.amount[rows], world.orders.total[unasked]]),
        order=order,
        refund=np.concatenate([rows, np.full(len(unasked), -1)]),
    )


def _strangers(world: World, random: np.random.Generator) -> Entries:
    """One small payment that belongs to no order."""
    config = world.config
    at = config.start_second + random.integers(0, max(config.days - OLD_DAYS, 1), 1) * DAY + HOUR
    return _entries(
        config,
        PAYMENT,
        account=np.zeros(1, dtype=np.int64),
        at=at,
        amount=np.full(1, 100),
    )


def _service_fees(config: WorldConfig) -> Entries:
    """The services' monthly fee: an entry of its own, on the last second before the month."""
    firsts = [n for n in range(1, config.days) if config.date_of(n).day == 1]
    days = np.repeat(np.array(firsts, dtype=np.int64), len(ACCOUNTS))
    return _entries(
        config,
        FEE,
        account=np.tile(np.arange(len(ACCOUNTS)), len(firsts)),
        at=config.start_second + days * DAY - 1,
        amount=np.full(len(days), -SERVICE_FEE),
    )


def _joined(tables: tuple[Entries, ...]) -> Entries:
    """All tables in the order in which they are reported."""
    table = Entries(
        *(np.concatenate([getattr(one, f.name) for one in tables]) for f in fields(Entries))
    )
    return table.take(np.lexsort((table.kind, table.at, table.account, table.told_at)))


def _with_payouts(config: WorldConfig, entries: Entries) -> Entries:
    """Every night's sum leaves the account; a negative one is drawn from the bank."""
    count = len(ACCOUNTS)
    batch = entries.night * count + entries.account
    batches, position = np.unique(batch, return_inverse=True)
    sums = np.zeros(len(batches), dtype=np.int64)
    np.add.at(sums, position, entries.amount - entries.fee)
    batches, sums = batches[sums != 0], sums[sums != 0]
    night = batches // count
    at = config.start_second + night * DAY + PAID_OUT_AT
    none = np.full(len(batches), -1)
    payouts = Entries(
        account=batches % count,
        kind=np.full(len(batches), PAYOUT),
        order=none,
        refund=none,
        at=at,
        told_at=at,
        amount=-sums,
        fee=np.zeros(len(batches), dtype=np.int64),
        night=night,
    )
    return _joined((entries, payouts))


def _bank_lines(
    config: WorldConfig,
    random: np.random.Generator,
    entries: Entries,
    receipts: Receipts | None,
    planted: Planted,
) -> tuple[BankLines, Planted]:
    payouts = np.flatnonzero(entries.kind == PAYOUT)
    # What the account had to give is drawn at once and never lost.
    old = payouts[
        (entries.at[payouts] < config.end_second - OLD_DAYS * DAY) & (entries.amount[payouts] < 0)
    ]
    lost, short, twice = np.split(random.permutation(old)[:3], [1, 2])
    arriving = np.concatenate([payouts[~np.isin(payouts, lost)], twice])
    amount = -entries.amount[arriving] - np.where(np.isin(arriving, short), KEPT_BY_BANK, 0)
    arrives = _next_working_day(entries.at[arriving] // DAY) * DAY + BANK_AT
    arrives += random.integers(0, 2 * HOUR, len(arriving))
    numbered = random.random(len(arriving)) >= WITHOUT_NUMBER_SHARE
    numbered |= np.isin(arriving, np.concatenate([short, twice]))
    strange = np.array([config.start_second + (config.days // 2) * DAY + BANK_AT])
    received = _receipts_in_window(config, receipts)
    got_at = receipts.arrived_at[received] if receipts else received
    got = receipts.amount[received] if receipts else received
    told = random.random(len(received)) >= WITHOUT_NUMBER_SHARE
    nothing = np.full(1, -1)
    table = BankLines(
        at=np.concatenate([arrives, got_at, strange]),
        amount=np.concatenate([amount, got, [STRANGE_CREDIT]]),
        payout=np.concatenate([arriving, np.full(len(received), -1), nothing]),
        receipt=np.concatenate([np.full(len(arriving), -1), received, nothing]),
        has_number=np.concatenate([numbered, told, [False]]).astype(np.int64),
    )
    rows = np.argsort(table.at, kind="stable")
    rows = rows[table.at[rows] <= config.end_second]
    known = BankLines(*(getattr(table, field.name)[rows] for field in fields(BankLines)))
    return known, Planted(
        **{
            **{field.name: getattr(planted, field.name) for field in fields(Planted)},
            "payout_lost": lost,
            "payout_short": short,
            "payout_twice": twice,
        }
    )


def _receipts_in_window(config: WorldConfig, receipts: Receipts | None) -> Ints:
    """The distributors' transfers of the days that the statement covers."""
    if receipts is None:
        return np.empty(0, dtype=np.int64)
    return np.flatnonzero(receipts.arrived_at >= config.start_second)


def _next_working_day(day: Ints) -> Ints:
    later = np.busday_offset(day.astype("datetime64[D]"), 1, roll="backward")
    days: Ints = later.astype(np.int64)
    return days


def _payment_truth(world: World, settlements: Settlements) -> dict[str, dict[str, int]]:
    """Buckets of payments, refunds (one item an order) and fees."""
    entries, planted, config = settlements.entries, settlements.planted, world.config
    paid, granted = _settled_orders(world), _granted(world)
    total, refunds = world.orders.total, world.refunds
    untold = paid[~_is_told(config, world.journeys.paid_at[paid])]
    late = granted[~_is_told(config, refunds.decided_at[granted])]
    is_payment = entries.kind == PAYMENT
    reported = np.zeros(len(total), dtype=np.int64)
    mine = is_payment & np.isin(entries.order, planted.amount_differs)
    np.add.at(reported, entries.order[mine], entries.amount[mine])
    wrong = planted.amount_differs
    refunded = np.unique(
        refunds.order[granted[~np.isin(granted, np.concatenate([planted.not_given_back, late]))]]
    )
    waiting = np.unique(refunds.order[late])
    fees = entries.kind != PAYOUT
    kept = entries.fee[fees] - np.where(entries.kind[fees] == FEE, entries.amount[fees], 0)
    settled = len(paid) - len(untold) - len(planted.missing) - len(wrong)
    strange = is_payment & (entries.order < 0)
    back, unasked = planted.not_given_back, planted.given_back_unasked
    buckets = {
        "matched": (settled + len(np.setdiff1d(refunded, waiting)), 0),
        "amount_differs": (len(wrong), int((total[wrong] - reported[wrong]).sum())),
        "missing": (len(planted.missing), int(total[planted.missing].sum())),
        "duplicate": (len(planted.duplicate), -int(total[planted.duplicate].sum())),
        "timing": (
            len(untold) + len(waiting),
            int(total[untold].sum()) - int(refunds.amount[late].sum()),
        ),
        "refund": (
            len(back) + len(unasked),
            int(total[unasked].sum()) - int(refunds.amount[back].sum()),
        ),
        "unknown": (int(strange.sum()), -int(entries.amount[strange].sum())),
        "fee": (int((kept != 0).sum()), int(kept.sum())),
    }
    return _described(buckets)


def _bank_truth(settlements: Settlements) -> dict[str, dict[str, int]]:
    """Buckets of payouts and transfers, and of the bank's lines that are neither."""
    entries, bank, planted = settlements.entries, settlements.bank, settlements.planted
    payouts = np.flatnonzero(entries.kind == PAYOUT)
    arrived = np.unique(bank.payout[bank.payout >= 0])
    waiting = np.setdiff1d(payouts, np.concatenate([arrived, planted.payout_lost]))
    sums = -entries.amount
    short, twice, lost = planted.payout_short, planted.payout_twice, planted.payout_lost
    transfers = int((bank.receipt >= 0).sum())
    buckets = {
        "matched": (len(arrived) - len(short) + transfers, 0),
        "amount_differs": (len(short), KEPT_BY_BANK * len(short)),
        "duplicate": (len(twice), -int(sums[twice].sum())),
        "missing": (len(lost), int(sums[lost].sum())),
        "timing": (len(waiting), int(sums[waiting].sum())),
        "unknown": (1, -STRANGE_CREDIT),
    }
    return _described(buckets)


def _is_told(config: WorldConfig, at: Ints) -> Any:
    return config.start_second + _night(config, at) * DAY + SETTLED_AT <= config.end_second


def _described(buckets: dict[str, tuple[int, int]]) -> dict[str, dict[str, int]]:
    return {
        name: {"items": items, "difference_fen": fen}
        for name, (items, fen) in buckets.items()
        if items
    }
