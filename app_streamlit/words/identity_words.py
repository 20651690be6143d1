"""The words and tables of accounts and people."""

from collections.abc import Sequence

import pandas as pd

from app_streamlit.queries.identities import OfferedPair, load_rule_labels
from app_streamlit.ui import formats
from app_streamlit.ui.context import PageContext
from app_streamlit.ui.i18n import pick
from app_streamlit.ui.tables import Column
from app_streamlit.words import customer_words
from orchestration.stewardship.identities import Decision, PairEvidence

_OUR_RULES = ("probable", "steward")
_AGREEMENT_ICONS = {"same": "✓", "different": "✕", "unknown": "?"}
_EFFECT_ICONS = {
    "in_force": "✓", "waiting": "…", "undone": "↩", "replaced": "→", "without_effect": "!",
}  # fmt: skip


def sentence(context: PageContext, accounts: int, people: int, waiting: int) -> str:
    """How many accounts are how many people, and how many pairs want a decision."""
    t = context.t
    return t(
        "identity.sentence",
        accounts=t("units.accounts", n=accounts, count=formats.count(accounts)),
        people=t("units.people", n=people, count=formats.count(people)),
        pairs=t("identity.pairs", n=waiting, count=formats.count(waiting)),
    )


def pair_label(context: PageContext, pair: OfferedPair) -> str:
    """Both accounts, and why somebody should look at them."""
    t = context.t
    names = " ↔ ".join(customer_words.customer_label(key) for key in pair.keys)
    if pair.why == "linked":
        why = t("identity.why.linked", rule=rule_label(context, pair.detail))
    elif pair.why == "asked":
        why = t("identity.why.asked")
    else:
        why = t(f"identity.why.{pair.why}", reason=t(f"identity.reasons.{pair.detail}"))
    return f"{names} · {why}"


def rule_label(context: PageContext, rule: str) -> str:
    """A rule that links accounts in the reader's words."""
    if rule in _OUR_RULES or not rule:
        return context.t(f"identity.rules.{rule or 'none'}")
    row = load_rule_labels(context.edition).get(rule, {})
    return pick(row, "label", context.language, fallback=rule)


def verdict(context: PageContext, evidence: PairEvidence) -> str:
    """Whether both are one person in this publication, and what they tell alike."""
    t = context.t
    first, second = evidence.accounts[:2]
    told = t("punctuation.list").join(
        f"{_AGREEMENT_ICONS[state]} {t(f'identity.fields.{name}')} {t(f'identity.agree.{state}')}"
        for name, state in evidence.agreement.items()
    )
    return t(
        "identity.one_person" if evidence.is_one_person else "identity.two_people",
        first=customer_words.customer_label(first.customer_key),
        second=customer_words.customer_label(second.customer_key),
        told=told,
    )


def account_frame(evidence: PairEvidence) -> pd.DataFrame:
    """One row an account: the two first, then the others of their people."""
    return pd.DataFrame([vars(one) for one in evidence.accounts])


def account_columns(context: PageContext, business: str) -> tuple[Column, ...]:
    """The columns of the accounts."""
    return (
        Column("customer_key", words=customer_words.customer_label, label="account"),
        Column("channel", words=lambda name: context.channel_label(str(name), business)),
        Column("person_key", words=customer_words.customer_label, label="person"),
        Column("order_count", "count"),
        Column("net_amount", "money", label="rfm_monetary"),
        Column("currency_code", label="currency"),
        Column("rfm_segment", words=lambda name: customer_words.segment_label(context, str(name))),
        Column("province"),
        Column("registered_at", "time"),
        Column("last_order_at", "time"),
    )


def link_frame(context: PageContext, evidence: PairEvidence) -> pd.DataFrame:
    """One row a link between any of the accounts, the strongest first."""
    t = context.t
    return pd.DataFrame(
        [
            {
                "account": customer_words.customer_label(one.customer_key_a),
                "other_account": customer_words.customer_label(one.customer_key_b),
                "link": rule_label(context, one.rule),
                "match_probability": float(one.match_probability),
                "state": t("identity.used")
                if one.is_used
                else t(f"identity.reasons.{one.refused_because}"),
                "match_evidence": one.evidence,
            }
            for one in evidence.links
        ]
    )


LINK_COLUMNS = (
    Column("account"),
    Column("other_account"),
    Column("link"),
    Column("match_probability", "rate"),
    Column("state"),
    Column("match_evidence", "long"),
)


def decision_frame(context: PageContext, decisions: Sequence[Decision]) -> pd.DataFrame:
    """One row a pair that somebody decided on, the newest first."""
    t = context.t
    return pd.DataFrame(
        [
            {
                "account": customer_words.customer_label(one.customer_key_a),
                "other_account": customer_words.customer_label(one.customer_key_b),
                "decided": t(f"identity.decided.{one.decision}"),
                "state": f"{_EFFECT_ICONS[one.effect]} {t(f'identity.effects.{one.effect}')}",
                "decided_by": one.decided_by,
                "decided_at": one.decided_at,
                "reason": one.reason,
                "act": one.act_id,
            }
            for one in decisions
        ]
    )


DECISION_COLUMNS = (
    Column("account"),
    Column("other_account"),
    Column("decided", label="decided_what"),
    Column("state"),
    Column("decided_by"),
    Column("decided_at", "time"),
    Column("reason", "long"),
    Column("act"),
)


def act_label(context: PageContext, decisions: Sequence[Decision]) -> str:
    """An act by what it said, about whom, by whom and when."""
    first = decisions[0]
    names = " ↔ ".join(
        customer_words.customer_label(key) for key in (first.customer_key_a, first.customer_key_b)
    )
    more = f" +{len(decisions) - 1}" if len(decisions) > 1 else ""
    moment = formats.time(first.decided_at, context.zone, context.language)
    said = context.t(f"identity.decided.{first.decision}")
    return f"{names}{more} · {said} · {first.decided_by}, {moment}"
