"""Alipay's bills as they come: a zip with a detail and a summary, both GBK text.

Here: which member is the detail, where its table begins and ends, and whether its rows give its
own totals. Pure functions of bytes; no row leaves before the whole bill has been checked.
"""

import io
import re
import zipfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Final, Literal

from connectors.errors import ContractError, TransientError
from connectors.sources.api.statements import RunningBalance, amount_of, require_total

BillKind = Literal["trade", "account"]

_UTF8_FLAG: Final = 0x800
_TITLES: Final = {"trade": "业务明细", "account": "账务明细"}
_PERIOD: Final = re.compile(r"起始日期[:：]\[(\d{4})年(\d{2})月(\d{2})日")
_TIME: Final = re.compile(r"\d{4}-\d{2}-\d{2} \d{2}:\d{2}:\d{2}")
_AMOUNT: Final = re.compile(r"[+-]?[\d,]*\.?\d*")
_COUNT_AND_SUM: Final = r"{word}[:：](\d+)笔[,，][^\d.+-]*([+-]?[\d,.]+)元"
_TRADE_HEADINGS: Final = (
    *("支付宝交易号", "商户订单号", "业务类型", "商品名称", "创建时间", "完成时间", "对方账户"),
    *(
        "订单金额（元）",
        "商家实收（元）",
        "退款批次号/请求号",
        "服务费（元）",
        "分润（元）",
        "备注",
    ),
)
_ACCOUNT_HEADINGS: Final = (
    *("账务流水号", "业务流水号", "商户订单号", "商品名称", "发生时间", "对方账号"),
    *("收入金额（+元）", "支出金额（-元）", "账户余额（元）", "业务类型", "备注"),
)
NEEDED_HEADINGS: Final = {"trade": _TRADE_HEADINGS, "account": _ACCOUNT_HEADINGS}
_GOODS: Final = "商品名称"


@dataclass(frozen=True)
class AlipayBill:
    """The table of one bill, checked.

    Attributes:
        name: for people.
        first: the bill's (first) business date.
        headings: as in the bill.
        lines: the table's lines below the headings.
        totals: the lines behind the table.
    """

    name: str
    kind: BillKind
    first: date
    headings: Sequence[str]
    lines: Sequence[str] = field(repr=False)
    totals: Sequence[str]

    def __len__(self) -> int:
        return len(self.lines)

    def rows(self) -> Iterator[dict[str, str]]:
        """Each row as heading → cell, just as in the bill (text cells end with a tab).

        Raises:
            ContractError: a row has fewer cells than the heading, or more that can't be joined.
        """
        for number, line in enumerate(self.lines, start=1):
            yield dict(zip(self.headings, self._cells(line, number), strict=True))

    def _cells(self, line: str, number: int) -> list[str]:
        """The cells; commas inside the goods' name or the remark are no separators."""
        cells = line.split(",")
        extra = len(cells) - len(self.headings)
        if extra == 0:
            return cells
        goods = list(self.headings).index(_GOODS)
        last = len(self.headings) - 1
        for inside in range(extra + 1):
            behind = goods + inside + 1
            joined = [*cells[:goods], ",".join(cells[goods:behind]), *cells[behind:]]
            joined = [*joined[:last], ",".join(joined[last:])]
            if extra > 0 and self._is_plausible(joined):
                return joined
        raise ContractError(
            f"{self.name} has {len(cells)} cells in row {number:,} instead of the "
            f"{len(self.headings)} of its heading; nothing of it was taken, so look at that row."
        )

    def _is_plausible(self, cells: list[str]) -> bool:
        """Whether times and amounts stand where the heading has them."""
        pairs = list(zip(self.headings, cells, strict=True))
        times = [cell for heading, cell in pairs if heading.endswith("时间")]
        amounts = [cell for heading, cell in pairs if "元）" in heading]
        return all(_TIME.fullmatch(cell.strip()) for cell in times) and all(
            _AMOUNT.fullmatch(cell.strip()) for cell in amounts
        )


def read_bill(
    content: bytes, kind: BillKind, name: str, *, check_balances: bool = True
) -> AlipayBill:
    """The bill in a downloaded zip.

    Args:
        content: the zip.
        kind: which bill was asked for.
        name: of the bill, for error messages, beginning with a capital letter.
        check_balances: whether an account bill's balances must follow from its movements.

    Raises:
        TransientError: the zip is cut off or damaged.
        ContractError: it holds no such bill, or the bill contradicts itself.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            data = archive.read(_detail(archive, kind, name))
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError) as error:
        raise TransientError(
            f"{name} came as a zip that is cut off or damaged ({len(content):,} bytes); it will be "
            "downloaded again."
        ) from error
    return parse_bill(data, kind, name, check_balances=check_balances)


def member_name(member: zipfile.ZipInfo) -> str:
    """A member's real name: GBK bytes without the UTF-8 flag, which zip readers take for CP437."""
    if member.flag_bits & _UTF8_FLAG:
        return member.filename
    try:
        return member.orig_filename.encode("cp437").decode("gb18030")
    except UnicodeError:
        return member.filename


