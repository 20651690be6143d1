"""FEBRL sets 1 to 3: pairwise precision, recall and F1 of unsupervised person linkage.

Truth, which FEBRL writes into the record ids, is hidden from the matcher: records come in another
order under ids of their own. One plan serves all three sets.
"""

import itertools
import time
from pathlib import Path
from typing import Any

import pandas as pd

from models_ml.identity.clusters import cluster_accounts
from models_ml.identity.linkage import Field, LinkagePlan, link_records
from tests.conftest import real_data_folder

LEAST_PROBABILITY = 0.9
PLAN = LinkagePlan(
    fields=(
        Field(name="name", kind="person_name", columns=("given_name", "surname")),
        Field(name="date_of_birth", kind="code", columns=("date_of_birth",)),
        Field(name="national_id", kind="code", columns=("soc_sec_id",)),
        Field(name="postcode", kind="code", columns=("postcode",)),
        Field(name="street_number", kind="exact", columns=("street_number",)),
        Field(name="street", kind="text", columns=("address_1",)),
        Field(name="address", kind="text", columns=("address_2",)),
        Field(name="suburb", kind="text", columns=("suburb",)),
    ),
    blocking=(
        ("soc_sec_id",),
        ("date_of_birth",),
        ("address_1",),
        ("given_name", "surname"),
        ("given_name", "postcode"),
        ("given_name", "suburb"),
        ("surname", "postcode"),
        ("surname", "left(date_of_birth, 4)"),
        ("postcode", "street_number"),
        ("postcode", "address_2"),
    ),
    training=(("soc_sec_id",), ("date_of_birth",)),
    anchors=(("soc_sec_id",),),
    anchor_recall=0.9,
    most_random_pairs=500_000,
)


def run() -> dict[str, Any]:
    """Figures of each set, prefixed with its number."""
    figures: dict[str, Any] = {"least_probability": LEAST_PROBABILITY}
    for number in (1, 2, 3):
        figures |= {f"febrl{number}_{k}": v for k, v in measure(number).items()}
    return figures


def measure(number: int) -> dict[str, float]:
    """Pairwise figures of one set after clustering, and the seconds it took."""
    records, person = hidden_truth(real_data_folder(), number)
    started = time.perf_counter()
    links = link_records(records, PLAN, least_probability=LEAST_PROBABILITY)
    clusters = cluster_accounts(
        links.rename(columns={"record_a": "account_a", "record_b": "account_b"}).assign(
            is_decided=False
        ),
        pd.DataFrame({"account_a": [], "account_b": []}),
        most_accounts=len(records),
    )
    seconds = time.perf_counter() - started
    found = pairs_of(clusters.set_index("account")["cluster"])
    true = pairs_of(person)
    precision = len(found & true) / len(found)
    recall = len(found & true) / len(true)
    return {
        "records": len(records),
        "true_pairs": len(true),
        "precision": round(precision, 5),
        "recall": round(recall, 5),
        "f1": round(2 * precision * recall / (precision + recall), 5),
        "seconds": round(seconds, 1),
    }


def hidden_truth(folder: Path, number: int) -> tuple[pd.DataFrame, pd.Series]:
    """The shuffled records under new ids, and whose each is, which the matcher never sees."""
    path = folder / "identity_febrl" / f"febrl_dataset{number}.parquet"
    read = pd.read_parquet(path).sample(frac=1, random_state=number, ignore_index=True)
    ids = pd.Index([f"record-{position:05}" for position in range(len(read))])
    person = pd.Series(read["rec_id"].str.extract(r"rec-(\d+)-")[0].to_numpy(), index=ids)
    records = read.drop(columns="rec_id").apply(lambda column: column.str.strip())
    return records.assign(record_id=ids), person


def pairs_of(group: pd.Series) -> set[tuple[str, str]]:
    """All pairs of index labels that have the same value."""
    members = group.groupby(group).groups.values()
    return {pair for labels in members for pair in itertools.combinations(sorted(labels), 2)}
