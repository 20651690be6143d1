"""The words, columns and frames of rules."""

from collections import Counter
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import pandas as pd

from app_streamlit.queries.rulebook import RuleBook
from app_streamlit.ui import formats
from app_streamlit.ui.cards import Tile
from app_streamlit.ui.context import PageContext
from app_streamlit.ui.i18n import Language
from app_streamlit.ui.tables import Column
from orchestration.decisions.backtesting import Backtest
from orchestration.decisions.definition import Mode, RuleDefinition
from orchestration.decisions.effects import PurchaseCost, RuleEffect
from orchestration.decisions.rulebook import RuleVersion, compare_rules
from orchestration.decisions.sentences import rule_sentence

MODES: tuple[Mode, ...] = ("enabled", "shadow", "disabled")
_ICONS: dict[Mode, str] = {"enabled": "✓", "shadow": "◐", "disabled": "–"}
_SHARE_OUTCOMES = ("delivered", "late", "returned", "unpaid", "cancelled", "still_open")


def rule_name(rule: RuleDefinition, language: Language) -> str:
    """A rule's name in the reader's language."""
    return rule.name.zh if language == "zh" else rule.name.en


def mode_label(context: PageContext, mode: Mode) -> str:
    """Whether a rule acts, with a sign, so that colour need not say it."""
    return f"{_ICONS[mode]} {context.t(f'rules.modes.{mode}')}"


def role_label(context: PageContext, role: object) -> str:
    """A role in the reader's words."""
    return context.t.known(f"roles.{role}", str(role))


def headline(context: PageContext, book: RuleBook) -> str:
    """How many rules act, record only, or are off, and whether two may decide the same."""
    t = context.t
    modes = Counter(one.definition.mode for one in book.rules)
    text = t(
        "rules.headline",
        n=len(book.rules),
        count=formats.count(len(book.rules)),
        enabled=formats.count(modes["enabled"]),
        shadow=formats.count(modes["shadow"]),
        disabled=formats.count(modes["disabled"]),
    )
    if book.conflicts:
        count = len(book.conflicts)
        text += t("rules.conflicts", n=count, count=formats.count(count))
    return text + t("punctuation.stop")


def rule_headline(context: PageContext, one: RuleVersion) -> str:
    """What a rule is, whether it acts, and who changed it last."""
    rule = one.definition
    return context.t(
        "rules.rule_headline",
        name=rule_name(rule, context.language),
        mode=context.t(f"rules.modes_said.{rule.mode}"),
        version=one.version,
        author=one.author,
        time=formats.time(one.created_at, context.zone, context.language),
    )


def book_frame(context: PageContext, book: RuleBook) -> pd.DataFrame:
    """One row a rule: those that act first."""
    order = {mode: number for number, mode in enumerate(MODES)}
    found = sorted(book.rules, key=lambda one: (order[one.definition.mode], one.rule_id))
    return pd.DataFrame(
        [
            {
                "rule_name": rule_name(one.definition, context.language),
                "mode": one.definition.mode,
                "owner": one.definition.owner,
                "sentence": rule_sentence(one.definition, context.language),
                "rule_version": one.version,
                "priority": one.definition.priority,
                "decides": one.definition.decides,
                "author": one.author,
                "changed_at": one.created_at,
                "rule_id": one.rule_id,
            }
            for one in found
        ]
    )


def book_columns(context: PageContext) -> tuple[Column, ...]:
    """The columns of the list."""
    return (
        Column("rule_name", label="rule"),
        Column("mode", words=lambda mode: mode_label(context, mode)),
        Column("owner", words=lambda role: role_label(context, role), label="answers_for_it"),
        Column("sentence", "long"),
        Column("rule_version", "count"),
        Column("priority", "count"),
        Column("author", label="changed_by"),
        Column("changed_at", "time"),
        Column("rule_id", label="name_for_command"),
    )


def conflict_lines(context: PageContext, book: RuleBook) -> list[str]:
    """One sentence a pair of rules that may decide the same."""
    names = {one.rule_id: rule_name(one.definition, context.language) for one in book.rules}
    return [
        context.t("rules.conflict", winner=names[one.winner], loser=names[one.loser])
        for one in book.conflicts
    ]


def parameter_frame(context: PageContext, rule: RuleDefinition) -> pd.DataFrame:
    """One row a parameter."""
    return pd.DataFrame(
        [
            {
                "label": one.label.zh if context.language == "zh" else one.label.en,
                "value": str(one.bound()),
                "parameter": name,
            }
            for name, one in rule.parameters.items()
        ]
    )


