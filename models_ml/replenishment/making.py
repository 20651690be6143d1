"""Goods that are made: what to make, when, and what that takes of every component (MRP).

An article is made when a bill of materials holds for it and no supplier sells it. Levels are
planned from the finished goods down (low-level codes): what a site lacks of a made article becomes
a work order, whose components are taken off the stock position of the next levels before these are
planned themselves. So components are netted, rounded, transferred, budgeted and explained as
everything else, and a repeated plan nets what it proposed before.

Time phasing is forward from today: a component that is not at hand comes after its lead time, or
when its own work order is finished; an article's own lead time is how long its making takes.
"""

from collections.abc import Collection
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import numpy as np
import pandas as pd

from models_ml.frames import as_days, as_float, require_columns
from models_ml.replenishment.config import ReplenishmentConfig
from models_ml.replenishment.orders import ReplenishmentPlan, plan_orders
from models_ml.replenishment.positions import ROUNDING_SLACK

BILL_COLUMNS = (
    "business", "sku", "component_sku", "quantity", "scrap_rate", "valid_from", "valid_until",
)  # fmt: skip
WORK_ORDER_COLUMNS = (
    "business", "site", "sku", "business_date", "level", "quantity", "starts_on", "finishes_on",
    "wanted_on", "days_late", "waits_for", "explanation_en", "explanation_zh",
)  # fmt: skip
REQUIREMENT_COLUMNS = (
    "business", "site", "sku", "component_sku", "business_date", "product_quantity",
    "required_quantity", "needed_on", "available_on", "is_short",
)  # fmt: skip
_PLACE = ["business", "site", "sku"]


def bill_in_force(
    bill: pd.DataFrame, products: pd.DataFrame, *, business_date: date
) -> pd.DataFrame:
    """Components of what is made today: business, sku, component_sku, units (scrap included).

    Bills that lead back to their own product are left out whole: nobody can explode them.

    Args:
        bill: rows of `bill_of_materials`.
        products: with `supplier_key` where a supplier sells the article: that one is bought.
        business_date: day of the plan.
    """
    require_columns(bill, BILL_COLUMNS, name="bill of materials")
    today = np.datetime64(business_date, "D")
    first, last = as_days(bill["valid_from"]), as_days(bill["valid_until"])
    holds = (np.isnat(first) | (first <= today)) & (np.isnat(last) | (last >= today))
    found = bill.loc[holds, list(BILL_COLUMNS)].assign(since=first[holds])
    found = found.sort_values("since", na_position="first", kind="stable")
    found = found.drop_duplicates(["business", "sku", "component_sku"], keep="last")
    if "supplier_key" in products.columns:
        bought = set(products.loc[products["supplier_key"].notna(), "sku"])
        found = found[~found["sku"].isin(bought)]
    scrap = np.clip(np.nan_to_num(as_float(found["scrap_rate"])), 0.0, 0.99)
    found = found.assign(units=as_float(found["quantity"]) / (1 - scrap))
    found = found[found["units"] > 0]
    acyclic = {sku for level in levels_of(found) for sku in level}
    result: pd.DataFrame = found.loc[
        found["sku"].isin(acyclic), ["business", "sku", "component_sku", "units"]
    ]
    return result.reset_index(drop=True)


def levels_of(bill: pd.DataFrame) -> list[list[str]]:
    """Made articles by level: each after everything that it is part of; those in a circle never."""
    made = set(bill["sku"])
    parents: dict[str, set[str]] = {sku: set() for sku in made}
    for product, component in zip(bill["sku"], bill["component_sku"], strict=True):
        if component in made:
            parents[component].add(product)
    circles = {sku for sku in made if sku in _ancestors(sku, parents)}
    # Whatever goes into an article of a circle can still be planned for its other products.
    open_ = made - circles
    levels: list[list[str]] = []
    while open_:
        free = sorted(sku for sku in open_ if not parents[sku] & open_)
        levels.append(free)
        open_ -= set(free)
    return levels


def _ancestors(sku: str, parents: dict[str, set[str]]) -> set[str]:
    found: set[str] = set()
    waiting = list(parents[sku])
    while waiting:
        one = waiting.pop()
        if one not in found:
            found.add(one)
            waiting += parents[one]
    return found


