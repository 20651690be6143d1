"""Replenishment's reading and writing: the I/O around the pure functions of its model."""

import json
from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import duckdb
import pandas as pd
from sqlalchemy import Engine, select

from connectors.database.engine import open_database
from connectors.database.schema import decisions
from connectors.lake.attach import connect_snapshot
from connectors.settings import Settings
from models_ml.replenishment import (
    ReplenishmentConfig,
    ReplenishmentPlan,
    bill_in_force,
    open_proposals,
    plan_making,
    replenishment_positions,
    with_components,
    with_supply_terms,
)
from orchestration.decisions.rulebook import list_rules, read_rule_folder
from orchestration.learning.learnt import Learned
from orchestration.learning.ml_tables import empty_frame, write_ml_tables
from orchestration.replenishment.policy import load_replenishment_policy

PURCHASE_RULE = "replenish_below_reorder_point"
TRANSFER_RULE = "transfer_surplus_stock"
TABLES = (
    "replenishment_positions",
    "replenishment_transfers",
    "work_orders",
    "component_requirements",
)
_KEY = ["business", "site", "sku"]
# Whatever was proposed in these states is not on its way.
_OVER = ("rejected", "expired", "dead", "shadow", "held_out")
_SITE_DEMAND_DAYS = 56

# Of what a count and what open purchase orders say is inbound, the greater; an order that names no
# site comes to the one that holds most of the article.
_STOCK = """
    with counts as (
        select *
        from fct_stock_positions
        qualify business_date = max(business_date) over (partition by business, site)
    )
    select
        counts.* exclude (inbound),
        greatest(
            counts.inbound,
            coalesce(cast(ceil(purchases.open_quantity) as bigint), 0)
        ) as inbound
    from counts
    left join (
        select lines.business, coalesce(lines.site, main.site) as site, lines.sku,
            sum(lines.open_quantity) as open_quantity
        from fct_purchase_order_lines as lines
        left join (
            select business, sku, arg_max(site, (on_hand, site)) as site
            from counts group by business, sku
        ) as main on lines.business = main.business and lines.sku = main.sku
        where lines.open_quantity > 0
        group by all
    ) as purchases using (business, site, sku)
"""
_PRICES = """
    select
        prices.business, prices.sku, prices.supplier_key, prices.unit_price::varchar as unit_price,
        prices.currency_code, prices.minimum_order_quantity, prices.pack_size,
        coalesce(prices.lead_time_days, suppliers.lead_time_days) as lead_time_days,
        prices.valid_from, prices.valid_until, prices.priority
    from dim_supplier_prices as prices
    left join dim_suppliers as suppliers using (supplier_key)
    where coalesce(suppliers.is_active, true) and prices.unit_price > 0
"""
RECEIVED = """
    select business, sku, ordered_on, (received_at at time zone $zone)::date as received_on
    from fct_purchase_order_lines
    where received_at is not null and ordered_on is not null
"""
_SITE_DEMAND = """
    select ledger.business, ledger.site, ledger.sku, sum(-ledger.sale_quantity) as quantity
    from fct_stock_ledger as ledger
    join int_business_clock as clock using (business)
    where ledger.business_date > clock.as_of_date - $days and ledger.sale_quantity < 0
    group by ledger.business, ledger.site, ledger.sku
"""
_BILL = """
    select business, sku, component_sku, quantity::double as quantity,
        scrap_rate::double as scrap_rate, valid_from, valid_until
    from bill_of_materials
"""
# What was received or newly ordered from a day on: receipts, and lines of purchase orders.
_RECEIPTS = """
    select business, site, sku, business_date as day, receipt_quantity as quantity
    from fct_stock_ledger
    where receipt_quantity > 0
"""
_ORDERED = """
    select business, site, sku, ordered_on as day, quantity
    from fct_purchase_order_lines
    where ordered_on is not null and site is not null
"""
_TRANSFERRED = """
    select business, site, sku, business_date as day, transfer_quantity as quantity
    from fct_stock_ledger
    where transfer_quantity <> 0
"""