PARAMETER_COLUMNS = (
    Column("label", label="threshold"),
    Column("value"),
    Column("parameter", label="name_in_condition"),
)


def version_frame(versions: Sequence[RuleVersion]) -> pd.DataFrame:
    """One row a version, the newest first."""
    return pd.DataFrame(
        [
            {
                "version": one.version,
                "mode": one.definition.mode,
                "author": one.author,
                "reason": one.reason,
                "changed_at": one.created_at,
                "origin": one.origin,
            }
            for one in versions
        ]
    )


def version_columns(context: PageContext) -> tuple[Column, ...]:
    """The columns of versions."""
    return (
        Column("version", "count", label="rule_version"),
        Column("mode", words=lambda mode: mode_label(context, mode)),
        Column("author", label="changed_by"),
        Column("reason", "long"),
        Column("changed_at", "time"),
        Column("origin", words=lambda origin: context.t(f"rules.origins.{origin}")),
    )


def change_frame(before: RuleDefinition, after: RuleDefinition) -> pd.DataFrame:
    """One row a value that differs."""
    return pd.DataFrame(
        [
            {"path": one.path, "before": _shown(one.before), "after": _shown(one.after)}
            for one in compare_rules(before, after)
        ],
        columns=["path", "before", "after"],
    )


CHANGE_COLUMNS = (
    Column("path", label="part_of_rule"),
    Column("before", "long"),
    Column("after", "long"),
)


def _shown(value: Any) -> str:
    return formats.EMPTY if value is None else str(value)


def trial_headline(context: PageContext, report: Backtest) -> str:
    """What the rule would have done, in one sentence."""
    t = context.t
    if report.first_day is None or report.last_day is None:
        return t("lab.no_history")
    money = t("punctuation.list").join(
        formats.money(one.amount, one.currency_code) for one in report.money
    )
    text = t(
        "lab.headline",
        n=report.decisions,
        days=formats.days(report.first_day, report.last_day, t.language),
        count=formats.count(report.decisions),
        subjects=formats.count(report.subjects),
    )
    return text + (t("lab.money", money=money) if money else "") + t("punctuation.stop")


def trial_tiles(context: PageContext, report: Backtest) -> list[Tile]:
    """The figures of a trial."""
    t, load = context.t, report.owner
    tiles = [
        Tile(t("lab.decisions"), formats.count(report.decisions), t("lab.decisions_help")),
        Tile(
            t("lab.a_day", role=role_label(context, load.owner)),
            t(
                "lab.median_most",
                median=f"{load.median_of_this_rule:g}",
                most=formats.count(load.most_of_this_rule),
            ),
            t(
                "lab.a_day_help",
                median=f"{load.median_of_all:g}",
                most=formats.count(load.most_of_all),
            ),
        ),
        Tile(t("lab.held_out"), formats.count(report.held_out), t("lab.held_out_help")),
        Tile(t("lab.cooled"), formats.count(report.cooled), t("lab.cooled_help")),
    ]
    if report.budget:
        use = report.budget
        tiles.append(
            Tile(
                t("lab.budget", per=t(f"rules.per.{use.per}")),
                formats.short_money(use.most, use.currency_code, t.language),
                t(
                    "lab.budget_help",
                    limit=formats.money(use.limit, use.currency_code),
                    total=formats.money(use.total, use.currency_code),
                    refused=formats.count(use.refused),
                ),
            )
        )
    return tiles


def trial_notes(context: PageContext, report: Backtest) -> list[str]:
    """What a reader of the figures must know."""
    t, notes = context.t, []
    change = report.against_version
    if change is not None:
        notes.append(
            t(
                "lab.difference",
                version=change.version,
                both=formats.count(change.both),
                only_new=formats.count(change.only_new),
                only_old=formats.count(change.only_old),
            )
        )
    load = report.owner
    notes.append(
        t(
            "lab.owner_load",
            role=role_label(context, load.owner),
            median=f"{load.median_of_all:g}",
            most=formats.count(load.most_of_all),
        )
    )
    if report.budget and report.budget.refused:
        notes.append(
            t(
                "lab.refused",
                n=report.budget.refused,
                count=formats.count(report.budget.refused),
                limit=formats.money(report.budget.limit, report.budget.currency_code),
            )
        )
    if report.unwatched:
        notes.append(t("lab.unwatched", n=report.unwatched, count=formats.count(report.unwatched)))
    return notes


def outcome_frame(context: PageContext, report: Backtest) -> pd.DataFrame:
    """One row a fate of the orders."""
    told = report.outcomes
    if told is None or not told.orders:
        return pd.DataFrame()
    return pd.DataFrame(
        [
            {
                "outcome": context.t(f"lab.outcomes.{name}"),
                "order_count": getattr(told, name),
                "share": getattr(told, name) / told.orders,
            }
            for name in _SHARE_OUTCOMES
        ]
    )


