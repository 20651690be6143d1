"""The money side of the world: what the payment providers took, charged, gave back and paid out.

Here: one table of transactions (the business bill) and one of movements with a running balance
(the account bill) per provider, and the planted differences between shop and provider. Times are
the provider's own: a payment near midnight, a booking a day late or a slow refund stands in
another day's bill than in the shop's. The texts of the bills are in `servers/`.

Assumptions of this world: one merchant account per provider takes all channels; Alipay keeps its
fee on a refund, WeChat Pay gives the refunded share back; fees are rounded half up to the fen.
"""

from dataclasses import dataclass, fields
from typing import Any, Final

import numpy as np

from connectors.sandbox.files.rendering import order_numbers
from connectors.sandbox.retailer import World
from connectors.sandbox.world import (
    DAY,
    HOUR,
    NEVER,
    Flags,
    Ints,
    WorldConfig,
    choose_distinct,
    planted_count,
)

PROVIDERS: Final = ("alipay", "wechat_pay")
ALIPAY, WECHAT_PAY = range(2)
"""Codes of the providers: the same as those of the first two payment methods."""

PAYMENT, REFUND = range(2)
MOVEMENT_KINDS: Final = ("payment", "fee", "refund", "payout")
TAKEN, CHARGED, GIVEN_BACK, PAID_OUT = range(4)

USUAL_RATE: Final = 600
"""Share of the amount that a provider charges, in hundred-thousandths: 600 is 0.60 %."""
LOWER_RATE: Final = 540
LOWER_RATE_PROVIDER: Final = WECHAT_PAY
BILL_HOURS: Final = (9, 10)
"""Hour of the next day from which a provider's bill of a day exists."""
OPENING_BALANCE: Final = 5_000_000
RESERVE: Final = 1_000_000
"""Fen on the account before the first day, and what payouts leave on it."""

_PAYOUT_SECOND = (2 * HOUR, 8 * HOUR)
_ALIPAY_PAYOUT_WEEKDAY = 0
_SLOW_REFUND_SHARE = 0.03


@dataclass(frozen=True)
class Transactions:
    """One element per row of a provider's business bill, in the order of time.

    Attributes:
        kind: PAYMENT or REFUND.
        order: row in `Orders`.
        refund: row in `Refunds`; -1 for payments.
        attempt: 0 for the order's payment, 1 for a planted second one (refunds: always 0).
        opened_at: when the payment that the row belongs to was opened at the provider.
        at: when the money moved; decides the bill's date.
        amount: fen, positive for both kinds.
        fee: fen charged; negative where a refund brings some of it back.
        rate: hundred-thousandths at which the payment was charged.
    """

    kind: Ints
    order: Ints
    refund: Ints
    attempt: Ints
    opened_at: Ints
    at: Ints
    amount: Ints
    fee: Ints
    rate: Ints

    def __len__(self) -> int:
        return len(self.kind)

    def take(self, rows: Any) -> "Transactions":
        """The given rows, in the given order."""
        return Transactions(*(getattr(self, field.name)[rows] for field in fields(self)))


@dataclass(frozen=True)
class Movements:
    """One element per change of a provider's account, in the order of booking.

    `transaction` is the row in `Transactions` (-1 for payouts), `change` signed fen, `balance` the
    fen on the account afterwards.
    """

    kind: Ints
    transaction: Ints
    at: Ints
    change: Ints
    balance: Ints

    def __len__(self) -> int:
        return len(self.kind)


@dataclass(frozen=True)
class ProviderAccount:
    """All that one provider knows about the retailer's account."""

    provider: int
    transactions: Transactions
    movements: Movements

    def transactions_between(self, start: int, end: int) -> range:
        """The rows of `transactions` from second `start` to before second `end`."""
        low, high = np.searchsorted(self.transactions.at, [start, end])
        return range(int(low), int(high))

    def movements_between(self, start: int, end: int) -> range:
        """The rows of `movements` from second `start` to before second `end`."""
        low, high = np.searchsorted(self.movements.at, [start, end])
        return range(int(low), int(high))


