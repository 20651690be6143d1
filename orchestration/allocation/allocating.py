"""Allocation of a run: open order lines to sites' stock, reserved once, and why each one waits."""

import math
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import pandas as pd
from sqlalchemy import Engine

from connectors.database.engine import open_database
from connectors.lake.attach import connect_snapshot
from connectors.settings import Settings
from models_ml.allocation.planning import AllocationPlan, allocate
from orchestration.allocation import drop_shipping, explaining, recalls, store_distances
from orchestration.allocation.batches import Request, reserve_all
from orchestration.allocation.explaining import Words
from orchestration.allocation.order_stock import (
    Count,
    OrderLine,
    OrderState,
    Wanted,
    awaited_orders,
    balances,
    book_counts,
    give_up_missing,
    new_keys,
    records,
    reserved_lines,
    settle,
)
from orchestration.allocation.policy import AllocationPolicy, load_allocation_policy
from orchestration.allocation.reading import (
    ALLOCATIONS,
    READS,
    lake_tables,
    read_frames,
    with_policy,
)
from orchestration.allocation.reservations import Line
from orchestration.learning.learnt import Learned
from orchestration.learning.ml_tables import ML_TABLES, empty_frame, write_ml_tables

TABLE = ALLOCATIONS
TABLES_WRITTEN = (TABLE, store_distances.TABLE, recalls.TABLE, drop_shipping.TABLE)
_LINE = ["order_key", "line_no"]


@dataclass(frozen=True)
class _Business:
    """What is known of one business when its lines are allocated."""

    name: str
    today: date
    lines: pd.DataFrame
    sites: pd.DataFrame
    stock: pd.DataFrame
    policy: AllocationPolicy


@dataclass(frozen=True)
class _Outcome:
    """What a plan became when it met the books: why lines wait, and why others are served."""

    causes: Mapping[OrderLine, str]
    words: Mapping[tuple[str, str], dict[str, Any]]


def allocate_orders(
    settings: Settings, *, now: datetime, policy: AllocationPolicy | None = None
) -> Learned:
    """Bring the books of stock up to date, reserve for the lines that are paid, and say the rest.

    What is reserved stays: a repeated run finds it under the line's key and plans only what is not
    covered. So a run that was killed half-way is finished by the next, and lines that wait are
    tried again with every count, those of the first customers first.

    Args:
        settings: which lake and operational database.
        now: the present time.
        policy: the policy; the one in force when None.
    """
    engine = open_database(settings)
    policy = policy or load_allocation_policy(settings)
    connection = connect_snapshot(settings)
    try:
        there = lake_tables(connection)
        distances = empty_frame(store_distances.TABLE)
        if there.issuperset(store_distances.READS):
            distances = store_distances.store_distances(
                connection, zone=settings.business_time_zone
            )
        drop_shipped = drop_shipping.drop_shipments(
            connection, there, engine, policy, now=now, zone=settings.business_time_zone
        )
        missing = [name for name in READS if name not in there]
        if missing:
            note = f"there is no table {missing[0]}, so no line is allocated; skipped"
            others = {
                store_distances.TABLE: distances,
                recalls.TABLE: empty_frame(recalls.TABLE),
                drop_shipping.TABLE: drop_shipped,
            }
            return _written(settings, empty_frame(TABLE), others, [note])
        frames = read_frames(connection, there, engine)
    finally:
        connection.close()
    lines = frames["lines"]
    settled = settle(
        engine,
        {row.order_key: OrderState(row.order_status, row.has_left)
         for row in records(frames["orders"])},
        {(row.order_key, row.line_no): Wanted(row.sku, row.quantity) for row in records(lines)},
        now=now,
        awaited=awaited_orders(engine, now=now),
    )  # fmt: skip
    counts = frames["stock"]
    book_counts(
        engine,
        [Count(row.site_key, row.sku, row.counted_on.date(), row.quantity)
         for row in records(counts)],
        now=now,
    )  # fmt: skip
    given_up = give_up_missing(engine, now=now)
    lines = _with_suppliers(lines, drop_shipping.supplied_lines(drop_shipped))
    called_back = recalls.recall_picks(engine, now=now)
    notes = [
        f"{settled.shipped:,} reservations left, {settled.released + given_up:,} were given back"
    ]
    tables = []
    for business, own in lines.groupby("business", sort=True):
        of = {name: frame[frame["business"] == business] for name, frame in frames.items()
              if "business" in frame}  # fmt: skip
        today = of["clock"]["as_of_date"].iloc[0].date()
        site_rows = with_policy(of["sites"], policy)
        known = _Business(str(business), today, own, site_rows, of["stock"], policy)
        table = _allocate(engine, known, of, now)
        tables.append(table)
        notes.append(_note(str(business), table))
    frame = pd.concat(tables, ignore_index=True) if tables else empty_frame(TABLE)
    others = {
        store_distances.TABLE: distances,
        recalls.TABLE: called_back,
        drop_shipping.TABLE: drop_shipped,
    }
    if len(drop_shipped):
        notes.append(f"{len(drop_shipped):,} lines that no site stocks are for suppliers to send")
    return _written(settings, frame, others, notes)