def with_components(stock: pd.DataFrame, bill: pd.DataFrame) -> pd.DataFrame:
    """Stock counts with a row of nothing for every component that its making site doesn't hold.

    Args:
        stock: rows of `fct_stock_positions`.
        bill: what `bill_in_force` gives.
    """
    held = {(site, sku) for site, sku in zip(stock["site"], stock["sku"], strict=True)}
    parts = bill.groupby("sku")["component_sku"].agg(list).to_dict()
    newest = stock.groupby(["business", "site"])["business_date"].max().reset_index()
    missing = []
    for business, site, day in newest.itertuples(index=False, name=None):
        waiting = sorted(sku for where, sku in held if where == site and sku in parts)
        known = {sku for where, sku in held if where == site}
        while waiting:
            for component in parts.get(waiting.pop(), ()):
                if component not in known:
                    known.add(component)
                    waiting.append(component)
                    missing.append((business, site, component, day, 0, 0, 0))
    if not missing:
        return stock
    columns = [*_PLACE, "business_date", "on_hand", "reserved", "inbound"]
    added = pd.DataFrame(missing, columns=columns)
    added["business_date"] = added["business_date"].astype(stock["business_date"].dtype)
    return pd.concat([stock, added], ignore_index=True)


def plan_making(
    positions: pd.DataFrame,
    sites: pd.DataFrame,
    products: pd.DataFrame,
    bill: pd.DataFrame,
    config: ReplenishmentConfig | None = None,
    *,
    refused: pd.DataFrame | None = None,
) -> ReplenishmentPlan:
    """Plan what is made and what is bought; see the module for how.

    Args:
        positions: what `replenishment_positions` gives, of one business and day.
        sites: rows of `dim_sites`.
        products: business, sku, weight_kg.
        bill: what `bill_in_force` gives.
        config: settings; the defaults when None. The budget buys; making costs its components.
        refused: transfers that must not be proposed.

    Returns:
        The plan of everything, with work orders and requirements. `suggested_quantity` of a made
        article is 0: nobody sells it.
    """
    settings = config or ReplenishmentConfig()
    frame = positions.reset_index(drop=True).assign(dependent_quantity=0)
    frame["dependent_quantity"] = frame["dependent_quantity"].astype(np.int64)
    levels, plans, orders, needs = levels_of(bill), [], [], []
    made = {sku for level in levels for sku in level}
    for number, skus in enumerate(levels):
        mine = frame[frame["sku"].isin(skus)]
        if mine.empty:
            continue
        unlimited = replace(settings, budget=None)
        plan = plan_orders(mine, sites, products, unlimited, refused=refused)
        wanted = plan.positions.loc[plan.positions["suggested_quantity"] > 0]
        orders.append(wanted.assign(level=number))
        required = _required(wanted, bill)
        needs.append(required)
        frame = _take_off(frame, required)
        plans.append(ReplenishmentPlan(_not_bought(plan.positions), plan.transfers))
    rest = frame[~frame["sku"].isin(made)]
    if len(rest) or not plans:
        plans.append(plan_orders(rest, sites, products, settings, refused=refused))
    work_orders, requirements = _schedule(frame, _joined(orders), _joined(needs))
    transfers = [plan.transfers for plan in plans if not plan.transfers.empty]
    return ReplenishmentPlan(
        _joined([plan.positions for plan in plans]).sort_values(_PLACE, ignore_index=True),
        pd.concat(transfers, ignore_index=True) if transfers else plans[-1].transfers,
        work_orders,
        requirements,
    )


def _required(wanted: pd.DataFrame, bill: pd.DataFrame) -> pd.DataFrame:
    """Units of every component for every work order, whole ones."""
    orders = wanted[[*_PLACE, "business_date", "suggested_quantity"]]
    joined = orders.merge(bill, on=["business", "sku"], how="inner")
    units = joined["suggested_quantity"].to_numpy(dtype=float) * joined["units"].to_numpy(float)
    whole = np.ceil(units - ROUNDING_SLACK).astype(np.int64)
    return joined.assign(product_quantity=joined["suggested_quantity"], required_quantity=whole)


def _take_off(frame: pd.DataFrame, required: pd.DataFrame) -> pd.DataFrame:
    """The positions after what is needed to make others: it is as good as reserved."""
    place = ["business", "site", "component_sku"]
    sums = required.groupby(place)["required_quantity"].sum().reset_index()
    sums = sums.rename(columns={"component_sku": "sku"})
    units = frame[_PLACE].merge(sums, on=_PLACE, how="left")["required_quantity"]
    taken = units.fillna(0).to_numpy(dtype=np.int64)
    return frame.assign(
        dependent_quantity=frame["dependent_quantity"].to_numpy(dtype=np.int64) + taken,
        stock_position=frame["stock_position"].to_numpy(dtype=np.int64) - taken,
    )


