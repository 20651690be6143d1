"""The words of cash: what is owed, since when, by whom, and when it should arrive."""

from collections.abc import Sequence
from decimal import Decimal
from itertools import accumulate
from typing import Any

import pandas as pd

from app_streamlit.queries.rates import share
from app_streamlit.queries.today import load_targets
from app_streamlit.ui import formats
from app_streamlit.ui.cards import Tile
from app_streamlit.ui.context import PageContext
from app_streamlit.ui.i18n import pick
from app_streamlit.ui.tables import Column
from app_streamlit.words import metric_words, stories
from app_streamlit.words.customer_words import customer_label
from orchestration.metrics.scopes import Scope

_NOT_DUE = "not_due"


def total(amounts: Sequence[Decimal] | pd.Series) -> Decimal:
    """The exact sum of amounts."""
    return sum((Decimal(amount) for amount in amounts), Decimal(0))


def headline(
    context: PageContext, business: str, currency: str, ageing: pd.DataFrame, weeks: pd.DataFrame
) -> str:
    """What customers owe, how much of it is overdue, and what should come and has not."""
    overdue = ageing[ageing["ageing_bucket"] != _NOT_DUE]

    def money(part: pd.DataFrame, name: str) -> str:
        return formats.short_money(total(part[name]), currency, context.language)

    return context.t(
        "cash.headline",
        business=context.business_label(business),
        open=money(ageing, "open_amount"),
        overdue=money(overdue, "open_amount"),
        expected=money(weeks[~weeks["is_late"].astype(bool)], "expected_amount"),
        late=money(weeks[weeks["is_late"].astype(bool)], "expected_amount"),
    )


def tiles(
    context: PageContext,
    scope: Scope,
    currency: str,
    *,
    ageing: pd.DataFrame,
    dso: pd.DataFrame,
    exposures: pd.DataFrame,
) -> list[Tile]:
    """Receivables, what of them is overdue, days sales outstanding, and who is over the limit."""
    t = context.t
    overdue = ageing[ageing["ageing_bucket"] != _NOT_DUE]
    days = [float(value) for value in dso["days_sales_outstanding"]]
    now, before = (days[-1] if days else None), (days[-2] if len(days) > 1 else None)
    target = load_targets(context.edition, scope.business, scope.end).get("days_sales_outstanding")
    over = int(exposures["is_over_limit"].sum()) if not exposures.empty else 0
    return [
        Tile(
            metric_words.label("open_receivables", t),
            formats.short_money(total(ageing["open_amount"]), currency, t.language),
            metric_words.meaning("open_receivables", t),
        ),
        Tile(
            t("cash.overdue"),
            formats.short_money(total(overdue["open_amount"]), currency, t.language),
            t("cash.overdue_means"),
        ),
        Tile(
            metric_words.label("days_sales_outstanding", t),
            formats.EMPTY if now is None else t("cash.days", count=f"{now:.1f}"),
            metric_words.meaning("days_sales_outstanding", t),
            delta=None
            if now is None or before is None
            else t("cash.days", count=f"{now - before:+.1f}"),
            rise_is="bad",
            target=None
            if target is None
            else stories.target_text(t, target, now, before, as_text=_days_text(context)),
            trend=tuple(days),
        ),
        Tile(t("cash.over_limit"), formats.count(over), t("cash.over_limit_means")),
    ]


def _days_text(context: PageContext) -> Any:
    return lambda value: context.t("cash.days", count=f"{value:.0f}")


def bucket_label(context: PageContext, bucket: object) -> str:
    """An ageing bucket in the reader's words."""
    return context.t.known(f"cash.buckets.{bucket}", str(bucket))


def component_label(context: PageContext, component: object) -> str:
    """What moved days sales outstanding, in the reader's words."""
    return context.t.known(f"cash.components.{component}", str(component))


def dso_sentence(context: PageContext, changes: pd.DataFrame) -> str:
    """By how many days the newest month moved, and the parts, which add up to it."""
    t = context.t
    month = changes.iloc[0]["month_end"]
    return t(
        "cash.dso_changed",
        month=formats.day(month, context.language),
        days=f"{float(total(changes['changed_days'])):+.1f}",
        parts=t("punctuation.list").join(
            f"{component_label(context, row['component'])} {float(row['changed_days']):+.1f}"
            for row in changes.to_dict("records")
        ),
    )