@dataclass(frozen=True)
class Differences:
    """The planted differences between shop and provider: rows in `Orders`, ascending.

    Attributes:
        late_payments: booked by the provider on the day after the shop's.
        odd_payments: taken one fen above or below what the shop says.
        double_payments: taken twice and not given back.
        lower_rate_from: day number from which `LOWER_RATE_PROVIDER` charges `LOWER_RATE`.
    """

    late_payments: Ints
    odd_payments: Ints
    double_payments: Ints
    lower_rate_from: int


@dataclass(frozen=True)
class Settlement:
    """The providers' accounts, by provider code, and what was planted in them."""

    accounts: tuple[ProviderAccount, ...]
    differences: Differences


def settle(world: World) -> Settlement:
    """What the providers booked up to the end of the world; the same world gives the same books."""
    config = world.config
    differences = _plan_differences(world)
    payments = _payments(world, differences)
    refunds = _refunds(world, payments)
    accounts = []
    for provider in range(len(PROVIDERS)):
        of_provider = world.journeys.method[payments.order] == provider
        given_back = world.journeys.method[refunds.order] == provider
        table = _joined(payments.take(of_provider), refunds.take(given_back))
        table = table.take(table.at <= config.end_second)
        accounts.append(
            ProviderAccount(provider, table, _book(config, provider, table)),
        )
    return Settlement(tuple(accounts), differences)


def fees_of(amounts: Ints, rates: Ints) -> Ints:
    """The fee of each amount in fen, rounded half up."""
    return (2 * amounts * rates + 100_000) // 200_000


def bill_exists(config: WorldConfig, provider: int, day: int, as_of: int) -> bool:
    """Whether the provider's bill of a day number can be had at second `as_of`."""
    ready_at = config.start_second + (day + 1) * DAY + BILL_HOURS[provider] * HOUR
    return 0 <= day < config.days and as_of >= ready_at


def describe_settlement(world: World, settlement: Settlement, as_of: int) -> dict[str, Any]:
    """Truth about the bills that exist at second `as_of`: per provider and day, and the planted.

    Fees and refunds count positive (a fee that comes back negative), `closing_balance_fen` is that
    of the day's last movement or of the day before.
    """
    differences = settlement.differences
    return {
        "providers": {
            name: _days_of(world.config, settlement.accounts[provider], as_of)
            for provider, name in enumerate(PROVIDERS)
        },
        "planted": {
            "late_payments": _described(world, differences.late_payments, settlement),
            "odd_payments": _described(world, differences.odd_payments, settlement),
            "double_payments": _described(world, differences.double_payments, settlement),
            "lower_rate": {
                "provider": PROVIDERS[LOWER_RATE_PROVIDER],
                "from": str(world.config.date_of(differences.lower_rate_from)),
                "usual_rate": f"0.{USUAL_RATE:05d}",
                "lower_rate": f"0.{LOWER_RATE:05d}",
            },
        },
    }


def _described(world: World, orders: Ints, settlement: Settlement) -> list[dict[str, Any]]:
    """The planted orders: what the shop says about the payment and what the provider took."""
    number = order_numbers(world)
    taken: dict[int, list[tuple[int, int]]] = {}
    for account in settlement.accounts:
        table = account.transactions
        rows = np.flatnonzero((table.kind == PAYMENT) & np.isin(table.order, orders))
        for row in rows.tolist():
            taken.setdefault(int(table.order[row]), []).append(
                (int(table.amount[row]), int(table.at[row]))
            )
    return [
        {
            "order_no": number[order].as_py(),
            "provider": PROVIDERS[world.journeys.method[order]],
            "shop_fen": int(world.orders.total[order]),
            "shop_date": _date_text(world, world.journeys.paid_at[order]),
            "provider_fen": sum(amount for amount, _ in taken[order]),
            "provider_date": _date_text(world, max(at for _, at in taken[order])),
        }
        for order in orders.tolist()
        if order in taken
    ]


