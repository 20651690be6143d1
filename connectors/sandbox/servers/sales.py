"""What a payment provider or carrier knows about an order: its number, goods and buyer.

Here: lookups by rows of `Orders`, made only for the rows asked for.
"""

from typing import Any

import numpy as np

from connectors.sandbox.files.rendering import order_numbers
from connectors.sandbox.platforms import STORE, TMALL
from connectors.sandbox.retailer import World
from connectors.sandbox.stages.people import GIVEN_NAMES, SURNAMES
from connectors.sandbox.world import Flags, Ints

_TAOBAO_PREFIX = "T200P"
_UNKNOWN_PHONE = "12000000000"


class Sales:
    """Orders as the retailer's partners know them."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._order_no: Any = order_numbers(world)

    def merchant_numbers(self, orders: Ints) -> list[str]:
        """商户订单号: the channel's order number, for Taobao orders with its prefix `T200P`."""
        is_tmall = (self._world.orders.channel[orders] == TMALL).tolist()
        numbers = self._order_no.take(orders).to_pylist()
        return [
            f"{_TAOBAO_PREFIX}{number}" if tmall else number
            for number, tmall in zip(numbers, is_tmall, strict=True)
        ]

    def goods(self, orders: Ints) -> list[list[str]]:
        """The product names of each order, one a line."""
        lines, names = self._world.lines, self._world.products.names
        first = self._world.orders.first_line[orders].tolist()
        count = self._world.orders.line_count[orders].tolist()
        return [
            [names[sku] for sku in lines.sku[low : low + size].tolist()]
            for low, size in zip(first, count, strict=True)
        ]

    def masked_payers(self, orders: Ints) -> list[str]:
        """Payers as Alipay shows them: `*欣怡(120****0001)`; unknown buyers are walk-ins."""
        known, account = self._accounts(orders)
        given = self._world.accounts.given_name[account].tolist()
        return [
            f"*{GIVEN_NAMES[name]}({phone[:3]}****{phone[-4:]})" if named else "*顾客(120****0000)"
            for name, phone, named in zip(given, self.phones(orders), known.tolist(), strict=True)
        ]

    def phones(self, orders: Ints) -> list[str]:
        """The buyers' phone numbers."""
        known, account = self._accounts(orders)
        phones = self._world.accounts.phone[account].tolist()
        return [
            str(phone) if named else _UNKNOWN_PHONE
            for phone, named in zip(phones, known.tolist(), strict=True)
        ]

    def names(self, orders: Ints) -> list[str]:
        """The buyers' full names; empty for unknown buyers."""
        known, account = self._accounts(orders)
        surname = self._world.accounts.surname[account].tolist()
        given = self._world.accounts.given_name[account].tolist()
        return [
            SURNAMES[first] + GIVEN_NAMES[name] if named else ""
            for first, name, named in zip(surname, given, known.tolist(), strict=True)
        ]

    def people(self, orders: Ints) -> list[int]:
        """A number for each buyer as a person; for unknown buyers one per order, below zero."""
        known, account = self._accounts(orders)
        person = np.where(known, self._world.accounts.person[account], -1 - orders)
        people: list[int] = person.tolist()
        return people

    def in_store(self, orders: Ints) -> list[bool]:
        """Whether each order was sold in the store."""
        flags: list[bool] = (self._world.orders.channel[orders] == STORE).tolist()
        return flags

    def _accounts(self, orders: Ints) -> tuple[Flags, Ints]:
        account = self._world.orders.account[orders]
        return account >= 0, np.maximum(account, 0)