def _written(
    settings: Settings, table: pd.DataFrame, others: Mapping[str, pd.DataFrame], notes: list[str]
) -> Learned:
    return Learned(write_ml_tables(settings, {TABLE: table, **others}), notes)


def _with_suppliers(lines: pd.DataFrame, supplied: Mapping[OrderLine, date | None]) -> pd.DataFrame:
    """The lines with whether a supplier sends them, and when."""
    keys = list(zip(lines["order_key"], lines["line_no"], strict=True))
    return lines.assign(
        is_supplied=pd.Series([key in supplied for key in keys], index=lines.index, dtype=bool),
        supplied_on=pd.Series([supplied.get(key) for key in keys], index=lines.index, dtype=object),
    )


def _allocate(
    engine: Engine, known: _Business, of: Mapping[str, pd.DataFrame], now: datetime
) -> pd.DataFrame:
    """Plan what is not covered, reserve it, and describe every open line of a business."""
    lines = _placed(known)
    covered = _covered(engine, lines)
    elsewhere = (lines["order_status"] == "allocated") & (covered == 0)
    lines = lines.assign(is_elsewhere=elsewhere, missing=(lines["quantity"] - covered))
    wanted = lines[~elsewhere & ~lines["is_supplied"] & (lines["missing"] > 0)]
    shelves = _shelves(engine, known, lines)
    outcome = _Outcome({}, {})
    if len(wanted):
        plan = _plan(known, wanted, shelves, engine)
        outcome = _reserve(engine, known, wanted, plan, now)
    rows = [
        *_reserved_rows(engine, known, lines, outcome, of.get("before")),
        *_waiting_rows(engine, known, lines, outcome),
    ]
    if not rows:
        return empty_frame(TABLE)
    table = pd.DataFrame(rows).reindex(columns=[*ML_TABLES[TABLE]])
    return table.sort_values([*_LINE, "decision", "site"], kind="stable").reset_index(drop=True)


def _placed(known: _Business) -> pd.DataFrame:
    """The lines with priority, coordinates and what these are of."""
    lines = known.lines.reset_index(drop=True)
    sites = known.sites.set_index("site")
    serving = sites.reindex(lines["serving_site"])[["latitude", "longitude"]].reset_index(drop=True)
    own = lines[["latitude", "longitude"]]
    is_known = own.notna().all(axis=1)
    places = own.where(is_known, serving)
    is_assumed = ~is_known & places.notna().all(axis=1)
    precision = is_known.map({True: "region", False: "unknown"})
    return lines.assign(
        priority=[known.policy.priority(segment) for segment in lines["customer_segment"]],
        location_precision=precision,
        precision=precision.where(~is_assumed, "region"),
        latitude=places["latitude"].fillna(0.0),
        longitude=places["longitude"].fillna(0.0),
    )


def _covered(engine: Engine, lines: pd.DataFrame) -> pd.Series:
    """Units that each line has reserved."""
    sums = reserved_lines(engine).groupby(_LINE)["quantity"].sum().to_dict()
    keys = zip(lines["order_key"], lines["line_no"], strict=True)
    return pd.Series([int(sums.get(key, 0)) for key in keys], index=lines.index, dtype="int64")


def _shelves(engine: Engine, known: _Business, lines: pd.DataFrame) -> pd.DataFrame:
    """Free stock of each site and article: site, sku, kind, free, safety_stock.

    Free is what was counted less what is reserved, and less what the warehouse has allocated to
    orders that have no reservation here.
    """
    shelves = known.stock.merge(known.sites[["site_key", "kind"]], on="site_key")
    shelves = shelves.drop(columns="quantity").merge(
        balances(engine), on=["site_key", "sku"], how="left"
    )
    taken = lines[lines["is_elsewhere"]].groupby(["serving_site", "sku"])["missing"].sum()
    places = pd.MultiIndex.from_frame(shelves[["site", "sku"]])
    elsewhere = taken.reindex(places, fill_value=0).to_numpy()
    on_hand = shelves["on_hand"].fillna(0) - shelves["reserved"].fillna(0) - elsewhere
    # Whole units, rounded up; an article without a plan keeps nothing back.
    safety = [0 if pd.isna(units) else math.ceil(units) for units in shelves["safety_stock"]]
    return shelves.assign(free=on_hand.clip(lower=0).astype("int64"), safety_stock=safety)


