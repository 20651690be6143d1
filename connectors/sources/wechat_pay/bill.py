"""WeChat Pay's bills as they come: UTF-8 text whose values stand behind backticks, unquoted.

Here: unpacking and its check sum, how a line is split, and whether the rows give the bill's own
totals. Pure functions of bytes; no row leaves before the whole bill has been checked.
"""

import gzip
import hashlib
import hmac
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final, Literal

from connectors.errors import ContractError, TransientError
from connectors.sources.api.statements import RunningBalance, amount_of, require_total

BillKind = Literal["trade", "fund"]

_GZIP: Final = b"\x1f\x8b"
_MARK: Final = "`"
_TRADE_HEADINGS: Final = (
    *("交易时间", "商户号", "微信订单号", "商户订单号", "交易类型", "交易状态", "货币种类"),
    *("应结订单金额", "微信退款单号", "商户退款单号", "退款金额", "手续费", "订单金额"),
)
_FUND_HEADINGS: Final = (
    *("记账时间", "微信支付业务单号", "资金流水单号", "业务名称", "业务类型", "收支类型"),
    *("收支金额(元)", "账户结余(元)", "业务凭证号"),
)
NEEDED_HEADINGS: Final = {"trade": _TRADE_HEADINGS, "fund": _FUND_HEADINGS}
# The totals of a trade bill and the columns that they are sums of.
_SUMS: Final = {
    "应结订单总金额": "应结订单金额",
    "退款总金额": "退款金额",
    "充值券退款总金额": "充值券退款金额",
    "手续费总金额": "手续费",
    "订单总金额": "订单金额",
    "申请退款总金额": "申请退款金额",
}


@dataclass(frozen=True)
class WechatPayBill:
    """The table of one bill, checked.

    Attributes:
        name: for people.
        headings: as in the bill.
        lines: the table's lines below the headings.
        totals: the totals row by its headings.
    """

    name: str
    headings: Sequence[str]
    lines: Sequence[str] = field(repr=False)
    totals: Mapping[str, str]

    def __len__(self) -> int:
        return len(self.lines)

    def rows(self) -> Iterator[dict[str, str]]:
        """Each row as heading → cell without its backtick.

        Raises:
            ContractError: a row has another number of cells than the heading.
        """
        for number, line in enumerate(self.lines, start=1):
            cells = _cells(line)
            if len(cells) != len(self.headings):
                raise ContractError(
                    f"{self.name} has {len(cells)} cells in row {number:,} instead of the "
                    f"{len(self.headings)} of its heading; nothing of it was taken, so look at "
                    "that row."
                )
            yield dict(zip(self.headings, cells, strict=True))


def unpacked(content: bytes, sha1: str, name: str) -> bytes:
    """The bytes of a bill as they were before packing, proven by WeChat Pay's check sum.

    Args:
        content: what was downloaded, gzip or plain.
        sha1: hexadecimal, over the uncompressed bytes.
        name: of the bill, for error messages, beginning with a capital letter.

    Raises:
        TransientError: the file is cut off or another one.
    """
    try:
        data = gzip.decompress(content) if content.startswith(_GZIP) else content
    except (EOFError, OSError, zlib.error) as error:
        raise TransientError(
            f"{name} came as a gzip file that is cut off or damaged ({len(content):,} bytes); it "
            "will be downloaded again."
        ) from error
    digest = hashlib.sha1(data, usedforsecurity=False).hexdigest()
    if not hmac.compare_digest(digest, sha1.strip().lower()):
        raise TransientError(
            f"{name} has another check sum than WeChat Pay announced ({len(data):,} bytes came); "
            "it will be downloaded again."
        )
    return data


def parse_bill(
    data: bytes, kind: BillKind, name: str, *, check_balances: bool = True
) -> WechatPayBill:
    """The bill in these bytes, checked as a whole.

    Args:
        data: UTF-8 text, with or without a byte-order mark.
        kind: which bill it is.
        name: of the bill, for error messages.
        check_balances: whether a fund flow bill's balances must follow from its movements.

    Raises:
        ContractError: the layout is another, or totals or balances contradict the rows.
    """
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ContractError(
            f"{name} is no UTF-8 text (byte {error.start:,}); nothing was taken from it."
        ) from error
    bill = _framed(text, kind, name)
    if kind == "trade":
        _check_trade(bill)
    else:
        _check_fund(bill, check_balances=check_balances)
    return bill