def _date_text(world: World, second: int) -> str:
    return str(world.config.date_of((int(second) - world.config.start_second) // DAY))


def _days_of(config: WorldConfig, account: ProviderAccount, as_of: int) -> dict[str, Any]:
    days = {}
    balance = OPENING_BALANCE
    for day in range(config.days):
        if not bill_exists(config, account.provider, day, as_of):
            break
        start = config.start_second + day * DAY
        rows = account.transactions_between(start, start + DAY)
        table = account.transactions.take(slice(rows.start, rows.stop))
        paid, back = table.kind == PAYMENT, table.kind == REFUND
        moved = account.movements_between(start, start + DAY)
        change = account.movements.change[moved.start : moved.stop]
        balance = int(account.movements.balance[moved.stop - 1]) if moved else balance
        days[str(config.date_of(day))] = {
            "payments": int(paid.sum()),
            "payment_fen": int(table.amount[paid].sum()),
            "refunds": int(back.sum()),
            "refund_fen": int(table.amount[back].sum()),
            "fee_fen": int(table.fee.sum()),
            "movements": len(moved),
            "income_fen": int(change[change > 0].sum()),
            "expense_fen": int(-change[change < 0].sum()),
            "closing_balance_fen": balance,
        }
    return days


def _plan_differences(world: World) -> Differences:
    """Choose the orders with a difference: disjoint groups, none of them with a refund."""
    config, journeys = world.config, world.journeys
    random = config.random("bill differences")
    rate = config.defects.bill_differences
    by_provider = (journeys.paid_at != NEVER) & (journeys.method < len(PROVIDERS))
    refunded = np.zeros(len(world.orders), dtype=np.bool_)
    refunded[world.refunds.order] = True
    free = by_provider & ~refunded & (world.orders.total > 1)
    # What comes late must still come before the world ends.
    early = config.day_numbers(journeys.paid_at) < config.days - 1
    count = int(by_provider.sum())
    chosen: list[Ints] = []
    for allowed in (free & early, free, free & early):
        left = allowed & ~np.isin(np.arange(len(free)), np.concatenate([[-1], *chosen]))
        chosen.append(choose_distinct(random, np.flatnonzero(left), planted_count(rate, count)))
    late, odd, double = chosen
    return Differences(
        late_payments=late,
        odd_payments=odd,
        double_payments=double,
        lower_rate_from=config.days // 2,
    )


def _payments(world: World, differences: Differences) -> Transactions:
    """Every payment that a provider took, as if the world went on for ever."""
    config, journeys = world.config, world.journeys
    random = config.random("settling payments")
    once = np.flatnonzero((journeys.paid_at != NEVER) & (journeys.method < len(PROVIDERS)))
    order = np.concatenate([once, differences.double_payments])
    attempt = np.repeat([0, 1], [len(once), len(differences.double_payments)]).astype(np.int64)
    count = len(order)
    at = journeys.paid_at[order] + random.integers(0, 8, count)
    at += np.where(attempt == 1, random.integers(30, 240, count), 0)
    next_morning = (at // DAY + 1) * DAY + random.integers(1 * HOUR, 7 * HOUR, count)
    at = np.where(np.isin(order, differences.late_payments), next_morning, at)
    paid_after = journeys.paid_at[order] - random.integers(3, 40, count)
    opened_at = np.maximum(world.orders.created_at[order], paid_after)
    is_odd = np.isin(order, differences.odd_payments)
    off = np.where(random.random(count) < 0.5, 1, -1)
    amount = world.orders.total[order] + np.where(is_odd, off, 0)
    lower = journeys.method[order] == LOWER_RATE_PROVIDER
    lower &= config.day_numbers(at) >= differences.lower_rate_from
    rate = np.where(lower, LOWER_RATE, USUAL_RATE)
    return Transactions(
        kind=np.full(count, PAYMENT),
        order=order,
        refund=np.full(count, -1),
        attempt=attempt,
        opened_at=opened_at,
        at=at,
        amount=amount,
        fee=fees_of(amount, rate),
        rate=rate,
    )


def _refunds(world: World, payments: Transactions) -> Transactions:
    """Every refund that the shop granted and a provider carried out, at the provider's time."""
    config, refunds = world.config, world.refunds
    random = config.random("settling refunds")
    count = len(refunds)
    method = world.journeys.method[refunds.order]
    takes = np.where(
        method == ALIPAY, random.integers(3, 90, count), random.integers(60, 600, count)
    )
    slow = random.random(count) < _SLOW_REFUND_SHARE
    takes = takes + np.where(slow, random.integers(6 * HOUR, 30 * HOUR, count), 0)
    granted = (refunds.decided_at != NEVER) & ~refunds.rejected & (refunds.amount > 0)
    row = np.flatnonzero(granted & (method < len(PROVIDERS)))
    at = refunds.decided_at[row] + takes[row]
    by_order = np.lexsort((row, at, refunds.order[row]))
    row, at = row[by_order], at[by_order]
    order = refunds.order[row]
    first = payments.take(payments.attempt == 0)
    paid_in = np.searchsorted(first.order, order)
    amount, rate = refunds.amount[row], first.rate[paid_in]
    fee = _returned_fees(order, amount, rate, first.amount[paid_in])
    return Transactions(
        kind=np.full(len(row), REFUND),
        order=order,
        refund=row,
        attempt=np.zeros(len(row), dtype=np.int64),
        opened_at=first.opened_at[paid_in],
        at=at,
        amount=amount,
        fee=np.where(method[row] == WECHAT_PAY, -fee, 0),
        rate=rate,
    )


def _returned_fees(order: Ints, amount: Ints, rate: Ints, paid: Ints) -> Ints:
    """What comes back of a payment's fee: its fee before less its fee after each refund.

    So the parts of a full refund bring back the whole fee, to the fen. Rows are grouped by order.
    """
    back = np.cumsum(amount)
    starts = _group_starts(order)
    before_group = np.where(starts > 0, back[starts - 1], 0) if len(back) else back
    left = paid - (back - before_group)
    return fees_of(left + amount, rate) - fees_of(left, rate)


def _group_starts(groups: Ints) -> Ints:
    """For every element the position of the first of its group."""
    new: Flags = np.ones(len(groups), dtype=np.bool_)
    new[1:] = groups[1:] != groups[:-1]
    starts: Ints = np.maximum.accumulate(np.where(new, np.arange(len(groups)), 0))
    return starts


def _joined(payments: Transactions, refunds: Transactions) -> Transactions:
    """Both tables in the order of time."""
    columns = [
        np.concatenate([getattr(payments, field.name), getattr(refunds, field.name)])
        for field in fields(Transactions)
    ]
    table = Transactions(*columns)
    return table.take(np.argsort(table.at, kind="stable"))


def _book(config: WorldConfig, provider: int, table: Transactions) -> Movements:
    """The account's movements with payouts; the balance never falls below `RESERVE`."""
    paid = table.kind == PAYMENT
    rows = np.arange(len(table))
    # WeChat Pay books a refund net of the fee that comes back; fees of payments stand alone.
    main = np.where(paid, table.amount, -(table.amount + table.fee))
    charged = np.flatnonzero(paid & (table.fee > 0))
    transaction = np.concatenate([rows, charged])
    kind = np.concatenate([np.where(paid, TAKEN, GIVEN_BACK), np.full(len(charged), CHARGED)])
    change = np.concatenate([main, -table.fee[charged]])
    in_order = np.lexsort((kind, transaction))
    transaction, kind, change = transaction[in_order], kind[in_order], change[in_order]
    at = table.at[transaction]
    payout_at, payout = _payouts(config, provider, at, change)
    # A payout comes before everything else of its second.
    position = np.searchsorted(at, payout_at)
    change = np.insert(change, position, -payout)
    return Movements(
        kind=np.insert(kind, position, PAID_OUT),
        transaction=np.insert(transaction, position, -1),
        at=np.insert(at, position, payout_at),
        change=change,
        balance=OPENING_BALANCE + np.cumsum(change),
    )


def _payouts(config: WorldConfig, provider: int, at: Ints, change: Ints) -> tuple[Ints, Ints]:
    """Times and amounts (whole yuan, in fen): Alipay's on Mondays, WeChat Pay's every day."""
    days = np.arange(config.days)
    if provider == ALIPAY:
        weekday = (config.start_date.weekday() + days) % 7
        days = days[weekday == _ALIPAY_PAYOUT_WEEKDAY]
    times = config.start_second + days * DAY + _PAYOUT_SECOND[provider]
    balance = np.concatenate([[OPENING_BALANCE], OPENING_BALANCE + np.cumsum(change)])
    # The lowest balance from each point on: what may leave without ever missing later.
    lowest = np.minimum.accumulate(balance[::-1])[::-1]
    sums = (lowest[np.searchsorted(at, times)] - RESERVE) // 100 * 100
    paid_so_far = np.maximum.accumulate(np.maximum(sums, 0)) if len(sums) else sums
    payout = np.diff(paid_so_far, prepend=0)
    return times[payout > 0], payout[payout > 0]
