"""Online Retail I as lines of sale and as examples of return risk, for tests and benchmarks."""

from pathlib import Path

import numpy as np
import pandas as pd

WINDOW = pd.Timedelta(days=30)


def read_sales_lines(folder: Path) -> pd.DataFrame:
    lines = pd.read_parquet(folder / "online_retail_1" / "online_retail.parquet")
    lines = lines.drop(columns="source_file").drop_duplicates()
    lines["quantity"] = lines["Quantity"].astype(float)
    lines["unit_price"] = lines["UnitPrice"].astype(float)
    lines["at"] = pd.to_datetime(lines["InvoiceDate"], utc=True)
    return lines[lines["StockCode"].str.match(r"^\d{5}") & (lines["unit_price"] > 0)]


def read_return_examples(folder: Path) -> tuple[pd.DataFrame, pd.Timestamp]:
    """Lines of known customers; returned = cancelled by them within 30 days, last sale first."""
    lines = read_sales_lines(folder).dropna(subset=["CustomerID"]).sort_values("at", kind="stable")
    sold = lines[lines["quantity"] > 0].reset_index(drop=True)
    back = lines[lines["quantity"] < 0][["CustomerID", "StockCode", "at"]]
    back = back.assign(returned_at=back["at"])
    matched = pd.merge_asof(
        sold.reset_index(names="line"),
        back,
        on="at",
        by=["CustomerID", "StockCode"],
        direction="forward",
        allow_exact_matches=False,
    ).dropna(subset=["returned_at"])
    matched = matched.drop_duplicates(["CustomerID", "StockCode", "returned_at"], keep="last")
    returned_at = matched.set_index("line")["returned_at"].reindex(sold.index)
    is_returned = returned_at - sold["at"] <= WINDOW
    known_at = returned_at.where(is_returned, sold["at"] + WINDOW)
    amount = sold["quantity"] * sold["unit_price"]
    invoices = sold.groupby("InvoiceNo")
    examples = pd.DataFrame(
        {
            "business": "online_retail",
            "order_key": sold["InvoiceNo"],
            "line_no": invoices.cumcount() + 1,
            "customer_key": sold["CustomerID"],
            "channel": "web",
            "ordered_at": sold["at"],
            "quantity": sold["quantity"],
            "unit_price": sold["unit_price"],
            "line_amount": amount,
            "order_line_count": invoices["quantity"].transform("size"),
            "order_amount": amount.groupby(sold["InvoiceNo"]).transform("sum"),
            "hour_of_day": sold["at"].dt.hour,
            "day_of_week": sold["at"].dt.day_of_week,
        }
    )
    for name, key in (("customer", "CustomerID"), ("sku", "StockCode")):
        everything = count_before(sold, key, sold["at"])
        examples[f"{name}_prior_lines"] = everything
        examples[f"{name}_prior_returned_lines"] = count_before(sold, key, known_at[is_returned])
    first = sold.groupby("CustomerID")["at"].transform("min")
    examples["customer_prior_days"] = (sold["at"] - first).dt.days
    end = sold["at"].max()
    examples["is_returned"] = is_returned.astype("boolean").where(known_at <= end)
    examples["label_known_at"] = known_at.where(known_at <= end)
    return examples, end


def count_before(sold: pd.DataFrame, key: str, events: pd.Series) -> np.ndarray:
    """Events of the same key strictly before each line."""
    happened = pd.DataFrame({key: sold.loc[events.index, key], "at": events}).sort_values("at")
    happened["count"] = happened.groupby(key).cumcount() + 1
    lines = sold.reset_index(names="line").sort_values("at", kind="stable")
    found = pd.merge_asof(
        lines[["line", key, "at"]], happened, on="at", by=key, allow_exact_matches=False
    )
    return found.set_index("line")["count"].reindex(sold.index).fillna(0).to_numpy()
