"""The texts of Alipay's bills: business detail and account detail with their summaries, zipped.

Here: rendering only, from the provider's books (`stages/settling.py`). Laid out as recorded
bills: GBK, tab-ended text cells, comment lines around the table, refunds and fees negative; the
zip's member names are GBK bytes without the UTF-8 flag, the summary first.
"""

import io
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import Final

import numpy as np

from connectors.sandbox.files.rendering import payment_numbers, refund_numbers
from connectors.sandbox.retailer import World
from connectors.sandbox.servers.clock import text_of
from connectors.sandbox.servers.sales import Sales
from connectors.sandbox.stages.settling import (
    ALIPAY,
    CHARGED,
    GIVEN_BACK,
    PAID_OUT,
    PAYMENT,
    TAKEN,
    Settlement,
)
from connectors.sandbox.truth import yuan
from connectors.sandbox.world import DAY, Ints

TRADE_COLUMNS: Final = (
    *("支付宝交易号", "商户订单号", "业务类型", "商品名称", "创建时间", "完成时间", "门店编号"),
    *(
        "门店名称",
        "操作员",
        "终端号",
        "对方账户",
        "订单金额（元）",
        "商家实收（元）",
        "支付宝红包（元）",
    ),
    *("集分宝（元）", "支付宝优惠（元）", "商家优惠（元）", "券核销金额（元）", "券名称"),
    *(
        "商家红包消费金额（元）",
        "卡消费金额（元）",
        "退款批次号/请求号",
        "服务费（元）",
        "分润（元）",
        "备注",
    ),
)
TRADE_SUMMARY_COLUMNS: Final = (
    *(
        "门店编号",
        "门店名称",
        "交易订单总笔数",
        "退款订单总笔数",
        "订单金额（元）",
        "商家实收（元）",
    ),
    *(
        "支付宝优惠（元）",
        "商家优惠（元）",
        "卡消费金额（元）",
        "服务费（元）",
        "分润（元）",
        "实收净额（元）",
    ),
)
ACCOUNT_COLUMNS: Final = (
    *(
        "账务流水号",
        "业务流水号",
        "商户订单号",
        "商品名称",
        "发生时间",
        "对方账号",
        "收入金额（+元）",
    ),
    *("支出金额（-元）", "账户余额（元）", "交易渠道", "业务类型", "备注"),
)
ACCOUNT_SUMMARY_COLUMNS: Final = (
    *("类型", "收入笔数", "收入金额（+元）", "支出笔数", "支出金额（-元）", "总金额（元）"),
)
_MOVEMENT_WORDS: Final = {
    TAKEN: "在线支付",
    CHARGED: "收费",
    GIVEN_BACK: "交易退款",
    PAID_OUT: "提现",
}
_STORE: Final = ("SH01", "上海一店", "cashier01", "POS01")
_END_RULES: Final = {"明细": (41, 36), "汇总": (40, 37)}
"""Hyphens before and behind the words of the end marker."""
_EXPORTED_AT: Final = "05:46:49"
_FIRST_MOVEMENT: Final = 3_000_000_000_000
_FIRST_PAYOUT: Final = 7_000_000_000_000
_BANK: Final = "招商银行(1234)"
_FIRST_SECOND_PAYMENT: Final = 90_000_000_000_000
"""Numbers of planted second payments begin here, far behind those of the orders."""


@dataclass(frozen=True)
class Period:
    """The days of a bill: from `first` to before `end`, named as Alipay names its files."""

    first: date
    end: date
    name: str

    @classmethod
    def of(cls, text: str) -> "Period":
        """The period of a `bill_date`: `2026-06-30` or `2026-06`.

        Raises:
            ValueError: it is neither.
        """
        if len(text) == len("2026-06"):
            first = datetime.strptime(text, "%Y-%m").replace(tzinfo=UTC).date()
            end = (first + timedelta(days=31)).replace(day=1)
        else:
            first = datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC).date()
            end = first + timedelta(days=1)
        return cls(first, end, text.replace("-", ""))


