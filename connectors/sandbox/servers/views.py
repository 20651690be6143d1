"""What the platforms know at a time: the world's tables cut off then, whole columns at once.

Here: `Snapshot` (states, times, amounts and refund stages of every order as of a time) and `Shop`
(one channel's orders and refunds in the orders in which its platform lists them). Not here: words,
field names and JSON, which differ by platform.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np

from connectors.sandbox.files.defects import DefectPlan
from connectors.sandbox.files.rendering import tracking_numbers
from connectors.sandbox.platforms import FIRST_RETURN_REASON
from connectors.sandbox.retailer import World
from connectors.sandbox.stages.terms import Terms
from connectors.sandbox.world import HOUR, NEVER, Flags, Ints

ASKED, AGREED, SENT_BACK, GRANTED, REFUSED, REFUSED_AFTER_RETURN, WITHDRAWN = range(7)
"""Stages of a refund. The world decides what is granted; how it gets there is told here."""

NOT_ASKED: Final = -1
_WAYS_TO_FAIL = (REFUSED, REFUSED_AFTER_RETURN, WITHDRAWN)
_LONGEST_TO_AGREE: Final = 18 * HOUR
_LONGEST: Final = 54 * HOUR


@dataclass(frozen=True)
class RefundJourneys:
    """When each refund of the world reached each stage: stages x refunds, `NEVER` if it did not.

    A return is agreed to after a third of its time and sent back after two thirds (or after the
    longest time that these take); what is rejected is refused at once, refused after the return,
    or withdrawn by the buyer, in turn.
    `of_line` is the refund of each line of the world, or -1: a line has at most one.
    """

    times: Ints
    of_line: Ints

    @classmethod
    def of(cls, world: World) -> "RefundJourneys":
        """The stages of all refunds of a world."""
        refunds = world.refunds
        count = len(refunds)
        times = np.full((7, count), NEVER)
        times[ASKED] = refunds.requested_at
        decided = refunds.decided_at != NEVER
        failure = np.where(refunds.rejected, np.array(_WAYS_TO_FAIL)[np.arange(count) % 3], NEVER)
        comes_back = (refunds.reason >= FIRST_RETURN_REASON) & refunds.restocks
        comes_back &= ~refunds.rejected | (failure == REFUSED_AFTER_RETURN)
        takes = np.where(decided, refunds.decided_at - refunds.requested_at, NEVER)
        for stage, thirds, longest in ((AGREED, 1, _LONGEST_TO_AGREE), (SENT_BACK, 2, _LONGEST)):
            waits = np.minimum(takes // 3 * thirds, longest)
            reached = np.where(comes_back, refunds.requested_at + waits, NEVER)
            # The world ends with its last day: platforms that are asked later know nothing newer.
            times[stage] = world.config.happened(reached)
        times[GRANTED] = np.where(refunds.rejected, NEVER, refunds.decided_at)
        for stage in _WAYS_TO_FAIL:
            times[stage] = np.where(failure == stage, refunds.decided_at, NEVER)
        of_line = np.full(len(world.lines), -1)
        of_line[refunds.line] = np.arange(count)
        return cls(times, of_line)


class Snapshot:
    """Every order, line and refund of the world as of a time, each column made when first asked.

    Columns have one element per order (line, refund) of the world; what is not known yet is
    meaningless or `NEVER`.
    """

    def __init__(
        self, world: World, plan: DefectPlan, terms: Terms, journeys: RefundJourneys, as_of: int
    ) -> None:
        self.world = world
        self.terms = terms
        self.as_of = as_of
        self._plan = plan
        self._refund_times = journeys.times
        self.refund_of_line = journeys.of_line

    def seen(self, times: Ints) -> Ints:
        """The times up to now; later ones are `NEVER`."""
        return np.where(times <= self.as_of, times, NEVER)

    @cached_property
    def state_times(self) -> Ints:
        """Order states x orders: when each state was entered."""
        return self.seen(self.world.state_times)

    @cached_property
    def state(self) -> Ints:
        """The order state as a code; the last of equal times wins."""
        entered = self.state_times != NEVER
        times = np.where(entered, self.state_times, -1)
        return _last_reached(times)

    @cached_property
    def paid_at(self) -> Ints:
        """When each order was paid."""
        return self.seen(self.world.journeys.paid_at)

    @cached_property
    def deposit_paid_at(self) -> Ints:
        """When the deposit of each pre-sale was paid."""
        return self.seen(self.terms.deposit_paid_at)

    @cached_property
    def shipped_at(self) -> Ints:
        """When each order was handed to the carrier."""
        return self.seen(self.world.journeys.shipped_at)

    @cached_property
    def is_unmapped(self) -> Flags:
        """Orders whose newest state is told in a word that nobody knows."""
        planted = np.zeros(len(self.world.orders), dtype=np.bool_)
        planted[self._plan.unmapped_orders] = True
        unmapped: Flags = planted & (self.state == self.world.state)
        return unmapped

    @cached_property
    def _surcharge(self) -> Ints:
        """Fen per piece by which each order's first line is too high until it is corrected."""
        return np.where(self._plan.edited_at > self.as_of, self._plan.overcharge, 0)

    @cached_property
    def total(self) -> Ints:
        """Fen that the order costs as the shop shows it now."""
        orders = self.world.orders
        return orders.total + self._surcharge * self.world.lines.quantity[orders.first_line]

    @cached_property
    def unit_price(self) -> Ints:
        """Fen per piece of each line as the shop shows it now."""
        price = self.world.lines.unit_price.copy()
        price[self.world.orders.first_line] += self._surcharge
        return price

    @cached_property
    def line_amount(self) -> Ints:
        """Fen of each line as the shop shows it now."""
        return self.unit_price * self.world.lines.quantity

    @cached_property
    def list_amount(self) -> Ints:
        """Fen of each line before discounts; a price still too high is no discount below zero."""
        lines = self.world.lines
        amounts: Ints = np.maximum(lines.list_price, self.unit_price) * lines.quantity
        return amounts

    @cached_property
    def discount(self) -> Ints:
        """Fen of each line between list price and what it costs."""
        return self.list_amount - self.line_amount

    @cached_property
    def order_discount(self) -> Ints:
        """Fen of each line's discount that is its share of a discount of the order."""
        of_order = self.terms.has_order_discount[self.world.lines.order]
        return np.where(of_order, self.discount, 0)

    @cached_property
    def platform_cost(self) -> Ints:
        """Fen of each line's discount that the platform pays to the seller."""
        return np.minimum(self.terms.platform_cost, self.discount)

    @cached_property
    def author_cost(self) -> Ints:
        """Fen of each line's discount that the live host pays to the seller."""
        left: Ints = self.discount - self.platform_cost
        return np.minimum(self.terms.author_cost, left)

    @cached_property
    def refund_times(self) -> Ints:
        """Refund stages x refunds: when each stage was reached."""
        return self.seen(self._refund_times)

    @cached_property
    def refund_stage(self) -> Ints:
        """The stage of each refund, `NOT_ASKED` where nobody has asked yet."""
        times = np.where(self.refund_times == NEVER, -1, self.refund_times)
        return np.where(times[ASKED] < 0, NOT_ASKED, _last_reached(times))

    @cached_property
    def refund_modified(self) -> Ints:
        """When each refund last changed; 0 where nobody has asked yet."""
        times = np.where(self.refund_times == NEVER, 0, self.refund_times)
        modified: Ints = times.max(axis=0, initial=0)
        return modified

    @cached_property
    def stage_of_line(self) -> Ints:
        """The refund stage of each line, `NOT_ASKED` without a refund."""
        has = self.refund_of_line >= 0
        return np.where(
            has, np.append(self.refund_stage, NOT_ASKED)[self.refund_of_line], NOT_ASKED
        )

    @cached_property
    def is_line_closed(self) -> Flags:
        """Lines of which every piece was refunded."""
        refund = self.refund_of_line
        quantity = np.append(self.world.refunds.quantity, 0)[refund]
        granted = np.append(self.refund_stage == GRANTED, [False])[refund]
        closed: Flags = granted & (refund >= 0) & (quantity == self.world.lines.quantity)
        return closed

    @cached_property
    def refunded(self) -> Ints:
        """Fen given back of each order."""
        table = self.world.refunds
        granted = self.refund_stage == GRANTED
        refunded = np.zeros(len(self.world.orders), dtype=np.int64)
        np.add.at(refunded, table.order[granted], table.amount[granted])
        return refunded

    @cached_property
    def pieces_back(self) -> Ints:
        """Refunded pieces of each line."""
        granted = np.append(self.refund_stage == GRANTED, [False])[self.refund_of_line]
        quantity = np.append(self.world.refunds.quantity, 0)[self.refund_of_line]
        return np.where(granted & (self.refund_of_line >= 0), quantity, 0)

    def refunds_of(self, orders: Ints) -> tuple[Ints, Ints]:
        """The refunds of some orders, order by order, and how many each has."""
        of_order = self.world.refunds.order  # ascending
        first = np.searchsorted(of_order, orders, side="left")
        counts = np.searchsorted(of_order, orders, side="right") - first
        return line_rows(first, counts), counts

    def modified(self, *, with_refunds: bool) -> Ints:
        """When each order last changed, 0 before it exists; edits count, touches don't."""
        times = np.where(self.state_times == NEVER, 0, self.state_times).max(axis=0, initial=0)
        for changed in (self.seen(self._plan.edited_at), self.deposit_paid_at):
            times = np.maximum(times, np.where(changed == NEVER, 0, changed))
        if with_refunds:
            np.maximum.at(times, self.world.refunds.order, self.refund_modified)
        return np.where(self.world.orders.created_at <= self.as_of, times, 0)


