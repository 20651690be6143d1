"""From positions to what should be done today: transfers, purchases within the budget, and why."""

from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd

from models_ml.replenishment.config import ReplenishmentConfig
from models_ml.replenishment.positions import (
    POSITION_COLUMNS,
    lacking_units,
    suggested_amounts,
    suggested_units,
)
from models_ml.replenishment.transfers import plan_transfers

PLAN_COLUMNS = (
    *POSITION_COLUMNS,
    "lacking_quantity",
    "dependent_quantity",
    "transfer_in",
    "transfer_out",
    "held_back_quantity",
    "held_back_reason",
    "next_review_on",
    "explanation_en",
    "explanation_zh",
)
NOT_A_REVIEW_DAY = "not_a_review_day"
OVER_BUDGET = "over_budget"


@dataclass(frozen=True)
class ReplenishmentPlan:
    """One day's plan.

    Attributes:
        positions: PLAN_COLUMNS; `suggested_quantity` is what to buy today.
        transfers: see `plan_transfers`, with `explanation_en` and `explanation_zh`.
        work_orders: what to make, see `making`; empty where nothing is made.
        requirements: what each work order takes of which component.
    """

    positions: pd.DataFrame
    transfers: pd.DataFrame
    work_orders: pd.DataFrame = field(default_factory=pd.DataFrame)
    requirements: pd.DataFrame = field(default_factory=pd.DataFrame)


def plan_orders(
    positions: pd.DataFrame,
    sites: pd.DataFrame,
    weights: pd.DataFrame,
    config: ReplenishmentConfig | None = None,
    *,
    refused: pd.DataFrame | None = None,
) -> ReplenishmentPlan:
    """Fill what sites lack: from other sites where that is cheaper, then from suppliers.

    Purchases come in whole packs of at least the minimum order. A budget buys what is most urgent
    first: the greatest share of the reorder point that is missing. What it doesn't reach, and
    everything on a day without a review, is held back with its reason.

    Args:
        positions: what `replenishment_positions` gives, of one day; with `dependent_quantity`
            where part of the position is needed to make others.
        sites: rows of `dim_sites`.
        weights: business, sku, weight_kg.
        config: settings; the defaults when None.
        refused: business, sku, from_site, to_site that must not be proposed.
    """
    settings = config or ReplenishmentConfig()
    frame = positions.reset_index(drop=True).copy()
    if "dependent_quantity" not in frame.columns:
        frame["dependent_quantity"] = np.zeros(len(frame), dtype=np.int64)
    reviews = [next_review(day, settings) for day in frame["business_date"]]
    frame["next_review_on"] = pd.Series(reviews, index=frame.index, dtype=object)
    is_review = (frame["next_review_on"] == frame["business_date"]).to_numpy(dtype=bool)
    transfers = plan_transfers(frame[is_review], sites, weights, settings, refused=refused)
    for column, side in (("transfer_in", "to_site"), ("transfer_out", "from_site")):
        frame[column] = _moved(frame, transfers, side)
    frame["lacking_quantity"] = np.ceil(lacking_units(frame) - 1e-9).astype(np.int64)
    wanted = suggested_units(frame, frame["transfer_in"].to_numpy(dtype=float))
    kept = np.where(is_review, _within_budget(frame, wanted, is_review, settings), 0)
    frame["suggested_quantity"] = kept
    frame["suggested_amount"] = pd.Series(suggested_amounts(frame), dtype=object)
    frame["held_back_quantity"] = wanted - kept
    reason = pd.Series(np.where(is_review, OVER_BUDGET, NOT_A_REVIEW_DAY), dtype=object)
    frame["held_back_reason"] = reason.where(wanted > kept, None)
    rows: list[dict[str, Any]] = frame.to_dict("records")  # type: ignore[assignment]
    frame["explanation_en"] = [_explained(row) for row in rows]
    frame["explanation_zh"] = [_explained_zh(row) for row in rows]
    return ReplenishmentPlan(frame[list(PLAN_COLUMNS)], _explained_transfers(transfers))


def next_review(day: date, config: ReplenishmentConfig) -> date:
    """The first day from this one on at which orders are placed."""
    ahead = (n for n in range(7) if (day.weekday() + n) % 7 in config.review_weekdays)
    return day + timedelta(days=next(ahead))


def _moved(frame: pd.DataFrame, transfers: pd.DataFrame, side: str) -> np.ndarray:
    """Units that come to or leave each row, int64 (n,)."""
    if transfers.empty:
        return np.zeros(len(frame), dtype=np.int64)
    moved = transfers.rename(columns={side: "site"}).groupby(["business", "sku", "site"])
    joined = frame[["business", "sku", "site"]].merge(
        moved["quantity"].sum().reset_index(), on=["business", "sku", "site"], how="left"
    )
    return joined["quantity"].fillna(0).to_numpy(dtype=np.int64)


