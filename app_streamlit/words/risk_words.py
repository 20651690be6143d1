"""The words of risk: lines, rule hits, credit and the model that scores."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import pandas as pd

from app_streamlit.charts.palette import ICONS
from app_streamlit.queries.rates import share
from app_streamlit.queries.risk import RETURN_RISK, WAITING
from app_streamlit.ui import formats
from app_streamlit.ui.context import PageContext
from app_streamlit.ui.tables import Column
from app_streamlit.words.customer_words import customer_label
from app_streamlit.words.decision_words import in_words, sentence_reader, state_label

MODELS = (RETURN_RISK, "late_delivery", "non_payment", "fraud")
VIEWS = ("queue", "unpaid", "credit", "model")


def headline(
    context: PageContext,
    label: str,
    *,
    lines: pd.DataFrame,
    suspects: pd.DataFrame,
    hits: pd.DataFrame,
    credit: pd.DataFrame,
) -> str:
    """How many lines, orders, rule hits and customers need a look, and what is at stake."""
    t = context.t
    risky = lines[lines["is_above_threshold"].astype(bool)] if len(lines) else lines
    over = int(credit["is_over_limit"].sum()) if len(credit) else 0
    if not (len(risky) or len(hits) or len(suspects)):
        key = "risk.headline_credit" if over else "risk.headline_calm"
        return t(key, n=over, business=label, over=formats.count(over))
    amounts: dict[str, Decimal] = {}
    # An order that a rule asks about too is counted once, as the rule's.
    asked = {row["order_key"] for row in hits.to_dict("records")}
    unasked = suspects[~suspects["order_key"].isin(asked)] if len(suspects) else suspects
    for found, column in ((risky, "line_amount"), (hits, "amount"), (unasked, "gross_amount")):
        for row in found.to_dict("records"):
            if row[column] is not None:
                code = str(row["currency_code"])
                amounts[code] = amounts.get(code, Decimal(0)) + Decimal(str(row[column]))
    worth = t("punctuation.list").join(
        formats.money(amount, code) for code, amount in sorted(amounts.items())
    )
    return t(
        "risk.headline_suspects" if len(suspects) else "risk.headline",
        suspects=formats.count(len(suspects)),
        business=label,
        lines=formats.count(len(risky)),
        hits=formats.count(len(hits)),
        over=formats.count(over),
        worth=worth or formats.EMPTY,
    )


def queue_frame(
    context: PageContext,
    lines: pd.DataFrame,
    suspects: pd.DataFrame,
    hits: pd.DataFrame,
    credit: pd.DataFrame,
) -> pd.DataFrame:
    """Everything that needs a look in one list: what waits for a person, then by money."""
    t, read = context.t, sentence_reader(context)
    queue: list[dict[str, Any]] = [
        {
            "what": t("risk.what.hit"),
            "about": read(row[f"message_{context.language}"]),
            "score": None,
            "why": row[f"rule_name_{context.language}"],
            "amount": row["amount"],
            "currency_code": row["currency_code"],
            "state": state_label(context, str(row["state"])),
            "_rank": 0 if row["role"] is not None else 1,
        }
        for row in hits.to_dict("records")
    ]
    queue += [
        {
            "what": t("risk.what.line"),
            "about": f"{row['order_no']} · {row['sku']}",
            "score": row["risk_score"],
            "why": row[f"reasons_{context.language}"],
            "amount": row["line_amount"],
            "currency_code": row["currency_code"],
            "state": t("risk.above") if row["is_above_threshold"] else t("risk.below"),
            "_rank": 1 if row["is_above_threshold"] else 2,
        }
        for row in lines.to_dict("records")
    ]
    queue += [
        {
            "what": t("risk.what.suspect"),
            "about": row["order_no"],
            "score": row["risk_score"],
            "why": row[f"reasons_{context.language}"],
            "amount": row["gross_amount"],
            "currency_code": row["currency_code"],
            "state": t("risk.above"),
            "_rank": 1,
        }
        for row in suspects.to_dict("records")
    ]
    queue += [
        {
            "what": t("risk.what.credit"),
            "about": customer_label(row["customer_key"]),
            "score": None,
            "why": _credit_words(context, row),
            "amount": row["exposure_amount"],
            "currency_code": row["currency_code"],
            "state": f"{ICONS['red']} {t('risk.over_limit')}",
            "_rank": 1,
        }
        for row in credit.to_dict("records")
        if row["is_over_limit"]
    ]
    queue.sort(key=lambda row: (row["_rank"], -(row["amount"] or 0)))
    columns = ["what", "about", "score", "why", "amount", "currency_code", "state"]
    return pd.DataFrame(queue, columns=columns)


def _credit_words(context: PageContext, row: Mapping[Any, Any]) -> str:
    return context.t(
        "risk.uses",
        rate=formats.rate(share(row["exposure_amount"], row["credit_limit"])),
        limit=formats.money(row["credit_limit"], str(row["currency_code"])),
    )


QUEUE_COLUMNS = (
    Column("what", label="kind"),
    Column("state"),
    Column("amount", "money", label="at_stake"),
    Column("currency_code", label="currency"),
    Column("score", "rate", label="risk_score"),
    Column("about", label="subject"),
    Column("why", label="because"),
)


def waiting_only(hits: pd.DataFrame) -> pd.DataFrame:
    """The rule hits that a person can still answer."""
    waiting: pd.DataFrame = hits[hits["state"].isin(WAITING)]
    return waiting


def hit_name(context: PageContext, hits: pd.DataFrame, decision_id: str) -> str:
    """One line that tells a rule hit from its neighbours."""
    row = hits[hits["decision_id"] == decision_id].iloc[0]
    message = in_words(context, row[f"message_{context.language}"])
    return f"{row[f'rule_name_{context.language}']} · {message}"


def credit_columns(context: PageContext, business: str) -> tuple[Column, ...]:
    """Exposure beside the limit."""
    t = context.t
    return (
        Column("customer_key", words=customer_label),
        Column("channel", words=lambda name: context.channel_label(str(name), business)),
        Column("is_over_limit", label="state", words=lambda over: t(f"risk.credit.{_over(over)}")),
        Column("exposure_amount", "money"),
        Column("credit_limit", "money"),
        Column("headroom_amount", "money"),
        Column("open_receivable_amount", "money"),
        Column("open_order_amount", "money"),
        Column("unapplied_amount", "money"),
        Column("payment_terms_days", "count"),
        Column("currency_code", label="currency"),
    )


def _over(is_over: object) -> str:
    return "over" if is_over else "within"


def unpaid_sentence(context: PageContext, unpaid: pd.DataFrame, days: pd.DataFrame) -> str:
    """How many will probably never be paid, what they are worth, and what lists were worth."""
    t = context.t
    likely = unpaid[unpaid["is_above_threshold"].astype(bool)]
    text = t(
        "risk.unpaid.sentence",
        count=formats.count(len(likely)),
        all=formats.count(len(unpaid)),
        worth=_sums(context, likely, "gross_amount"),
        expected=_sums(context, unpaid, "expected_loss_amount"),
    )
    if days.empty:
        return text
    every = days[["hit_count", "listed_count", "event_count", "answered_count"]].sum().astype(int)
    return text + t(
        "risk.unpaid.list_was",
        days=formats.count(len(days)),
        answered=formats.count(every["answered_count"]),
        listed=formats.count(every["listed_count"]),
        hits=formats.count(every["hit_count"]),
        unpaid=formats.count(every["event_count"]),
        precision=formats.rate(share(int(every["hit_count"]), int(every["listed_count"]))),
        recall=formats.rate(share(int(every["hit_count"]), int(every["event_count"]))),
    )


def _sums(context: PageContext, found: pd.DataFrame, column: str) -> str:
    return (
        context.t("punctuation.list").join(
            formats.money(part[column].dropna().sum(), str(currency))
            for currency, part in found.groupby("currency_code", sort=True)
        )
        or formats.EMPTY
    )


def unpaid_frame(context: PageContext, unpaid: pd.DataFrame) -> pd.DataFrame:
    """The orders with their state, reasons and waiting time in words."""
    t = context.t
    return unpaid.assign(
        state=[
            t("risk.unpaid.likely" if is_likely else "risk.unpaid.will_pay")
            for is_likely in unpaid["is_above_threshold"]
        ],
        why=unpaid[f"reasons_{context.language}"],
        waited=[
            formats.duration(int((seen - placed).total_seconds()), t)
            for seen, placed in zip(unpaid["decided_at"], unpaid["created_at"], strict=True)
        ],
    )


def unpaid_columns(context: PageContext, business: str) -> tuple[Column, ...]:
    """The list of orders that wait for their payment."""
    return (
        Column("order_no"),
        Column("state"),
        Column("risk_score", "rate", label="unpaid_probability"),
        Column("why", label="because"),
        Column("gross_amount", "money", label="at_stake"),
        Column("expected_loss_amount", "money"),
        Column("currency_code", label="currency"),
        Column("waited", label="waiting_since"),
        Column("channel", words=lambda name: context.channel_label(str(name), business)),
        Column("created_at", "time"),
    )


UNPAID_DAY_COLUMNS = (
    Column("answered_on", "date", label="date"),
    Column("answered_count", "count", label="answered_orders"),
    Column("event_count", "count", label="unpaid_orders"),
    Column("listed_count", "count", label="listed_parcels"),
    Column("hit_count", "count", label="listed_and_unpaid"),
    Column("precision", "rate"),
    Column("recall", "rate"),
    Column("brier_score", "number"),
    Column("challenger_brier_score", "number"),
)


def learnt_models(versions: pd.DataFrame) -> tuple[str, ...]:
    """The risks that have a model, return risk first; it alone where nothing is learnt yet."""
    known = {str(name) for name in versions["model"]} if len(versions) else set()
    return tuple(name for name in MODELS if name in known) or (RETURN_RISK,)


def model_label(context: PageContext, name: object) -> str:
    """A risk in the reader's words."""
    return context.t.known(f"models.{name}", str(name))


