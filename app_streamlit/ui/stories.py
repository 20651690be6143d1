"""Sentences and tiles computed from figures; the words themselves are in `locales/`."""

from decimal import Decimal

from app_streamlit.queries.overview import Totals, load_totals
from app_streamlit.queries.rates import mean, relative_change, share
from app_streamlit.queries.scope import Scope
from app_streamlit.ui import formats
from app_streamlit.ui.cards import Tile
from app_streamlit.ui.context import PageContext
from app_streamlit.ui.i18n import Translator


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
    now: Totals,
    before: Totals | None,
) -> list[Tile]:
    """The headline figures of one business and currency."""
    t = context.t
    before = before if before is not None and _covers(before, scope.before()) else None

    def exact(key: str, amount: Decimal) -> str:
        return f"{t(key)}\n\n{t('overview.exactly')} {formats.money(amount, currency)}"

    def moved(new: Decimal | float | None, old: Decimal | float | None) -> str | None:
        return formats.change(relative_change(new, old))

    average = mean(now.net_paid_amount, now.paid_order_count)
    paid_share = share(now.paid_order_count, now.order_count)
    paid_before = share(before.paid_order_count, before.order_count) if before else None
    refund_share = share(now.refunded_amount, now.net_paid_amount + now.refunded_amount)
    return [
        Tile(
            t("columns.order_count"),
            formats.short(now.order_count, t.language),
            t("definitions.order_count"),
            delta=moved(now.compared_order_count, now.expected_order_count),
        ),
        Tile(
            t("columns.net_paid_amount"),
            formats.short_money(now.net_paid_amount, currency, t.language),
            exact("definitions.net_paid_amount", now.net_paid_amount),
            delta=moved(now.net_paid_amount, before.net_paid_amount if before else None),
        ),
        Tile(
            t("overview.paid_share"),
            formats.rate(paid_share),
            t("definitions.paid_share"),
            delta=points(t, paid_share, paid_before),
        ),
        Tile(
            t("overview.average_order"),
            formats.money(average, currency),
            t("definitions.average_order"),
            delta=moved(
                average,
                mean(before.net_paid_amount, before.paid_order_count) if before else None,
            ),
        ),
        Tile(
            t("columns.refunded_amount"),
            formats.short_money(now.refunded_amount, currency, t.language),
            exact("definitions.refunded_amount", now.refunded_amount)
            + "\n\n"
            + t("overview.refund_share", rate=formats.rate(refund_share)),
            delta=moved(now.refunded_amount, before.refunded_amount if before else None),
            rise_is="bad",
        ),
        Tile(
            t("columns.unit_count"),
            formats.short(now.unit_count or None, t.language),  # some sources have no lines
            t("definitions.unit_count"),
            delta=moved(now.unit_count, before.unit_count if before else None),
        ),
    ]


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
