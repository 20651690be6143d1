"""45,326 transactions of two simulated ledgers: precision and recall of the links, and seconds.

Truth is hidden from the matcher: rows are shuffled, ids are new, `ground_truth` is left out. Beside
it what ten lines of SQL reach: amount within 15 %, 0 to 31 days later, the same first six letters,
and the mutually nearest of those.
"""

import time
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd

from models_ml.identity.transactions import match_transactions
from tests.conftest import real_data_folder

_HEURISTIC = """
WITH pairs AS (
    SELECT o.transaction_id AS origin_id, d.transaction_id AS destination_id,
        abs(ln(d.amount / o.amount)) * 20 + (d.booked_on - o.booked_on) / 5
            - jaro_winkler_similarity(o.memo, d.memo) * 10 AS cost
    FROM origin AS o INNER JOIN destination AS d
        ON left(o.memo, 6) = left(d.memo, 6) AND d.booked_on - o.booked_on BETWEEN 0 AND 31
            AND d.amount BETWEEN o.amount / 1.15 AND o.amount * 1.15)
SELECT origin_id, destination_id FROM pairs
QUALIFY row_number() OVER (PARTITION BY origin_id ORDER BY cost) = 1
    AND row_number() OVER (PARTITION BY destination_id ORDER BY cost) = 1
"""


def run() -> dict[str, Any]:
    """Figures of our matcher and of the heuristic."""
    origin, destination, truth = hidden_truth(real_data_folder())
    started = time.perf_counter()
    links = match_transactions(origin, destination)
    seconds = time.perf_counter() - started
    started = time.perf_counter()
    simple = duckdb.sql(_HEURISTIC).df()  # finds origin and destination here
    return {
        "transactions": len(origin),
        "true_links": len(truth),
        **scores(links, truth),
        "seconds": round(seconds, 1),
        **{f"heuristic_{name}": value for name, value in scores(simple, truth).items()},
        "heuristic_seconds": round(time.perf_counter() - started, 1),
    }


def hidden_truth(folder: Path) -> tuple[pd.DataFrame, pd.DataFrame, set[tuple[str, str]]]:
    """Both ledgers under new ids, and the true pairs of ids, which the matcher never sees."""
    ledgers, numbers = [], []
    for place, side in enumerate(("origin", "destination")):
        path = folder / "reconciliation_splink" / f"transactions_{side}.parquet"
        read = pd.read_parquet(path).sample(frac=1, random_state=place, ignore_index=True)
        ids = [f"{side}-{position:06}" for position in range(len(read))]
        numbers.append(pd.Series(ids, index=read["ground_truth"]))
        ledgers.append(
            pd.DataFrame(
                {
                    "transaction_id": ids,
                    "booked_on": read["transaction_date"],
                    "amount": read["amount"],
                    "memo": read["memo"],
                }
            )
        )
    pairs = pd.concat(numbers, axis=1, join="inner")
    return ledgers[0], ledgers[1], set(pairs.itertuples(index=False, name=None))


def scores(links: pd.DataFrame, truth: set[tuple[str, str]]) -> dict[str, float]:
    """Precision and recall of links."""
    found = set(zip(links["origin_id"], links["destination_id"], strict=True))
    return {
        "links": len(found),
        "precision": round(len(found & truth) / len(found), 5),
        "recall": round(len(found & truth) / len(truth), 5),
    }