def moved_sentence(context: PageContext, moved: pd.DataFrame) -> str:
    """Whether the score has moved, and how many inputs have."""
    t = context.t
    score = moved[moved["input"] == "score"]
    inputs = moved[moved["input"] != "score"]
    has_moved = bool(score["has_drifted"].any())
    return t(
        "risk.model.score_moved" if has_moved else "risk.model.score_stays",
        psi=f"{float(score['psi'].iloc[0]):.2f}" if len(score) else formats.EMPTY,
        count=formats.count(int(inputs["has_drifted"].sum())),
        all=formats.count(len(inputs)),
    )


def moved_frame(context: PageContext, moved: pd.DataFrame) -> pd.DataFrame:
    """Inputs with their state in words."""
    t = context.t
    return moved.assign(
        input=[input_label(context, name) for name in moved["input"]],
        state=[
            t("risk.model.has_moved" if is_moved else "risk.model.stays")
            for is_moved in moved["has_drifted"]
        ],
    )


MOVED_COLUMNS = (
    Column("input", label="model_input"),
    Column("state"),
    Column("psi", label="stability_index", words=lambda value: f"{float(value):.3f}"),
    Column("limit", label="usual_up_to", words=lambda value: f"{float(value):.3f}"),
    Column("training_rows", "count"),
    Column("current_rows", "count"),
)