def week_parts(
    context: PageContext, weeks: pd.DataFrame
) -> list[tuple[str, list[str], list[Decimal]]]:
    """One part a kind of money: the weeks, what is late in front, and the amounts."""
    places = [
        context.t("cash.late") if row["is_late"] else f"{row['expected_week']:%m-%d}"
        for row in weeks.to_dict("records")
    ]
    order = list(dict.fromkeys(places))
    parts: dict[str, dict[str, Decimal]] = {}
    for place, row in zip(places, weeks.to_dict("records"), strict=True):
        amounts = parts.setdefault(kind_label(context, row), dict.fromkeys(order, Decimal(0)))
        amounts[place] += Decimal(row["expected_amount"])
    return [(kind, order, list(amounts.values())) for kind, amounts in parts.items()]


def kind_label(context: PageContext, row: dict[Any, Any]) -> str:
    """A kind of money owed in the reader's words."""
    if row["forecast_kind"] == "receivable":
        return context.t("cash.receivable")
    named = {str(key): value for key, value in row.items()}
    return pick(named, "label", context.language, str(row["forecast_kind"]))


def exposure_columns(context: PageContext, business: str) -> tuple[Column, ...]:
    """The columns of customers on credit."""
    t = context.t
    return (
        Column("customer_key", words=customer_label),
        Column("is_over_limit", words=lambda over: t("cash.yes") if over else t("cash.no")),
        Column("exposure_amount", "money"),
        Column("credit_limit", "money"),
        Column("headroom_amount", "money"),
        Column("open_receivable_amount", "money"),
        Column("open_order_amount", "money"),
        Column("unapplied_amount", "money"),
        Column("channel", words=lambda name: context.channel_label(str(name), business)),
        Column("currency_code", label="currency"),
    )


def check_columns(context: PageContext) -> tuple[Column, ...]:
    """The columns of the invoice checks."""
    t = context.t
    return (
        Column("invoice_check", words=lambda name: t.known(f"cash.checks.{name}", str(name))),
        Column("found_count", "count"),
        Column("amount", "money"),
        Column("currency_code", label="currency"),
    )


_MOST = 0.8


def movers(customers: pd.DataFrame) -> pd.DataFrame:
    """The customers who together make four fifths of all movement of the DSO, the largest first."""
    rows = customers.to_dict("records")
    running = list(accumulate(abs(row["changed_days"]) for row in rows))
    shown = []
    for row, so_far in zip(rows, running, strict=True):
        before = share(so_far - abs(row["changed_days"]), running[-1])
        if before is None or before >= _MOST:
            break
        shown.append({**row, "running_share": share(so_far, running[-1])})
    return pd.DataFrame(shown, columns=[*customers.columns, "running_share"])


def movers_sentence(
    context: PageContext, shown: pd.DataFrame, customers: pd.DataFrame, currency: str
) -> str:
    """How many customers make most of the change, and who moved it most."""
    first = shown.iloc[0]
    return context.t(
        "cash.movers",
        n=len(shown),
        count=formats.count(len(shown)),
        all=formats.count(len(customers)),
        share=formats.rate(shown.iloc[-1]["running_share"], 0),
        customer=customer_name(first["customer_key"]),
        days=f"{float(first['changed_days']):+.1f}",
        before=formats.short_money(first["open_amount_before"], currency, context.language),
        now=formats.short_money(first["open_amount"], currency, context.language),
    )


def customer_name(key: object) -> str:
    """A customer's own number: the end of the key."""
    return str(key).rpartition(":")[2]


MOVER_COLUMNS = (
    Column("customer_key", words=customer_name),
    Column("changed_days", "number"),
    Column("running_share", "rate"),
    Column("open_amount_before", "money", label="owed_before"),
    Column("open_amount", "money", label="owed_now"),
    Column("overdue_amount", "money", label="overdue_now"),
    Column("currency_code", label="currency"),
)


def rebate_sentence(context: PageContext, statement: pd.DataFrame, currency: str) -> str:
    """What the statement of all partners comes to: the accrual of the period."""
    return context.t(
        "cash.rebates_sum",
        period=formats.day(statement.iloc[0]["period_start"], context.language),
        partners=formats.count(statement["customer_key"].nunique()),
        accrued=formats.money(total(statement["accrued_amount"]), currency),
        invoiced=formats.money(total(statement["invoiced_amount"]), currency),
    )


def rebate_columns(context: PageContext, business: str) -> tuple[Column, ...]:
    """The columns of the partners' statement."""
    return (
        Column("customer_key", words=customer_name, label="partner"),
        Column("channel", words=lambda name: context.channel_label(str(name), business)),
        Column("invoice_count", "count"),
        Column("invoiced_amount", "money"),
        Column("tier_amount_from", "money"),
        Column("rebate_rate", "rate"),
        Column("accrued_amount", "money"),
        Column("currency_code", label="currency"),
        Column("agreement_version", "count"),
    )
