"""Trades as TOP writes them: one function per field, for a page at once.

Only the fields that were asked for are made. A field that has not happened is absent.
"""

from collections.abc import Callable
from functools import cached_property
from typing import Any, Final

import numpy as np

from connectors.sandbox.files.rendering import payment_numbers
from connectors.sandbox.platforms import AWAITING, COMPLETED, PROVINCE_NAMES, SHIPPED
from connectors.sandbox.servers.taobao_lines import (
    SELLER,
    TRADE_TYPES,
    TRADE_WORDS,
    Catalogue,
    LinePage,
    asked_line_fields,
    ended_at,
    status_codes,
    type_codes,
)
from connectors.sandbox.servers.texts import (
    grouped,
    masked_name,
    masked_phone,
    plain,
    records,
    repeated,
    time_texts,
    yuan_texts,
)
from connectors.sandbox.servers.views import Shop, line_rows
from connectors.sandbox.stages.people import SURNAMES
from connectors.sandbox.world import NEVER, Ints

_STEPS: Final = ("FRONT_NOPAID_FINAL_NOPAID", "FRONT_PAID_FINAL_NOPAID", "FRONT_PAID_FINAL_PAID")


class TradePage:
    """One page of trades."""

    def __init__(self, shop: Shop, catalogue: Catalogue, orders: Ints) -> None:
        self._shop = shop
        self._snapshot = shop.snapshot
        self._catalogue = catalogue
        self.orders = orders

    def rows(self, fields: list[str], *, with_oaid: bool = False) -> list[dict[str, Any]]:
        """The trades with the asked fields; unknown fields are passed over, as TOP does."""
        columns: dict[str, list[Any]] = {}
        for field in fields:
            make = _TRADE_FIELDS.get(field)
            if make is not None:
                columns[field] = make(self)
        if with_oaid:
            columns["oaid"] = self._oaid()
        line_fields = asked_line_fields(fields)
        if line_fields:
            columns["orders"] = self._lines(line_fields)
        return records(columns) if columns else [{} for _ in self.orders.tolist()]

    def _lines(self, fields: list[str]) -> list[Any]:
        orders = self._snapshot.world.orders
        counts = orders.line_count[self.orders]
        page = LinePage(
            self._snapshot, self._catalogue, line_rows(orders.first_line[self.orders], counts)
        )
        columns = {field: page.column(field) for field in fields}
        lines = records({name: column for name, column in columns.items() if column is not None})
        return [{"order": piece} for piece in grouped(lines, counts.tolist())]

    def _tid(self) -> list[int]:
        return plain(self._snapshot.world.orders.number[self.orders])

    def _status(self) -> list[str]:
        return [TRADE_WORDS[code] for code in plain(status_codes(self._snapshot, self.orders))]

    def _type(self) -> list[str]:
        return [TRADE_TYPES[code] for code in plain(type_codes(self._snapshot, self.orders))]

    def _step_status(self) -> list[str | None]:
        """How far a pre-sale is paid; absent for other trades."""
        presale = self._snapshot.terms.is_presale[self.orders]
        deposit = self._snapshot.deposit_paid_at[self.orders] != NEVER
        final = self._snapshot.paid_at[self.orders] != NEVER
        steps = plain(deposit.astype(np.int64) + final)
        return [
            _STEPS[step] if is_presale else None
            for step, is_presale in zip(steps, plain(presale), strict=True)
        ]

    def _step_paid(self) -> list[str | None]:
        """The part of a pre-sale that is paid; absent for other trades."""
        deposit = self._snapshot.deposit_paid_at[self.orders] != NEVER
        final = self._snapshot.paid_at[self.orders] != NEVER
        paid = np.where(deposit, self._snapshot.terms.deposit[self.orders], 0)
        paid = np.where(final, self._snapshot.total[self.orders], paid)
        presale = plain(self._snapshot.terms.is_presale[self.orders])
        return [
            text if is_presale else None
            for text, is_presale in zip(yuan_texts(paid), presale, strict=True)
        ]

    def _discount_fee(self) -> list[str]:
        """The discount of the trade: what its lines tell as their shares."""
        return yuan_texts(self._summed(self._snapshot.order_discount))

    def _summed(self, of_lines: Ints) -> Ints:
        """A figure of the lines, added up for each trade."""
        table = self._snapshot.world.orders
        counts = table.line_count[self.orders]
        values = of_lines[line_rows(table.first_line[self.orders], counts)]
        begins = np.cumsum(counts) - counts
        return np.add.reduceat(values, begins) if len(values) else values

    def _payment(self) -> list[str]:
        return yuan_texts(self._snapshot.total[self.orders])

    def _total_fee(self) -> list[str]:
        """List prices times pieces: what it would have cost without any discount."""
        return yuan_texts(self._summed(self._snapshot.list_amount))

    def _received(self) -> list[str]:
        completed = self._snapshot.state[self.orders] == COMPLETED
        return yuan_texts(np.where(completed, self._snapshot.total[self.orders], 0))

    def _unconfirmed(self) -> list[str]:
        paid = self._snapshot.paid_at[self.orders] != NEVER
        open_now = paid & (self._snapshot.state[self.orders] <= SHIPPED)
        return yuan_texts(np.where(open_now, self._snapshot.total[self.orders], 0))

    def _zero(self) -> list[str]:
        return repeated("0.00", len(self.orders))

    def _created(self) -> list[str | None]:
        return time_texts(self._snapshot.world.orders.created_at[self.orders])

    def _modified(self) -> list[str | None]:
        return time_texts(self._shop.modified[self.orders])

    def _pay_time(self) -> list[str | None]:
        return time_texts(self._snapshot.paid_at[self.orders])

    def _consign_time(self) -> list[str | None]:
        return time_texts(self._snapshot.shipped_at[self.orders])

    def _end_time(self) -> list[str | None]:
        return time_texts(ended_at(self._snapshot, self.orders))

    def _timeout(self) -> list[str | None]:
        waits = self._snapshot.state[self.orders] == AWAITING
        created = self._snapshot.world.orders.created_at[self.orders]
        return time_texts(np.where(waits, created + 86_400, NEVER))

    @cached_property
    def _accounts(self) -> Ints:
        return self._snapshot.world.orders.account[self.orders]

    def _surnames(self) -> list[str]:
        accounts = self._snapshot.world.accounts
        return [masked_name(SURNAMES[code]) for code in accounts.surname[self._accounts].tolist()]

    def _open_uid(self) -> list[str]:
        return [self._catalogue.buyers[account] for account in self._accounts.tolist()]

    def _phone(self) -> list[str]:
        accounts = self._snapshot.world.accounts
        return [masked_phone(phone) for phone in accounts.phone[self._accounts].tolist()]

    def _province(self) -> list[str]:
        provinces = self._snapshot.world.orders.province[self.orders]
        return [PROVINCE_NAMES[code] for code in provinces.tolist()]

    def _alipay_no(self) -> list[str | None]:
        paid = self._snapshot.paid_at[self.orders] != NEVER
        numbers: list[str | None] = [None] * len(self.orders)
        known = payment_numbers(self._snapshot.world, self.orders[paid]).to_pylist()
        for place, number in zip(np.flatnonzero(paid).tolist(), known, strict=True):
            numbers[place] = number
        return numbers

    def _pieces(self) -> list[int]:
        return plain(self._summed(self._snapshot.world.lines.quantity))

    def _oaid(self) -> list[str]:
        return [
            f"1{uid}{number:x}" for uid, number in zip(self._open_uid(), self._tid(), strict=True)
        ]

    def _of(self, value: Any) -> list[Any]:
        return repeated(value, len(self.orders))


