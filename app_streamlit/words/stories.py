"""Sentences and tiles computed from figures; the words themselves are in `locales/`."""

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

import pandas as pd

from app_streamlit.charts.palette import ICONS
from app_streamlit.queries.overview import Totals, load_figures, load_totals
from app_streamlit.queries.rates import Measure, relative_change
from app_streamlit.queries.today import Target, load_margin_rates, load_targets
from app_streamlit.ui import formats
from app_streamlit.ui.cards import Tile
from app_streamlit.ui.context import PageContext
from app_streamlit.ui.i18n import Translator
from app_streamlit.words import metric_words
from orchestration.metrics.scopes import Scope


def measure_text(measure: str, value: object, currency: str, t: Translator) -> str:
    """A value of a daily measure as text."""
    number = Decimal(str(value))
    if measure.endswith("_amount"):
        return formats.short_money(number, currency, t.language)
    return formats.count(number)


def compared(t: Translator, change: float | None) -> str:
    """A change in words: more, fewer, or about as many; empty without a comparison."""
    if change is None:
        return ""
    if abs(change) < 0.005:
        return t("overview.change.same")
    direction = "more" if change > 0 else "fewer"
    return t(f"overview.change.{direction}", rate=formats.rate(abs(change)))


def overview(context: PageContext) -> str:
    """What happened, in one or two sentences; of the business with the newest data first."""
    t = context.t
    for business in context.businesses:
        scope = context.scope(business)
        totals = load_totals(context.edition, scope)
        if totals:
            break
    else:
        return t("overview.nothing")
    orders = sum(now.order_count for _, now in totals)
    text = t(
        "overview.happened",
        business=context.business_label(business),
        days=formats.days(scope.start, scope.end, t.language),
        orders=t("units.orders", n=orders, count=formats.count(orders)),
        amount=" + ".join(
            formats.short_money(now.net_paid_amount, currency, t.language)
            for currency, now in totals
        ),
    )
    expected = [n.expected_order_count for _, n in totals if n.expected_order_count is not None]
    change = relative_change(
        sum(now.compared_order_count for _, now in totals), sum(expected) if expected else None
    )
    if change is not None:
        text += t("overview.against_weekdays", change=compared(t, change))
    text += t("punctuation.stop")
    if context.choices.business is None and len(context.businesses) > 1:
        text += t("overview.businesses_below", count=len(context.businesses))
    return text


def overview_tiles(
    context: PageContext,
    scope: Scope,
    currency: str,
    *,
    totals: Totals,
    before: Totals | None,
    daily: pd.DataFrame,
) -> list[Tile]:
    """The headline metrics of one business and currency."""
    t = context.t
    now = load_figures(context.edition, scope).get(currency, {})
    earlier: Mapping[str, Any] = {}
    if before is not None and _covers(before, scope.before()):
        earlier = load_figures(context.edition, scope.before()).get(currency, {})

    targets = load_targets(context.edition, scope.business, scope.end)
    now = {**now, **_margin(context, scope, currency)}
    earlier = {**earlier, **_margin(context, scope.before(), currency)} if earlier else earlier

    pairs: dict[str, tuple[Any, Any]] = {
        "order_count": (totals.compared_order_count, totals.expected_order_count)
    }

    def tile(name: str, value: str, *, exact: bool = False, **more: Any) -> Tile:
        meaning = metric_words.meaning(name, t)
        if exact:
            meaning += f"\n\n{t('overview.exactly')} {formats.money(now.get(name), currency)}"
        more.setdefault("delta", formats.change(relative_change(now.get(name), earlier.get(name))))
        pair = pairs.get(name, (now.get(name), earlier.get(name)))
        target = target_text(t, targets.get(name), *pair)
        return Tile(metric_words.label(name, t), value, meaning, target=target, **more)

    def share(name: str, **more: Any) -> Tile:
        moved = points(t, now.get(name), earlier.get(name))
        return tile(name, formats.rate(now.get(name)), delta=moved, **more)

    return [
        tile(
            "order_count",
            formats.short(now.get("order_count"), t.language),
            delta=formats.change(
                relative_change(totals.compared_order_count, totals.expected_order_count)
            ),
            trend=_by_day(daily, "order_count"),
        ),
        tile(
            "net_sales",
            formats.short_money(now.get("net_sales"), currency, t.language),
            exact=True,
            trend=_by_day(daily, "net_paid_amount"),
        ),
        tile("average_order_value", formats.money(now.get("average_order_value"), currency)),
        share("contribution_margin_rate"),
        share("payment_rate"),
        share("refund_rate", rise_is="bad"),
    ]


def target_text(
    t: Translator,
    target: Target | None,
    now: Measure | None,
    before: Measure | None,
    *,
    as_text: Callable[[float], str] = formats.rate,
) -> str | None:
    """A target with the colour in words, such as "✓ at least 85.0%"; None without a target."""
    if target is None:
        return None
    colour = target.grade(now, before)
    text = formats.change(target.green_from) if target.basis == "growth" else None
    return t(
        f"overview.target.{target.basis}_{target.direction}",
        icon=ICONS[colour],
        target=text or as_text(target.green_from),
    )


def _margin(context: PageContext, scope: Scope, currency: str) -> dict[str, Any]:
    found = load_margin_rates(context.edition, scope)
    return {"contribution_margin_rate": found[currency]} if currency in found else {}


def _by_day(daily: pd.DataFrame, measure: str) -> tuple[float, ...]:
    by_day = daily.groupby("business_date")[measure].sum()
    return tuple(float(value) for value in by_day)


def points(t: Translator, now: float | None, before: float | None) -> str | None:
    """How far a share moved, in percentage points."""
    if now is None or before is None:
        return None
    moved = round((now - before) * 100, 1)
    return t("units.points", moved=f"{moved:+.1f}" if moved else "0.0")


def comparison_note(context: PageContext, scope: Scope, before: Totals | None) -> str:
    """What the small changes in the tiles compare with; empty when there are none."""
    if before is None or not _covers(before, scope.before()):
        return context.t("overview.compared_weekdays")
    return context.t("overview.compared_with", n=scope.day_count, count=scope.day_count)


def _covers(totals: Totals, scope: Scope) -> bool:
    """Whether the data reach over a whole range, so that comparing with it is fair."""
    return totals.first_day is not None and totals.first_day <= scope.start
