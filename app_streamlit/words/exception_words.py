"""The words and columns of the queue of exceptions."""

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

import pandas as pd

from app_streamlit.queries.exceptions import ExceptionLabels
from app_streamlit.queries.stock import load_sites
from app_streamlit.ui import formats
from app_streamlit.ui.cards import Tile
from app_streamlit.ui.context import PageContext
from app_streamlit.ui.i18n import readable
from app_streamlit.ui.tables import Column
from app_streamlit.words.rule_words import role_label
from orchestration.stewardship.exception_queue import (
    NOT_RESOLVED,
    ExceptionCase,
    ExceptionGroup,
    State,
)
from orchestration.stewardship.exceptions import TimeToResolve

VIEWS: dict[str, tuple[State, ...]] = {
    "open": NOT_RESOLVED,
    "taken": ("taken",),
    "resolved": ("resolved",),
}
Times = Mapping[str | None, TimeToResolve]


def class_label(context: PageContext, labels: ExceptionLabels, name: str) -> str:
    """A class in the reader's words."""
    return labels.classes.get(name, {}).get(context.language) or readable(name)


def option_label(
    context: PageContext, labels: ExceptionLabels, case: ExceptionCase, option: str | None
) -> str:
    """A way out in the reader's words."""
    if option is None:
        return formats.EMPTY
    words = labels.options.get(f"{case.exception_class}:{option}", {})
    return words.get(context.language) or readable(option)


def reason_label(context: PageContext, reason: str | None) -> str:
    """What is wrong, in the reader's words."""
    return context.t.known(f"exceptions.reasons.{reason}", str(reason or formats.EMPTY))


def owner_label(context: PageContext, case: ExceptionCase) -> str:
    """Who takes care of it: the person who took it, else the department."""
    return case.taken_by or role_label(context, case.owner)


def worth(context: PageContext, groups: Iterable[ExceptionGroup]) -> str:
    """Their money at risk, each currency for itself."""
    sums: dict[str, Decimal] = {}
    for group in groups:
        if group.amount_at_risk is not None and group.currency_code:
            known = sums.get(group.currency_code, Decimal(0))
            sums[group.currency_code] = known + group.amount_at_risk
    told = [formats.short_money(sums[code], code, context.language) for code in sorted(sums)]
    return context.t("punctuation.list").join(told) or formats.EMPTY


def unresolved(groups: Iterable[ExceptionGroup]) -> list[ExceptionGroup]:
    """What somebody still has to do something about."""
    return [group for group in groups if group.state in NOT_RESOLVED]


def number(groups: Iterable[ExceptionGroup]) -> int:
    """How many cases they are."""
    return sum(group.cases for group in groups)


def _late(groups: Iterable[ExceptionGroup]) -> int:
    return sum(group.breached for group in groups)


def headline(
    context: PageContext,
    labels: ExceptionLabels,
    groups: Sequence[ExceptionGroup],
    dearest: ExceptionCase | None,
) -> str:
    """How many cases are open, what they put at risk, how many are late, and the dearest."""
    t = context.t
    waiting = unresolved(groups)
    if not waiting:
        return t("exceptions.none", count=formats.count(number(groups)))
    text = t(
        "exceptions.headline",
        n=number(waiting),
        count=formats.count(number(waiting)),
        worth=worth(context, waiting),
        late=formats.count(_late(waiting)),
    )
    if dearest is not None and dearest.amount_at_risk:
        text += t(
            "exceptions.dearest",
            kind=class_label(context, labels, dearest.exception_class),
            reason=reason_label(context, dearest.reason),
            amount=formats.short_money(
                dearest.amount_at_risk, dearest.currency_code or "", context.language
            ),
        )
    return text + t("punctuation.stop")


def tiles(context: PageContext, groups: Sequence[ExceptionGroup], times: Times) -> list[Tile]:
    """Open, late, at risk, taken, and the mean time to resolve."""
    t = context.t
    waiting = unresolved(groups)
    taken = number(group for group in waiting if group.state == "taken")
    late = _late(waiting)
    whole = times.get(None)
    hours = whole.from_raised if whole is not None else None
    return [
        Tile(
            t("exceptions.tiles.open"),
            formats.count(number(waiting)),
            t("exceptions.tiles.open_help"),
        ),
        Tile(t("exceptions.tiles.late"), formats.count(late), t("exceptions.tiles.late_help")),
        Tile(
            t("exceptions.tiles.at_risk"),
            worth(context, waiting),
            t("exceptions.tiles.at_risk_help"),
        ),
        Tile(t("exceptions.tiles.taken"), formats.count(taken), t("exceptions.tiles.taken_help")),
        Tile(
            t("exceptions.tiles.time"),
            formats.duration(hours * 3600 if hours is not None else None, t),
            t(
                "exceptions.tiles.time_help",
                count=formats.count(whole.resolved if whole is not None else 0),
            ),
        ),
    ]


def countdown(context: PageContext, case: ExceptionCase) -> str:
    """The time that is left, or by how much it is late."""
    t = context.t
    if case.minutes_left is None:
        return formats.EMPTY
    key = "exceptions.left" if case.minutes_left >= 0 else "exceptions.late_by"
    return t(key, time=formats.duration(abs(case.minutes_left) * 60, t))


