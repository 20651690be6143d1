"""Files of the payment services' reports and of the bank's statement.

The reports are an entity of the shop's own source; the statement has the plain layout of source
`bank_statements`. A bank's line says in words which payout or transfer it is, most of them with
its number.
"""

from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from connectors.sandbox.files.day_files import DayFiles, csv_files, csv_name
from connectors.sandbox.files.records import Records, sent_once, with_duplicates
from connectors.sandbox.files.rendering import (
    compact_dates,
    csv_bytes,
    money,
    or_null,
    order_numbers,
    payment_numbers,
    times,
    words,
)
from connectors.sandbox.files.wholesale import receipt_numbers
from connectors.sandbox.retailer import World
from connectors.sandbox.stages.distributing import Receipts
from connectors.sandbox.stages.paying_out import (
    ACCOUNTS,
    ENTRY_KINDS,
    FEE,
    PAYMENT,
    PAYOUT,
    Settlements,
)
from connectors.sandbox.world import DAY

SOURCE: Final = "sandbox"
BANK_SOURCE: Final = "bank_statements"
STATEMENT_FOLDER: Final = f"{BANK_SOURCE}/other"
BANK_ACCOUNT: Final = "6214830000001"
SETTLEMENT_ENTITIES: Final[dict[str, tuple[str, ...]]] = {
    "settlement_lines": (
        "entry_no",
        "account",
        "entry_type",
        "order_no",
        "payment_no",
        "amount",
        "fee",
        "settlement_no",
        "occurred_at",
    ),
}
_MEMOS: Final = ("支付宝 提现到账", "财付通 结算款", "银联商务 清算款", "转账汇入", "结息")
_TRANSFER, _INTEREST = 3, 4


def settlement_files(
    world: World, settlements: Settlements, receipts: Receipts | None
) -> list[DayFiles]:
    """The services' reports and the bank's statement of a world."""
    config, entries, bank = world.config, settlements.entries, settlements.bank
    told = sent_once(config, "settlement_lines", np.arange(len(entries)), entries.told_at)
    booked = sent_once(config, BANK_SOURCE, np.arange(len(bank)), bank.at)
    writer = _Writer(world, settlements, receipts)
    return [
        csv_files(SOURCE, with_duplicates(config, told), writer.entries),
        DayFiles(
            source=BANK_SOURCE,
            entity="other",
            folder=STATEMENT_FOLDER,
            records=booked,
            file_name=csv_name,
            encode=lambda rows: csv_bytes(writer.bank_lines(rows)),
        ),
    ]


class _Writer:
    """Renders entries of the reports and lines of the statement."""

    def __init__(self, world: World, settlements: Settlements, receipts: Receipts | None) -> None:
        self._entries, self._bank = settlements.entries, settlements.bank
        self._order_no = order_numbers(world)
        known = np.flatnonzero(settlements.entries.order >= 0)
        place = np.full(len(settlements.entries), -1)
        place[known] = np.arange(len(known))
        paid = payment_numbers(world, settlements.entries.order[known])
        self._payment_no = paid.take(or_null(place))
        self._balance = 50_000_000 + np.cumsum(self._bank.amount)
        night = world.config.start_second + self._entries.night * DAY
        self._settlement_no = pc.binary_join_element_wise(
            "ST", pa.array(self._entries.account + 1).cast(pa.string()), compact_dates(night), ""
        )
        numbers = receipt_numbers(receipts) if receipts else pa.array([], pa.string())
        payout, receipt = self._bank.payout, self._bank.receipt
        number = pc.coalesce(
            self._settlement_no.take(or_null(payout)), numbers.take(or_null(receipt))
        )
        self._reference = pc.if_else(pa.array(self._bank.has_number == 1), number, None)

    def entries(self, records: Records) -> pa.Table:
        """The rows with the columns of the reports."""
        entries, index = self._entries, records.index
        order, kind = entries.order[index], entries.kind[index]
        serial = pc.utf8_lpad(pa.array(index + 1).cast(pa.string()), 9, "0")
        is_payment = kind == PAYMENT
        strange = is_payment & (order < 0)
        columns = (
            pc.binary_join_element_wise("SE", serial, ""),
            words(ACCOUNTS, entries.account[index]),
            words(ENTRY_KINDS, kind),
            self._order_no.take(or_null(order)),
            pc.if_else(
                pa.array(strange),
                pc.binary_join_element_wise("UNKNOWN", serial, ""),
                self._payment_no.take(pa.array(index)),
            ),
            money(entries.amount[index]),
            money(entries.fee[index], missing=(kind == FEE) | (kind == PAYOUT)),
            self._settlement_no.take(pa.array(index)),
            times(entries.at[index]),
        )
        names = SETTLEMENT_ENTITIES["settlement_lines"]
        return pa.table(dict(zip(names, columns, strict=True)))

    def bank_lines(self, records: Records) -> pa.Table:
        """The rows with the plain layout of a statement."""
        bank, index = self._bank, records.index
        # The last one stands for "no payout" and is never shown.
        account = np.append(self._entries.account, 0)[bank.payout[index]]
        memo = np.where(bank.receipt[index] >= 0, _TRANSFER, _INTEREST)
        memo = np.where(bank.payout[index] >= 0, account, memo)
        return pa.table(
            {
                "account": _same(BANK_ACCOUNT, len(index)),
                "booked_at": times(bank.at[index]),
                "currency": _same("CNY", len(index)),
                "amount": money(bank.amount[index]),
                "balance": money(self._balance[index]),
                "reference": self._reference.take(pa.array(index)),
                "summary": words(_MEMOS, memo),
            }
        )


def _same(word: str, count: int) -> Any:
    return words((word,), np.zeros(count, dtype=np.int64))