def _plan(
    known: _Business, wanted: pd.DataFrame, shelves: pd.DataFrame, engine: Engine
) -> AllocationPlan:
    kept = shelves["safety_stock"].where(shelves["kind"].isin(known.policy.safety_stock_kept_at), 0)
    stock = shelves[["site", "sku"]].assign(
        quantity=(shelves["free"] - kept).clip(lower=0).astype("int64"),
        batch="",
        received_on=None,
        expires_on=None,
    )
    used = reserved_lines(engine).groupby("site_key")["quantity"].sum()
    taken = known.sites["site_key"].map(used).fillna(0).astype("Int64")
    sites = known.sites.assign(
        capacity_units=(known.sites["capacity_units"] - taken).clip(lower=0).astype("Float64"),
        latitude=known.sites["latitude"].fillna(0.0),
        longitude=known.sites["longitude"].fillna(0.0),
    )
    lines = wanted.assign(quantity=wanted["missing"]).rename(
        columns={"order_key": "order_id", "demanded_at": "ordered_at"}
    )
    return allocate(lines, stock, sites, known.policy.config(), as_of=known.today)


def _reserve(
    engine: Engine,
    known: _Business,
    wanted: pd.DataFrame,
    plan: AllocationPlan,
    now: datetime,
) -> _Outcome:
    """Reserve each line's picks together, those of who comes first first."""
    site_keys = known.sites.set_index("site")["site_key"]
    causes = {(row.order_id, row.line_no): row.cause for row in records(plan.waiting)}
    words: dict[tuple[str, str], dict[str, Any]] = {}
    picks = plan.picks.rename(columns={"order_id": "order_key"})
    chosen = {key: list(records(own)) for key, own in picks.groupby(_LINE)}
    first = wanted.sort_values(["priority", "demanded_at", *_LINE], kind="stable")
    lines = {
        key: line for line in records(first) if (key := (line.order_key, line.line_no)) in chosen
    }
    keys = new_keys(engine, lines)
    requests = [
        Request(
            keys[key],
            tuple(Line(site_keys[p.site], p.sku, int(p.quantity)) for p in chosen[key]),
            int(line.priority),
        )
        for key, line in lines.items()
    ]
    reserved = reserve_all(engine, requests, now=now)
    for key, line in lines.items():
        reservation_id = keys[key]
        if reservation_id not in reserved:
            causes[key] = "overtaken"
            continue
        precision = str(line.location_precision)
        for pick in chosen[key]:
            is_known = precision != "unknown" and not pd.isna(pick.distance_km)
            distance_km = float(pick.distance_km) if is_known else None
            sentence = explaining.reserved(
                pick.site,
                int(pick.quantity),
                distance_km,
                precision=precision,
                cheaper_sites=pick.cheaper_sites,
                possible_sites=pick.possible_sites,
            )
            words[reservation_id, pick.site] = {
                "distance_km": distance_km,
                "unit_cost": round(float(pick.unit_cost), 2),
                **_words(sentence),
            }
    return _Outcome(causes, words)


def _common(line: Any, known_today: date) -> dict[str, Any]:
    """What a row says of its line."""
    names = (
        "business", "order_key", "line_no", "order_no", "channel", "sku", "priority",
        "customer_segment", "demanded_at", "location_precision", "currency_code",
    )  # fmt: skip
    return {name: getattr(line, name) for name in names} | {"business_date": known_today}


def _reserved_rows(
    engine: Engine,
    known: _Business,
    lines: pd.DataFrame,
    outcome: _Outcome,
    before: pd.DataFrame | None,
) -> list[dict[str, Any]]:
    told = dict(outcome.words)
    for row in (empty_frame(TABLE) if before is None else before).to_dict("records"):
        names = ("distance_km", "unit_cost", "explanation_en", "explanation_zh")
        told.setdefault((row["reservation_id"], row["site"]), {name: row[name] for name in names})
    sites = known.sites.set_index("site_key")["site"]
    of_line = {(line.order_key, line.line_no): line for line in records(lines)}
    earlier = _words(explaining.EARLIER)
    rows = []
    for row in records(reserved_lines(engine)):
        line = of_line.get((row.order_key, row.line_no))
        if line is None:
            continue
        site = sites[row.site_key]
        rows.append(
            _common(line, known.today)
            | {
                "site": site,
                "quantity": row.quantity,
                "decision": "reserve",
                "reservation_id": row.reservation_id,
                "reserved_at": row.requested_at,
            }
            | told.get((str(row.reservation_id), site), earlier)
        )
    return rows


