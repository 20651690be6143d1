"""The words and columns of decisions."""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from functools import partial
from typing import Any

import pandas as pd

from app_streamlit.queries.ledger import DecisionFile
from app_streamlit.queries.stock import load_sites
from app_streamlit.ui import formats
from app_streamlit.ui.cards import escape
from app_streamlit.ui.context import PageContext
from app_streamlit.ui.i18n import readable
from app_streamlit.ui.tables import Column
from orchestration.decisions.approvals.verdicts import ApprovalState
from orchestration.decisions.ledger import Decision, DecisionEvent
from orchestration.decisions.outbox import HeldDeliveries

SPEED = "speed"
_CONTRACT_REVIEW = "review_contract"
_CODE = re.compile(r"[a-z0-9]+(?:_[a-z0-9]+)+")


def is_contract_review(decision: Decision) -> bool:
    """Whether it asks about the clauses of a contract, as every rule so named does."""
    return decision.rule_id.startswith(_CONTRACT_REVIEW)


def state_label(context: PageContext, state: str) -> str:
    """A state of a decision or a delivery in the reader's words."""
    return context.t.known(f"decision_state.{state}", state)


def state_with_count(context: PageContext, state: str, counts: Mapping[str, int]) -> str:
    """A state with the number of decisions in it; or the view of how fast they are."""
    if state == "all":
        return f"{context.t('decisions.all')} ({formats.count(sum(counts.values()))})"
    if state == SPEED:
        return context.t("speed.view")
    return f"{state_label(context, state)} ({formats.count(counts[state])})"


def headline(context: PageContext, counts: Mapping[str, int]) -> str:
    """How many decisions there are, how many arrived, and how many wait or are held."""
    t = context.t
    total = sum(counts.values())
    if not total:
        return t("decisions.none")
    text = t(
        "decisions.headline",
        n=total,
        count=formats.count(total),
        confirmed=formats.count(counts.get("confirmed", 0)),
    )
    held = counts.get("held", 0)
    if held:
        text += t("decisions.held", n=held, count=formats.count(held))
    dead = counts.get("dead", 0)
    if dead:
        text += t("decisions.dead", n=dead, count=formats.count(dead))
    return text + t("punctuation.stop")


def message_column(context: PageContext) -> str:
    """The column that holds the message in the reader's language."""
    return f"message_{context.language}"


def in_words(context: PageContext, text: object) -> str:
    """A sentence of the ledger: businesses, channels and sites by name instead of by code."""
    return sentence_reader(context)(text)


def sentence_reader(context: PageContext) -> Callable[[object], str]:
    """`in_words` for many sentences: the names are put together once."""
    names = {one.channel: context.channel_label(one.channel) for one in context.channels}
    for business in context.bounds:
        names[business] = context.business_label(business)
        names |= load_sites(context.edition, business)
    return lambda text: _CODE.sub(lambda found: names.get(found[0], found[0]), str(text))


def _subject(read: Callable[[object], str], subject: object) -> str:
    """What a decision is about: the values of its key, without their names."""
    text = str(subject)
    try:
        key = json.loads(text)
    except ValueError:
        return text
    shown = " · ".join(map(str, key.values())) if isinstance(key, dict) else text
    return read(shown)


def ledger_columns(context: PageContext) -> tuple[Column, ...]:
    """The columns of the ledger."""
    t, read = context.t, sentence_reader(context)
    return (
        Column("created_at", "time", label="decided_at"),
        Column("kind", words=lambda kind: t.known(f"decision_kind.{kind}", str(kind))),
        Column("state", words=lambda state: state_label(context, str(state))),
        Column(message_column(context), "long", label="message", words=read),
        Column("amount", "money"),
        Column("currency_code", label="currency"),
        Column("subject", words=partial(_subject, read)),
        Column(f"rule_name_{context.language}", label="rule"),
        Column("rule_version", "count"),
        Column(
            "owner",
            words=lambda role: t.known(f"roles.{role}", str(role)),
            label="answers_for_it",
        ),
        Column("state_reason", "long"),
        Column("publication_id", label="publication"),
    )