def _within_budget(
    frame: pd.DataFrame, wanted: np.ndarray, is_review: np.ndarray, config: ReplenishmentConfig
) -> np.ndarray:
    """What the budget of each business buys, whole packs of at least the minimum, int64 (n,).

    An article without a cost can't be judged against a budget; it is held back. Several currencies
    of one business each have the budget's number: nothing is converted.
    """
    if config.budget is None:
        return wanted
    kept = np.zeros(len(frame), dtype=np.int64)
    position = frame["stock_position"].to_numpy(dtype=float) + frame["transfer_in"].to_numpy()
    point = np.maximum(frame["reorder_point"].to_numpy(dtype=float), 1e-9)
    order = np.lexsort((frame["site"], frame["sku"], -(point - position) / point))
    left: dict[tuple[str, str], Decimal] = {}
    for place in order.tolist():
        cost = frame["unit_cost"].iloc[place]
        if not wanted[place] or not is_review[place] or cost is None:
            continue
        purse = (frame["business"].iloc[place], frame["currency_code"].iloc[place])
        money = left.setdefault(purse, config.budget)
        pack = int(frame["pack_size"].iloc[place])
        affordable = int(wanted[place]) if cost == 0 else int(money // (cost * pack)) * pack
        units = min(int(wanted[place]), affordable)
        if units >= int(frame["minimum_order_quantity"].iloc[place]):
            kept[place] = units
            left[purse] = money - cost * units
    return kept


def _number(value: float) -> str:
    """Units as people write them: whole ones without a point, small ones with one digit."""
    return f"{value:.0f}" if value >= 10 or value == round(value) else f"{value:.1f}"


def _explained(row: dict[str, Any]) -> str:
    """The line in words: "forecast 63 ± 18 over 14 days, on hand 12, ... → 48"."""
    facts = _facts(row)
    parts = [
        f"forecast {facts['forecast']} ± {facts['safety']} over {facts['days']} days",
        *(["limited after a spike"] if row["is_spike_guarded"] else []),
        f"order up to {facts['upto']}",
        f"on hand {row['on_hand']}",
        f"reserved {row['reserved']}",
        f"on order {row['inbound']}",
        *([f"proposed {row['proposed']}"] if row["proposed"] else []),
        *([f"to make others {row['dependent_quantity']}"] if row["dependent_quantity"] else []),
        *([f"transfers in {row['transfer_in']}"] if row["transfer_in"] else []),
        *([f"transfers out {row['transfer_out']}"] if row["transfer_out"] else []),
        f"MOQ {row['minimum_order_quantity']}",
        f"pack {row['pack_size']}",
    ]
    held = {
        OVER_BUDGET: f" ({row['held_back_quantity']} more are beyond the budget)",
        NOT_A_REVIEW_DAY: (
            f" ({row['held_back_quantity']} on the next review, {row['next_review_on']})"
        ),
    }.get(str(row["held_back_reason"]), "")
    return f"{', '.join(parts)} → {row['suggested_quantity']}{held}"


def _explained_zh(row: dict[str, Any]) -> str:
    facts = _facts(row)
    parts = [
        f"{facts['days']} 天预测 {facts['forecast']} ± {facts['safety']}",
        *(["异常高峰后已限幅"] if row["is_spike_guarded"] else []),
        f"补至 {facts['upto']}",
        f"在手 {row['on_hand']}",
        f"预留 {row['reserved']}",
        f"在途 {row['inbound']}",
        *([f"已建议未下单 {row['proposed']}"] if row["proposed"] else []),
        *([f"自制领用 {row['dependent_quantity']}"] if row["dependent_quantity"] else []),
        *([f"调入 {row['transfer_in']}"] if row["transfer_in"] else []),
        *([f"调出 {row['transfer_out']}"] if row["transfer_out"] else []),
        f"起订量 {row['minimum_order_quantity']}",
        f"包装 {row['pack_size']}",
    ]
    held = {
        OVER_BUDGET: f"（另有 {row['held_back_quantity']} 件超出预算）",
        NOT_A_REVIEW_DAY: f"（{row['held_back_quantity']} 件待下一补货日 {row['next_review_on']}）",
    }.get(str(row["held_back_reason"]), "")
    return f"{'，'.join(parts)} → {row['suggested_quantity']}{held}"


def _facts(row: dict[str, Any]) -> dict[str, str]:
    lead, review = row["expected_lead_time_demand"], row["expected_review_demand"]
    return {
        "forecast": _number(float(lead) + float(review)),
        "safety": _number(float(row["safety_stock"])),
        "days": str(int(row["lead_time_days"]) + int(row["review_period_days"])),
        "upto": _number(float(row["order_up_to"])),
    }


def _explained_transfers(transfers: pd.DataFrame) -> pd.DataFrame:
    rows = transfers.to_dict("records")
    return transfers.assign(
        explanation_en=[
            f"{row['to_site']} lacks {row['lacking_quantity']}, {row['from_site']} has "
            f"{row['surplus_quantity']} to spare {row['distance_km']:.0f} km away; moving "
            f"{row['quantity']} saves {row['saved_amount']:.2f} {row['currency_code']}"
            for row in rows
        ],
        explanation_zh=[
            f"{row['to_site']} 缺 {row['lacking_quantity']} 件，{row['distance_km']:.0f} 公里外的 "
            f"{row['from_site']} 可调出 {row['surplus_quantity']} 件；"
            f"调拨 {row['quantity']} 件节省 {row['saved_amount']:.2f} {row['currency_code']}"
            for row in rows
        ],
    )
