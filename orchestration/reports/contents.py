"""What a report says, computed from the published snapshot as its recipient may see it.

Figures are the semantic layer's own, so a report, the page and `fourflow metric` give one number.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Engine

from connectors.database import saved_views
from connectors.database.report_subscriptions import Subscribed, Subscription
from connectors.database.saved_views import SavedView
from connectors.errors import ContractError, ForbiddenError, FourflowError
from connectors.lake.reader import PublishedLake
from orchestration.access.viewer import Viewer
from orchestration.decisions.ledger import count_by_state
from orchestration.decisions.states import DecisionState
from orchestration.metrics import questions
from orchestration.metrics.catalogue import Metric
from orchestration.metrics.layer import CURRENCY_CODE, MetricLayer, MetricQuery
from orchestration.metrics.names import GRAINS
from orchestration.metrics.questions import Question, asked_of, dimensions_of
from orchestration.metrics.scopes import Scope, bounds_of
from orchestration.reports.words import NONE, Words, change, count, money
from orchestration.stewardship.exception_queue import (
    NOT_RESOLVED,
    ExceptionGroup,
    count_exceptions,
    money_at_risk,
)

PAGES = {"today": "overview", "cockpit": "cockpit", "view": "explore"}
MOST_ROWS = 5_000
_WEEK = timedelta(days=7)
_IN_SCOPE = (
    "business = $business",
    "($channel is null or channel = $channel)",
    "metric_time between $start and $end",
)
_HEADLINES = (
    "order_count", "net_sales", "average_order_value", "contribution_margin_rate", "payment_rate",
    "refund_rate", "speed_index", "accuracy_index", "stability_index",
)  # fmt: skip
_WAITING: tuple[DecisionState, ...] = ("awaiting_approval", "held", "dead")
_STATUSES = {"order_status": "order_status", "refund_status": "refund_status",
             "shipment_status": "shipment_status", "entity": "entities"}  # fmt: skip


@dataclass(frozen=True)
class Section:
    """One table of a report and what it says in a sentence.

    Attributes:
        rows: cells as people read them.
        values: the same cells as a file holds them.
        text_columns: how many columns from the left are no figures.
        bars: length of each row's bar, 0 to 1; empty: none are drawn.
        notes: what a reader must know besides.
        file_headers: those of `values`, where they are others than people read.
    """

    title: str
    sentence: str
    headers: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()
    values: tuple[tuple[Any, ...], ...] = ()
    text_columns: int = 1
    bars: tuple[float, ...] = ()
    notes: tuple[str, ...] = ()
    file_headers: tuple[str, ...] = ()


@dataclass(frozen=True)
class Report:
    """What is sent, before it is a mail.

    Attributes:
        as_of: which publication it shows, in words.
        row_count: rows of data in it.
    """

    subject: str
    as_of: str
    publication_id: str
    sections: tuple[Section, ...]

    @property
    def row_count(self) -> int:
        """Rows of data in all sections."""
        return sum(len(section.values) for section in self.sections)


@dataclass(frozen=True)
class Desk:
    """What a report is made with.

    Attributes:
        lake: the publication as the recipient may see it.
        viewer: the recipient.
    """

    engine: Engine
    lake: PublishedLake
    layer: MetricLayer
    viewer: Viewer
    words: Words
    zone: ZoneInfo


def write_report(desk: Desk, subscription: Subscription) -> Report:
    """The report of a subscription.

    Raises:
        ForbiddenError: the recipient's role may not open the page that shows the same.
        ContractError: the saved view does not exist any more.
    """
    require_page(desk.viewer, subscription)
    words, publication = desk.words, desk.lake.publication
    at = publication.published_at.astimezone(desk.zone)
    as_of = words("as_of", time=f"{at:%Y-%m-%d %H:%M}", zone=desk.zone.key)
    if subscription.report == "today":
        sections = tuple(_today(desk, 7 if subscription.weekday else 1))
        title = words("titles.weekly" if subscription.weekday else "titles.daily")
        first = next((one.title for one in sections if one.rows), "")
        subject = words("subject", title=title, days=first) if first else title
    elif subscription.report == "cockpit":
        pinned = saved_views.list_pinned(desk.engine, subscription.person)
        sections = tuple(_view(desk, view) for view in pinned)
        subject = words("titles.cockpit")
        if not pinned:
            sections = (Section(subject, words("nothing_pinned")),)
    else:
        view = _saved(desk.engine, subscription)
        sections, subject = (_view(desk, view),), view.name
    return Report(subject, as_of, publication.publication_id, sections)


def require_page(viewer: Viewer, wanted: Subscribed) -> None:
    """Refuse a report of a page that its recipient may not open.

    Raises:
        ForbiddenError: the page is not theirs.
    """
    page = PAGES[wanted.report]
    if not viewer.may_open(page):
        raise ForbiddenError(
            f"The role {viewer.role} of {wanted.email} may not open the page {page}, so its report "
            "is not sent; ask whoever keeps access.yml."
        )


def _saved(engine: Engine, subscription: Subscription) -> SavedView:
    for view in saved_views.list_views(engine, subscription.person):
        if view.view_id == subscription.view_id:
            return view
    raise ContractError(
        f"{subscription.person} does not keep the saved view {subscription.view_id} any more; save "
        "it again and subscribe to it, or end the subscription."
    )


def _today(desk: Desk, days: int) -> Iterator[Section]:
    words = desk.words
    found = bounds_of(desk.lake)
    if not found:
        yield Section(words("titles.daily"), words("no_orders"))
    labels = _labels(desk)
    for business, bounds in found.items():
        start = max(bounds.first, bounds.last - timedelta(days - 1))
        scope = Scope(business, None, start, bounds.last)
        yield _headlines(desk, scope, labels.get(("business", business), business))
    yield from _needs(desk)


def _headlines(desk: Desk, scope: Scope, label: str) -> Section:
    """Headline figures of a business against the same weekdays a week before."""
    words, metrics = desk.words, desk.layer.catalogue.metrics
    earlier = replace(scope, start=scope.start - _WEEK, end=scope.end - _WEEK)
    rows, values, unknown = [], [], []
    told: dict[str, list[str]] = defaultdict(list)
    for name in _HEADLINES:
        metric = metrics.get(name)
        now, before = _figures(desk, name, scope), _figures(desk, name, earlier)
        if metric is None or now is None or all(value is None for value in now.values()):
            unknown.append(metric.label(words.language) if metric else name)
            continue
        for currency, value in now.items():
            old = (before or {}).get(currency)
            text = words.figure(metric, value, currency)
            moved = change(value, old, metric.unit, words)
            several = f" ({currency})" if len(now) > 1 else ""
            rows.append(
                (
                    metric.label(words.language) + several,
                    text,
                    words.figure(metric, old, currency),
                    moved,
                )
            )
            values.append((metric.label(words.language), currency, value, old))
            told[name].append(text if moved == NONE else words("moved", value=text, change=moved))
    said = [
        f"{metrics[name].label(words.language)} {' + '.join(told[name])}"
        for name in ("order_count", "net_sales")
        if told[name]
    ]
    days = f"{scope.start}" if scope.start == scope.end else f"{scope.start} – {scope.end}"
    sentence = words("summary", days=days, figures=words("and").join(said) or words("no_figures"))
    notes = (words("unknown", names=words("and").join(unknown)),) if unknown else ()
    headers = ("figure", "now", "week_before", "change")
    return Section(
        title=f"{label}, {days}",
        sentence=sentence,
        headers=tuple(words(f"headers.{one}") for one in headers),
        rows=tuple(rows),
        values=tuple(values),
        notes=notes,
        file_headers=(
            words("headers.figure"),
            words.known("columns.currency", CURRENCY_CODE),
            words("headers.now"),
            words("headers.week_before"),
        ),
    )


def _figures(desk: Desk, name: str, scope: Scope) -> dict[str | None, Any] | None:
    """A metric by currency; None where it is not known to the recipient."""
    query = MetricQuery((name,), where=_IN_SCOPE)
    try:
        found = desk.layer.rows(query, desk.lake, scope.params())
    except (ContractError, ForbiddenError):
        return None
    return {row.get(CURRENCY_CODE): row[name] for row in found}


def _needs(desk: Desk) -> Iterator[Section]:
    """What waits for somebody: exceptions by kind, and decisions."""
    words = desk.words
    notes = []
    if not desk.viewer.sight.is_limited:  # decisions of everybody
        states = count_by_state(desk.engine)
        notes = [
            words(f"decisions.{state}", n=states[state], count=count(states[state]))
            for state in _WAITING
            if states[state]
        ]
    by_class: dict[str, list[ExceptionGroup]] = defaultdict(list)
    for group in count_exceptions(desk.engine, desk.lake) if _sees_exceptions(desk) else ():
        if group.state in NOT_RESOLVED:
            by_class[group.exception_class].append(group)
    if not by_class:
        yield Section(words("titles.needs"), words("nothing_open"), notes=tuple(notes))
        return
    labels = _labels(desk)
    rows, values = [], []
    for name, groups in sorted(by_class.items(), key=lambda item: -money_at_risk(item[1])):
        risk: dict[str, Decimal] = defaultdict(Decimal)
        for group in groups:
            if group.currency_code and group.amount_at_risk:
                risk[group.currency_code] += group.amount_at_risk
        number, late = sum(one.cases for one in groups), sum(one.breached for one in groups)
        worth = " + ".join(money(amount, currency) for currency, amount in sorted(risk.items()))
        label = labels.get(("exception_class", name), name)
        rows.append((label, count(number), count(late), worth or NONE))
        values.append((label, number, late, worth))
    cases_open, cases_late = sum(row[1] for row in values), sum(row[2] for row in values)
    yield Section(
        title=words("titles.needs"),
        sentence=words("open", n=cases_open, count=count(cases_open), late=count(cases_late)),
        headers=tuple(words(f"headers.{one}") for one in ("kind", "open", "late", "at_risk")),
        rows=tuple(rows),
        values=tuple(values),
        notes=tuple(notes),
    )


def _sees_exceptions(desk: Desk) -> bool:
    """Whether what a case tells is hidden from the recipient."""
    columns = ("amount_at_risk", "exception_class", "order_key", "reason")
    return not any(desk.viewer.sight.hides(one, "rpt_exceptions") for one in columns)


def _view(desk: Desk, view: SavedView) -> Section:
    """One saved view: its figure altogether and by group; why not, where it can't be shown."""
    try:
        question = _question(desk, view)
        return _answered(desk, view.name, question)
    except FourflowError as error:
        return Section(view.name, str(error))


