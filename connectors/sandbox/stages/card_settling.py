"""The balance at the card provider: what it took, kept, gave back, held for disputes and paid out.

Here: one table of balance entries and one of payouts, made from a `World`; a stage with its own
random stream. What the provider's API calls them is in `servers/stripe.py`.

Assumptions of this world: one account takes the cards of all channels; the fee is not given back
with a refund; money is available two working days later (UTC), what goes back at once; every
working morning all that is available is paid out; one payout comes back from the bank.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, fields
from typing import Any, Final

import numpy as np

from connectors.sandbox.platforms import PAYMENT_METHODS
from connectors.sandbox.retailer import World
from connectors.sandbox.world import DAY, HOUR, NEVER, Ints, WorldConfig, choose_distinct

CHARGE, REFUND, DISPUTE, DISPUTE_WON, PAYOUT, PAYOUT_FAILURE = range(6)
ENTRY_KINDS: Final = (
    "charge",
    "refund",
    "dispute",
    "dispute_reversal",
    "payout",
    "payout_reversal",
)
WAITING, ON_THE_WAY, PAID, FAILED = range(4)
PAYOUT_STATES: Final = ("pending", "in_transit", "paid", "failed")

CARD: Final = PAYMENT_METHODS.index("card")
RATE: Final = 3_400
FIXED_FEE: Final = 200
"""The fee of a charge: 3.40 % (in hundred-thousandths) and 2.00 yuan."""
DISPUTE_FEE: Final = 10_000
DISPUTE_SHARE: Final = 0.006
_AVAILABLE_AFTER: Final = 2
_PAYOUT_SECOND: Final = 2 * HOUR
_SENT_AFTER: Final = 4 * HOUR
_PAID_AFTER: Final = 12 * HOUR
_FAILS_AFTER: Final = 36 * HOUR
_UTC: Final = 8 * HOUR
"""Local seconds less this are seconds of UTC, in whose days the provider counts."""


@dataclass(frozen=True)
class Entries:
    """One element per change of the balance, in the order of time.

    Attributes:
        kind: CHARGE to PAYOUT_FAILURE.
        order: row in `Orders`; -1 for payouts.
        refund: row in `Refunds`, the first of those given back together; -1 otherwise.
        at: when it was booked, local seconds.
        available_at: from when its money can be paid out.
        amount: signed fen before the fee.
        fee: fen kept; negative where a fee comes back.
        payout: row in `Payouts` that a payout's own entries belong to; -1 otherwise.
        paid_by: row in `Payouts` that paid it out, a payout's own entry included; -1: none yet.
    """

    kind: Ints
    order: Ints
    refund: Ints
    at: Ints
    available_at: Ints
    amount: Ints
    fee: Ints
    payout: Ints
    paid_by: Ints

    def __len__(self) -> int:
        return len(self.kind)

    def take(self, rows: Any) -> "Entries":
        """The given rows, in the given order."""
        return Entries(*(getattr(self, field.name)[rows] for field in fields(self)))

    @property
    def net(self) -> Ints:
        """Signed fen after the fee."""
        net: Ints = self.amount - self.fee
        return net


@dataclass(frozen=True)
class Payouts:
    """One element per payout, in the order of time; `entry` and `failure` are rows in `Entries`.

    `amount` is fen; `arrives_at` the midnight (UTC) of the day on which the bank has it;
    `failed_at` when the bank sent it back, `NEVER` for most.
    """

    created_at: Ints
    amount: Ints
    arrives_at: Ints
    failed_at: Ints
    entry: Ints
    failure: Ints

    def __len__(self) -> int:
        return len(self.created_at)

    def states(self, as_of: int) -> Ints:
        """What became of each payout by then; meaningless for later ones."""
        codes = np.where(self.created_at + _SENT_AFTER <= as_of, ON_THE_WAY, WAITING)
        codes = np.where(self.arrives_at + _PAID_AFTER <= as_of, PAID, codes)
        return np.where(self.failed_at <= as_of, FAILED, codes)


@dataclass(frozen=True)
class CardAccount:
    """All that the card provider knows about the retailer's account."""

    entries: Entries
    payouts: Payouts


def settle_cards(world: World) -> CardAccount:
    """The provider's books up to the end of the world; the same world gives the same books."""
    charges = _charges(world)
    refunds = _refunds(world, charges)
    tables = (charges, refunds, *_disputes(world, charges))
    entries = _joined(tables)
    return _paid_out(world.config, entries.take(entries.at <= world.config.end_second))