def _framed(text: str, kind: BillKind, name: str) -> WechatPayBill:
    """Headings, rows, totals' headings, totals: only the rows' values have backticks."""
    lines = [line for raw in text.split("\n") if (line := raw.removesuffix("\r"))]
    headings = [heading.strip() for heading in lines[0].split(",")] if lines else []
    missing = [heading for heading in NEEDED_HEADINGS[kind] if heading not in headings]
    if missing or len(set(headings)) != len(headings):
        raise ContractError(
            f"{name} has no column {', '.join(missing) or 'that is there only once'}; nothing was "
            "taken from it, so look at its heading."
        )
    behind = next((n for n, line in enumerate(lines) if n and not line.startswith(_MARK)), None)
    if behind is None or len(lines) != behind + 2:
        raise ContractError(
            f"{name} does not end with one row of totals, so it can't be checked; nothing of it "
            "was taken."
        )
    names, values = lines[behind].split(","), _cells(lines[behind + 1])
    if len(names) != len(values):
        raise ContractError(
            f"{name} has {len(values)} totals for {len(names)} names; nothing of it was taken."
        )
    totals = dict(zip((each.strip() for each in names), values, strict=True))
    return WechatPayBill(name, headings, lines[1:behind], totals)


def _cells(line: str) -> list[str]:
    """The values of a line: goods may hold commas, so only a comma before a backtick separates."""
    return line.removeprefix(_MARK).split(f",{_MARK}")


def _check_trade(bill: WechatPayBill) -> None:
    columns = {total: column for total, column in _SUMS.items() if column in bill.headings}
    sums = dict.fromkeys(columns, Decimal(0))
    for number, row in enumerate(bill.rows(), start=1):
        for total, column in columns.items():
            sums[total] += amount_of(row, column, bill.name, number)
    require_total(
        bill.name, "总交易单数", stated=_stated(bill, "总交易单数"), counted=Decimal(len(bill))
    )
    for total, counted in sums.items():
        require_total(bill.name, total, stated=_stated(bill, total), counted=counted)


def _check_fund(bill: WechatPayBill, *, check_balances: bool) -> None:
    counts = {"收入": 0, "支出": 0}
    sums = dict.fromkeys(counts, Decimal(0))
    balance = RunningBalance(bill.name)
    for number, row in enumerate(bill.rows(), start=1):
        word = row["收支类型"]
        if word not in counts:
            raise ContractError(
                f"{bill.name} has {word!r} as 收支类型 in row {number:,} instead of 收入 or 支出; "
                "nothing of it was taken, so look at that row."
            )
        amount = amount_of(row, "收支金额(元)", bill.name, number)
        counts[word] += 1
        sums[word] += amount
        change = amount if word == "收入" else -amount
        balance.add(change, amount_of(row, "账户结余(元)", bill.name, number))
    stated_count = _stated(bill, "资金流水总笔数")
    require_total(bill.name, "资金流水总笔数", stated=stated_count, counted=Decimal(len(bill)))
    for word, count in counts.items():
        stated = _stated(bill, f"{word}笔数")
        require_total(bill.name, f"{word}笔数", stated=stated, counted=Decimal(count))
        require_total(
            bill.name, f"{word}金额", stated=_stated(bill, f"{word}金额"), counted=sums[word]
        )
    if check_balances:
        balance.require()


def _stated(bill: WechatPayBill, total: str) -> Decimal:
    """A figure of the totals row; counts may have decimals (`45.0`)."""
    if total not in bill.totals:
        raise ContractError(
            f"{bill.name} has no total {total}, so it can't be checked; nothing of it was taken."
        )
    return amount_of(bill.totals, total, bill.name, len(bill) + 1)
