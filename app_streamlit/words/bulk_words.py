"""The words of one answer to many decisions."""

from collections.abc import Mapping, Sequence
from decimal import Decimal

import pandas as pd

from app_streamlit.queries.answerable import Answerable
from app_streamlit.ui import formats
from app_streamlit.ui.cards import escape
from app_streamlit.ui.context import PageContext
from app_streamlit.ui.tables import Column
from app_streamlit.words.decision_words import in_words
from orchestration.decisions.approvals.bulk import BulkOutcome


def common_options(context: PageContext, waiting: Sequence[Answerable]) -> dict[str, str]:
    """The options that all of them have, by name, each with what it costs."""
    names = set.intersection(*({option[0] for option in one.options} for one in waiting))
    found = {}
    for name, english, chinese, cost, currency in waiting[0].options:
        if name in names:
            label = chinese if context.language == "zh" else english
            price = formats.money(Decimal(cost), currency) if cost and currency else ""
            found[name] = f"{label} · {price}" if price else label
    return found


def short_name(context: PageContext, one: Answerable) -> str:
    """One line that tells a decision from its neighbours."""
    message = one.message_zh if context.language == "zh" else one.message_en
    return in_words(context, message) if message else one.decision_id[:12]


def rehearsed_sentence(
    context: PageContext,
    by_id: Mapping[str, Answerable],
    outcomes: Sequence[BulkOutcome],
    option: str | None,
) -> str:
    """What would go, what it is worth and costs, and what would be refused."""
    t = context.t
    going = [by_id[one.decision_id] for one in outcomes if one.outcome != "refused"]
    text = t(
        "bulk.rehearsed",
        n=len(going),
        count=formats.count(len(going)),
        worth=_sums(context, [(one.amount, one.currency_code) for one in going]),
        refused=formats.count(len(outcomes) - len(going)),
    )
    if option is not None:
        costs = [
            (Decimal(cost) if cost is not None else None, currency)
            for one in going
            for name, _, _, cost, currency in one.options
            if name == option
        ]
        text += t("bulk.costs", cost=_sums(context, costs))
    return escape(text)


def done_sentence(context: PageContext, outcomes: Sequence[BulkOutcome]) -> str:
    """How many went, and of what was refused the first reason."""
    t = context.t
    refused = [one for one in outcomes if one.outcome == "refused"]
    done = len(outcomes) - len(refused)
    text = t("bulk.done", n=done, count=formats.count(done))
    if refused:
        text += t("bulk.not_done", count=formats.count(len(refused)), why=refused[0].why)
    return text


def outcome_frame(
    context: PageContext, by_id: Mapping[str, Answerable], outcomes: Sequence[BulkOutcome]
) -> pd.DataFrame:
    """One row a decision: what would come of it, and why not."""
    return pd.DataFrame(
        [
            {
                "message": short_name(context, by_id[one.decision_id]),
                "outcome": context.t(f"bulk.outcomes.{one.outcome}"),
                "reason": one.why,
                "amount": by_id[one.decision_id].amount,
                "currency_code": by_id[one.decision_id].currency_code,
            }
            for one in sorted(outcomes, key=lambda one: one.outcome != "refused")
        ]
    )


OUTCOME_COLUMNS = (
    Column("outcome", label="what_would_be"),
    Column("message", "long"),
    Column("amount", "money"),
    Column("currency_code", label="currency"),
    Column("reason", "long"),
)


def _sums(context: PageContext, amounts: Sequence[tuple[Decimal | None, str | None]]) -> str:
    sums: dict[str, Decimal] = {}
    for amount, currency in amounts:
        if amount is not None and currency:
            sums[currency] = sums.get(currency, Decimal(0)) + Decimal(amount)
    told = [formats.money(sums[code], code) for code in sorted(sums)]
    return context.t("punctuation.list").join(told) or formats.EMPTY