def _question(desk: Desk, view: SavedView) -> Question:
    layer = desk.layer
    channels: dict[str, set[str]] = defaultdict(set)
    if {"dim_channels"} <= set(desk.lake.tables()):
        for row in desk.lake.rows("select business, channel from dim_channels"):
            channels[row["business"]].add(row["channel"])
    return questions.question_of(
        view.choices,
        known=layer.catalogue.metrics,
        words=lambda names: {one.word for one in dimensions_of(layer.group_bys(names))},
        scopes=questions.scopes_of(view.choices, bounds_of(desk.lake), channels),
    )


def _answered(desk: Desk, title: str, question: Question) -> Section:
    words, layer = desk.words, desk.layer
    available = layer.group_bys(question.metrics)
    asked = asked_of(question, available)
    whole = asked_of(replace(question, by=(), grain=None), available)
    found = layer.rows(asked.query, desk.lake, asked.params, limit=MOST_ROWS + 1)
    total = layer.rows(whole.query, desk.lake, whole.params)
    groups = layer.sql(asked.query).groups
    metrics = layer.catalogue.named(question.metrics)
    first = metrics[0]
    worth = [words.figure(first, row[first.name], row.get(CURRENCY_CODE)) for row in total]
    sentence = words(
        "view",
        metric=first.label(words.language),
        value=" + ".join(worth) or NONE,
        days=_days(question.scopes),
    )
    labels = _labels(desk)
    shown = found[:MOST_ROWS]
    rows = tuple(
        (
            *(_cell(words, labels, name, row[name]) for name in groups),
            *(words.figure(one, row[one.name], row.get(CURRENCY_CODE)) for one in metrics),
        )
        for row in shown
    )
    values = tuple(
        (
            *(_cell(words, labels, name, row[name]) for name in groups),
            *(row[one.name] for one in metrics),
        )
        for row in shown
    )
    return Section(
        title=title,
        sentence=sentence,
        headers=(*(_header(words, name) for name in groups), *_names(metrics, words)),
        rows=rows,
        values=values,
        text_columns=len(groups),
        bars=_bars([row[first.name] for row in shown]),
        notes=(words("cut", count=count(MOST_ROWS)),) if len(found) > MOST_ROWS else (),
    )