def frame(
    context: PageContext, labels: ExceptionLabels, cases: Sequence[ExceptionCase]
) -> pd.DataFrame:
    """One row a case in the reader's words."""
    sites: dict[str, str] = {}
    for business in context.bounds:
        sites |= load_sites(context.edition, business)
    return pd.DataFrame(
        [
            {
                "exception_class": class_label(context, labels, case.exception_class),
                "reason": reason_label(context, case.reason),
                "amount_at_risk": case.amount_at_risk,
                "currency_code": case.currency_code,
                "sla": countdown(context, case),
                "owner": role_label(context, case.owner),
                "taken_by": case.taken_by,
                "recommended": option_label(context, labels, case, case.recommended),
                "recommended_cost": dict(case.options).get(case.recommended or ""),
                "subject": subject(case),
                "site": sites.get(case.site or "", case.site),
                "raised_at": case.raised_at,
                "resolved_by": case.resolved_by,
                "resolution": option_label(context, labels, case, case.resolution),
                "note": case.note,
            }
            for case in cases
        ]
    )


def subject(case: ExceptionCase) -> str:
    """The order or the article that a case is about."""
    return (case.order_key or "").rpartition(":")[2] or case.sku or formats.EMPTY


def columns(view: str) -> tuple[Column, ...]:
    """The columns of the queue; of what is resolved also by whom and how."""
    done = (
        Column("resolution"),
        Column("resolved_by"),
        Column("note", "long"),
    )
    todo = (
        Column("recommended"),
        Column("recommended_cost", "money"),
    )
    return (
        Column("exception_class", label="kind"),
        Column("reason", label="cause"),
        Column("amount_at_risk", "money"),
        Column("currency_code", label="currency"),
        Column("sla"),
        *(done if view == "resolved" else todo),
        Column("owner", label="department"),
        Column("taken_by"),
        Column("subject"),
        Column("site"),
        Column("raised_at", "time", label="since"),
    )


def short_name(context: PageContext, labels: ExceptionLabels, case: ExceptionCase) -> str:
    """One line that tells a case from its neighbours."""
    amount = (
        formats.money(case.amount_at_risk, case.currency_code or "")
        if case.amount_at_risk is not None
        else formats.EMPTY
    )
    parts = (
        class_label(context, labels, case.exception_class),
        reason_label(context, case.reason),
        subject(case),
        amount,
    )
    return " · ".join(parts)


def story(context: PageContext, labels: ExceptionLabels, case: ExceptionCase) -> str:
    """One case in a sentence: what is wrong, since when, whose it is and how it stands."""
    t = context.t
    text = t(
        "exceptions.story",
        kind=class_label(context, labels, case.exception_class),
        reason=reason_label(context, case.reason),
        subject=subject(case),
        since=formats.time(case.raised_at, context.zone, context.language),
        due=formats.time(case.due_at, context.zone, context.language),
        owner=role_label(context, case.owner),
    )
    if case.state == "taken":
        text += t(
            "exceptions.taken_by",
            person=case.taken_by,
            time=formats.time(case.taken_at, context.zone, context.language),
        )
    elif case.state == "resolved":
        text += t(
            "exceptions.resolved_by",
            person=case.resolved_by,
            time=formats.time(case.resolved_at, context.zone, context.language),
            option=option_label(context, labels, case, case.resolution),
        )
    return text


def option_frame(
    context: PageContext, labels: ExceptionLabels, case: ExceptionCase
) -> pd.DataFrame:
    """The ways out with what each costs."""
    return pd.DataFrame(
        [
            {
                "option": option_label(context, labels, case, name),
                "cost": cost,
                "currency_code": case.currency_code,
                "recommended": context.t("exceptions.cheapest") if name == case.recommended else "",
            }
            for name, cost in case.options
        ]
    )


OPTION_COLUMNS = (
    Column("option"),
    Column("cost", "money"),
    Column("currency_code", label="currency"),
    Column("recommended"),
)


def history_frame(
    context: PageContext, labels: ExceptionLabels, case: ExceptionCase, found: pd.DataFrame
) -> pd.DataFrame:
    """What people did, each with what they said."""
    return pd.DataFrame(
        [
            {
                "happened_at": row["happened_at"],
                "event": context.t.known(f"exceptions.events.{row['event']}", str(row["event"])),
                "actor": row["actor"],
                "detail": _detail(context, labels, case, row["detail"]),
            }
            for row in found.to_dict("records")
        ]
    )


def _detail(
    context: PageContext, labels: ExceptionLabels, case: ExceptionCase, detail: Mapping[str, Any]
) -> str:
    told = [str(value) for name, value in detail.items() if value and name != "resolution"]
    if detail.get("resolution"):
        told.insert(0, option_label(context, labels, case, str(detail["resolution"])))
    return " · ".join(told)


HISTORY_COLUMNS = (
    Column("happened_at", "time"),
    Column("event"),
    Column("actor"),
    Column("detail", "long"),
)


def summary_frame(
    context: PageContext,
    labels: ExceptionLabels,
    groups: Sequence[ExceptionGroup],
    times: Times,
) -> pd.DataFrame:
    """One row a class: open, late, at risk, resolved and how fast."""
    rows = []
    for name in labels.classes:
        mine = [group for group in unresolved(groups) if group.exception_class == name]
        time = times.get(name)
        if not mine and time is None:
            continue
        rows.append(
            {
                "exception_class": class_label(context, labels, name),
                "open_count": number(mine),
                "late_count": _late(mine),
                "at_risk": worth(context, mine),
                "resolved_count": time.resolved if time is not None else 0,
                "time_to_resolve": formats.duration(
                    time.from_raised * 3600
                    if time is not None and time.from_raised is not None
                    else None,
                    context.t,
                ),
            }
        )
    return pd.DataFrame(rows)


SUMMARY_COLUMNS = (
    Column("exception_class", label="kind"),
    Column("open_count", "count", label="open_cases"),
    Column("late_count", "count", label="breached_count"),
    Column("at_risk"),
    Column("resolved_count", "count"),
    Column("time_to_resolve"),
)