def delivery_columns(context: PageContext) -> tuple[Column, ...]:
    """The columns of a decision's deliveries."""
    t = context.t
    return (
        Column("sink", words=lambda name: t.known(f"sinks.{name}", str(name))),
        Column("delivery_state", words=lambda state: state_label(context, str(state))),
        Column("attempts", "count"),
        Column("outcome", words=lambda name: t.known(f"receipt.{name}", str(name))),
        Column("received_at", "time", label="receipt_at"),
        Column("idempotency_key", label="delivery_key"),
        Column("last_error", "long"),
    )


def short_names(context: PageContext, found: pd.DataFrame) -> Callable[[str], str]:
    """Names a decision in one line that tells it from its neighbours."""
    read = sentence_reader(context)
    names = {
        str(decision_id): f"{formats.time(made_at, context.zone, context.language)} · {read(text)}"
        for decision_id, made_at, text in zip(
            found["decision_id"], found["created_at"], found[message_column(context)], strict=True
        )
    }
    names[""] = context.t("decisions.no_choice")
    # A link may name one that the filters leave out.
    return lambda decision_id: names.get(decision_id, decision_id[:12])


def decision_headline(context: PageContext, decision: Decision) -> str:
    """What was decided, and how it stands."""
    state = state_label(context, decision.state)
    return context.t(
        "decisions.decision_headline", state=state, message=_message(context, decision)
    )


def _message(context: PageContext, decision: Decision) -> str:
    return in_words(
        context, decision.message.get(context.language) or decision.message.get("en", "")
    )


def story(context: PageContext, decision: Decision, names: Mapping[str, str]) -> str:
    """By which rule a decision was made, on which figures, and why it stands as it does."""
    text = context.t(
        "decisions.made_by",
        rule=escape(names.get(context.language, readable(decision.rule_id))),
        version=decision.rule_version,
        publication=escape(decision.publication_id),
        time=formats.time(decision.created_at, context.zone, context.language),
    )
    if decision.state_reason:
        text += "\n\n" + escape(decision.state_reason)
    return text


def order_key_of(decision: Decision) -> str:
    """The order that a decision is about, or ""."""
    told = decision.explanation
    return str(json.loads(decision.subject).get("order_key") or told.get("order_key") or "")


def order_choices(decision: Decision) -> dict[str, str]:
    """What the orders page must be told to show the order of a decision."""
    told = decision.explanation
    order_no = told.get("order_no") or order_key_of(decision).partition(":")[2]
    business = told.get("business") or ""
    return {"order": str(order_no), "business": str(business), "channel": "", "period": "all"}


def value_frame(
    context: PageContext, decision: Decision, labels: Mapping[str, Mapping[str, str]]
) -> pd.DataFrame:
    """One row a value that the decision was made on: thresholds and what the row said."""

    def label(name: str) -> str:
        told = labels.get(name, {}).get(context.language)
        return told or context.t.known(f"columns.{name}", name)

    return pd.DataFrame(
        [
            {"value_name": label(name), "value": _plain(value)}
            for name, value in decision.explanation.items()
        ],
        columns=["value_name", "value"],
    )


VALUE_COLUMNS = (Column("value_name"), Column("value"))


def _plain(value: object) -> str:
    return formats.EMPTY if value is None else str(value)


def history_frame(context: PageContext, history: Sequence[DecisionEvent]) -> pd.DataFrame:
    """One row a thing that happened, oldest first."""
    return pd.DataFrame(
        [
            {
                "happened_at": one.happened_at,
                "event": context.t.known(f"decision_event.{one.event}", one.event),
                "to_state": one.to_state,
                "actor": one.actor,
                "detail": _details(one.detail),
            }
            for one in history
        ],
        columns=["happened_at", "event", "to_state", "actor", "detail"],
    )


def _details(detail: Mapping[str, Any]) -> str:
    return ", ".join(
        f"{readable(str(name)).lower()}: {value}"
        for name, value in detail.items()
        if value not in (None, "", [], {})
    )