def fees_of(amounts: Ints) -> Ints:
    """The fee of charges in fen, rounded half up."""
    return (2 * amounts * RATE + 100_000) // 200_000 + FIXED_FEE


def charge_numbers(orders: Ints) -> list[str]:
    """The provider's numbers of the charges of some orders (rows in `Orders`)."""
    return object_numbers("ch", orders.tolist())


def object_numbers(prefix: str, rows: Iterable[int]) -> list[str]:
    """Numbers such as `ch_0f3a...` for rows of a table: the prefix tells the table."""
    return [
        f"{prefix}_{hashlib.sha256(f'{prefix} {row}'.encode()).hexdigest()[:24]}" for row in rows
    ]


def describe_card_account(account: CardAccount, config: WorldConfig, as_of: int) -> dict[str, Any]:
    """Truth about the balance at second `as_of`: entries per kind and local day, payouts per state.

    Amounts in fen; `balance_fen` is what is left at the provider, available or not.
    """
    table = account.entries.take(account.entries.at <= as_of)
    payouts = account.payouts
    made = payouts.created_at <= as_of
    states = payouts.states(as_of)
    days = config.day_numbers(table.at)
    return {
        "entries": {
            name: {"entries": int(mine.sum())}
            | {
                f"{column}_fen": int(getattr(table, column)[mine].sum())
                for column in ("amount", "fee", "net")
            }
            for name, mine in ((name, table.kind == code) for code, name in enumerate(ENTRY_KINDS))
            if mine.any()
        },
        "days": {
            str(config.date_of(day)): {
                "entries": int((days == day).sum()),
                "net_fen": int(table.net[days == day].sum()),
            }
            for day in np.unique(days).tolist()
        },
        "payouts": {
            name: {"payouts": int(mine.sum()), "amount_fen": int(payouts.amount[mine].sum())}
            for name, mine in (
                (name, made & (states == code)) for code, name in enumerate(PAYOUT_STATES)
            )
            if mine.any()
        },
        "balance_fen": int(table.net.sum()),
    }


def _charges(world: World) -> Entries:
    """Every payment by card, taken just before the shop notes it."""
    random = world.config.random("card charges")
    paid_at = world.journeys.paid_at
    order = np.flatnonzero((paid_at != NEVER) & (world.journeys.method == CARD))
    at = paid_at[order] - random.integers(0, 4, len(order))
    amount = world.orders.total[order]
    return _entries(
        CHARGE,
        order=order,
        at=np.maximum(at, world.orders.created_at[order]),
        amount=amount,
        fee=fees_of(amount),
        waits=_AVAILABLE_AFTER,
    )


def _refunds(world: World, charges: Entries) -> Entries:
    """What the shop granted of card payments; lines granted at one time go back as one."""
    table = world.refunds
    random = world.config.random("card refunds")
    takes = random.integers(2, 120, len(table))
    granted = (table.decided_at != NEVER) & ~table.rejected & (table.amount > 0)
    rows = np.flatnonzero(granted & np.isin(table.order, charges.order))
    order, decided_at = table.order[rows], table.decided_at[rows]
    in_groups = np.lexsort((rows, decided_at, order))
    rows, order, decided_at = rows[in_groups], order[in_groups], decided_at[in_groups]
    is_first = np.ones(len(rows), dtype=np.bool_)
    is_first[1:] = (order[1:] != order[:-1]) | (decided_at[1:] != decided_at[:-1])
    begins = np.flatnonzero(is_first)
    amount = table.amount[rows]
    together = np.add.reduceat(amount, begins) if len(amount) else amount
    firsts = rows[begins]
    return _entries(
        REFUND,
        order=order[begins],
        refund=firsts,
        at=decided_at[begins] + takes[firsts],
        amount=-together,
    )


def _disputes(world: World, charges: Entries) -> tuple[Entries, Entries]:
    """Charges that a bank takes back, with a fee; every second is won and both come back."""
    random = world.config.random("card disputes")
    quiet = np.flatnonzero(~np.isin(charges.order, world.refunds.order) & (charges.amount > 0))
    rows = choose_distinct(random, quiet, round(DISPUTE_SHARE * len(charges)))
    count = len(rows)
    at = charges.at[rows] + random.integers(2 * DAY, 6 * DAY, count)
    won = np.arange(count) % 2 == 1
    later = at + random.integers(3 * DAY, 6 * DAY, count)
    order, amount = charges.order[rows], charges.amount[rows]
    fee = np.full(count, DISPUTE_FEE)
    lost = _entries(DISPUTE, order=order, at=at, amount=-amount, fee=fee)
    back = _entries(DISPUTE_WON, order=order[won], at=later[won], amount=amount[won], fee=-fee[won])
    return lost, back