def plan_replenishment(
    settings: Settings, *, now: datetime, config: ReplenishmentConfig | None = None
) -> Learned:
    """Say what to transfer and to buy, from the newest stock counts and what is on its way.

    Proposals of earlier days that nobody ordered yet are netted; those of the same day are the ones
    that this plan makes again, with the same keys in the ledger, so a repeated run changes nothing.

    Args:
        settings: which lake and operational database.
        now: not used: the plan is made on the day of the newest stock count.
        config: the policy; the one in force when None.
    """
    del now
    engine = open_database(settings)
    policy = config or load_replenishment_policy(settings).config()
    policy = replace(policy, transfers=policy.transfers and _transfers_are_decided(engine))
    connection = connect_snapshot(settings)
    try:
        frames = _read(connection, settings.business_time_zone)
    finally:
        connection.close()
    stock = frames["stock"]
    if stock.empty:
        return Learned(
            write_ml_tables(settings, {table: empty_frame(table) for table in TABLES}),
            ["no business reports stock, so nothing can be replenished; skipped"],
        )
    proposals, refused = past_proposals(engine), refused_transfers(engine)
    plans, notes = [], []
    for business, positions in stock.groupby("business", sort=True):
        own = {name: frame[frame["business"] == business] for name, frame in frames.items()}
        today = positions["business_date"].max().date()
        own["proposals"] = proposals[proposals["business"] == business]
        own["refused"] = refused[refused["business"] == business]
        plan = _plan(own, today, policy)
        plans.append(plan)
        bought = int((plan.positions["suggested_quantity"] > 0).sum())
        notes.append(
            f"{business}: {bought:,} of {len(plan.positions):,} positions to replenish, "
            f"{len(plan.transfers):,} transfers"
            + (f", {len(plan.work_orders):,} work orders" if len(plan.work_orders) else "")
        )
    rows = {
        "replenishment_positions": [plan.positions for plan in plans],
        "replenishment_transfers": [plan.transfers for plan in plans],
        "work_orders": [plan.work_orders for plan in plans],
        "component_requirements": [plan.requirements for plan in plans],
    }
    written = {name: _stack(found, name) for name, found in rows.items()}
    return Learned(write_ml_tables(settings, written), notes)


def _read(connection: duckdb.DuckDBPyConnection, zone: str) -> dict[str, pd.DataFrame]:
    queries = {
        "stock": _STOCK,
        "forecasts": "select * from lake.ml.demand_forecasts",
        "products": "select * replace (unit_cost::varchar as unit_cost) from dim_products",
        "prices": _PRICES,
        "received": RECEIVED,
        "site_demand": _SITE_DEMAND,
        "history": "select business, sku, business_date, quantity::double as quantity "
        "from fct_daily_demand",
        "sites": "select business, site, latitude, longitude from dim_sites",
        "bill": _BILL,
        "receipts": _RECEIPTS,
        "ordered": _ORDERED,
        "transferred": _TRANSFERRED,
    }
    values = {"site_demand": {"days": _SITE_DEMAND_DAYS}, "received": {"zone": zone}}
    frames = {name: connection.execute(sql, values.get(name)).df() for name, sql in queries.items()}
    for name, column in (("products", "unit_cost"), ("prices", "unit_price")):
        frames[name][column] = frames[name][column].map(Decimal, na_action="ignore")
    return frames


def _plan(
    frames: dict[str, pd.DataFrame], today: date, policy: ReplenishmentConfig
) -> ReplenishmentPlan:
    """The plan of one business."""
    products = with_supply_terms(
        frames["products"],
        frames["prices"],
        frames["received"],
        business_date=today,
        config=policy,
    )
    bill = bill_in_force(frames["bill"], products, business_date=today)
    positions = replenishment_positions(
        with_components(frames["stock"], bill),
        frames["forecasts"],
        products,
        business_date=today,
        config=policy,
        site_demand=frames["site_demand"] if len(frames["site_demand"]) else None,
        proposed=still_open(frames["proposals"], frames, today),
        history=frames["history"],
    )
    refused = frames["refused"]
    recent = [day + timedelta(days=policy.refusal_days) > today for day in refused["decided_on"]]
    return plan_making(
        positions,
        frames["sites"],
        products,
        bill,
        policy,
        refused=refused[pd.Series(recent, index=refused.index, dtype=bool)],
    )


def _transfers_are_decided(engine: Engine) -> bool:
    """Whether the rule of transfers acts: what nobody decides must not replace a purchase."""
    rules = {rule.rule_id: rule for rule in read_rule_folder()}  # what the run will seed
    rules |= {rule.rule_id: rule.definition for rule in list_rules(engine)}
    return TRANSFER_RULE in rules and rules[TRANSFER_RULE].is_enabled