def _words(sentence: Words) -> dict[str, Any]:
    return {"explanation_en": sentence.en, "explanation_zh": sentence.zh}


def _waiting_rows(
    engine: Engine, known: _Business, lines: pd.DataFrame, outcome: _Outcome
) -> list[dict[str, Any]]:
    """What of each line is not reserved: taken elsewhere, at another site, on its way, or not."""
    shelves = _shelves(engine, known, lines)
    spare: dict[str, dict[str, int]] = defaultdict(dict)
    for shelf in records(shelves):
        spare[shelf.sku][shelf.site] = max(shelf.free - shelf.safety_stock, 0)
    there = _causes(known, shelves)
    arrivals = known.stock.groupby("sku")["next_arrival_on"].min()
    covered = _covered(engine, lines)
    uncovered = lines.assign(missing=lines["quantity"] - covered)
    rows = []
    ordered = uncovered[uncovered["missing"] > 0].sort_values(["priority", "demanded_at", *_LINE])
    for line in records(ordered):
        units = int(line.missing)
        row = _common(line, known.today) | {"site": line.serving_site, "quantity": units}
        if line.is_elsewhere:
            rows.append(row | {"decision": "allocated"} | _words(explaining.ALLOCATED))
            continue
        if line.is_supplied:
            # Reserved, too, it would be served twice.
            decision = "wait" if line.supplied_on is None else "backorder"
            on = {"expected_on": line.supplied_on}
            rows.append(row | on | {"decision": decision} | _words(explaining.SUPPLIED))
            continue
        told = outcome.causes.get((line.order_key, line.line_no))
        cause = told if told in ("parked", "overtaken") else there.get(line.sku, "nowhere")
        donors = {} if cause == "parked" else {
            site: left for site, left in spare[line.sku].items()
            if site != line.serving_site and left >= units
        }  # fmt: skip
        expected = line.promised_on if not pd.isna(line.promised_on) else arrivals.get(line.sku)
        if donors:
            donor = max(donors, key=lambda site: (donors[site], site))
            spare[line.sku][donor] -= units
            words = explaining.transfer(units, donor, line.serving_site, donors[donor], cause)
            rows.append(
                row
                | {
                    "decision": "transfer",
                    "from_site": donor,
                    "expected_on": known.today + timedelta(days=known.policy.transfer_days),
                }
                | _words(words)
            )
        elif not pd.isna(expected):
            day = expected.date()
            words = explaining.backorder(units, f"{day:%Y-%m-%d}", cause)
            rows.append(row | {"decision": "backorder", "expected_on": day} | _words(words))
        else:
            rows.append(row | {"decision": "wait"} | _words(explaining.waiting(units, cause)))
    return rows


def _causes(known: _Business, shelves: pd.DataFrame) -> dict[str, str]:
    """By article that somebody has, why a line of it may wait; the same in every run of a day.

    The plan sees what is free, and what this run reserves is not free for the next.
    """
    accepting = set(known.sites.loc[known.sites["is_accepting"], "site"])
    causes: dict[str, str] = {}
    for shelf in records(shelves[shelves["on_hand"] > 0]):
        serves_all = shelf.kind == "warehouse" and shelf.site in accepting
        if serves_all or shelf.sku not in causes:
            causes[shelf.sku] = "taken" if serves_all else "out_of_reach"
    return causes


def _note(business: str, table: pd.DataFrame) -> str:
    """What was done, and how much of what each priority asked for it has."""
    units = table.groupby("decision")["quantity"].sum().to_dict()
    parts = [f"{int(units[name]):,} units {word}" for name, word in _NOTED.items() if name in units]
    if not parts:
        return f"{business}: nothing to allocate"
    asked = table.groupby("priority")["quantity"].sum()
    has = table["decision"].isin(("reserve", "allocated"))
    served = table[has].groupby("priority")["quantity"].sum().reindex(asked.index, fill_value=0)
    tiers = [
        f"priority {priority}: {int(served[priority]):,} of {int(asked[priority]):,}"
        for priority in asked.index
    ]
    return f"{business}: {', '.join(parts)} ({'; '.join(tiers)})"


_NOTED = {
    "reserve": "reserved",
    "allocated": "allocated by the warehouse",
    "transfer": "to come from another site",
    "backorder": "on back-order",
    "wait": "waiting",
}