def history_columns(context: PageContext) -> tuple[Column, ...]:
    """The columns of a decision's history."""
    return (
        Column("happened_at", "time", label="event_at"),
        Column("event"),
        Column("to_state", words=lambda state: state_label(context, str(state)), label="state"),
        Column("actor"),
        Column("detail", "long"),
    )


def held_frame(held: Sequence[HeldDeliveries]) -> pd.DataFrame:
    """One row a reason for which deliveries are held."""
    return pd.DataFrame([vars(one) for one in held])


def held_columns(context: PageContext) -> tuple[Column, ...]:
    """The columns of what is held."""
    return (
        Column("cause", words=lambda name: context.t.known(f"hold_cause.{name}", str(name))),
        Column("deliveries", "count"),
        Column("oldest", "time"),
        Column("next_expires", "time"),
        Column("reason", "long", label="state_reason"),
    )


def approval_sentence(context: PageContext, approval: ApprovalState) -> str:
    """Who is asked, by when, how many must agree, and what is recommended."""
    t = context.t
    if approval.state != "awaiting":
        state = t.known(f"decision_state.{approval.state}", approval.state)
        when = formats.time(approval.closed_at, context.zone, context.language)
        return t("decisions.approval_closed", state=state, time=when)
    text = t(
        "decisions.approval_asked",
        n=approval.needed,
        role=escape(t.known(f"roles.{approval.role}", approval.role)),
        given=formats.count(approval.given),
        count=formats.count(approval.needed),
        time=formats.time(approval.due_at, context.zone, context.language),
    )
    if approval.recommended:
        text += t("decisions.recommended", answer=t(f"decisions.{approval.recommended}"))
    return text


def verdict_frame(approval: ApprovalState) -> pd.DataFrame:
    """One row a person who answered."""
    names = ["approver", "on_behalf_of", "verdict", "is_override", "reason", "given_at"]
    return pd.DataFrame([{name: one[name] for name in names} for one in approval.verdicts])


def verdict_columns(context: PageContext) -> tuple[Column, ...]:
    """The columns of verdicts."""
    t = context.t
    return (
        Column("approver"),
        Column("on_behalf_of"),
        Column("verdict", words=lambda name: t(f"decisions.{name}"), label="answer"),
        Column("is_override", words=lambda is_so: "!" if is_so else "", label="override"),
        Column("reason", "long"),
        Column("given_at", "time", label="event_at"),
    )


def option_labels(context: PageContext, decision: Decision) -> dict[str, str]:
    """What may be chosen, by name, with its cost."""
    found = {}
    for one in decision.options:
        label = one.get("label") or {}
        text = str(label.get(context.language) or label.get("en") or readable(str(one["name"])))
        cost = _cost(one)
        found[str(one["name"])] = f"{text} · {cost}" if cost else text
    return found


def _cost(option: Mapping[str, Any]) -> str:
    if option.get("cost") is None:
        return ""
    return formats.money(Decimal(str(option["cost"])), str(option.get("currency_code") or ""))


def option_frame(context: PageContext, found: DecisionFile) -> pd.DataFrame:
    """One row an option: what it is, what it costs, and whether it was chosen."""
    chosen = {
        str(event.detail.get("option")) for event in found.history if event.event == "option_chosen"
    }
    rows = []
    for one in found.decision.options:
        label = one.get("label") or {}
        rows.append(
            {
                "option": label.get(context.language) or label.get("en") or str(one["name"]),
                "cost": _cost(one) or formats.EMPTY,
                "chosen": "✓" if str(one["name"]) in chosen else "",
            }
        )
    return pd.DataFrame(rows)


OPTION_COLUMNS = (Column("option"), Column("cost"), Column("chosen"))


def rule_label(context: PageContext, names: Mapping[str, Mapping[str, str]], rule_id: str) -> str:
    """A rule by its name in the reader's language."""
    named = names.get(rule_id, {}).get(context.language)
    return named or context.t.known(f"system_rules.{rule_id}", rule_id)
