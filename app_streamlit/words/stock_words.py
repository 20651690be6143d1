"""The words and columns of stock: states, sites, shortages, moves."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

import pandas as pd

from app_streamlit.charts.palette import GRADES, ICONS
from app_streamlit.queries.rates import Grade, share
from app_streamlit.queries.stock import STATES
from app_streamlit.ui import formats
from app_streamlit.ui.cards import Tile
from app_streamlit.ui.context import PageContext
from app_streamlit.ui.i18n import pick, readable
from app_streamlit.ui.tables import Column
from app_streamlit.words import metric_words

VIEWS = ("matrix", "orders", "forecast", "ageing", "shortages", "moves", "waiting")
GRADE_OF: dict[str, Grade] = {
    "oversold": "red",
    "out": "red",
    "short": "amber",
    "surplus": "amber",
    "idle": "amber",
    "enough": "green",
}
_FAINT = "33"  # a fifth opaque: text stays readable on light and dark


def site_label(sites: Mapping[str, str], site: object) -> str:
    """A site by its name, else by its code as words."""
    return sites.get(str(site)) or readable(str(site))


def state_label(context: PageContext, state: str) -> str:
    """A state of stock as icon and word."""
    return f"{ICONS[GRADE_OF[state]]} {context.t(f'stock.states.{state}')}"


def state_with_count(context: PageContext, state: str, counts: Mapping[str, int]) -> str:
    """A state with the number of positions in it."""
    if state == "all":
        return f"{context.t('stock.all')} ({formats.count(sum(counts.values()))})"
    return f"{state_label(context, state)} ({formats.count(counts[state])})"


def state_counts(states: pd.DataFrame) -> dict[str, int]:
    """Positions by state, the worst first; states without any are absent."""
    found = dict(zip(states["stock_state"], states["position_count"], strict=True))
    return {state: int(found[state]) for state in STATES if state in found}


def headline(context: PageContext, label: str, counts: Mapping[str, int]) -> str:
    """How many positions can sell nothing, how many soon, and how many hold too much."""
    t = context.t
    total = sum(counts.values())
    empty = counts.get("out", 0) + counts.get("oversold", 0)
    text = t(
        "stock.headline" if empty else "stock.headline_full",
        business=label,
        total=formats.count(total),
        n=empty,
        count=formats.count(empty),
        rate=formats.rate(share(empty, total)),
    )
    short = counts.get("short", 0)
    if short:
        text += t("stock.short", n=short, count=formats.count(short))
    over = counts.get("surplus", 0) + counts.get("idle", 0)
    if over:
        text += t("stock.over", n=over, count=formats.count(over))
    return text + t("punctuation.stop")


def tiles(
    context: PageContext,
    value: pd.DataFrame,
    *,
    turnover_days: float | None,
    stock_out_rate: float | None,
    period: str,
) -> list[Tile]:
    """Value of the stock, its part at risk, how long it lasts, and how often it is out."""
    t = context.t
    shown = [
        Tile(
            t(f"columns.{name}"),
            formats.short_money(row[name], str(row["currency_code"]), context.language),
            t(f"stock.{name}_means"),
        )
        for row in value.to_dict("records")
        for name in ("stock_value", "value_at_risk")
    ]
    lasts = formats.EMPTY
    if turnover_days is not None:
        lasts = t("units.days", n=2, count=formats.count(turnover_days))
    for name, text in (
        ("stock_turnover_days", lasts),
        ("stock_out_rate", formats.rate(stock_out_rate)),
    ):
        meaning = f"{metric_words.meaning(name, t)}\n\n{period}"
        shown.append(Tile(metric_words.label(name, t), text, meaning))
    return shown


def matrix_frame(
    context: PageContext, matrix: pd.DataFrame
) -> tuple[pd.DataFrame, dict[str, list[str]]]:
    """One row an article, a cell a site: state, what may be sold, for how long; and the colours."""
    sites = sorted({str(site) for site in matrix["site"]})
    rows: dict[str, dict[str, Any]] = {}
    colours: dict[str, dict[str, str]] = {}
    for position in matrix.to_dict("records"):
        sku, site = str(position["sku"]), str(position["site"])
        row = rows.setdefault(
            sku,
            {
                "sku": sku,
                "name": position["name"],
                "category": position["category"],
                "available_to_sell": 0,
                "inbound": 0,
            },
        )
        row[site] = _cell(context, position)
        row["available_to_sell"] += position["available_to_sell"]
        row["inbound"] += position["inbound"]
        colour = GRADES[GRADE_OF[str(position["stock_state"])]]
        colours.setdefault(sku, {})[site] = f"{colour}{_FAINT}"
    frame = pd.DataFrame(list(rows.values()))
    return frame, {site: [colours[sku].get(site, "") for sku in rows] for site in sites}


def _cell(context: PageContext, position: Mapping[Any, Any]) -> str:
    state = state_label(context, str(position["stock_state"]))
    text = f"{state} · {formats.count(position['available_to_sell'])}"
    cover = position["cover_days"]
    if position["stock_state"] in ("short", "surplus", "enough") and pd.notna(cover):
        text += " · " + context.t("units.d", count=formats.count(cover))
    return text


def matrix_columns(sites: Mapping[str, str], shown: list[str]) -> tuple[Column, ...]:
    """Article, a column a site, and the sums over all sites."""
    return (
        Column("sku"),
        Column("name", label="article"),
        *(Column(site, header=site_label(sites, site)) for site in shown),
        Column("available_to_sell", "count"),
        Column("inbound", "count"),
        Column("category", words=readable),
    )


def ageing_frame(context: PageContext, ageing: pd.DataFrame) -> pd.DataFrame:
    """The ageing with the names of its buckets."""
    return ageing.assign(
        bucket_label=[
            pick({str(k): v for k, v in row.items()}, "label", context.language, "unknown")
            for row in ageing.to_dict("records")
        ]
    )


def ageing_columns(sites: Mapping[str, str]) -> tuple[Column, ...]:
    """Site and bucket with units and value."""
    return (
        Column("site", words=lambda site: site_label(sites, site)),
        Column("bucket_label", label="age"),
        Column("quantity", "count", label="unit_count"),
        Column("stock_value", "money"),
        Column("value_at_risk", "money"),
        Column("currency_code", label="currency"),
        Column("quantity_of_unknown_age", "count"),
        Column("quantity_without_cost", "count"),
    )


def oldest_sentence(context: PageContext, ageing: pd.DataFrame) -> str:
    """How much of the stock is at risk by its age, and how much may be older than known."""
    t = context.t
    units, unknown = ageing["quantity"].sum(), ageing["quantity_of_unknown_age"].sum()
    parts = []
    for currency, group in ageing.groupby("currency_code", sort=False):
        value = group["stock_value"].sum()
        if value:
            parts.append(
                t(
                    "stock.at_risk",
                    amount=formats.money(group["value_at_risk"].sum(), str(currency)),
                    value=formats.money(value, str(currency)),
                )
            )
    text = t("punctuation.list").join(parts)
    return text + t("stock.may_be_older", rate=formats.rate(share(unknown, units)))


def shortage_sentence(context: PageContext, days: pd.DataFrame) -> str:
    """Out of how many demanded lines had nothing to sell, and on how many article days."""
    lines, short = int(days["demanded_line_count"].sum()), int(days["short_line_count"].sum())
    out, all_days = int(days["stock_out_sku_count"].sum()), int(days["sku_count"].sum())
    return context.t(
        "stock.shortages",
        short=formats.count(short),
        lines=formats.count(lines),
        line_rate=formats.rate(share(short, lines)),
        out=formats.count(out),
        days=formats.count(all_days),
        day_rate=formats.rate(share(out, all_days)),
    )


def stock_out_columns(sites: Mapping[str, str]) -> tuple[Column, ...]:
    """Articles that were out, with what was asked for meanwhile."""
    return (
        Column("sku"),
        Column("name", label="article"),
        Column("site", words=lambda site: site_label(sites, site)),
        Column("day_count", "count", label="days_out"),
        Column("demanded_line_count", "count"),
        Column("demanded_quantity", "count"),
        Column("business_date", "date", label="last_out_on"),
        Column("available_to_sell", "count", label="available_now"),
    )


def oversell_columns(context: PageContext, sites: Mapping[str, str]) -> tuple[Column, ...]:
    """Oversells with the cause in words."""
    t = context.t
    return (
        Column("sku"),
        Column("name", label="article"),
        Column("site", words=lambda site: site_label(sites, site)),
        Column("is_open", label="state", words=lambda o: t(f"stock.oversell.{_open(o)}")),
        Column("cause", words=lambda cause: t.known(f"stock.causes.{cause}", str(cause))),
        Column("most_oversold_quantity", "count"),
        Column("started_on", "date"),
        Column("day_count", "count", label="days_oversold"),
        Column("channel_count", "count"),
        Column("sold_quantity", "count", label="sold_before"),
    )


def _open(is_open: object) -> str:
    return "open" if is_open else "over"


def oversell_sentence(context: PageContext, oversells: pd.DataFrame) -> str:
    """How many oversells there were, how many are open, and their most frequent cause."""
    t = context.t
    causes = oversells["cause"].value_counts()
    cause, number = str(causes.index[0]), int(causes.iloc[0])
    is_open = int(oversells["is_open"].sum())
    return t(
        "stock.oversells",
        n=len(oversells),
        count=formats.count(len(oversells)),
        open=formats.count(is_open),
        cause=t.known(f"stock.causes.{cause}", cause),
        most=formats.count(number),
    )


def move_columns(sites: Mapping[str, str]) -> tuple[Column, ...]:
    """What could go from where to where, and why."""
    return (
        Column("sku"),
        Column("name", label="article"),
        Column("from_site", words=lambda site: site_label(sites, site)),
        Column("to_site", words=lambda site: site_label(sites, site)),
        Column("transfer_quantity", "count"),
        Column("from_available", "count"),
        Column("from_sold_quantity", "count"),
        Column("to_available", "count"),
        Column("to_sold_quantity", "count"),
        Column("short_quantity", "count"),
    )


def move_sentence(context: PageContext, sites: Mapping[str, str], moves: pd.DataFrame) -> str:
    """How many moves would help, and between which two sites most units would go."""
    pairs: Counter[tuple[str, str]] = Counter()
    for move in moves.to_dict("records"):
        pairs[str(move["from_site"]), str(move["to_site"])] += int(move["transfer_quantity"])
    (source, target), most = pairs.most_common(1)[0]
    return context.t(
        "stock.moves",
        n=len(moves),
        count=formats.count(len(moves)),
        units=formats.count(int(moves["transfer_quantity"].sum())),
        source=site_label(sites, source),
        target=site_label(sites, target),
        most=formats.count(most),
    )