class AlipayBills:
    """Makes the bills of one merchant account.

    Args:
        world: the tables of truth.
        settlement: the providers' books of that world.
        seller_id: the merchant's PID, 16 digits.
    """

    def __init__(self, world: World, settlement: Settlement, seller_id: str) -> None:
        self._world = world
        self._books = settlement.accounts[ALIPAY]
        self._sales = Sales(world)
        self._account = f"{seller_id}0156"

    def trade(self, period: Period) -> bytes:
        """The zip of the business detail (`trade`)."""
        rows = self._books.transactions_between(*self._seconds(period))
        framed = partial(self._framed, period=period, book="业务")
        return self._zipped(
            period,
            "业务",
            summary=framed("汇总", TRADE_SUMMARY_COLUMNS, self._trade_summary(rows), []),
            detail=framed(
                "明细", TRADE_COLUMNS, self._trade_detail(rows), self._trade_totals(rows)
            ),
        )

    def signcustomer(self, period: Period) -> bytes:
        """The zip of the account detail (`signcustomer`)."""
        rows = self._books.movements_between(*self._seconds(period))
        framed = partial(self._framed, period=period, book="账务")
        return self._zipped(
            period,
            "账务",
            summary=framed("汇总", ACCOUNT_SUMMARY_COLUMNS, self._account_summary(rows), []),
            detail=framed(
                "明细", ACCOUNT_COLUMNS, self._account_detail(rows), self._account_totals(rows)
            ),
        )

    def _trade_detail(self, rows: range) -> list[str]:
        table = self._books.transactions.take(slice(rows.start, rows.stop))
        number = self._trade_numbers(np.arange(rows.start, rows.stop))
        merchant = self._sales.merchant_numbers(table.order)
        goods = self._sales.goods(table.order)
        payer = self._sales.masked_payers(table.order)
        in_store = self._sales.in_store(table.order)
        refund_no = _refund_numbers(self._world, table.refund)
        opened, at = table.opened_at.tolist(), table.at.tolist()
        paid = (table.kind == PAYMENT).tolist()
        amount = np.where(paid, table.amount, -table.amount).tolist()
        fee = table.fee.tolist()
        lines = []
        for i in range(len(table)):
            store, store_name, operator, terminal = _STORE if in_store[i] else ("", "", "", "")
            money = yuan(amount[i])
            lines.append(
                f"{number[i]}\t,{merchant[i]}\t,{'交易' if paid[i] else '退款'}\t,"
                f"{_goods_text(goods[i])},{text_of(opened[i])},{text_of(at[i])},"
                f"{store}\t,{store_name}\t,{operator}\t,{terminal}\t,{payer[i]}\t,"
                f"{money},{money},0.00,0.00,0.00,0.00,0.00,,0.00\t,0.00,"
                f"{refund_no[i]}\t,{yuan(-fee[i])},0.00,"
            )
        return lines

    def _trade_numbers(self, rows: Ints) -> list[str]:
        """支付宝交易号 of the payments that the rows belong to: 28 digits."""
        table = self._books.transactions
        order, attempt = table.order[rows], table.attempt[rows].tolist()
        numbers: list[str] = payment_numbers(self._world, order).to_pylist()
        return [
            number[:14] + f"{int(number[14:]) + _FIRST_SECOND_PAYMENT:014d}" if second else number
            for number, second in zip(numbers, attempt, strict=True)
        ]

    def _trade_summary(self, rows: range) -> list[str]:
        table = self._books.transactions.take(slice(rows.start, rows.stop))
        signed = np.where(table.kind == PAYMENT, table.amount, -table.amount)
        in_store = np.array(self._sales.in_store(table.order), dtype=np.bool_)
        lines = []
        groups = [(("", ""), ~in_store), (_STORE[:2], in_store), (("合计", ""), in_store | True)]
        for (code, name), chosen in groups:
            paid = int((table.kind[chosen] == PAYMENT).sum())
            back = int(chosen.sum()) - paid
            if paid + back == 0 and code != "合计":
                continue
            amount, fee = int(signed[chosen].sum()), -int(table.fee[chosen].sum())
            lines.append(
                f"{code}\t,{name}\t,{paid},{back},{yuan(amount)},{yuan(amount)},0.00,0.00,0.00,"
                f"{yuan(fee)},0.00,{yuan(amount + fee)}"
            )
        return lines

    def _trade_totals(self, rows: range) -> list[str]:
        table = self._books.transactions.take(slice(rows.start, rows.stop))
        paid = table.kind == PAYMENT
        taken, back = int(table.amount[paid].sum()), int(table.amount[~paid].sum())
        return [
            f"#交易合计：{int(paid.sum())}笔，商家实收共{yuan(taken)}元，商家优惠共0.00元",
            f"#退款合计：{int((~paid).sum())}笔，商家实收退款共{yuan(-back)}元，商家优惠退款共0.00元",
        ]

    def _account_detail(self, rows: range) -> list[str]:
        moves, table = self._books.movements, self._books.transactions
        transaction = moves.transaction[rows.start : rows.stop]
        of_sale = transaction >= 0
        sale = transaction[of_sale]
        known = zip(
            self._trade_numbers(sale),
            self._sales.merchant_numbers(table.order[sale]),
            self._sales.goods(table.order[sale]),
            self._sales.masked_payers(table.order[sale]),
            strict=True,
        )
        lines = []
        for row, is_sale in zip(rows, of_sale.tolist(), strict=True):
            day, kind = _day_text(int(moves.at[row])), int(moves.kind[row])
            number, merchant, goods, payer = (
                next(known) if is_sale else (f"{day}{_FIRST_PAYOUT + row}", "", [], _BANK)
            )
            change = int(moves.change[row])
            note = f"服务费[{number}]" if kind == CHARGED else ""
            lines.append(
                f"{day}{_FIRST_MOVEMENT + row}\t,{number}\t,{merchant}\t,{_goods_text(goods)}\t,"
                f"{text_of(int(moves.at[row]))},{payer}\t,{yuan(max(change, 0))},"
                f"{yuan(min(change, 0))},{yuan(int(moves.balance[row]))},支付宝\t,"
                f"{_MOVEMENT_WORDS[kind]}\t,{note}\t"
            )
        return lines

    def _account_summary(self, rows: range) -> list[str]:
        moves = self._books.movements
        kind, change = moves.kind[rows.start : rows.stop], moves.change[rows.start : rows.stop]
        lines = []
        for name, chosen in (
            *((word, kind == code) for code, word in _MOVEMENT_WORDS.items()),
            ("合计", kind >= 0),
        ):
            if not chosen.any() and name != "合计":
                continue
            came, went = change[chosen & (change > 0)], change[chosen & (change < 0)]
            lines.append(
                f"{name}\t,{len(came)},{yuan(came.sum())},{len(went)},{yuan(went.sum())},"
                f"{yuan(change[chosen].sum())}"
            )
        return lines

    def _account_totals(self, rows: range) -> list[str]:
        change = self._books.movements.change[rows.start : rows.stop]
        came, went = change[change > 0], change[change < 0]
        return [
            f"#支出合计：{len(went)}笔，共{yuan(went.sum())}元",
            f"#收入合计：{len(came)}笔，共{yuan(came.sum())}元",
        ]

    def _seconds(self, period: Period) -> tuple[int, int]:
        start = self._world.config.start_date
        zero = self._world.config.start_second
        return (
            zero + (period.first - start).days * DAY,
            zero + (period.end - start).days * DAY,
        )

    def _framed(
        self,
        part: str,
        columns: Sequence[str],
        lines: list[str],
        totals: list[str],
        *,
        book: str,
        period: Period,
    ) -> list[str]:
        """The member's lines: comments, heading, rows, end marker, totals."""
        before, after = _END_RULES[part]
        first, end = (f"{day:%Y年%m月%d日} 00:00:00" for day in (period.first, period.end))
        return [
            f"#支付宝{book}{part}查询",
            f"#账号：[{self._account}]",
            f"#起始日期：[{first}]   终止日期：[{end}]",
            f"#{'-' * 41}{book}{part}列表{'-' * 40}",
            ",".join(columns),
            *lines,
            f"#{'-' * before}{book}{part}列表结束{'-' * after}",
            *totals,
            f"#导出时间：[{period.end:%Y年%m月%d日} {_EXPORTED_AT}]",
        ]

    def _zipped(self, period: Period, book: str, *, summary: list[str], detail: list[str]) -> bytes:
        """Both members as a zip."""
        target = io.BytesIO()
        stem = f"{self._account}_{period.name}_{book}明细"
        with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, lines in ((f"{stem}(汇总).csv", summary), (f"{stem}.csv", detail)):
                member = _GbkMember(name, (*period.end.timetuple()[:3], 5, 46, 50))
                member.compress_type = zipfile.ZIP_DEFLATED
                archive.writestr(member, ("\n".join(lines) + "\n").encode("gb18030"))
        return target.getvalue()


class _GbkMember(zipfile.ZipInfo):
    """A member whose name is written as GBK bytes without the UTF-8 flag, as Alipay does."""

    def _encodeFilenameFlags(self) -> tuple[bytes, int]:  # noqa: N802 - the name in zipfile
        return self.filename.encode("gbk"), self.flag_bits & ~0x800


def _refund_numbers(world: World, refunds: Ints) -> list[str]:
    """退款批次号/请求号 of the rows: the shop's refund numbers; empty for payments (-1)."""
    numbers = iter(refund_numbers(world, refunds[refunds >= 0]).to_pylist())
    return [next(numbers) if refund >= 0 else "" for refund in refunds.tolist()]


def _goods_text(goods: list[str]) -> str:
    if len(goods) <= 1:
        return "".join(goods)
    return f"{goods[0]}等{len(goods)}件"


def _day_text(seconds: int) -> str:
    return text_of(seconds)[:10].replace("-", "")