def _names(metrics: Sequence[Metric], words: Words) -> Iterator[str]:
    return (one.label(words.language) for one in metrics)


def _bars(values: Sequence[Any]) -> tuple[float, ...]:
    """Lengths against the greatest; none where one is missing, below zero or alone."""
    if len(values) < 2 or any(value is None or value != value or value < 0 for value in values):  # noqa: PLR0124
        return ()
    most = max(values)
    return tuple(float(value / most) for value in values) if most else ()


def _days(scopes: Sequence[Scope]) -> str:
    return f"{scopes[0].start} – {scopes[0].end}" if scopes else NONE


def _header(words: Words, name: str) -> str:
    if name == CURRENCY_CODE:
        return words.known("columns.currency", name)
    if name in GRAINS:
        return words.known(f"explore.grains.{name}", name)
    parts = [part for part in name.split("__") if part not in GRAINS]
    return words.known(f"dimensions.{parts[-1]}", parts[-1]) if parts else name


def _cell(words: Words, labels: Mapping[tuple[str, str], str], column: str, value: Any) -> str:
    if value is None or value == "":
        return words.known("explore.no_value", NONE)
    if isinstance(value, date):
        return f"{value:%Y-%m-%d}"
    parts = [part for part in column.split("__") if part not in GRAINS]
    name = parts[-1] if parts else column
    text = str(value).lower() if isinstance(value, bool) else str(value)
    if (name, text) in labels:
        return labels[name, text]
    if name in _STATUSES:
        return words.known(f"{_STATUSES[name]}.{text}", text)
    return text


def _labels(desk: Desk) -> dict[tuple[str, str], str]:
    """What channels, businesses, sources and kinds of exceptions are called."""
    tables, words, lake = set(desk.lake.tables()), desk.words, desk.lake
    found: dict[tuple[str, str], str] = {}
    if "dim_channels" in tables:
        for row in lake.rows("select channel, label_en, label_zh from dim_channels"):
            found["channel", row["channel"]] = words.of_row(row, "label", row["channel"])
    if "dim_sources" in tables:
        asked = "source, label_en, label_zh, business, business_label_en, business_label_zh"
        for row in lake.rows(f"select {asked} from dim_sources"):  # noqa: S608
            found["source", row["source"]] = words.of_row(row, "label", row["source"])
            name = row["business"]
            found["business", name] = words.of_row(row, "business_label", name)
    if "exception_classes" in tables:
        for row in lake.rows("select exception_class, label_en, label_zh from exception_classes"):
            name = row["exception_class"]
            found["exception_class", name] = words.of_row(row, "label", name)
    return found