OUTCOME_COLUMNS = (
    Column("outcome", label="what_became"),
    Column("order_count", "count"),
    Column("share", "rate", label="customer_share"),
)


def branch_frame(context: PageContext, rule: RuleDefinition, report: Backtest) -> pd.DataFrame:
    """One row a branch of the rule."""
    labels = {
        one.name: one.label.zh if context.language == "zh" else one.label.en
        for one in rule.branches
    }
    return pd.DataFrame(
        [
            {"branch": labels.get(name, context.t("lab.no_branch")), "count": count}
            for name, count in report.by_branch.items()
        ]
    )


BRANCH_COLUMNS = (Column("branch", label="branch"), Column("count", "count", label="decisions"))


def overlap_frame(context: PageContext, book: RuleBook, report: Backtest) -> pd.DataFrame:
    """One row a rule in force that shares subjects."""
    names = {one.rule_id: rule_name(one.definition, context.language) for one in book.rules}
    return pd.DataFrame(
        [
            {
                "rule_name": names.get(one.rule_id, one.rule_id),
                "owner": one.owner,
                "subjects": one.subjects,
                "theirs": one.theirs,
                "winner": names.get(one.winner, one.winner) if one.winner else None,
            }
            for one in report.overlaps
        ]
    )


def overlap_columns(context: PageContext) -> tuple[Column, ...]:
    """The columns of shared subjects."""
    return (
        Column("rule_name", label="rule"),
        Column("owner", words=lambda role: role_label(context, role), label="answers_for_it"),
        Column("subjects", "count", label="shared_subjects"),
        Column("theirs", "count", label="their_subjects"),
        Column("winner", label="who_wins"),
    )


def effect_frame(context: PageContext, found: Sequence[RuleEffect]) -> pd.DataFrame:
    """One row an outcome: both groups, the difference and what it proves."""
    t, rows = context.t, []
    for one in found:
        effect, is_amount = one.effect, one.currency_code is not None

        def shown(value: float | None, one: RuleEffect = one, is_amount: bool = is_amount) -> str:
            if value is None:
                return formats.EMPTY
            if is_amount:
                return formats.money(value, str(one.currency_code))
            return formats.rate(value)

        interval = t("effect.interval", low=shown(effect.low), high=shown(effect.high))
        rows.append(
            {
                "measure": t(f"effect.measures.{one.measure}"),
                "acted_on": effect.acted_on,
                "held_out": effect.held_out,
                "value_acted_on": shown(effect.value_acted_on),
                "value_held_out": shown(effect.value_held_out),
                "difference": shown(effect.difference),
                "interval": formats.EMPTY if effect.low is None else interval,
                "verdict": t(f"effect.verdicts.{effect.verdict}"),
            }
        )
    return pd.DataFrame(rows)


EFFECT_COLUMNS = (
    Column("measure"),
    Column("verdict"),
    Column("difference", label="effect"),
    Column("interval"),
    Column("value_acted_on"),
    Column("value_held_out"),
    Column("acted_on", "count"),
    Column("held_out", "count"),
)


def effect_headline(context: PageContext, found: Sequence[RuleEffect]) -> str:
    """Whether anything is proved."""
    t = context.t
    if not found:
        return t("effect.nothing")
    better = sum(one.effect.verdict == "better" for one in found)
    worse = sum(one.effect.verdict == "worse" for one in found)
    return t(
        "effect.headline",
        acted_on=formats.count(found[0].effect.acted_on),
        held_out=formats.count(found[0].effect.held_out),
        better=formats.count(better),
        worse=formats.count(worse),
        undecided=formats.count(len(found) - better - worse),
    )


def purchase_cost_sentence(context: PageContext, cost: PurchaseCost) -> str:
    """What acting cost, and what for each purchase that it brought, or why nobody knows."""
    t, effect = context.t, cost.effect
    text = t(
        "effect.cost.spent",
        n=effect.acted_on,
        count=formats.count(effect.acted_on),
        spent=formats.money(cost.spent, cost.currency_code),
    )
    if cost.each is None:
        return text + t("effect.cost.none_brought")

    def money(amount: Decimal | None) -> str:
        return formats.EMPTY if amount is None else formats.money(amount, cost.currency_code)

    return text + t(
        f"effect.cost.{'proved' if effect.verdict == 'better' else 'undecided'}",
        each=money(cost.each),
        least=money(cost.least),
        most=money(cost.most),
    )
