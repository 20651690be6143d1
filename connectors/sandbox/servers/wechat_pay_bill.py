"""The texts of WeChat Pay's bills: trade bill (ALL, SUCCESS, REFUND) and fund flow bill.

Here: rendering only, from the provider's books (`stages/settling.py`). Laid out as recorded
bills: UTF-8 with BOM, CRLF, every value behind a backtick and unquoted (goods may hold commas), a
second heading with one row of totals at the end.
"""

import base64
import hashlib
from collections.abc import Iterable, Sequence
from datetime import date
from typing import Final

import numpy as np

from connectors.sandbox.files.rendering import refund_numbers
from connectors.sandbox.platforms import CHANNELS
from connectors.sandbox.retailer import World
from connectors.sandbox.servers.clock import text_of
from connectors.sandbox.servers.credentials import WechatPay
from connectors.sandbox.servers.sales import Sales
from connectors.sandbox.stages.settling import (
    CHARGED,
    GIVEN_BACK,
    PAID_OUT,
    PAYMENT,
    REFUND,
    TAKEN,
    WECHAT_PAY,
    Settlement,
)
from connectors.sandbox.truth import yuan
from connectors.sandbox.world import DAY, Ints

_HEAD = (
    *("交易时间", "公众账号ID", "商户号", "特约商户号", "设备号", "微信订单号", "商户订单号"),
    *("用户标识", "交易类型", "交易状态", "付款银行", "货币种类", "应结订单金额", "代金券金额"),
)
_REFUND_PART = (
    *("微信退款单号", "商户退款单号", "退款金额", "充值券退款金额", "退款类型", "退款状态"),
)
_REFUND_TIMES = ("退款申请时间", "退款成功时间")
_TAIL = ("商品名称", "商户数据包", "手续费", "费率", "订单金额")
TRADE_COLUMNS: Final = {
    "ALL": (*_HEAD, *_REFUND_PART, *_TAIL, "申请退款金额", "费率备注"),
    "SUCCESS": (*_HEAD, *_TAIL, "费率备注"),
    "REFUND": (*_HEAD, *_REFUND_TIMES, *_REFUND_PART, *_TAIL, "申请退款金额", "费率备注"),
}
TRADE_TOTALS: Final = (
    *("总交易单数", "应结订单总金额", "退款总金额", "充值券退款总金额", "手续费总金额"),
    *("订单总金额", "申请退款总金额"),
)
FUND_COLUMNS: Final = (
    *("记账时间", "微信支付业务单号", "资金流水单号", "业务名称", "业务类型", "收支类型"),
    *("收支金额(元)", "账户结余(元)", "资金变更提交申请人", "备注", "业务凭证号"),
)
FUND_TOTALS: Final = ("资金流水总笔数", "收入笔数", "收入金额", "支出笔数", "支出金额")
_FUND_WORDS: Final = {
    TAKEN: "交易",
    CHARGED: "扣除交易手续费",
    GIVEN_BACK: "退款",
    PAID_OUT: "提现",
}
_BANKS: Final = ("OTHERS", "CMB_DEBIT", "ICBC_DEBIT", "CCB_CREDIT", "ABC_DEBIT")
_FIRST_SECOND_PAYMENT: Final = 9_000_000_000
"""Numbers of planted second payments begin here, far behind those of the orders."""