_TRADE_FIELDS: Final[dict[str, Callable[[TradePage], list[Any]]]] = {
    "tid": TradePage._tid,
    "tid_str": lambda page: [str(tid) for tid in page._tid()],
    "status": TradePage._status,
    "type": TradePage._type,
    "step_trade_status": TradePage._step_status,
    "step_paid_fee": TradePage._step_paid,
    "payment": TradePage._payment,
    "total_fee": TradePage._total_fee,
    "post_fee": TradePage._zero,
    "discount_fee": TradePage._discount_fee,
    "adjust_fee": TradePage._zero,
    "commission_fee": TradePage._zero,
    "coupon_fee": lambda page: page._of(0),
    "received_payment": TradePage._received,
    "available_confirm_fee": TradePage._unconfirmed,
    "created": TradePage._created,
    "pay_time": TradePage._pay_time,
    "consign_time": TradePage._consign_time,
    "end_time": TradePage._end_time,
    "modified": TradePage._modified,
    "timeout_action_time": TradePage._timeout,
    "buyer_nick": TradePage._surnames,
    "buyer_open_uid": TradePage._open_uid,
    "alipay_no": TradePage._alipay_no,
    "seller_nick": lambda page: page._of(SELLER),
    "seller_flag": lambda page: page._of(0),
    "receiver_name": TradePage._surnames,
    "receiver_mobile": TradePage._phone,
    "receiver_phone": lambda page: page._of(""),
    "receiver_state": TradePage._province,
    "receiver_city": TradePage._province,
    "receiver_district": lambda page: page._of("**区"),
    "receiver_address": lambda page: page._of("***"),
    "receiver_zip": lambda page: page._of("000000"),
    "shipping_type": lambda page: page._of("express"),
    "has_post_fee": lambda page: page._of(False),
    "is_lgtype": lambda page: page._of(False),
    "trade_from": lambda page: page._of("WAP,WAP"),
    "num": TradePage._pieces,
    "title": lambda page: page._of(SELLER),
}
"""Fields of `trades.trade[]` besides `orders` and `oaid`."""