def _detail(archive: zipfile.ZipFile, kind: BillKind, name: str) -> zipfile.ZipInfo:
    """The member with the rows; the summary may come first."""
    names = {member_name(member): member for member in archive.infolist()}
    details = [known for known in names if "明细" in known and "汇总" not in known]
    titled = [known for known in details if _TITLES[kind] in known] or details
    if len(titled) != 1:
        raise ContractError(
            f"{name} holds {', '.join(sorted(names)) or 'no file'}, of which none or several could "
            f"be the detail; nothing was taken from it, so look at it."
        )
    return names[titled[0]]


def parse_bill(
    data: bytes, kind: BillKind, name: str, *, check_balances: bool = True
) -> AlipayBill:
    """The bill in the detail's bytes, checked as a whole.

    Args:
        data: GBK text.
        kind: which bill it is.
        name: of the bill, for error messages.
        check_balances: whether an account bill's balances must follow from its movements.

    Raises:
        ContractError: the layout is another, or totals or balances contradict the rows.
    """
    try:
        text = data.decode("gb18030")
    except UnicodeDecodeError as error:
        raise ContractError(
            f"{name} is no GBK text (byte {error.start:,}); nothing was taken from it."
        ) from error
    bill = _framed(text, kind, name)
    if kind == "trade":
        _check_trade(bill)
    else:
        _check_account(bill, check_balances=check_balances)
    return bill


def _framed(text: str, kind: BillKind, name: str) -> AlipayBill:
    """Find the table between its two marks; both hold 列表, only the end's holds 列表结束."""
    lines = [line.removesuffix("\r") for line in text.removeprefix("\ufeff").split("\n")]
    marks = [(n, line) for n, line in enumerate(lines) if line.startswith("#")]
    ends = [n for n, line in marks if "列表结束" in line]
    starts = [n for n, line in marks if "列表" in line and n not in ends]
    period = next((found for _, line in marks if (found := _PERIOD.search(line))), None)
    title = marks[0][1] if marks else ""
    if len(starts) != 1 or len(ends) != 1 or period is None or _TITLES[kind] not in title:
        raise ContractError(
            f"{name} is not laid out as {_TITLES[kind]} (begin, end and period are marked by lines "
            "with #); nothing was taken from it, so look at it."
        )
    table = [line for line in lines[starts[0] + 1 : ends[0]] if line]
    headings = [heading.strip() for heading in table[0].split(",")] if table else []
    missing = [heading for heading in NEEDED_HEADINGS[kind] if heading not in headings]
    if missing or len(set(headings)) != len(headings):
        raise ContractError(
            f"{name} has no column {', '.join(missing) or 'that is there only once'}; nothing was "
            "taken from it, so look at its heading."
        )
    return AlipayBill(
        name=name,
        kind=kind,
        first=date(*map(int, period.groups())),
        headings=headings,
        lines=table[1:],
        totals=[line for n, line in marks if n > ends[0]],
    )


def _check_trade(bill: AlipayBill) -> None:
    """The two totals lines count payments and refunds, and what the merchant received."""
    counts = {"交易": 0, "退款": 0}
    sums = dict.fromkeys(counts, Decimal(0))
    for number, row in enumerate(bill.rows(), start=1):
        word = row["业务类型"].strip()
        if word in counts:
            counts[word] += 1
            # Refunds stand with a minus in some bills and without in others.
            amount = amount_of(row, "商家实收（元）", bill.name, number)
            sums[word] += amount if word == "交易" else abs(amount)
    for word, count in counts.items():
        stated_count, stated_sum = _stated(bill, f"{word}合计")
        require_total(bill.name, f"number of {word}", stated=stated_count, counted=Decimal(count))
        stated_sum = stated_sum if word == "交易" else abs(stated_sum)
        require_total(bill.name, f"amount of {word}", stated=stated_sum, counted=sums[word])


def _check_account(bill: AlipayBill, *, check_balances: bool) -> None:
    """The two totals lines count what came and what went; every balance follows from the rows."""
    counts = {"收入": 0, "支出": 0}
    sums = dict.fromkeys(counts, Decimal(0))
    balance = RunningBalance(bill.name)
    for number, row in enumerate(bill.rows(), start=1):
        change = movement_of(row, bill.name, number)
        if change:
            counts["收入" if change > 0 else "支出"] += 1
            sums["收入" if change > 0 else "支出"] += abs(change)
        balance.add(change, amount_of(row, "账户余额（元）", bill.name, number))
    for word, count in counts.items():
        stated_count, stated_sum = _stated(bill, f"{word}合计")
        require_total(bill.name, f"number of {word}", stated=stated_count, counted=Decimal(count))
        require_total(bill.name, f"amount of {word}", stated=abs(stated_sum), counted=sums[word])
    if check_balances:
        balance.require()


def movement_of(row: Mapping[str, str], bill: str, number: int) -> Decimal:
    """The signed change of an account bill's row; expenses stand with a minus or without."""
    income = amount_of(row, "收入金额（+元）", bill, number)
    return income - abs(amount_of(row, "支出金额（-元）", bill, number))


def _stated(bill: AlipayBill, word: str) -> tuple[Decimal, Decimal]:
    """Count and sum that a totals line states."""
    pattern = re.compile(_COUNT_AND_SUM.format(word=word))
    for line in bill.totals:
        found = pattern.search(line)
        if found:
            return Decimal(found[1]), Decimal(found[2].replace(",", ""))
    raise ContractError(
        f"{bill.name} has no line #{word} behind its table, so it can't be checked; nothing of it "
        "was taken."
    )
