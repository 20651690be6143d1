"""The words of after-sales: reasons, who can do something about them, and what they cost."""

from collections.abc import Sequence
from decimal import Decimal
from itertools import accumulate
from typing import Any

import pandas as pd

from app_streamlit.queries.rates import share
from app_streamlit.ui import formats
from app_streamlit.ui.context import PageContext
from app_streamlit.ui.i18n import pick, readable
from app_streamlit.ui.tables import Column

VIEWS = ("returns", "satisfaction")


def headline(
    context: PageContext, business: str, reasons: pd.DataFrame, loss: Sequence[dict[str, Any]]
) -> str:
    """What came back, what it cost, and the reason that costs most."""
    t = context.t
    text = t(
        "aftersales.headline",
        business=context.business_label(business),
        n=int(reasons["return_count"].sum()),
        count=formats.count(int(reasons["return_count"].sum())),
        loss=_loss(context, reasons),
    )
    for row in loss:
        if row["loss_per_return"] is not None:
            amount = formats.money(row["loss_per_return"], row["currency_code"])
            text += t("aftersales.each", amount=amount)
    worst = reasons.iloc[0]
    if worst["loss_amount"]:
        of_all = share(worst["loss_amount"], _total(reasons, worst["currency_code"]))
        text += t(
            "aftersales.worst", reason=label(context, worst.to_dict()), rate=formats.rate(of_all)
        )
    return text


def _loss(context: PageContext, reasons: pd.DataFrame) -> str:
    return " + ".join(
        formats.short_money(_total(reasons, currency), currency, context.language)
        for currency in dict.fromkeys(reasons["currency_code"])
    )


def _total(reasons: pd.DataFrame, currency: str) -> Decimal:
    amounts = reasons.loc[reasons["currency_code"] == currency, "loss_amount"]
    return sum(amounts, Decimal(0))


def label(context: PageContext, row: dict[Any, Any]) -> str:
    """A reason in the reader's words."""
    named = {str(key): value for key, value in row.items()}
    return pick(named, "label", context.language, str(row["reason_code"]))


def reason_frame(context: PageContext, reasons: pd.DataFrame) -> pd.DataFrame:
    """The reasons of one currency as a table, with the share that they make up together."""
    rows = reasons.to_dict("records")
    running = list(accumulate(row["loss_amount"] for row in rows))
    return pd.DataFrame(
        {
            **row,
            "reason": label(context, row),
            "responsible": context.t.known(
                f"aftersales.responsible.{row['responsible']}", str(row["responsible"] or "")
            ),
            "running_share": share(amount, running[-1]),
        }
        for row, amount in zip(rows, running, strict=True)
    )


REASON_COLUMNS = (
    Column("reason"),
    Column("responsible"),
    Column("request_count", "count"),
    Column("return_count", "count"),
    Column("refund_amount", "money", label="refunded_amount"),
    Column("loss_amount", "money"),
    Column("running_share", "rate"),
    Column("currency_code", label="currency"),
)
PRODUCT_COLUMNS = (
    Column("sku"),
    Column("name", label="article_name"),
    Column("category", words=readable),
    Column("return_count", "count"),
    Column("quantity", "count", label="unit_count"),
    Column("refund_amount", "money", label="refunded_amount"),
    Column("loss_amount", "money"),
    Column("currency_code", label="currency"),
)
SUPPLIER_COLUMNS = (
    Column("supplier_no"),
    Column("name", label="supplier_name"),
    Column("return_count", "count"),
    Column("loss_amount", "money"),
    Column("currency_code", label="currency"),
)