def model_sentence(context: PageContext, figures: pd.DataFrame) -> str:
    """How well the model sorts, against the best of the simpler candidates; how honest it is."""
    t = context.t
    known = {str(row["metric"]): row for row in figures.to_dict("records")}
    if "average_precision" not in known or "ece" not in known:
        return t("risk.model.none")
    ranked = [
        row
        for row in figures.to_dict("records")
        if row["metric"] == "average_precision" and row["baseline_name"] != "random_split"
    ] or [known["average_precision"]]
    rival = max(ranked, key=lambda row: float(row["baseline_value"]))
    window = figures.iloc[0]
    return t(
        "risk.model.sentence",
        rows=formats.count(window["row_count"]),
        start=formats.day(window["window_start"].date(), context.language),
        end=formats.day(window["window_end"].date(), context.language),
        value=f"{float(rival['value']):.3f}",
        baseline=_candidate(context, rival["baseline_name"]),
        other=f"{float(rival['baseline_value']):.3f}",
        ece=formats.rate(float(known["ece"]["value"])),
    )


def _candidate(context: PageContext, name: object) -> str:
    kind, _, column = str(name).partition(":")
    words = context.t.known(f"candidates.{kind}", kind)
    if not column:
        return words
    return context.t("risk.model.by_input", candidate=words, input=input_label(context, column))


def input_label(context: PageContext, name: object) -> str:
    """An input of a model in the reader's words, also a share counted of it."""
    return " · ".join(
        context.t.known(f"model_inputs.{part}", part) for part in str(name).split(":")
    )


def slice_frame(context: PageContext, slices: pd.DataFrame, business: str) -> pd.DataFrame:
    """Parts of the judged window in the reader's words."""

    def part(column: str, level: str) -> str:
        if column == "time":
            return context.t("risk.model.quarter", number=level.rpartition(" ")[2])
        return context.channel_label(level, business) if column == "channel" else level

    return slices.assign(
        column=[input_label(context, name) for name in slices["column"]],
        level=[
            part(str(column), str(level))
            for column, level in zip(slices["column"], slices["level"], strict=True)
        ],
    )


def figure_columns(context: PageContext) -> tuple[Column, ...]:
    """Figures of the model beside those of each candidate."""
    t = context.t
    return (
        Column("metric", label="figure", words=lambda n: t.known(f"model_figures.{n}", str(n))),
        Column("value", label="measured", words=lambda value: f"{float(value):.4f}"),
        Column("baseline_name", label="baseline", words=lambda name: _candidate(context, name)),
        Column("baseline_value", words=lambda value: f"{float(value):.4f}"),
        Column("row_count", "count", label="judged_rows"),
    )


def version_columns(context: PageContext) -> tuple[Column, ...]:
    """Versions of models and why they are in use."""
    return (
        Column("model", words=lambda name: model_label(context, name)),
        Column("model_version", label="version_name"),
        Column("registered_at", "time", label="learnt_at"),
        Column("learner", words=lambda name: _candidate(context, name)),
        Column("in_use", label="candidate_in_use", words=lambda name: _candidate(context, name)),
        Column("reason", "long", label="because"),
    )


DRIFT_COLUMNS = (
    Column("column", label="cut_by"),
    Column("level", label="part"),
    Column("row_count", "count", label="judged_rows"),
    Column("predicted_rate", "rate"),
    Column("base_rate", "rate", label="observed_rate"),
    Column("ece", "rate", label="calibration_error"),
)