def _entries(
    kind: int,
    *,
    order: Ints,
    at: Ints,
    amount: Ints,
    fee: Ints | None = None,
    refund: Ints | None = None,
    payout: Ints | None = None,
    waits: int = 0,
) -> Entries:
    """Entries of one kind whose money is available some working days later."""
    count = len(order)
    return Entries(
        kind=np.full(count, kind),
        order=order,
        refund=np.full(count, -1) if refund is None else refund,
        payout=np.full(count, -1) if payout is None else payout,
        at=at,
        available_at=_working_midnight(at, waits) if waits else at,
        amount=amount,
        fee=np.zeros(count, dtype=np.int64) if fee is None else fee,
        paid_by=np.full(count, -1),
    )


def _working_midnight(at: Ints, days: int) -> Ints:
    """The midnight of UTC, in local seconds, that is some working days behind the day of a time."""
    day = ((at - _UTC) // DAY).astype("datetime64[D]")
    later = np.busday_offset(day, days, roll="forward").astype(np.int64)
    midnight: Ints = later * DAY + _UTC
    return midnight


def _joined(tables: Iterable[Entries]) -> Entries:
    """All tables in the order of time."""
    listed = list(tables)
    table = Entries(
        *(np.concatenate([getattr(one, f.name) for one in listed]) for f in fields(Entries))
    )
    return table.take(np.argsort(table.at, kind="stable"))


def _paid_out(config: WorldConfig, entries: Entries) -> CardAccount:
    """Pay out, every working morning, what is available; one payout in the middle comes back."""
    ready_at = np.maximum(entries.at, entries.available_at)
    by_ready = np.argsort(ready_at, kind="stable")
    ready_at = ready_at[by_ready]
    sums = np.concatenate([[0], np.cumsum(entries.net[by_ready])])
    mornings = _mornings(config)
    middle = int(mornings[len(mornings) // 2]) if len(mornings) else NEVER
    created_at, amounts, done = list[int](), list[int](), 0
    failed, failed_at, again = -1, NEVER, -1
    for morning in mornings.tolist():
        until = int(np.searchsorted(ready_at, morning, side="right"))
        comes_back = failed_at <= morning and again < 0
        total = int(sums[until] - sums[done]) + (amounts[failed] if comes_back else 0)
        if total <= 0:
            continue
        number = len(created_at)
        entries.paid_by[by_ready[done:until]] = number
        created_at.append(morning)
        amounts.append(total)
        done = until
        if comes_back:
            again = number
        if failed < 0 and morning >= middle:
            failed, failed_at = number, int(_arrival(np.array([morning]))[0]) + _FAILS_AFTER
    made = np.array(created_at, dtype=np.int64)
    amount = np.array(amounts, dtype=np.int64)
    numbers = np.arange(len(made))
    own = _entries(PAYOUT, order=np.full(len(made), -1), at=made, amount=-amount, payout=numbers)
    own.paid_by[:] = numbers
    back = numbers[(numbers == failed) & (failed_at <= config.end_second)]
    returned = _entries(
        PAYOUT_FAILURE,
        order=np.full(len(back), -1),
        at=np.full(len(back), failed_at),
        amount=amount[back],
        payout=back,
    )
    returned.paid_by[:] = again
    everything = _joined((entries, own, returned))
    failed_times = np.full(len(made), NEVER)
    failed_times[back] = failed_at
    return CardAccount(
        everything,
        Payouts(
            created_at=made,
            amount=amount,
            arrives_at=_arrival(made),
            failed_at=failed_times,
            entry=_row_of(everything, PAYOUT, len(made)),
            failure=_row_of(everything, PAYOUT_FAILURE, len(made)),
        ),
    )


def _mornings(config: WorldConfig) -> Ints:
    """When payouts are made: in the night of every working day of UTC, in local seconds."""
    midnights = config.start_second - config.start_second % DAY + np.arange(config.days) * DAY
    days = (midnights // DAY).astype("datetime64[D]")
    times: Ints = midnights[np.is_busday(days)] + _UTC + _PAYOUT_SECOND
    return times[times <= config.end_second]


def _arrival(made: Ints) -> Ints:
    return _working_midnight(made, 1)


def _row_of(entries: Entries, kind: int, count: int) -> Ints:
    """The entry of that kind of every payout; -1 where there is none."""
    rows = np.full(count, -1)
    mine = np.flatnonzero(entries.kind == kind)
    rows[entries.payout[mine]] = mine
    return rows
