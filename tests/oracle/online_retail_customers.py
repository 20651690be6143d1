"""What the customers of Online Retail I do over time, recomputed with pandas from the raw file.

Shares no code and no SQL with the models. Amounts are whole pence. What came back is split over the
sales it came from by the stack of `tests/oracle/online_retail.py`.
"""

import csv
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from itertools import groupby
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import sparse

from tests.oracle.online_retail import Invoice, match_returns

Segments = dict[tuple[date, str], tuple[int, int, int, int, int, int]]


@dataclass(frozen=True)
class Trade:
    """Documents (invoice, kind, customer, at, day, net in pence) and the articles of the sales."""

    documents: pd.DataFrame
    items: pd.DataFrame

    @property
    def purchases(self) -> pd.DataFrame:
        """Sales to known customers."""
        known = self.documents["customer"].notna() & (self.documents["kind"] == "sale")
        return self.documents[known]

    @property
    def last_day(self) -> date:
        """The day on which the data end."""
        return max(self.documents["day"])


def read_trade(parquet: Path, fees: Path, invoices: dict[str, Invoice]) -> Trade:
    """The raw lines as documents and articles; net of what `match_returns` finds came back."""
    lines = pd.read_parquet(parquet).drop_duplicates()
    lines["quantity"] = lines["Quantity"].astype(int)
    mills = {text: _mills(text) for text in lines["UnitPrice"].unique()}
    lines["mills"] = lines["UnitPrice"].map(mills).astype(int)
    local = pd.to_datetime(lines["InvoiceDate"]).dt.tz_localize("Europe/London")
    lines["at"] = local.dt.tz_convert("UTC")
    lines["sells"] = (lines["quantity"] > 0) & (lines["mills"] > 0)
    value = lines["quantity"] * lines["mills"]
    lines["pence"] = np.sign(value) * ((value.abs() + 5) // 10)
    documents = lines.groupby("InvoiceNo", as_index=False).agg(
        customer=("CustomerID", "max"),
        at=("at", "min"),
        sells=("sells", "any"),
        pence=("pence", "sum"),
    )
    first = documents["InvoiceNo"].str[0]
    documents["kind"] = np.select(
        [first == "C", (first != "A") & documents["sells"]], ["return", "sale"], "adjustment"
    )
    documents["customer"] = documents["customer"].str.removesuffix(".0")
    documents["day"] = documents["at"].dt.tz_convert("Asia/Shanghai").dt.date
    came_back = pd.Series(_came_back(invoices))
    gross = documents["pence"].where(documents["kind"] == "sale", 0)
    documents["net"] = gross - documents["InvoiceNo"].map(came_back).fillna(0).astype(int)
    with fees.open(encoding="utf-8", newline="") as file:
        fee_skus = {row["sku"] for row in csv.DictReader(file) if row["source"] == "online_retail"}
    sold = lines[(lines["quantity"] > 0) & ~lines["StockCode"].isin(fee_skus)]
    sales = documents.loc[documents["kind"] == "sale", ["InvoiceNo", "customer", "at"]]
    items = sold[["InvoiceNo", "StockCode"]].drop_duplicates().merge(sales, on="InvoiceNo")
    return Trade(documents, items)


def _mills(price: str) -> int:
    """A price in thousandths of a pound; the file has no finer ones."""
    mills = Decimal(price) * 1000
    assert mills == int(mills), price
    return int(mills)


def _came_back(invoices: dict[str, Invoice]) -> dict[str, int]:
    """Pence that came back, by the invoice they are taken from: the sale, else the return."""
    matched = match_returns(invoices)
    taken: dict[str, int] = {}
    for (number, line_no), parts in groupby(matched.items(), key=lambda part: part[0][:2]):
        line = invoices[number].lines[line_no - 1]
        pence, so_far, given = -int(line.amount * 100), 0, 0
        for (_, _, sale, _), units in parts:
            so_far += units
            share = int(
                (Decimal(pence) * so_far / -line.quantity).quantize(Decimal(1), ROUND_HALF_UP)
            )
            taken[sale or number] = taken.get(sale or number, 0) + share - given
            given = share
    return taken


def month_ends(trade: Trade) -> list[date]:
    """The last days of the months that are over, and the last day of the data."""
    first = min(trade.purchases["day"])
    days = [first + timedelta(days=n) for n in range((trade.last_day - first).days + 1)]
    return [d for d in days if (d + timedelta(days=1)).day == 1 or d == trade.last_day]


def score_at(trade: Trade, day: date, bins: int = 5) -> Segments:
    """Recency, frequency, monetary (pence) and the three scores of everybody, as of a day."""
    known = trade.documents[trade.documents["customer"].notna()]
    known = known[(known["day"] <= day) & known["kind"].isin(["sale", "return"])]
    bought = known[known["kind"] == "sale"].groupby("customer")["day"]
    table = pd.DataFrame({"last": bought.max(), "frequency": bought.count()})
    table["monetary"] = known.groupby("customer")["net"].sum()
    table["recency"] = [(day - last).days for last in table["last"]]
    for name in ("recency", "frequency", "monetary"):
        ordered = np.sort(table[name].to_numpy())
        covering = [-(-k * len(ordered) // bins) - 1 for k in range(1, bins)]
        crossed = sum((table[name] > ordered[place]).astype(int) for place in covering)
        table[f"{name}_score"] = bins - crossed if name == "recency" else 1 + crossed
    columns = ("recency", "frequency", "monetary")
    chosen = table[[*columns, *(f"{name}_score" for name in columns)]]
    return {
        (day, f"online_retail:-:{row[0]}"): tuple(int(value) for value in row[1:])
        for row in chosen.itertuples()
    }


def cohorts(trade: Trade) -> dict[tuple[date, int], tuple[int, int, int, int]]:
    """(cohort month, months since) to people of the cohort, active, purchases, net pence."""
    first = trade.purchases.groupby("customer")["day"].min()
    known = trade.documents[trade.documents["customer"].isin(first.index)]
    known = known[known["kind"].isin(["sale", "return"])].copy()
    began = known["customer"].map(first)
    known["cohort"] = [day.replace(day=1) for day in began]
    ages = [_months(a, b) for a, b in zip(began, known["day"], strict=True)]
    known["age"] = np.maximum(ages, 0)
    sales = known[known["kind"] == "sale"].groupby(["cohort", "age"])
    active, orders = sales["customer"].nunique(), sales.size()
    net = known.groupby(["cohort", "age"])["net"].sum()
    size = pd.Series([day.replace(day=1) for day in first]).value_counts()
    return {
        (cohort, age): (
            int(size[cohort]),
            int(active.get((cohort, age), 0)),
            int(orders.get((cohort, age), 0)),
            int(net.get((cohort, age), 0)),
        )
        for cohort in size.index
        for age in range(_months(cohort, trade.last_day) + 1)
    }


def _months(earlier: date, later: date) -> int:
    return (later.year - earlier.year) * 12 + later.month - earlier.month


def repurchases(trade: Trade, window_days: int) -> tuple[int, int, int, int]:
    """Everybody, bought again within the window, not (yet) and open, not and over."""
    days: dict[str, set[date]] = {}
    for customer, day in zip(trade.purchases["customer"], trade.purchases["day"], strict=True):
        days.setdefault(customer, set()).add(day)
    within = still_open = lapsed = 0
    last_day = trade.last_day
    for first, *others in map(sorted, days.values()):
        if others and (others[0] - first).days <= window_days:
            within += 1
        elif (last_day - first).days <= window_days:
            still_open += 1
        else:
            lapsed += 1
    return len(days), within, still_open, lapsed


def basket_pairs(
    trade: Trade, *, max_items: int, min_count: int, min_support: Decimal
) -> dict[tuple[str, str], tuple[int, int, int, int]]:
    """(A, B) to baskets with both, with A, with B, and all, by a product of sparse matrices."""
    sizes = trade.items.groupby("InvoiceNo").size()
    items = trade.items[trade.items["InvoiceNo"].map(sizes) <= max_items]
    baskets, skus = items["InvoiceNo"].astype("category"), items["StockCode"].astype("category")
    ones = np.ones(len(items), dtype=np.int64)
    grid = sparse.csr_matrix((ones, (baskets.cat.codes, skus.cat.codes)))
    both = (grid.T @ grid).tocoo()
    names, alone = skus.cat.categories, np.asarray(grid.sum(axis=0)).ravel()
    least = max(Decimal(min_count), min_support * grid.shape[0])
    often = both.data >= float(least)
    return {
        (names[a], names[b]): (int(count), int(alone[a]), int(alone[b]), grid.shape[0])
        for a, b, count in zip(both.row[often], both.col[often], both.data[often], strict=True)
        if a != b
    }


def followers(
    trade: Trade, antecedents: list[str], *, within_days: int, max_items: int, min_count: int
) -> dict[tuple[str, str], tuple[int, int, int, int]]:
    """(A, B) to followers, those whose window is over, buyers of A, those whose window is over."""
    known = trade.items[trade.items["customer"].notna()]
    wanted, window, end = set(antecedents), timedelta(days=within_days), trade.documents["at"].max()
    found: dict[tuple[str, str], list[int]] = {}
    buyers: dict[str, list[int]] = {sku: [0, 0] for sku in antecedents}
    everybody: dict[str, int] = {}
    for _, bought in known.groupby("customer"):
        first: dict[str, datetime] = bought.groupby("StockCode")["at"].min().to_dict()
        if len(first) > max_items:
            continue
        for sku in first:
            everybody[sku] = everybody.get(sku, 0) + 1
        history = list(zip(bought["StockCode"], bought["at"], strict=True))
        for sku in wanted & first.keys():
            start, matured = first[sku], first[sku] + window <= end
            buyers[sku][0] += 1
            buyers[sku][1] += matured
            for then in {b for b, at in history if start < at <= start + window}:
                counts = found.setdefault((sku, then), [0, 0])
                counts[0] += 1
                counts[1] += matured
    return {
        (a, b): (*counts, *buyers[a])
        for (a, b), counts in found.items()
        if counts[0] >= min_count and min(everybody[a], everybody[b]) >= min_count
    }