def past_proposals(engine: Engine) -> pd.DataFrame:
    """Purchases and transfers of the ledger that are not over, a row a site that gains or gives.

    Returns:
        business, site, sku, quantity (negative: it leaves), decided_on, inbound (then), lead time
        and review period in days; the oldest first.
    """
    query = (
        select(decisions.c.rule_id, decisions.c.subject, decisions.c.explanation)
        .add_columns(decisions.c.occurrence)
        .where(
            decisions.c.rule_id.in_((PURCHASE_RULE, TRANSFER_RULE)),
            decisions.c.mode == "act",
            decisions.c.state.not_in(_OVER),
        )
        .order_by(decisions.c.occurrence, decisions.c.decision_id)
    )
    columns = [*_KEY, "kind", "quantity", "decided_on", "inbound", "days"]
    with engine.connect() as connection:
        rows = [row for found in connection.execute(query) for row in _moves(found)]
    return pd.DataFrame(rows, columns=columns)


def refused_transfers(engine: Engine) -> pd.DataFrame:
    """Transfers that somebody rejected: business, sku, from_site, to_site, decided_on."""
    query = select(decisions.c.subject, decisions.c.occurrence).where(
        decisions.c.rule_id == TRANSFER_RULE, decisions.c.state == "rejected"
    )
    columns = ["business", "sku", "from_site", "to_site"]
    with engine.connect() as connection:
        rows = [
            (*(json.loads(row.subject)[name] for name in columns),
             date.fromisoformat(row.occurrence))
            for row in connection.execute(query)
        ]  # fmt: skip
    return pd.DataFrame(rows, columns=[*columns, "decided_on"])


def _moves(row: Any) -> list[tuple[Any, ...]]:
    subject, told = json.loads(row.subject), row.explanation
    decided_on = date.fromisoformat(row.occurrence)
    days = int(told.get("lead_time_days", 0)) + int(told.get("review_period_days", 0))
    if row.rule_id == PURCHASE_RULE:
        place = (subject["business"], subject["site"], subject["sku"])
        units, inbound = int(told["suggested_quantity"]), int(told["inbound"])
        return [(*place, "purchase", units, decided_on, inbound, days)]
    units = int(told["quantity"])
    return [
        (subject["business"], subject[side], subject["sku"], kind, sign * units, decided_on, 0, 0)
        for side, kind, sign in (("to_site", "arrival", 1), ("from_site", "departure", -1))
    ]


def still_open(
    proposals: pd.DataFrame, frames: dict[str, pd.DataFrame], today: date
) -> pd.DataFrame:
    """Units of each site and SKU that were proposed before today and that no order has met.

    Purchases: lines of purchase orders since, or what was received since and is inbound now beyond
    what was inbound then, whichever is more. Transfers: movements of that direction since.
    """
    wait = ReplenishmentConfig.review_period_days
    is_near = [
        decided_on < today <= decided_on + timedelta(days=days or wait)
        for decided_on, days in zip(proposals["decided_on"], proposals["days"], strict=True)
    ]
    frame = proposals[pd.Series(is_near, index=proposals.index, dtype=bool)].reset_index(drop=True)
    inbound = frame[_KEY].merge(frames["stock"][[*_KEY, "inbound"]], on=_KEY, how="left")
    gained = inbound["inbound"].fillna(0).astype(float) - frame["inbound"].astype(float)
    moved = frames["transferred"]
    bought = _since(frame, frames["receipts"]) + gained
    since = {
        "purchase": bought.combine(_since(frame, frames["ordered"]), max),
        "arrival": _since(frame, moved[moved["quantity"] > 0]),
        "departure": _since(frame, moved[moved["quantity"] < 0]),
    }
    found = [
        open_proposals(frame.assign(ordered_since=met.abs())[frame["kind"] == kind])
        for kind, met in since.items()
    ]
    return pd.concat(found).groupby(_KEY)["quantity"].sum().reset_index()


def _since(frame: pd.DataFrame, events: pd.DataFrame) -> pd.Series:
    """Units of these events at each row's site and SKU after the day of its proposal."""
    joined = frame.reset_index(names="row")[["row", *_KEY, "decided_on"]].merge(events, on=_KEY)
    later = pd.to_datetime(joined["day"]) > pd.to_datetime(joined["decided_on"])
    sums = joined[later].groupby("row")["quantity"].sum()
    return sums.reindex(frame.index, fill_value=0).astype(float)


def _stack(frames: list[pd.DataFrame], table: str) -> pd.DataFrame:
    filled = [frame for frame in frames if not frame.empty]
    return pd.concat(filled, ignore_index=True) if filled else empty_frame(table)