def _not_bought(positions: pd.DataFrame) -> pd.DataFrame:
    """Made articles: what they lack is in their work orders, and costs what its components cost."""
    units = positions["suggested_quantity"].tolist()
    amounts = positions["suggested_amount"]
    return positions.assign(
        suggested_quantity=np.zeros(len(positions), dtype=np.int64),
        suggested_amount=amounts.where(amounts.isna(), amounts * 0),
        explanation_en=_with(positions["explanation_en"], units, ", made here: {}"),
        explanation_zh=_with(positions["explanation_zh"], units, "，自制 {} 件"),
    )


def _with(texts: pd.Series, units: Collection[int], words: str) -> list[str]:
    return [f"{text}{words.format(n)}" if n else text for text, n in zip(texts, units, strict=True)]


def _schedule(
    frame: pd.DataFrame, orders: pd.DataFrame, needs: pd.DataFrame
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Start and finish of every work order, and since when its components are there."""
    if orders.empty:
        return (
            pd.DataFrame(columns=list(WORK_ORDER_COLUMNS)),
            pd.DataFrame(columns=list(REQUIREMENT_COLUMNS)),
        )
    told: list[dict[str, Any]] = frame.to_dict("records")  # type: ignore[assignment]
    places = {(row["site"], row["sku"]): row for row in told}
    finishes: dict[tuple[str, str], date] = {}
    found: list[dict[str, Any]] = []
    pegs: list[dict[str, Any]] = []
    parts: dict[tuple[str, str], list[dict[str, Any]]] = {}
    wanted: list[dict[str, Any]] = needs.to_dict("records")  # type: ignore[assignment]
    for need in wanted:
        parts.setdefault((need["site"], need["sku"]), []).append(need)
    rows: list[dict[str, Any]] = orders.sort_values("level", ascending=False).to_dict("records")  # type: ignore[assignment]
    for row in rows:
        place, today = (row["site"], row["sku"]), row["business_date"]
        mine = parts.get(place, [])
        ready = {}
        for need in mine:
            source = (row["site"], need["component_sku"])
            ready[source[1]] = _available_on(places.get(source), source, today, finishes)
        starts = max([today, *(day for day, _ in ready.values())])
        takes = timedelta(days=int(row["lead_time_days"]))
        finishes[place] = starts + takes
        late = (starts - today).days
        waits = min((sku for sku, (day, _) in ready.items() if day == starts), default=None)
        found.append(
            {
                **{name: row[name] for name in (*_PLACE, "business_date", "level")},
                "quantity": row["suggested_quantity"],
                "starts_on": starts,
                "finishes_on": starts + takes,
                "wanted_on": today + takes,
                "days_late": late,
                "waits_for": waits if late else None,
                **_explained(row, mine, waits if late else None, starts),
            }
        )
        pegs += [
            {
                **{name: one[name] for name in (*_PLACE, "component_sku", "business_date")},
                "product_quantity": one["product_quantity"],
                "required_quantity": one["required_quantity"],
                "needed_on": today,
                "available_on": ready[one["component_sku"]][0],
                "is_short": ready[one["component_sku"]][1],
            }
            for one in mine
        ]
    work_orders = pd.DataFrame(found, columns=list(WORK_ORDER_COLUMNS))
    requirements = pd.DataFrame(pegs, columns=list(REQUIREMENT_COLUMNS))
    return (
        work_orders.sort_values(_PLACE, ignore_index=True),
        requirements.sort_values([*_PLACE, "component_sku"], ignore_index=True),
    )


def _available_on(
    position: dict[str, Any] | None,
    place: tuple[str, str],
    today: date,
    finishes: dict[tuple[str, str], date],
) -> tuple[date, bool]:
    """Since when all that is needed of a component is there, and whether some of it is not yet."""
    if position is None:
        return today, True
    if position["on_hand"] - position["reserved"] >= position["dependent_quantity"]:
        return today, False
    comes = today + timedelta(days=int(position["lead_time_days"]))
    return finishes.get(place, comes), True


def _explained(
    row: dict[str, Any], needs: Collection[dict[str, Any]], waits: str | None, starts: date
) -> dict[str, str]:
    parts = [f"{one['required_quantity']} {one['component_sku']}" for one in needs]
    count = row["suggested_quantity"]
    wait_en = f"; waits for {waits} until {starts}" if waits else ""
    wait_zh = f"；等待 {waits} 至 {starts}" if waits else ""
    return {
        "explanation_en": f"make {count} of {', '.join(parts)}{wait_en}",
        "explanation_zh": f"自制 {count} 件，需 {'、'.join(parts)}{wait_zh}",
    }


def _joined(frames: Collection[pd.DataFrame]) -> pd.DataFrame:
    filled = [frame for frame in frames if not frame.empty]
    if filled:
        return pd.concat(filled, ignore_index=True)
    return next(iter(frames), pd.DataFrame())