class WechatPayBills:
    """Makes the bills of one merchant.

    Args:
        world: the tables of truth.
        settlement: the providers' books of that world.
        merchant: whose account it is.
    """

    def __init__(self, world: World, settlement: Settlement, merchant: WechatPay) -> None:
        self._world = world
        self._books = settlement.accounts[WECHAT_PAY]
        self._sales = Sales(world)
        self._merchant = merchant

    def trade(self, day: date, bill_type: str) -> bytes | None:
        """The trade bill of a day: ALL, SUCCESS or REFUND; None if it has no rows."""
        rows = np.array(self._books.transactions_between(*self._seconds(day)), dtype=np.int64)
        kind = self._books.transactions.kind[rows]
        if bill_type != "ALL":
            rows = rows[kind == (PAYMENT if bill_type == "SUCCESS" else REFUND)]
        if not len(rows):
            return None
        columns = TRADE_COLUMNS[bill_type]
        lines = (_backticked(record[name] for name in columns) for record in self._records(rows))
        return _file(columns, lines, TRADE_TOTALS, self._trade_totals(rows))

    def fund_flow(self, day: date) -> bytes | None:
        """The fund flow bill of a day's BASIC account; None if nothing moved."""
        rows = self._books.movements_between(*self._seconds(day))
        if not rows:
            return None
        change = self._books.movements.change[rows.start : rows.stop]
        came, went = change[change > 0], change[change < 0]
        totals = (
            *(str(len(rows)), str(len(came)), yuan(came.sum())),
            *(str(len(went)), yuan(-went.sum())),
        )
        return _file(FUND_COLUMNS, self._fund_lines(rows), FUND_TOTALS, totals)

    def _records(self, rows: Ints) -> Iterable[dict[str, str]]:
        """The rows with every column that any type of bill has."""
        table = self._books.transactions.take(rows)
        merchant_no = self._sales.merchant_numbers(table.order)
        goods = self._sales.goods(table.order)
        people = self._sales.people(table.order)
        in_store = self._sales.in_store(table.order)
        channel = self._world.orders.channel[table.order].tolist()
        number = self._transaction_ids(rows)
        refund_id, refund_no = self._refund_ids(rows), _refund_numbers(self._world, table.refund)
        for i, row in enumerate(rows.tolist()):
            paid = table.kind[i] == PAYMENT
            amount, at = yuan(table.amount[i]), text_of(int(table.at[i]))
            asked_at = at if paid else text_of(self._asked_at(int(table.refund[i])))
            yield {
                "交易时间": at,
                "公众账号ID": self._merchant.appid,
                "商户号": self._merchant.mchid,
                "特约商户号": "0",
                "设备号": "POS01" if in_store[i] else "",
                "微信订单号": number[i],
                "商户订单号": merchant_no[i],
                "用户标识": _openid(people[i]),
                "交易类型": "MICROPAY" if in_store[i] else "APP",
                "交易状态": "SUCCESS" if paid else "REFUND",
                "付款银行": _BANKS[int(table.order[i]) % len(_BANKS)],
                "货币种类": "CNY",
                "应结订单金额": amount if paid else "0.00",
                "代金券金额": "0.00",
                "退款申请时间": asked_at,
                "退款成功时间": at,
                "微信退款单号": refund_id.get(row, "0"),
                "商户退款单号": refund_no[i],
                "退款金额": "0.00" if paid else amount,
                "充值券退款金额": "0.00",
                "退款类型": "" if paid else "ORIGINAL",
                "退款状态": "" if paid else "SUCCESS",
                "商品名称": ",".join(goods[i][:2]),
                "商户数据包": CHANNELS[channel[i]],
                "手续费": f"{yuan(table.fee[i])}000",
                "费率": f"0.{int(table.rate[i]) // 10:02d}%",
                "订单金额": amount if paid else "0.00",
                "申请退款金额": "0.00" if paid else amount,
                "费率备注": "",
            }

    def _asked_at(self, refund: int) -> int:
        return int(self._world.refunds.decided_at[refund])

    def _trade_totals(self, rows: Ints) -> Sequence[str]:
        table = self._books.transactions.take(rows)
        paid = table.kind == PAYMENT
        taken, back = yuan(table.amount[paid].sum()), yuan(table.amount[~paid].sum())
        fee = f"{yuan(table.fee.sum())}000"
        return (str(len(table)), taken, back, "0.00", fee, taken, back)

    def _fund_lines(self, rows: range) -> Iterable[str]:
        moves, table = self._books.movements, self._books.transactions
        transaction = moves.transaction[rows.start : rows.stop]
        sale = transaction[transaction >= 0]
        known = zip(
            sale.tolist(),
            self._transaction_ids(sale),
            self._sales.merchant_numbers(table.order[sale]),
            _refund_numbers(self._world, table.refund[sale]),
            strict=True,
        )
        refund_id = self._refund_ids(sale)
        for row, is_sale in zip(rows, (transaction >= 0).tolist(), strict=True):
            kind, change = int(moves.kind[row]), int(moves.change[row])
            at = int(moves.at[row])
            if is_sale:
                of, flow_no, voucher, refund_no = next(known)
                business_no = refund_id.get(of, flow_no)
            else:
                of, flow_no = -1, f"1000{_day_text(at)}{row:016d}"
                business_no, voucher, refund_no = flow_no, flow_no[-16:], "0"
            is_back = kind == GIVEN_BACK
            note = ""
            if is_back:
                amount, fee = int(table.amount[of]), -int(table.fee[of])
                note = f"退款总金额{yuan(amount)}元;含手续费{yuan(fee)}元"
            yield _backticked(
                (
                    *(text_of(at), business_no, flow_no, _FUND_WORDS[kind], _FUND_WORDS[kind]),
                    *("收入" if change > 0 else "支出", yuan(abs(change))),
                    yuan(moves.balance[row]),
                    f"{self._merchant.mchid}API" if is_back else "system",
                    *(note, refund_no if is_back else voucher),
                )
            )

    def _transaction_ids(self, rows: Ints) -> list[str]:
        """微信订单号 of the payments that the rows belong to: 28 digits."""
        table = self._books.transactions
        order = table.order[rows]
        paid_at = self._world.journeys.paid_at[order].tolist()
        serial = (order + table.attempt[rows] * _FIRST_SECOND_PAYMENT).tolist()
        return [
            f"4200002200{_day_text(at)}{number:010d}"
            for at, number in zip(paid_at, serial, strict=True)
        ]

    def _refund_ids(self, rows: Ints) -> dict[int, str]:
        """微信退款单号 of the refunds among the rows: 29 digits."""
        table = self._books.transactions
        back = rows[table.refund[rows] >= 0]
        return {
            row: f"5030000220{_day_text(at)}{refund:011d}"
            for row, at, refund in zip(
                back.tolist(), table.at[back].tolist(), table.refund[back].tolist(), strict=True
            )
        }

    def _seconds(self, day: date) -> tuple[int, int]:
        config = self._world.config
        start = config.start_second + (day - config.start_date).days * DAY
        return start, start + DAY


def _refund_numbers(world: World, refunds: Ints) -> list[str]:
    """商户退款单号 of the rows: the shop's refund numbers; `0` for payments (-1)."""
    numbers = iter(refund_numbers(world, refunds[refunds >= 0]).to_pylist())
    return [next(numbers) if refund >= 0 else "0" for refund in refunds.tolist()]


def _file(
    columns: Sequence[str],
    lines: Iterable[str],
    total_columns: Sequence[str],
    totals: Sequence[str],
) -> bytes:
    parts = [",".join(columns), *lines, ",".join(total_columns), _backticked(totals)]
    return ("\r\n".join(parts) + "\r\n").encode("utf-8-sig")


def _backticked(values: Iterable[str]) -> str:
    return ",".join(f"`{value}" for value in values)


def _openid(person: int) -> str:
    digest = hashlib.sha256(f"openid {person}".encode()).digest()
    return "o" + base64.urlsafe_b64encode(digest).decode("ascii")[:27]


def _day_text(seconds: int) -> str:
    return text_of(seconds)[:10].replace("-", "")