class Shop:
    """One channel's orders and refunds as its platform lists them; follows touches."""

    def __init__(
        self, snapshot: Snapshot, channel: int, touched_at: Ints, *, with_refunds: bool
    ) -> None:
        """List a channel.

        Args:
            snapshot: the world at a time.
            channel: code of the channel.
            touched_at: local seconds of the last touch per order, `NEVER` if untouched.
            with_refunds: whether a refund moves the order's own time of modification.
        """
        self.snapshot = snapshot
        world = snapshot.world
        created = world.orders.created_at
        self._orders = np.flatnonzero(
            (world.orders.channel == channel) & (created <= snapshot.as_of)
        )
        self._created = created[self._orders]
        touched = np.where(touched_at == NEVER, 0, touched_at)
        self.modified = np.maximum(snapshot.modified(with_refunds=with_refunds), touched)
        """Local seconds of the last change per order of the world, touches included."""
        times = self.modified[self._orders]
        by_time = np.argsort(times, kind="stable")
        self._by_modified, self._modified_sorted = self._orders[by_time], times[by_time]

    def move(self, orders: list[int], touched_at: Ints) -> None:
        """Give orders touched just now their new time; those of other channels are left alone."""
        mine = [order for order in orders if self._has(order)]
        if not mine:
            return
        self.modified[mine] = touched_at[mine]
        is_moved = np.zeros(len(self.modified), dtype=np.bool_)
        is_moved[mine] = True
        stay = ~is_moved[self._by_modified]
        moved = np.flatnonzero(is_moved)
        moved = moved[np.argsort(self.modified[moved], kind="stable")]
        # A touch is later than everything before it, so the touched ones come last.
        self._by_modified = np.concatenate([self._by_modified[stay], moved])
        self._modified_sorted = self.modified[self._by_modified]

    def _has(self, order: int) -> bool:
        place = int(np.searchsorted(self._orders, order))
        return place < len(self._orders) and int(self._orders[place]) == order

    def find(self, number: str) -> Ints | None:
        """The order with this number as a page of one, None when it is not (yet) there."""
        if not number.isascii() or not number.isdigit():
            return None
        numbers = self.snapshot.world.orders.number[self._orders]
        # Numbers ascend with the time of creation.
        place = int(np.searchsorted(numbers, int(number)))
        if place == len(numbers) or int(numbers[place]) != int(number):
            return None
        return self._orders[place : place + 1]

    def places(self, orders: Ints) -> Ints:
        """How many orders of the channel came before each one."""
        places: Ints = np.searchsorted(self._orders, orders)
        return places

    def created_between(self, start: int | None, end: int | None) -> Ints:
        """Orders created in the window (both ends included), oldest first."""
        return _window(self._orders, self._created, start, end)

    def modified_between(self, start: int | None, end: int | None) -> Ints:
        """Orders modified in the window (both ends included), longest unmodified first."""
        return _window(self._by_modified, self._modified_sorted, start, end)

    def refunds_between(self, start: int | None, end: int | None) -> Ints:
        """Refunds modified in the window (both ends included), longest unmodified first."""
        rows, times = self._refunds
        return _window(rows, times, start, end)

    @cached_property
    def _refunds(self) -> tuple[Ints, Ints]:
        mine = np.zeros(len(self.modified), dtype=np.bool_)
        mine[self._orders] = True
        asked = self.snapshot.refund_stage != NOT_ASKED
        rows = np.flatnonzero(asked & mine[self.snapshot.world.refunds.order])
        times = self.snapshot.refund_modified[rows]
        by_time = np.argsort(times, kind="stable")
        return rows[by_time], times[by_time]


def line_rows(first: Ints, counts: Ints) -> Ints:
    """The rows of the lines of some orders, order by order."""
    begins = np.cumsum(counts) - counts
    return np.repeat(first - begins, counts) + np.arange(int(counts.sum()))


def waybills(snapshot: Snapshot, orders: Ints) -> list[str | None]:
    """The tracking number of each shipped order."""
    shipped = (snapshot.shipped_at[orders] != NEVER).tolist()
    numbers = tracking_numbers(snapshot.world, orders).to_pylist()
    return [number if known else None for number, known in zip(numbers, shipped, strict=True)]


def _last_reached(times: Ints) -> Ints:
    """The row with the latest time of each column (-1 is never); the last of equal times wins."""
    last: Ints = len(times) - 1 - np.argmax(times[::-1], axis=0)
    return last


def _window(rows: Ints, times: Ints, start: int | None, end: int | None) -> Ints:
    low = 0 if start is None else int(np.searchsorted(times, start, side="left"))
    high = len(rows) if end is None else int(np.searchsorted(times, end, side="right"))
    return rows[low:high]
